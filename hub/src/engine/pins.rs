//! Revisions that placements pin: found in the copies of the sources, and read once.
//!
//! A tag that moved is followed as soon as it was fetched, and told from then on: the store keeps where each led first. What cannot be found or read is said in words; what is there
//! of it on clusters stays.

use std::collections::{BTreeMap, BTreeSet};

use capstan_hub_core::problem::{Code, Problem};
use capstan_hub_core::spec::{PinName, PinState, SourceState, Spec, Trees};
use capstan_proto::{Digest, Revision, SourceName};
use serde::{Deserialize, Serialize};

use super::source::Archive;
use crate::git;
use crate::history::{Past, declared};
use crate::store::{Store, StoreError, VALUE_BYTES_MAX};
use crate::telemetry::chain;

/// How often the tags of each source changed since the start.
pub(crate) type Tags = BTreeMap<SourceName, u64>;

/// What is known of pinned revisions, from one pass to the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    states: BTreeMap<PinName, PinState>,
    /// The tags that they were looked for among.
    tags: Tags,
    /// The commit that each led to first.
    first: First,
}

/// The commit that each pin led to when it was first looked for.
pub(crate) type First = BTreeMap<PinName, Revision>;

/// What is to be kept otherwise: a pin that leads somewhere for the first time, or that nothing asks for any more.
pub(crate) type Changes = BTreeMap<PinName, Option<Revision>>;

impl Pins {
    /// What is known after a start.
    pub(crate) fn beginning(first: First) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    /// What is to be kept otherwise than before.
    pub(super) fn since(&self, before: &Self) -> Changes {
        let gone = before
            .first
            .keys()
            .filter(|pin| !self.first.contains_key(*pin));
        let gone = gone.map(|pin| (pin.clone(), None));
        let new = self.first.iter();
        let new = new.filter(|(pin, first)| before.first.get(*pin) != Some(*first));
        let new = new.map(|(pin, first)| (pin.clone(), Some(first.clone())));
        gone.chain(new).collect()
    }
}

/// Kind of the rows that say where pins led first.
const PINS: &str = "pins";

/// A row's value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    source: SourceName,
    text: String,
    first: Revision,
}

/// Remembers where pins led first, soon. A pin longer than a row may be is left out.
pub(super) fn remember(store: &Store, changes: Changes) -> Result<(), StoreError> {
    for (pin, first) in changes {
        let name = Digest::of(format!("{}/{}", pin.source, pin.text).as_bytes());
        let row = first.map(|first| Row {
            source: pin.source,
            text: pin.text,
            first,
        });
        let value = row.map(|row| serde_json::to_vec(&row).expect("names are JSON"));
        let value = value.filter(|value| value.len() <= VALUE_BYTES_MAX);
        store.set_row(PINS, &name.to_string(), value)?;
    }
    Ok(())
}

/// Recalls where pins led first. What cannot be read is not known, as if it had never been looked for.
pub(super) fn recall(store: &Store) -> Result<First, StoreError> {
    let mut all = First::new();
    for value in store.rows(PINS)?.rows.into_values() {
        match serde_json::from_slice::<Row>(&value) {
            Ok(Row {
                source,
                text,
                first,
            }) => {
                all.insert(PinName { source, text }, first);
            }
            Err(error) => {
                tracing::warn!(%error, "where a pinned tag led first cannot be read; where it leads now counts");
            }
        }
    }
    Ok(all)
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
            let unread = |source: &SourceState| !matches!(source, SourceState::Read(_));
            let first = match trees.sources.values().any(unread) {
                // What is not read yet may ask for more.
                true => first(pins, &states, pins.first.keys()),
                false => first(pins, &states, []),
            };
            problems.extend(told(&spec, &first, &states));
            let pins = Pins {
                states,
                tags,
                first,
            };
            return (spec, problems, pins);
        }
        trees.pins.extend(looking.find(new));
    }
}

/// Where every pin that is asked for led first, and those that are kept besides.
fn first<'a>(
    before: &'a Pins,
    now: &'a BTreeMap<PinName, PinState>,
    besides: impl IntoIterator<Item = &'a PinName>,
) -> First {
    let led = |pin: &PinName| match now.get(pin) {
        Some(PinState::Read(tree)) => Some(&tree.revision),
        _ => None,
    };
    let first = |pin: &PinName| {
        let first = before.first.get(pin).or_else(|| led(pin))?;
        Some((pin.clone(), first.clone()))
    };
    now.keys().chain(besides).filter_map(first).collect()
}

/// Says of every tag that moved where it led first, and where it leads now.
fn told(spec: &Spec, first: &First, now: &BTreeMap<PinName, PinState>) -> Vec<Problem> {
    let problem = |(pin, first): (&PinName, &Revision)| {
        let Some(PinState::Read(tree)) = now.get(pin) else {
            return None;
        };
        if tree.revision == *first {
            return None;
        }
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
    first.iter().filter_map(problem).collect()
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
        let found = copy.pinned(&pin.text).map_err(|problem| chain(&problem))?;
        let revision = match (found, copy.head_of(&pin.text)) {
            (Ok(revision), _) => revision,
            (Err(_), Some(head)) => return Ok(PinState::Branch(head)),
            (Err(why), None) => return Err(why),
        };
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
