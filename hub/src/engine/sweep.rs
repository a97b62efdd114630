//! Which content nobody needs any more.
//!
//! Files are looked for beside the loop, against the snapshots that stand for what is needed when that begins. What
//! passes need meanwhile is noted here, and what is needed later is written again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::desired::Wanted;
use capstan_proto::{Digest, Snapshot};

use super::State;
use super::effect::Effect;

impl State {
    /// Everything that a cluster may need content of; `None` where it is not known what one holds.
    pub(super) fn needing(&mut self) -> Option<Vec<Arc<Snapshot>>> {
        let desired = self.desired.as_ref()?;
        if self.clusters.values().any(|cluster| cluster.forgotten) {
            return None;
        }
        let clusters = self.clusters.values();
        let mut needing: Vec<Arc<Snapshot>> = clusters
            .flat_map(|cluster| {
                let records = cluster.records().map(|known| Arc::clone(&known.snapshot));
                records.chain(cluster.readable())
            })
            .collect();
        let wanted = desired.clusters.values().filter_map(Wanted::target);
        needing.extend(wanted.map(|target| Arc::clone(&target.snapshot)));
        self.needed = Some(BTreeSet::new());
        Some(needing)
    }

    /// Gives content up, apart from what a pass needed meanwhile.
    pub(super) fn give_up(
        &mut self,
        (mut digests, age): (BTreeSet<Digest>, Duration),
        effects: &mut Vec<Effect>,
    ) {
        let needed = self.needed.take().unwrap_or_default();
        digests.retain(|digest| !needed.contains(digest));
        if !digests.is_empty() {
            effects.push(Effect::GiveUp(digests, age));
        }
    }
}
