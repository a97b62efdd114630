//! How the clusters of one placement stand to one another: found once for all who ask.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::limits::REPLAYS_MAX;
use crate::placement::Step;
use crate::placement::bits::Bits;
use crate::placement::decision::PlacementDecision;
use crate::placement::rank::Ranking;
use crate::placement::spread::{Counts, Domains};
use crate::spec::{Spread, Unsatisfiable};

/// What is found when it is first needed.
pub(super) struct Standing<'a> {
    decision: PlacementDecision<'a>,
    ranking: OnceCell<Ranking<'a>>,
    positions: OnceCell<BTreeMap<u32, usize>>,
    steps: OnceCell<BTreeMap<u32, Step>>,
    /// The picks as clusters of some domains saw them, by these domains.
    replays: RefCell<BTreeMap<Vec<u32>, Rc<Replay>>>,
}

/// The constraint that one more cluster of some domains would have violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Its number in the order of the file.
    pub(super) constraint: usize,
    /// How many clusters of the domain were selected then.
    pub(super) has: u64,
    /// How many the domain with the fewest had.
    pub(super) least: u64,
}

/// What clusters of the same domains would have violated before each pick, and after the last.
struct Replay {
    before: Vec<Option<Violation>>,
    stopped: Option<Violation>,
}

impl<'a> Standing<'a> {
    pub(super) const fn new(decision: PlacementDecision<'a>) -> Self {
        Self {
            decision,
            ranking: OnceCell::new(),
            positions: OnceCell::new(),
            steps: OnceCell::new(),
            replays: RefCell::new(BTreeMap::new()),
        }
    }

    /// The order in which the placement prefers clusters.
    pub(super) fn ranking(&self) -> &Ranking<'a> {
        self.ranking.get_or_init(|| self.decision.ranking())
    }

    /// How many may be selected.
    pub(super) fn eligible(&self) -> usize {
        self.positions().len()
    }

    /// The place of an eligible cluster in the order, counted from 0.
    pub(super) fn position(&self, cluster: u32) -> usize {
        self.positions().get(&cluster).copied().unwrap_or(0)
    }

    fn positions(&self) -> &BTreeMap<u32, usize> {
        self.positions.get_or_init(|| {
            let sorted = self.ranking().sorted(&self.decision.choice.eligible);
            (0..)
                .zip(sorted)
                .map(|(at, cluster)| (cluster, at))
                .collect()
        })
    }

    /// How a selected cluster came to be selected.
    pub(super) fn step(&self, cluster: u32) -> Step {
        let choice = self.decision.choice;
        if choice.previous.contains(cluster) {
            return Step::Kept;
        }
        let steps = self
            .steps
            .get_or_init(|| choice.picks.iter().copied().collect());
        steps.get(&cluster).copied().unwrap_or(Step::Ranked)
    }

    /// What a cluster that was passed over for spread violated when it was last passed over.
    pub(super) fn passed_over(&self, cluster: u32) -> Violation {
        let choice = self.decision.choice;
        let replay = self.replay(cluster);
        let own = self.position(cluster);
        let picks = choice.picks.iter().zip(&replay.before).rev();
        let last = picks
            .filter(|((picked, _), _)| self.position(*picked) > own)
            .find_map(|(_, violation)| *violation);
        // Where picking stopped for want of candidates, that was the last time.
        let last = match choice.shortfall {
            Some(_) => replay.stopped.or(last),
            None => last.or(replay.stopped),
        };
        last.expect("it was passed over for a constraint")
    }

    fn replay(&self, cluster: u32) -> Rc<Replay> {
        let index = &self.decision.core.fleet.index;
        let spread = &self.decision.document.spec.spread;
        let domains: Vec<Domains<'_>> = spread.iter().map(|s| Domains::new(s, index)).collect();
        let own: Vec<u32> = domains.iter().map(|d| d.of(cluster)).collect();
        let mut replays = self.replays.borrow_mut();
        if let Some(replay) = replays.get(&own) {
            return Rc::clone(replay);
        }
        if replays.len() >= REPLAYS_MAX {
            replays.clear();
        }
        let replay = Rc::new(self.replayed(&own, &domains));
        replays.insert(own, Rc::clone(&replay));
        replay
    }

    /// Goes through the picks again.
    fn replayed(&self, own: &[u32], domains: &[Domains<'_>]) -> Replay {
        let choice = self.decision.choice;
        let spread = &self.decision.document.spec.spread;
        let mut counts = self.kept(domains);
        let mut before = Vec::with_capacity(choice.picks.len());
        for (cluster, step) in &choice.picks {
            before.push(violated(&counts, own, spread, *step == Step::Relaxed));
            add(&mut counts, domains, *cluster);
        }
        Replay {
            before,
            stopped: violated(&counts, own, spread, false),
        }
    }

    /// What is counted before the first pick.
    fn kept(&self, domains: &[Domains<'_>]) -> Vec<Counts> {
        let choice = self.decision.choice;
        let index = &self.decision.core.fleet.index;
        let spread = &self.decision.document.spec.spread;
        let eligible = || choice.eligible.iter();
        let mut counts: Vec<Counts> = spread
            .iter()
            .map(|s| Counts::new(s, index, eligible()))
            .collect();
        // Where fewer are wanted than are kept, the picks choose among those, and begin with none.
        let mut may_stay = Bits::clone(&choice.eligible);
        may_stay.and(&choice.previous);
        if may_stay.count() <= choice.wanted {
            let kept = choice.selected.iter();
            let kept = kept.filter(|cluster| choice.previous.contains(*cluster));
            kept.for_each(|cluster| add(&mut counts, domains, cluster));
        }
        counts
    }
}

fn add(counts: &mut [Counts], domains: &[Domains<'_>], cluster: u32) {
    for (counts, domains) in counts.iter_mut().zip(domains) {
        counts.add(domains.of(cluster));
    }
}

/// The first constraint that one more in these domains violates.
fn violated(
    counts: &[Counts],
    own: &[u32],
    spread: &[Spread],
    hard_only: bool,
) -> Option<Violation> {
    let looked_at = |s: &Spread| !hard_only || s.when_unsatisfiable == Unsatisfiable::DoNotSelect;
    let all = counts.iter().zip(own).zip(spread).enumerate();
    let mut all = all.filter(|(_, (_, s))| looked_at(s));
    all.find_map(|(constraint, ((counts, domain), _))| {
        (!counts.holds(*domain)).then(|| Violation {
            constraint,
            has: counts.has(*domain),
            least: counts.least(),
        })
    })
}
