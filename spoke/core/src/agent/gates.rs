//! What stands between an object and its turn: dependencies, waves, its namespace, its kind.

use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, ObjectKey, Sync};

use super::bundle::Wait;
use super::object::State;
use super::send::namespace_key;
use super::{Agent, Object};
use crate::effect::Decision;
use crate::event::LocalLimits;
use crate::kind::Kind;
use crate::order::Rank;

/// Why nothing is written.
const FROZEN: &str = "Frozen";

impl Agent {
    /// The administrator's limits count from now on; calls that are under way end.
    pub(super) fn on_limited(&mut self, limits: LocalLimits) {
        if self.local == limits {
            return;
        }
        self.local = limits;
        self.work.not_pruning = None;
        if let Some(target) = &mut self.target {
            target.removals_allowed = false;
        }
        // What was held back, or is not right and was not said to be held back.
        let waiting = self.objects.iter().filter(|(_, object)| {
            object.want.is_some() && (object.breach.is_some() || !object.is_applied())
        });
        let waiting: Vec<_> = waiting
            .filter(|(_, object)| object.tried.is_some() || object.state.reason == FROZEN)
            .map(|(key, _)| key.clone())
            .collect();
        self.work.urgent.extend(waiting);
    }

    /// Says why an object is not written, whatever it needs.
    pub(super) fn is_forbidden(&mut self, key: &ObjectKey) -> bool {
        let own = &self.local.own_namespace;
        let is_home = (key.group.as_str(), key.kind.as_str()) == ("", "Namespace");
        let is_own = key.namespace == *own || (is_home && key.name == *own);
        if !own.is_empty() && is_own {
            let finding = "the namespace of the agent holds its own state; nothing else is made there: \
                declare it in another namespace";
            let state = State::new(Sync::Failed, "OwnNamespace", finding);
            if self.objects[key].state != state {
                self.log(Decision::Failing {
                    object: key.clone(),
                    reason: "OwnNamespace".to_owned(),
                    message: finding.to_owned(),
                });
                self.say(key, state);
            }
            return true;
        }
        if self.local.frozen {
            let words = "the cluster's administrator froze it";
            self.say(key, State::new(Sync::Held, FROZEN, words));
        }
        self.local.frozen
    }

    /// What keeps a whole rank of a bundle waiting.
    pub(super) fn gate(&self, name: &BundleName, rank: Rank) -> Option<Wait> {
        if self.local.frozen {
            return Some(Wait::Frozen);
        }
        let bundle = &self.bundles[name];
        if bundle.mode != Mode::Enforce {
            return Some(Wait::Restrained(bundle.mode));
        }
        let policy = bundle.policy.as_ref()?;
        for dependency in &policy.depends_on {
            let good = self
                .bundles
                .get(dependency)
                .is_some_and(|other| other.policy.is_some() && other.is_good());
            let damaged = self.skipped.values().any(|skipped| skipped == dependency);
            if !good || damaged {
                return Some(Wait::Dependency(dependency.to_string()));
            }
        }
        if let Some(namespace) = &policy.create_namespace
            && let Some(helper) = self.namespaces.get(namespace)
            && !helper.ready
        {
            return Some(Wait::Namespace(namespace.clone()));
        }
        let bad = bundle.bad_before(rank.wave);
        (bad > 0).then(|| Wait::Wave(format!("{bad} objects of waves before {}", rank.wave)))
    }

    /// Whether an object has to wait for its namespace or its kind; it comes back when those are good.
    pub(super) fn is_blocked(&mut self, key: &ObjectKey) -> bool {
        let Some(object) = self.objects.get(key) else {
            return false;
        };
        if object.uid().is_some() {
            return false;
        }
        if let Some(home) = self.declared_home(key) {
            let words = format!("{home} is not ready yet");
            self.work
                .blocked
                .entry(home)
                .or_default()
                .insert(key.clone());
            self.say(
                key,
                State::new(Sync::Applying, "WaitingForNamespace", words),
            );
            return true;
        }
        let kind = Kind::of(key);
        let target = self.target.as_ref();
        let Some(definition) = target
            .and_then(|target| target.definitions.get(&kind))
            .cloned()
        else {
            return false;
        };
        if self.is_served(&kind) {
            return false;
        }
        if self.objects.get(&definition).is_some_and(Object::is_good) {
            self.want_discovery(&kind);
        }
        let words = format!("{definition} is not ready yet");
        self.work
            .blocked_kinds
            .entry(kind)
            .or_default()
            .insert(key.clone());
        self.say(key, State::new(Sync::Applying, "WaitingForKind", words));
        true
    }

    /// The object's namespace where the snapshot declares it and it is not there yet.
    fn declared_home(&self, key: &ObjectKey) -> Option<ObjectKey> {
        if key.namespace.is_empty() || key.namespace == self.local.own_namespace {
            return None;
        }
        let home = namespace_key(&key.namespace);
        let namespace = self.objects.get(&home)?;
        let waits = namespace.want.is_some() && !namespace.is_good();
        waits.then_some(home)
    }

    /// What waited for this object may go on.
    pub(super) fn unblock(&mut self, key: &ObjectKey) {
        let waiting = self.work.blocked.remove(key).unwrap_or_default();
        self.replan(waiting);
        let Some(target) = &self.target else {
            return;
        };
        let defines = target
            .definitions
            .iter()
            .filter(|(_, definition)| *definition == key);
        let kinds: Vec<_> = defines.map(|(kind, _)| kind.clone()).collect();
        for kind in kinds {
            if !self.is_served(&kind) {
                self.want_discovery(&kind);
            }
        }
    }
}
