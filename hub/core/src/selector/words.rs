//! The answers in words: which parts of a term hold, or which does not.

use std::collections::BTreeSet;

use super::facts::{fact, quoted};
use super::membership::is_member;
use super::part::Part;
use super::{
    Candidate, Cel, FactExpression, FactOperator, Membership, Operator, Pattern, Term, Truth, glob,
};
use crate::inventory::Facts;
use crate::problem::Place;
use crate::spec::{GroupName, Reference};

/// Why a term matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The term.
    pub term: Place,
    /// What holds: ``label env is `prod` ``.
    pub because: String,
}

/// Why a term does not match, or why that is not known: the first of its parts that does not hold,
/// or else the first that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    /// The term.
    pub term: Place,
    /// What does not hold: ``label env is `dev`, not `prod` ``.
    pub because: String,
}

/// What [`super::any`] answers, with words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// This term matches, and none before it.
    Yes(Match),
    /// No term matches for certain; one miss for each term of which it is not known, in order.
    Unknown(Vec<Miss>),
    /// No term matches; one miss a term, in order.
    No(Vec<Miss>),
}

impl Judgement {
    /// The answer without its words.
    #[must_use]
    pub const fn truth(&self) -> Truth {
        match self {
            Self::Yes(_) => Truth::Yes,
            Self::Unknown(_) => Truth::Unknown,
            Self::No(_) => Truth::No,
        }
    }
}

/// What selects a cluster, or why nothing does.
#[must_use]
pub fn judge(terms: &[Term], candidate: Candidate<'_>, groups: &Membership) -> Judgement {
    let mut misses = Vec::new();
    let mut unknown = Vec::new();
    for term in terms {
        let (truth, because) = answer(term, candidate, groups);
        let miss = |because| Miss {
            term: term.at.clone(),
            because,
        };
        match truth {
            Truth::Yes => {
                return Judgement::Yes(Match {
                    term: term.at.clone(),
                    because,
                });
            }
            Truth::Unknown => unknown.push(miss(because)),
            Truth::No => misses.push(miss(because)),
        }
    }
    if unknown.is_empty() {
        Judgement::No(misses)
    } else {
        Judgement::Unknown(unknown)
    }
}

/// Whether a term matches, and in words which parts hold, or which does not.
fn answer(term: &Term, candidate: Candidate<'_>, groups: &Membership) -> (Truth, String) {
    let group = |name: &GroupName| is_member(groups, name, candidate.name);
    let mut because = Vec::new();
    let mut unknown = None;
    for part in term.parts() {
        let truth = part.truth(candidate, &group);
        let words = || part.words(truth, candidate, groups);
        match truth {
            Truth::No => return (truth, words()),
            Truth::Unknown if unknown.is_none() => unknown = Some(words()),
            Truth::Unknown => {}
            Truth::Yes => because.push(words()),
        }
    }
    if let Some(unknown) = unknown {
        return (Truth::Unknown, unknown);
    }
    if because.is_empty() {
        because.push("`{}` is every declared cluster".to_owned());
    }
    (Truth::Yes, because.join(", "))
}

impl Part<'_> {
    /// Why this is the answer.
    fn words(self, truth: Truth, candidate: Candidate<'_>, groups: &Membership) -> String {
        let label = |key: &str| candidate.labels.get(key).map(String::as_str);
        match self {
            Self::Label(key, value) => match label(key) {
                Some(have) if have == value => format!("label {key} is `{value}`"),
                Some(have) => format!("label {key} is `{have}`, not `{value}`"),
                None => format!("label {key} is not there, `{value}` is wanted"),
            },
            Self::Expression(expression) => {
                let key = &expression.key;
                operator_words("label", key, &expression.operator, label(key))
            }
            Self::Names(patterns) => name_words(patterns, candidate.name.as_str()),
            Self::Groups(named) => group_words(named, truth, candidate, groups),
            Self::Fact(expression) => fact_words(expression, candidate.facts),
            Self::Cel(cel) => cel_words(cel, truth, candidate),
        }
    }
}

