//! Last good versions: what is broken stays as it was, what is removed from Git goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName, Revision, SourceName};

use super::document::Kind;
use super::read::{Broken, is_candidate};
use super::{Document, Gap, GroupName, MayBe, Spec, TemplateName, Tree, is_within, reach};
use crate::problem::{Code, Place, Problem};

/// A document by kind and name inside its source.
pub(super) type Identity = (Kind, String);

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
        .chain(kept(spec.templates.iter()))
        .chain(kept(spec.groups.iter()))
        .chain(kept(spec.bundles.iter()))
        .chain(kept(spec.placements.iter()))
        .collect()
}

/// The previous load, by file.
pub(super) struct Before<'a> {
    pub(super) spec: Option<&'a Spec>,
    at: BTreeMap<&'a SourceName, BTreeMap<&'a str, Vec<Identity>>>,
}

impl<'a> Before<'a> {
    pub(super) fn new(spec: Option<&'a Spec>) -> Self {
        let mut at: BTreeMap<&SourceName, BTreeMap<&str, Vec<Identity>>> = BTreeMap::new();
        for source in spec.into_iter().flat_map(|spec| spec.files.keys()) {
            for (identity, place) in spec.into_iter().flat_map(|spec| documents(spec, source)) {
                at.entry(source)
                    .or_default()
                    .entry(&place.path)
                    .or_default()
                    .push(identity);
            }
        }
        Self { spec, at }
    }

    /// The documents that a file declared.
    pub(super) fn at(&self, source: &SourceName, path: &str) -> &[Identity] {
        self.at
            .get(source)
            .and_then(|at| at.get(path))
            .map_or(&[], Vec::as_slice)
    }

    /// The documents that a file, or the files below a directory, declared.
    fn within(&self, source: &SourceName, path: &str) -> impl Iterator<Item = &Identity> {
        let files = self.at.get(source).into_iter().flatten();
        files
            .filter(move |(file, _)| is_within(file, path))
            .flat_map(|(_, identities)| identities)
    }
}

