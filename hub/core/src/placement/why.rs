//! Decisions in words, made when somebody asks.

mod standing;

use std::collections::BTreeMap;
use std::fmt;

use capstan_proto::ClusterName;

use standing::Standing;

use super::choose::kept_out_by;
use super::decision::PlacementDecision;
use super::problems::reaches;
use super::{Reason, Step};
use crate::problem::Place;
use crate::selector::{Judgement, Match, Membership, Miss, Term, judge};
use crate::spec::{Layer, Spread, Taint};

/// Why a placement selects a cluster, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It does.
    Selected {
        /// The term, and what holds; or what is not known, where that keeps it.
        by: Match,
        /// How it came to be selected.
        step: Step,
        /// Its score, where there is a `count`.
        score: Option<i128>,
    },
    /// No term of `clusters` matches.
    NotMatched {
        /// One miss a term, in order; where it hangs on facts, only of the terms that do.
        misses: Vec<Miss>,
        /// The term that is nearest to matching.
        nearest: Option<Nearest>,
    },
    /// A term of `except` matches, or it hangs on facts whether one does.
    Excepted {
        /// What had selected it.
        selected: Match,
        /// The term of `except`.
        except: Match,
    },
    /// A taint keeps it out.
    Tainted {
        /// What had selected it.
        selected: Match,
        /// The taints that keep it out, each with the document that gives it.
        taints: Vec<(Taint, Layer)>,
    },
    /// It was passed over for spread.
    Spread {
        /// What had selected it.
        selected: Match,
        /// The first constraint that it violated when it was last passed over.
        constraint: Spread,
        /// The value of the label.
        domain: String,
        /// How many clusters with this value were selected then.
        has: u64,
        /// How many the value with the fewest had.
        least: u64,
    },
    /// Others were selected before it.
    OutRanked {
        /// What had selected it.
        selected: Match,
        /// Its score.
        score: i128,
        /// Its rank among the clusters that may be selected, counted from 1.
        rank: usize,
        /// How many may be selected.
        eligible: usize,
        /// How many are wanted.
        wanted: usize,
    },
}

/// The term that is nearest to matching a cluster: the one with the fewest keys that do not hold, the
/// first of equals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The term.
    pub term: Place,
    /// How many keys it has.
    pub keys: usize,
    /// What does not hold, one for each key.
    pub failing: Vec<String>,
}

impl Why {
    /// The reason in one word; `None` where it is selected.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Selected { .. } => None,
            Self::NotMatched { .. } => Some(Reason::NotMatched),
            Self::Excepted { .. } => Some(Reason::Excepted),
            Self::Tainted { .. } => Some(Reason::Tainted),
            Self::Spread { .. } => Some(Reason::Spread),
            Self::OutRanked { .. } => Some(Reason::OutRanked),
        }
    }

    /// The term that matched, where one did.
    #[must_use]
    pub fn matched(&self) -> Option<&Match> {
        match self {
            Self::NotMatched { .. } => None,
            Self::Selected { by: selected, .. }
            | Self::Excepted { selected, .. }
            | Self::Tainted { selected, .. }
            | Self::Spread { selected, .. }
            | Self::OutRanked { selected, .. } => Some(selected),
        }
    }

    /// The term that is nearest to matching, in words, where none matches; `None` where that says no
    /// more than the misses.
    #[must_use]
    pub fn nearest(&self) -> Option<String> {
        let Self::NotMatched {
            nearest: Some(nearest),
            misses,
        } = self
        else {
            return None;
        };
        if misses.len() == 1 && nearest.keys == 1 {
            return None;
        }
        let keys = match nearest.keys {
            1 => "its one key does not hold".to_owned(),
            keys => format!("{} of its {keys} keys do not hold", nearest.failing.len()),
        };
        let failing = nearest.failing.join("; ");
        Some(format!(
            "the term at {} is nearest: {keys}: {failing}",
            nearest.term
        ))
    }
}

/// A toleration for a taint, as YAML.
pub(super) fn toleration(taint: &Taint) -> String {
    let value = match taint.value.as_str() {
        "" => String::new(),
        value => format!(", value: {}", serde_json::Value::from(value)),
    };
    let effect = taint.effect.as_str();
    format!("{{key: {}{value}, effect: {effect}}}", taint.key)
}

