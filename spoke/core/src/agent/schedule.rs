//! What is done next: heals before roll-outs, roll-outs in order, reads beside both, removals last.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, Moment, ObjectKey, Sync};

use super::Agent;
use super::answer::Hindrance;
use super::bundle::Wait;
use super::object::Saved;
use super::prune::Leaving;
use super::timer::Timer;
use crate::kind::Kind;
use crate::limits::{CALLS_MAX, READS_MAX};
use crate::order::Rank;

/// How many objects of one rank are looked at to find one that may go on while others wait for their
/// intent to be durable.
const LOOK_AHEAD: usize = 32;

/// What is to be done as soon as there is room.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Objects to act upon, whatever their order: heals and retries.
    pub(super) urgent: BTreeSet<ObjectKey>,
    /// Objects to read.
    pub(super) questions: BTreeSet<ObjectKey>,
    /// Objects that wait for another object of the snapshot to be good.
    pub(super) blocked: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    /// Objects that wait for their kind to be served.
    pub(super) blocked_kinds: BTreeMap<Kind, BTreeSet<ObjectKey>>,
    /// Objects that wait for their row to be durable.
    pub(super) unsaved: BTreeMap<BundleName, BTreeSet<ObjectKey>>,
    /// Inventories to write.
    pub(super) inventories: BTreeSet<BundleName>,
    /// Namespaces to make.
    pub(super) namespaces: BTreeSet<String>,
    /// Writing calls under way.
    pub(super) writes: usize,
    /// Reading calls under way.
    pub(super) reads: usize,
    /// Objects that we own and the held snapshot lacks, in the order of their removal.
    pub(super) leaving: BTreeSet<Leaving>,
    /// Why nothing is pruned, as it was said last.
    pub(super) not_pruning: Option<String>,
}

/// A namespace that a bundle asked for (K9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Helper {
    pub(super) ready: bool,
    pub(super) in_flight: bool,
    pub(super) attempts: u32,
    pub(super) retry_at: Option<Moment>,
    pub(super) hindrance: Hindrance,
}

impl Agent {
    /// Does whatever the state asks for now.
    pub(super) fn pump(&mut self) {
        if !self.started {
            return;
        }
        self.make_namespaces();
        self.heal_and_retry();
        self.roll_out();
        self.ask();
        self.prune();
        self.write_inventories();
        self.watch();
    }

    fn has_room(&self) -> bool {
        self.work.writes < CALLS_MAX
    }

    fn heal_and_retry(&mut self) {
        while self.has_room()
            && let Some(key) = self.work.urgent.pop_first()
        {
            self.act(&key);
        }
    }

    fn roll_out(&mut self) {
        let names: Vec<_> = self
            .bundles
            .iter()
            .filter(|(_, bundle)| bundle.wait.is_some() || !bundle.todo.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let wait = self.roll_out_bundle(&name);
            let bundle = self.bundles.get_mut(&name).expect("bundles do not go here");
            if bundle.wait != wait {
                bundle.wait = wait;
                self.reporter.touch(&name);
                self.wake_reporter();
            }
        }
    }

    fn roll_out_bundle(&mut self, name: &BundleName) -> Option<Wait> {
        while self.has_room() {
            let bundle = &self.bundles[name];
            let rank = *bundle.todo.keys().next()?;
            if bundle.trying.keys().any(|trying| *trying < rank) {
                return None;
            }
            if let Some(wait) = self.gate(name, rank) {
                return Some(wait);
            }
            let Some(key) = self.next_of(name, rank) else {
                self.hurry(name);
                return Some(Wait::Durable);
            };
            let bundle = self.bundles.get_mut(name).expect("it was there just now");
            bundle.unplan(rank, &key);
            if !self.is_blocked(&key) {
                self.act(&key);
            }
        }
        None
    }

    /// The next object of a rank that does not wait for something durable.
    fn next_of(&self, name: &BundleName, rank: Rank) -> Option<ObjectKey> {
        let bundle = &self.bundles[name];
        let mut ahead = bundle.todo.get(&rank)?.iter().take(LOOK_AHEAD);
        ahead.find(|key| self.is_saved(key)).cloned()
    }

    /// Whether what an apply of this object needs to be durable is durable: the snapshot and the
    /// intent for a creation, the UID for a change.
    fn is_saved(&self, key: &ObjectKey) -> bool {
        let Some(object) = self.objects.get(key) else {
            return true;
        };
        let durable = self.target.as_ref().is_some_and(|target| target.durable);
        match object.uid() {
            Some(_) => object.saved == Saved::Uid,
            None => durable && object.saved >= Saved::Intent,
        }
    }

    /// Somebody waits for what is not written yet.
    pub(super) fn hurry(&mut self, name: &BundleName) {
        if self
            .bundles
            .get(name)
            .is_some_and(|bundle| bundle.writer.dirty)
        {
            self.work.inventories.insert(name.clone());
        }
    }

    pub(super) fn replan(&mut self, keys: BTreeSet<ObjectKey>) {
        for key in keys {
            self.plan_again(&key);
        }
    }

    fn plan_again(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get(key) else {
            return;
        };
        if let Some(want) = &object.want
            && let Some(bundle) = self.bundles.get_mut(&object.bundle)
        {
            bundle.plan(want.rank, key.clone());
        }
    }