fn operator_words(noun: &str, key: &str, operator: &Operator, have: Option<&str>) -> String {
    let join = |values: &BTreeSet<String>| quoted(values.iter().map(String::as_str));
    match (operator, have) {
        (Operator::In(values), Some(have)) if !values.contains(have) => {
            format!("{noun} {key} is `{have}`, not in {}", join(values))
        }
        (Operator::In(values), None) => {
            format!(
                "{noun} {key} is not there, one of {} is wanted",
                join(values)
            )
        }
        (Operator::NotIn(values), Some(have)) if values.contains(have) => {
            format!("{noun} {key} is `{have}`, which NotIn excludes")
        }
        (Operator::In(_) | Operator::NotIn(_), Some(have)) => format!("{noun} {key} is `{have}`"),
        (Operator::Exists, Some(have)) => format!("{noun} {key} exists (`{have}`)"),
        (Operator::DoesNotExist, Some(have)) => format!("{noun} {key} is there (`{have}`)"),
        (_, None) => format!("{noun} {key} is not there"),
    }
}

fn name_words(patterns: &[Pattern], name: &str) -> String {
    match patterns.iter().find(|pattern| glob(&pattern.text, name)) {
        Some(pattern) => format!("name matches `{}`", pattern.text),
        None => {
            let texts = quoted(patterns.iter().map(|pattern| pattern.text.as_str()));
            format!("name {name} matches none of {texts}")
        }
    }
}

fn group_words(
    named: &[Reference<GroupName>],
    truth: Truth,
    candidate: Candidate<'_>,
    groups: &Membership,
) -> String {
    let group =
        |group: &&Reference<GroupName>| is_member(groups, &group.name, candidate.name) == truth;
    match (truth, named.iter().find(group)) {
        (Truth::Yes, Some(found)) => {
            let mut words = format!("member of group {}", found.name.name());
            // As far as groups go: they are in no circle.
            let mut at = &found.name;
            for _ in 0..groups.len() {
                let Some(by) = groups.get(at).and_then(|m| m.through.get(candidate.name)) else {
                    break;
                };
                words.push_str(&format!(" through group {}", by.name()));
                at = by;
            }
            words
        }
        (Truth::Unknown, Some(found)) if !groups.contains_key(&found.name) => {
            format!("group {} is not known", found.name.name())
        }
        (Truth::Unknown, Some(found)) => format!(
            "whether it is a member of group {} hangs on facts that are not known yet",
            found.name.name()
        ),
        _ => {
            let names: Vec<_> = named.iter().map(|group| group.name.name()).collect();
            format!("member of no group of {}", names.join(", "))
        }
    }
}

fn fact_words(expression: &FactExpression, facts: &Facts) -> String {
    let key = &expression.key;
    if *facts == Facts::Unknown {
        return format!(
            "fact {key} is not known yet: the cluster has not reported since the hub started"
        );
    }
    let have = fact(facts, key);
    match (&expression.operator, have) {
        (FactOperator::Label(operator), _) => operator_words("fact", key, operator, have),
        (FactOperator::Compare(relation, wanted), None) => {
            let words = relation.words();
            format!("fact {key} is not there, a number {words} {wanted} is wanted")
        }
        (FactOperator::Compare(relation, wanted), Some(have)) => {
            let words = relation.words();
            if expression.operator.holds(Some(have)) {
                format!("fact {key} is `{have}`, {words} {wanted}")
            } else if super::Decimal::parse(have).is_none() {
                format!("fact {key} is `{have}`, which is no number")
            } else {
                format!("fact {key} is `{have}`, not {words} {wanted}")
            }
        }
    }
}

fn cel_words(cel: &Cel, truth: Truth, candidate: Candidate<'_>) -> String {
    match (truth, cel.program.evaluate(candidate)) {
        (_, Err(message)) => format!("cel fails: {message}"),
        (Truth::Yes, _) => format!("cel `{}` holds", cel.program.text()),
        (Truth::No, _) => format!("cel `{}` does not hold", cel.program.text()),
        (Truth::Unknown, _) => format!(
            "cel `{}` hangs on facts that are not known yet",
            cel.program.text()
        ),
    }
}
