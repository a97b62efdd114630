//! Pinned revisions: the bundles that a tag or commit declares.
//!
//! Only Bundle documents of a pinned tree count; groups, clusters and placements are those of the
//! branch. What is wrong there is told with the pin before it, because the file may be right today.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, Revision, SourceName};

use super::document::{Body, Kind};
use super::link::{Names, circle_told, circles, near_hint};
use super::read::{self, Contents, Found};
use super::{
    Bundle, Document, GroupName, Pin, PinName, PinState, Pinned, Reference, Spec, Tree, Trees,
};
use crate::problem::{Code, Place, Problem, Severity};

/// Every pin, for the sources of the bundles that it is for.
pub(super) fn pins(spec: &Spec) -> BTreeSet<PinName> {
    pinned(spec).map(|(name, _, _)| name).collect()
}

/// Every pin with where it stands and a bundle that it is for.
fn pinned(spec: &Spec) -> impl Iterator<Item = (PinName, &Pin, &BundleName)> {
    let pins = spec.placements.values().flat_map(|d| d.spec.pins());
    pins.flat_map(|(pin, bundles)| {
        bundles.into_iter().map(move |bundle| {
            let name = PinName {
                source: bundle.source().clone(),
                text: pin.text.clone(),
            };
            (name, pin, bundle)
        })
    })
}

/// Where a pin stands.
pub(super) fn place_of<'a>(spec: &'a Spec, wanted: &PinName) -> Option<&'a Place> {
    let mut pins = pinned(spec);
    let found = pins.find(|(name, _, _)| name == wanted);
    found.map(|(_, pin, _)| &pin.at)
}

/// What was read of a pin, before anything of the branch is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PinRecord {
    pinned: Arc<Pinned>,
    problems: Arc<[Problem]>,
}

/// Reads what is pinned, as far as it is there.
pub(super) fn settle(spec: &mut Spec, previous: Option<&Spec>, trees: &Trees) -> Vec<Problem> {
    for name in pins(spec) {
        let known = match trees.pins.get(&name) {
            None => Arc::new(Pinned::Unknown("not read yet".to_owned())),
            Some(PinState::Missing(why)) => Arc::new(Pinned::Unknown(why.clone())),
            Some(PinState::Branch(_)) => Arc::new(Pinned::Unknown(format!(
                "`{}` is a branch, not a tag or commit",
                name.text
            ))),
            Some(PinState::Read(tree)) => {
                let again = previous.and_then(|spec| unchanged(spec, &name, &tree.revision));
                let record = again.unwrap_or_else(|| read_tree(&name, tree));
                let pinned = Arc::clone(&record.pinned);
                spec.pin_records.insert(name.clone(), record);
                pinned
            }
        };
        spec.pinned.insert(name, known);
    }
    let told = spec.pin_records.values();
    let mut problems: Vec<Problem> = told.flat_map(|r| r.problems.iter().cloned()).collect();
    problems.extend(bad_references(spec, trees));
    problems.extend(absent(spec, trees));
    problems
}

/// What an earlier load found in the same commit.
fn unchanged(spec: &Spec, name: &PinName, wanted: &Revision) -> Option<PinRecord> {
    let record = spec.pin_records.get(name)?;
    match &*record.pinned {
        Pinned::Read { revision, .. } if revision == wanted => Some(record.clone()),
        _ => None,
    }
}

fn read_tree(name: &PinName, tree: &Tree) -> PinRecord {
    let mut problems = Vec::new();
    let mut bundles: BTreeMap<BundleName, Document<Bundle>> = BTreeMap::new();
    for (path, file) in tree
        .files
        .iter()
        .filter(|(path, _)| read::is_candidate(path))
    {
        let path: Arc<str> = Arc::from(path.as_str());
        let contents = read::file(&name.source, &path, &tree.revision, file, false);
        for found in &contents.good {
            if let Some((bundle, document)) = bundle_of(&name.source, found) {
                bundles.entry(bundle).or_insert(document);
            }
        }
        if breaks_a_bundle(&contents) {
            let errors = contents.problems.into_iter();
            problems.extend(errors.filter(|p| p.severity == Severity::Error));
        }
    }
    problems.extend(drop_circles(&mut bundles));
    problems.extend(empty_directories(&bundles, tree));
    let problems: Vec<Problem> = problems.into_iter().map(|p| p.in_pin(&name.text)).collect();
    let revision = tree.revision.clone();
    PinRecord {
        pinned: Arc::new(Pinned::Read { revision, bundles }),
        problems: problems.into(),
    }
}

fn breaks_a_bundle(contents: &Contents) -> bool {
    let mut broken = contents.broken.iter();
    contents.fault.is_some() || broken.any(|b| b.kind.is_none_or(|kind| kind == Kind::Bundle))
}

