//! What a fact must be: a text as labels are, or a number compared exactly.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Decimal, FactExpression, FactOperator, Operator, Relation, Truth};
use crate::inventory::Facts;

impl Operator {
    /// Whether it holds of what is there.
    #[must_use]
    pub fn holds(&self, have: Option<&str>) -> bool {
        match (self, have) {
            (Self::In(values), Some(have)) => values.contains(have),
            (Self::NotIn(values), Some(have)) => !values.contains(have),
            (Self::Exists, have) => have.is_some(),
            (Self::DoesNotExist, have) => have.is_none(),
            (Self::In(_), None) => false,
            (Self::NotIn(_), None) => true,
        }
    }
}

impl Relation {
    /// Whether two numbers that compare so stand in this relation.
    #[must_use]
    pub const fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Gt => ordering.is_gt(),
            Self::Gte => ordering.is_ge(),
            Self::Lt => ordering.is_lt(),
            Self::Lte => ordering.is_le(),
        }
    }

    /// The words between two numbers.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Gt => "greater than",
            Self::Gte => "at least",
            Self::Lt => "less than",
            Self::Lte => "at most",
        }
    }
}

impl FactOperator {
    /// Whether it holds of what is there. What is no number stands in no relation to one.
    #[must_use]
    pub fn holds(&self, have: Option<&str>) -> bool {
        match self {
            Self::Label(operator) => operator.holds(have),
            Self::Compare(relation, wanted) => have
                .and_then(|have| Decimal::compare(have, wanted))
                .is_some_and(|ordering| relation.holds(ordering)),
        }
    }
}

impl FactExpression {
    /// Whether it holds of a cluster's facts.
    #[must_use]
    pub fn truth(&self, facts: &Facts) -> Truth {
        match facts {
            Facts::Unknown => Truth::Unknown,
            Facts::Never | Facts::Reported(_) => self.operator.holds(fact(facts, &self.key)).into(),
        }
    }
}

/// A fact that is known.
pub(super) fn fact<'a>(facts: &'a Facts, key: &str) -> Option<&'a str> {
    match facts {
        Facts::Reported(facts) => BTreeMap::get(facts, key).map(String::as_str),
        Facts::Never | Facts::Unknown => None,
    }
}

/// Texts as messages list them.
pub(super) fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.map(|text| format!("`{text}`")).collect();
    texts.join(", ")
}
