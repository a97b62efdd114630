//! Answers to applies: what was accepted is the response, not what was sent.

use capstan_proto::{Moment, ObjectKey, Sync};
use serde_json::Value;

use super::super::Agent;
use super::super::object::{Saved, State};
use super::super::send::Mode;
use super::{Answer, Purpose};
use crate::drift::projection_digest;
use crate::effect::RELEASED_MANAGER;
use crate::health::{self, Context, Verdict};
use crate::ignore::Rules;
use crate::inventory::{Origin, Row};
use crate::kind::Kind;
use crate::limits::RETRY_LONGEST_MS;
use crate::live::Observed;
use crate::managed_fields::{self, FieldSet};
use crate::plan;
use crate::refusal::{Conflict, Finding, Refusal};
use capstan_proto::policy::OnConflict;

impl Agent {
    pub(super) fn on_created(&mut self, key: &ObjectKey, result: Answer) {
        match result {
            Ok((201, body)) => self.accept(key, body, Some(Origin::Created)),
            Ok((_, body)) => self.on_merged(key, body),
            Err(finding) => {
                // Whether it was created is not known, unless the answer says so.
                let certain = matches!(
                    finding.refusal,
                    Refusal::Fields(_)
                        | Refusal::NamespaceMissing
                        | Refusal::NamespaceTerminating
                        | Refusal::Forbidden
                        | Refusal::NotServed
                        | Refusal::Invalid { .. }
                );
                let foreign = matches!(finding.refusal, Refusal::Fields(_) | Refusal::Changed);
                if let Some(object) = self.objects.get_mut(key) {
                    object.resolve = !certain || foreign;
                }
                if finding.refusal == Refusal::NamespaceMissing {
                    self.namespace_missing(&key.namespace);
                }
                self.fail(key, &finding);
                if foreign {
                    // Somebody else's object is there: it is read, and the policy followed.
                    self.retry_now(key);
                }
            }
        }
    }

    pub(super) fn on_updated(&mut self, key: &ObjectKey, purpose: Purpose, result: Answer) {
        match result {
            Ok((_, body)) => self.accept(key, body, None),
            Err(finding) => match &finding.refusal {
                Refusal::Fields(conflicts) if purpose == Purpose::Update => {
                    if self.may_take(key, conflicts) {
                        self.apply(key, Mode::FORCE, Purpose::Retake);
                    } else {
                        self.fail(key, &finding);
                    }
                }
                // Before anything else is tried, it is looked at.
                Refusal::Changed | Refusal::Gone => self.question(key),
                _ => self.fail(key, &finding),
            },
        }
    }

    /// Whether every field in the way was declared by what we applied last (it was ours, and is put
    /// back), or the bundle takes fields that it never held.
    fn may_take(&self, key: &ObjectKey, conflicts: &[Conflict]) -> bool {
        let Some(object) = self.objects.get(key) else {
            return false;
        };
        let bundle = self.bundles.get(&object.bundle);
        let policy = bundle.and_then(|bundle| bundle.policy.as_ref());
        if policy.is_some_and(|policy| policy.conflict == OnConflict::Force) {
            return true;
        }
        let applied = object.row.as_ref().and_then(|row| row.digest);
        let before = applied.and_then(|digest| plan::manifest(&self.contents, digest).ok());
        conflicts.iter().all(|conflict| {
            let held = |before| managed_fields::declares(before, &conflict.field);
            conflict.manager == RELEASED_MANAGER || before.as_ref().is_some_and(held)
        })
    }

    /// The server accepted our declaration: from its answer we learn what counts as unchanged.
    pub(in super::super) fn accept(
        &mut self,
        key: &ObjectKey,
        body: Value,
        origin: Option<Origin>,
    ) {
        let Some(seen) = Observed::parse(&Kind::of(key), body, true) else {
            let finding = unreadable();
            self.fail(key, &finding);
            return;
        };
        let now = self.now;
        let before = self.declared_before(key);
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let row = object.row.get_or_insert_with(Row::default);
        let news = row.uid.as_deref() != Some(seen.uid.as_str());
        row.uid = Some(seen.uid.clone());
        row.origin = origin.unwrap_or(row.origin);
        let rules = object.want.as_ref().and_then(|want| want.rules.as_deref());
        baseline(row, &seen, rules);
        if let Some(want) = &object.want {
            if row.digest != Some(want.digest) || news {
                object.applied_at = now;
                object.progressing_since = None;
                row.completed = false;
            }
            row.digest = Some(want.digest);
            row.api_version.clone_from(&want.api_version);
            row.confirmed = want.confirmed;
            row.orphan = want.orphan;
            row.orphan_with_bundle = want.orphan_with_bundle;
        }
        if news {
            object.saved = object.saved.min(Saved::Intent);
        }
        object.settled = seen.resource_version;
        object.judged = seen.resource_version;
        object.status_at = managed_fields::status_time(&seen.body);
        object.resolve = false;
        object.recreating = false;
        object.breach = None;
        object.attempts = 0;
        object.retry_at = None;
        object.terminating = seen.deleting;
        remember_owners(object, &seen);
        let bundle = object.bundle.clone();
        let labelled = seen.bundle_label.as_deref() == Some(bundle.to_string().as_str());
        object.unlabelled = !labelled;
        if !labelled {
            self.check_unlabelled(key);
        }
        self.served.insert(Kind::of(key));
        self.inventory_changed(&bundle, false);
        if let Some(before) = &before {
            self.note_retained(key, &seen, before);
        }
        self.see_company(key, &seen);
        let state = match seen.deleting {
            true => State::new(Sync::Applying, "Terminating", "it is being deleted"),
            false => self.objects[key].settled_state(),
        };
        self.say(key, state);
        self.judge_health(key, &seen);
        match managed_fields::before_first_apply(&seen.body) {
            Some(index) => self.clean_up(key, index, seen.resource_version),
            None => self.trim_released(key, &seen, before.as_ref()),
        }
    }

