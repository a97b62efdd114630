//! The rules of placement once more, as slowly and plainly as they are written: what the fast
//! resolver is compared with.
//!
//! It works on sets of names, asks every term of every cluster, and remembers nothing. Property
//! tests hold the resolver against it, and benchmarks measure beside it. Numbers of steps are those
//! of the reference, *Exact semantics of a decision*.
//!
//! Deliberately absent: words, documents that are broken, and anything that would make it faster.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Digest, PlacementName};

use super::{Reason, Step};
use crate::inventory::Inventory;
use crate::selector::{Candidate, Membership, Term, Truth, any, membership, truth};
use crate::spec::{
    Count, Document, Effect, GroupName, Placement, Spec, Spread, Taint, Unsatisfiable,
};

/// What every placement selected last time: `previous(P)`.
pub type Previous = BTreeMap<PlacementName, BTreeSet<ClusterName>>;

/// What one placement decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The set E of step 1.
    pub eligible: BTreeSet<ClusterName>,
    /// The set S: the kept ones by rank, then the rest in the order of choice.
    pub selected: Vec<Chosen>,
    /// Clusters that were passed over for spread at some pick, and are not selected.
    pub passed_over: BTreeSet<ClusterName>,
    /// Which constraint (counted from 0, in the order of the file) left fewer than were wanted.
    pub shortfall: Option<usize>,
}

/// One selected cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Which one.
    pub cluster: ClusterName,
    /// The sum of the weights that it matches.
    pub score: i128,
    /// Which step chose it.
    pub step: Step,
}

/// Who owns a bundle on a cluster, and who is shadowed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The owner.
    pub placement: PlacementName,
    /// The others, the next owner first.
    pub shadowed: Vec<PlacementName>,
}

/// The owner of every bundle on every cluster.
pub type Owners = BTreeMap<ClusterName, BTreeMap<BundleName, Owner>>;

/// A fleet as the rules see it.
pub struct Oracle<'a> {
    spec: &'a Spec,
    inventory: &'a Inventory,
    groups: Membership,
}

/// A cluster's place in the order of step 3; the least is the highest rank.
type Rank = (Reverse<i128>, Digest, ClusterName);

impl<'a> Oracle<'a> {
    /// Looks at a fleet.
    #[must_use]
    pub fn new(spec: &'a Spec, inventory: &'a Inventory) -> Self {
        let candidates = spec
            .members
            .iter()
            .map(|(name, member)| Candidate::of(name, member, inventory.facts(name)));
        Self {
            spec,
            inventory,
            groups: membership(&spec.groups, candidates),
        }
    }

    /// What every placement decides.
    #[must_use]
    pub fn resolve(&self, previous: &Previous) -> BTreeMap<PlacementName, Selection> {
        let nothing = BTreeSet::new();
        let select = |(name, document): (&PlacementName, &Document<Arc<Placement>>)| {
            let before = previous.get(name).unwrap_or(&nothing);
            (name.clone(), self.select(name, &document.spec, before))
        };
        self.spec.placements.iter().map(select).collect()
    }

    /// What one placement decides, after it selected `before`.
    #[must_use]
    pub fn select(
        &self,
        name: &PlacementName,
        placement: &Placement,
        before: &BTreeSet<ClusterName>,
    ) -> Selection {
        // Step 1.
        let eligible: BTreeSet<ClusterName> = self
            .spec
            .members
            .keys()
            .filter(|cluster| self.why_not(placement, before, cluster).is_none())
            .cloned()
            .collect();
        let ranked = self.ranked(name, placement, &eligible);
        let kept: Vec<ClusterName> = ranked
            .iter()
            .filter(|cluster| before.contains(*cluster))
            .cloned()
            .collect();
        let fresh: Vec<ClusterName> = ranked
            .iter()
            .filter(|cluster| !before.contains(*cluster))
            .cloned()
            .collect();
        let chosen = |cluster: &ClusterName, step| Chosen {
            cluster: cluster.clone(),
            score: self.score(placement, cluster),
            step: if before.contains(cluster) {
                Step::Kept
            } else {
                step
            },
        };
        // Step 2.
        let Some(count) = placement.count else {
            let selected = kept.iter().chain(&fresh);
            return Selection {
                selected: selected.map(|c| chosen(c, Step::Ranked)).collect(),
                eligible,
                ..Selection::default()
            };
        };
        let counted = wanted(count, eligible.len());
        let declared = |cluster: &ClusterName| self.spec.members.contains_key(cluster);
        let unread = !self.spec.gaps.is_empty();
        let n = if unread && !before.iter().all(declared) {
            kept.len()
        } else if self.is_anything_unknown(placement) {
            counted.max(kept.len())
        } else {
            counted
        };
        // Step 4.
        let shrinks = kept.len() > n;
        let begin = if shrinks { Vec::new() } else { kept.clone() };
        let candidates = if shrinks { &kept } else { &fresh };
        let filled = self.fill(placement, &eligible, (begin, candidates), n);
        let mut selected = filled.selected;
        if shrinks {
            for cluster in &kept {
                if selected.len() < n && !selected.iter().any(|(c, _)| c == cluster) {
                    selected.push((cluster.clone(), Step::Kept));
                }
            }
            selected.sort_by_key(|(c, _)| ranked.iter().position(|r| r == c));
        }
        let has: BTreeSet<&ClusterName> = selected.iter().map(|(c, _)| c).collect();
        let mut passed_over = filled.passed_over;
        passed_over.retain(|cluster| !has.contains(cluster));
        Selection {
            shortfall: filled.violated.filter(|_| selected.len() < n),
            selected: selected.iter().map(|(c, step)| chosen(c, *step)).collect(),
            eligible,
            passed_over,
        }
    }

