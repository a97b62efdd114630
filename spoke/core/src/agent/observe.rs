//! What the watches say: our own writes are told from others', and theirs from drift.
//!
//! Ownership tells first, values decide. A write that leaves our entry and the generation alone costs
//! nothing; everything else is looked at.

use std::collections::BTreeSet;

use capstan_proto::{Health, Moment, ObjectKey, Sync};

use super::Agent;
use super::answer::{Answer, baseline, remember_owners, watched};
use super::object::{Broken, Held, Object, State};
use crate::drift::projection_digest;
use crate::inventory::{Origin, Row};
use crate::kind::Kind;
use crate::limits::{RETRY_LONGEST_MS, VALUE_CHECK_MIN_MS, VALUE_PASS_MS};
use crate::live::Observed;
use crate::managed_fields;
use crate::ownership::{self, Maker};

use super::timer::Timer;

/// Where a state of an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A watch, which may be late.
    Watched,
    /// A list, which may be late too, or come from a server whose storage went back in time.
    Listed,
    /// An answer to our question.
    Asked,
}

/// What a live object means for its declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// As it was.
    Same,
    /// Its values have to be read to tell.
    Unclear,
    /// Not as it was.
    Broken,
}

impl Agent {
    pub(super) fn on_listed(&mut self, kind: &Kind, objects: Vec<Observed>) {
        let Some(state) = self.kinds.get_mut(kind) else {
            return;
        };
        state.listed = true;
        state.problem = None;
        let present: BTreeSet<_> = objects.iter().map(|seen| seen.key.clone()).collect();
        for seen in objects {
            self.on_observed(seen, Source::Listed);
        }
        for key in self.keys_of(kind) {
            if !present.contains(&key) {
                self.missed(&key);
            }
        }
        self.schedule_relist(kind);
        self.refreshed(Some(kind));
    }

    /// A list or a watch lacks an object: that is a question, not an answer (K3).
    fn missed(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        if object.uid().is_none() {
            // With a call under way its answer tells. An earlier attempt may have created it: then a
            // read does.
            if object.call.is_none() && !object.resolve {
                self.change(key, Object::looked_for);
            } else if object.call.is_none() && object.verdict.health == Health::Unknown {
                self.work.questions.insert(key.clone());
            }
            return;
        }
        if object.call.is_some() {
            object.held = Some(Held::Vanished);
        } else {
            self.work.questions.insert(key.clone());
        }
    }

    pub(super) fn on_vanished(&mut self, key: &ObjectKey, uid: &str, resource_version: u64) {
        let object = self.objects.get(key);
        let ours = object.is_some_and(|object| object.uid() == Some(uid));
        let late = object.is_some_and(|o| resource_version != 0 && resource_version <= o.settled);
        if ours && !late {
            self.missed(key);
        }
    }

    pub(super) fn on_observed(&mut self, seen: Observed, source: Source) {
        let key = seen.key.clone();
        let Some(object) = self.objects.get_mut(&key) else {
            return;
        };
        if object.call.is_some() {
            let (newer, source) = match &object.held {
                // What a list began a watch goes on with: neither is late after a restore.
                Some(Held::Observed(held, before)) if source == Source::Watched => {
                    (held.resource_version <= seen.resource_version, *before)
                }
                Some(Held::Observed(..) | Held::Vanished) | None => (true, source),
            };
            if newer {
                object.passed_over |= matches!(object.held, Some(Held::Observed(..)));
                object.held = Some(Held::Observed(Box::new(seen), source));
            }
            return;
        }
        self.see(&key, seen, source);
    }

