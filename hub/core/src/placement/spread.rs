//! Picking clusters one by one, as evenly as the constraints want.
//!
//! Candidates of the same domains are alike but for their rank, so only the first of each such
//! *kind* is looked at. A kind that violates a constraint is put aside until the least count of that
//! constraint has risen far enough, so every pick costs a few steps of a heap, however many domains
//! there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::Step;
use super::index::Index;
use crate::spec::{Spread, Unsatisfiable};

/// What the picking came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Picked {
    /// Positions of the picked candidates in their order of rank, in the order of choice.
    pub(super) picks: Vec<(usize, Step)>,
    /// The constraint that the highest-ranked candidate left violates, where picking stopped short.
    pub(super) stopped: Option<usize>,
}

/// One constraint, and what is counted for it.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    max_skew: u64,
    hard: bool,
    /// Selected clusters, by domain.
    of: BTreeMap<u32, u64>,
    /// How many domains have each count.
    domains: BTreeMap<u64, usize>,
}

impl Counts {
    /// Counts nothing yet; the domains are those of `eligible`.
    pub(super) fn new(spread: &Spread, index: &Index, eligible: impl Iterator<Item = u32>) -> Self {
        let domain = Domains::new(spread, index);
        let of: BTreeMap<u32, u64> = eligible.map(|cluster| (domain.of(cluster), 0)).collect();
        Self {
            max_skew: u64::from(spread.max_skew),
            hard: spread.when_unsatisfiable == Unsatisfiable::DoNotSelect,
            domains: BTreeMap::from([(0, of.len())]),
            of,
        }
    }

    pub(super) fn has(&self, domain: u32) -> u64 {
        self.of.get(&domain).copied().unwrap_or(0)
    }

    /// The least count of all domains.
    pub(super) fn least(&self) -> u64 {
        self.domains.keys().next().copied().unwrap_or(0)
    }

    /// Whether one more in a domain is not too many.
    pub(super) fn holds(&self, domain: u32) -> bool {
        self.has(domain) + 1 - self.least() <= self.max_skew
    }

    pub(super) fn add(&mut self, domain: u32) {
        let count = self.of.entry(domain).or_default();
        let before = *count;
        *count += 1;
        if let Some(domains) = self.domains.get_mut(&before) {
            *domains -= 1;
            if *domains == 0 {
                self.domains.remove(&before);
            }
        }
        *self.domains.entry(before + 1).or_default() += 1;
    }
}

/// The domain of every cluster under one constraint.
pub(super) struct Domains<'a>(&'a super::index::Column);

impl<'a> Domains<'a> {
    pub(super) fn new(spread: &Spread, index: &'a Index) -> Self {
        let column = index.column(&spread.by);
        Self(column.expect("every key that spreads by has a column"))
    }

    pub(super) fn of(&self, cluster: u32) -> u32 {
        self.0.domain(cluster)
    }
}

/// Candidates that are alike but for their rank.
struct Kind {
    domains: Vec<u32>,
    /// Positions of the candidates left, the last one the highest in rank.
    left: Vec<usize>,
}

/// The kinds that may be picked from, seen by some of the constraints.
struct Frontier {
    /// Whether constraints that may be ignored count too.
    strict: bool,
    /// By the position of the first candidate, which may be out of date: then it only rises.
    ready: BinaryHeap<Reverse<(usize, usize)>>,
    /// For every constraint: kinds that wait until the least count is so high.
    waiting: Vec<BTreeMap<u64, Vec<usize>>>,
}

