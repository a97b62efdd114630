//! What a change would do: what clusters would have before and after it, compared.
//!
//! Both sides are what the hub itself would hand out, so that holds, budgets and last good versions
//! are counted in. Clusters that change alike are told together. Deliberately absent: what clusters
//! really run, which only a hub knows.

mod clusters;
mod compare;
mod fields;
mod inputs;
mod policy;

use std::collections::BTreeSet;

use capstan_proto::{BundleName, ClusterName, ObjectKey};
use serde::Serialize;

pub use clusters::{Released, Rename};
pub use compare::plan;
pub use fields::{Field, Fields, Value, fields};
pub use inputs::{InputChange, Turn, VariableChange};

use crate::desired::Desired;
use crate::interchange::{Finding, HeldAnswer, LastGoodUnknown};
use crate::placement::Decisions;
use crate::problem::Problem;
use crate::spec::Spec;

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What is declared.
    pub spec: &'a Spec,
    /// Which placement brings what.
    pub decisions: &'a Decisions,
    /// What clusters would be given.
    pub desired: &'a Desired,
    /// What is wrong.
    pub problems: &'a [Problem],
    /// What brings older commits, where they may have good versions that are not known.
    pub help: Option<&'a str>,
}

/// What a change would do. The shape is a promise: fields may be added, none is removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan<'a> {
    /// How much it is.
    pub summary: Summary,
    /// Clusters that are declared, not declared any more, or treated otherwise; by name.
    pub clusters: Vec<ClusterChange<'a>>,
    /// Clusters that may have been renamed without saying so; by the name that is gone.
    pub renames: Vec<Rename<'a>>,
    /// Clusters that come to be released; by name.
    pub released: Vec<Released<'a>>,
    /// Clusters that bundles gain and lose; by name.
    pub bundles: Vec<BundleChange<'a>>,
    /// Objects that change, clusters that change alike together; by bundle and first cluster.
    pub changes: Vec<Change<'a>>,
    /// What is left as it is although something else is declared; by bundle.
    pub kept: Vec<Keeping<'a>>,
    /// Bundles of which one side cannot be read; by name.
    pub uncompared: Vec<Uncompared<'a>>,
    /// Bundles that come to be as they are declared where it is not known what is there; by bundle.
    pub unknown: Vec<Unknown<'a>>,
    /// Documents that are broken at first and not any more, and of which no good version is known; by place.
    pub last_good_unknown: Vec<LastGoodUnknown<'a>>,
    /// Removals that wait for approval.
    pub held: Vec<HeldAnswer>,
    /// Problems that were not there before.
    pub introduced: Vec<Finding<'a>>,
    /// Problems that are not there any more.
    pub fixed: Vec<Finding<'a>>,
}

/// How much a change would do; objects are counted once for every cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Clusters of which objects or policies change.
    pub clusters: usize,
    /// Objects that are new.
    pub created: usize,
    /// Objects that change.
    pub changed: usize,
    /// Objects that are handed from one bundle to another.
    pub moved: usize,
    /// Objects that are deleted.
    pub deleted: usize,
    /// Objects whose deletion waits for approval.
    pub held: usize,
    /// Clusters of these that are in mode Paused or Observe: the change waits there.
    pub waiting: usize,
    /// Clusters of these that are in mode Release: nothing of it is done there.
    pub released: usize,
    /// Clusters that are not declared any more: they keep what they have.
    pub undeclared: usize,
    /// Bundles of which one side cannot be read.
    pub uncompared: usize,
    /// Clusters of which it is not known what they have of some bundle.
    pub unknown: usize,
    /// Documents that are broken at first and not any more, and of which no good version is known.
    pub last_good_unknown: usize,
    /// Errors that were not there before.
    pub errors_introduced: usize,
    /// Errors that are not there any more.
    pub errors_fixed: usize,
}

impl Summary {
    /// Whether something leaves a cluster, or would once it is approved.
    #[must_use]
    pub const fn removes(&self) -> bool {
        self.deleted > 0 || self.held > 0
    }

    /// Whether nothing changes in clusters.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.clusters == 0 && self.unknown == 0 && !self.removes()
    }

    /// Whether nobody knows all that would leave.
    #[must_use]
    pub const fn is_in_part(&self) -> bool {
        self.uncompared > 0 || self.unknown > 0 || self.last_good_unknown > 0
    }
}

/// What becomes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterChange<'a> {
    /// Its name.
    pub name: &'a ClusterName,
    /// The name it had before; null when it had this one, or none.
    pub renamed_from: Option<&'a ClusterName>,
    /// Its mode before; null when it was not declared.
    pub from: Option<&'static str>,
    /// Its mode after; null when it is not declared any more: it keeps what it has.
    pub to: Option<&'static str>,
}

/// Clusters that a bundle gains and loses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// Clusters that get it.
    pub gained: BTreeSet<&'a ClusterName>,
    /// Clusters that it leaves at once.
    pub lost: BTreeSet<&'a ClusterName>,
    /// Clusters that it leaves when that is approved.
    pub held: BTreeSet<&'a ClusterName>,
}

/// What changes of one bundle, alike on all its clusters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change<'a> {
    /// The bundle.
    #[serde(serialize_with = "short")]
    pub bundle: &'a BundleName,
    /// The clusters, by name.
    pub clusters: Vec<&'a ClusterName>,
    /// Whether the bundle's policy changes.
    pub policy: bool,
    /// What changes in its policy, in the words of fleet files.
    pub policy_fields: Vec<Field>,
    /// Who owns it, and what it is read at.
    #[serde(flatten)]
    pub inputs: InputChange,
    /// The objects, by key.
    pub objects: Vec<ObjectChange<'a>>,
}

fn short<S: serde::Serializer>(name: &BundleName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.name())
}

fn maybe_short<S: serde::Serializer>(
    name: &Option<&BundleName>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    name.map(|name| name.name()).serialize(serializer)
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is new.
    Create,
    /// It changes.
    Change,
    /// It is deleted.
    Delete,
}

/// One object that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectChange<'a> {
    /// The object.
    pub object: &'a ObjectKey,
    /// What becomes of it.
    pub action: Action,
    /// The bundle that had it before, where that is another one.
    #[serde(serialize_with = "maybe_short")]
    pub moved_from: Option<&'a BundleName>,
    /// What changes in it.
    #[serde(flatten)]
    pub fields: Fields,
}

/// A bundle that is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Keeping<'a> {
    /// The bundle.
    pub bundle: &'a str,
    /// Why.
    pub why: String,
    /// Where, by name.
    pub clusters: Vec<&'a ClusterName>,
}

/// A bundle that cannot be compared, because a revision that it is pinned to cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uncompared<'a> {
    /// The bundle.
    pub bundle: &'a str,
    /// The revision, as it is written.
    pub revision: &'a str,
    /// Which side cannot be read: `from` or `to`.
    pub side: &'static str,
    /// Why, in words.
    pub why: &'a str,
}

/// A bundle that comes to be as it is declared, where it is not known what is there of it: before, it
/// was left as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown<'a> {
    /// The bundle.
    pub bundle: &'a str,
    /// Why it was left as it was.
    pub why: String,
    /// Where, by name.
    pub clusters: Vec<&'a ClusterName>,
    /// How many objects it has on all of them then.
    pub objects: usize,
}

#[cfg(test)]
mod tests;
