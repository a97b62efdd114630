//! Selection terms: the same everywhere, and every answer carries the term that gave it.
//!
//! An answer has three values: while a fact is unknown, what hangs on it is [`Truth::Unknown`].
//! [`truth`] and [`any`] give answers without words, for the fast path; [`judge`] gives the same
//! answers with words, for people. Both walk the same parts of a term.

pub mod cel;
mod decimal;
mod facts;
mod glob;
mod membership;
mod part;
mod reach;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

pub use decimal::Decimal;
pub use glob::glob;
pub use membership::{Members, Membership, membership, through};
pub use part::{any, cel_errors, facts_part, truth};
pub use reach::{contradiction, implied_by};
pub use words::{Judgement, Match, Miss, judge};

use crate::inventory::Facts;
use crate::problem::Place;
use crate::spec::{GroupName, Member, Reference, Variables};

/// Whether something holds, as far as it is known: Kleene's logic of three values.
///
/// Ordered, so that *and* is the least and *or* the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It does not hold, whatever the unknown facts are.
    No,
    /// It hangs on a fact that is not known.
    Unknown,
    /// It holds, whatever the unknown facts are.
    Yes,
}

impl Truth {
    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

/// It does not hold.
impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// A cluster as terms see it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a ClusterName,
    /// Its labels, with those of its templates.
    pub labels: &'a BTreeMap<String, String>,
    /// Its variables, with those of its templates; only CEL sees them.
    pub variables: &'a Variables,
    /// What it says of itself; only `facts` and CEL see it.
    pub facts: &'a Facts,
}

impl<'a> Candidate<'a> {
    /// A declared cluster.
    #[must_use]
    pub fn of(name: &'a ClusterName, member: &'a Member, facts: &'a Facts) -> Self {
        Self {
            name,
            labels: &member.labels,
            variables: &member.variables,
            facts,
        }
    }
}

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
    /// Conditions on facts, all of which must hold.
    pub facts: Vec<FactExpression>,
    /// An expression that must hold.
    pub cel: Option<Cel>,
    /// Where each of `match_labels` stands, and then each of `match_expressions`.
    pub labels_at: Vec<LabelAt>,
}

/// Where a condition on a label stands in its term's file, as line and column; zero where it stands
/// in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelAt {
    /// The key.
    pub key: (u32, u32),
    /// The value, or the list of values.
    pub value: (u32, u32),
}

impl Term {
    /// Whether it is `{}`, which every cluster matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.match_labels.is_empty()
            && self.match_expressions.is_empty()
            && self.names.is_empty()
            && self.groups.is_empty()
            && self.facts.is_empty()
            && self.cel.is_none()
    }

    /// Whether its answer can hang on facts.
    #[must_use]
    pub fn uses_facts(&self) -> bool {
        !self.facts.is_empty()
            || self
                .cel
                .as_ref()
                .is_some_and(|cel| cel.program.uses_facts())
    }
}

/// A CEL expression and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cel {
    /// Where it stands.
    pub at: Place,
    /// The expression.
    pub program: cel::Program,
}

/// One entry of `facts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactExpression {
    /// The fact's key.
    pub key: String,
    /// What must hold.
    pub operator: FactOperator,
}

/// What must hold of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactOperator {
    /// As for labels; values are compared as texts.
    Label(Operator),
    /// The fact is a number that compares so with this one.
    Compare(Relation, Decimal),
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
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

#[cfg(test)]
mod tests;
