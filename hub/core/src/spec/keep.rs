//! Last good versions: what is broken stays as it was, what is removed from Git goes.

use std::collections::BTreeSet;

use capstan_proto::{BundleName, ClusterName, PlacementName, Revision, SourceName};

use super::document::Kind;
use super::read::Broken;
use super::{Document, Gap, GroupName, Spec};
use crate::problem::{Code, Place, Problem};

/// A document by kind and name inside its source.
type Identity = (Kind, String);

/// The commits whose documents stand in for broken ones.
pub(super) fn revisions(spec: &Spec) -> BTreeSet<(SourceName, Revision)> {
    fn kept<'a, K: 'a, T: 'a>(
        documents: impl Iterator<Item = (&'a K, &'a Document<T>)>,
    ) -> impl Iterator<Item = (SourceName, Revision)> {
        documents
            .filter(|(_, document)| document.kept)
            .map(|(_, document)| (document.at.source.clone(), document.revision.clone()))
    }
    kept(spec.clusters.iter())
        .chain(kept(spec.groups.iter()))
        .chain(kept(spec.bundles.iter()))
        .chain(kept(spec.placements.iter()))
        .collect()
}

/// The documents that a file declared.
pub(super) fn documents_at(spec: &Spec, source: &SourceName, path: &str) -> Vec<Identity> {
    documents(spec, source)
        .filter(|(_, at)| &*at.path == path)
        .map(|(id, _)| id)
        .collect()
}

fn documents<'a>(
    spec: &'a Spec,
    source: &'a SourceName,
) -> impl Iterator<Item = (Identity, &'a Place)> {
    let clusters = spec
        .clusters
        .iter()
        .map(|(n, d)| ((Kind::Cluster, n.as_str().to_owned()), &d.at));
    let groups = spec
        .groups
        .iter()
        .map(|(n, d)| ((Kind::Group, n.name().to_owned()), &d.at));
    let bundles = spec
        .bundles
        .iter()
        .map(|(n, d)| ((Kind::Bundle, n.name().to_owned()), &d.at));
    let placements = spec
        .placements
        .iter()
        .map(|(n, d)| ((Kind::Placement, n.name().to_owned()), &d.at));
    let all = clusters.chain(groups).chain(bundles).chain(placements);
    all.filter(move |(_, at)| at.source == *source)
}

/// A source that could not be read keeps everything it declared. Where nothing is known of before,
/// nothing of it may be removed.
pub(super) fn unread_source(spec: &mut Spec, previous: Option<&Spec>, source: &SourceName) {
    let before = previous.filter(|spec| spec.revisions.contains_key(source));
    let Some(before) = before else {
        spec.gaps
            .entry(source.clone())
            .or_default()
            .push(Gap::Unread);
        return;
    };
    for ((kind, name), _) in documents(before, source) {
        copy(spec, before, source, (kind, &name), false);
    }
    if let Some(revision) = before.revisions.get(source) {
        spec.revisions.insert(source.clone(), revision.clone());
    }
    if let Some(gaps) = before.gaps.get(source) {
        spec.gaps.insert(source.clone(), gaps.clone());
    }
    if let Some(files) = before.files.get(source) {
        spec.files.insert(source.clone(), files.clone());
    }
}

/// Keeps the last good version of every broken document of a source.
pub(super) fn broken_documents(
    spec: &mut Spec,
    previous: Option<&Spec>,
    source: &SourceName,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let files = spec.files.get(source).cloned().unwrap_or_default();
    for (path, record) in &files {
        let contents = &record.contents;
        for broken in &contents.broken {
            broken_document(spec, previous, source, broken);
        }
        if let Some(at) = &contents.fault {
            let kept = keep_matching(spec, previous, source, path, |_| true);
            note_gap(spec, previous, at, kept, false);
        }
        for (at, kind, name) in &contents.foreign {
            let matching = |(k, n): &Identity| n == name && (k.as_str() == kind || kind.is_empty());
            if keep_matching(spec, previous, source, path, matching) > 0 {
                let message = format!("{kind} `{name}` is not recognised any more");
                problems.push(
                    Problem::error(at, Code::NoLongerOurs, message).hint(format!(
                        "write apiVersion: {}, or remove the document",
                        super::API_VERSION
                    )),
                );
            }
        }
    }
    problems
}

