//! One full pass from files to snapshots, beside the loop: the whole way of the data, through the core.
//!
//! A pass is a function of what it was given and, for documents that are broken now, of the source's history in Git. So
//! a hub that lost everything derived decides what one that ran all the time decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_hub_core::desired::{self, Desired, Given, Kept, Policies, Running, Wanted};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{self, Rendered};
use capstan_hub_core::placement::{self, Decisions, Selected};
use capstan_hub_core::problem::Problem;
use capstan_hub_core::spec::{self, SourceState, Spec, Trees};
use capstan_proto::{Digest, PlacementName, SourceName};

use super::lost::{Found, Lost, Ran};
use super::pins::{self, Pins, Tags};
use super::previous::Previous;
use super::rename::Names;
use super::source::Archive;
use crate::content::Content;
use crate::history::{PAST_MAX, Past as _};
use crate::telemetry;

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
    /// What clusters ran before the hub started.
    pub(crate) ran: Ran,
    /// How often the tags of each source changed.
    pub(crate) tags: Tags,
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
    /// Pinned revisions that were read.
    pub(crate) pins: Pins,
    /// Placements of which it is not known what they selected before.
    pub(crate) lost: Lost,
    /// What the policies say that clusters were given.
    pub(crate) policies: Arc<Policies>,
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
    /// What placements select otherwise than it is on record.
    pub(crate) selected: BTreeMap<PlacementName, Selected>,
    /// Pins that lead somewhere for the first time, or that nothing asks for any more.
    pub(crate) pinned: pins::Changes,
    /// Clusters that are called otherwise.
    pub(crate) renamed: Vec<Names>,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Memory {
    /// What is known after a start: what placements selected last, and where pins led first, as far as that is on record.
    pub(crate) fn beginning(
        previous: Previous,
        first: pins::First,
        sources: BTreeSet<SourceName>,
    ) -> Self {
        Self {
            pins: Pins::beginning(first),
            decisions: Arc::new(Decisions::remembered(previous)),
            lost: Lost::of(sources),
            ..Self::default()
        }
    }

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

impl Input {
    /// Reads the policies that clusters were given, where a pass before this one did not know them.
    pub(crate) fn read_policies(&mut self, content: &Content) {
        let unknown = self.running.unknown_policies();
        let read = |digest: Digest| Some((digest, content.get(digest).ok()??));
        let found: Vec<_> = unknown.into_iter().filter_map(read).collect();
        if !found.is_empty() {
            let found = found.iter().map(|(digest, bytes)| (*digest, &**bytes));
            self.running.learn_policies(found);
        }
    }
}

/// Runs a pass.
pub(crate) fn run(input: Input) -> Outcome {
    let began = Instant::now();
    let Input {
        mut trees,
        archives,
        memory,
        mut inventory,
        ran,
        tags,
        mut running,
    } = input;
    let memory = memory.or_given(&running);
    let known = (memory.spec.as_deref(), &memory.pins);
    let (spec, mut problems, pins) = pins::load(&mut trees, known, &archives, tags);
    problems.extend(running.unmoved(&spec, &inventory.enrolled));
    let renamed = running.rename(&spec, &inventory.enrolled);
    for (former, name) in &renamed {
        inventory.rename(former, name);
    }
    let mut lost = memory.lost.clone();
    let found = lost.find(&spec, &memory.decisions, &ran);
    if let Some(found) = &found {
        running.waiting.clone_from(&found.waiting);
        running.wait_for(ran.awaited, &renamed);
    }
    let fleet = Fleet {
        inventory: &inventory,
        running: &running,
        previous: found
            .as_ref()
            .map_or(&memory.decisions, |found| &found.decisions),
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
    let desired = step.desired;
    let policies = running.policies_after(&desired);
    let pinned = pins.since(&memory.pins);
    let selected = selected(&step.memory.decisions, &memory.decisions, found.as_ref());
    let memory = Memory {
        pins,
        lost,
        policies,
        ..step.memory
    };
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
        selected,
        pinned,
        renamed,
        took: began.elapsed(),
    }
}

/// What is to be kept otherwise than before. Of a placement that does not know yet what it had, nothing is.
fn selected(
    now: &Decisions,
    before: &Decisions,
    found: Option<&Found>,
) -> BTreeMap<PlacementName, Selected> {
    let mut changes = now.since(before);
    let Some(found) = found else {
        return changes;
    };
    changes.retain(|name, _| !found.open.contains(name));
    for name in &found.settled {
        if let Some(decision) = now.placements.get(name) {
            changes.insert(name.clone(), Some(decision.selected().cloned().collect()));
        }
    }
    changes
}

/// What does not come from files.
#[derive(Clone, Copy)]
struct Fleet<'a> {
    inventory: &'a Inventory,
    running: &'a Running,
    /// What placements selected last.
    previous: &'a Decisions,
}

/// From declarations to snapshots.
struct Step {
    memory: Memory,
    desired: Desired,
}

impl Fleet<'_> {
    fn step(self, trees: &Trees, spec: Spec, memory: &Memory) -> Step {
        let spec = Arc::new(spec);
        let decisions = placement::resolve(&spec, self.inventory, self.previous);
        let rendered = manifest::render(&spec, trees, &decisions, &memory.rendered);
        let desired = desired::desired(&decisions, &rendered, self.running);
        let memory = Memory {
            spec: Some(spec),
            decisions: Arc::new(decisions),
            rendered: Arc::new(rendered),
            ..Memory::default()
        };
        Step { memory, desired }
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
    running.policies = running.policies_after(desired);
    for (cluster, wanted) in &desired.clusters {
        let Wanted::Snapshot(target) = wanted else {
            continue;
        };
        running
            .clusters
            .insert(cluster.clone(), Given::after(target));
    }
}