/// A taint as people write it.
pub(super) fn words(taint: &Taint) -> String {
    let effect = taint.effect.as_str();
    match taint.value.as_str() {
        "" => format!("{}:{effect}", taint.key),
        value => format!("{}={value}:{effect}", taint.key),
    }
}

/// The detail of the reason, in one sentence.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Selected { by, .. } => write!(f, "{} ({})", by.because, by.term),
            Self::NotMatched { misses, .. } => {
                let one = |miss: &Miss| format!("{} ({})", miss.because, miss.term);
                let misses: Vec<String> = misses.iter().map(one).collect();
                f.write_str(&misses.join("; "))
            }
            Self::Excepted { except, .. } => write!(f, "{} ({})", except.because, except.term),
            Self::Tainted { taints, .. } => {
                let one = |(taint, _): &(Taint, Layer)| format!("{} ({})", words(taint), taint.at);
                let told: Vec<String> = taints.iter().map(one).collect();
                match told.as_slice() {
                    [one] => write!(f, "taint {one} is not tolerated"),
                    many => write!(f, "taints {} are not tolerated", many.join(", ")),
                }
            }
            Self::Spread {
                constraint,
                domain,
                has,
                least,
                ..
            } => write!(
                f,
                "{} `{domain}` had {has} selected and the least had {least}: one more passes maxSkew {} ({})",
                constraint.by, constraint.max_skew, constraint.at
            ),
            Self::OutRanked {
                score,
                rank,
                eligible,
                wanted,
                ..
            } => write!(
                f,
                "rank {rank} of {eligible} with score {score}, and {wanted} are wanted"
            ),
        }
    }
}

/// Reasons of one placement: what is the same for every cluster is found once, when it is first
/// needed, so that asking for all of them costs each no more than its own words.
pub struct Whys<'a> {
    decision: PlacementDecision<'a>,
    standing: Standing<'a>,
}

impl<'a> Whys<'a> {
    pub(super) fn new(decision: PlacementDecision<'a>) -> Self {
        Self {
            decision,
            standing: Standing::new(decision),
        }
    }

    /// Why the placement selects a declared cluster or does not; `None` where none is declared so.
    #[must_use]
    pub fn of(&self, cluster: &ClusterName) -> Option<Why> {
        let number = self.decision.core.fleet.index.number(cluster)?;
        Some(self.number(number))
    }

    /// Puts the reason for a cluster together.
    pub(super) fn number(&self, number: u32) -> Why {
        let reasons = Reasons {
            decision: self.decision,
            standing: &self.standing,
            number,
            groups: self.decision.core.groups_with_ways(number),
        };
        match self.decision.reason_of(number) {
            None => reasons.selected(),
            Some(Reason::NotMatched) => reasons.not_matched(),
            Some(Reason::Excepted) => reasons.excepted(),
            Some(Reason::Tainted) => reasons.tainted(),
            Some(Reason::Spread) => reasons.spread(),
            Some(Reason::OutRanked) => reasons.out_ranked(),
        }
    }
}

struct Reasons<'w, 'a> {
    decision: PlacementDecision<'a>,
    standing: &'w Standing<'a>,
    number: u32,
    groups: Membership,
}

impl Reasons<'_, '_> {
    fn judge(&self, terms: &[Term]) -> Judgement {
        let candidate = self.decision.core.fleet.index.candidate(self.number);
        judge(terms, candidate, &self.groups)
    }

    /// The term that selects it; where that hangs on facts, the term that does, in those words.
    fn matched(&self, terms: &[Term]) -> Match {
        match self.judge(terms) {
            Judgement::Yes(found) => found,
            Judgement::Unknown(misses) | Judgement::No(misses) => {
                let first = misses
                    .into_iter()
                    .next()
                    .expect("a list of terms is not empty");
                Match {
                    term: first.term,
                    because: first.because,
                }
            }
        }
    }

    fn selector(&self) -> Match {
        self.matched(&self.decision.document.spec.clusters)
    }

    fn selected(self) -> Why {
        let counts = self.decision.document.spec.count.is_some();
        Why::Selected {
            by: self.selector(),
            step: self.standing.step(self.number),
            score: counts.then(|| self.standing.ranking().score(self.number)),
        }
    }

