//! What would have to change for a placement to select a cluster.
//!
//! Nothing is said that was not tried: the changes are made to a copy of what was decided upon, the
//! placement is decided again, and only advice after which it selects the cluster is given. It is
//! decided twice, as if the same had been selected before, and as if what is selected now had been:
//! so the advice holds for who looks at files as for a hub, which goes on from what it selected.

mod change;
mod trial;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use capstan_proto::{ClusterName, PlacementName};

pub use change::Change;
use trial::Trial;

use super::decision::PlacementDecision;
use super::why::Why;
use super::why::parts;
use crate::problem::Place;
use crate::selector::{FactOperator, Operator, Relation, Term, Truth, any};
use crate::spec::{GroupName, Spread, Unsatisfiable, out_of_reach};

/// Changes of one piece of advice. A cluster is not matched, excepted, tainted, out-ranked and passed
/// over for each of a few constraints, one after the other.
const CHANGES_MAX: usize = 12;

/// Trials of one explanation. Each decides a placement again, and some the groups as well; a few
/// dozen are enough for what people mend by hand.
const TRIALS_MAX: usize = 500;

/// What may still be tried, for all the advice that is asked for together.
#[derive(Debug)]
pub struct Trials {
    left: Cell<usize>,
    /// Whether the search at hand was given up.
    cut_short: Cell<bool>,
}

impl Default for Trials {
    fn default() -> Self {
        Self::of(TRIALS_MAX)
    }
}

impl Trials {
    pub(super) fn of(left: usize) -> Self {
        Self {
            left: Cell::new(left),
            cut_short: Cell::new(false),
        }
    }

    /// Whether there may be one more.
    fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left == 0 {
            self.cut_short.set(true);
        }
        left > 0
    }
}

/// What would have to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advised {
    /// Advice, each of which will do.
    pub advice: Vec<Advice>,
    /// Whether there may be more, which was too much to look for.
    pub cut_short: bool,
}

/// Changes after which a placement selects a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    placement: PlacementName,
    cluster: ClusterName,
    changes: Vec<Change>,
}

impl Advice {
    /// The changes, all of which are needed.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
}

/// One clause a change, in the imperative.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, change) in self.changes.iter().enumerate() {
            if number > 0 {
                f.write_str(", and ")?;
            }
            f.write_str(&change.words(&self.placement, &self.cluster))?;
        }
        Ok(())
    }
}

/// What is changed where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// What the cluster's document, its groups and its facts say.
    Cluster,
    /// What the placement's document says.
    Placement,
}

/// Advice for a cluster that a placement does not select, where there is any: by changing the
/// cluster, and by changing the placement.
pub(super) fn advice(
    decision: PlacementDecision<'_>,
    cluster: &ClusterName,
    trials: &Trials,
) -> Advised {
    trials.cut_short.set(false);
    let mut found: Vec<Advice> = Vec::new();
    let number = decision.core.fleet.index.number(cluster);
    let number = number.filter(|number| !decision.choice.selected.contains(*number));
    // It selects nothing new whatever else changes.
    let number = number.filter(|_| !decision.reaches_too_far());
    for by in [By::Cluster, By::Placement] {
        let advising = number.map(|number| Advising {
            decision,
            number,
            by,
            trials,
        });
        let changes = advising.and_then(Advising::changes);
        let advice = changes.filter(|c| !c.is_empty()).map(|changes| Advice {
            placement: decision.name.clone(),
            cluster: cluster.clone(),
            changes,
        });
        found.extend(advice.filter(|advice| !found.contains(advice)));
    }
    Advised {
        advice: found,
        cut_short: trials.cut_short.get(),
    }
}

#[derive(Clone, Copy)]
struct Advising<'a> {
    decision: PlacementDecision<'a>,
    number: u32,
    by: By,
    trials: &'a Trials,
}

