//! The summing up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Health, Moment, Sync};

use super::judge::Case;
use super::{
    BundleOnCluster, BundleSummary, ClusterSummary, Counts, Flag, Fleet, Observed,
    PlacementSummary, Reason,
};
use crate::desired::{Desired, Target, Wanted};
use crate::placement::{ClusterDecision, Decisions};
use crate::session::{Connection, Hearing, connection};

/// What people are shown of the fleet at `now`.
#[must_use]
pub fn rollup(
    decisions: &Decisions,
    desired: &Desired,
    observed: &BTreeMap<ClusterName, Observed>,
    now: Moment,
) -> Fleet {
    let names: BTreeSet<&ClusterName> = decisions
        .clusters
        .keys()
        .chain(desired.clusters.keys())
        .chain(observed.keys())
        .collect();
    let mut fleet = Fleet {
        revisions: decisions.revisions.clone(),
        holds: desired.holds.len(),
        at: now,
        placements: placements(decisions, desired),
        bundles: bundles(decisions),
        ..Fleet::default()
    };
    let nothing = Observed::default();
    for name in names {
        let of = OfCluster {
            name,
            decision: decisions.clusters.get(name),
            wanted: desired.clusters.get(name),
            observed: observed.get(name).unwrap_or(&nothing),
            now,
        };
        let summary = of.summary();
        count(&mut fleet, name, &summary);
        fleet.clusters.insert(name.clone(), summary);
    }
    fleet
}

fn placements(
    decisions: &Decisions,
    desired: &Desired,
) -> BTreeMap<capstan_proto::PlacementName, PlacementSummary> {
    let mut summaries = BTreeMap::new();
    for (name, decision) in &decisions.placements {
        let summary = PlacementSummary {
            counts: Counts::default(),
            clusters: decision.selected().cloned().collect(),
            bundles: decision.bundles().iter().map(|r| r.name.clone()).collect(),
            shadowed: 0,
            suspended: decision.is_suspended(),
            held: desired
                .holds
                .iter()
                .any(|hold| hold.placement.as_ref() == Some(name)),
        };
        summaries.insert(name.clone(), summary);
    }
    let placed = decisions
        .clusters
        .values()
        .flat_map(|cluster| cluster.bundles.values());
    for shadowed in placed.flat_map(|placed| &placed.shadowed) {
        if let Some(summary) = summaries.get_mut(shadowed) {
            summary.shadowed += 1;
        }
    }
    summaries
}

/// Every declared bundle, also one that is placed nowhere.
fn bundles(decisions: &Decisions) -> BTreeMap<BundleName, BundleSummary> {
    let declared = |name: &BundleName| {
        (
            name.clone(),
            BundleSummary {
                declared: true,
                ..BundleSummary::default()
            },
        )
    };
    decisions.bundles.keys().map(declared).collect()
}

fn count(fleet: &mut Fleet, name: &ClusterName, summary: &ClusterSummary) {
    let connection = summary.connection;
    *fleet.counts.connections.entry(connection).or_default() += 1;
    let mut placements = BTreeSet::new();
    for (bundle, on_cluster) in &summary.bundles {
        fleet.counts.add(on_cluster, summary);
        let of_bundle = fleet.bundles.entry(bundle.clone()).or_default();
        of_bundle.counts.add(on_cluster, summary);
        *of_bundle.counts.connections.entry(connection).or_default() += 1;
        of_bundle.clusters.insert(name.clone());
        if let Some(placement) = &on_cluster.placement {
            of_bundle.placements.insert(placement.clone());
            placements.insert(placement);
            if let Some(of_placement) = fleet.placements.get_mut(placement) {
                of_placement.counts.add(on_cluster, summary);
            }
        }
    }
    for placement in placements {
        if let Some(of_placement) = fleet.placements.get_mut(placement) {
            *of_placement
                .counts
                .connections
                .entry(connection)
                .or_default() += 1;
        }
    }
}

struct OfCluster<'a> {
    name: &'a ClusterName,
    decision: Option<&'a ClusterDecision>,
    wanted: Option<&'a Wanted>,
    observed: &'a Observed,
    now: Moment,
}