fn documents<'a>(
    spec: &'a Spec,
    source: &'a SourceName,
) -> impl Iterator<Item = (Identity, &'a Place)> {
    let clusters = spec
        .clusters
        .iter()
        .map(|(n, d)| ((Kind::Cluster, n.as_str().to_owned()), &d.at));
    let templates = spec
        .templates
        .iter()
        .map(|(n, d)| ((Kind::Template, n.name().to_owned()), &d.at));
    let groups = spec
        .declared_groups()
        .map(|(n, d)| ((Kind::Group, n.name().to_owned()), &d.at));
    let bundles = spec
        .bundles
        .iter()
        .map(|(n, d)| ((Kind::Bundle, n.name().to_owned()), &d.at));
    let placements = spec
        .placements
        .iter()
        .map(|(n, d)| ((Kind::Placement, n.name().to_owned()), &d.at));
    let declared = clusters.chain(templates);
    let all = declared.chain(groups).chain(bundles).chain(placements);
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

/// Replaces everything of a source by what another load found of it.
pub(super) fn take_source(spec: &mut Spec, source: &SourceName, other: &Spec) {
    spec.revisions.remove(source);
    spec.gaps.remove(source);
    spec.files.remove(source);
    spec.begun.remove(source);
    spec.clusters
        .retain(|_, document| document.at.source != *source);
    spec.templates.retain(|name, _| name.source() != source);
    spec.groups.retain(|name, _| name.source() != source);
    spec.bundles.retain(|name, _| name.source() != source);
    spec.placements.retain(|name, _| name.source() != source);
    if other.revisions.contains_key(source) {
        unread_source(spec, Some(other), source);
    }
    if other.begun.contains(source) {
        spec.begun.insert(source.clone());
    }
    // They were merged from documents that are not those any more.
    spec.members.clear();
}

/// Keeps the last good version of every broken document of a source.
pub(super) fn broken_documents(
    spec: &mut Spec,
    before: &Before<'_>,
    source: &SourceName,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let records = spec.files.get(source).into_iter().flatten();
    let in_doubt: Vec<_> = records
        .filter(|(_, record)| record.contents.is_in_doubt())
        .map(|(path, record)| (path.clone(), Arc::clone(&record.contents)))
        .collect();
    for (path, contents) in in_doubt {
        let mut seen = BTreeSet::new();
        for broken in &contents.broken {
            // Two that are equally unknown keep the same.
            if broken.name.is_some() || seen.insert(broken.kind) {
                broken_document(spec, before, source, broken);
            }
        }
        if let Some(at) = &contents.fault {
            let kept = keep_matching(spec, before, at, |_| true);
            note_gap(spec, before, (at, MayBe::default()), kept, false);
        }
        let known: BTreeSet<&str> = before
            .at(source, &path)
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        let foreign = contents.foreign.iter();
        for (at, kind, name) in foreign.filter(|(_, _, name)| known.contains(name.as_str())) {
            debug_assert_eq!(*at.path, *path);
            let matching = |(k, n): &Identity| n == name && (k.as_str() == kind || kind.is_empty());
            if keep_matching(spec, before, at, matching) > 0 {
                problems.push(no_longer_ours(at, kind, name));
            }
        }
        problems.extend(strangers(spec, before, &contents.strangers));
    }
    problems
}

fn no_longer_ours(at: &Place, kind: &str, name: &str) -> Problem {
    let message = format!("{kind} `{name}` is not recognised any more");
    let hint = format!(
        "write apiVersion: {}, or remove the document",
        super::API_VERSION
    );
    Problem::error(at, Code::NoLongerOurs, message).hint(hint)
}

fn broken_document(spec: &mut Spec, before: &Before<'_>, source: &SourceName, broken: &Broken) {
    let kept = match (broken.kind, &broken.name) {
        (Some(kind), Some(name)) => {
            if declared(spec, source, kind, name) || copy_before(spec, before, source, (kind, name))
            {
                1
            } else {
                under_another_name(spec, before, broken)
            }
        }
        (None, Some(name)) => of_any_kind(spec, before, broken, name),
        (kind, None) => keep_matching(spec, before, &broken.at, |(k, _)| {
            kind.is_none_or(|kind| kind == *k)
        }),
    };
    let identified = broken.kind.is_some() && broken.name.is_some();
    let may_be = MayBe {
        kind: broken.kind,
        name: broken.name.clone(),
        former: broken.former.clone(),
    };
    note_gap(spec, before, (&broken.at, may_be), kept, identified);
}

fn copy_before(
    spec: &mut Spec,
    before: &Before<'_>,
    source: &SourceName,
    identity: (Kind, &str),
) -> bool {
    let previous = before.spec;
    previous.is_some_and(|previous| copy(spec, previous, source, identity, true))
}

/// Keeps what a document of no known kind may be: what has its name and nothing declares now, in its file or
/// else in any, because it may have moved; how many.
fn of_any_kind(spec: &mut Spec, before: &Before<'_>, broken: &Broken, name: &str) -> usize {
    let kept = keep_matching(spec, before, &broken.at, |(_, n)| n == name);
    if kept > 0 {
        return kept;
    }
    let mut kept = 0;
    for kind in Kind::ALL {
        let moved = copy_before(spec, before, &broken.at.source, (kind, name));
        kept += usize::from(moved);
    }
    kept
}

/// Keeps what a document may be under another name, which is not gone then: what its file declared and
/// nothing declares now, and the cluster that it says it was; how many.
fn under_another_name(spec: &mut Spec, before: &Before<'_>, broken: &Broken) -> usize {
    let same_kind = |(kind, _): &Identity| Some(*kind) == broken.kind;
    let kept = keep_matching(spec, before, &broken.at, same_kind);
    let former = broken.former.as_ref();
    let former = former.is_some_and(|former| {
        copy_before(spec, before, &broken.at.source, (Kind::Cluster, former))
    });
    kept + usize::from(former)
}

/// Documents that look like ours and are of somebody else. Each may be one that was ours; where it is not
/// known what was declared before, that is a gap.
fn strangers(spec: &mut Spec, before: &Before<'_>, strangers: &[Broken]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for stranger in strangers {
        let (at, source) = (&stranger.at, &stranger.at.source);
        let name = stranger.name.as_deref().unwrap_or_default();
        let kind = stranger.kind.map_or("", Kind::as_str);
        let is_there = stranger
            .kind
            .is_some_and(|kind| declared(spec, source, kind, name));
        if is_there {
            continue;
        }
        if under_another_name(spec, before, stranger) > 0 {
            problems.push(no_longer_ours(at, kind, name));
            continue;
        }
        let may_be = MayBe {
            kind: stranger.kind,
            name: stranger.name.clone(),
            former: stranger.former.clone(),
        };
        if !is_known_before(before, at, &may_be) {
            let gaps = spec.gaps.entry(source.clone()).or_default();
            gaps.push(Gap::Broken(at.clone(), may_be));
        }
    }
    problems
}

/// Whether it is known what was declared before, at a place and of what stands there now.
fn is_known_before(before: &Before<'_>, at: &Place, may_be: &MayBe) -> bool {
    before.spec.is_some_and(|spec| {
        let read = spec.revisions.contains_key(&at.source) || spec.begun.contains(&at.source);
        read && !was_gap(spec, at, may_be)
    })
}

/// A broken document without a last good version leaves a gap, unless it is known that it never
/// had one.
fn note_gap(
    spec: &mut Spec,
    before: &Before<'_>,
    (at, may_be): (&Place, MayBe),
    kept: usize,
    identified: bool,
) {
    let source = &at.source;
    let history = before
        .spec
        .filter(|spec| spec.revisions.contains_key(source));
    let was_gap = history.is_some_and(|spec| was_gap(spec, at, &may_be));
    if kept == 0 && (!identified || history.is_none() || was_gap) {
        spec.gaps
            .entry(source.clone())
            .or_default()
            .push(Gap::Broken(at.clone(), may_be));
    }
}

