//! Which bundle goes to which cluster, and why.
//!
//! [`resolve`] decides with sets: the declared clusters are numbered in the order of their names, a
//! label's value is the set of clusters that have it, and a term is a few operations on such sets.
//! What was decided is kept as sets too; nothing is kept for a pair of a placement and a cluster.
//! Words are made when somebody asks ([`PlacementDecision::why`]), from the very documents and facts
//! that were decided upon: [`Decisions`] hold on to them, so that an answer is never about others.
//! [`oracle`] has the same rules once more, plainly.
//!
//! Widths of numbers: weights are 64-bit integers and scores sums in 128 bits, so no score is ever
//! cut off; priorities are 64-bit integers; counts and `maxSkew` are unsigned 32-bit integers.

mod advice;
mod answer;
mod bits;
mod choose;
mod clusters;
mod decide;
mod decision;
mod failing;
mod fleet;
mod index;
mod odd;
pub mod oracle;
mod own;
mod previous;
mod problems;
mod rank;
mod since;
mod spread;
mod touched;
mod walk;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName, Revision, SourceName};

pub use advice::{Advice, Advised, Change, Trials};
pub use clusters::Clusters;
use clusters::Core;
pub use decide::resolve;
pub use decision::{Pick, PlacementDecision, Placements, Shortfall};
pub use since::Selected;
pub use why::{Nearest, Why, Whys};

use crate::effective::Inputs;
use crate::problem::{Place, Problem};
use crate::spec::{Gap, Member, Spec};

/// How a selected cluster came to be selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// It was selected last time, and stays.
    Kept,
    /// Its rank brought it.
    Ranked,
    /// Its rank brought it, and spread constraints that may be ignored were.
    Relaxed,
}

impl Step {
    /// The word as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Ranked => "ranked",
            Self::Relaxed => "relaxed",
        }
    }
}

/// Why a declared cluster is not selected: the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No term of `clusters` matches, or that hangs on an unknown fact and it was not selected.
    NotMatched,
    /// A term of `except` matches, or that hangs on an unknown fact and it was not selected.
    Excepted,
    /// A taint that is not tolerated keeps it out.
    Tainted,
    /// It was passed over for spread at some pick: it ranked above the cluster that was picked, or
    /// picking stopped before it.
    Spread,
    /// Others were selected before it.
    OutRanked,
}

impl Reason {
    /// The word as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotMatched => "NotMatched",
            Self::Excepted => "Excepted",
            Self::Tainted => "Tainted",
            Self::Spread => "Spread",
            Self::OutRanked => "OutRanked",
        }
    }
}

/// One bundle on one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The placement that owns it there.
    pub placement: PlacementName,
    /// Where the placement names the bundle.
    pub named_at: Place,
    /// Whether the bundle is declared; if not, what is there of it stays.
    pub declared: bool,
    /// Whether the placement is suspended.
    pub suspended: bool,
    /// What the bundle is rendered with here.
    pub inputs: Inputs,
    /// Placements that place the same bundle here and do not own it, the next owner first.
    pub shadowed: Vec<PlacementName>,
}

/// Everything decided for one declared cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterDecision {
    /// Where the cluster is declared.
    pub at: Place,
    /// The cluster, with its templates merged in.
    pub member: Arc<Member>,
    /// What is placed there. Clusters that have a bundle in the same way share it.
    pub bundles: BTreeMap<BundleName, Arc<Placed>>,
}

/// How much a resolve had to look at: what it took over from the one before is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Clusters taken into the index.
    pub clusters_indexed: usize,
    /// Groups whose members were found anew.
    pub groups_evaluated: usize,
    /// Placements that were decided anew.
    pub placements_evaluated: usize,
    /// Whether the lists of owners were made anew, and not only changed.
    pub owners_made_anew: bool,
    /// Documents of clusters and placements that were compared, not being the very same as before.
    pub documents_compared: usize,
}

/// What decisions take in memory, in bytes, as their own structures count it. Documents are not
/// counted: they are the `Spec`'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The index of clusters, with groups.
    pub index: usize,
    /// What placements chose.
    pub choices: usize,
    /// Who owns what on each cluster.
    pub owners: usize,
}

/// Every decision, with what it was decided from.
///
/// Cloning is cheap, and clones share what is made when it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// The commits that were decided upon.
    pub revisions: BTreeMap<SourceName, Revision>,
    /// By placement.
    pub placements: Placements,
    /// By declared cluster.
    pub clusters: Clusters,
    /// Clusters that enrolled and are not declared: no opinion.
    pub undeclared: BTreeSet<ClusterName>,
    /// Where each declared bundle begins.
    pub bundles: Arc<BTreeMap<BundleName, Place>>,
    /// Sources of which something is unknown: nothing of theirs is removed.
    pub gaps: BTreeMap<SourceName, Vec<Gap>>,
    /// What was found while deciding.
    pub problems: Vec<Problem>,
    /// What placements selected last that are not declared now, though they may be again.
    remembered: oracle::Previous,
    work: Work,
}

impl Decisions {
    /// Nothing decided, but what placements selected last time: what a store, an inventory file or
    /// the spokes remember.
    #[must_use]
    pub fn remembered(previous: BTreeMap<PlacementName, BTreeSet<ClusterName>>) -> Self {
        Self {
            remembered: previous,
            ..Self::default()
        }
    }

    /// What to remember of them: every placement with the clusters that it selects.
    #[must_use]
    pub fn previous(&self) -> BTreeMap<PlacementName, BTreeSet<ClusterName>> {
        let mut previous = self.remembered.clone();
        let core = self.core();
        for (name, choice) in &core.choices {
            let selected = choice.selected.iter().map(|n| core.fleet.index.name(n));
            let names = selected.chain(&*choice.absent).cloned().collect();
            previous.insert(name.clone(), names);
        }
        previous
    }

    /// The documents that were decided upon.
    #[must_use]
    pub fn spec(&self) -> &Arc<Spec> {
        &self.core().fleet.spec
    }

    /// How much was looked at.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// What they take in memory.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let core = self.core();
        Memory {
            index: core.fleet.bytes(),
            choices: core.choices.values().map(|choice| choice.bytes()).sum(),
            owners: core.owners.bytes(),
        }
    }

    fn core(&self) -> &Core {
        self.clusters.core()
    }

    fn is_remembered(&self) -> bool {
        !self.remembered.is_empty()
    }
}

/// Whether the same was decided, whatever it was decided from.
impl PartialEq for Decisions {
    fn eq(&self, other: &Self) -> bool {
        self.revisions == other.revisions
            && self.placements == other.placements
            && self.clusters == other.clusters
            && self.undeclared == other.undeclared
            && self.bundles == other.bundles
            && self.gaps == other.gaps
            && self.problems == other.problems
            && self.remembered == other.remembered
    }
}

#[cfg(test)]
mod tests;
