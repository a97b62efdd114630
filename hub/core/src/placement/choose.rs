//! What one placement chooses: who is eligible, how many, and which.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName};

use super::Step;
use super::answer::{Asking, Failures};
use super::bits::Bits;
use super::rank::Ranking;
use super::spread::{self, Counts, Domains};
use crate::spec::{Count, Effect, Placement, Taint, Toleration};

/// What one placement chose. Sets are of clusters of the index that it was chosen from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// Who may be selected.
    pub(super) eligible: Arc<Bits>,
    /// Who is.
    pub(super) selected: Arc<Bits>,
    /// Who was, the time before.
    pub(super) previous: Arc<Bits>,
    /// With `spread`: who was picked, in order, and how.
    pub(super) picks: Vec<(u32, Step)>,
    /// With `spread`: who was passed over.
    pub(super) passed_over: Option<Bits>,
    /// How many are wanted, of the eligible.
    pub(super) wanted: usize,
    /// Which constraint left fewer.
    pub(super) shortfall: Option<usize>,
    /// Whether another `previous` could give another choice.
    pub(super) hangs_on_previous: bool,
    /// Whether it wants more than its count says, so that nobody is given up while something is
    /// not known.
    pub(super) held: bool,
    /// CEL expressions that failed.
    pub(super) failures: Failures,
    /// Clusters that it selected when it last selected any, where it selects none now.
    pub(super) emptied: Option<Arc<BTreeSet<ClusterName>>>,
    /// Clusters that it selected, and that are not declared while something is not known.
    pub(super) absent: Arc<BTreeSet<ClusterName>>,
    /// The terms by which it reaches further than its source may: then nothing of it changes.
    pub(super) reaching: Vec<Reaching>,
}

impl Choice {
    /// What a placement keeps that reaches further than its source may: what it selected before, but
    /// for the clusters that its source may not use (any more).
    pub(super) fn frozen(
        previous: Arc<Bits>,
        absent: Arc<BTreeSet<ClusterName>>,
        outside: &Bits,
        reaching: Vec<Reaching>,
    ) -> Self {
        let mut kept = Bits::clone(&previous);
        kept.subtract(outside);
        let kept = Arc::new(kept);
        Self {
            wanted: kept.count(),
            eligible: Arc::clone(&kept),
            selected: kept,
            previous,
            hangs_on_previous: true,
            absent,
            reaching,
            ..Self::default()
        }
    }

    /// What it takes in memory; a set that two names share is counted once.
    pub(super) fn bytes(&self) -> usize {
        let eligible = self.eligible.bytes();
        let selected = match Arc::ptr_eq(&self.eligible, &self.selected) {
            true => 0,
            false => self.selected.bytes(),
        };
        let previous = match Arc::ptr_eq(&self.previous, &self.selected) {
            true => 0,
            false => self.previous.bytes(),
        };
        let passed_over = self.passed_over.as_ref().map_or(0, Bits::bytes);
        let picks = self.picks.capacity() * size_of::<(u32, Step)>();
        size_of::<Self>() + eligible + selected + previous + passed_over + picks
    }
}

/// A term of a restricted source's placement that matches clusters which the source may not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reaching {
    /// Which of the placement's terms, counted from 0.
    pub(super) term: usize,
    /// The first of these clusters.
    pub(super) first: u32,
    /// How many there are besides.
    pub(super) more: usize,
}

/// Whether a toleration is for a taint.
pub(super) fn tolerates(
    toleration: &Toleration,
    (key, value, effect): (&str, &str, Effect),
) -> bool {
    let same = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|w| w == have);
    same(&toleration.key, key)
        && same(&toleration.value, value)
        && toleration.effect.is_none_or(|wanted| wanted == effect)
}

/// The first taint that keeps a cluster out.
pub(super) fn kept_out_by<'a>(
    taints: impl Iterator<Item = &'a Taint>,
    tolerations: &[Toleration],
    was_selected: bool,
) -> Option<&'a Taint> {
    let mut taints = taints.filter(|taint| match taint.effect {
        Effect::NoSchedule => !was_selected,
        Effect::NoExecute => true,
    });
    taints.find(|t| {
        let taint = (t.key.as_str(), t.value.as_str(), t.effect);
        !tolerations
            .iter()
            .any(|toleration| tolerates(toleration, taint))
    })
}

/// How many of `eligible` clusters are wanted: a share is rounded up.
pub(super) fn wanted(count: Option<Count>, eligible: usize) -> usize {
    match count {
        None => eligible,
        Some(Count::Clusters(count)) => {
            usize::try_from(count).map_or(eligible, |c| c.min(eligible))
        }
        Some(Count::Percent(percent)) => {
            let share = eligible as u128 * u128::from(percent);
            usize::try_from(share.div_ceil(100)).map_or(eligible, |share| share.min(eligible))
        }
    }
}

/// Chooses clusters for a placement that selected `previous` the time before, and `absent` ones
/// that are not declared while something is not known.
pub(super) fn choose<'a>(
    asking: &mut Asking<'a>,
    name: &'a PlacementName,
    placement: &Placement,
    previous: Arc<Bits>,
    absent: Arc<BTreeSet<ClusterName>>,
) -> Choice {
    let Eligible {
        clusters: eligible,
        unknown,
        hangs_on_previous: mut hangs,
    } = eligible(asking, placement, &previous);
    let counted = wanted(placement.count, eligible.count());
    let n = match placement.count {
        None => counted,
        Some(_) => {
            let mut kept = eligible.clone();
            kept.and(&previous);
            wanted_at_least(counted, kept.count(), unknown, !absent.is_empty())
        }
    };
    let eligible = Arc::new(eligible);
    let mut choice = Choice {
        selected: Arc::clone(&eligible),
        eligible,
        previous,
        wanted: n,
        held: n > counted,
        absent,
        ..Choice::default()
    };
    if placement.count.is_some() {
        hangs = true;
        select(asking, name, placement, &mut choice);
    }
    choice.hangs_on_previous = hangs;
    choice.failures = std::mem::take(&mut asking.failures);
    choice
}

