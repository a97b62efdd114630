//! References between documents: unknown and circular ones.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::BundleName;

use super::document::Kind;
use super::doubt::Doubts;
use super::{Document, Gap, Group, GroupName, Placement, Reference, Spec, Trees, keep};
use crate::problem::{Code, Place, Problem, did_you_mean, nearest};
use crate::selector::Term;

/// Settles groups: one that names an unknown group, or stands in a circle, is replaced by its last
/// good version, or dropped. A group that was removed and is still named stays.
pub(super) fn groups(
    spec: &mut Spec,
    previous: Option<&Spec>,
    doubts: &mut Doubts,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tried = BTreeSet::new();
    let mut dropped = BTreeSet::new();
    loop {
        problems.extend(revive_groups(spec, previous, &dropped));
        let mut bad = Vec::new();
        for (name, group) in &spec.groups {
            let unknown = unknown_references(spec, group.spec.references());
            if !unknown.is_empty() {
                problems.extend(unknown_groups(spec, &unknown, doubts));
                bad.push(name.clone());
            } else if let Some(circle) = circle(&spec.groups, name) {
                let names: Vec<_> = circle.iter().map(GroupName::name).collect();
                let message = format!("groups name each other in a circle: {}", names.join(" -> "));
                problems.push(Problem::error(&group.at, Code::GroupCycle, message));
                bad.push(name.clone());
            }
        }
        if bad.is_empty() {
            return problems;
        }
        for name in bad {
            let Some(document) = spec.groups.remove(&name) else {
                continue;
            };
            let restored = tried.insert(name.clone())
                && restore(spec, previous, &document, (Kind::Group, name.name()));
            if !restored {
                gap(spec, previous, &document.at);
                doubts.add(name.source(), Kind::Group, name.name());
                dropped.insert(name);
            }
        }
    }
}

/// A group that is named and not declared any more stays as it was.
fn revive_groups(
    spec: &mut Spec,
    previous: Option<&Spec>,
    dropped: &BTreeSet<GroupName>,
) -> Vec<Problem> {
    let Some(previous) = previous else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let in_groups = spec
        .groups
        .values()
        .flat_map(|document| document.spec.references());
    let in_placements = spec
        .placements
        .values()
        .flat_map(|document| document.spec.references());
    let missing: Vec<Reference<GroupName>> = in_groups
        .chain(in_placements)
        .filter(|r| !spec.groups.contains_key(&r.name) && !dropped.contains(&r.name))
        .cloned()
        .collect();
    for reference in missing {
        let (source, name) = (reference.name.source(), reference.name.name());
        // Only a group of a document that stood before: a new reference has no right to it.
        if named_before(previous, &reference.name)
            && (keep::copy(spec, previous, source, (Kind::Group, name), true)
                || spec.groups.contains_key(&reference.name))
        {
            let message = format!("group `{name}` is named here and not declared any more");
            problems.push(
                Problem::error(&reference.at, Code::UnknownGroup, message)
                    .hint("its last version stays until nothing names it"),
            );
        }
    }
    problems
}

fn named_before(previous: &Spec, name: &GroupName) -> bool {
    let in_groups = previous
        .groups
        .values()
        .flat_map(|document| document.spec.references());
    let in_placements = previous
        .placements
        .values()
        .flat_map(|d| d.spec.references());
    in_groups
        .chain(in_placements)
        .any(|reference| reference.name == *name)
}

fn unknown_references<'a>(
    spec: &Spec,
    references: impl Iterator<Item = &'a Reference<GroupName>>,
) -> Vec<Reference<GroupName>> {
    references
        .filter(|r| !spec.groups.contains_key(&r.name))
        .cloned()
        .collect()
}

/// Unknown groups that no broken document may declare.
fn unknown_groups(spec: &Spec, unknown: &[Reference<GroupName>], doubts: &Doubts) -> Vec<Problem> {
    unknown
        .iter()
        .filter(|r| !doubts.cover(r.name.source(), Kind::Group, r.name.name()))
        .map(|reference| unknown_group(spec, reference))
        .collect()
}