    fn not_matched(self) -> Why {
        let terms = &self.decision.document.spec.clusters;
        let (Judgement::No(misses) | Judgement::Unknown(misses)) = self.judge(terms) else {
            unreachable!("a term that matches is no reason");
        };
        Why::NotMatched {
            misses,
            nearest: terms
                .iter()
                .map(|term| self.distance(term))
                .min_by_key(|n| n.failing.len()),
        }
    }

    /// What of a term does not hold.
    fn distance(&self, term: &Term) -> Nearest {
        let parts = parts(term);
        let failing =
            parts
                .iter()
                .filter_map(|part| match self.judge(std::slice::from_ref(part)) {
                    Judgement::Yes(_) => None,
                    Judgement::Unknown(misses) | Judgement::No(misses) => {
                        misses.into_iter().next().map(|miss| miss.because)
                    }
                });
        Nearest {
            term: term.at.clone(),
            keys: parts.len(),
            failing: failing.collect(),
        }
    }

    fn excepted(self) -> Why {
        let document = &self.decision.document.spec;
        let except = match (
            self.judge(&document.except),
            self.decision.choice.reaching.first(),
        ) {
            (Judgement::No(_), Some(reaching)) => Match {
                term: document.clusters[reaching.term].at.clone(),
                because: reaches(self.decision.core, self.decision.name, reaching),
            },
            _ => self.matched(&document.except),
        };
        Why::Excepted {
            selected: self.selector(),
            except,
        }
    }

    fn tainted(self) -> Why {
        let was_selected = self.decision.choice.previous.contains(self.number);
        let tolerations = &self.decision.document.spec.tolerations;
        let keeps_out = |taint: &Taint| {
            kept_out_by(std::iter::once(taint), tolerations, was_selected).is_some()
        };
        let taints = &self.decision.core.fleet.index.member(self.number).taints;
        Why::Tainted {
            selected: self.selector(),
            taints: taints
                .iter()
                .filter(|(taint, _)| keeps_out(taint))
                .cloned()
                .collect(),
        }
    }

    fn out_ranked(self) -> Why {
        Why::OutRanked {
            selected: self.selector(),
            score: self.standing.ranking().score(self.number),
            rank: self.standing.position(self.number) + 1,
            eligible: self.standing.eligible(),
            wanted: self.decision.choice.wanted,
        }
    }

    fn spread(self) -> Why {
        let violation = self.standing.passed_over(self.number);
        let constraint = &self.decision.document.spec.spread[violation.constraint];
        let member = self.decision.core.fleet.index.member(self.number);
        Why::Spread {
            selected: self.selector(),
            constraint: constraint.clone(),
            domain: member
                .labels
                .get(&constraint.by)
                .cloned()
                .unwrap_or_default(),
            has: violation.has,
            least: violation.least,
        }
    }
}

/// Every key of a term as a term of its own.
pub(super) fn parts(term: &Term) -> Vec<Term> {
    let empty = Term {
        at: term.at.clone(),
        match_labels: BTreeMap::new(),
        match_expressions: Vec::new(),
        names: Vec::new(),
        groups: Vec::new(),
        facts: Vec::new(),
        cel: None,
        labels_at: Vec::new(),
    };
    let mut parts = Vec::new();
    for (key, value) in &term.match_labels {
        parts.push(Term {
            match_labels: BTreeMap::from([(key.clone(), value.clone())]),
            ..empty.clone()
        });
    }
    for expression in &term.match_expressions {
        parts.push(Term {
            match_expressions: vec![expression.clone()],
            ..empty.clone()
        });
    }
    if !term.names.is_empty() {
        parts.push(Term {
            names: term.names.clone(),
            ..empty.clone()
        });
    }
    if !term.groups.is_empty() {
        parts.push(Term {
            groups: term.groups.clone(),
            ..empty.clone()
        });
    }
    for fact in &term.facts {
        parts.push(Term {
            facts: vec![fact.clone()],
            ..empty.clone()
        });
    }
    if let Some(cel) = &term.cel {
        parts.push(Term {
            cel: Some(cel.clone()),
            ..empty
        });
    }
    parts
}
