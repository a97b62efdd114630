//! A source's past: the files of its commits, and the last good version of what is broken now.
//!
//! What runs a fleet and what only looks at a checkout walk the same way, so that both find the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::problem::Problem;
use capstan_hub_core::spec::{self, File, Gap, SourceState, Spec, Tree, Trees};
use capstan_proto::{Revision, SourceName};

use crate::git::{self, BlobId};
use crate::telemetry;

/// Commits that are walked back for the last good version of what is broken; reading that many trees of
/// 1,000 files takes seconds. What was before them is unknown, as what a shallow clone lacks is.
pub(crate) const PAST_MAX: usize = 1_000;

/// The commits of a source.
pub(crate) trait Past {
    /// Revisions from `revision` backwards along first parents, the newest first, it included.
    fn past(&self, revision: &Revision, most: usize) -> Result<Vec<Revision>, git::Problem>;

    /// The files of a revision. `known` are those of a neighbour, and then those of this one, so that what they share
    /// is read once.
    fn tree(
        &self,
        revision: &Revision,
        known: &mut BTreeMap<BlobId, File>,
    ) -> Result<Arc<Tree>, git::Problem>;

    /// Whether there are older commits than can be read, as in a shallow clone.
    fn is_cut_off(&self) -> bool {
        false
    }
}

/// Loads the trees. Where a document is broken, the commits between are loaded too, the oldest first, so that its last
/// good version does not depend on when this hub polled.
pub(crate) fn declared(
    trees: &Trees,
    previous: Option<&Spec>,
    archives: &BTreeMap<SourceName, impl Past>,
) -> (Spec, Vec<Problem>) {
    let loaded = spec::load(trees, previous);
    let mut past: Option<Spec> = None;
    for (source, state) in &trees.sources {
        let (SourceState::Read(tree), Some(archive)) = (state, archives.get(source)) else {
            continue;
        };
        if !is_broken(&loaded.0, source) {
            continue;
        }
        let before = previous.and_then(|spec| spec.revisions.get(source));
        if before == Some(&tree.revision) {
            continue;
        }
        // What was found of one source stands while the next one is walked.
        let known = past.as_ref().or(previous);
        match walk(trees, (source, tree, archive), known, before) {
            Ok(Some(found)) => {
                let others = known.cloned().unwrap_or_default();
                past = Some(others.with_source(source, &found));
            }
            Ok(None) => {}
            Err(error) => {
                let error = telemetry::chain(&error);
                tracing::warn!(%source, error, "the past of a source cannot be read");
            }
        }
    }
    past.map_or(loaded, |past| spec::load(trees, Some(&past)))
}

/// Whether a source has something broken now: kept from before, or not known at all.
fn is_broken(spec: &Spec, source: &SourceName) -> bool {
    is_unknown(spec, source) || spec.kept_revisions().iter().any(|(of, _)| of == source)
}

/// Whether a source has something broken of which no good version was found.
fn is_unknown(spec: &Spec, source: &SourceName) -> bool {
    let mut gaps = spec.gaps.get(source).into_iter().flatten();
    gaps.any(|gap| matches!(gap, Gap::Broken(..)))
}

/// Loads a source's commits from the one before (or as far back as it takes) to the last but the present
/// one: what to load the present one after.
fn walk(
    trees: &Trees,
    (source, head, archive): (&SourceName, &Arc<Tree>, &impl Past),
    previous: Option<&Spec>,
    before: Option<&Revision>,
) -> Result<Option<Spec>, git::Problem> {
    let past = archive.past(&head.revision, PAST_MAX)?;
    let until = before.and_then(|before| past.iter().position(|revision| revision == before));
    // Without a common past, everything older may hold the last good version.
    let most = until.unwrap_or(past.len());
    let mut depth = until.map_or(2, |until| until.max(1)).min(most.max(1));
    let mut trees = trees.clone();
    let mut blobs = BTreeMap::new();
    loop {
        // Before everything that there is, nothing was declared.
        let is_all = past.len() < PAST_MAX && !archive.is_cut_off();
        let whole = until.is_none() && depth >= most && is_all;
        let mut spec = whole.then(|| Spec::beginning(previous, source));
        // What was broken where the walk begins may have been good before, and may have moved since.
        let mut begins_unknown = false;
        for revision in past[1..depth.min(past.len())].iter().rev() {
            let tree = archive.tree(revision, &mut blobs)?;
            trees
                .sources
                .insert(source.clone(), SourceState::Read(tree));
            let begins = spec.is_none() && until.is_none();
            let loaded = spec::load(&trees, spec.as_ref().or(previous)).0;
            begins_unknown |= begins && is_unknown(&loaded, source);
            spec = Some(loaded);
        }
        trees
            .sources
            .insert(source.clone(), SourceState::Read(Arc::clone(head)));
        let Some(before_head) = spec else {
            return Ok(None);
        };
        let loaded = spec::load(&trees, Some(&before_head)).0;
        let is_settled = !begins_unknown && !is_unknown(&loaded, source);
        if is_settled || depth >= most {
            return Ok(Some(before_head));
        }
        depth = (depth * 4).min(most);
    }
}

/// Reads what fleets are written in. What is refused is told, so that the core does not take it for absent.
pub(crate) fn read_tree(
    tree: &git::Tree,
    known: &BTreeMap<BlobId, File>,
) -> Result<(Tree, BTreeMap<BlobId, File>), git::Problem> {
    let listed = tree.files()?;
    let (mut files, mut blobs) = (BTreeMap::new(), BTreeMap::new());
    for (path, listed) in listed.files {
        if !is_fleet_text(&path) {
            continue;
        }
        let file = match known.get(&listed.blob).or_else(|| blobs.get(&listed.blob)) {
            Some(file) => file.clone(),
            None => File::new(tree.read(&listed.blob)?),
        };
        blobs.insert(listed.blob, file.clone());
        files.insert(path, file);
    }
    let refused = listed.refused.into_iter();
    let tree = Tree {
        revision: tree.revision().clone(),
        files,
        refused: refused
            .map(|(path, refusal)| (path, refusal.to_string()))
            .collect(),
    };
    Ok((tree, blobs))
}

/// Whether a file may hold fleet documents or manifests.
pub(crate) fn is_fleet_text(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["yaml", "yml", "json"]
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests;
