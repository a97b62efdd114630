//! Selection terms: the same everywhere, and every answer carries the term that gave it.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

use crate::problem::Place;
use crate::spec::{GroupName, Reference};

/// A selection term. A list of terms is OR; inside a term every key given must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Where it stands.
    pub at: Place,
    /// Labels that must have exactly these values.
    pub match_labels: BTreeMap<String, String>,
    /// Conditions on labels, all of which must hold.
    pub match_expressions: Vec<Expression>,
    /// Exact names or globs, any of which must match; empty: any name.
    pub names: Vec<Pattern>,
    /// Groups, any of which must have the cluster; empty: any cluster.
    pub groups: Vec<Reference<GroupName>>,
}

/// One entry of `matchExpressions`, with the meaning it has in Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The label's key.
    pub key: String,
    /// What must hold.
    pub operator: Operator,
}

/// What must hold of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The label is there with one of these values.
    In(BTreeSet<String>),
    /// The label is not there, or has none of these values.
    NotIn(BTreeSet<String>),
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// An exact name, or a glob with `*` (any characters) and `?` (one character).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Where it stands.
    pub at: Place,
    /// The text.
    pub text: String,
}

/// A cluster as terms see it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a ClusterName,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// The members of every group.
pub type Membership = BTreeMap<GroupName, BTreeSet<ClusterName>>;

/// Why a term does not match: the first of its keys that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    /// The term.
    pub term: Place,
    /// What does not hold: `label env is "dev", not "prod"`.
    pub because: String,
}