fn unknown_group(spec: &Spec, reference: &Reference<GroupName>) -> Problem {
    let source = reference.name.source();
    let known: Vec<&str> = spec
        .groups
        .keys()
        .filter(|g| g.source() == source)
        .map(GroupName::name)
        .collect();
    let message = format!("no group is called `{}`", reference.name.name());
    let problem = Problem::error(&reference.at, Code::UnknownGroup, message);
    if known.is_empty() {
        return problem.hint("declare a ClusterGroup");
    }
    problem.hint(did_you_mean(reference.name.name(), &known))
}

/// The circle that a group stands in, from it and back to it.
fn circle(
    groups: &BTreeMap<GroupName, Document<Group>>,
    start: &GroupName,
) -> Option<Vec<GroupName>> {
    let edges = |name: &GroupName| -> Vec<GroupName> {
        let references = groups
            .get(name)
            .into_iter()
            .flat_map(|g| g.spec.references());
        references.map(|r| r.name.clone()).collect()
    };
    way_back(start, &edges)
}

/// The shortest way from a node back to itself.
fn way_back<N: Ord + Clone>(start: &N, edges: &impl Fn(&N) -> Vec<N>) -> Option<Vec<N>> {
    let mut came_from: BTreeMap<N, N> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start.clone()]);
    while let Some(node) = queue.pop_front() {
        for next in edges(&node) {
            if next == *start {
                let mut way = vec![start.clone()];
                let mut at = node;
                while at != *start {
                    let before = came_from[&at].clone();
                    way.push(std::mem::replace(&mut at, before));
                }
                way.push(at);
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(&next) {
                came_from.insert(next.clone(), node.clone());
                queue.push_back(next);
            }
        }
    }
    None
}

/// Puts the last good version in place of a bad document; whether there is another one.
fn restore<T: PartialEq>(
    spec: &mut Spec,
    previous: Option<&Spec>,
    bad: &Document<T>,
    identity: (Kind, &str),
) -> bool {
    previous.is_some_and(|previous| keep::copy(spec, previous, &bad.at.source, identity, true))
}

fn gap(spec: &mut Spec, previous: Option<&Spec>, at: &Place) {
    let history = previous.is_some_and(|spec| {
        spec.revisions.contains_key(&at.source) && !spec.gaps.contains_key(&at.source)
    });
    if !history {
        spec.gaps
            .entry(at.source.clone())
            .or_default()
            .push(Gap::Broken(at.clone()));
    }
}

/// Settles placements: one that names an unknown group is replaced by its last good version. A
/// bundle that is not declared is a problem, and the placement stays.
pub(super) fn placements(
    spec: &mut Spec,
    previous: Option<&Spec>,
    doubts: &Doubts,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let names: Vec<_> = spec.placements.keys().cloned().collect();
    for name in names {
        let document = &spec.placements[&name].spec;
        problems.extend(unknown_bundles(spec, &document.bundles, doubts));
        problems.extend(unknown_clusters(spec, document, doubts));
        let unknown = unknown_references(spec, document.references());
        if unknown.is_empty() {
            continue;
        }
        problems.extend(unknown_groups(spec, &unknown, doubts));
        let Some(document) = spec.placements.remove(&name) else {
            continue;
        };
        let restored = restore(spec, previous, &document, (Kind::Placement, name.name()));
        let good = restored
            && unknown_references(spec, spec.placements[&name].spec.references()).is_empty();
        if !good {
            spec.placements.remove(&name);
            gap(spec, previous, &document.at);
        }
    }
    problems
}

/// Bundles that are not declared, and that no broken document may declare.
fn unknown_bundles(
    spec: &Spec,
    references: &[Reference<BundleName>],
    doubts: &Doubts,
) -> Vec<Problem> {
    references
        .iter()
        .filter(|r| !spec.bundles.contains_key(&r.name))
        .filter(|r| !doubts.cover(r.name.source(), Kind::Bundle, r.name.name()))
        .map(|reference| unknown_bundle(spec, reference))
        .collect()
}

