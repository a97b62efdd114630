//! Revisions that placements pin: found in the copies of the sources, and read once.
//!
//! A tag that moved is followed as soon as it was fetched. What cannot be found or read is said in words; what is there
//! of it on clusters stays.

use std::collections::{BTreeMap, BTreeSet};

use capstan_hub_core::problem::{Code, Problem};
use capstan_hub_core::spec::{PinName, PinState, Spec, Trees};
use capstan_proto::{Revision, SourceName};

use super::source::Archive;
use crate::git;
use crate::history::{Past, declared};
use crate::telemetry::chain;

/// How often the tags of each source changed since the start.
pub(crate) type Tags = BTreeMap<SourceName, u64>;

/// What is known of pinned revisions, from one pass to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    states: BTreeMap<PinName, PinState>,
    /// The tags that they were looked for among.
    tags: Tags,
    /// Tags that led elsewhere before, with the commit that they led to first.
    moved: BTreeMap<PinName, Revision>,
}

/// Loads the trees with everything that they pin. `pins` are those of the load before.
pub(super) fn load(
    trees: &mut Trees,
    (previous, pins): (Option<&Spec>, &Pins),
    archives: &BTreeMap<SourceName, Archive>,
    tags: Tags,
) -> (Spec, Vec<Problem>, Pins) {
    let looking = Looking {
        archives,
        before: pins,
        tags: &tags,
    };
    loop {
        let (spec, mut problems) = declared(trees, previous, archives);
        let wanted = spec.pins();
        let new =
            |pin: &PinName| trees.read(&pin.source).is_some() && !trees.pins.contains_key(pin);
        let new: BTreeSet<PinName> = wanted.iter().filter(|pin| new(pin)).cloned().collect();
        if new.is_empty() {
            trees.pins.retain(|pin, _| wanted.contains(pin));
            let states = trees.pins.clone();
            let moved = moved(pins, &states);
            problems.extend(told(&spec, &moved, &states));
            let pins = Pins {
                states,
                tags,
                moved,
            };
            return (spec, problems, pins);
        }
        trees.pins.extend(looking.find(new));
    }
}

/// Tags that lead elsewhere than they did first.
fn moved(before: &Pins, now: &BTreeMap<PinName, PinState>) -> BTreeMap<PinName, Revision> {
    let led = |pin: &PinName| match before.states.get(pin) {
        Some(PinState::Read(tree)) => Some(&tree.revision),
        _ => None,
    };
    let first = |pin: &PinName| before.moved.get(pin).or_else(|| led(pin)).cloned();
    let moved = |(pin, state): (&PinName, &PinState)| match (first(pin), state) {
        (Some(first), PinState::Read(tree)) if tree.revision == first => None,
        (Some(first), _) => Some((pin.clone(), first)),
        (None, _) => None,
    };
    now.iter().filter_map(moved).collect()
}

/// Says of every tag that moved where it led first, and where it leads now.
fn told(
    spec: &Spec,
    moved: &BTreeMap<PinName, Revision>,
    now: &BTreeMap<PinName, PinState>,
) -> Vec<Problem> {
    let problem = |(pin, first): (&PinName, &Revision)| {
        let Some(PinState::Read(tree)) = now.get(pin) else {
            return None;
        };
        let at = spec.place_of_pin(pin)?;
        let message = format!(
            "`{}` led to commit {}, and leads to {} now, which is followed",
            pin.text,
            first.short(),
            tree.revision.short()
        );
        let problem = Problem::warning(at, Code::TagMoved, message);
        Some(problem.hint(format!("write {} to keep what was there", first.short())))
    };
    moved.iter().filter_map(problem).collect()
}

/// Looks for pins.
struct Looking<'a> {
    archives: &'a BTreeMap<SourceName, Archive>,
    before: &'a Pins,
    tags: &'a Tags,
}

impl Looking<'_> {
    fn find(&self, new: BTreeSet<PinName>) -> BTreeMap<PinName, PinState> {
        let mut found = BTreeMap::new();
        let mut opened: BTreeMap<SourceName, Result<git::Follower, String>> = BTreeMap::new();
        let mut blobs = BTreeMap::new();
        for pin in new {
            let state = match self.unmoved(&pin) {
                Some(state) => state.clone(),
                None => {
                    let copy = opened
                        .entry(pin.source.clone())
                        .or_insert_with(|| self.open(&pin.source));
                    match copy {
                        Ok(copy) => self
                            .look(copy, &pin, &mut blobs)
                            .unwrap_or_else(PinState::Missing),
                        Err(why) => PinState::Missing(why.clone()),
                    }
                }
            };
            found.insert(pin, state);
        }
        found
    }

    /// What was read before, where no tag of the source changed since. What was missing is looked for again.
    fn unmoved(&self, pin: &PinName) -> Option<&PinState> {
        let same = self.before.tags.get(&pin.source) == self.tags.get(&pin.source);
        let state = self.before.states.get(pin).filter(|_| same)?;
        matches!(state, PinState::Read(_)).then_some(state)
    }

    fn open(&self, source: &SourceName) -> Result<git::Follower, String> {
        let archive = self.archives.get(source);
        let archive = archive.ok_or_else(|| format!("source {source} is not followed"))?;
        archive.open().map_err(|problem| chain(&problem))
    }

    fn look(
        &self,
        copy: &git::Follower,
        pin: &PinName,
        blobs: &mut BTreeMap<git::BlobId, capstan_hub_core::spec::File>,
    ) -> Result<PinState, String> {
        let revision = copy
            .pinned(&pin.text)
            .map_err(|problem| chain(&problem))??;
        if let Some(PinState::Read(tree)) = self.before.states.get(pin)
            && tree.revision == revision
        {
            return Ok(PinState::Read(tree.clone()));
        }
        if let Some(PinState::Read(tree)) = self.before.states.get(pin) {
            tracing::warn!(source = %pin.source, pin = pin.text, from = tree.revision.short(), to = revision.short(), "a pinned tag moved; it is read anew");
        }
        let archive = &self.archives[&pin.source];
        let mut known = std::mem::take(blobs);
        let tree = archive.tree(&revision, &mut known);
        *blobs = known;
        tree.map(PinState::Read).map_err(|problem| chain(&problem))
    }
}