/// Whether something was unknown before that stood at the same path, or may have been the same: a
/// broken document that moves is as unknown as it was.
fn was_gap(spec: &Spec, at: &Place, may_be: &MayBe) -> bool {
    let gaps = spec.gaps.get(&at.source).into_iter().flatten();
    gaps.into_iter().any(|gap| match gap {
        Gap::Broken(place, was) => place.path == at.path || was.may_be_same(may_be),
        Gap::Unread => true,
    })
}

/// Keeps what was declared at and below paths that are refused now. Where it is not known what was
/// there before, that is a gap.
pub(super) fn refused_paths(
    spec: &mut Spec,
    before: &Before<'_>,
    source: &SourceName,
    tree: &Tree,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, reason) in &tree.refused {
        let at = Place {
            source: source.clone(),
            path: Arc::from(path.as_str()),
            line: 1,
            column: 1,
        };
        let mut kept = 0;
        for (kind, name) in before.within(source, path) {
            let copied = before
                .spec
                .is_some_and(|previous| copy(spec, previous, source, (*kind, name), true));
            kept += usize::from(copied);
        }
        let gap = kept == 0 && !is_known_before(before, &at, &MayBe::default());
        if gap {
            let gaps = spec.gaps.entry(source.clone()).or_default();
            gaps.push(Gap::Broken(at.clone(), MayBe::default()));
        }
        problems.extend(refused(spec, &at, reason, gap || kept > 0));
    }
    problems
}

/// What is said of a refused path: nothing where a bundle's content says it, or where it cannot
/// hold anything of ours.
fn refused(spec: &Spec, at: &Place, reason: &str, matters: bool) -> Option<Problem> {
    let name = at.path.rsplit('/').next().unwrap_or(&at.path);
    let concerns = |path: &str| is_within(&at.path, path) || is_within(path, &at.path);
    let mut bundles = spec.bundles.iter();
    let in_bundle = bundles.any(|(name, bundle)| {
        *name.source() == at.source && bundle.spec.directory().is_some_and(concerns)
    });
    let message = format!("this is not read: {reason}");
    let problem = if matters || is_candidate(name) && !in_bundle {
        Problem::error(at, Code::Unreadable, message)
    } else if !in_bundle && !name.contains('.') {
        // It may be a directory.
        Problem::warning(at, Code::Unreadable, message)
    } else {
        return None;
    };
    Some(problem.hint("what was declared here before stays until it is mended"))
}

/// Keeps the documents that the file of a place declared and nothing declares now; how many.
fn keep_matching(
    spec: &mut Spec,
    before: &Before<'_>,
    at: &Place,
    matching: impl Fn(&Identity) -> bool,
) -> usize {
    let Some(previous) = before.spec else {
        return 0;
    };
    let mut kept = 0;
    for identity in before
        .at(&at.source, &at.path)
        .iter()
        .filter(|identity| matching(identity))
    {
        kept += usize::from(copy(
            spec,
            previous,
            &at.source,
            (identity.0, &identity.1),
            true,
        ));
    }
    kept
}

fn declared(spec: &Spec, source: &SourceName, kind: Kind, name: &str) -> bool {
    let own = || source.clone();
    match kind {
        Kind::Cluster => {
            let name = ClusterName::try_new(name).ok();
            name.and_then(|n| spec.clusters.get(&n))
                .is_some_and(|d| d.at.source == *source)
        }
        Kind::Template => {
            TemplateName::try_new(own(), name).is_ok_and(|n| spec.templates.contains_key(&n))
        }
        Kind::Group => GroupName::try_new(own(), name).is_ok_and(|n| spec.groups.contains_key(&n)),
        Kind::Bundle => {
            BundleName::try_new(own(), name).is_ok_and(|n| spec.bundles.contains_key(&n))
        }
        Kind::Placement => {
            PlacementName::try_new(own(), name).is_ok_and(|n| spec.placements.contains_key(&n))
        }
    }
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
        from: &BTreeMap<K, Document<T>>,
        to: &mut BTreeMap<K, Document<T>>,
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
        Kind::Template => {
            let name = TemplateName::try_new(own(), name).ok();
            one(&previous.templates, &mut spec.templates, name, kept)
        }
        Kind::Group => {
            let name = GroupName::try_new(own(), name).ok();
            let name = name.filter(|name| !reach::is_internal(previous, name));
            one(&previous.groups, &mut spec.groups, name, kept)
        }
        Kind::Bundle => {
            let name = BundleName::try_new(own(), name).ok();
            one(&previous.bundles, &mut spec.bundles, name, kept)
        }
        Kind::Placement => {
            let Ok(name) = PlacementName::try_new(own(), name) else {
                return false;
            };
            let copied = one(
                &previous.placements,
                &mut spec.placements,
                Some(name.clone()),
                kept,
            );
            if copied && previous.restrictions.contains_key(source) {
                let document = spec.placements.get_mut(&name).expect("it was copied");
                reach::release(&mut document.spec, source);
            }
            copied
        }
    }
}
