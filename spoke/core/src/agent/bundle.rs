//! What the agent knows of one bundle: its policy, its order of work, its tallies, its inventory.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ObjectKey;
use capstan_proto::policy::{BundlePolicy, Mode};

use super::object::Saved;
use crate::inventory::Rows;
use crate::limits::HEALTH_TIMEOUT_MS;
use crate::order::Rank;

/// Objects of one wave that keep others waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Not both Synced and Healthy.
    pub(super) bad: usize,
    /// Not Synced.
    pub(super) unsynced: usize,
}

/// The writing of a bundle's inventory.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    /// Counts the writes.
    pub(super) version: u64,
    /// What is being written, with how much of each row that makes durable.
    pub(super) under_way: Option<BTreeMap<ObjectKey, Saved>>,
    /// Something changed since.
    pub(super) dirty: bool,
    /// Somebody waits for it.
    pub(super) urgent: bool,
    /// Failures in a row.
    pub(super) attempts: u32,
    /// Not before this.
    pub(super) retry_at: Option<capstan_proto::Moment>,
    /// Rows of objects that another bundle took over, until its own inventory has them.
    pub(super) leaving: Rows,
    /// Something is stored under the bundle's name.
    pub(super) stored: bool,
}

/// One bundle that is wanted, or whose objects are still here.
#[derive(Clone, Debug, Default)]
pub(super) struct Bundle {
    /// `None` where the snapshot lacks it.
    pub(super) policy: Option<BundlePolicy>,
    /// What may be done about its objects.
    pub(super) mode: Mode,
    /// Objects that are to be tried for the first time with their present declaration.
    pub(super) todo: BTreeMap<Rank, BTreeSet<ObjectKey>>,
    /// How many of each rank are being tried.
    pub(super) trying: BTreeMap<Rank, usize>,
    /// Wanted objects.
    pub(super) members: BTreeSet<ObjectKey>,
    /// What keeps others waiting, by wave.
    pub(super) tallies: BTreeMap<i32, Tally>,
    /// Why its work does not go on, in words; `None` where it does.
    pub(super) wait: Option<Wait>,
    /// Its inventory.
    pub(super) writer: Writer,
}

/// What the work of a bundle waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Another bundle.
    Dependency(String),
    /// An earlier wave.
    Wave(String),
    /// The namespace that it asked for.
    Namespace(String),
    /// Something durable.
    Durable,
    /// The cluster's administrator.
    Frozen,
    /// The cluster's mode.
    Restrained(Mode),
}

impl Bundle {
    /// Whether everything it wants is Synced.
    pub(super) fn is_synced(&self) -> bool {
        self.todo.is_empty() && self.tallies.values().all(|tally| tally.unsynced == 0)
    }

    /// Whether everything it wants is Synced and Healthy.
    pub(super) fn is_good(&self) -> bool {
        self.todo.is_empty() && self.tallies.values().all(|tally| tally.bad == 0)
    }

    /// How many objects of earlier waves keep this wave waiting.
    pub(super) fn bad_before(&self, wave: i32) -> usize {
        self.tallies.range(..wave).map(|(_, tally)| tally.bad).sum()
    }

    /// How long its objects may be Progressing.
    pub(super) fn timeout_ms(&self) -> u64 {
        let own = self
            .policy
            .as_ref()
            .and_then(|policy| policy.health_timeout_ms);
        own.unwrap_or(HEALTH_TIMEOUT_MS)
    }

    /// Puts an object into the order of work.
    pub(super) fn plan(&mut self, rank: Rank, key: ObjectKey) {
        self.todo.entry(rank).or_default().insert(key);
    }

    /// Takes an object out of the order of work.
    pub(super) fn unplan(&mut self, rank: Rank, key: &ObjectKey) {
        if let Some(keys) = self.todo.get_mut(&rank) {
            keys.remove(key);
            if keys.is_empty() {
                self.todo.remove(&rank);
            }
        }
    }

    /// The first attempt of an object is over.
    pub(super) fn tried(&mut self, rank: Rank) {
        if let Some(count) = self.trying.get_mut(&rank) {
            *count -= 1;
            if *count == 0 {
                self.trying.remove(&rank);
            }
        }
    }
}
