//! Another cluster under a known name: nothing of the former one is its own.
//!
//! What a cluster is believed to have decides what is removed there. So a name that another cluster enrols under begins
//! empty, in the engine and in the store, and what a pass decided for the former cluster is not handed to the new one.

use capstan_hub_core::session::CloseReason;
use capstan_proto::{ClusterName, Moment};

use super::State;
use super::effect::Effect;
use super::memory::Which;
use super::spokes::ended;
use crate::ca::ClusterId;
use crate::ledger::records::Registration;

impl State {
    /// Takes the ledger's word for it that a name is this cluster's; `false` where that is older than what is known.
    pub(super) fn is_called(
        &mut self,
        name: &ClusterName,
        registration: &Registration,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let id = registration.id;
        if let Some(rename) = self.renames.to(name, id) {
            // Its agent is faster than who writes the ledger.
            self.renamed(&rename, now, effects);
        }
        if self.renames.present(id).is_some_and(|it| it != Some(name)) {
            return false;
        }
        let known = self.clusters.entry(name.clone()).or_default();
        let Some(former) = &known.member else {
            self.renames.enrolled(name);
            // What was given to nobody is its own now.
            if let Some(given) = &mut known.given {
                given.of = Some(id);
                effects.push(Effect::Remember(Which::Given, name.clone(), given.clone()));
            }
            return true;
        };
        if former.id == id {
            return true;
        }
        // Who takes a name over goes on counting its certificates; who enrols under one that became free begins anew.
        let older = registration.current.serial.renewal() < former.serial.renewal();
        if older && !self.renames.is_moving(name) {
            return false;
        }
        let former = former.id;
        self.taken_over(name, former, effects);
        true
    }

    fn taken_over(&mut self, name: &ClusterName, former: ClusterId, effects: &mut Vec<Effect>) {
        tracing::warn!(cluster = %name, "another cluster has this name now; nothing of the former one is its own");
        let close = ended(
            CloseReason::Retired,
            "another cluster enrolled under this name",
        );
        self.close(name, &close, effects);
        effects.push(Effect::CloseCluster(former));
        let Some(cluster) = self.clusters.remove(name) else {
            return;
        };
        let bundles = cluster.observed.states.keys().cloned().collect();
        effects.push(Effect::Forget(name.clone(), bundles));
        self.renames.taken(name, former, cluster);
    }
}
