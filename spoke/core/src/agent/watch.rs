//! Which kinds are watched and how, and what is known of each kind.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::{Health, Moment, Sync};

use super::Agent;
use super::object::State;
use super::timer::Timer;
use crate::effect::{Effect, Watch};
use crate::event::{Served, WatchProblem};
use crate::health::{self, Verdict};
use crate::kind::Kind;
use crate::limits::{DISCOVER_FIRST_MS, DISCOVER_LONGEST_MS, RELIST_EVERY_MS};

/// What is known of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KindState {
    pub(super) watch: Watch,
    /// Listed since it was watched, and nothing went wrong since.
    pub(super) listed: bool,
    /// What went wrong.
    pub(super) problem: Option<WatchProblem>,
}

impl Agent {
    /// Whether the kind's objects are known, so that an absence means something.
    pub(super) fn is_listed(&self, kind: &Kind) -> bool {
        self.kinds.get(kind).is_some_and(|state| state.listed)
    }

    /// Whether a kind that the snapshot defines is served already: discovery said so, or we own
    /// objects of it.
    pub(super) fn is_served(&self, kind: &Kind) -> bool {
        self.served.contains(kind)
    }

    /// Opens and closes watches where the set of kinds changed.
    pub(super) fn watch(&mut self) {
        if !std::mem::take(&mut self.watches_changed) {
            return;
        }
        let mut wanted: BTreeMap<Kind, Watch> = BTreeMap::new();
        for (key, object) in &self.objects {
            let kind = Kind::of(key);
            if object.uid().is_some() && !self.served.contains(&kind) {
                self.served.insert(kind.clone());
            }
            if kind.is_secret() {
                let names = wanted
                    .entry(kind)
                    .or_insert_with(|| Watch::Named(BTreeSet::new()));
                if let Watch::Named(names) = names {
                    names.insert((key.namespace.clone(), key.name.clone()));
                }
            } else {
                let full = object.is_judged_by_status(&kind);
                let mode = wanted.entry(kind).or_insert(Watch::Metadata);
                if full {
                    *mode = Watch::Full;
                }
            }
        }
        let target = self.target.as_ref();
        wanted.retain(|kind, _| {
            let defined = target.is_some_and(|target| target.definitions.contains_key(kind));
            !defined || self.served.contains(kind)
        });
        let known = self
            .kinds
            .iter()
            .map(|(kind, state)| (kind.clone(), state.watch.clone()));
        if wanted == known.collect() {
            return;
        }
        self.kinds.retain(|kind, _| wanted.contains_key(kind));
        for (kind, watch) in &wanted {
            let state = self.kinds.entry(kind.clone()).or_insert_with(|| KindState {
                watch: watch.clone(),
                listed: false,
                problem: None,
            });
            if state.watch != *watch {
                state.watch = watch.clone();
                state.listed = false;
            }
        }
        self.out.push(Effect::Watch(wanted));
    }

    /// The next list of a kind is due, somewhere in the second half of its time.
    pub(super) fn schedule_relist(&mut self, kind: &Kind) {
        let half = RELIST_EVERY_MS / 2;
        let at = self.now.plus_ms(half + self.jitter.draw() % half);
        if let Some(previous) = self.relists.insert(kind.clone(), at) {
            self.timers.unset(previous, &Timer::Relist(kind.clone()));
        }
        self.timers.set(at, Timer::Relist(kind.clone()));
    }

    pub(super) fn relist(&mut self, kind: &Kind) {
        if self.kinds.contains_key(kind) {
            self.out.push(Effect::Relist { kind: kind.clone() });
            self.schedule_relist(kind);
        } else {
            self.relists.remove(kind);
        }
    }

    pub(super) fn on_watch_failed(&mut self, kind: &Kind, problem: WatchProblem) {
        let Some(state) = self.kinds.get_mut(kind) else {
            return;
        };
        state.listed = false;
        state.problem = Some(problem.clone());
        let (reason, message) = words(kind, &problem);
        let keys: Vec<_> = self.keys_of(kind);
        for key in keys {
            self.change(&key, |object| {
                if object.uid().is_some() {
                    object.verdict = Verdict::new(Health::Unknown, reason, &message);
                }
                let doubted = object.is_unverified();
                if doubted || (object.is_applied() && object.state.sync == Sync::Synced) {
                    object.state = State::new(Sync::Unknown, reason, message.clone());
                }
            });
        }
        self.refreshed(Some(kind));
    }

    pub(super) fn on_cluster_restored(&mut self) {
        self.link.permit = None;
        for state in self.kinds.values_mut() {
            state.listed = false;
        }
        for object in self.objects.values_mut() {
            object.settled = 0;
            object.judged = 0;
        }
    }

    pub(super) fn want_discovery(&mut self, kind: &Kind) {
        if self.discovering.insert(kind.clone()) {
            self.discover_attempts = 0;
            self.discover();
        }
    }

    /// Whether an object of this kind that was lost at `since` may be made anew: the deletion of a
    /// definition takes its objects along, and looks the same (K19). Discovery is asked where nobody knows.
    pub(super) fn takes_new(&mut self, kind: &Kind, since: Moment) -> bool {
        let asked = self.confirmed.get(kind).is_some_and(|at| *at >= since);
        if asked || health::is_builtin_group(&kind.group) {
            return true;
        }
        self.want_discovery(kind);
        false
    }

    pub(super) fn discover(&mut self) {
        if !self.discovering.is_empty() {
            let kinds = self.discovering.clone();
            self.out.push(Effect::Discover { kinds });
        }
    }

    pub(super) fn on_discovered(&mut self, kinds: BTreeMap<Kind, Served>) {
        for (kind, served) in kinds {
            if matches!(served, Served::Yes { .. }) && self.discovering.remove(&kind) {
                self.confirmed.insert(kind.clone(), self.now);
                let lost = self.keys_of(&kind).into_iter();
                let lost = lost.filter(|key| self.objects[key].breach.is_some());
                self.work.urgent.extend(lost);
                self.served.insert(kind.clone());
                self.watches_changed = true;
                let waiting = self.work.blocked_kinds.remove(&kind).unwrap_or_default();
                self.replan(waiting);
            }
        }
        if !self.discovering.is_empty() {
            let wait = DISCOVER_FIRST_MS
                .saturating_mul(1 << self.discover_attempts.min(16))
                .min(DISCOVER_LONGEST_MS);
            self.discover_attempts += 1;
            self.timers.set(self.now.plus_ms(wait), Timer::Discover);
        }
    }

    /// Every object of a kind.
    pub(super) fn keys_of(&self, kind: &Kind) -> Vec<capstan_proto::ObjectKey> {
        let from = capstan_proto::ObjectKey::new(kind.group.clone(), kind.kind.clone(), "", "");
        let of_kind =
            |key: &capstan_proto::ObjectKey| key.group == kind.group && key.kind == kind.kind;
        let keys = self.objects.range(from..).map(|(key, _)| key);
        keys.take_while(|key| of_kind(key)).cloned().collect()
    }
}

fn words(kind: &Kind, problem: &WatchProblem) -> (&'static str, String) {
    match problem {
        WatchProblem::NotServed => (
            "KindNotServed",
            format!("the cluster does not serve {kind}"),
        ),
        WatchProblem::Forbidden { detail } => (
            "KindForbidden",
            format!("the agent may not watch {kind}: {detail}"),
        ),
        WatchProblem::Unknown { detail } => (
            "KindUnknown",
            format!("{kind} cannot be watched now: {detail}"),
        ),
    }
}
