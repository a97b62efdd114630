//! Drift: found, looked at, put back or only reported, and left alone where somebody fights us.

use capstan_proto::drift::{Drift, Field, Outcome, Values};
use capstan_proto::policy::{DriftMode, Mode as Stance};
use capstan_proto::{Moment, ObjectKey, Sync};
use serde_json::Value;

use super::Agent;
use super::flips::Fight;
use super::object::{Breach, Broken, State};
use super::send::Mode;
use crate::drift;
use crate::effect::{Decision, Effect, Notice};
use crate::kind::Kind;
use crate::limits::FOUGHT_FIELDS_MAX;
use crate::live::Observed;
use crate::managed_fields::{self, Entry};

use super::answer::{Answer, Purpose};

/// What is said of a lost object until discovery says that its kind stays.
const WITH_ITS_KIND: &str =
    "it is gone, and its kind takes nothing new now: its definition may be on its way out";

/// The operation of a drift whose object is gone.
const DELETE: &str = "Delete";

/// Who did it, as far as the server says.
pub(super) struct Author {
    manager: String,
    operation: String,
    at: Moment,
    seen_at: Moment,
}

impl Agent {
    /// Something is wrong with an object that was as declared.
    pub(super) fn breach(&mut self, key: &ObjectKey, broken: Broken) {
        let seen_at = self.now;
        let fight = Fight::over(&broken);
        let resting = self
            .objects
            .get(key)
            .is_some_and(|o| o.flips.resting(fight, seen_at));
        let words = self.breach_words(key, &broken);
        self.change(key, |object| {
            let seen_at = object
                .breach
                .as_ref()
                .map_or(seen_at, |breach| breach.seen_at);
            object.breach = Some(Box::new(Breach { broken, seen_at }));
            if !resting && object.state.sync != Sync::Drifted {
                object.state = State::new(Sync::Drifted, "Drifted", words);
            }
        });
        self.work.urgent.insert(key.clone());
    }

    /// Who took which fields, as far as metadata tells: a report need not wait for the values.
    fn breach_words(&self, key: &ObjectKey, broken: &Broken) -> String {
        let breach = Breach {
            broken: broken.clone(),
            seen_at: self.now,
        };
        let lost = self.lost(key, &breach);
        if lost.is_empty() {
            return "it is not as declared".to_owned();
        }
        let fields = lost.iter().take(FOUGHT_FIELDS_MAX);
        let fields: Vec<_> = fields.map(|path| managed_fields::written(path)).collect();
        let who = match author_of(&breach, &lost).manager {
            manager if manager.is_empty() => "somebody".to_owned(),
            manager => manager,
        };
        format!("{who} took {}", fields.join(", "))
    }

    fn mode(&self, key: &ObjectKey) -> DriftMode {
        let Some(object) = self.objects.get(key) else {
            return DriftMode::Ignore;
        };
        let rules = object.want.as_ref().and_then(|want| want.rules.as_ref());
        if rules.is_some_and(|rules| rules.ignores_everything()) {
            return DriftMode::Ignore;
        }
        let bundle = self.bundles.get(&object.bundle);
        let policy = bundle.and_then(|bundle| bundle.policy.as_ref());
        let mode = policy.map(|policy| policy.drift.mode).unwrap_or_default();
        let restrained = bundle.is_some_and(|bundle| bundle.mode != Stance::Enforce);
        match mode {
            DriftMode::Correct if restrained => DriftMode::Report,
            mode => mode,
        }
    }

    /// Does about a breach what the bundle's policy says.
    pub(super) fn mend_breach(&mut self, key: &ObjectKey) {
        let mode = self.mode(key);
        let Some(breach) = self
            .objects
            .get(key)
            .and_then(|object| object.breach.clone())
        else {
            return;
        };
        if mode == DriftMode::Correct && self.is_fought(key, &breach) {
            return;
        }
        match (mode, breach.broken) {
            (DriftMode::Ignore, _) => self.overlook(key),
            (DriftMode::Report, Broken::Deleted) => self.report_missing(key, breach.seen_at),
            (DriftMode::Correct, Broken::Deleted) => {
                match self.takes_new(&Kind::of(key), breach.seen_at) {
                    true => self.recreate(key, breach.seen_at),
                    false => self.say(key, State::new(Sync::Unknown, "KindUnknown", WITH_ITS_KIND)),
                }
            }
            (_, Broken::Recreated(seen)) if self.stance(key) != Stance::Enforce => {
                self.report_recreated(key, &seen);
            }
            (_, Broken::Recreated(seen)) => {
                self.take_foreign(key, seen.uid.clone());
                self.look_or_mend(key, mode, *seen);
            }
            (_, Broken::Fields(seen) | Broken::Moved(seen)) => self.look_or_mend(key, mode, *seen),
        }
    }

