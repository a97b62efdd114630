//! One snapshot per cluster, and which removals wait for a person.
//!
//! Nothing is removed because something failed: a bundle that does not render, is not declared, or
//! whose source is not fully known keeps what is there. What would be removed on purpose is counted
//! against a budget, and held beyond it.

mod budget;
mod draft;
mod modes;
mod removal;
mod rename;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use capstan_proto::{
    BundleName, ClusterName, Digest, Moment, ObjectKey, PlacementName, Revision, Snapshot,
    SourceName, delta,
};
use serde::{Deserialize, Serialize};

pub use budget::Budget;
pub(crate) use draft::unknown_placement;
pub use modes::Policies;
use removal::Group;
pub use removal::{Hold, RemovalSet, Why};
pub use resolve::desired;

use crate::effective::Unknown;
use crate::problem::{Place, Problem};

/// What a cluster was last given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given {
    /// Nothing, ever.
    #[default]
    Nothing,
    /// Something, but the record of it is lost. Nothing is pruned there until somebody confirms.
    Unknown,
    /// This.
    Known(Last),
}

/// What a cluster was last given, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The placement that owned each bundle.
    pub owners: BTreeMap<BundleName, PlacementName>,
    /// Whether it is certain that nothing else was there before: false after `Unknown`, until
    /// somebody confirms or the spoke turns out to hold the same.
    pub certain: bool,
}

impl Given {
    /// What a cluster was given once a target was handed out.
    #[must_use]
    pub fn after(target: &Target) -> Self {
        Self::Known(Last {
            snapshot: Arc::clone(&target.snapshot),
            owners: target.owners.clone(),
            certain: target.prune == Prune::Permitted,
        })
    }

    /// The same, once somebody confirmed what the cluster runs, or it turned out to be the same.
    #[must_use]
    pub fn confirmed(self) -> Self {
        match self {
            Self::Known(last) => Self::Known(Last {
                certain: true,
                ..last
            }),
            other => other,
        }
    }
}

/// What every cluster was last given, and what a person allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// By cluster; a cluster that is not listed was given nothing.
    pub clusters: BTreeMap<ClusterName, Given>,
    /// Removals of the last 24 h that nobody had to approve.
    pub log: RemovalLog,
    /// Approved removal sets.
    pub approvals: Vec<Approval>,
    /// How much may be removed without asking.
    pub budget: Budget,
    /// The present moment.
    pub now: Moment,
    /// Placements that do not know which clusters they selected last, because the record is lost,
    /// with those that are known to have something of them. They bring nothing to others, and take
    /// nothing away.
    pub waiting: BTreeMap<PlacementName, BTreeSet<ClusterName>>,
    /// Clusters that did not say yet what they run, where that is not on record. While placements
    /// wait for them, nothing is said to them.
    pub awaited: BTreeSet<ClusterName>,
    /// Bundles that clusters say they run, and that are not in what they were last given.
    pub unrecorded: BTreeMap<ClusterName, BTreeSet<BundleName>>,
    /// What the policies say that clusters were given, as far as it is known: the mode of a cluster is put
    /// into those of bundles that stay as they are.
    pub policies: Arc<Policies>,
    /// Enrolled clusters that may not connect.
    pub banned: BTreeSet<ClusterName>,
}

/// Removals that were within the budget, so that small steps add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalLog {
    /// What left when.
    pub entries: BTreeSet<Removal>,
}

/// One object that was allowed to leave a cluster without an approval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Removal {
    /// The cluster.
    pub cluster: ClusterName,
    /// What left.
    pub object: ObjectKey,
    /// The bundle it belonged to.
    pub bundle: BundleName,
    /// The placement that had brought it; `None` when that was not recorded.
    pub placement: Option<PlacementName>,
    /// Whether the placement gave up the cluster, rather than the object.
    pub cluster_lost: bool,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: i64,
}

/// A removal set that a person approved: it and its subsets may be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The set.
    pub set: RemovalSet,
    /// Who approved.
    pub approver: String,
    /// Why, in the approver's words.
    pub reason: String,
    /// Until when, in milliseconds since 1970.
    pub expires_unix_ms: i64,
}

/// Whether the objects that a snapshot lacks may be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    /// They may: every removal was within the budget, or approved.
    Permitted,
    /// They may not, for this reason.
    Withheld(String),
}