/// How many are wanted where something is not known. While the answer for any cluster is `unknown`,
/// nobody who is kept is given up for the count: a share would be of too few. While any is `absent`
/// that was selected, nobody takes its place either.
fn wanted_at_least(counted: usize, kept: usize, unknown: bool, absent: bool) -> usize {
    match (unknown, absent) {
        (_, true) => kept,
        (true, false) => counted.max(kept),
        (false, false) => counted,
    }
}

/// Who is eligible.
struct Eligible {
    clusters: Bits,
    /// Whether the answer for any cluster hangs on what is not known.
    unknown: bool,
    /// Whether it hangs on who was selected before.
    hangs_on_previous: bool,
}

fn eligible(asking: &mut Asking<'_>, placement: &Placement, previous: &Bits) -> Eligible {
    let mut matching = asking.any(&placement.clusters);
    if !placement.except.is_empty() {
        matching.and_not(&asking.any(&placement.except));
    }
    let unknown = matching.possible.is_some();
    let mut hangs = unknown;
    let mut eligible = matching.yes;
    if let Some(mut possible) = matching.possible {
        possible.and(previous);
        eligible.or(&possible);
    }
    for ((key, value, effect), clusters) in asking.index.taints() {
        let taint = (key.as_str(), value.as_str(), *effect);
        if placement.tolerations.iter().any(|t| tolerates(t, taint)) {
            continue;
        }
        for cluster in clusters {
            if !eligible.contains(*cluster) {
                continue;
            }
            let stays = *effect == Effect::NoSchedule && previous.contains(*cluster);
            hangs |= *effect == Effect::NoSchedule;
            if !stays {
                eligible.remove(*cluster);
            }
        }
    }
    Eligible {
        clusters: eligible,
        unknown,
        hangs_on_previous: hangs,
    }
}

/// Keeps, gives up and picks.
fn select<'a>(
    asking: &mut Asking<'a>,
    name: &'a PlacementName,
    placement: &Placement,
    choice: &mut Choice,
) {
    let n = choice.wanted;
    let mut kept = Bits::clone(&choice.eligible);
    kept.and(&choice.previous);
    let has = kept.count();
    if has == n {
        choice.selected = Arc::new(kept);
        return;
    }
    let from = if has > n {
        From {
            shrinks: true,
            begin: Bits::empty(asking.index.len()),
            candidates: kept,
        }
    } else {
        let mut fresh = Bits::clone(&choice.eligible);
        fresh.subtract(&kept);
        From {
            shrinks: false,
            begin: kept,
            candidates: fresh,
        }
    };
    let ranking = Ranking::new(asking, name, placement);
    let mut selected = if placement.spread.is_empty() {
        ranking.highest(&from.candidates, n - from.begin.count())
    } else {
        evenly(asking, placement, &ranking, &from, choice)
    };
    selected.or(&from.begin);
    choice.selected = Arc::new(selected);
}

/// What picking starts from.
struct From {
    /// Whether kept clusters are given up.
    shrinks: bool,
    /// What is selected already.
    begin: Bits,
    /// What may be picked.
    candidates: Bits,
}

/// Picks under the constraints; what is given up stays as little as was asked.
fn evenly(
    asking: &Asking<'_>,
    placement: &Placement,
    ranking: &Ranking<'_>,
    from: &From,
    choice: &mut Choice,
) -> Bits {
    let index = asking.index;
    let ranked = ranking.sorted(&from.candidates);
    let domains: Vec<Domains<'_>> = placement
        .spread
        .iter()
        .map(|s| Domains::new(s, index))
        .collect();
    let mut counts: Vec<Counts> = placement
        .spread
        .iter()
        .map(|s| Counts::new(s, index, choice.eligible.iter()))
        .collect();
    for cluster in from.begin.iter() {
        for (counts, domains) in counts.iter_mut().zip(&domains) {
            counts.add(domains.of(cluster));
        }
    }
    let of = |cluster: &u32| domains.iter().map(|d| d.of(*cluster)).collect();
    let alike: Vec<Vec<u32>> = ranked.iter().map(of).collect();
    let wanted = choice.wanted - from.begin.count();
    let picked = spread::pick(&mut counts, &alike, wanted);
    let picks = picked.picks.iter().map(|(at, step)| (ranked[*at], *step));
    choice.picks = picks.collect();
    let mut selected = Bits::of(
        index.len(),
        choice.picks.iter().map(|(cluster, _)| *cluster),
    );
    if from.shrinks {
        let rest = ranked
            .iter()
            .filter(|cluster| !selected.contains(**cluster));
        let rest: Vec<u32> = rest.take(wanted - choice.picks.len()).copied().collect();
        rest.into_iter()
            .for_each(|cluster| selected.insert(cluster));
    } else {
        choice.shortfall = picked.stopped;
    }
    let passed = spread::passed_over(&picked, ranked.len()).map(|at| ranked[at]);
    let passed = passed.filter(|cluster| !selected.contains(*cluster));
    choice.passed_over = Some(Bits::of(index.len(), passed));
    selected
}

#[cfg(test)]
mod tests;