    /// Metadata does not show values: the object is read once, so that the report can name them.
    fn look_or_mend(&mut self, key: &ObjectKey, mode: DriftMode, seen: Observed) {
        if seen.full || Kind::of(key).is_secret() {
            self.put_right(key, mode, seen);
        } else {
            self.get(key, Purpose::Look);
        }
    }

    fn put_right(&mut self, key: &ObjectKey, mode: DriftMode, seen: Observed) {
        let live = Box::new(seen);
        if mode == DriftMode::Report {
            self.apply(key, Mode::DRY, Purpose::Preview(live));
        } else if !self.release_ignored(key, &live, Some(live.clone())) {
            self.apply(key, Mode::FORCE, Purpose::Heal(Some(live)));
        }
    }

    pub(super) fn on_looked(&mut self, key: &ObjectKey, result: Answer) {
        let mode = self.mode(key);
        let known = self
            .objects
            .get(key)
            .and_then(|object| object.breach.clone());
        let Some(breach) = known else {
            return;
        };
        match result {
            Err(finding) if Self::is_definite(&finding) => {
                self.read_answer(key, Err(finding));
            }
            // What was there cannot be named; it is put back all the same.
            Err(_) => {
                if let Some(seen) = breach.broken.observed() {
                    self.put_right(key, mode, seen.clone());
                }
            }
            Ok((_, body)) => {
                let Some(seen) = Observed::parse(&Kind::of(key), body, true) else {
                    return;
                };
                let same = self.objects.get(key).and_then(|o| o.uid()) == Some(seen.uid.as_str());
                if seen.deleting || !same {
                    self.see(key, seen, super::observe::Source::Asked);
                    return;
                }
                if let Some(object) = self.objects.get_mut(key) {
                    super::answer::remember_owners(object, &seen);
                    object.settled = seen.resource_version;
                }
                self.put_right(key, mode, seen);
            }
        }
    }

    fn overlook(&mut self, key: &ObjectKey) {
        self.change(key, |object| {
            object.breach = None;
            object.state = object.settled_state();
        });
    }

    fn report_missing(&mut self, key: &ObjectKey, seen_at: Moment) {
        let author = deleted(seen_at);
        self.record(key, author, Vec::new(), Outcome::Reported);
        self.change(key, |object| {
            object.breach = None;
            object.state = State::new(Sync::Drifted, "Deleted", "somebody deleted it");
        });
    }

    /// A deleted object is made anew; its intent is written first.
    fn recreate(&mut self, key: &ObjectKey, seen_at: Moment) {
        self.record(key, deleted(seen_at), Vec::new(), Outcome::Open);
        self.begin_again(key);
        self.change(key, |object| {
            object.breach = None;
            object.recreating = true;
            object.state = State::new(
                Sync::Drifted,
                "Deleted",
                "somebody deleted it; it is made anew",
            );
        });
    }

    /// Whether somebody keeps undoing our heals: then the object is left alone for a growing while.
    fn is_fought(&mut self, key: &ObjectKey, breach: &Breach) -> bool {
        let now = self.now;
        let fight = Fight::over(&breach.broken);
        let Some(object) = self.objects.get_mut(key) else {
            return false;
        };
        let resting = object.flips.resting(fight, now);
        let Some(until) = object.flips.fought(fight, now) else {
            return false;
        };
        let manager = self.fighter(key, breach);
        let words = self.fight_words(key, breach, &manager, until);
        if !resting {
            if let Some(object) = self.objects.get_mut(key)
                && let Some(drift) = &mut object.drift
            {
                drift.outcome = Outcome::Fought;
                drift.settled_at = Some(now);
            }
            self.wake_object(key, until);
            self.emit(key, true, "Fought", &words);
            self.log(Decision::Fought {
                object: key.clone(),
                manager,
                words: words.clone(),
            });
        }
        self.say(key, State::new(Sync::Conflict, "Fought", words));
        true
    }

    /// Who fights us: who holds what we lost now, else whom we healed last; empty where nobody knows.
    fn fighter(&self, key: &ObjectKey, breach: &Breach) -> String {
        if breach.broken == Broken::Deleted {
            return String::new();
        }
        let now = author_of(breach, &self.lost(key, breach)).manager;
        let drift = self.objects.get(key).and_then(|o| o.drift.as_ref());
        match drift {
            Some(drift) if now.is_empty() => drift.manager.clone(),
            _ => now,
        }
    }

