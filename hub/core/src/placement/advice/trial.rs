//! One placement decided again upon a copy of what it was decided from, with changes made to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::Decisions;
use super::super::answer::Asking;
use super::super::bits::Bits;
use super::super::choose::{Choice, choose};
use super::super::clusters::Core;
use super::super::decide::resolve;
use super::super::decision::PlacementDecision;
use super::super::why::{Why, Whys};
use super::{Change, Trials};
use crate::inventory::Inventory;
use crate::spec::{Count, Document, GroupName, Placement, Spec};

/// A placement and a fleet with changes.
pub(super) struct Trial<'a> {
    decision: PlacementDecision<'a>,
    trials: &'a Trials,
    number: u32,
    /// The placement with the changes.
    document: Document<Arc<Placement>>,
    /// The fleet with the changes, where they are about clusters.
    changed: Option<Decisions>,
    /// What was selected the time before the decision, and by the decision.
    before: [Arc<Bits>; 2],
}

impl<'a> Trial<'a> {
    /// Makes changes.
    pub(super) fn of(
        (decision, trials): (PlacementDecision<'a>, &'a Trials),
        number: u32,
        changes: &[Change],
    ) -> Self {
        let cluster = decision.core.fleet.index.name(number);
        let mut document = decision.document.clone();
        let placement = Arc::make_mut(&mut document.spec);
        for change in changes {
            change.of_placement(placement, cluster, &decision.document.at);
        }
        let of_cluster = changes.iter().filter(|change| !change.is_of_placement());
        let of_cluster: Vec<&Change> = of_cluster.collect();
        let changed = (!of_cluster.is_empty()).then(|| {
            let (mut spec, mut inventory) = copied(decision, &document);
            for change in of_cluster {
                change.of_cluster(&mut spec, &mut inventory, cluster);
            }
            resolve(&Arc::new(spec), &inventory, &Decisions::default())
        });
        Self {
            decision,
            trials,
            number,
            document,
            changed,
            before: [
                Arc::clone(&decision.choice.previous),
                Arc::clone(&decision.choice.selected),
            ],
        }
    }

    /// What is decided upon.
    pub(super) fn core(&self) -> &Core {
        let changed = self.changed.as_ref();
        changed.map_or(self.decision.core, Decisions::core)
    }

    /// The placement.
    pub(super) fn placement(&self) -> &Placement {
        &self.document.spec
    }

    /// Why it does not select the cluster; `None` where it does, whatever was selected before.
    pub(super) fn why(&self) -> Option<Why> {
        let mut choices = self.before.iter().map(|b| self.choice(self.placement(), b));
        let choice = choices.find(|choice| !choice.selected.contains(self.number))?;
        let decision = PlacementDecision {
            core: self.core(),
            name: self.decision.name,
            document: &self.document,
            choice: &choice,
        };
        Some(Whys::new(decision).number(self.number))
    }

    /// How many clusters the placement says that it wants.
    pub(super) fn wanted(&self) -> u32 {
        match self.placement().count {
            Some(Count::Clusters(count)) => count,
            Some(Count::Percent(_)) | None => {
                u32::try_from(self.decision.choice.wanted).unwrap_or(u32::MAX)
            }
        }
    }

    /// The changes with the least number from `low` to `high` after which there is room for the
    /// cluster; `None` where there is none, or not enough may be tried to tell.
    pub(super) fn least(
        &self,
        mut low: u32,
        mut high: u32,
        changes: impl Fn(u32) -> Vec<Change>,
    ) -> Option<Vec<Change>> {
        if low > high || !self.has_room(&changes(high))? {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.has_room(&changes(middle))? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(changes(high))
    }

    /// Whether it selects the cluster after more changes of the placement, wherever the cluster may be
    /// selected: a taint may keep it out after one past and not after another, and is no want of room.
    /// `None` where no more may be tried.
    fn has_room(&self, more: &[Change]) -> Option<bool> {
        if !self.trials.take() {
            return None;
        }
        let cluster = self.decision.core.fleet.index.name(self.number);
        let mut placement = self.placement().clone();
        for change in more {
            change.of_placement(&mut placement, cluster, &self.document.at);
        }
        let mut choices = self.before.iter().map(|b| self.choice(&placement, b));
        Some(choices.all(|choice| {
            choice.selected.contains(self.number) || !choice.eligible.contains(self.number)
        }))
    }

    fn choice(&self, placement: &Placement, before: &Arc<Bits>) -> Choice {
        let fleet = &self.core().fleet;
        let mut asking = Asking::new(&fleet.index, &fleet.groups);
        let absent = Arc::clone(&self.decision.choice.absent);
        choose(
            &mut asking,
            self.decision.name,
            placement,
            Arc::clone(before),
            absent,
        )
    }
}

/// Of everything that was decided upon, what the one placement hangs on.
fn copied(
    decision: PlacementDecision<'_>,
    document: &Document<Arc<Placement>>,
) -> (Spec, Inventory) {
    let fleet = &decision.core.fleet;
    let from = &fleet.spec;
    let mut spec = Spec::default();
    spec.revisions.extend(from.revisions.clone());
    spec.members = from.members.clone();
    let mut left: Vec<&GroupName> = document.spec.references().map(|r| &r.name).collect();
    let mut seen: BTreeSet<&GroupName> = BTreeSet::new();
    while let Some(name) = left.pop() {
        let Some(group) = from.groups.get(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        left.extend(group.spec.references().map(|r| &r.name));
        spec.groups.insert(name.clone(), group.clone());
    }
    let mut document = document.clone();
    let placement = Arc::make_mut(&mut document.spec);
    placement.bundles.clear();
    placement.overrides.clear();
    spec.placements.insert(decision.name.clone(), document);
    let index = &fleet.index;
    let facts = (0..).zip(index.names().iter());
    let facts = facts.map(|(number, name)| (name.clone(), index.facts(number).clone()));
    let inventory = Inventory {
        facts: facts.collect(),
        ..Inventory::default()
    };
    (spec, inventory)
}