    /// What the declaration said that was applied before this one; `None` where it is the same.
    fn declared_before(&self, key: &ObjectKey) -> Option<Value> {
        let object = self.objects.get(key)?;
        let applied = object.row.as_ref()?.digest?;
        let other = object.want.as_ref()?.digest != applied;
        other.then(|| plan::manifest(&self.contents, applied).ok())?
    }

    /// Judges health from a live object, as far as it was read.
    pub(in super::super) fn judge_health(&mut self, key: &ObjectKey, seen: &Observed) {
        let kind = Kind::of(key);
        let now = self.now;
        let Some(object) = self.objects.get(key) else {
            return;
        };
        let by_status = object.is_judged_by_status(&kind);
        if by_status && !seen.full {
            return;
        }
        let timeout = self
            .bundles
            .get(&object.bundle)
            .map_or(0, |b| b.timeout_ms());
        let context = Context {
            now,
            applied_at: object.applied_at,
        };
        let verdict = match by_status || seen.deleting {
            true => health::evaluate(key, &seen.body, object.checks(), context),
            false => Verdict::healthy(),
        };
        let completed = kind.kind == "Job" && health::batch::is_complete(&seen.body);
        let mut at: Option<Moment> = None;
        let mut finished = false;
        self.change(key, |object| {
            object.judge(verdict, timeout, now);
            at = object.verdict.then.map(|then| then.at);
            if let Some(row) = &mut object.row
                && completed
                && !row.completed
            {
                row.completed = true;
                finished = true;
            }
        });
        if let Some(at) = at {
            self.wake_object(key, at);
        }
        if finished && let Some(object) = self.objects.get(key) {
            let bundle = object.bundle.clone();
            self.inventory_changed(&bundle, false);
        }
    }

    /// No watch tells of an object without our label: it is read now and then.
    pub(in super::super) fn check_unlabelled(&mut self, key: &ObjectKey) {
        let at = self.now.plus_ms(RETRY_LONGEST_MS);
        if let Some(object) = self.objects.get_mut(key)
            && !std::mem::replace(&mut object.check_due, true)
        {
            self.wake_object(key, at);
        }
    }

    fn retry_now(&mut self, key: &ObjectKey) {
        if let Some(object) = self.objects.get_mut(key)
            && object.attempts <= 1
        {
            object.retry_at = None;
        }
    }
}

/// What counts as unchanged from now on.
pub(in super::super) fn baseline(row: &mut Row, seen: &Observed, rules: Option<&Rules>) {
    let entry = managed_fields::ours(&seen.body);
    row.entry = managed_fields::our_hash(&seen.body);
    row.generation = seen.generation;
    row.resource_version = seen.resource_version;
    row.values = entry
        .filter(|_| seen.full)
        .map(|entry| projection_digest(&watched(entry.fields, rules), &seen.body));
}

/// The fields whose values are compared: an ignored one may change hands without a word.
pub(in super::super) fn watched(fields: FieldSet, rules: Option<&Rules>) -> FieldSet {
    match rules {
        Some(rules) => fields.filter(&|path| !rules.ignores(path)),
        None => fields,
    }
}

pub(in super::super) fn remember_owners(object: &mut super::super::Object, seen: &Observed) {
    let rules = object.want.as_ref().and_then(|want| want.rules.as_ref());
    if rules.is_some_and(|rules| rules.needs_owners()) {
        object.owners = Some(managed_fields::entries(&seen.body).into());
    }
}

fn unreadable() -> Finding {
    Finding {
        refusal: Refusal::Ambiguous,
        reason: "NoAnswer".to_owned(),
        message: "the API server's answer is no object".to_owned(),
    }
}
