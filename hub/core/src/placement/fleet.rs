//! The fleet as it is decided upon, and what of it changed since the last time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName};

use super::Work;
use super::answer::{Answer, Asking, Failures, Groups, keys, member};
use super::bits::Bits;
use super::index::{Index, facts_of};
use super::walk::Walk;
use crate::inventory::Inventory;
use crate::selector::{Candidate, Term, Truth, any, cel_errors};
use crate::spec::{Group, GroupName, Placement, Spec};

/// Changed clusters that are asked one by one; with more, everything is asked at once. One cluster
/// costs a placement about as much as a tenth of all of them at once.
const EACH_MAX: usize = 16;

/// What decisions were made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    pub(super) spec: Arc<Spec>,
    pub(super) index: Arc<Index>,
    pub(super) groups: Groups,
    /// CEL expressions of groups that failed.
    pub(super) failures: BTreeMap<GroupName, Failures>,
}

/// What changed from one fleet to the next.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether so much did that everything is decided anew.
    pub(super) all: bool,
    /// Clusters of which something changed, or that came.
    pub(super) clusters: Vec<Change>,
    /// Clusters that went, by their old numbers.
    pub(super) gone: Vec<u32>,
    /// Where clusters came or went: the new number of each old one.
    pub(super) shift: Option<Shift>,
    /// Placements that are new, or of which the document changed.
    pub(super) placements: BTreeSet<PlacementName>,
    /// Groups that are new, or of which the document changed.
    declared_groups: BTreeSet<GroupName>,
    /// Groups that have other members, beyond the clusters that changed.
    pub(super) groups: BTreeSet<GroupName>,
    /// Clusters that a group gained or lost.
    pub(super) regrouped: Bits,
}

/// One cluster of which something changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// Its number.
    pub(super) now: u32,
    /// Its number before; `None` where it came.
    pub(super) before: Option<u32>,
}

/// New numbers of old clusters.
#[derive(Debug)]
pub(super) struct Shift {
    to: Vec<Option<u32>>,
    len: usize,
}

impl Shift {
    /// The same clusters under their new numbers.
    pub(super) fn bits(&self, bits: &Bits) -> Bits {
        Bits::of(self.len, bits.iter().filter_map(|old| self.number(old)))
    }

    pub(super) fn number(&self, old: u32) -> Option<u32> {
        self.to.get(old as usize).copied().flatten()
    }
}

/// The terms that decide who is selected, and the keys that spread goes by.
fn keys_of(placement: &Placement) -> BTreeSet<&str> {
    let terms = placement.clusters.iter().chain(&placement.except);
    let prefer = placement.prefer.iter().filter_map(|p| p.term.as_ref());
    let mut keys = keys(terms.chain(prefer));
    keys.extend(placement.spread.iter().map(|spread| spread.by.as_str()));
    keys
}

/// The groups that decide who is selected.
fn groups_of(placement: &Placement) -> impl Iterator<Item = &GroupName> {
    let terms = placement.clusters.iter().chain(&placement.except);
    let prefer = placement.prefer.iter().filter_map(|p| p.term.as_ref());
    terms
        .chain(prefer)
        .flat_map(|term| &term.groups)
        .map(|r| &r.name)
}

impl Changes {
    /// Whether anything changed of any cluster.
    pub(super) fn any_cluster(&self) -> bool {
        !self.clusters.is_empty() || !self.gone.is_empty()
    }

    /// Whether a placement asks for a group that has other members.
    pub(super) fn touch_groups_of(&self, placement: &Placement) -> bool {
        !self.groups.is_empty() && groups_of(placement).any(|name| self.groups.contains(name))
    }
}

impl Changes {
    /// Whether CEL expressions of some terms can fail otherwise than before, when they `failed` on
    /// some cluster, or on none.
    pub(super) fn fail_otherwise<'a>(
        &self,
        index: &Index,
        terms: impl Iterator<Item = &'a Term>,
        failed: bool,
    ) -> bool {
        if self.clusters.is_empty() && self.gone.is_empty() {
            return false;
        }
        let mut with_cel = terms.filter(|term| term.cel.is_some());
        with_cel.any(|term| {
            failed
                || self
                    .clusters
                    .iter()
                    .any(|c| cel_errors(term, index.candidate(c.now)).is_some())
        })
    }
}

