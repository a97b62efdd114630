//! What the snapshot lacks goes away: only with every right to it, in reverse order, by UID.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use capstan_proto::{BundleName, ObjectKey, Sync};

use super::Agent;
use super::answer::Purpose;
use super::object::{Saved, State};
use crate::effect::Decision;
use crate::kind::Kind;
use crate::limits::CALLS_MAX;
use crate::order::{self, Stage};
use crate::ownership::{self, Removal, Rights};
use crate::policy;

impl Agent {
    /// Objects that we own and the held snapshot lacks.
    pub(super) fn leaving(&self) -> impl Iterator<Item = (&ObjectKey, &super::Object)> {
        self.objects.iter().filter(|(key, object)| {
            object.want.is_none() && object.row.is_some() && !self.skipped.contains_key(*key)
        })
    }

    pub(super) fn prune(&mut self) {
        if self.work.leaving == 0 {
            return;
        }
        let keys: BTreeSet<_> = self.leaving().map(|(key, _)| key.clone()).collect();
        self.work.leaving = keys.len();
        if keys.is_empty() {
            self.drop_empty_bundles();
            return;
        }
        if let Err(reason) = self.may_prune(&keys) {
            self.say_not_pruning(&keys, reason);
            return;
        }
        self.work.not_pruning = None;
        let mut ordered: Vec<_> = keys
            .iter()
            .map(|key| {
                (
                    self.objects[key].bundle.clone(),
                    Reverse(order::stage(key)),
                    key,
                )
            })
            .collect();
        ordered.sort_by(|a, b| (&a.0, a.1, Reverse(a.2)).cmp(&(&b.0, b.1, Reverse(b.2))));
        let mut barrier: Option<(BundleName, Stage)> = None;
        for (bundle, Reverse(stage), key) in ordered {
            if self.work.writes >= CALLS_MAX {
                return;
            }
            if barrier
                .as_ref()
                .is_some_and(|(b, s)| *b == bundle && *s > stage)
            {
                continue;
            }
            if self.prune_one(key) {
                barrier = Some((bundle, stage));
            }
        }
    }

    /// Whether anything may go, and all of it at once.
    fn may_prune(&mut self, keys: &BTreeSet<ObjectKey>) -> Result<(), String> {
        let now = self.now;
        let target = self.target.as_ref();
        let rights = Rights {
            durable: target.filter(|t| t.durable).map(super::Target::triple),
            follows_held: target.is_some_and(|t| t.head.follows_held),
            permit: self.link.permit,
            frozen: self.local.frozen,
        };
        rights.check().map_err(ToOwned::to_owned)?;
        let owned = self
            .objects
            .values()
            .filter(|object| object.row.is_some())
            .count();
        let budget = self.local.removal_budget;
        let target = self.target.as_mut().expect("its snapshot is durable");
        if target.removals_allowed {
            return Ok(());
        }
        policy::within_budget(keys, owned, budget, &target.head.approvals, now)?;
        // What was allowed as a set stays allowed while it gets smaller.
        target.removals_allowed = true;
        Ok(())
    }

    fn say_not_pruning(&mut self, keys: &BTreeSet<ObjectKey>, reason: String) {
        if self.work.not_pruning.as_ref() == Some(&reason) {
            return;
        }
        for key in keys {
            self.say(key, State::new(Sync::Held, "RemovalHeld", reason.clone()));
        }
        self.log(Decision::NotPruning {
            objects: keys.len(),
            reason: reason.clone(),
        });
        self.work.not_pruning = Some(reason);
    }

    /// Does what may be done about one object; whether those below it have to wait.
    fn prune_one(&mut self, key: &ObjectKey) -> bool {
        let object = &self.objects[key];
        let Some(row) = &object.row else {
            return false;
        };
        let waits = object.retry_at.is_some_and(|at| self.now < at);
        if object.call.is_some() || object.deletion_sent || waits {
            return true;
        }
        let bundle = self.bundles.get(&object.bundle);
        let policy = bundle.and_then(|bundle| bundle.policy.as_ref());
        if policy.is_some() && !bundle.is_some_and(|bundle| bundle.is_synced()) {
            self.keep(
                key,
                Sync::Applying,
                "the rest of its bundle is not applied yet",
            );
            return true;
        }
        if !self.is_listed(&Kind::of(key)) {
            self.keep(key, Sync::Unknown, "its kind cannot be watched now");
            return true;
        }
        if row.uid.is_some() && object.saved != Saved::Uid {
            // What is to be deleted is written down first.
            let bundle = object.bundle.clone();
            self.hurry(&bundle);
            return true;
        }
        match ownership::removal(key, row, policy.is_none()) {
            Removal::Keep { reason } => {
                self.keep(key, Sync::Held, reason);
                false
            }
            Removal::Resolve => {
                self.work.questions.insert(key.clone());
                true
            }
            Removal::Delete { .. } if self.is_lived_in(key) => {
                self.keep(key, Sync::Held, "objects that are wanted live in it");
                false
            }
            Removal::Delete { uid } => {
                self.leave(key);
                self.log(Decision::Pruned(key.clone()));
                self.delete(key, uid);
                true
            }
            Removal::Release { .. } => {
                self.leave(key);
                self.get(key, Purpose::LetGo);
                true
            }
        }
    }

    fn leave(&mut self, key: &ObjectKey) {
        self.change(key, |object| {
            object.deletion_sent = true;
            object.state = State::new(Sync::Applying, "Leaving", "it is being removed");
        });
    }

    fn keep(&mut self, key: &ObjectKey, sync: Sync, reason: &str) {
        let state = State::new(sync, "RemovalHeld", reason);
        if self.objects[key].state != state {
            self.say(key, state);
        }
    }

    /// Whether a namespace or a definition still holds something of ours.
    fn is_lived_in(&self, key: &ObjectKey) -> bool {
        let others = || self.objects.iter().filter(|(other, _)| *other != key);
        match (key.group.as_str(), key.kind.as_str()) {
            ("", "Namespace") => others().any(|(other, _)| other.namespace == key.name),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                // Its name is `<plural>.<group>`.
                let group = key.name.split_once('.').map_or("", |(_, group)| group);
                others().any(|(other, _)| other.group == group)
            }
            _ => false,
        }
    }
}
