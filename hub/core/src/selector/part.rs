//! The parts of a term, each of which must hold, and the answers without words.

use super::{Candidate, Cel, Expression, FactExpression, Pattern, Term, Truth, glob};
use crate::spec::{GroupName, Reference};

/// One thing that must hold for a term to match.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// An entry of `matchLabels`.
    Label(&'a str, &'a str),
    /// An entry of `matchExpressions`.
    Expression(&'a Expression),
    /// Any of `names`.
    Names(&'a [Pattern]),
    /// Any of `groups`.
    Groups(&'a [Reference<GroupName>]),
    /// An entry of `facts`.
    Fact(&'a FactExpression),
    /// `cel`.
    Cel(&'a Cel),
}

impl Term {
    /// Everything that must hold: what is cheap and always known first.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.known_parts().chain(self.fact_parts())
    }

    fn known_parts(&self) -> impl Iterator<Item = Part<'_>> {
        let labels = self.match_labels.iter();
        let names = (!self.names.is_empty()).then_some(Part::Names(&self.names));
        let groups = (!self.groups.is_empty()).then_some(Part::Groups(&self.groups));
        labels
            .map(|(key, value)| Part::Label(key, value))
            .chain(self.match_expressions.iter().map(Part::Expression))
            .chain(names)
            .chain(groups)
    }

    /// What needs more than names, labels and groups.
    fn fact_parts(&self) -> impl Iterator<Item = Part<'_>> {
        let facts = self.facts.iter().map(Part::Fact);
        facts.chain(self.cel.iter().map(Part::Cel))
    }
}

impl Part<'_> {
    /// Whether it holds.
    pub(super) fn truth(
        self,
        candidate: Candidate<'_>,
        group: &dyn Fn(&GroupName) -> Truth,
    ) -> Truth {
        let label = |key: &str| candidate.labels.get(key).map(String::as_str);
        match self {
            Self::Label(key, value) => (label(key) == Some(value)).into(),
            Self::Expression(expression) => {
                expression.operator.holds(label(&expression.key)).into()
            }
            Self::Names(patterns) => patterns
                .iter()
                .any(|pattern| glob(&pattern.text, candidate.name.as_str()))
                .into(),
            Self::Groups(groups) => greatest(groups.iter().map(|g| group(&g.name))),
            Self::Fact(fact) => fact.truth(candidate.facts),
            Self::Cel(cel) => cel.program.truth(candidate),
        }
    }
}

/// All hold; stops at the first that does not.
fn least(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut all = Truth::Yes;
    for truth in truths {
        all = all.and(truth);
        if all == Truth::No {
            break;
        }
    }
    all
}

/// Any holds; stops at the first that does.
fn greatest(truths: impl Iterator<Item = Truth>) -> Truth {
    let mut any = Truth::No;
    for truth in truths {
        any = any.or(truth);
        if any == Truth::Yes {
            break;
        }
    }
    any
}

/// Whether a term matches a cluster. `group` says whether the cluster is a member of a group.
#[must_use]
pub fn truth(term: &Term, candidate: Candidate<'_>, group: &dyn Fn(&GroupName) -> Truth) -> Truth {
    least(term.parts().map(|part| part.truth(candidate, group)))
}

/// Whether any of the terms matches a cluster; of no terms none does.
#[must_use]
pub fn any(terms: &[Term], candidate: Candidate<'_>, group: &dyn Fn(&GroupName) -> Truth) -> Truth {
    greatest(terms.iter().map(|term| truth(term, candidate, group)))
}

/// Whether what an index of names, labels and groups cannot answer holds: `facts` and `cel`.
/// [`truth`] is this *and* the rest.
#[must_use]
pub fn facts_part(term: &Term, candidate: Candidate<'_>) -> Truth {
    let nowhere = |_: &GroupName| Truth::No;
    least(
        term.fact_parts()
            .map(|part| part.truth(candidate, &nowhere)),
    )
}

/// What went wrong while the term's CEL expression was evaluated for a cluster, which then does not
/// match. `None` where nothing went wrong, and where names, labels or facts already rule the
/// cluster out: nobody asked about it. Whether its groups do is left to the caller.
#[must_use]
pub fn cel_errors(term: &Term, candidate: Candidate<'_>) -> Option<String> {
    let cel = term.cel.as_ref()?;
    let everywhere = |_: &GroupName| Truth::Yes;
    let facts = term.facts.iter().map(Part::Fact);
    let rest = term.known_parts().chain(facts);
    if least(rest.map(|part| part.truth(candidate, &everywhere))) == Truth::No {
        return None;
    }
    cel.program.evaluate(candidate).err()
}
