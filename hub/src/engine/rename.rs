//! A cluster under another name: its identity moves along, with what it was given and what it holds.
//!
//! In the engine it has the new name at once; in the ledger as soon as that is written, and then its session ends, so that
//! the agent comes back under the new name. What the old session says until then is nobody's. When the hub stops in
//! between, the next pass begins again.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::session::CloseReason;
use capstan_proto::{ClusterName, Moment};

use super::State;
use super::effect::Effect;
use super::event::Event;
use super::memory::Which;
use super::spokes::ended;
use crate::ledger::records::{Batch, ByUid, Identified, RecordError, Records, keys};
use crate::ledger::{Outcome, WriteError};
use crate::store::Store;

/// The former name, and the present one.
pub(crate) type Rename = (ClusterName, ClusterName);

impl State {
    /// Takes a pass's word for it that a cluster is called otherwise.
    pub(super) fn renamed(&mut self, (from, to): Rename, effects: &mut Vec<Effect>) {
        // Who enrolled under that name meanwhile is another cluster; what was only declared is nobody.
        let taken = self.clusters.get(&to);
        if taken.is_some_and(|taken| taken.member.is_some()) {
            return;
        }
        let Some(cluster) = self.clusters.remove(&from) else {
            return;
        };
        tracing::info!(%from, %to, "a cluster is called otherwise; its identity moves along");
        for (which, known) in [(Which::Given, &cluster.given), (Which::Held, &cluster.held)] {
            if let Some(known) = known {
                effects.push(Effect::Remember(which, to.clone(), known.clone()));
            }
        }
        let states = cluster.observed.states.iter();
        let states = states.map(|(bundle, state)| (bundle.clone(), Some(state.clone())));
        effects.push(Effect::RememberStates(to.clone(), states.collect()));
        let enrolled = cluster.member.is_some();
        self.log.rename(&BTreeMap::from([(&from, &to)]));
        self.clusters.insert(to.clone(), cluster);
        if enrolled {
            effects.push(Effect::Rename((from, to)));
        }
    }

    /// The ledger has the new name: the agent comes back under it.
    pub(super) fn rename_kept(
        &mut self,
        (from, to): &Rename,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let close = ended(CloseReason::Replaced, "the cluster has another name now");
        for name in [from, to] {
            self.close(name, &close, effects);
        }
        // Who came back under the old name before it was written is the same cluster.
        if self
            .clusters
            .get(from)
            .is_some_and(|again| again.given.is_none())
        {
            self.clusters.remove(from);
        }
        self.pass_is_due(now, effects);
    }
}

/// Moves a registration to another name, and forgets what is on record under the old one.
pub(super) async fn write(
    records: Records,
    store: Arc<Store>,
    (from, to): Rename,
) -> Result<Option<Event>, RecordError> {
    let (old, new) = (keys::registration(&from), keys::registration(&to));
    loop {
        let Some(read) = records.get(&old).await? else {
            break;
        };
        if records.get(&new).await?.is_some() {
            tracing::warn!(%from, %to, "another cluster enrolled under the new name; the ledger keeps the old one");
            return Ok(None);
        }
        let named = Identified { name: to.clone() };
        let mut batch = Batch::new()
            .unchanged(&old, Some(&read))
            .unchanged(&new, None)
            .put(&new, &read.value)
            .delete(&old)
            .put(&keys::identified(read.value.id), &named);
        if let Some(uid) = keys::by_uid(&read.value.cluster_uid) {
            let named = ByUid { name: to.clone() };
            batch = batch.put(&uid, &named);
        }
        let (was, is) = (keys::recovering(&from), keys::recovering(&to));
        if let Some(recovering) = records.get(&was).await? {
            batch = batch.put(&is, &recovering.value).delete(&was);
        }
        match records.commit(batch).await {
            Ok(Outcome::Committed(_)) => break,
            Ok(Outcome::Conflict { .. }) | Err(WriteError::Unknown) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Only now: until the ledger has the new name, a start needs what is on record under the old one.
    for which in [Which::Given, Which::Held] {
        // A store that fails says so by itself.
        drop(super::memory::forget(&store, which, &from));
    }
    Ok(Some(Event::Renamed((from, to))))
}