    /// Looks at a state of an object while no call for it is under way.
    pub(super) fn see(&mut self, key: &ObjectKey, seen: Observed, source: Source) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let Some(uid) = object.uid().map(ToOwned::to_owned) else {
            if source == Source::Asked {
                self.see_intended(key, seen);
            }
            return;
        };
        if uid != seen.uid {
            self.see_other(key, seen);
            return;
        }
        let of_status = is_status_write(object, &seen, source);
        if source != Source::Asked && seen.resource_version < object.settled {
            if source == Source::Listed {
                self.distrust(key);
            }
            return;
        }
        let known = seen.resource_version == object.judged && source != Source::Asked;
        object.settled = seen.resource_version;
        if source == Source::Asked && seen.full {
            object.checked_at = Some(self.now);
        }
        remember_owners(object, &seen);
        if seen.deleting {
            self.see_deletion(key, &seen);
            return;
        }
        object.terminating = false;
        self.judge_health(key, &seen);
        let applied = self.objects.get(key).is_some_and(Object::is_applied);
        if !applied {
            self.change(key, Object::looked_at);
            return;
        }
        if known {
            // Nothing moved since it was judged; what was found wrong then still is.
            if self.objects[key].breach.is_none() {
                if source == Source::Listed {
                    self.see_company(key, &seen);
                }
                self.verified(key);
            }
            return;
        }
        let found = self.find(key, &seen, of_status);
        if let Some(object) = self.objects.get_mut(key)
            && found != Finding::Unclear
        {
            object.judged = seen.resource_version;
        }
        match found {
            Finding::Same => {
                self.rebase(key, &seen);
                self.verified(key);
            }
            Finding::Broken => self.breach(key, Broken::Fields(Box::new(seen))),
            Finding::Unclear => self.check_later(key, seen),
        }
    }

    /// A list is older than what is known. Either it is late, or the storage went back in time after
    /// what is known was learnt; only a read tells, and until then no version counts as known (K4).
    fn distrust(&mut self, key: &ObjectKey) {
        if let Some(object) = self.objects.get_mut(key) {
            object.settled = 0;
            object.judged = 0;
            self.work.questions.insert(key.clone());
        }
    }

    /// Entries of others were tidied up by us: where nothing else moved, that write is known.
    pub(super) fn on_tidied(&mut self, key: &ObjectKey, result: Answer) {
        let body = result.ok().map(|(_, body)| body);
        let seen = body.and_then(|body| Observed::parse(&Kind::of(key), body, true));
        let Some(seen) = seen.filter(|_| self.objects.get(key).is_some_and(Object::is_applied))
        else {
            return;
        };
        let same = self.find(key, &seen, false) == Finding::Same;
        if let Some(object) = self.objects.get_mut(key)
            && same
        {
            remember_owners(object, &seen);
            object.settled = seen.resource_version;
            object.judged = seen.resource_version;
        }
    }

    fn find(&self, key: &ObjectKey, seen: &Observed, of_status: bool) -> Finding {
        let object = &self.objects[key];
        let row = object.row.as_ref().expect("an applied object has a row");
        let labelled = seen.bundle_label.as_deref() == Some(object.bundle.to_string().as_str());
        let hash = managed_fields::our_hash(&seen.body);
        if hash.is_none() || !(labelled || object.unlabelled) {
            return Finding::Broken;
        }
        let same_entry = hash == row.entry;
        let same_generation = seen.generation.is_some() && seen.generation == row.generation;
        if same_entry && same_generation {
            return Finding::Same;
        }
        let entry = managed_fields::ours(&seen.body).expect("its hash was there");
        let covered = |manifest| entry.fields.covers_manifest(&manifest);
        if !same_entry && !self.expected(key).is_none_or(covered) {
            return Finding::Broken;
        }
        match row.values {
            Some(values) if seen.full => {
                let rules = object.want.as_ref().and_then(|want| want.rules.as_deref());
                let fields = watched(entry.fields, rules);
                let same = projection_digest(&fields, &seen.body) == values;
                if same { Finding::Same } else { Finding::Broken }
            }
            // Nobody knows what it was: it is put right, and known from then on.
            None if seen.full => Finding::Broken,
            // Drift that stands, because it is only reported or rests, does not end by a status write.
            _ if of_status && same_entry && object.breach.is_none() && object.is_synced() => {
                Finding::Same
            }
            _ => Finding::Unclear,
        }
    }

    /// What was seen is as it should be: it is what counts as unchanged from now on.
    fn rebase(&mut self, key: &ObjectKey, seen: &Observed) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let Some(row) = &mut object.row else {
            return;
        };
        let before = (row.entry, row.generation, row.values);
        // A write that moved neither may only be of the status.
        let others = seen.generation.is_none()
            || seen.generation != row.generation
            || object.company.is_some();
        let values = row.values;
        let rules = object.want.as_ref().and_then(|want| want.rules.as_deref());
        baseline(row, seen, rules);
        row.values = row.values.or(values);
        if before != (row.entry, row.generation, row.values) {
            let bundle = object.bundle.clone();
            self.inventory_changed(&bundle, false);
        }
        if others {
            self.see_company(key, seen);
        }
    }

    /// The object is as declared.
    pub(super) fn verified(&mut self, key: &ObjectKey) {
        let now = self.now;
        self.change(key, |object| {
            object.breach = None;
            if object.unlabelled || object.state.sync != Sync::Synced {
                object.state = object.settled_state();
            }
            if let Some(drift) = &mut object.drift
                && drift.settled_at.is_none()
            {
                drift.outcome = capstan_proto::drift::Outcome::Healed;
                drift.settled_at = Some(now);
            }
        });
        if self.objects.get(key).is_some_and(|o| o.unlabelled) {
            self.check_unlabelled(key);
        }
    }

    /// Its version moved and metadata alone cannot tell why: its values are read, at a bounded rate.
    fn check_later(&mut self, key: &ObjectKey, seen: Observed) {
        let now = self.now;
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let next = object.checked_at.map(|at| at.plus_ms(VALUE_CHECK_MIN_MS));
        if let Some(next) = next.filter(|next| now < *next) {
            object.check_due = true;
            self.wake_object(key, next);
            return;
        }
        object.checked_at = Some(now);
        object.check_due = false;
        if Kind::of(key).is_secret() {
            self.breach(key, Broken::Moved(Box::new(seen)));
        } else {
            self.work.questions.insert(key.clone());
        }
    }

    /// An object that the inventory only knows as an intent is there.
    fn see_intended(&mut self, key: &ObjectKey, seen: Observed) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let labelled = seen.bundle_label.as_deref() == Some(object.bundle.to_string().as_str());
        match ownership::maker(&seen.body) {
            Maker::We if labelled => {}
            // Giving back what is perhaps ours would empty it: it is kept, and never deleted.
            Maker::We | Maker::Unclear => {
                object.settled = seen.resource_version;
                if let Some(row) = &mut object.row {
                    row.digest = None;
                }
                self.take_foreign(key, seen.uid);
                self.change(key, |_| {});
                return;
            }
            Maker::Others => {
                self.on_foreign(key, seen);
                return;
            }
        }
        let row = object.row.get_or_insert_with(Row::default);
        row.uid = Some(seen.uid.clone());
        row.origin = Origin::Created;
        row.digest = None;
        object.resolve = false;
        object.settled = seen.resource_version;
        let bundle = object.bundle.clone();
        self.inventory_changed(&bundle, true);
        self.judge_health(key, &seen);
        self.change(key, Object::looked_at);
    }

    /// Another object carries our key.
    fn see_other(&mut self, key: &ObjectKey, seen: Observed) {
        let object = &self.objects[key];
        if object.want.is_none() {
            // Ours is gone; this one was never ours.
            if !self.is_unwanted(key) {
                return;
            }
            self.drop_row(key);
            self.forget_if_done(key);
            return;
        }
        if seen.deleting {
            self.see_deletion(key, &seen);
            return;
        }
        self.breach(key, Broken::Recreated(Box::new(seen)));
    }

    fn see_deletion(&mut self, key: &ObjectKey, seen: &Observed) {
        if let Some(object) = self.objects.get_mut(key) {
            object.terminating = true;
        }
        self.judge_health(key, seen);
        let wanted = self
            .objects
            .get(key)
            .is_some_and(|object| object.want.is_some());
        if wanted {
            let words = "it is being deleted; it is made anew afterwards";
            self.say(key, State::new(Sync::Applying, "Terminating", words));
        }
        let at = self.now.plus_ms(RETRY_LONGEST_MS / 2);
        self.wake_object(key, at);
    }

    /// The daily value pass: one object at a time, all of them within a day.
    pub(super) fn next_value_check(&mut self) {
        let after = self.value_cursor.take();
        let applied = |(_, object): &(&ObjectKey, &Object)| object.is_applied();
        let count = self.objects.len().max(1);
        let next = match &after {
            Some(after) => {
                let above = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
                self.objects.range::<ObjectKey, _>(above).find(applied)
            }
            None => self.objects.iter().find(applied),
        };
        let next = next.map(|(key, _)| key.clone());
        if let Some(key) = &next
            && !Kind::of(key).is_secret()
        {
            self.work.questions.insert(key.clone());
        }
        self.value_cursor = next;
        let step = VALUE_PASS_MS / u64::try_from(count).unwrap_or(1);
        let at: Moment = self
            .now
            .plus_ms(step / 2 + self.jitter.draw() % step.max(1));
        self.timers.set(at, Timer::Values);
    }
}

/// Whether this state differs from the one seen before by a write of its status alone (K1). Only a watch
/// shows writes one by one, and only the time of a `status` entry tells; times have a second's grain, so
/// that some status writes are not recognised and cost a read.
fn is_status_write(object: &mut Object, seen: &Observed, source: Source) -> bool {
    let at = managed_fields::status_time(&seen.body);
    let moved = at > object.status_at;
    object.status_at = object.status_at.max(at);
    let one_write = !std::mem::take(&mut object.passed_over);
    moved && one_write && source == Source::Watched && seen.generation.is_none()
}
