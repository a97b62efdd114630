//! The deciding itself: everything the first time, and after that only what can have changed.
//!
//! A placement is decided anew when its document changed, when a group that it names has other
//! members, when what it selected last time counts and is another set than the time before, or when
//! one of the clusters that changed becomes eligible, stops being eligible, or is eligible and would
//! be ranked or counted otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::PlacementName;

use super::answer::Asking;
use super::bits::Bits;
use super::choose::{Choice, Reaching, choose, kept_out_by};
use super::clusters::{Clusters, Core};
use super::fleet::{Change, Changes, Fleet, former};
use super::own::{Moved, Owners, Routes};
use super::previous::{Renamed, recall, renamed};
use super::touched::touched;
use super::walk::Walk;
use super::{Decisions, Placements, Work, failing, problems};
use crate::inventory::Inventory;
use crate::selector::{Truth, truth};
use crate::spec::{Document, GroupName, Placement, Spec, out_of_reach};

/// Decides for every placement and cluster. The same input gives the same answer, in whatever order
/// the files came; `previous` gives what was selected before, and saves work.
#[must_use]
pub fn resolve(spec: &Arc<Spec>, inventory: &Inventory, previous: &Decisions) -> Decisions {
    let mut work = Work::default();
    let before = previous.core();
    let (fleet, changes) = Fleet::after(&before.fleet, spec, inventory, &mut work);
    let deciding = Deciding {
        renamed: if changes.shift.is_some() || previous.is_remembered() {
            renamed(spec)
        } else {
            Renamed::new()
        },
        previous,
        before,
        fleet: &fleet,
        changes: &changes,
    };
    let mut earlier = Walk::new(&before.choices);
    let choice = |(name, document): (&PlacementName, &Document<Arc<Placement>>)| {
        let before = earlier.get(name);
        let choice = deciding.choice((name, &document.spec), before, &mut work);
        (name.clone(), choice)
    };
    let choices = spec.placements.iter().map(choice).collect();
    let owners = deciding.owners(&choices, &mut work);
    let touched = touched(before, &fleet, &changes, &choices);
    let same_numbers = changes.shift.is_none() && !before.fleet.index.is_empty();
    let known = same_numbers.then_some(&before.failing);
    let failing = failing::after(known, &fleet, &choices, &touched);
    let remembered = deciding.remembered();
    let core = Arc::new(Core {
        choices,
        owners,
        failing,
        fleet,
    });
    let slots = Clusters::after(&core, &previous.clusters, &touched, &changes);
    let same_bundles = Arc::ptr_eq(&before.fleet.spec, spec);
    let bundles = if same_bundles {
        Arc::clone(&previous.bundles)
    } else {
        let all = spec.bundles.iter();
        Arc::new(all.map(|(name, d)| (name.clone(), d.at.clone())).collect())
    };
    Decisions {
        revisions: spec.revisions.clone(),
        undeclared: undeclared(spec, inventory),
        bundles,
        gaps: spec.gaps.clone(),
        problems: problems::all(&core),
        placements: Placements(Arc::clone(&core)),
        clusters: slots,
        remembered,
        work,
    }
}

/// Clusters that enrolled and are not declared: both sets are walked once.
fn undeclared(spec: &Spec, inventory: &Inventory) -> BTreeSet<capstan_proto::ClusterName> {
    let mut declared = spec.members.keys().peekable();
    let undeclared = inventory.enrolled.iter().filter(|name| {
        while declared.next_if(|have| have < name).is_some() {}
        declared.peek() != Some(name)
    });
    undeclared.cloned().collect()
}

struct Deciding<'a> {
    renamed: Renamed,
    previous: &'a Decisions,
    before: &'a Core,
    fleet: &'a Fleet,
    changes: &'a Changes,
}

