//! Trees to declarations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ids::NameError;
use capstan_proto::{BundleName, ClusterName, Digest, PlacementName, SourceName};

use super::document::{Body, Kind};
use super::doubt::Doubts;
use super::keep::Before;
use super::read::{self, Contents, Found};
use super::{
    Document, Gap, GroupName, Loaded, MayBe, SourceState, Spec, TemplateName, Tree, Trees, keep,
    link, merge, pins, reach,
};
use crate::limits;
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
        let rules = trees.rules.get(source);
        if let Some(restriction) = rules.and_then(|rules| rules.restrict.clone()) {
            spec.restrictions.insert(source.clone(), restriction);
        }
        match state {
            SourceState::Read(tree) => {
                let files = read_files(source, tree, &before);
                spec.revisions.insert(source.clone(), tree.revision.clone());
                spec.files.insert(source.clone(), files);
                problems.extend(declare_all(&mut spec, source, &before, &mut doubts));
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
    drop_restricted(&mut spec);
    doubts.extend(&spec.files);
    problems.extend(link::settle(&mut spec, previous, trees, &mut doubts));
    problems.extend(link::directories(&spec, trees));
    problems.extend(pins::settle(&mut spec, previous, trees));
    problems.extend(unversioned(&spec, &problems));
    spec.members = merge::members(&spec, previous);
    reach::settle(&mut spec, previous);
    problems.sort();
    problems.dedup();
    (spec, problems)
}

/// Declares the good documents of a source, as many as one source may have.
fn declare_all(
    spec: &mut Spec,
    source: &SourceName,
    before: &Before<'_>,
    doubts: &mut Doubts,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let records = spec.files.get(source).into_iter();
    let contents = records.flat_map(BTreeMap::values);
    let contents: Vec<Arc<Contents>> = contents.map(|r| Arc::clone(&r.contents)).collect();
    let taken = Taken::of(spec, source);
    let all = contents.iter().flat_map(|contents| &contents.good);
    for (number, found) in all.enumerate() {
        if number == limits::SOURCE_DOCUMENTS_MAX {
            let message = format!("more than {number} documents of one source are not read");
            let hint = "nothing of this source is removed anywhere until there are fewer";
            problems.push(Problem::error(&found.name_at, Code::TooMuch, message).hint(hint));
            let gaps = spec.gaps.entry(source.clone()).or_default();
            gaps.push(Gap::Broken(found.document.at.clone(), MayBe::default()));
            break;
        }
        let declared = match taken.by(found, before) {
            Some(first) => Err(second_to_broken(found, first)),
            None => declare(spec, source, found),
        };
        if let Err(problem) = declared {
            problems.push(problem);
            doubts.add(
                (source, &found.document.at),
                found.document.spec.kind(),
                &found.name,
            );
        }
    }
    problems
}

/// Names that broken documents have. What is broken is never taken for absent: a second document of the
/// name does not take its place.
struct Taken(BTreeMap<(Kind, String), Place>);

impl Taken {
    /// Those that count for the documents of a source; clusters have one name in the whole fleet.
    fn of(spec: &Spec, source: &SourceName) -> Self {
        let mut taken: BTreeMap<(Kind, String), Place> = BTreeMap::new();
        for (of, records) in &spec.files {
            let contents = records.values().map(|record| &record.contents);
            for broken in contents.flat_map(|contents| &contents.broken) {
                let (Some(kind), Some(name)) = (broken.kind, &broken.name) else {
                    continue;
                };
                let refused = spec.restrictions.contains_key(of);
                if of == source || kind == Kind::Cluster && !refused {
                    let first = taken.entry((kind, name.clone()));
                    first.or_insert_with(|| broken.at.clone());
                }
            }
        }
        Self(taken)
    }

    /// The broken document before a good one that has its name, unless it is the good one that was in force.
    fn by(&self, found: &Found, before: &Before<'_>) -> Option<&Place> {
        let (kind, at) = (found.document.spec.kind(), &found.document.at);
        let first = self.0.get(&(kind, found.name.clone()))?;
        let own_file = (&at.source, &at.path) == (&first.source, &first.path);
        let in_force = before.at(&at.source, &at.path);
        let counted = in_force
            .iter()
            .any(|(k, name)| (*k, name) == (kind, &found.name));
        (first < at && (own_file || !counted)).then_some(first)
    }
}

/// What a restricted source may not declare is not kept either: it has no say in it now.
fn drop_restricted(spec: &mut Spec) {
    let restrictions = &spec.restrictions;
    spec.clusters
        .retain(|_, document| !restrictions.contains_key(&document.at.source));
    spec.templates
        .retain(|name, _| !restrictions.contains_key(name.source()));
}

/// Documents that look like ours and lack an `apiVersion`, where no bundle has them as content.
fn unversioned(spec: &Spec, told: &[Problem]) -> Vec<Problem> {
    let directories: BTreeSet<(&SourceName, &str)> = spec
        .bundles
        .iter()
        .filter_map(|(name, bundle)| Some((name.source(), bundle.spec.directory()?)))
        .collect();
    let is_content = |at: &Place| {
        let path: &str = &at.path;
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        let mut above = above.chain(["", path]);
        above.any(|directory| directories.contains(&(&at.source, directory)))
    };
    let no_longer = told
        .iter()
        .filter(|problem| problem.code == Code::NoLongerOurs);
    let told: BTreeSet<&Place> = no_longer
        .filter_map(|problem| problem.at.as_ref())
        .collect();
    let records = spec.files.values().flat_map(BTreeMap::values);
    let found = records.flat_map(|record| &record.contents.unversioned);
    let found = found.filter(|(at, _)| !is_content(at) && !told.contains(at));
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
    let kind = document.spec.kind();
    if matches!(kind, Kind::Cluster | Kind::Template) && spec.restrictions.contains_key(source) {
        let kind = kind.as_str();
        let message = format!("the source `{source}` is restricted and cannot declare a {kind}");
        let hint = "declare it in a source that is not restricted";
        return Err(Problem::error(&document.at, Code::Restricted, message).hint(hint));
    }
    let taken = match &document.spec {
        Body::Cluster(cluster) => {
            let name = ClusterName::try_new(found.name.as_str()).map_err(bad_name)?;
            add(&mut spec.clusters, name, document, cluster.clone())
        }
        Body::Template(template) => {
            let name =
                TemplateName::try_new(source.clone(), found.name.as_str()).map_err(bad_name)?;
            add(&mut spec.templates, name, document, template.clone())
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
            add(&mut spec.placements, name, document, Arc::clone(placement))
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
    map.insert(
        name,
        Document {
            at: document.at.clone(),
            revision: document.revision.clone(),
            kept: document.kept,
            labels: document.labels.clone(),
            annotations: document.annotations.clone(),
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

/// A document whose name an earlier one has that is broken.
fn second_to_broken(found: &Found, first: &Place) -> Problem {
    let kind = found.document.spec.kind().as_str();
    let message = format!(
        "{kind} `{}` is declared already, at {first}, which is broken",
        found.name
    );
    Problem::error(&found.name_at, Code::DuplicateName, message)
        .hint("the first path counts, as it was last good; mend that one, or remove one")
}