fn bundle_of(source: &SourceName, found: &Found) -> Option<(BundleName, Document<Bundle>)> {
    let Body::Bundle(bundle) = &found.document.spec else {
        return None;
    };
    let name = BundleName::try_new(source.clone(), found.name.as_str()).ok()?;
    let document = &found.document;
    Some((
        name,
        Document {
            at: document.at.clone(),
            revision: document.revision.clone(),
            kept: document.kept,
            labels: document.labels.clone(),
            annotations: document.annotations.clone(),
            spec: bundle.as_ref().clone(),
        },
    ))
}

fn drop_circles(bundles: &mut BTreeMap<BundleName, Document<Bundle>>) -> Vec<Problem> {
    let edges = bundles.iter().map(|(name, document)| {
        let to = document.spec.depends_on.iter().map(|r| r.name.clone());
        (name.clone(), to.collect())
    });
    let mut problems = Vec::new();
    for (name, way) in circles(&edges.collect::<BTreeMap<_, Vec<_>>>()) {
        let names: Vec<_> = way.iter().map(BundleName::name).collect();
        let message = format!("bundles wait for each other: {}", circle_told(&names));
        let dropped = bundles.remove(&name);
        problems.extend(dropped.map(|document| {
            Problem::error(&document.at, Code::DependencyCycle, message).about_bundle(&name)
        }));
    }
    problems
}

fn empty_directories(
    bundles: &BTreeMap<BundleName, Document<Bundle>>,
    tree: &Tree,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, document) in bundles {
        let path = document.spec.directory();
        if let Some(path) = path.filter(|path| tree.is_empty_below(path)) {
            let message = format!("`{path}` is no directory with files");
            let problem = Problem::error(&document.spec.path_at, Code::EmptyBundle, message);
            problems.push(problem.about_bundle(name));
        }
    }
    problems
}

/// A pinned bundle that names a group which the branch does not declare, or what another source does
/// not export, is bad.
fn bad_references(spec: &mut Spec, trees: &Trees) -> Vec<Problem> {
    let names = Names::new(trees);
    let mut problems = Vec::new();
    for (pin, pinned) in &mut spec.pinned {
        let Pinned::Read { bundles, .. } = &**pinned else {
            continue;
        };
        let mut bad = BTreeSet::new();
        for (name, document) in bundles {
            let unknown = |reference: &Reference<GroupName>| {
                if let Some(hidden) = names.hidden_group(&pin.source, reference) {
                    return Some(hidden);
                }
                let is_known = spec.groups.contains_key(&reference.name);
                (!is_known).then(|| unknown_group(reference))
            };
            let mut groups = document.spec.references();
            let mut waits_for = document.spec.depends_on.iter();
            let hidden = |reference| names.hidden_bundle(&pin.source, reference);
            let problem = groups.find_map(unknown);
            if let Some(problem) = problem.or_else(|| waits_for.find_map(hidden)) {
                problems.push(problem.in_pin(&pin.text).about_bundle(name));
                bad.insert(name.clone());
            }
        }
        if !bad.is_empty()
            && let Pinned::Read { bundles, .. } = Arc::make_mut(pinned)
        {
            bundles.retain(|name, _| !bad.contains(name));
        }
    }
    problems
}

fn unknown_group(reference: &Reference<GroupName>) -> Problem {
    let message = format!("no group is called `{}`", reference.name.name());
    let problem = Problem::error(&reference.at, Code::UnknownGroup, message);
    problem.hint("a pinned bundle sees the groups of the branch")
}

/// Why nothing is read of a pin.
fn unread(state: &PinState, pin: &Pin) -> Option<Problem> {
    let text = &pin.text;
    let (message, hint) = match state {
        PinState::Read(_) => return None,
        PinState::Missing(why) => (
            format!("`{text}` cannot be read: {why}"),
            "push the tag, or name another one; what is there stays until then; in a clone without \
             tags: `git fetch --tags --unshallow`"
                .to_owned(),
        ),
        PinState::Branch(commit) => (
            format!("`{text}` is a branch, which moves; a pin is a tag or a commit"),
            format!(
                "write {commit}, where it is now, or a tag; without `revision` the branch is \
                 followed that the hub reads"
            ),
        ),
    };
    Some(Problem::error(&pin.at, Code::UnknownRevision, message).hint(hint))
}

/// Pins that are not there, and pinned revisions without the bundle that is wanted of them.
fn absent(spec: &Spec, trees: &Trees) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, pin, bundle) in pinned(spec) {
        if let Some(problem) = trees.pins.get(&name).and_then(|state| unread(state, pin)) {
            problems.push(problem);
            continue;
        }
        let Some(Pinned::Read { bundles, .. }) = spec.pinned.get(&name).map(|p| &**p) else {
            continue;
        };
        if !bundles.contains_key(bundle) {
            let message = format!("`{}` has no good bundle `{}`", pin.text, bundle.name());
            let known: Vec<&str> = bundles.keys().map(BundleName::name).collect();
            let problem = Problem::error(&pin.at, Code::UnknownBundle, message);
            let hint = near_hint(bundle.name(), &known);
            problems.push(problem.about_bundle(bundle).maybe_hint(hint));
        }
    }
    problems
}