impl Deciding<'_> {
    /// What a placement chooses now.
    fn choice(
        &self,
        (name, placement): (&PlacementName, &Placement),
        before: Option<&Arc<Choice>>,
        work: &mut Work,
    ) -> Arc<Choice> {
        let (previous, absent) = self.previously(name, before);
        if let Some((reaching, outside)) = self.reaching(name, placement) {
            work.placements_evaluated += 1;
            let mut choice = Choice::frozen(previous, absent, outside, reaching);
            if choice.selected.is_empty() {
                choice.emptied = self.emptied(name, before);
            }
            return Arc::new(choice);
        }
        let anew = |before: &&Arc<Choice>| {
            self.changes.all
                || !before.reaching.is_empty()
                || self.changes.placements.contains(name)
                || self.changes.touch_groups_of(placement)
                || before.hangs_on_previous && self.moved(before, &previous)
                || before.absent.is_empty() != absent.is_empty()
                || before.held && self.changes.any_cluster()
                || self.affected(placement, before)
        };
        let kept = before.filter(|before| !anew(before));
        if let Some(before) = kept {
            return self.carried(before, previous, absent);
        }
        work.placements_evaluated += 1;
        let mut asking = Asking::new(&self.fleet.index, &self.fleet.groups);
        let mut choice = choose(&mut asking, name, placement, previous, absent);
        if choice.selected.is_empty() {
            choice.emptied = self.emptied(name, before);
        }
        Arc::new(choice)
    }

    /// The terms of a restricted source's placement that match clusters which the source may not use,
    /// with all of those. A term that every cluster matches means the clusters that it may use.
    fn reaching(
        &self,
        name: &PlacementName,
        placement: &Placement,
    ) -> Option<(Vec<Reaching>, &Bits)> {
        let fleet = self.fleet;
        if !fleet.spec.restrictions.contains_key(name.source()) {
            return None;
        }
        let outside = &fleet.groups.get(&out_of_reach(name.source())?)?.yes;
        let mut asking = Asking::new(&fleet.index, &fleet.groups);
        let terms = placement.clusters.iter().enumerate();
        let reaching = terms.filter(|(_, term)| !term.is_everything());
        let reaching = reaching.filter_map(|(number, term)| {
            let mut reached = asking.any(std::slice::from_ref(term)).yes;
            reached.and(outside);
            Some(Reaching {
                term: number,
                first: reached.iter().next()?,
                more: reached.count() - 1,
            })
        });
        let reaching: Vec<Reaching> = reaching.collect();
        (!reaching.is_empty()).then_some((reaching, outside))
    }

    /// What a placement selected last time.
    fn previously(
        &self,
        name: &PlacementName,
        before: Option<&Arc<Choice>>,
    ) -> (Arc<Bits>, Arc<BTreeSet<capstan_proto::ClusterName>>) {
        let spec = &self.fleet.spec;
        let index = &self.fleet.index;
        let Some(before) = before else {
            let names = self.previous.remembered.get(name).into_iter().flatten();
            return recall(names, index, spec, &self.renamed);
        };
        if self.changes.shift.is_none() && before.absent.is_empty() {
            return (Arc::clone(&before.selected), Arc::clone(&before.absent));
        }
        let old = &self.before.fleet.index;
        let names = before.selected.iter().map(|number| old.name(number));
        recall(names.chain(&*before.absent), index, spec, &self.renamed)
    }

    /// Whether the clusters that were selected last time are others than the time before.
    fn moved(&self, before: &Choice, previous: &Bits) -> bool {
        match &self.changes.shift {
            None => *before.previous != *previous,
            Some(shift) => shift.bits(&before.previous) != *previous,
        }
    }

    /// Whether a cluster that changed can change the choice.
    fn affected(&self, placement: &Placement, before: &Choice) -> bool {
        let gone = &mut self.changes.gone.iter();
        gone.any(|number| before.eligible.contains(*number) || before.previous.contains(*number))
            || self
                .changes
                .clusters
                .iter()
                .any(|change| self.affects(change, placement, before) || self.renamed_into(change))
            || self.fails_otherwise(placement, before)
    }

    /// Whether a cluster that came is one under another name.
    fn renamed_into(&self, change: &Change) -> bool {
        change.before.is_none() && self.renamed.values().any(|number| *number == change.now)
    }

    fn affects(&self, change: &Change, placement: &Placement, before: &Choice) -> bool {
        let was_eligible = change.before.is_some_and(|b| before.eligible.contains(b));
        let was_selected = change.before.is_some_and(|b| before.selected.contains(b));
        let matches = self.fleet.matches(placement, change.now);
        if matches == Truth::No {
            return was_eligible;
        }
        let member = self.fleet.index.member(change.now);
        let tolerations = &placement.tolerations;
        let taints = || member.taints.iter().map(|(taint, _)| taint);
        let kept_out = kept_out_by(taints(), tolerations, was_selected).is_some();
        let is_eligible = !kept_out && (matches == Truth::Yes || was_selected);
        let hangs =
            matches == Truth::Unknown || kept_out_by(taints(), tolerations, false).is_some();
        if was_eligible != is_eligible || hangs && !before.hangs_on_previous {
            return true;
        }
        is_eligible && placement.count.is_some() && self.ranks_otherwise(change, placement)
    }

    /// Whether an eligible cluster has another score, or other domains, than before.
    fn ranks_otherwise(&self, change: &Change, placement: &Placement) -> bool {
        let Some(was) = former(&self.before.fleet, change) else {
            return true;
        };
        let is = self.fleet.index.candidate(change.now);
        let old = change.before.unwrap_or_default();
        let was_inside = |name: &GroupName| self.before.fleet.inside(name, old);
        let is_inside = |name: &GroupName| self.fleet.inside(name, change.now);
        let mut terms = placement.prefer.iter().filter_map(|p| p.term.as_ref());
        let mut spread = placement.spread.iter();
        terms.any(|t| {
            (truth(t, was, &was_inside) == Truth::Yes) != (truth(t, is, &is_inside) == Truth::Yes)
        }) || spread.any(|s| was.labels.get(&s.by) != is.labels.get(&s.by))
    }

    /// Whether CEL expressions can fail otherwise than before.
    fn fails_otherwise(&self, placement: &Placement, before: &Choice) -> bool {
        let prefer = placement.prefer.iter().filter_map(|p| p.term.as_ref());
        let terms = placement
            .clusters
            .iter()
            .chain(&placement.except)
            .chain(prefer);
        self.changes
            .fail_otherwise(&self.fleet.index, terms, !before.failures.is_empty())
    }

    /// The same choice, for the time after.
    fn carried(
        &self,
        before: &Arc<Choice>,
        previous: Arc<Bits>,
        absent: Arc<BTreeSet<capstan_proto::ClusterName>>,
    ) -> Arc<Choice> {
        let same_numbers = self.changes.shift.is_none();
        if same_numbers && *before.previous == *previous && before.absent == absent {
            return Arc::clone(before);
        }
        let mut choice = Choice::clone(before);
        if let Some(shift) = &self.changes.shift {
            let same = Arc::ptr_eq(&choice.eligible, &choice.selected);
            choice.eligible = Arc::new(shift.bits(&choice.eligible));
            choice.selected = if same {
                Arc::clone(&choice.eligible)
            } else {
                Arc::new(shift.bits(&choice.selected))
            };
            choice.passed_over = choice.passed_over.as_ref().map(|bits| shift.bits(bits));
            for (number, _) in &mut choice.picks {
                *number = shift.number(*number).expect("nobody who is eligible went");
            }
        }
        choice.previous = previous;
        choice.absent = absent;
        Arc::new(choice)
    }

    /// What a placement selected when it last selected any, where it did.
    fn emptied(
        &self,
        name: &PlacementName,
        before: Option<&Arc<Choice>>,
    ) -> Option<Arc<BTreeSet<capstan_proto::ClusterName>>> {
        let Some(before) = before else {
            let names = self.previous.remembered.get(name)?;
            return (!names.is_empty()).then(|| Arc::new(names.clone()));
        };
        if before.selected.is_empty() {
            return before.emptied.clone();
        }
        let index = &self.before.fleet.index;
        let names = before
            .selected
            .iter()
            .map(|number| index.name(number).clone());
        Some(Arc::new(names.collect()))
    }

    /// Who owns what: the lists of clusters that nothing moved to or from stay.
    fn owners(&self, choices: &BTreeMap<PlacementName, Arc<Choice>>, work: &mut Work) -> Owners {
        let spec = &self.fleet.spec;
        let old = self.before.owners.routes();
        let same_routes = Arc::ptr_eq(&self.before.fleet.spec, spec) || {
            let same_names = self.before.choices.len() == choices.len();
            same_names
                && self
                    .changes
                    .placements
                    .iter()
                    .all(|name| self.keeps_routes(name))
        };
        let routes = if same_routes {
            Arc::clone(old)
        } else {
            let all = spec.placements.iter();
            let routes = Routes::new(all.map(|(name, document)| (name, &*document.spec)));
            if routes == **old {
                Arc::clone(old)
            } else {
                Arc::new(routes)
            }
        };
        let afresh = self.changes.shift.is_some() || !Arc::ptr_eq(old, &routes);
        if afresh || self.before.fleet.index.is_empty() {
            work.owners_made_anew = true;
            let selected: Vec<&Bits> = choices.values().map(|choice| &*choice.selected).collect();
            return Owners::new(routes, &selected);
        }
        let both = self.before.choices.values().zip(choices.values());
        let moved = (0..).zip(both).filter_map(|(placement, (before, now))| {
            if Arc::ptr_eq(&before.selected, &now.selected) {
                return None;
            }
            let (before, now) = (&*before.selected, &*now.selected);
            (before != now).then_some(Moved {
                placement,
                before,
                now,
            })
        });
        self.before.owners.after(&moved.collect::<Vec<_>>())
    }

    /// Whether a placement whose document changed leads where it led before.
    fn keeps_routes(&self, name: &PlacementName) -> bool {
        let now = &self.fleet.spec.placements[name].spec;
        let before = self.before.fleet.spec.placements.get(name);
        before.is_some_and(|before| {
            let bundles = before.spec.bundles.iter().map(|bundle| &bundle.name);
            before.spec.priority == now.priority
                && bundles.eq(now.bundles.iter().map(|bundle| &bundle.name))
        })
    }

    /// What is remembered of placements that are not declared while something is not known.
    fn remembered(&self) -> BTreeMap<PlacementName, BTreeSet<capstan_proto::ClusterName>> {
        let spec = &self.fleet.spec;
        let unknown = |name: &PlacementName| {
            !spec.placements.contains_key(name)
                && (spec.gaps.contains_key(name.source())
                    || !spec.revisions.contains_key(name.source()))
        };
        let index = &self.before.fleet.index;
        let mut remembered: BTreeMap<_, _> = self
            .before
            .choices
            .iter()
            .filter(|(name, _)| unknown(name))
            .map(|(name, choice)| {
                let names = choice.selected.iter().map(|number| index.name(number));
                (
                    name.clone(),
                    names.chain(&*choice.absent).cloned().collect(),
                )
            })
            .collect();
        for (name, names) in &self.previous.remembered {
            if unknown(name) {
                remembered
                    .entry(name.clone())
                    .or_insert_with(|| names.clone());
            }
        }
        remembered
    }
}
