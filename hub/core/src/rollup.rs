//! From what spokes report to what people are shown: unknown stays unknown, and age stays visible.

mod judge;
mod lastgood;
mod reason;
mod summarize;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use capstan_proto::state::BundleState;
use capstan_proto::{
    BundleName, ClusterName, Digest, Health, Moment, PlacementName, Revision, SourceName, Sync,
    Triple,
};

pub use reason::Reason;
pub use summarize::rollup;
pub use trouble::{Said, Told, Trouble, Troubles, What, Wrong, troubles};

use crate::session;
use crate::session::{Connection, Standing};

/// What the hub observed of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its membership.
    pub standing: Standing,
    /// Why it may not connect: the reason of its ban or quarantine; empty where there is none.
    pub why: String,
    /// Whether a session is open.
    pub open: bool,
    /// When anything was last heard of it.
    pub heard_at: Option<Moment>,
    /// Version of its agent.
    pub agent_version: String,
    /// What its session says.
    pub session: session::Status,
    /// The commits of the snapshot that it holds.
    pub held_stamps: BTreeMap<SourceName, Revision>,
    /// The last state of each bundle.
    pub states: BTreeMap<BundleName, BundleState>,
    /// What these states say is wrong, and since when.
    pub troubles: Troubles,
    /// Whether the states are from before this session: nothing says that they still hold.
    pub unreported: bool,
    /// Since when it may connect, as in [`session::Hearing`].
    pub admitted_at: Option<Moment>,
}

impl Observed {
    /// What is said of a cluster that may not connect, with the reason.
    fn because(&self, what: &str) -> String {
        match (self.standing, self.why.as_str()) {
            (_, "") => what.to_owned(),
            (Standing::Banned | Standing::Quarantined, why) => format!("{what}: {why}"),
            _ => what.to_owned(),
        }
    }

    /// Takes bundle states in: all that there are (`full`), or those that changed.
    pub fn take(&mut self, full: bool, states: Vec<BundleState>, gone: &[BundleName]) {
        if full {
            self.states.clear();
        }
        for bundle in gone {
            self.states.remove(bundle);
        }
        for state in states {
            self.troubles.note(&state);
            self.states.insert(state.bundle.clone(), state);
        }
        let known = &self.states;
        self.troubles.retain(|bundle| known.contains_key(bundle));
    }
}

/// Everything observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// By cluster: everything declared, enrolled or wanted.
    pub clusters: BTreeMap<ClusterName, ClusterSummary>,
    /// By bundle that is placed anywhere.
    pub bundles: BTreeMap<BundleName, BundleSummary>,
    /// By placement.
    pub placements: BTreeMap<PlacementName, PlacementSummary>,
    /// All clusters together.
    pub counts: Counts,
    /// Which commits were decided upon.
    pub revisions: BTreeMap<SourceName, Revision>,
    /// Bundles on clusters that run by a last good version, because what Git says is broken.
    pub last_good: usize,
    /// Removal sets that wait for approval.
    pub holds: usize,
    /// When this was put together.
    pub at: Moment,
}

/// Flags that explain a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// The user suspended its placement.
    Suspended,
    /// Another placement places the bundle here too, and does not own it.
    Shadowed,
    /// The hub or the cluster recovers: nothing is pruned.
    Recovering,
    /// What is shown was seen a while ago.
    Stale,
    /// It is left as it is, because what is declared is not known or does not render.
    Kept,
    /// Enrolled and not declared.
    Undeclared,
    /// It rests on the last good version of a document whose present text is broken.
    LastGood,
}

impl Flag {
    /// Every value, in order.
    pub const ALL: &'static [Self] = &[
        Self::Suspended,
        Self::Shadowed,
        Self::Recovering,
        Self::Stale,
        Self::Kept,
        Self::Undeclared,
        Self::LastGood,
    ];
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Suspended => "Suspended",
            Self::Shadowed => "Shadowed",
            Self::Recovering => "Recovering",
            Self::Stale => "Stale",
            Self::Kept => "Kept",
            Self::Undeclared => "Undeclared",
            Self::LastGood => "LastGood",
        })
    }
}

/// One bundle on one cluster, as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleOnCluster {
    /// The placement that owns it there.
    pub placement: Option<PlacementName>,
    /// Whether what is declared is what runs.
    pub sync: Sync,
    /// Whether what runs works.
    pub health: Health,
    /// One CamelCase word; empty when all is well.
    pub reason: String,
    /// One sentence; empty when all is well.
    pub message: String,
    /// Flags that explain.
    pub flags: BTreeSet<Flag>,
    /// How many objects, and how many of them Synced and Healthy, as last reported.
    pub objects: Objects,
    /// The snapshot that was judged; `None` when nothing was reported.
    pub snapshot: Option<Triple>,
    /// The commit of the bundle's source that the judged snapshot was made from, where known.
    pub revision: Option<Revision>,
    /// When it was judged.
    pub seen_at: Option<Moment>,
}