    /// What we declare and do not hold any more.
    fn lost(&self, key: &ObjectKey, breach: &Breach) -> Vec<Vec<managed_fields::Step>> {
        let ours = breach
            .broken
            .observed()
            .and_then(|seen| managed_fields::ours(&seen.body));
        match (ours, self.expected(key)) {
            (Some(ours), Some(declared)) => ours.fields.lacking(&declared),
            _ => Vec::new(),
        }
    }

    fn fight_words(
        &self,
        key: &ObjectKey,
        breach: &Breach,
        manager: &str,
        until: Moment,
    ) -> String {
        if breach.broken == Broken::Deleted {
            return format!(
                "somebody keeps deleting it (an API server tells who only in its audit log); \
                 it is made anew at {until}"
            );
        }
        let mut fields: Vec<_> = self.lost(key, breach);
        fields.truncate(FOUGHT_FIELDS_MAX);
        let mut fields: Vec<_> = fields.iter().map(|p| managed_fields::written(p)).collect();
        if fields.is_empty() {
            let drift = self.objects.get(key).and_then(|o| o.drift.as_ref());
            let known = drift.iter().flat_map(|drift| &drift.fields);
            fields = known
                .take(FOUGHT_FIELDS_MAX)
                .map(|field| field.path.clone())
                .collect();
        }
        let what = match fields.is_empty() {
            true => "it".to_owned(),
            false => fields.join(", "),
        };
        let who = match manager.is_empty() {
            true => "a writer that the API server does not name",
            false => manager,
        };
        format!("{who} keeps changing {what}; it is left alone until {until}")
    }

    pub(super) fn on_healed(
        &mut self,
        key: &ObjectKey,
        live: Option<Box<Observed>>,
        result: Answer,
    ) {
        let breach = self
            .objects
            .get(key)
            .and_then(|object| object.breach.clone());
        let body = match result {
            Ok((_, body)) => body,
            Err(finding) if Self::is_definite(&finding) => {
                self.question(key);
                return;
            }
            Err(finding) => {
                self.fail(key, &finding);
                return;
            }
        };
        if let (Some(live), Some(breach)) = (live, breach) {
            let (fields, lost) = differences(key, &breach.broken, &live, &body);
            if fields.is_empty() {
                // Nothing was put back; a writer who makes us look again and again is bounded too.
                let now = self.now;
                self.change(key, |object| {
                    object.flips.count(Fight::Fields, now);
                });
            } else {
                let author = author_of(&breach_over(*breach, *live), &lost);
                self.record(key, author, fields, Outcome::Healed);
                self.log(Decision::Healed(key.clone()));
                self.emit(
                    key,
                    false,
                    "Healed",
                    "it was changed, and is as declared again",
                );
            }
        }
        self.accept(key, body, None);
    }

    pub(super) fn on_previewed(&mut self, key: &ObjectKey, live: &Observed, result: Answer) {
        let breach = self
            .objects
            .get(key)
            .and_then(|object| object.breach.clone());
        match (result, breach) {
            (Ok((_, body)), Some(breach)) => {
                let (fields, lost) = differences(key, &breach.broken, live, &body);
                if fields.is_empty() {
                    self.verified(key);
                    return;
                }
                let author = author_of(&breach_over(*breach, live.clone()), &lost);
                self.record(key, author, fields, Outcome::Reported);
                let words = match self.stance(key) {
                    Stance::Enforce => {
                        "it is not as declared, and its bundle only asks for a report"
                    }
                    _ => "it is not as declared, and the cluster is paused",
                };
                self.change(key, |object| {
                    object.breach = None;
                    object.state = State::new(Sync::Drifted, "Drifted", words);
                });
            }
            (Ok(_), None) => {}
            (Err(finding), _) if Self::is_definite(&finding) => self.question(key),
            (Err(finding), _) => self.fail(key, &finding),
        }
    }

