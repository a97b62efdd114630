//! What the snapshot lacks goes away: only with every right to it, in reverse order, by UID.

use std::cmp::Reverse;

use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, ObjectKey, Sync};

use super::Agent;
use super::answer::Purpose;
use super::object::{Saved, State};
use crate::effect::Decision;
use crate::kind::Kind;
use crate::limits::CALLS_MAX;
use crate::order::{self, Stage};
use crate::ownership::{self, Removal, Rights};
use crate::policy::{self, Fate};

/// An object that leaves, in the order of removal: bundle by bundle, the last stage first.
pub(super) type Leaving = (BundleName, Reverse<Stage>, Reverse<ObjectKey>);

/// Whether those after an object may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// They may.
    Free,
    /// Those of earlier stages of its bundle wait.
    Stage,
    /// All of its bundle wait.
    Bundle,
}

impl Agent {
    /// Lists what we own and the held snapshot lacks.
    pub(super) fn list_leaving(&mut self) {
        self.work.not_pruning = None;
        self.work.leaving = self
            .objects
            .iter()
            .filter(|(key, object)| {
                let unwanted = object.want.is_none() && object.row.is_some();
                unwanted && !self.skipped.contains_key(*key)
            })
            .map(|(key, object)| leaving(key, &object.bundle))
            .collect();
    }

    pub(super) fn prune(&mut self) {
        if self.work.leaving.is_empty() {
            return;
        }
        match self.cluster_mode {
            Mode::Enforce => {}
            Mode::Observe => return self.say_would_delete(),
            Mode::Paused => return self.say_not_pruning("the cluster is paused".to_owned()),
            Mode::Release => return self.let_leaving_go(),
        }
        if let Err(reason) = self.may_prune() {
            self.say_not_pruning(reason);
            return;
        }
        self.work.not_pruning = None;
        let mut at: Option<Leaving> = None;
        let mut barrier: Option<(BundleName, Option<Stage>)> = None;
        while self.work.writes < CALLS_MAX
            && let Some(next) = self.next_leaving(at.as_ref())
        {
            let (bundle, Reverse(stage), Reverse(key)) = &next;
            let waits = barrier.as_ref().is_some_and(|(waiting, until)| {
                waiting == bundle && until.is_none_or(|until| *stage < until)
            });
            if waits {
                // Nothing more of this bundle.
                at = Some((bundle.clone(), Reverse(Stage::FIRST), Reverse(lowest())));
                continue;
            }
            match self.prune_one(key) {
                After::Free => {}
                After::Stage => barrier = Some((bundle.clone(), Some(*stage))),
                After::Bundle => barrier = Some((bundle.clone(), None)),
            }
            at = Some(next);
        }
    }