impl<'a> Advising<'a> {
    /// Changes one thing after the other, until the placement selects the cluster.
    fn changes(self) -> Option<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        loop {
            let trial = self.tried(&changes)?;
            let Some(why) = trial.why() else {
                break;
            };
            let more = self.mend(&trial, &why)?;
            if more.iter().all(|c| changes.contains(c)) {
                return None;
            }
            changes.retain(|change| more.iter().all(|new| !new.replaces(change)));
            if changes.len() + more.len() > CHANGES_MAX {
                self.trials.cut_short.set(true);
                return None;
            }
            changes.extend(more);
        }
        let mut changes = self.needed(changes)?;
        if self.decision.is_suspended() && !changes.is_empty() {
            changes.push(Change::Resume);
        }
        Some(changes)
    }

    /// Makes changes; `None` where no more may be tried.
    fn tried(self, changes: &[Change]) -> Option<Trial<'a>> {
        let may = self.trials.take();
        may.then(|| Trial::of((self.decision, self.trials), self.number, changes))
    }

    /// Leaves out what it selects the cluster without; `None` where not all of that may be tried.
    fn needed(self, mut changes: Vec<Change>) -> Option<Vec<Change>> {
        let mut at = 0;
        while changes.len() > 1 && at < changes.len() {
            let mut fewer = changes.clone();
            fewer.remove(at);
            if self.tried(&fewer)?.why().is_none() {
                changes = fewer;
            } else {
                at += 1;
            }
        }
        Some(changes)
    }

    /// What takes a reason away; `None` where nothing can be said.
    fn mend(self, trial: &Trial<'_>, why: &Why) -> Option<Vec<Change>> {
        match (why, self.by) {
            (Why::Selected { .. }, _) => None,
            (Why::NotMatched { .. }, By::Cluster) => self.fits(trial),
            (Why::NotMatched { .. }, By::Placement) => Some(vec![Change::Name]),
            (Why::Excepted { except, .. }, _) => self.unexcept(trial, &except.term),
            (Why::Tainted { taints, .. }, by) => {
                let taints = taints.iter().map(|(taint, _)| taint.clone());
                let change = |taint| match by {
                    By::Cluster => Change::Untaint { taint },
                    By::Placement => Change::Tolerate { taint },
                };
                Some(taints.map(change).collect())
            }
            (Why::Spread { constraint, .. }, _) => room(trial, Some(constraint)),
            (Why::OutRanked { .. }, _) => room(trial, None),
        }
    }

    /// What makes the nearest term match that can be made to.
    fn fits(self, trial: &Trial<'_>) -> Option<Vec<Change>> {
        let terms = trial.placement().clusters.iter();
        let all = terms.filter_map(|term| self.fit(trial, term));
        all.min_by_key(Vec::len)
    }

    /// What makes every key of a term hold.
    fn fit(self, trial: &Trial<'_>, term: &Term) -> Option<Vec<Change>> {
        let fleet = &trial.core().fleet;
        let inside = |name: &GroupName| fleet.inside(name, self.number);
        let candidate = fleet.index.candidate(self.number);
        let mut changes = Vec::new();
        for part in parts(term) {
            if any(std::slice::from_ref(&part), candidate, &inside) != Truth::Yes {
                changes.push(fit_part(&part, trial)?);
            }
        }
        Some(changes)
    }

    /// Takes an exception out. One that keeps a restricted source in its reach is none of the
    /// placement's.
    fn unexcept(self, trial: &Trial<'_>, at: &Place) -> Option<Vec<Change>> {
        let restricted = out_of_reach(self.decision.name.source());
        let except = &trial.placement().except;
        let term = except.iter().find(|term| term.at == *at)?;
        let internal = |name: &GroupName| Some(name) == restricted.as_ref();
        if term.groups.iter().any(|group| internal(&group.name)) {
            return None;
        }
        Some(vec![Change::Unexcept { at: at.clone() }])
    }
}

/// What makes a term of one key hold; `None` where that is nothing that can be written down.
fn fit_part(part: &Term, trial: &Trial<'_>) -> Option<Change> {
    let label = |key: &str, value: Option<&str>| Change::Label {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    };
    if let Some((key, value)) = part.match_labels.first_key_value() {
        return Some(label(key, Some(value)));
    }
    if let Some(expression) = part.match_expressions.first() {
        let value = value_for(&expression.operator, "true")?;
        return Some(label(&expression.key, value));
    }
    if !part.groups.is_empty() {
        let known = &trial.core().fleet.spec.groups;
        let mut groups = part.groups.iter();
        let group = groups.find(|group| known.contains_key(&group.name))?;
        return Some(Change::Join {
            group: group.name.clone(),
        });
    }
    let fact = part.facts.first()?;
    let value = match &fact.operator {
        FactOperator::Label(operator) => value_for(operator, "1")?.map(str::to_owned),
        FactOperator::Compare(relation, than) => Some(number_for(*relation, &than.to_string())?),
    };
    Some(Change::Fact {
        key: fact.key.clone(),
        value,
    })
}

/// A value of which an operator holds; `any` where it is any value.
fn value_for<'a>(operator: &'a Operator, any: &'a str) -> Option<Option<&'a str>> {
    match operator {
        Operator::In(values) => values.first().map(|value| Some(value.as_str())),
        Operator::Exists => Some(Some(any)),
        Operator::NotIn(_) | Operator::DoesNotExist => Some(None),
    }
}

/// A number that stands in a relation to another one; `None` where that is very long.
fn number_for(relation: Relation, than: &str) -> Option<String> {
    let whole: i128 = than.split('.').next()?.parse().ok()?;
    match relation {
        Relation::Gte | Relation::Lte => Some(than.to_owned()),
        Relation::Gt => Some(whole.checked_add(1)?.to_string()),
        Relation::Lt => Some(whole.checked_sub(1)?.to_string()),
    }
}

/// What makes room for one more: of a constraint alone, of the count alone, or of both.
fn room(trial: &Trial<'_>, violated: Option<&Spread>) -> Option<Vec<Change>> {
    let most = u32::try_from(trial.core().fleet.index.len()).ok()?;
    if let Some(constraint) = violated {
        let skew = |max_skew: u32| {
            vec![Change::Skew {
                at: constraint.at.clone(),
                by: constraint.by.clone(),
                max_skew,
            }]
        };
        let least = trial.least(constraint.max_skew.saturating_add(1), most, skew);
        if least.is_some() {
            return least;
        }
    }
    let from = trial.wanted().saturating_add(1);
    let count = |count: u32| vec![Change::Count { count }];
    trial.least(from, most, count).or_else(|| {
        let spread = &trial.placement().spread;
        let hard = |s: &&Spread| s.when_unsatisfiable == Unsatisfiable::DoNotSelect;
        let hard: BTreeSet<Place> = spread.iter().filter(hard).map(|s| s.at.clone()).collect();
        let relaxed = |count: u32| {
            let relax = |at: &Place| Change::Relax { at: at.clone() };
            let relaxed = hard.iter().map(relax);
            relaxed.chain([Change::Count { count }]).collect()
        };
        trial.least(from.min(most), most, relaxed)
    })
}

#[cfg(test)]
mod tests;