/// What one cluster should run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The snapshot to give.
    pub snapshot: Arc<Snapshot>,
    /// Its digest.
    pub digest: Digest,
    /// The placement that owns each bundle in it.
    pub owners: BTreeMap<BundleName, PlacementName>,
    /// Whether what it lacks may be deleted.
    pub prune: Prune,
    /// Approvals that travel with it.
    pub approvals: Vec<delta::Approval>,
    /// The commits it was resolved from.
    pub stamps: BTreeMap<SourceName, Revision>,
    /// What is there although nobody asks for it now, and why.
    pub kept: BTreeMap<BundleName, Kept>,
    /// Objects that a bundle declares and another one has.
    pub conflicts: Vec<Conflict>,
}

/// Why a bundle on a cluster is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// A placement names it, and it is not declared.
    NotDeclared {
        /// Where it is named.
        named_at: Place,
    },
    /// Its content does not render for this cluster.
    NotRendered {
        /// The first problem, in words.
        problem: String,
    },
    /// It is not known what it is rendered with here.
    NotKnown {
        /// What is not known.
        what: Unknown,
    },
    /// Its placement is suspended.
    Suspended {
        /// Which one.
        placement: PlacementName,
    },
    /// Its placement reaches further than its source may.
    ReachesTooFar {
        /// Which one.
        placement: PlacementName,
    },
    /// Its placement names another bundle that is not declared: a slip of the pen, perhaps.
    NamesUnknown {
        /// The placement.
        placement: PlacementName,
        /// The name that nothing declares.
        bundle: BundleName,
        /// Where it stands.
        named_at: Place,
    },
    /// Its source is not fully known.
    SourceUnknown {
        /// Which one.
        source: SourceName,
        /// What is unknown.
        why: String,
    },
    /// Its placement does not know which clusters it selected last.
    Waits {
        /// Which one.
        placement: PlacementName,
    },
    /// It would leave, and the cluster is released: it is let go, not removed.
    Released,
    /// Its removal waits for approval.
    Held {
        /// Digest of the removal set.
        set: Digest,
    },
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeclared { named_at } => {
                write!(f, "it is named at {named_at} and not declared")
            }
            Self::NotRendered { problem } => write!(f, "it does not render: {problem}"),
            Self::NotKnown { what } => write!(f, "{what}"),
            Self::Suspended { placement } => {
                write!(f, "placement {} is suspended", placement.name())
            }
            Self::ReachesTooFar { placement } => write!(
                f,
                "placement {} reaches further than its source may; what it brought stays",
                placement.name()
            ),
            Self::Waits { placement } => write!(
                f,
                "placement {} waits until every cluster said what it runs, because the hub's record \
                 of that is lost",
                placement.name()
            ),
            Self::NamesUnknown {
                placement,
                bundle,
                named_at,
            } => write!(
                f,
                "placement {} names `{}` at {named_at}, which is not declared; what it brought stays",
                placement.name(),
                bundle.name()
            ),
            Self::SourceUnknown { source, why } => {
                write!(f, "source {source} is not fully known: {why}")
            }
            Self::Released => write!(f, "the cluster is released: nothing leaves it by removal"),
            Self::Held { set } => write!(f, "its removal waits for approval of {}", set.short()),
        }
    }
}

/// An object that two bundles declare on one cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The object.
    pub object: ObjectKey,
    /// The bundle that has it.
    pub holder: BundleName,
    /// The bundle that does not get it.
    pub loser: BundleName,
}

/// What is wanted of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This.
    Snapshot(Target),
    /// Nothing is known: it keeps what it has. Never the same as an empty snapshot.
    NoOpinion {
        /// Why.
        reason: String,
    },
}

impl Wanted {
    /// The target, where there is one.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Snapshot(target) => Some(target),
            Self::NoOpinion { .. } => None,
        }
    }
}

/// What is wanted of the whole fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Every cluster that is declared, enrolled or was given something.
    pub clusters: BTreeMap<ClusterName, Wanted>,
    /// New content that the snapshots need: canonical bytes by digest. Content of kept objects is
    /// not listed: it was handed out before.
    pub content: BTreeMap<Digest, Arc<[u8]>>,
    /// Removals that wait for approval.
    pub holds: Vec<Hold>,
    /// Removals to append to the log once the snapshots are handed out.
    pub removals: Vec<Removal>,
    /// What was found on the way.
    pub problems: Vec<Problem>,
}

#[cfg(test)]
mod tests;
