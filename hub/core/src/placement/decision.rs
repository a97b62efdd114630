//! What one placement decided, as others see it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::advice::{Advised, Trials, advice};
use super::answer::Asking;
use super::bits::Bits;
use super::choose::{Choice, kept_out_by};
use super::clusters::Core;
use super::rank::Ranking;
use super::{Reason, Step, Why, Whys};
use crate::problem::Place;
use crate::selector::{Truth, any};
use crate::spec::{Document, GroupName, Placement, Reference, Spread, out_of_reach};

/// Every declared placement with what it decided.
#[derive(Clone, Default)]
pub struct Placements(pub(super) Arc<Core>);

/// What one placement decided. It is a view: copying it costs nothing.
#[derive(Clone, Copy)]
pub struct PlacementDecision<'a> {
    pub(super) core: &'a Core,
    pub(super) name: &'a PlacementName,
    pub(super) document: &'a Document<Arc<Placement>>,
    pub(super) choice: &'a Choice,
}

/// One selected cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick<'a> {
    /// Which one.
    pub cluster: &'a ClusterName,
    /// The sum of the weights of `prefer` that it matches.
    pub score: i128,
    /// How it came to be selected.
    pub step: Step,
}

/// Fewer clusters than wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall<'a> {
    /// How many are wanted.
    pub wanted: usize,
    /// How many are selected.
    pub selected: usize,
    /// The first constraint, in the order of the file, that the highest-ranked cluster left
    /// violates.
    pub constraint: &'a Spread,
}

impl Placements {
    /// What a placement decided; `None` where it is not declared.
    #[must_use]
    pub fn get(&self, name: &PlacementName) -> Option<PlacementDecision<'_>> {
        let (name, choice) = self.0.choices.get_key_value(name)?;
        Some(self.decision(name, choice))
    }

    /// The names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &PlacementName> {
        self.0.choices.keys()
    }

    /// Every placement with what it decided, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&PlacementName, PlacementDecision<'_>)> {
        let choices = self.0.choices.iter();
        choices.map(|(name, choice)| (name, self.decision(name, choice)))
    }

    /// What was decided, in the order of names.
    pub fn values(&self) -> impl Iterator<Item = PlacementDecision<'_>> {
        self.iter().map(|(_, decision)| decision)
    }

    /// How many are declared.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.choices.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.choices.is_empty()
    }

    fn decision<'a>(
        &'a self,
        name: &'a PlacementName,
        choice: &'a Choice,
    ) -> PlacementDecision<'a> {
        PlacementDecision {
            core: &self.0,
            name,
            document: &self.0.fleet.spec.placements[name],
            choice,
        }
    }
}

impl<'a> IntoIterator for &'a Placements {
    type Item = (&'a PlacementName, PlacementDecision<'a>);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// The names alone: the whole would be a book.
impl fmt::Debug for Placements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl PartialEq for Placements {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: PlacementDecision<'_>, other: PlacementDecision<'_>| {
            one.document == other.document
                && one.eligible().eq(other.eligible())
                && one.picks() == other.picks()
                && one.shortfall() == other.shortfall()
                && one.emptied() == other.emptied()
        };
        self.keys().eq(other.keys()) && self.values().zip(other.values()).all(|(a, b)| same(a, b))
    }
}

impl fmt::Debug for PlacementDecision<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selected: Vec<_> = self.selected().collect();
        let mut shown = f.debug_struct("PlacementDecision");
        shown
            .field("name", self.name)
            .field("selected", &selected)
            .finish_non_exhaustive()
    }
}