fn broken_document(spec: &mut Spec, previous: Option<&Spec>, source: &SourceName, broken: &Broken) {
    let kept = match (broken.kind, &broken.name) {
        (Some(kind), Some(name)) => usize::from(
            declared(spec, source, kind, name)
                || previous.is_some_and(|p| copy(spec, p, source, (kind, name), true)),
        ),
        (kind, name) => keep_matching(spec, previous, source, &broken.at.path, |(k, n)| {
            kind.is_none_or(|kind| kind == *k) && name.as_ref().is_none_or(|name| name == n)
        }),
    };
    let identified = broken.kind.is_some() && broken.name.is_some();
    note_gap(spec, previous, &broken.at, kept, identified);
}

/// A broken document without a last good version leaves a gap, unless it is known that it never
/// had one.
fn note_gap(spec: &mut Spec, previous: Option<&Spec>, at: &Place, kept: usize, identified: bool) {
    let source = &at.source;
    let history = previous.filter(|spec| spec.revisions.contains_key(source));
    let was_gap = history
        .and_then(|spec| spec.gaps.get(source))
        .into_iter()
        .flatten()
        .any(|gap| match gap {
            Gap::Broken(place) => place.path == at.path,
            Gap::Unread => true,
        });
    if kept == 0 && (!identified || history.is_none() || was_gap) {
        spec.gaps
            .entry(source.clone())
            .or_default()
            .push(Gap::Broken(at.clone()));
    }
}

/// Keeps the documents that a path declared and nothing declares now; how many.
fn keep_matching(
    spec: &mut Spec,
    previous: Option<&Spec>,
    source: &SourceName,
    path: &str,
    matching: impl Fn(&Identity) -> bool,
) -> usize {
    let Some(previous) = previous else { return 0 };
    let mut kept = 0;
    for identity in documents_at(previous, source, path) {
        if matching(&identity) {
            let (kind, name) = (identity.0, identity.1.as_str());
            kept += usize::from(copy(spec, previous, source, (kind, name), true));
        }
    }
    kept
}

fn declared(spec: &Spec, source: &SourceName, kind: Kind, name: &str) -> bool {
    documents(spec, source).any(|((k, n), _)| k == kind && n == name)
}

/// Copies a document that nothing declares now from the previous load; whether it did.
pub(super) fn copy(
    spec: &mut Spec,
    previous: &Spec,
    source: &SourceName,
    (kind, name): (Kind, &str),
    kept: bool,
) -> bool {
    fn one<K: Ord + Clone, T: Clone>(
        from: &std::collections::BTreeMap<K, Document<T>>,
        to: &mut std::collections::BTreeMap<K, Document<T>>,
        name: Option<K>,
        kept: bool,
    ) -> bool {
        let Some(name) = name else { return false };
        match from.get(&name) {
            Some(document) if !to.contains_key(&name) => {
                let kept = kept || document.kept;
                to.insert(
                    name,
                    Document {
                        kept,
                        ..document.clone()
                    },
                );
                true
            }
            _ => false,
        }
    }
    let own = || source.clone();
    match kind {
        Kind::Cluster => one(
            &previous.clusters,
            &mut spec.clusters,
            ClusterName::try_new(name).ok(),
            kept,
        ),
        Kind::Group => {
            let name = GroupName::try_new(own(), name).ok();
            one(&previous.groups, &mut spec.groups, name, kept)
        }
        Kind::Bundle => {
            let name = BundleName::try_new(own(), name).ok();
            one(&previous.bundles, &mut spec.bundles, name, kept)
        }
        Kind::Placement => {
            let name = PlacementName::try_new(own(), name).ok();
            one(&previous.placements, &mut spec.placements, name, kept)
        }
    }
}
