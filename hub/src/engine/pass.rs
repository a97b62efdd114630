//! One full pass from files to snapshots, beside the loop: the whole way of the data, through the core.
//!
//! A pass is a function of what it was given and, for documents that are broken now, of the source's history in Git. So
//! a hub that lost everything derived decides what one that ran all the time decides.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_hub_core::desired::{self, Desired, Given, Kept, Running, Wanted};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{self, Rendered};
use capstan_hub_core::placement::{self, Decisions};
use capstan_hub_core::problem::Problem;
use capstan_hub_core::spec::{self, Gap, SourceState, Spec, Tree, Trees};
use capstan_proto::{Revision, SourceName};

use super::source::Archive;
use crate::telemetry;

/// Commits that are walked back for the last good version of what is broken. A document that has been broken for 1,000
/// commits is nobody's any more; reading that many trees of 1,000 files takes seconds.
const PAST_MAX: usize = 1_000;

/// What a pass starts from.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// The files.
    pub(crate) trees: Trees,
    /// The sources' pasts.
    pub(crate) archives: Arc<BTreeMap<SourceName, Archive>>,
    /// What the pass before it found.
    pub(crate) memory: Memory,
    /// Who is enrolled.
    pub(crate) inventory: Inventory,
    /// What clusters were given.
    pub(crate) running: Running,
}

/// What is handed from one pass to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// What was declared; `None` before the first pass.
    pub(crate) spec: Option<Arc<Spec>>,
    /// What was decided.
    pub(crate) decisions: Arc<Decisions>,
    /// What was rendered.
    pub(crate) rendered: Arc<Rendered>,
}

/// What a pass found, with what it was computed from.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// For the next pass.
    pub(crate) memory: Memory,
    /// What every cluster should run.
    pub(crate) desired: Desired,
    /// Everything that is wrong.
    pub(crate) problems: Vec<Problem>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Memory {
    /// What is known before the first pass, from what clusters were given.
    fn or_given(self, running: &Running) -> Self {
        if self.spec.is_some() {
            return self;
        }
        let given = running.clusters.values().filter_map(|given| match given {
            Given::Known(last) => Some(last.snapshot.objects().keys()),
            Given::Nothing | Given::Unknown => None,
        });
        Self {
            rendered: Arc::new(Rendered::after(given.flatten())),
            ..self
        }
    }
}

/// Runs a pass.
pub(crate) fn run(input: Input) -> Outcome {
    let began = Instant::now();
    let Input {
        trees,
        archives,
        memory,
        inventory,
        running,
    } = input;
    let memory = memory.or_given(&running);
    let (spec, found) = declared(&trees, memory.spec.as_deref(), &archives);
    let fleet = Fleet {
        inventory: &inventory,
        running: &running,
    };
    let mut step = fleet.step(&trees, spec, &memory);
    match replay(&trees, &archives, fleet, &step) {
        Ok(Some(replayed)) => step = replayed,
        Ok(None) => {}
        Err(error) => tracing::warn!(
            error = telemetry::chain(&error),
            "what clusters were given stays unknown, because the past of a source cannot be read"
        ),
    }
    let Step { memory, desired } = step;
    let mut problems = found;
    problems.extend(memory.decisions.problems.iter().cloned());
    problems.extend(memory.rendered.problems().cloned());
    problems.extend(desired.problems.iter().cloned());
    super::waits::say(&mut problems, &desired);
    problems.sort();
    problems.dedup();
    Outcome {
        memory,
        desired,
        problems,
        took: began.elapsed(),
    }
}

/// What does not come from files.
#[derive(Clone, Copy)]
struct Fleet<'a> {
    inventory: &'a Inventory,
    running: &'a Running,
}

/// From declarations to snapshots.
struct Step {
    memory: Memory,
    desired: Desired,
}

impl Fleet<'_> {
    fn step(self, trees: &Trees, spec: Spec, memory: &Memory) -> Step {
        let decisions = placement::resolve(&spec, self.inventory, &memory.decisions);
        let rendered = manifest::render(&spec, trees, &decisions, &memory.rendered);
        let desired = desired::desired(&decisions, &rendered, self.running);
        let memory = Memory {
            spec: Some(Arc::new(spec)),
            decisions: Arc::new(decisions),
            rendered: Arc::new(rendered),
        };
        Step { memory, desired }
    }
}

// === what is declared ===

/// Loads the trees. Where a document is broken, the commits between are loaded too, the oldest first, so that its last
/// good version does not depend on when this hub polled.
fn declared(
    trees: &Trees,
    previous: Option<&Spec>,
    archives: &BTreeMap<SourceName, Archive>,
) -> (Spec, Vec<Problem>) {
    let (mut spec, mut problems) = spec::load(trees, previous);
    for (source, state) in &trees.sources {
        let (SourceState::Read(tree), Some(archive)) = (state, archives.get(source)) else {
            continue;
        };
        if !is_broken(&spec, source) {
            continue;
        }
        let before = previous.and_then(|spec| spec.revisions.get(source));
        if before == Some(&tree.revision) {
            continue;
        }
        match walk(trees, (source, tree, archive), previous, before) {
            Ok(Some(better)) => (spec, problems) = better,
            Ok(None) => {}
            Err(error) => {
                let error = telemetry::chain(&error);
                tracing::warn!(%source, error, "the past of a source cannot be read");
            }
        }
    }
    (spec, problems)
}