impl<'a> PlacementDecision<'a> {
    /// The placement's name.
    #[must_use]
    pub fn name(&self) -> &'a PlacementName {
        self.name
    }

    /// Where the placement begins.
    #[must_use]
    pub fn at(&self) -> &'a Place {
        &self.document.at
    }

    /// What it declares.
    #[must_use]
    pub fn placement(&self) -> &'a Placement {
        &self.document.spec
    }

    /// Its priority.
    #[must_use]
    pub fn priority(&self) -> i64 {
        self.placement().priority
    }

    /// The bundles it places.
    #[must_use]
    pub fn bundles(&self) -> &'a [Reference<BundleName>] {
        &self.placement().bundles
    }

    /// Whether nothing of it changes anywhere.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.placement().suspend
    }

    /// Whether it reaches further than its source may, so that nothing of it changes anywhere.
    #[must_use]
    pub fn reaches_too_far(&self) -> bool {
        !self.choice.reaching.is_empty()
    }

    /// Its terms that reach further than its source may.
    pub fn reaching(&self) -> impl Iterator<Item = &'a Place> + use<'a> {
        let terms = &self.document.spec.clusters;
        let reaching = self.choice.reaching.iter();
        reaching.map(|reaching| &terms[reaching.term].at)
    }

    /// Whether its source may not use a cluster.
    #[must_use]
    pub fn may_not_use(&self, cluster: &ClusterName) -> bool {
        let number = self.core.fleet.index.number(cluster);
        let outside = out_of_reach(self.name.source());
        let outside = outside.and_then(|group| self.core.fleet.groups.get(&group));
        outside.is_some_and(|outside| number.is_some_and(|number| outside.yes.contains(number)))
    }

    /// Whether it selects a cluster.
    #[must_use]
    pub fn selects(&self, cluster: &ClusterName) -> bool {
        let number = self.core.fleet.index.number(cluster);
        number.is_some_and(|number| self.choice.selected.contains(number))
    }

    /// The clusters that it selects, by name.
    pub fn selected(&self) -> impl Iterator<Item = &'a ClusterName> + use<'a> {
        self.names(&self.choice.selected)
    }

    /// How many clusters it selects.
    #[must_use]
    pub fn selected_count(&self) -> usize {
        self.choice.selected.count()
    }

    /// Whether it selects none.
    #[must_use]
    pub fn selects_nothing(&self) -> bool {
        self.choice.selected.is_empty()
    }

    /// The clusters that it may select, by name.
    pub fn eligible(&self) -> impl Iterator<Item = &'a ClusterName> + use<'a> {
        self.names(&self.choice.eligible)
    }

    /// How many clusters it may select.
    #[must_use]
    pub fn eligible_count(&self) -> usize {
        self.choice.eligible.count()
    }

    /// How many clusters are wanted, of those that it may select.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.choice.wanted
    }

    /// The clusters that it selects: the kept ones by rank, then the rest in the order of choice.
    #[must_use]
    pub fn picks(&self) -> Vec<Pick<'a>> {
        let ranking = self.ranking();
        let mut kept = Bits::clone(&self.choice.selected);
        kept.and(&self.choice.previous);
        let mut fresh = Bits::clone(&self.choice.selected);
        fresh.subtract(&kept);
        let pick = |cluster: u32, step| Pick {
            cluster: self.core.fleet.index.name(cluster),
            score: ranking.score(cluster),
            step,
        };
        let mut picks: Vec<Pick<'a>> = Vec::with_capacity(self.selected_count());
        picks.extend(
            ranking
                .sorted(&kept)
                .into_iter()
                .map(|c| pick(c, Step::Kept)),
        );
        if self.choice.picks.is_empty() {
            picks.extend(
                ranking
                    .sorted(&fresh)
                    .into_iter()
                    .map(|c| pick(c, Step::Ranked)),
            );
        } else {
            let fresh = self.choice.picks.iter().filter(|(c, _)| fresh.contains(*c));
            picks.extend(fresh.map(|(cluster, step)| pick(*cluster, *step)));
        }
        picks
    }

    /// The declared clusters that it does not select, by name.
    pub fn rejected(&self) -> impl Iterator<Item = (&'a ClusterName, Reason)> + use<'a> {
        let decision = *self;
        let all = (0..).zip(decision.core.fleet.index.names().iter());
        all.filter_map(move |(number, name)| Some((name, decision.reason_of(number)?)))
    }

    /// Why it does not select a declared cluster; `None` where it does, or none is declared so.
    #[must_use]
    pub fn reason(&self, cluster: &ClusterName) -> Option<Reason> {
        self.reason_of(self.core.fleet.index.number(cluster)?)
    }

    /// The whole reason, in words; `None` where the cluster is not declared.
    #[must_use]
    pub fn why(&self, cluster: &ClusterName) -> Option<Why> {
        self.whys().of(cluster)
    }

    /// The reasons for many clusters.
    #[must_use]
    pub fn whys(&self) -> Whys<'a> {
        Whys::new(*self)
    }

    /// What would have to change for it to select a declared cluster that it does not select. Every
    /// piece was tried; there is none where nothing that can be written down would do, where that was
    /// too much to look for, or while it reaches too far, so that nothing of it changes.
    #[must_use]
    pub fn advice(&self, cluster: &ClusterName, trials: &Trials) -> Advised {
        advice(*self, cluster, trials)
    }

    /// How many clusters it lacks, and why; `None` where it has as many as are wanted.
    #[must_use]
    pub fn shortfall(&self) -> Option<Shortfall<'a>> {
        Some(Shortfall {
            constraint: &self.placement().spread[self.choice.shortfall?],
            wanted: self.choice.wanted,
            selected: self.selected_count(),
        })
    }

    /// The clusters selected when it last selected any, where it selects none now.
    #[must_use]
    pub fn emptied(&self) -> Option<&'a BTreeSet<ClusterName>> {
        self.choice.emptied.as_deref()
    }

    fn names(&self, bits: &'a Bits) -> impl Iterator<Item = &'a ClusterName> + use<'a> {
        let index = &self.core.fleet.index;
        bits.iter().map(|number| index.name(number))
    }

    pub(super) fn ranking(&self) -> Ranking<'a> {
        let fleet = &self.core.fleet;
        let mut asking = Asking::new(&fleet.index, &fleet.groups);
        Ranking::new(&mut asking, self.name, &self.document.spec)
    }

    pub(super) fn reason_of(&self, number: u32) -> Option<Reason> {
        let choice = self.choice;
        if choice.selected.contains(number) {
            return None;
        }
        if choice.eligible.contains(number) {
            let passed_over = choice.passed_over.as_ref();
            let spread = passed_over.is_some_and(|passed| passed.contains(number));
            return Some(if spread {
                Reason::Spread
            } else {
                Reason::OutRanked
            });
        }
        let was_selected = choice.previous.contains(number);
        let fleet = &self.core.fleet;
        let inside = |name: &GroupName| fleet.inside(name, number);
        let candidate = fleet.index.candidate(number);
        let matched = match any(&self.document.spec.clusters, candidate, &inside) {
            Truth::Yes => true,
            Truth::Unknown => was_selected,
            Truth::No => false,
        };
        if !matched {
            return Some(Reason::NotMatched);
        }
        let taints = fleet
            .index
            .member(number)
            .taints
            .iter()
            .map(|(taint, _)| taint);
        let excepted = match any(&self.document.spec.except, candidate, &inside) {
            Truth::Yes => true,
            Truth::Unknown => !was_selected,
            Truth::No => false,
        };
        if !excepted && self.reaches_too_far() {
            return Some(Reason::Excepted);
        }
        let taint = kept_out_by(taints, &self.document.spec.tolerations, was_selected);
        debug_assert!(excepted || taint.is_some(), "something keeps it out");
        Some(if excepted {
            Reason::Excepted
        } else {
            Reason::Tainted
        })
    }
}