    /// Writes a drift down; the same drift seen again is not a new one.
    pub(super) fn record(
        &mut self,
        key: &ObjectKey,
        author: Author,
        fields: Vec<Field>,
        outcome: Outcome,
    ) {
        let seen_at = author.seen_at;
        let now = self.now;
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let same = object.drift.as_ref().is_some_and(|drift| {
            outcome == Outcome::Reported
                && drift.outcome == Outcome::Reported
                && drift.fields == fields
                && drift.manager == author.manager
        });
        if same {
            return;
        }
        let fight = match author.operation.as_str() {
            DELETE => Fight::Existence,
            _ => Fight::Fields,
        };
        let times = object.flips.count(fight, now);
        object.drift = Some(Box::new(Drift {
            object: key.clone(),
            fields,
            manager: author.manager.clone(),
            operation: author.operation,
            changed_at: author.at,
            seen_at,
            outcome,
            settled_at: (outcome != Outcome::Open).then_some(now),
            times,
        }));
        self.change(key, |_| {});
        self.log(Decision::Drifted {
            object: key.clone(),
            manager: author.manager,
            seen_at,
        });
    }

    pub(super) fn emit(&mut self, key: &ObjectKey, warning: bool, reason: &str, message: &str) {
        self.out.push(Effect::Emit(Notice {
            regarding: Some(key.clone()),
            warning,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }));
    }
}

/// Who wrote an object last.
pub(super) fn author_of_all(seen: &Observed, now: Moment) -> Author {
    let entries = managed_fields::entries(&seen.body);
    let entry = drift::author(&entries, &[]);
    Author {
        manager: entry.map(|e| e.manager.clone()).unwrap_or_default(),
        operation: entry.map(|e| e.operation.clone()).unwrap_or_default(),
        at: entry.and_then(|e| e.time).unwrap_or(now),
        seen_at: now,
    }
}

/// What an apply would change of a live object: fields that are declared, and those that were ours
/// and are not declared any more.
pub(super) fn differences_of(live: &Value, answer: &Value) -> Vec<Field> {
    let sets = [answer, live].map(managed_fields::ours);
    let mut fields: Vec<Field> = Vec::new();
    for entry in sets.into_iter().flatten() {
        for field in drift::fields(&entry.fields, live, answer) {
            let ours = field.path.contains("capstan.dev/");
            if !ours && fields.iter().all(|known| known.path != field.path) {
                fields.push(field);
            }
        }
    }
    fields.truncate(crate::limits::DRIFT_FIELDS_MAX);
    fields
}

fn deleted(seen_at: Moment) -> Author {
    Author {
        manager: String::new(),
        operation: DELETE.to_owned(),
        at: seen_at,
        seen_at,
    }
}

/// A breach with the live object as it was read.
fn breach_over(breach: Breach, live: Observed) -> Breach {
    let live = Box::new(live);
    let broken = match breach.broken {
        Broken::Recreated(_) => Broken::Recreated(live),
        Broken::Moved(_) => Broken::Moved(live),
        Broken::Fields(_) | Broken::Deleted => Broken::Fields(live),
    };
    Breach { broken, ..breach }
}

fn author_of(breach: &Breach, lost: &[Vec<managed_fields::Step>]) -> Author {
    let entries = breach
        .broken
        .observed()
        .map(|seen| managed_fields::entries(&seen.body));
    let entries: Vec<Entry> = entries.unwrap_or_default();
    let entry = drift::author(&entries, lost);
    Author {
        manager: entry.map(|e| e.manager.clone()).unwrap_or_default(),
        operation: entry.map(|e| e.operation.clone()).unwrap_or_default(),
        at: entry.and_then(|e| e.time).unwrap_or(breach.seen_at),
        seen_at: breach.seen_at,
    }
}

/// The fields that our apply put back (or would put back), and those whose ownership was lost.
fn differences(
    key: &ObjectKey,
    broken: &Broken,
    live: &Observed,
    answer: &Value,
) -> (Vec<Field>, Vec<Vec<managed_fields::Step>>) {
    let Some(ours) = managed_fields::ours(answer) else {
        return (Vec::new(), Vec::new());
    };
    let before = managed_fields::ours(&live.body).map(|entry| entry.fields);
    let lost = ours.fields.without(&before.unwrap_or_default());
    let fields = if Kind::of(key).is_secret() {
        let put_back =
            answer["metadata"]["resourceVersion"] != live.body["metadata"]["resourceVersion"];
        match broken {
            _ if !lost.is_empty() => drift::redacted(&lost),
            Broken::Moved(_) if put_back => vec![Field {
                path: ".data".to_owned(),
                values: Values::Redacted,
            }],
            _ => Vec::new(),
        }
    } else if live.full {
        drift::fields(&ours.fields, &live.body, answer)
    } else {
        drift::redacted(&lost)
    };
    (fields, lost)
}