impl Fleet {
    /// The fleet as `spec` and `inventory` say, and what changed from `before`.
    pub(super) fn after(
        before: &Self,
        spec: &Arc<Spec>,
        inventory: &Inventory,
        work: &mut Work,
    ) -> (Self, Changes) {
        let mut changes = compare(before, spec, inventory, work);
        compare_documents(&before.spec, spec, &mut changes, work);
        let fresh = before.index.is_empty() || changes.shift.is_some() || changes.all;
        let mut index = if fresh {
            work.clusters_indexed = spec.members.len();
            Arc::new(Index::new(spec, inventory))
        } else {
            Arc::clone(&before.index)
        };
        if !fresh && !changes.clusters.is_empty() {
            work.clusters_indexed = changes.clusters.len();
            let index = Arc::make_mut(&mut index);
            for change in &changes.clusters {
                let name = index.name(change.now).clone();
                index.replace(change.now, &spec.members[&name], inventory.facts(&name));
            }
        }
        let missing = missing_keys(spec, &index, fresh, &changes);
        if !missing.is_empty() {
            Arc::make_mut(&mut index).cover(&missing);
        }
        changes.regrouped = Bits::empty(index.len());
        let mut fleet = Self {
            spec: Arc::clone(spec),
            index,
            groups: Groups::new(),
            failures: BTreeMap::new(),
        };
        fleet.regroup(before, &mut changes, work);
        (fleet, changes)
    }

    /// Finds the members of every group, groups that others name first.
    fn regroup(&mut self, before: &Self, changes: &mut Changes, work: &mut Work) {
        let spec = Arc::clone(&self.spec);
        let gone = |name: &&GroupName| !spec.groups.contains_key(*name);
        let gone = before.groups.keys().filter(gone);
        changes.groups.extend(gone.cloned());
        let mut left: BTreeSet<&GroupName> = spec.groups.keys().collect();
        while !left.is_empty() {
            let ready = |name: &&GroupName| {
                let mut references = spec.groups[*name].spec.references();
                references.all(|reference| !left.contains(&reference.name))
            };
            let ready: Vec<&GroupName> = left.iter().copied().filter(ready).collect();
            if ready.is_empty() {
                break;
            }
            for name in ready {
                self.group(name, before, changes, work);
                left.remove(name);
            }
        }
    }

    fn group(&mut self, name: &GroupName, before: &Self, changes: &mut Changes, work: &mut Work) {
        let group = &self.spec.groups[name].spec;
        let old = before.groups.get(name);
        let old = old.map(|answer| match &changes.shift {
            Some(shift) => Arc::new(Answer {
                yes: shift.bits(&answer.yes),
                possible: answer.possible.as_ref().map(|bits| shift.bits(bits)),
            }),
            None => Arc::clone(answer),
        });
        let same = !changes.declared_groups.contains(name)
            && !group.references().any(|r| changes.groups.contains(&r.name));
        if let (Some(old), true, false) = (&old, same, changes.all) {
            let failures = before.failures.get(name);
            if let Some(answer) = self.group_in_part(group, old, failures.is_some(), changes) {
                if let Some(failures) = failures {
                    self.failures.insert(name.clone(), failures.clone());
                }
                self.groups.insert(name.clone(), answer);
                return;
            }
        }
        work.groups_evaluated += 1;
        let mut asking = Asking::new(&self.index, &self.groups);
        let answer = asking.group(group);
        if !asking.failures.is_empty() {
            let failures = asking.failures;
            self.failures.insert(name.clone(), failures);
        }
        let nobody = Answer::default();
        let was = old.as_deref().unwrap_or(&nobody);
        if old.is_none() || *was != answer {
            changes.groups.insert(name.clone());
            let nobody = Bits::empty(self.index.len());
            let or_nobody = |bits: &Bits| {
                if bits.words().is_empty() {
                    nobody.clone()
                } else {
                    bits.clone()
                }
            };
            changes
                .regrouped
                .or_difference(&or_nobody(&was.yes), &answer.yes);
            changes
                .regrouped
                .or_difference(&or_nobody(was.possible()), answer.possible());
        }
        self.groups.insert(name.clone(), Arc::new(answer));
    }

    /// Asks only for the clusters that changed; `None` where that is not enough.
    fn group_in_part(
        &self,
        group: &Group,
        old: &Arc<Answer>,
        failed: bool,
        changes: &Changes,
    ) -> Option<Arc<Answer>> {
        let terms = group.clusters.iter().chain(&group.except);
        if changes.fail_otherwise(&self.index, terms, failed) {
            return None;
        }
        let mut answer = Arc::clone(old);
        for change in &changes.clusters {
            let inside = |name: &GroupName| member(&self.groups, name, change.now);
            let candidate = self.index.candidate(change.now);
            let truth = any(&group.clusters, candidate, &inside);
            let truth = truth.and(!any(&group.except, candidate, &inside));
            if answer.truth(change.now) != truth {
                Arc::make_mut(&mut answer).set(change.now, truth);
            }
        }
        Some(answer)
    }

