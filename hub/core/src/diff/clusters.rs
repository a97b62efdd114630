//! What becomes of clusters: their names, their modes, and what release leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;
use serde::Serialize;

use super::compare::{before, former};
use super::{ClusterChange, Side};
use crate::problem::nearest;
use crate::spec::{Cluster, Document, Member, Mode};

/// Clusters that may be one under another name that are named.
const CANDIDATES_MAX: usize = 3;

/// New clusters that look alike of which names are compared; of more, labels tell nobody apart.
const ALIKE_MAX: usize = 64;

/// A cluster that is not declared any more, and new ones that look like it. Nothing is done about it: only a
/// person knows whether one of them is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rename<'a> {
    /// The cluster that is not declared any more.
    pub gone: &'a ClusterName,
    /// New clusters that look like it, the nearest names of many.
    pub new: Vec<&'a ClusterName>,
    /// What is alike: `labels` or `document`.
    pub alike: &'static str,
}

/// A cluster that comes to be released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Released<'a> {
    /// The cluster.
    pub cluster: &'a ClusterName,
    /// The bundles that are let go, by name.
    pub bundles: Vec<&'a str>,
    /// How many objects stay there.
    pub objects: usize,
}

/// Clusters that are declared, renamed, not declared any more, or of another mode.
pub(super) fn clusters<'a>(from: Side<'a>, to: Side<'a>) -> Vec<ClusterChange<'a>> {
    let (before, after) = (&from.spec.members, &to.spec.members);
    let names: BTreeSet<&ClusterName> = before.keys().chain(after.keys()).collect();
    let renamed: BTreeSet<&ClusterName> = after
        .keys()
        .filter_map(|name| former(from, to, name))
        .collect();
    let mode = |members: &BTreeMap<ClusterName, Arc<Member>>, name| {
        members
            .get(name)
            .map(|member: &Arc<Member>| member.mode.as_str())
    };
    let change = |name: &'a ClusterName| {
        let renamed_from = former(from, to, name);
        let (was, is) = (
            mode(before, renamed_from.unwrap_or(name)),
            mode(after, name),
        );
        let changed = was != is || renamed_from.is_some();
        (changed && !renamed.contains(name)).then_some(ClusterChange {
            name,
            renamed_from,
            from: was,
            to: is,
        })
    };
    names.into_iter().filter_map(change).collect()
}

/// Clusters of `changes` that may have been renamed without saying so.
pub(super) fn renames<'a>(
    (from, to): (Side<'a>, Side<'a>),
    changes: &[ClusterChange<'a>],
) -> Vec<Rename<'a>> {
    let unnamed = |name: &ClusterName| to.spec.members[name].renamed_from.is_none();
    let new = changes.iter().filter(|change| change.from.is_none());
    let mut by_labels: BTreeMap<_, Vec<&ClusterName>> = BTreeMap::new();
    let mut by_document: BTreeMap<_, Vec<&ClusterName>> = BTreeMap::new();
    for name in new.map(|change| change.name).filter(|name| unnamed(name)) {
        let labels = &to.spec.members[name].labels;
        by_labels.entry(labels).or_default().push(name);
        if let Some(document) = to.spec.clusters.get(name) {
            by_document.entry(&document.labels).or_default().push(name);
        }
    }
    let few = |names: &&Vec<&ClusterName>| names.len() <= ALIKE_MAX;
    let rename = |gone: &'a ClusterName| {
        let labels = &from.spec.members[gone].labels;
        let same_labels = by_labels.get(labels).filter(|_| !labels.is_empty());
        if let Some(names) = same_labels {
            let new = closest(gone, few(&names).then(|| names.clone())?);
            return Some(Rename {
                gone,
                new,
                alike: "labels",
            });
        }
        let document = from.spec.clusters.get(gone)?;
        let names = by_document.get(&document.labels).filter(few)?.iter();
        let same = |name: &&&ClusterName| is_same(document, &to.spec.clusters[**name]);
        let new = closest(gone, names.filter(same).copied().collect());
        (!new.is_empty()).then_some(Rename {
            gone,
            new,
            alike: "document",
        })
    };
    let gone = changes.iter().filter(|change| change.to.is_none());
    gone.filter_map(|change| rename(change.name)).collect()
}

/// Whether two documents say the same of a cluster, but for its names.
fn is_same(old: &Document<Cluster>, new: &Document<Cluster>) -> bool {
    let fields = |document: &Document<Cluster>| {
        let Cluster {
            templates,
            variables,
            taints,
            mode,
            renamed_from: _,
        } = &document.spec;
        let templates: Vec<String> = templates.iter().map(|t| t.name.name().to_owned()).collect();
        let values = variables
            .iter()
            .map(|(name, v)| (name.clone(), v.value.clone()));
        let values: BTreeMap<_, _> = values.collect();
        let taints = taints
            .iter()
            .map(|t| (t.key.clone(), t.value.clone(), t.effect));
        (templates, values, taints.collect::<Vec<_>>(), *mode)
    };
    old.labels == new.labels && fields(old) == fields(new)
}

/// The names that are nearest to one, of more than are named.
fn closest<'a>(name: &ClusterName, mut all: Vec<&'a ClusterName>) -> Vec<&'a ClusterName> {
    let mut found = Vec::new();
    while all.len() > CANDIDATES_MAX - found.len() && found.len() < CANDIDATES_MAX {
        let names: Vec<&str> = all.iter().map(|name| name.as_str()).collect();
        let near = nearest(name.as_str(), &names);
        let at = near.and_then(|near| all.iter().position(|name| name.as_str() == near));
        found.push(all.remove(at.unwrap_or(0)));
    }
    found.extend(all.into_iter().take(CANDIDATES_MAX - found.len()));
    found.sort();
    found
}

/// Clusters that come to be released, with what is there of ours.
pub(super) fn released<'a>(from: Side<'a>, to: Side<'a>) -> Vec<Released<'a>> {
    let is_new = |(name, member): &(&'a ClusterName, &'a Arc<Member>)| {
        let name = former(from, to, name).unwrap_or(name);
        let before = from.spec.members.get(name).map(|member| member.mode);
        member.mode == Mode::Release && before != Some(Mode::Release)
    };
    let release = |cluster: &'a ClusterName| {
        let there = before(from, to, cluster).map(|last| &*last.snapshot);
        let bundles = there.into_iter().flat_map(|there| there.bundles().keys());
        Released {
            cluster,
            bundles: bundles.map(|bundle| bundle.name()).collect(),
            objects: there.map_or(0, |there| there.objects().len()),
        }
    };
    let members = to.spec.members.iter().filter(is_new);
    members.map(|(cluster, _)| release(cluster)).collect()
}