/// Picks `wanted` of the candidates, which are given by their domains under each constraint, in
/// order of rank. `counts` has what is selected already.
pub(super) fn pick(counts: &mut [Counts], candidates: &[Vec<u32>], wanted: usize) -> Picked {
    let mut positions: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
    for (position, domains) in candidates.iter().enumerate().rev() {
        positions.entry(domains).or_default().push(position);
    }
    let kinds = positions.into_iter().map(|(domains, left)| Kind {
        domains: domains.to_vec(),
        left,
    });
    let mut kinds: Vec<Kind> = kinds.collect();
    let mut frontiers = [
        Frontier::new(true, &kinds, counts.len()),
        Frontier::new(false, &kinds, counts.len()),
    ];
    // Where nothing may be ignored, a second look finds nothing new.
    let looks = if counts.iter().all(|c| c.hard) { 1 } else { 2 };
    let mut picked = Picked::default();
    while picked.picks.len() < wanted {
        let mut found = frontiers
            .iter_mut()
            .take(looks)
            .zip([Step::Ranked, Step::Relaxed]);
        let found = found.find_map(|(f, step)| Some((f.next(&kinds, counts)?, step)));
        let Some((kind, step)) = found else {
            picked.stopped = first_violated(counts, &kinds);
            break;
        };
        let position = kinds[kind]
            .left
            .pop()
            .expect("a kind that is ready has one");
        picked.picks.push((position, step));
        for (constraint, domain) in kinds[kind].domains.iter().enumerate() {
            let before = counts[constraint].least();
            counts[constraint].add(*domain);
            if counts[constraint].least() > before {
                for frontier in &mut frontiers {
                    frontier.release(constraint, counts[constraint].least(), &kinds);
                }
            }
        }
        for frontier in &mut frontiers {
            if frontier.strict == (step == Step::Ranked) {
                frontier.push(kind, &kinds);
            }
        }
    }
    picked
}

/// The first constraint that the highest-ranked candidate left violates.
fn first_violated(counts: &[Counts], kinds: &[Kind]) -> Option<usize> {
    let first = kinds.iter().filter(|kind| !kind.left.is_empty());
    let first = first.min_by_key(|kind| kind.left.last())?;
    let mut both = counts.iter().zip(&first.domains);
    both.position(|(counts, domain)| !counts.holds(*domain))
}

impl Frontier {
    fn new(strict: bool, kinds: &[Kind], constraints: usize) -> Self {
        let mut frontier = Self {
            strict,
            ready: BinaryHeap::new(),
            waiting: vec![BTreeMap::new(); constraints],
        };
        for kind in 0..kinds.len() {
            frontier.push(kind, kinds);
        }
        frontier
    }

    fn push(&mut self, kind: usize, kinds: &[Kind]) {
        if let Some(first) = kinds[kind].left.last() {
            self.ready.push(Reverse((*first, kind)));
        }
    }

    /// The kind of the highest-ranked candidate that may be picked; it is taken out.
    fn next(&mut self, kinds: &[Kind], counts: &[Counts]) -> Option<usize> {
        while let Some(Reverse((position, index))) = self.ready.pop() {
            let kind = &kinds[index];
            match kind.left.last() {
                None => continue,
                Some(first) if *first != position => {
                    self.push(index, kinds);
                    continue;
                }
                Some(_) => {}
            }
            let both = counts.iter().zip(&kind.domains).enumerate();
            let mut looked_at = both.filter(|(_, (counts, _))| self.strict || counts.hard);
            match looked_at.find(|(_, (counts, domain))| !counts.holds(**domain)) {
                None => return Some(index),
                Some((constraint, (counts, domain))) => {
                    let until = counts.has(*domain) + 1 - counts.max_skew;
                    self.waiting[constraint]
                        .entry(until)
                        .or_default()
                        .push(index);
                }
            }
        }
        None
    }

    /// Looks again at the kinds that waited for this.
    fn release(&mut self, constraint: usize, least: u64, kinds: &[Kind]) {
        let later = self.waiting[constraint].split_off(&(least + 1));
        let now = std::mem::replace(&mut self.waiting[constraint], later);
        for kind in now.into_values().flatten() {
            self.push(kind, kinds);
        }
    }
}

/// Positions that were passed over: those above a pick that are not picked, and all where picking
/// stopped short.
pub(super) fn passed_over(picked: &Picked, candidates: usize) -> impl Iterator<Item = usize> {
    let has: BTreeSet<usize> = picked.picks.iter().map(|(position, _)| *position).collect();
    let until = match picked.stopped {
        Some(_) => candidates,
        None => has.last().copied().unwrap_or(0),
    };
    (0..until).filter(move |position| !has.contains(position))
}
