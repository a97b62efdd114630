//! Answers to reads and removals: an error is never an empty answer.

use capstan_proto::policy::Mode;
use capstan_proto::{Health, ObjectKey, Sync};
use serde_json::{Value, json};

use super::super::Agent;
use super::super::object::{Broken, Saved, State};
use super::super::observe::Source;
use super::super::send;
use super::applied::remember_owners;
use super::{Answer, Purpose};
use crate::effect::{Decision, RELEASED_MANAGER};
use crate::health::Verdict;
use crate::inventory::Origin;
use crate::kind::Kind;
use crate::limits::RETRY_LONGEST_MS;
use crate::live::Observed;
use crate::managed_fields;
use crate::ownership::{BUNDLE_LABEL, DIGEST_ANNOTATION};
use crate::refusal::{Finding, Refusal};

impl Agent {
    pub(super) fn on_question(&mut self, key: &ObjectKey, result: Answer) {
        if let Some(seen) = self.read_answer(key, result) {
            self.see(key, seen, Source::Asked);
        }
    }

    pub(super) fn on_owners(&mut self, key: &ObjectKey, result: Answer) {
        let Some(seen) = self.read_answer(key, result) else {
            return;
        };
        if self.objects.get(key).and_then(|object| object.uid()) != Some(seen.uid.as_str()) {
            self.see(key, seen, Source::Asked);
            return;
        }
        if let Some(object) = self.objects.get_mut(key) {
            remember_owners(object, &seen);
            // The attempt goes on with what was read.
            if !self.release_ignored(key, &seen, None) {
                self.apply(key, send::Mode::PLAIN, Purpose::Update);
            }
        }
    }

    /// What is ignored has another owner now: the body that leaves it out follows.
    pub(super) fn on_released_ignored(
        &mut self,
        key: &ObjectKey,
        heal: Option<Box<Observed>>,
        result: Answer,
    ) {
        let result = result.map_err(|finding| match finding.refusal {
            // Somebody wrote it meanwhile: what is whose is asked again.
            Refusal::Fields(_) => Finding {
                refusal: Refusal::Changed,
                ..finding
            },
            _ => finding,
        });
        let Some(seen) = self.read_answer(key, result) else {
            if let Some(object) = self.objects.get_mut(key) {
                object.owners = None;
            }
            return;
        };
        if let Some(object) = self.objects.get_mut(key) {
            remember_owners(object, &seen);
        }
        match heal {
            None => self.apply(key, send::Mode::PLAIN, Purpose::Update),
            Some(live) => self.apply(key, send::Mode::FORCE, Purpose::Heal(Some(live))),
        }
    }

    /// What a read found; everything else is dealt with here.
    pub(in super::super) fn read_answer(
        &mut self,
        key: &ObjectKey,
        result: Answer,
    ) -> Option<Observed> {
        match result {
            Ok((_, body)) => Observed::parse(&Kind::of(key), body, true),
            Err(finding) => {
                match finding.refusal {
                    Refusal::Gone | Refusal::NamespaceMissing => self.gone(key),
                    _ => self.not_known(key, finding),
                }
                None
            }
        }
    }

    /// Whether the object exists is not known: that is said, and nothing is done.
    fn not_known(&mut self, key: &ObjectKey, finding: Finding) {
        self.fail(key, &finding);
        let applied = self
            .objects
            .get(key)
            .is_some_and(super::super::Object::is_applied);
        if applied {
            let State {
                reason, message, ..
            } = State::new(Sync::Unknown, &finding.reason, finding.message);
            self.change(key, |object| {
                object.verdict = Verdict::new(Health::Unknown, &reason, &message);
                object.state = State::new(Sync::Unknown, &reason, message);
            });
        }
    }

    /// The server says, in a Status that names it, that the object does not exist.
    pub(in super::super) fn gone(&mut self, key: &ObjectKey) {
        let listed = self.is_listed(&Kind::of(key));
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        object.settled = 0;
        object.judged = 0;
        object.terminating = false;
        object.resolve = false;
        object.retry_at = None;
        object.breach = None;
        if object.want.is_none() {
            if self.is_unwanted(key) {
                self.drop_row(key);
            }
            return;
        }
        if self.stance(key) == Mode::Release {
            self.let_went(key);
            return;
        }
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        if object.uid().is_none() {
            self.change(key, super::super::Object::looked_for);
            return;
        }
        if !object.is_applied() {
            self.begin_again(key);
            return;
        }
        if object.row.as_ref().is_some_and(|row| row.completed) {
            self.change(key, |object| {
                object.state = State::synced();
                let reason = "Completed".to_owned();
                object.verdict = Verdict {
                    reason,
                    ..Verdict::healthy()
                };
            });
            return;
        }
        self.change(key, |object| {
            let words = "it does not exist";
            object.verdict = Verdict::new(Health::Missing, "Missing", words);
            object.progressing_since = None;
        });
        if listed {
            self.breach(key, Broken::Deleted);
        } else {
            let words = "it does not exist, and its kind cannot be watched now";
            self.say(key, State::new(Sync::Unknown, "KindUnknown", words));
        }
    }