    /// Whether a cluster matches a placement's terms.
    pub(super) fn matches(&self, placement: &Placement, cluster: u32) -> Truth {
        let inside = |name: &GroupName| member(&self.groups, name, cluster);
        let candidate = self.index.candidate(cluster);
        let matches = any(&placement.clusters, candidate, &inside);
        matches.and(!any(&placement.except, candidate, &inside))
    }

    /// Whether a cluster is in a group; as terms ask.
    pub(super) fn inside(&self, name: &GroupName, cluster: u32) -> Truth {
        member(&self.groups, name, cluster)
    }

    pub(super) fn bytes(&self) -> usize {
        let groups: usize = self.groups.values().map(|answer| answer.bytes()).sum();
        self.index.bytes() + groups
    }
}

/// Keys that documents name and the index does not cover. What did not change is covered, unless
/// the index is new.
fn missing_keys<'a>(
    spec: &'a Spec,
    index: &Index,
    fresh: bool,
    changes: &Changes,
) -> BTreeSet<&'a str> {
    let mut missing = BTreeSet::new();
    for (name, document) in &spec.groups {
        if fresh || changes.declared_groups.contains(name) {
            let group = &document.spec;
            missing.extend(keys(group.clusters.iter().chain(&group.except)));
        }
    }
    for (name, document) in &spec.placements {
        if fresh || changes.placements.contains(name) {
            missing.extend(keys_of(&document.spec));
        }
    }
    missing.retain(|key| index.column(key).is_none());
    missing
}

/// What changed of the clusters.
fn compare(before: &Fleet, spec: &Arc<Spec>, inventory: &Inventory, work: &mut Work) -> Changes {
    let mut changes = Changes::default();
    let index = &before.index;
    let declared = spec.members.iter().zip(facts_of(spec, inventory));
    if Arc::ptr_eq(&before.spec, spec) {
        for (now, (_, facts)) in (0..).zip(declared) {
            if index.facts(now) != facts {
                let before = Some(now);
                changes.clusters.push(Change { now, before });
            }
        }
        changes.all = changes.clusters.len() > EACH_MAX;
        return changes;
    }
    let len = spec.members.len();
    let mut to = vec![None; index.len()];
    let mut olds = (0..).zip(index.names().iter()).peekable();
    for (now, ((name, member), facts)) in (0..).zip(declared) {
        // Most clusters are the very same as before: their names are not looked at.
        let very_same = |old: &(u32, &ClusterName)| Arc::ptr_eq(index.member(old.0), member);
        if let Some((old, old_name)) = olds.next_if(very_same) {
            debug_assert_eq!(old_name, name, "no two clusters share a member");
            to[old as usize] = Some(now);
            if index.facts(old) != facts {
                let before = Some(old);
                changes.clusters.push(Change { now, before });
            }
            continue;
        }
        while let Some((gone, _)) = olds.next_if(|(_, old)| *old < name) {
            changes.gone.push(gone);
        }
        let Some((old, _)) = olds.next_if(|(_, old)| *old == name) else {
            changes.clusters.push(Change { now, before: None });
            continue;
        };
        to[old as usize] = Some(now);
        let same = same(index.member(old), member, work);
        if !same || index.facts(old) != facts {
            let before = Some(old);
            changes.clusters.push(Change { now, before });
        }
    }
    changes.gone.extend(olds.map(|(gone, _)| gone));
    let came = changes
        .clusters
        .iter()
        .any(|change| change.before.is_none());
    changes.all = changes.clusters.len() + changes.gone.len() > EACH_MAX;
    if came || !changes.gone.is_empty() {
        changes.shift = Some(Shift { to, len });
    }
    changes
}

/// Whether two documents say the same; what did not change since is found at the same address.
fn same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>, work: &mut Work) -> bool {
    Arc::ptr_eq(one, other) || {
        work.documents_compared += 1;
        **one == **other
    }
}

/// What changed of the documents that decide who is selected.
fn compare_documents(before: &Arc<Spec>, spec: &Arc<Spec>, changes: &mut Changes, work: &mut Work) {
    if Arc::ptr_eq(before, spec) {
        return;
    }
    let mut known = Walk::new(&before.groups);
    for (name, document) in &spec.groups {
        let known = known.get(name);
        if known.is_none_or(|known| known.spec != document.spec) {
            changes.declared_groups.insert(name.clone());
        }
    }
    let mut known = Walk::new(&before.placements);
    for (name, document) in &spec.placements {
        let known = known.get(name);
        if known.is_none_or(|known| !same(&known.spec, &document.spec, work)) {
            changes.placements.insert(name.clone());
        }
    }
}

/// A cluster as it was.
pub(super) fn former<'a>(before: &'a Fleet, change: &Change) -> Option<Candidate<'a>> {
    change.before.map(|number| before.index.candidate(number))
}