/// Whether a source has something broken now: kept from before, or not known at all.
fn is_broken(spec: &Spec, source: &SourceName) -> bool {
    let gaps = spec.gaps.get(source).into_iter().flatten();
    let unknown = gaps.into_iter().any(|gap| matches!(gap, Gap::Broken(_)));
    unknown || spec.kept_revisions().iter().any(|(of, _)| of == source)
}

/// Loads a source's commits from the one before (or as far back as it takes) to the present one.
fn walk(
    trees: &Trees,
    (source, head, archive): (&SourceName, &Arc<Tree>, &Archive),
    previous: Option<&Spec>,
    before: Option<&Revision>,
) -> Result<Option<(Spec, Vec<Problem>)>, crate::git::Problem> {
    let past = archive.past(&head.revision, PAST_MAX)?;
    let until = before.and_then(|before| past.iter().position(|revision| revision == before));
    // Without a common past, everything older may hold the last good version.
    let most = until.unwrap_or(past.len());
    let mut depth = until.map_or(2, |until| until.max(1)).min(most.max(1));
    let mut trees = trees.clone();
    let mut blobs = BTreeMap::new();
    loop {
        // Before everything that there is, nothing was declared.
        let whole = until.is_none() && depth >= most;
        let mut spec = whole.then(|| Spec::beginning(previous, source));
        for revision in past[1..depth.min(past.len())].iter().rev() {
            let tree = archive.tree(revision, &mut blobs)?;
            trees
                .sources
                .insert(source.clone(), SourceState::Read(tree));
            spec = Some(spec::load(&trees, spec.as_ref().or(previous)).0);
        }
        trees
            .sources
            .insert(source.clone(), SourceState::Read(Arc::clone(head)));
        let Some(before_head) = spec else {
            return Ok(None);
        };
        let loaded = spec::load(&trees, Some(&before_head));
        let gaps = loaded.0.gaps.get(source).into_iter().flatten();
        let unknown = gaps.into_iter().any(|gap| matches!(gap, Gap::Broken(_)));
        if !unknown || depth >= most {
            return Ok(Some(loaded));
        }
        depth = (depth * 4).min(most);
    }
}

// === what clusters were given, when nobody remembers ===

/// When the record of what clusters were given is lost, and content is broken now, the commits before are gone through
/// again until that content was good, so that what is kept is known.
fn replay(
    trees: &Trees,
    archives: &BTreeMap<SourceName, Archive>,
    fleet: Fleet<'_>,
    step: &Step,
) -> Result<Option<Step>, crate::git::Problem> {
    let sources = forgotten(fleet.running, &step.desired);
    let mut known = sources.iter().filter_map(|source| {
        let (source, archive) = archives.get_key_value(source)?;
        Some((source, archive, trees.read(source)?))
    });
    let Some((source, archive, head)) = known.next() else {
        return Ok(None);
    };
    let head = Arc::clone(head);
    let past = archive.past(&head.revision, PAST_MAX)?;
    let mut depth = 2.min(past.len());
    let mut blobs = BTreeMap::new();
    loop {
        let mut running = fleet.running.clone();
        let mut last: Option<Step> = None;
        let mut clean = false;
        let mut trees = trees.clone();
        for (index, revision) in past[..depth].iter().enumerate().rev() {
            let tree = match index {
                0 => Arc::clone(&head),
                _ => archive.tree(revision, &mut blobs)?,
            };
            trees
                .sources
                .insert(source.clone(), SourceState::Read(tree));
            let memory = last.map(|step| step.memory).unwrap_or_default();
            let (spec, _) = spec::load(&trees, memory.spec.as_deref());
            let now = Fleet {
                running: &running,
                ..fleet
            }
            .step(&trees, spec, &memory);
            clean |= !forgotten(&running, &now.desired).contains(source);
            if index > 0 {
                give(&mut running, &now.desired);
            }
            last = Some(now);
        }
        if clean || depth == past.len() {
            return Ok(last);
        }
        depth = (depth * 4).min(past.len());
    }
}

/// Sources of bundles that do not render, on clusters of which it is not known what they were given.
fn forgotten(running: &Running, desired: &Desired) -> std::collections::BTreeSet<SourceName> {
    let unknown = |name: &capstan_proto::ClusterName| {
        matches!(running.clusters.get(name), Some(Given::Unknown))
    };
    desired
        .clusters
        .iter()
        .filter(|(name, _)| unknown(name))
        .filter_map(|(_, wanted)| wanted.target())
        .flat_map(|target| &target.kept)
        .filter(|(_, kept)| matches!(kept, Kept::NotRendered { .. }))
        .map(|(bundle, _)| bundle.source().clone())
        .collect()
}

/// What a step would have given.
fn give(running: &mut Running, desired: &Desired) {
    for (cluster, wanted) in &desired.clusters {
        let Wanted::Snapshot(target) = wanted else {
            continue;
        };
        running
            .clusters
            .insert(cluster.clone(), Given::after(target));
    }
}