    fn next_leaving(&self, after: Option<&Leaving>) -> Option<Leaving> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut rest = match after {
            Some(after) => self.work.leaving.range((Excluded(after), Unbounded)),
            None => self.work.leaving.range::<Leaving, _>(..),
        };
        rest.next().cloned()
    }

    /// Whether anything may go, and all of it at once.
    fn may_prune(&mut self) -> Result<(), String> {
        let now = self.now;
        let target = self.target.as_ref();
        let rights = Rights {
            durable: target.filter(|t| t.durable).map(super::Target::triple),
            follows_held: target.is_some_and(|t| t.head.follows_held),
            permit: self.link.permit,
            frozen: self.local.frozen,
        };
        rights.check().map_err(ToOwned::to_owned)?;
        if !self.has_looked() {
            return Err("not every kind was listed since the start".to_owned());
        }
        let target = self.target.as_ref();
        if target.is_some_and(|target| target.removals_allowed) {
            return Ok(());
        }
        let owned = self.objects.values();
        let owned = owned.filter(|object| object.row.is_some()).count();
        let budget = self.local.removal_budget;
        let mut leaving = policy::Leaving::new();
        for (bundle, _, Reverse(key)) in &self.work.leaving {
            let objects = leaving.entry(bundle.clone()).or_default();
            objects.insert(key.clone(), self.fate(key));
        }
        let target = self.target.as_mut().expect("its snapshot is durable");
        policy::within_budget(&leaving, owned, budget, &target.head.approvals, now)?;
        // What was allowed as a set stays allowed while it gets smaller.
        target.removals_allowed = true;
        Ok(())
    }

    /// Whether an object that leaves may be deleted, or stays in any case.
    fn fate(&self, key: &ObjectKey) -> Fate {
        let Some(object) = self.objects.get(key) else {
            return Fate::Goes;
        };
        let bundle = self.bundles.get(&object.bundle);
        let with_bundle = bundle.is_none_or(|bundle| bundle.policy.is_none());
        match &object.row {
            Some(row) => match ownership::removal(key, row, with_bundle) {
                Removal::Release { .. } | Removal::Keep { .. } => Fate::Stays,
                Removal::Delete { .. } | Removal::Resolve => Fate::Goes,
            },
            None => Fate::Goes,
        }
    }

    /// Whether this process listed every kind that it watches, or was told why that cannot be. What
    /// is watched later does not count: its own list is waited for.
    fn has_looked(&mut self) -> bool {
        if !self.looked && !self.watches_changed {
            let mut kinds = self.kinds.values();
            self.looked = kinds.all(|kind| kind.listed || kind.problem.is_some());
        }
        self.looked
    }

    fn say_not_pruning(&mut self, reason: String) {
        if self.work.not_pruning.as_ref() == Some(&reason) {
            return;
        }
        let keys = self.work.leaving.iter();
        let keys: Vec<_> = keys.map(|(_, _, Reverse(key))| key.clone()).collect();
        for key in &keys {
            self.say(key, State::new(Sync::Held, "RemovalHeld", reason.clone()));
        }
        self.log(Decision::NotPruning {
            objects: keys.len(),
            reason: reason.clone(),
        });
        self.work.not_pruning = Some(reason);
    }

    /// Does what may be done about one object.
    fn prune_one(&mut self, key: &ObjectKey) -> After {
        let Some(object) = self.objects.get(key) else {
            return After::Free;
        };
        let Some(row) = &object.row else {
            return After::Free;
        };
        let waits = object.retry_at.is_some_and(|at| self.now < at);
        if object.call.is_some() || object.deletion_sent || waits {
            return After::Stage;
        }
        let bundle = self.bundles.get(&object.bundle);
        let policy = bundle.and_then(|bundle| bundle.policy.as_ref());
        if policy.is_some() && !bundle.is_some_and(super::Bundle::is_synced) {
            self.keep(
                key,
                Sync::Applying,
                "the rest of its bundle is not applied yet",
            );
            return After::Bundle;
        }
        if !self.is_listed(&Kind::of(key)) {
            self.keep(key, Sync::Unknown, "its kind cannot be watched now");
            return After::Stage;
        }
        if row.uid.is_some() && object.saved != Saved::Uid {
            // What is to be deleted is written down first.
            let bundle = object.bundle.clone();
            self.hurry(&bundle);
            return After::Stage;
        }
        match ownership::removal(key, row, policy.is_none()) {
            Removal::Keep { reason } => {
                self.keep(key, Sync::Held, reason);
                After::Free
            }
            Removal::Delete { .. } if self.is_lived_in(key) => {
                self.keep(key, Sync::Held, "objects that are wanted live in it");
                After::Free
            }
            removal => {
                self.remove(key, removal);
                After::Stage
            }
        }
    }

    fn remove(&mut self, key: &ObjectKey, removal: Removal) {
        match removal {
            Removal::Delete { uid } => {
                self.leave(key);
                self.log(Decision::Pruned(key.clone()));
                self.delete(key, uid);
            }
            Removal::Release { .. } => {
                self.leave(key);
                self.get(key, Purpose::LetGo);
            }
            Removal::Resolve | Removal::Keep { .. } => {
                self.work.questions.insert(key.clone());
            }
        }
    }

    pub(super) fn leave(&mut self, key: &ObjectKey) {
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

/// Where an object stands in the order of removal.
pub(super) fn leaving(key: &ObjectKey, bundle: &BundleName) -> Leaving {
    (
        bundle.clone(),
        Reverse(order::stage(key)),
        Reverse(key.clone()),
    )
}

/// Lower than every key.
fn lowest() -> ObjectKey {
    ObjectKey::new("", "", "", "")
}