/// Numbers of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// All.
    pub all: usize,
    /// Those that say what is declared.
    pub synced: usize,
    /// Those that work.
    pub healthy: usize,
}

/// One cluster, as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSummary {
    /// Whether it is declared.
    pub declared: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// How hub and cluster stand.
    pub connection: Connection,
    /// The worst of its bundles.
    pub sync: Sync,
    /// The worst of its bundles.
    pub health: Health,
    /// One CamelCase word; empty when all is well.
    pub reason: String,
    /// One sentence; empty when all is well.
    pub message: String,
    /// Flags that explain.
    pub flags: BTreeSet<Flag>,
    /// Its bundles.
    pub bundles: BTreeMap<BundleName, BundleOnCluster>,
    /// What it should run; `None` for no opinion.
    pub wanted: Option<Digest>,
    /// What it holds.
    pub held: Option<Triple>,
    /// The commits of what it holds.
    pub revisions: BTreeMap<SourceName, Revision>,
    /// Version of its agent.
    pub agent_version: String,
    /// When anything was last heard of it.
    pub heard_at: Option<Moment>,
}

/// One bundle over all its clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleSummary {
    /// How its clusters are.
    pub counts: Counts,
    /// The clusters it is on.
    pub clusters: BTreeSet<ClusterName>,
    /// The placements that bring it.
    pub placements: BTreeSet<PlacementName>,
    /// Whether it is declared.
    pub declared: bool,
}

/// One placement over all its clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlacementSummary {
    /// How the bundles that it owns are.
    pub counts: Counts,
    /// The clusters it selects.
    pub clusters: BTreeSet<ClusterName>,
    /// The bundles it names.
    pub bundles: BTreeSet<BundleName>,
    /// How many bundles of it another placement owns.
    pub shadowed: usize,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether removals of it wait for approval.
    pub held: bool,
}

/// How many are how. Of a cluster's or placement's counts the unit is one bundle on one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By connection, of clusters.
    pub connections: BTreeMap<Connection, usize>,
    /// By sync, of bundles on clusters.
    pub syncs: BTreeMap<Sync, usize>,
    /// By health, of bundles on clusters.
    pub healths: BTreeMap<Health, usize>,
    /// How much is as declared.
    pub conformance: Conformance,
}

impl Counts {
    /// Counts one bundle on one cluster. What the hub has no opinion on cannot be said to conform.
    pub(super) fn add(&mut self, bundle: &BundleOnCluster, of: &ClusterSummary) {
        *self.syncs.entry(bundle.sync).or_default() += 1;
        *self.healths.entry(bundle.health).or_default() += 1;
        self.conformance.of += 1;
        if conforms(bundle, of.wanted.is_some(), of.connection) {
            self.conformance.conforming += 1;
        }
    }

    /// How many have a sync.
    #[must_use]
    pub fn sync(&self, sync: Sync) -> usize {
        self.syncs.get(&sync).copied().unwrap_or_default()
    }

    /// How many have a health.
    #[must_use]
    pub fn health(&self, health: Health) -> usize {
        self.healths.get(&health).copied().unwrap_or_default()
    }

    /// How many clusters stand so.
    #[must_use]
    pub fn connection(&self, connection: Connection) -> usize {
        self.connections
            .get(&connection)
            .copied()
            .unwrap_or_default()
    }
}

/// Whether a bundle is what is wanted, as a spoke says that is heard now.
fn conforms(bundle: &BundleOnCluster, wanted: bool, connection: Connection) -> bool {
    wanted && bundle.sync == Sync::Synced && connection == Connection::Connected
}

/// How much of what is wanted is known to be so now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conformance {
    /// Bundles on clusters that are Synced, as a connected spoke says, and not by a last good version.
    pub conforming: usize,
    /// Bundles on clusters that are wanted, or there without an opinion on them.
    pub of: usize,
}

/// `97.5 %`, rounded down so that only all of them are `100 %`; of nothing it is not known.
impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == 0 {
            return f.write_str("unknown");
        }
        if self.conforming == self.of {
            return f.write_str("100 %");
        }
        let permille = self.conforming * 1000 / self.of;
        write!(f, "{}.{} %", permille / 10, permille % 10)
    }
}

#[cfg(test)]
mod tests;
