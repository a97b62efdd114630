//! Selection terms: the same everywhere, and every answer carries the term that gave it.

pub mod cel;
mod decimal;

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

pub use decimal::Decimal;

use crate::problem::Place;
use crate::spec::{Document, Group, GroupName, Reference};

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
}

impl Term {
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

/// Why a term matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The term.
    pub term: Place,
    /// What holds: ``label env is `prod` ``.
    pub because: String,
}

/// Why a term does not match: the first of its keys that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    /// The term.
    pub term: Place,
    /// What does not hold: ``label env is `dev`, not `prod` ``.
    pub because: String,
}

/// What selected a cluster, or why nothing did: one miss a term, in order.
///
/// # Errors
/// When no term matches.
pub fn select(
    terms: &[Term],
    candidate: Candidate<'_>,
    groups: &Membership,
) -> Result<Match, Vec<Miss>> {
    let mut misses = Vec::new();
    for term in terms {
        match matches(term, candidate, groups) {
            Ok(because) => {
                return Ok(Match {
                    term: term.at.clone(),
                    because,
                });
            }
            Err(because) => misses.push(Miss {
                term: term.at.clone(),
                because,
            }),
        }
    }
    Err(misses)
}

/// Whether every key of a term holds, and in words which, or which does not.
fn matches(term: &Term, candidate: Candidate<'_>, groups: &Membership) -> Result<String, String> {
    let mut because = Vec::new();
    for (key, value) in &term.match_labels {
        match candidate.labels.get(key) {
            Some(have) if have == value => because.push(format!("label {key} is `{value}`")),
            Some(have) => return Err(format!("label {key} is `{have}`, not `{value}`")),
            None => return Err(format!("label {key} is not there, `{value}` is wanted")),
        }
    }
    for expression in &term.match_expressions {
        because.push(expression.holds(candidate.labels)?);
    }
    if !term.names.is_empty() {
        let name = candidate.name.as_str();
        match term.names.iter().find(|pattern| glob(&pattern.text, name)) {
            Some(pattern) => because.push(format!("name matches `{}`", pattern.text)),
            None => {
                return Err(format!(
                    "name {name} matches none of {}",
                    listed(&term.names)
                ));
            }
        }
    }
    if !term.groups.is_empty() {
        let has = |group: &&Reference<GroupName>| {
            groups
                .get(&group.name)
                .is_some_and(|members| members.contains(candidate.name))
        };
        match term.groups.iter().find(has) {
            Some(group) => because.push(format!("member of group {}", group.name.name())),
            None => {
                let names: Vec<_> = term.groups.iter().map(|g| g.name.name()).collect();
                return Err(format!("member of no group of {}", names.join(", ")));
            }
        }
    }
    if because.is_empty() {
        because.push("`{}` is every declared cluster".to_owned());
    }
    Ok(because.join(", "))
}

fn listed(patterns: &[Pattern]) -> String {
    let texts: Vec<_> = patterns.iter().map(|p| format!("`{}`", p.text)).collect();
    texts.join(", ")
}

impl Expression {
    fn holds(&self, labels: &BTreeMap<String, String>) -> Result<String, String> {
        let key = &self.key;
        let join = |values: &BTreeSet<String>| {
            values
                .iter()
                .map(|v| format!("`{v}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match (&self.operator, labels.get(key)) {
            (Operator::In(values), Some(have)) if values.contains(have) => {
                Ok(format!("label {key} is `{have}`"))
            }
            (Operator::In(values), Some(have)) => {
                Err(format!("label {key} is `{have}`, not in {}", join(values)))
            }
            (Operator::In(values), None) => Err(format!(
                "label {key} is not there, one of {} is wanted",
                join(values)
            )),
            (Operator::NotIn(values), Some(have)) if values.contains(have) => {
                Err(format!("label {key} is `{have}`, which NotIn excludes"))
            }
            (Operator::NotIn(_), Some(have)) => Ok(format!("label {key} is `{have}`")),
            (Operator::Exists, Some(have)) => Ok(format!("label {key} exists (`{have}`)")),
            (Operator::Exists, None) => Err(format!("label {key} is not there")),
            (Operator::DoesNotExist, Some(have)) => Err(format!("label {key} is there (`{have}`)")),
            (Operator::NotIn(_) | Operator::DoesNotExist, None) => {
                Ok(format!("label {key} is not there"))
            }
        }
    }
}

/// Whether a glob matches a name. `*` stands for any characters, `?` for one.
///
/// The last `*` is enough to come back to: what it may swallow includes what an earlier one could
/// give up. So the work is at most pattern times name.
#[must_use]
pub fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == b'?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((after, swallowed)) => {
                    star = Some((after, swallowed + 1));
                    p = after + 1;
                    n = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// The members of every group; a group may name groups. Groups in a circle have no members here,
/// and documents that name one are refused before.
#[must_use]
pub fn membership<'a>(
    groups: &BTreeMap<GroupName, Document<Group>>,
    candidates: impl Iterator<Item = Candidate<'a>> + Clone,
) -> Membership {
    let mut members = Membership::new();
    let mut left: BTreeSet<&GroupName> = groups.keys().collect();
    while !left.is_empty() {
        let ready: Vec<&GroupName> = left
            .iter()
            .copied()
            .filter(|name| {
                groups[*name]
                    .spec
                    .references()
                    .all(|r| !left.contains(&r.name))
            })
            .collect();
        if ready.is_empty() {
            break;
        }
        for name in ready {
            let group = &groups[name].spec;
            let has = |candidate: &Candidate<'a>| {
                select(&group.clusters, *candidate, &members).is_ok()
                    && select(&group.except, *candidate, &members).is_err()
            };
            let of = candidates
                .clone()
                .filter(has)
                .map(|c| c.name.clone())
                .collect();
            members.insert(name.clone(), of);
            left.remove(name);
        }
    }
    members
}

#[cfg(test)]
mod tests;