    /// Why a declared cluster is not selected; `None` where it is.
    #[must_use]
    pub fn reason(
        &self,
        name: &PlacementName,
        selection: &Selection,
        before: &BTreeSet<ClusterName>,
        cluster: &ClusterName,
    ) -> Option<Reason> {
        let placement = &self.spec.placements[name].spec;
        if selection.selected.iter().any(|c| c.cluster == *cluster) {
            return None;
        }
        let otherwise = if selection.passed_over.contains(cluster) {
            Reason::Spread
        } else {
            Reason::OutRanked
        };
        Some(
            self.why_not(placement, before, cluster)
                .unwrap_or(otherwise),
        )
    }

    /// Whether the answer for any cluster hangs on what is not known.
    fn is_anything_unknown(&self, placement: &Placement) -> bool {
        self.spec.members.keys().any(|cluster| {
            let matches = self.any(&placement.clusters, cluster);
            matches.and(!self.any(&placement.except, cluster)) == Truth::Unknown
        })
    }

    /// Step 1: why a cluster is not eligible; `None` where it is.
    fn why_not(
        &self,
        placement: &Placement,
        before: &BTreeSet<ClusterName>,
        cluster: &ClusterName,
    ) -> Option<Reason> {
        let was_selected = before.contains(cluster);
        // What hangs on an unknown fact counts for the cluster exactly where it was selected.
        let matched = match self.any(&placement.clusters, cluster) {
            Truth::Yes => true,
            Truth::Unknown => was_selected,
            Truth::No => false,
        };
        if !matched {
            return Some(Reason::NotMatched);
        }
        let excepted = match self.any(&placement.except, cluster) {
            Truth::Yes => true,
            Truth::Unknown => !was_selected,
            Truth::No => false,
        };
        if excepted {
            return Some(Reason::Excepted);
        }
        for (taint, _) in &self.spec.members[cluster].taints {
            let keeps_out = match taint.effect {
                Effect::NoSchedule => !was_selected,
                Effect::NoExecute => true,
            };
            if keeps_out && !tolerated(placement, taint) {
                return Some(Reason::Tainted);
            }
        }
        None
    }

    /// Step 3: the clusters of a set, the highest rank first.
    fn ranked(
        &self,
        name: &PlacementName,
        placement: &Placement,
        clusters: &BTreeSet<ClusterName>,
    ) -> Vec<ClusterName> {
        let rank = |cluster: &ClusterName| -> Rank {
            let text = [name.name().as_bytes(), &[0], cluster.as_str().as_bytes()].concat();
            let score = self.score(placement, cluster);
            (Reverse(score), Digest::of(&text), cluster.clone())
        };
        let ranks: BTreeSet<Rank> = clusters.iter().map(rank).collect();
        ranks.into_iter().map(|(_, _, cluster)| cluster).collect()
    }

    fn score(&self, placement: &Placement, cluster: &ClusterName) -> i128 {
        let matching = placement.prefer.iter().filter(|preference| {
            let term = preference.term.as_ref();
            term.is_none_or(|term| self.truth(term, cluster) == Truth::Yes)
        });
        matching
            .map(|preference| i128::from(preference.weight))
            .sum()
    }