fn unknown_bundle(spec: &Spec, reference: &Reference<BundleName>) -> Problem {
    let source = reference.name.source();
    let known: Vec<&str> = spec
        .bundles
        .keys()
        .filter(|b| b.source() == source)
        .map(BundleName::name)
        .collect();
    let message = format!("no bundle is called `{}`", reference.name.name());
    let problem =
        Problem::error(&reference.at, Code::UnknownBundle, message).about_bundle(&reference.name);
    if known.is_empty() {
        return problem.hint("declare a Bundle");
    }
    problem.hint(did_you_mean(reference.name.name(), &known))
}

/// An exact name that no cluster has is probably misspelt.
fn unknown_clusters(spec: &Spec, placement: &Placement, doubts: &Doubts) -> Vec<Problem> {
    let overrides = placement
        .overrides
        .iter()
        .filter_map(|o| o.clusters.as_ref())
        .flatten();
    let terms: Vec<&Term> = placement
        .clusters
        .iter()
        .chain(&placement.except)
        .chain(overrides)
        .collect();
    let mut problems = Vec::new();
    for pattern in terms.into_iter().flat_map(|term| &term.names) {
        let exact = !pattern.text.contains(['*', '?']);
        if exact
            && !doubts.cover_cluster(&pattern.text)
            && !spec
                .clusters
                .keys()
                .any(|cluster| cluster.as_str() == pattern.text)
        {
            let known: Vec<&str> = spec.clusters.keys().map(|name| name.as_str()).collect();
            let message = format!("no declared cluster is called `{}`", pattern.text);
            let problem = Problem::warning(&pattern.at, Code::UnknownCluster, message);
            problems.push(problem.maybe_hint(near_hint(&pattern.text, &known)));
        }
    }
    problems
}

/// Settles bundles: those that depend on each other in a circle are replaced by their last good
/// versions, or dropped, which keeps what is there of them.
pub(super) fn bundles(
    spec: &mut Spec,
    previous: Option<&Spec>,
    doubts: &mut Doubts,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tried = BTreeSet::new();
    loop {
        let edges = |name: &BundleName| -> Vec<BundleName> {
            let bundle = spec.bundles.get(name).into_iter();
            bundle
                .flat_map(|b| &b.spec.depends_on)
                .map(|r| r.name.clone())
                .collect()
        };
        let mut bad = Vec::new();
        for (name, document) in &spec.bundles {
            if let Some(circle) = way_back(name, &edges) {
                let names: Vec<_> = circle.iter().map(BundleName::name).collect();
                let message = format!("bundles wait for each other: {}", names.join(" -> "));
                let at = document
                    .spec
                    .depends_on
                    .first()
                    .map_or(&document.at, |r| &r.at);
                problems
                    .push(Problem::error(at, Code::DependencyCycle, message).about_bundle(name));
                bad.push(name.clone());
            }
        }
        if bad.is_empty() {
            break;
        }
        for name in bad {
            let Some(document) = spec.bundles.remove(&name) else {
                continue;
            };
            doubts.add(name.source(), Kind::Bundle, name.name());
            if tried.insert(name.clone()) {
                restore(spec, previous, &document, (Kind::Bundle, name.name()));
            }
        }
    }
    for document in spec.bundles.values() {
        problems.extend(unknown_bundles(spec, &document.spec.depends_on, doubts));
    }
    problems
}

/// A bundle whose directory is not there.
pub(super) fn directories(spec: &Spec, trees: &Trees) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, document) in spec.bundles.iter().filter(|(_, document)| !document.kept) {
        let Some(tree) = trees.read(name.source()) else {
            continue;
        };
        let path = &document.spec.path;
        if tree.is_empty_below(path) {
            let message = format!("`{path}` is no directory with files");
            let directories: BTreeSet<&str> = tree
                .files
                .keys()
                .filter_map(|p| p.rsplit_once('/'))
                .map(|(d, _)| d)
                .collect();
            let directories: Vec<&str> = directories.into_iter().collect();
            problems.push(
                Problem::error(&document.spec.path_at, Code::EmptyBundle, message)
                    .about_bundle(name)
                    .maybe_hint(near_hint(path, &directories)),
            );
        }
    }
    problems
}

fn near_hint(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}
