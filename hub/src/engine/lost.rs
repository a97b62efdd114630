//! What placements selected last, where the record of that is lost with the store.
//!
//! It is put together again from what clusters were given, as far as that is on record, and from what they say they run.
//! Until every cluster said so that was ever given something, a placement with a `count` does not know what it has: it
//! stays where it is known to be, goes nowhere else, and nothing is said to the clusters that are awaited. So a lost
//! store moves no work. A banned or quarantined cluster is not awaited, nor one for which a person confirmed
//! (`hub recover --confirm`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_hub_core::placement::Decisions;
use capstan_hub_core::spec::{Placement, Spec};
use capstan_proto::{BundleName, ClusterName, Moment, PlacementName, SourceName};

use super::State;
use super::cluster::{Cluster, Heard};
use super::effect::Effect;
use super::previous::Previous;

/// Which placements' past is lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost {
    /// Sources of which no commit was read since the start.
    unread: BTreeSet<SourceName>,
    /// Placements that were declared when their source was first read, and of which nothing is on record. One that
    /// comes later is new, and selected nothing.
    placements: BTreeSet<PlacementName>,
}

/// What clusters ran before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    /// By placement: the clusters that were given something of it, as it is on record.
    pub(crate) given: Arc<Previous>,
    /// What clusters say they run of which that is not on record.
    pub(crate) said: BTreeMap<ClusterName, BTreeSet<BundleName>>,
    /// Clusters that did not say it yet.
    pub(crate) awaited: BTreeSet<ClusterName>,
}

/// What to decide from while something is lost.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Decisions that remember what was found.
    pub(crate) decisions: Decisions,
    /// Placements that do not know yet what they have, with what is known of it.
    pub(crate) waiting: Previous,
    /// Placements that know now.
    pub(crate) settled: BTreeSet<PlacementName>,
    /// Placements that do not know yet, with or without a `count`.
    pub(crate) open: BTreeSet<PlacementName>,
}

impl Lost {
    /// After a start nothing of these sources is known to be new.
    pub(crate) fn of(sources: BTreeSet<SourceName>) -> Self {
        Self {
            unread: sources,
            placements: BTreeSet::new(),
        }
    }

    /// Looks for what is lost; `None` where nothing is.
    pub(crate) fn find(&mut self, spec: &Spec, decisions: &Decisions, ran: &Ran) -> Option<Found> {
        let read = |source: &SourceName| spec.revisions.contains_key(source);
        let first: BTreeSet<SourceName> = self.unread.iter().filter(|s| read(s)).cloned().collect();
        self.unread.retain(|source| !first.contains(source));
        if first.is_empty() && self.placements.is_empty() {
            return None;
        }
        let mut previous = decisions.previous();
        let declared = spec.placements.keys();
        let lost = declared.filter(|p| first.contains(p.source()) && !previous.contains_key(*p));
        self.placements.extend(lost.cloned());
        self.placements
            .retain(|name| spec.placements.contains_key(name));
        if self.placements.is_empty() {
            return None;
        }
        let mut waiting = Previous::new();
        for name in &self.placements {
            let placement = &spec.placements[name].spec;
            let had = ran.of(name, placement);
            if placement.count.is_some() && !ran.awaited.is_empty() {
                waiting.insert(name.clone(), had.clone());
            }
            previous.insert(name.clone(), had);
        }
        let settled = match ran.awaited.is_empty() {
            true => std::mem::take(&mut self.placements),
            false => BTreeSet::new(),
        };
        Some(Found {
            decisions: Decisions::remembered(previous),
            waiting,
            settled,
            open: self.placements.clone(),
        })
    }
}

impl Ran {
    /// Where a placement was, as far as anybody says.
    fn of(&self, name: &PlacementName, placement: &Placement) -> BTreeSet<ClusterName> {
        let brings = |bundle: &BundleName| placement.bundles.iter().any(|r| r.name == *bundle);
        let said = self.said.iter();
        let said = said.filter(|(_, bundles)| bundles.iter().any(brings));
        let given = self.given.get(name).into_iter().flatten();
        given
            .chain(said.map(|(cluster, _)| cluster))
            .cloned()
            .collect()
    }
}

impl State {
    /// What clusters ran before, as far as it is known.
    pub(super) fn ran(&self) -> Ran {
        let unheard = self
            .clusters
            .iter()
            .filter(|(_, c)| c.heard != Heard::OnRecord);
        let mut ran = Ran {
            given: Arc::clone(&self.given_before),
            ..Ran::default()
        };
        for (name, cluster) in unheard {
            let speaks = cluster
                .member
                .as_ref()
                .is_some_and(|m| m.banned.is_none() && m.quarantined.is_none());
            match cluster.heard {
                Heard::Awaited if speaks => {
                    ran.awaited.insert(name.clone());
                }
                Heard::Said => {
                    let bundles = cluster.observed.states.keys().cloned().collect();
                    ran.said.insert(name.clone(), bundles);
                }
                Heard::Awaited | Heard::OnRecord => {}
            }
        }
        ran
    }

    /// A cluster may have said what it runs.
    pub(super) fn may_be_heard(
        &mut self,
        name: &ClusterName,
        nothing: bool,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let said = |cluster: &Cluster| nothing || !cluster.observed.unreported;
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        if cluster.heard == Heard::Awaited && said(cluster) {
            cluster.heard = Heard::Said;
            self.pass_is_due(now, effects);
        }
    }
}