    /// Step 5: picks from `candidates`, which are in order of rank, until `n` are selected.
    fn fill(
        &self,
        placement: &Placement,
        eligible: &BTreeSet<ClusterName>,
        (begin, candidates): (Vec<ClusterName>, &[ClusterName]),
        n: usize,
    ) -> Filled {
        let mut selected: Vec<(ClusterName, Step)> = begin
            .into_iter()
            .map(|cluster| (cluster, Step::Kept))
            .collect();
        let mut left = candidates.to_vec();
        let mut passed_over = BTreeSet::new();
        while selected.len() < n {
            let holds = |spread: &Spread, cluster: &ClusterName| {
                self.spread_holds(spread, eligible, &selected, cluster)
            };
            let all = |c: &&ClusterName| placement.spread.iter().all(|s| holds(s, c));
            let hard = |c: &&ClusterName| {
                let hard = |s: &&Spread| s.when_unsatisfiable == Unsatisfiable::DoNotSelect;
                placement.spread.iter().filter(hard).all(|s| holds(s, c))
            };
            let pick = left.iter().find(all).map(|c| (c.clone(), Step::Ranked));
            let pick = pick.or_else(|| left.iter().find(hard).map(|c| (c.clone(), Step::Relaxed)));
            let Some((cluster, step)) = pick else {
                let violated = left
                    .first()
                    .and_then(|c| placement.spread.iter().position(|s| !holds(s, c)));
                passed_over.extend(left);
                return Filled {
                    selected,
                    passed_over,
                    violated,
                };
            };
            passed_over.extend(left.iter().take_while(|c| **c != cluster).cloned());
            left.retain(|c| *c != cluster);
            selected.push((cluster, step));
        }
        Filled {
            selected,
            passed_over,
            violated: None,
        }
    }

    /// Whether a spread constraint holds when `cluster` is added to what is selected.
    fn spread_holds(
        &self,
        spread: &Spread,
        eligible: &BTreeSet<ClusterName>,
        selected: &[(ClusterName, Step)],
        cluster: &ClusterName,
    ) -> bool {
        let domain = |cluster: &ClusterName| {
            let label = self.spec.members[cluster].labels.get(&spread.by);
            label.map_or("", String::as_str)
        };
        let count = |of: &str| selected.iter().filter(|(c, _)| domain(c) == of).count();
        let least = eligible.iter().map(|c| count(domain(c))).min().unwrap_or(0);
        let skew = count(domain(cluster)) + 1 - least;
        u64::try_from(skew).is_ok_and(|skew| skew <= u64::from(spread.max_skew))
    }

    /// Step 7: who owns which bundle where.
    #[must_use]
    pub fn owners(&self, selections: &BTreeMap<PlacementName, Selection>) -> Owners {
        let mut order: Vec<&PlacementName> = selections.keys().collect();
        order.sort_by_key(|name| (Reverse(self.spec.placements[*name].spec.priority), *name));
        let mut owners: Owners = Owners::new();
        let own = order.iter().map(|name| (*name, true));
        let others = order.iter().map(|name| (*name, false));
        for (name, own) in own.chain(others) {
            let bundles = self.spec.placements[name].spec.bundles.iter();
            let bundles = bundles.map(|bundle| &bundle.name);
            let bundles: BTreeSet<&BundleName> = bundles
                .filter(|bundle| (bundle.source() == name.source()) == own)
                .collect();
            for chosen in &selections[name].selected {
                let of_cluster = owners.entry(chosen.cluster.clone()).or_default();
                for bundle in &bundles {
                    match of_cluster.get_mut(*bundle) {
                        Some(owner) => owner.shadowed.push(name.clone()),
                        None => {
                            let owner = Owner {
                                placement: name.clone(),
                                shadowed: Vec::new(),
                            };
                            of_cluster.insert((*bundle).clone(), owner);
                        }
                    }
                }
            }
        }
        owners
    }

    fn candidate<'b>(&'b self, cluster: &'b ClusterName) -> Candidate<'b> {
        let member = &self.spec.members[cluster];
        Candidate::of(cluster, member, self.inventory.facts(cluster))
    }

    fn member(&self, group: &GroupName, cluster: &ClusterName) -> Truth {
        let members = self.groups.get(group);
        members.map_or(Truth::Unknown, |members| members.truth(cluster))
    }

    fn any(&self, terms: &[Term], cluster: &ClusterName) -> Truth {
        any(terms, self.candidate(cluster), &|g| self.member(g, cluster))
    }

    fn truth(&self, term: &Term, cluster: &ClusterName) -> Truth {
        truth(term, self.candidate(cluster), &|g| self.member(g, cluster))
    }
}

/// What step 5 came to.
struct Filled {
    selected: Vec<(ClusterName, Step)>,
    passed_over: BTreeSet<ClusterName>,
    /// The first constraint that the highest-ranked candidate violates, where it stopped short.
    violated: Option<usize>,
}

/// Step 2: how many of `eligible` clusters are wanted.
fn wanted(count: Count, eligible: usize) -> usize {
    match count {
        Count::Clusters(count) => eligible.min(count as usize),
        Count::Percent(percent) => (eligible * percent as usize).div_ceil(100).min(eligible),
    }
}

fn tolerated(placement: &Placement, taint: &Taint) -> bool {
    placement.tolerations.iter().any(|toleration| {
        let key = toleration.key.as_ref().is_none_or(|key| *key == taint.key);
        let value = toleration
            .value
            .as_ref()
            .is_none_or(|value| *value == taint.value);
        let effect = toleration
            .effect
            .is_none_or(|effect| effect == taint.effect);
        key && value && effect
    })
}