    /// Does what one object needs now, if it needs something and nothing stands against it.
    fn act(&mut self, key: &ObjectKey) {
        let now = self.now;
        let Some(object) = self.objects.get(key) else {
            return;
        };
        if object.want.is_none() {
            return;
        }
        let mode = self.stance(key);
        let broken = object.breach.is_some();
        let waits = object.retry_at.is_some_and(|at| now < at);
        let waits = waits && !(mode == Mode::Observe && broken);
        if object.call.is_some() || object.terminating || object.gave_up || waits {
            return;
        }
        let unordered = matches!(mode, Mode::Observe | Mode::Release);
        let applied = object.is_applied();
        if !broken && applied && !unordered {
            return;
        }
        if self.is_forbidden(key) {
            return;
        }
        let durable = self.target.as_ref().is_some_and(|target| target.durable);
        match mode {
            Mode::Enforce => {}
            Mode::Observe => return self.study(key),
            Mode::Release if durable => return self.let_go(key),
            Mode::Paused if broken && applied => return self.mend_breach(key),
            Mode::Paused | Mode::Release => return self.hold_back(key),
        }
        let Some(object) = self.objects.get(key) else {
            return;
        };
        let Some(want) = &object.want else {
            return;
        };
        let saved = self.is_saved(key);
        if saved && object.breach.is_some() && object.is_applied() {
            self.mend_breach(key);
            return;
        }
        if !saved {
            let bundle = object.bundle.clone();
            self.hurry(&bundle);
            self.work
                .unsaved
                .entry(bundle)
                .or_default()
                .insert(key.clone());
            return;
        }
        let (digest, rank) = (want.digest, want.rank);
        let first = object.tried != Some(digest);
        self.start(key);
        if let Some(object) = self.objects.get_mut(key) {
            object.tried = Some(digest);
            object.breach = None;
            if first && object.call.is_some() && object.trying.is_none() {
                object.trying = Some(rank);
                let bundle = self.bundles.get_mut(&object.bundle);
                let bundle = bundle.expect("an object's bundle is known");
                *bundle.trying.entry(rank).or_default() += 1;
            }
        }
    }

    /// A call for this object is over and nothing follows it directly: it no longer keeps its rank,
    /// and what it needs next is looked at.
    pub(super) fn conclude(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        if object.call.is_some() {
            return;
        }
        if let Some(rank) = object.trying.take() {
            let bundle = self.bundles.get_mut(&object.bundle);
            bundle.expect("an object's bundle is known").tried(rank);
        }
        let Some(object) = self.objects.get(key) else {
            return;
        };
        let Some(want) = &object.want else {
            return;
        };
        let again = match self.stance(key) {
            Mode::Observe => object.retry_at.is_none(),
            Mode::Release => object.row.is_some(),
            Mode::Enforce | Mode::Paused => false,
        };
        if again {
            self.work.urgent.insert(key.clone());
        } else if !object.is_applied() && object.tried != Some(want.digest) {
            self.plan_again(key);
        } else if object.breach.is_some() || !object.is_applied() {
            self.work.urgent.insert(key.clone());
        }
    }

    /// The moment of something about an object has come.
    pub(super) fn on_object_timer(&mut self, key: &ObjectKey) {
        let now = self.now;
        let Some(object) = self.objects.get(key) else {
            return;
        };
        let ages = object.verdict.then.is_some_and(|then| now >= then.at);
        let retry = object.retry_at.is_some_and(|at| now >= at);
        if ages {
            self.change(key, |object| {
                object.age(now);
            });
        }
        let Some(object) = self.objects.get_mut(key) else {
            return;
        };
        if retry {
            object.retry_at = None;
        }
        let check = std::mem::take(&mut object.check_due);
        let leaving = object.want.is_none() && object.deletion_sent;
        let unknown = object.state.sync == Sync::Unknown && object.is_applied();
        if check || object.terminating || leaving || unknown {
            self.work.questions.insert(key.clone());
        } else {
            self.work.urgent.insert(key.clone());
        }
    }

    /// Reads what has to be read.
    fn ask(&mut self) {
        let mut later = BTreeSet::new();
        while self.work.reads < READS_MAX
            && let Some(key) = self.work.questions.pop_first()
        {
            match self.objects.get(&key) {
                Some(object) if object.call.is_some() => {
                    later.insert(key);
                }
                Some(_) => self.question(&key),
                None => {}
            }
        }
        self.work.questions.extend(later);
    }

    fn make_namespaces(&mut self) {
        let restrained = self.local.frozen || self.cluster_mode != Mode::Enforce;
        if restrained || self.target.as_ref().is_none_or(|target| !target.durable) {
            return;
        }
        let now = self.now;
        for name in std::mem::take(&mut self.work.namespaces) {
            let Some(helper) = self.namespaces.get_mut(&name) else {
                continue;
            };
            let waits = helper.retry_at.is_some_and(|at| now < at);
            if helper.ready || helper.in_flight || waits {
                continue;
            }
            helper.in_flight = true;
            self.apply_namespace(&name);
        }
    }

    /// A namespace that was made for a bundle is not there any more.
    pub(super) fn namespace_missing(&mut self, name: &str) {
        if let Some(helper) = self.namespaces.get_mut(name)
            && helper.ready
        {
            helper.ready = false;
            self.work.namespaces.insert(name.to_owned());
        }
    }

    pub(super) fn wake_object(&mut self, key: &ObjectKey, at: Moment) {
        self.timers.set(at, Timer::Object(key.clone()));
    }
}
