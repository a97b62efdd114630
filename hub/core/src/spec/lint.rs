//! Findings about one document that is well formed: terms and overrides that do nothing.

use super::Override;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::selector::{self, FactExpression, FactOperator, Operator, Term};

/// A warning and its hint.
type Finding = (Problem, &'static str);

/// Terms of a list that no cluster can match, or that an earlier one covers.
pub(super) fn terms(terms: &[Term]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut left = limits::COVER_COMPARISONS_MAX;
    let weights: Vec<usize> = terms.iter().map(weight).collect();
    let mut afford = |cost: usize| {
        let rest = left.checked_sub(cost);
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    for (index, term) in terms.iter().enumerate() {
        let own = weights[index];
        let impossible = afford(own).then(|| selector::contradiction(term)).flatten();
        if let Some(why) = impossible {
            let message = format!("no cluster can match this term: {why}");
            let problem = Problem::warning(&term.at, Code::UnreachableTerm, message);
            found.push((problem, "mend it, or remove it"));
            continue;
        }
        let mut earlier = terms[..index].iter().zip(&weights);
        let earlier = earlier.find(|(earlier, weight)| {
            afford(own.saturating_mul(**weight)) && selector::implied_by(term, earlier)
        });
        if let Some((earlier, _)) = earlier {
            let message = format!(
                "every cluster of this term is matched already, at {}",
                earlier.at
            );
            let problem = Problem::warning(&term.at, Code::CoveredTerm, message);
            found.push((problem, "a list of terms is or: remove one of them"));
        }
    }
    found
}

/// How many conditions a term has, with every value of them.
fn weight(term: &Term) -> usize {
    let values = |operator: &Operator| match operator {
        Operator::In(values) | Operator::NotIn(values) => values.len(),
        Operator::Exists | Operator::DoesNotExist => 1,
    };
    let expressions: usize = term
        .match_expressions
        .iter()
        .map(|e| values(&e.operator))
        .sum();
    let label_like = |fact: &FactExpression| match &fact.operator {
        FactOperator::Label(operator) => values(operator),
        FactOperator::Compare(..) => 1,
    };
    // Conditions on facts are compared with each other, and with every value.
    let facts: usize = term.facts.iter().map(label_like).sum();
    let facts = facts.saturating_mul(facts);
    1 + term.match_labels.len() + expressions + facts + term.names.len() + term.groups.len()
}

/// Overrides that a later one, which matches wherever they do, always wins over.
pub(super) fn overrides(overrides: &[Override]) -> Vec<Finding> {
    let mut found = Vec::new();
    let everywhere: Vec<(usize, &Override)> = overrides
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.clusters.is_none())
        .collect();
    let mut left = limits::COVER_COMPARISONS_MAX;
    for (index, entry) in overrides.iter().enumerate() {
        let later = everywhere.iter().rev().take_while(|(at, _)| *at > index);
        let winner = later.map(|(_, winner)| winner).find(|winner| {
            left = left.saturating_sub(1);
            left > 0 && wins(winner, entry)
        });
        if let Some(winner) = winner {
            let message = format!("the override at {} always wins over this one", winner.at);
            let problem = Problem::warning(&entry.at, Code::ShadowedOverride, message);
            found.push((problem, "later overrides win: move this one below it"));
        }
    }
    found
}

/// Whether nothing of an override is left once a later one has been applied.
fn wins(later: &Override, entry: &Override) -> bool {
    let bundles = match (&later.bundles, &entry.bundles) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.is_subset(wide),
    };
    let adds_up = entry.helm_values.is_some() || !entry.patches.is_empty();
    let revision = entry.revision.is_none() || later.revision.is_some();
    let variables = entry
        .variables
        .keys()
        .all(|name| later.variables.contains_key(name));
    bundles && !adds_up && revision && variables
}