impl OfCluster<'_> {
    fn summary(&self) -> ClusterSummary {
        let Observed {
            standing,
            open,
            heard_at,
            admitted_at,
            ..
        } = *self.observed;
        let hearing = Hearing {
            open,
            heard_at,
            admitted_at,
        };
        let connection = connection(standing, hearing, self.now);
        let target = self.wanted.and_then(Wanted::target);
        let bundles = self.bundles(connection, target);
        let (sync, reason, message) = self.sync(connection, target, &bundles);
        ClusterSummary {
            declared: self.decision.is_some(),
            labels: self
                .decision
                .map(|d| d.member.labels.clone())
                .unwrap_or_default(),
            connection,
            sync,
            health: health(connection, target, &bundles),
            reason,
            message,
            flags: self.flags(connection),
            bundles,
            wanted: target.map(|target| target.digest),
            held: self.observed.session.held,
            revisions: self.observed.held_stamps.clone(),
            agent_version: self.observed.agent_version.clone(),
            heard_at,
        }
    }

    /// Everything wanted, placed, or, without an opinion, reported.
    fn bundles(
        &self,
        connection: Connection,
        target: Option<&Target>,
    ) -> BTreeMap<BundleName, BundleOnCluster> {
        let mut names: BTreeSet<&BundleName> = BTreeSet::new();
        names.extend(
            self.decision
                .into_iter()
                .flat_map(|decision| decision.bundles.keys()),
        );
        names.extend(
            target
                .into_iter()
                .flat_map(|target| target.snapshot.bundles().keys()),
        );
        if target.is_none() {
            names.extend(self.observed.states.keys());
        }
        let unreported = names
            .iter()
            .any(|name| !self.observed.states.contains_key(*name));
        let declared = if unreported {
            objects_of(target)
        } else {
            BTreeMap::new()
        };
        let judge = |bundle: &BundleName| {
            let case = Case {
                cluster: self.name,
                bundle,
                connection,
                observed: self.observed,
                target,
                placed: self
                    .decision
                    .and_then(|decision| decision.bundles.get(bundle).map(Arc::as_ref)),
                declared: &declared,
            };
            (bundle.clone(), case.judge())
        };
        names.into_iter().map(judge).collect()
    }

    /// The worst bundle speaks for the cluster.
    fn sync(
        &self,
        connection: Connection,
        target: Option<&Target>,
        bundles: &BTreeMap<BundleName, BundleOnCluster>,
    ) -> (Sync, String, String) {
        if let Some(Wanted::NoOpinion { reason }) = self.wanted {
            return (Sync::Unknown, Reason::NoOpinion.to_string(), reason.clone());
        }
        let worst = bundles
            .iter()
            .rev()
            .max_by_key(|(_, bundle)| bundle.sync.severity());
        if let Some((name, bundle)) = worst {
            let said = (bundle.sync != Sync::Synced).then(|| {
                (
                    bundle.reason.clone(),
                    format!("{}: {}", name.name(), bundle.message),
                )
            });
            let (reason, message) = said.unwrap_or_default();
            return (bundle.sync, reason, message);
        }
        let held = self.observed.session.held.map(|held| held.digest);
        match (connection, target) {
            (Connection::Connected | Connection::Stale, Some(target)) => {
                if held == Some(target.digest) {
                    (Sync::Synced, String::new(), String::new())
                } else {
                    let message = "the snapshot is on its way".to_owned();
                    (Sync::Applying, Reason::Delivering.to_string(), message)
                }
            }
            (Connection::Banned, _) => {
                let message = self.observed.because("it is banned");
                (Sync::Unknown, connection.to_string(), message)
            }
            _ => (Sync::Unknown, connection.to_string(), String::new()),
        }
    }

    fn flags(&self, connection: Connection) -> BTreeSet<Flag> {
        let candidates = [
            (Flag::Undeclared, self.decision.is_none()),
            (Flag::Recovering, self.observed.session.recovering),
            (Flag::Stale, connection == Connection::Stale),
        ];
        candidates
            .into_iter()
            .filter(|(_, holds)| *holds)
            .map(|(flag, _)| flag)
            .collect()
    }
}

/// How many objects each bundle of a target has.
fn objects_of(target: Option<&Target>) -> BTreeMap<&BundleName, usize> {
    let mut counts = BTreeMap::new();
    for entry in target
        .into_iter()
        .flat_map(|target| target.snapshot.objects().values())
    {
        *counts.entry(&entry.bundle).or_default() += 1;
    }
    counts
}

fn health(
    connection: Connection,
    target: Option<&Target>,
    bundles: &BTreeMap<BundleName, BundleOnCluster>,
) -> Health {
    let worst = bundles
        .values()
        .map(|bundle| bundle.health)
        .max_by_key(|h| h.severity());
    let heard = matches!(connection, Connection::Connected | Connection::Stale);
    worst.unwrap_or(if heard && target.is_some() {
        Health::Healthy
    } else {
        Health::Unknown
    })
}
