//! What a term can reach at all: terms that match nothing, and terms that an earlier one covers.
//!
//! Both answers are certain where they are given, and silent where they would be guesses: CEL is
//! compared as text, and groups by their names.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

use super::facts::quoted;
use super::{Decimal, FactOperator, Operator, Pattern, Relation, Term, glob};
use crate::spec::GroupName;

/// Why no cluster can ever match a term; `None` where one might.
#[must_use]
pub fn contradiction(term: &Term) -> Option<String> {
    let labels = labels(term);
    let facts = facts(term);
    let of = |noun: &'static str, wanted: &BTreeMap<&str, Wanted<'_>>| {
        let mut impossible = wanted
            .iter()
            .filter_map(|(key, w)| Some((*key, w.impossible()?)));
        impossible
            .next()
            .map(|(key, why)| format!("{noun} {key} {why}"))
    };
    of("label", &labels)
        .or_else(|| of("fact", &facts))
        .or_else(|| impossible_names(&term.names))
}

/// Whether every cluster that matches `term` matches `earlier` too, so that beside it `term` adds
/// nothing. `false` does not say that one does not.
#[must_use]
pub fn implied_by(term: &Term, earlier: &Term) -> bool {
    let (labels, facts) = (labels(term), facts(term));
    let nothing = Wanted::default();
    let label = |key: &str| labels.get(key).unwrap_or(&nothing);
    let fact = |key: &str| facts.get(key).unwrap_or(&nothing);
    let same_label = earlier
        .match_labels
        .iter()
        .all(|(key, value)| label(key).within(|have| have == value));
    let expressions = earlier.match_expressions.iter();
    let same_expressions = expressions
        .map(|e| (label(&e.key), &e.operator))
        .all(|(wanted, operator)| wanted.implies(operator));
    let same_facts = earlier.facts.iter().all(|e| match &e.operator {
        FactOperator::Label(operator) => fact(&e.key).implies(operator),
        FactOperator::Compare(relation, number) => {
            fact(&e.key).implies_number(*relation, number, &e.operator)
        }
    });
    let same_cel = earlier.cel.as_ref().is_none_or(|cel| {
        let own = term.cel.as_ref();
        own.is_some_and(|own| own.program == cel.program)
    });
    same_label
        && same_expressions
        && same_facts
        && same_cel
        && names_within(&term.names, &earlier.names)
        && groups_within(term, earlier)
}

/// Everything that a term wants of one label or fact.
#[derive(Debug, Default)]
struct Wanted<'a> {
    present: bool,
    absent: bool,
    /// One of these; `None` is any.
    allowed: Option<BTreeSet<&'a str>>,
    excluded: BTreeSet<&'a str>,
    numbers: Vec<(Relation, &'a Decimal, &'a FactOperator)>,
}

fn labels(term: &Term) -> BTreeMap<&str, Wanted<'_>> {
    let mut all: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    for (key, value) in &term.match_labels {
        all.entry(key).or_default().allow([value.as_str()].into());
    }
    for expression in &term.match_expressions {
        all.entry(&expression.key)
            .or_default()
            .add(&expression.operator);
    }
    all
}

fn facts(term: &Term) -> BTreeMap<&str, Wanted<'_>> {
    let mut all: BTreeMap<&str, Wanted<'_>> = BTreeMap::new();
    for expression in &term.facts {
        let wanted = all.entry(&expression.key).or_default();
        match &expression.operator {
            FactOperator::Label(operator) => wanted.add(operator),
            FactOperator::Compare(relation, number) => {
                wanted.present = true;
                wanted
                    .numbers
                    .push((*relation, number, &expression.operator));
            }
        }
    }
    all
}

impl<'a> Wanted<'a> {
    fn allow(&mut self, values: BTreeSet<&'a str>) {
        self.present = true;
        self.allowed = Some(match self.allowed.take() {
            None => values,
            Some(before) => before.intersection(&values).copied().collect(),
        });
    }

    fn add(&mut self, operator: &'a Operator) {
        match operator {
            Operator::In(values) => self.allow(values.iter().map(String::as_str).collect()),
            Operator::NotIn(values) => self.excluded.extend(values.iter().map(String::as_str)),
            Operator::Exists => self.present = true,
            Operator::DoesNotExist => self.absent = true,
        }
    }

    /// Whether a value is one that it can have, going by what excludes values.
    fn admits(&self, value: &str) -> bool {
        let numbers = self.numbers.iter();
        !self.excluded.contains(value)
            && numbers
                .map(|(.., operator)| operator)
                .all(|operator| operator.holds(Some(value)))
    }

    /// Whether it is there with a value of which this holds.
    fn within(&self, holds: impl Fn(&str) -> bool) -> bool {
        let allowed = self.allowed.as_ref();
        allowed.is_some_and(|all| all.iter().filter(|v| self.admits(v)).all(|v| holds(v)))
    }

