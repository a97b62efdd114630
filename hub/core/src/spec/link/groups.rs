//! Groups: those that name what is not there, or stand in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::document::Kind;
use super::super::{Group, GroupName, Reference, Spec, keep};
use super::Linker;
use super::circle::{circles, told};
use super::names::groups_of;
use crate::problem::{Code, Place, Problem};

/// Every group that a document of a spec names.
fn named(spec: &Spec) -> impl Iterator<Item = &Reference<GroupName>> {
    let in_groups = spec.groups.values().flat_map(|d| d.spec.references());
    let in_bundles = spec.bundles.values().flat_map(|d| d.spec.references());
    let in_placements = spec.placements.values().flat_map(|d| d.spec.references());
    in_groups.chain(in_bundles).chain(in_placements)
}

/// Groups that documents named which stood before: a new reference has no right to what is gone.
pub(super) fn named_before(previous: Option<&Spec>) -> BTreeSet<GroupName> {
    let references = previous.into_iter().flat_map(named);
    references.map(|reference| reference.name.clone()).collect()
}

impl Linker<'_> {
    /// Settles groups: one that names an unknown group, or stands in a circle, is replaced by its
    /// last good version, or dropped.
    pub(super) fn groups(&mut self) {
        let all: Vec<GroupName> = self.spec.groups.keys().cloned().collect();
        for name in &all {
            self.note_naming(name);
        }
        let mut queue: VecDeque<GroupName> = all.into();
        loop {
            self.settle_groups(&mut queue);
            let edges = self.spec.groups.iter().map(|(name, document)| {
                let to = document.spec.references().map(|r| r.name.clone());
                (name.clone(), to.collect())
            });
            let circles = circles(&edges.collect::<BTreeMap<_, Vec<_>>>());
            if circles.is_empty() {
                return;
            }
            for (name, way) in circles {
                let names: Vec<_> = way.iter().map(GroupName::name).collect();
                let message = format!("groups name each other in a circle: {}", told(&names));
                if let Some(document) = self.spec.groups.get(&name) {
                    let problem = Problem::error(&document.at, Code::GroupCycle, message);
                    self.problems
                        .push(problem.hint("let one of them name clusters instead"));
                }
                self.replace_group(&name, &mut queue);
            }
        }
    }

    /// Checks the groups of a queue, and those that name one which is dropped.
    fn settle_groups(&mut self, queue: &mut VecDeque<GroupName>) {
        while let Some(name) = queue.pop_front() {
            let Some(document) = self.spec.groups.get(&name) else {
                continue;
            };
            let references: Vec<_> = document.spec.references().cloned().collect();
            let (at, kept) = (document.at.clone(), document.kept);
            if !self.check_groups(&references, (Kind::Group, &at), kept) {
                self.replace_group(&name, queue);
            }
        }
    }

    fn replace_group(&mut self, name: &GroupName, queue: &mut VecDeque<GroupName>) {
        let Some(document) = self.spec.groups.remove(name) else {
            return;
        };
        let identity = (Kind::Group, name.name());
        if self.tried.insert(name.clone()) && self.restore(&document, identity) {
            self.note_naming(name);
            queue.push_back(name.clone());
            return;
        }
        self.gap(&document.at, identity, None);
        let because = self.root_of(&document.spec);
        let because = because.unwrap_or_else(|| document.at.clone());
        self.doubts
            .add((name.source(), &because), Kind::Group, name.name());
        self.dropped.insert(name.clone());
        queue.extend(self.naming.get(name).into_iter().flatten().cloned());
    }

    /// The broken document because of which a group is bad: a chain of groups falls with its first
    /// link.
    fn root_of(&self, group: &Group) -> Option<Place> {
        let mut causes = group.references().filter_map(|reference| {
            let (source, name) = (reference.name.source(), reference.name.name());
            self.doubts.cover(source, Kind::Group, name)
        });
        causes.next().map(|cause| cause.at.clone())
    }

    fn note_naming(&mut self, name: &GroupName) {
        let Some(document) = self.spec.groups.get(name) else {
            return;
        };
        for reference in document.spec.references() {
            let naming = self.naming.entry(reference.name.clone()).or_default();
            naming.insert(name.clone());
        }
    }

    /// A group that is named and not declared any more stays as it was; whether it does.
    pub(super) fn revive(&mut self, reference: &Reference<GroupName>) -> bool {
        let name = &reference.name;
        let Some(previous) = self.previous else {
            return false;
        };
        if self.dropped.contains(name) || !self.named_before.contains(name) {
            return false;
        }
        let identity = (Kind::Group, name.name());
        if !keep::copy(self.spec, previous, name.source(), identity, true) {
            return false;
        }
        self.revived.insert(name.clone());
        self.note_naming(name);
        let mut queue = VecDeque::from([name.clone()]);
        self.settle_groups(&mut queue);
        self.spec.groups.contains_key(name)
    }

    /// Says of every group that stays only because it is named where it is named.
    pub(super) fn revived_groups(&mut self) {
        if self.revived.is_empty() {
            return;
        }
        for reference in named(self.spec).filter(|r| self.revived.contains(&r.name)) {
            let name = reference.name.name();
            let message = format!("group `{name}` is named here and not declared any more");
            self.problems.push(
                Problem::error(&reference.at, Code::UnknownGroup, message)
                    .hint("its last version stays until nothing names it"),
            );
        }
    }

    /// A problem for a group that is not there, unless a broken document may declare it: then that
    /// is noted, but not of each group in a chain.
    pub(super) fn unknown_group(&mut self, reference: &Reference<GroupName>, from: Kind) {
        let (source, name) = (reference.name.source(), reference.name.name());
        let known = match from {
            Kind::Group => self.doubts.cover(source, Kind::Group, name).is_some(),
            _ => self.is_broken(&reference.at, (Kind::Group, source, name), 0),
        };
        if known {
            return;
        }
        let between = (&reference.at.source, source);
        let known = || groups_of(self.spec, &self.names, between);
        let most = self.spec.groups.len();
        let hint = self
            .names
            .did_you_mean(name, most, known, "declare a ClusterGroup");
        let message = format!("no group is called `{name}`");
        let problem = Problem::error(&reference.at, Code::UnknownGroup, message);
        self.problems.push(problem.maybe_hint(hint));
    }
}
