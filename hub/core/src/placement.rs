//! Which bundle goes to which cluster, and why: every decision carries its recorded reason.

mod decide;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName, Revision, SourceName};

pub use decide::resolve;

use crate::effective::Inputs;
use crate::problem::{Place, Problem};
use crate::selector::{Match, Miss};
use crate::spec::{Gap, Reference};

/// Why a placement does not have a cluster in its selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// No term of `clusters` matches; one miss a term, in order.
    NotMatched(Arc<[Miss]>),
    /// A term matches, and one of `except` does too.
    Excepted {
        /// What had selected it.
        selected: Match,
        /// The term of `except`.
        except: Match,
    },
}

/// What one placement decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementDecision {
    /// Where the placement begins.
    pub at: Place,
    /// Its priority.
    pub priority: i64,
    /// The bundles it places.
    pub bundles: Vec<Reference<BundleName>>,
    /// Which clusters, and why.
    pub selected: BTreeMap<ClusterName, Arc<Match>>,
    /// Which declared clusters not, and why.
    pub rejected: BTreeMap<ClusterName, Rejection>,
    /// Whether nothing of it changes anywhere.
    pub suspended: bool,
    /// The clusters selected last time, where the selection became empty since.
    pub emptied: Option<BTreeSet<ClusterName>>,
}

/// One bundle on one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The placement that owns it there.
    pub placement: PlacementName,
    /// Where the placement names the bundle.
    pub named_at: Place,
    /// Why the placement selects the cluster.
    pub because: Arc<Match>,
    /// Whether the bundle is declared; if not, what is there of it stays.
    pub declared: bool,
    /// Whether the placement is suspended.
    pub suspended: bool,
    /// What the bundle is rendered with here.
    pub inputs: Arc<Inputs>,
    /// Placements that place the same bundle here and do not own it.
    pub shadowed: Vec<PlacementName>,
}

/// Everything decided for one declared cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDecision {
    /// Where the cluster is declared.
    pub at: Place,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// What is placed there.
    pub bundles: BTreeMap<BundleName, Placed>,
}

/// Every decision, with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The commits that were decided upon.
    pub revisions: BTreeMap<SourceName, Revision>,
    /// By placement.
    pub placements: BTreeMap<PlacementName, PlacementDecision>,
    /// By declared cluster.
    pub clusters: BTreeMap<ClusterName, ClusterDecision>,
    /// Clusters that enrolled and are not declared: no opinion.
    pub undeclared: BTreeSet<ClusterName>,
    /// Where each declared bundle begins.
    pub bundles: BTreeMap<BundleName, Place>,
    /// Sources of which something is unknown: nothing of theirs is removed.
    pub gaps: BTreeMap<SourceName, Vec<Gap>>,
    /// What was found while deciding.
    pub problems: Vec<Problem>,
}

#[cfg(test)]
mod tests;