    /// The object of the row is gone: the row is an intent again, written before anything is created.
    pub(in super::super) fn begin_again(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        let Some(row) = &mut object.row else {
            return;
        };
        row.uid = None;
        row.origin = Origin::Intent;
        row.digest = None;
        row.entry = None;
        row.values = None;
        row.generation = None;
        row.resource_version = 0;
        row.completed = false;
        row.retained.clear();
        object.company = None;
        object.saved = Saved::No;
        object.resolve = false;
        object.owners = None;
        object.settled = 0;
        object.judged = 0;
        object.deletion_sent = false;
        object.gave_up = false;
        let bundle = object.bundle.clone();
        self.inventory_changed(&bundle, true);
        self.change(key, |_| {});
        self.work.urgent.insert(key.clone());
    }

    pub(super) fn on_deleted(&mut self, key: &ObjectKey, result: Answer) {
        let wanted_again = self
            .objects
            .get(key)
            .is_some_and(|object| object.want.is_some());
        match result {
            Ok((_, body)) if body.pointer("/metadata/deletionTimestamp").is_some() => {
                if let Some(object) = self.objects.get_mut(key) {
                    object.terminating = true;
                }
                let at = self.now.plus_ms(RETRY_LONGEST_MS / 2);
                self.wake_object(key, at);
            }
            Ok(_) if wanted_again => self.begin_again(key),
            Ok(_) => self.drop_row(key),
            Err(finding) => {
                if let Some(object) = self.objects.get_mut(key) {
                    object.deletion_sent = false;
                }
                self.fail(key, &finding);
                if Self::is_definite(&finding) {
                    self.work.questions.insert(key.clone());
                }
            }
        }
    }

    /// What is to be let go was read: its fields go to a manager that nobody is, our marks go away.
    /// (An empty apply would take every field that only we own with it.)
    pub(super) fn on_let_go(&mut self, key: &ObjectKey, result: Answer) {
        let Some(seen) = self.read_answer(key, result) else {
            self.ask_later(key);
            return;
        };
        let object = self.objects.get(key);
        let wanted = object.is_some_and(|object| object.want.is_some());
        if object.and_then(|object| object.uid()) != Some(seen.uid.as_str()) {
            match wanted && self.stance(key) == Mode::Release {
                // Ours is gone; this one was never ours.
                true => self.let_went(key),
                false => self.see(key, seen, Source::Asked),
            }
            return;
        }
        self.patch(key, farewell(&seen), Purpose::Release);
    }

    pub(super) fn on_released(&mut self, key: &ObjectKey, result: Answer) {
        match result {
            Ok(_) => {
                self.log(Decision::Released(key.clone()));
                let object = self.objects.get(key);
                match object.is_some_and(|object| object.want.is_some()) {
                    true => self.let_went(key),
                    false => self.drop_row(key),
                }
            }
            Err(finding) => {
                if let Some(object) = self.objects.get_mut(key) {
                    object.deletion_sent = false;
                }
                self.fail(key, &finding);
            }
        }
    }
}

fn farewell(seen: &Observed) -> Value {
    let version = seen.resource_version.to_string();
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": seen.uid}),
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": version}),
    ];
    if let Some(index) = managed_fields::our_position(&seen.body) {
        let path = format!("/metadata/managedFields/{index}/manager");
        patch.push(json!({"op": "replace", "path": path, "value": RELEASED_MANAGER}));
    }
    for (map, mark) in [("labels", BUNDLE_LABEL), ("annotations", DIGEST_ANNOTATION)] {
        let path = format!("/metadata/{map}/{}", mark.replace('/', "~1"));
        if seen.body.pointer(&path).is_some() {
            patch.push(json!({"op": "remove", "path": path}));
        }
    }
    Value::Array(patch)
}