    fn implies(&self, operator: &Operator) -> bool {
        match operator {
            Operator::In(values) => self.within(|have| values.contains(have)),
            Operator::NotIn(values) => {
                let possible = |value: &String| {
                    let allowed = self.allowed.as_ref();
                    self.admits(value) && allowed.is_none_or(|all| all.contains(value.as_str()))
                };
                self.absent || !values.iter().any(possible)
            }
            Operator::Exists => self.present,
            Operator::DoesNotExist => self.absent,
        }
    }

    fn implies_number(
        &self,
        relation: Relation,
        number: &Decimal,
        operator: &FactOperator,
    ) -> bool {
        let bounds = self.numbers.iter();
        let mut closer = bounds.filter(|(own, ..)| own.is_lower() == relation.is_lower());
        let closer = closer.any(|(own, bound, _)| {
            let order = match relation.is_lower() {
                true => bound.cmp(&number),
                false => number.cmp(bound),
            };
            // At the same number the own bound must not let in what the other keeps out.
            order.is_gt() || order.is_eq() && (own.is_strict() || !relation.is_strict())
        });
        closer || self.within(|have| operator.holds(Some(have)))
    }

    /// Why nothing can be so.
    fn impossible(&self) -> Option<String> {
        if self.present && self.absent {
            return Some("must be there and must not be there".to_owned());
        }
        if let Some(why) = self.impossible_number() {
            return Some(why);
        }
        let allowed = self.allowed.as_ref()?;
        if allowed.is_empty() {
            return Some("must have two values at once".to_owned());
        }
        if allowed.iter().any(|value| self.admits(value)) {
            return None;
        }
        let values = quoted(allowed.iter().copied());
        Some(format!(
            "must be {values}, which another condition excludes"
        ))
    }

    fn impossible_number(&self) -> Option<String> {
        let (lower, upper): (Vec<_>, Vec<_>) = self
            .numbers
            .iter()
            .partition(|(relation, ..)| relation.is_lower());
        for (low, least, _) in &lower {
            for (high, most, _) in &upper {
                let strict = low.is_strict() || high.is_strict();
                if least > most || least == most && strict {
                    let (low, high) = (low.words(), high.words());
                    return Some(format!("cannot be {low} {least} and {high} {most}"));
                }
            }
        }
        None
    }
}

impl Relation {
    const fn is_lower(self) -> bool {
        matches!(self, Self::Gt | Self::Gte)
    }

    const fn is_strict(self) -> bool {
        matches!(self, Self::Gt | Self::Lt)
    }
}

// === names and groups ===

fn is_wild(c: char) -> bool {
    matches!(c, '*' | '?')
}

/// Why no cluster can be called so.
fn impossible_names(patterns: &[Pattern]) -> Option<String> {
    let possible = |pattern: &Pattern| {
        let text = &pattern.text;
        if text.contains(is_wild) {
            let usual = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
            text.chars().all(|c| usual(c) || is_wild(c))
        } else {
            ClusterName::try_new(text.as_str()).is_ok()
        }
    };
    if patterns.is_empty() || patterns.iter().any(possible) {
        return None;
    }
    let texts = quoted(patterns.iter().map(|pattern| pattern.text.as_str()));
    Some(format!("no cluster can be called {texts}"))
}

/// Whether what any of `patterns` matches, one of `earlier` matches; no patterns match every name.
fn names_within(patterns: &[Pattern], earlier: &[Pattern]) -> bool {
    let all =
        |pattern: &Pattern| !pattern.text.is_empty() && pattern.text.chars().all(|c| c == '*');
    if earlier.is_empty() || earlier.iter().any(all) {
        return true;
    }
    let covered = |pattern: &Pattern| earlier.iter().any(|e| name_within(&pattern.text, &e.text));
    !patterns.is_empty() && patterns.iter().all(covered)
}

fn name_within(pattern: &str, earlier: &str) -> bool {
    let Some(wild) = pattern.find(is_wild) else {
        return glob(earlier, pattern);
    };
    // What begins with `a-b*` begins with `a-*`.
    let begins = earlier
        .strip_suffix('*')
        .filter(|begin| !begin.contains(is_wild));
    pattern == earlier || begins.is_some_and(|begin| pattern[..wild].starts_with(begin))
}

fn groups_within(term: &Term, earlier: &Term) -> bool {
    if earlier.groups.is_empty() {
        return true;
    }
    let mut groups = term.groups.iter();
    let named = |name: &GroupName| earlier.groups.iter().any(|group| group.name == *name);
    !term.groups.is_empty() && groups.all(|group| named(&group.name))
}
