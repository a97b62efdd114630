//! What stands between an object and its turn: dependencies, waves, its namespace, its kind.

use capstan_proto::{BundleName, ObjectKey, Sync};

use super::bundle::Wait;
use super::object::State;
use super::send::namespace_key;
use super::{Agent, Object};
use crate::kind::Kind;
use crate::order::Rank;

impl Agent {
    /// What keeps a whole rank of a bundle waiting.
    pub(super) fn gate(&self, name: &BundleName, rank: Rank) -> Option<Wait> {
        if self.local.frozen {
            return Some(Wait::Frozen);
        }
        let bundle = &self.bundles[name];
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
        if key.namespace.is_empty() {
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
