//! Trees to declarations.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::ids::NameError;
use capstan_proto::{BundleName, ClusterName, Digest, PlacementName, SourceName};

use super::document::{Body, Kind};
use super::doubt::Doubts;
use super::keep::Before;
use super::read::{self, Contents, Found};
use super::{
    Document, GroupName, Loaded, SourceState, Spec, Tree, Trees, is_within, keep, link, merge,
};
use crate::problem::{Code, Place, Problem};

/// What was found in one file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FileRecord {
    digest: Digest,
    pub(super) contents: Arc<Contents>,
}

/// Reads every source. Never fails: what is broken keeps its last good version, with a problem.
///
/// An unchanged file is not read again, where `previous` has it.
#[must_use]
pub fn load(trees: &Trees, previous: Option<&Spec>) -> Loaded {
    let before = Before::new(previous);
    let mut spec = Spec::default();
    let mut problems = Vec::new();
    let mut doubts = Doubts::default();
    for (source, state) in &trees.sources {
        match state {
            SourceState::Read(tree) => {
                let files = read_files(source, tree, &before);
                spec.revisions.insert(source.clone(), tree.revision.clone());
                for record in files.values() {
                    for found in &record.contents.good {
                        if let Err(problem) = declare(&mut spec, source, found) {
                            problems.push(problem);
                            doubts.add(source, found.document.spec.kind(), &found.name);
                        }
                    }
                }
                spec.files.insert(source.clone(), files);
            }
            SourceState::Unread => keep::unread_source(&mut spec, previous, source),
        }
    }
    for (source, state) in &trees.sources {
        let records = spec
            .files
            .get(source)
            .into_iter()
            .flat_map(BTreeMap::values);
        problems.extend(records.flat_map(|record| record.contents.problems.iter().cloned()));
        if let SourceState::Read(tree) = state {
            problems.extend(keep::broken_documents(&mut spec, &before, source));
            problems.extend(keep::refused_paths(&mut spec, &before, source, tree));
        }
    }
    doubts.extend(&spec.files);
    problems.extend(link::groups(&mut spec, previous, &mut doubts));
    problems.extend(link::bundles(&mut spec, previous, &mut doubts));
    problems.extend(link::placements(&mut spec, previous, &doubts));
    problems.extend(link::directories(&spec, trees));
    spec.members = merge::members(&spec);
    problems.extend(unversioned(&spec, &problems));
    problems.sort();
    problems.dedup();
    (spec, problems)
}

/// Documents that look like ours and lack an `apiVersion`, where no bundle has them as content.
fn unversioned(spec: &Spec, told: &[Problem]) -> Vec<Problem> {
    let is_content = |at: &Place| {
        let mut bundles = spec.bundles.iter();
        bundles.any(|(name, bundle)| {
            *name.source() == at.source && is_within(&at.path, &bundle.spec.path)
        })
    };
    let is_told = |at: &Place| {
        let mut told = told.iter();
        told.any(|problem| problem.code == Code::NoLongerOurs && problem.at.as_ref() == Some(at))
    };
    let records = spec.files.values().flat_map(BTreeMap::values);
    let found = records.flat_map(|record| &record.contents.unversioned);
    let found = found.filter(|(at, _)| !is_content(at) && !is_told(at));
    let problem = |(at, kind): &(Place, Kind)| {
        let message = format!(
            "this looks like a {} and has no `apiVersion`, so it declares nothing",
            kind.as_str()
        );
        Problem::warning(at, Code::MissingVersion, message)
            .hint(format!("write apiVersion: {}", super::API_VERSION))
    };
    found.map(problem).collect()
}

fn read_files(
    source: &SourceName,
    tree: &Tree,
    before: &Before<'_>,
) -> BTreeMap<String, FileRecord> {
    let records = before.spec.and_then(|spec| spec.files.get(source));
    let nothing = Arc::new(Contents::default());
    let mut files = BTreeMap::new();
    for (path, file) in tree
        .files
        .iter()
        .filter(|(path, _)| read::is_candidate(path))
    {
        if let Some(record) = records.and_then(|files| files.get(path))
            && record.digest == file.digest()
        {
            files.insert(path.clone(), record.clone());
            continue;
        }
        let was_ours = !before.at(source, path).is_empty();
        let shared = Arc::from(path.as_str());
        let contents = read::file(source, &shared, &tree.revision, file, was_ours);
        let empty = contents == Contents::default();
        let contents = if empty {
            Arc::clone(&nothing)
        } else {
            Arc::new(contents)
        };
        files.insert(
            path.clone(),
            FileRecord {
                digest: file.digest(),
                contents,
            },
        );
    }
    files
}

/// Adds a good document, unless its name is taken or too long.
fn declare(spec: &mut Spec, source: &SourceName, found: &Found) -> Result<(), Problem> {
    let bad_name = |error: NameError| {
        Problem::error(&found.name_at, Code::BadName, error.to_string())
            .hint("source and name together may have 62 bytes")
    };
    let document = &found.document;
    let taken = match &document.spec {
        Body::Cluster(cluster) => {
            let name = ClusterName::try_new(found.name.as_str()).map_err(bad_name)?;
            add(&mut spec.clusters, name, document, cluster.clone())
        }
        Body::Group(group) => {
            let name = GroupName::try_new(source.clone(), found.name.as_str()).map_err(bad_name)?;
            add(&mut spec.groups, name, document, group.clone())
        }
        Body::Bundle(bundle) => {
            let name =
                BundleName::try_new(source.clone(), found.name.as_str()).map_err(bad_name)?;
            add(&mut spec.bundles, name, document, bundle.as_ref().clone())
        }
        Body::Placement(placement) => {
            let name =
                PlacementName::try_new(source.clone(), found.name.as_str()).map_err(bad_name)?;
            add(
                &mut spec.placements,
                name,
                document,
                placement.as_ref().clone(),
            )
        }
    };
    match taken {
        None => Ok(()),
        Some(first) => Err(duplicate(document.spec.kind(), found, &first)),
    }
}

fn add<K: Ord, T>(
    map: &mut BTreeMap<K, Document<T>>,
    name: K,
    document: &Document<Body>,
    spec: T,
) -> Option<Place> {
    if let Some(first) = map.get(&name) {
        return Some(first.at.clone());
    }
    let Document {
        at,
        revision,
        kept,
        labels,
        annotations,
        spec: _,
    } = document.clone();
    map.insert(
        name,
        Document {
            at,
            revision,
            kept,
            labels,
            annotations,
            spec,
        },
    );
    None
}

fn duplicate(kind: Kind, found: &Found, first: &Place) -> Problem {
    let message = format!(
        "{} `{}` is declared already, at {first}",
        kind.as_str(),
        found.name
    );
    Problem::error(&found.name_at, Code::DuplicateName, message)
        .hint("the first path counts; rename or remove one")
}
