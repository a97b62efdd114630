//! Whether the API server's storage went back in time (K4): counted once, whichever watch finds it first.
//!
//! Resource versions grow as long as the storage lives. A complete list that is older than what the same kind's watch
//! saw before proves that a backup was restored. Versions of different kinds are not compared: an API server may keep
//! some of them in a storage of their own.

use std::collections::BTreeMap;

use capstan_spoke_core::Kind;
use tokio::sync::{Mutex, MutexGuard, Notify};

/// What all watches know together.
#[derive(Debug, Default)]
pub(super) struct History {
    restores: Mutex<u64>,
    /// All watches list anew when it moves.
    pub(super) moved: Notify,
    floors: BTreeMap<Kind, u64>,
}

/// What one watch knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The highest version that was seen of the kind.
    seen: u64,
    /// How many restores were counted then.
    restores: u64,
}

impl Mark {
    /// An event or a bookmark carried this version.
    pub(super) fn reach(&mut self, version: &str) {
        self.seen = self.seen.max(number(version));
    }
}

impl History {
    /// `floors`: versions that an earlier process saw, by kind.
    pub(super) fn new(floors: BTreeMap<Kind, u64>) -> Self {
        Self {
            floors,
            ..Self::default()
        }
    }

    /// Where the watch of a kind begins.
    pub(super) fn begin(&self, kind: &Kind) -> Mark {
        Mark {
            seen: self.floors.get(kind).copied().unwrap_or(0),
            restores: 0,
        }
    }

    /// A complete list at `version` was read. Gives a guard when the storage went back and nobody said so yet:
    /// say it, then [`Restore::told`].
    pub(super) async fn listed(&self, mark: &mut Mark, version: &str) -> Option<Restore<'_>> {
        let restores = self.restores.lock().await;
        let known = *restores != mark.restores;
        let version = number(version);
        let went_back = version < mark.seen;
        *mark = Mark {
            seen: version,
            restores: *restores,
        };
        (went_back && !known).then_some(Restore {
            restores,
            moved: &self.moved,
        })
    }

    /// The resume check found the storage older than what was seen.
    pub(super) async fn resumed_too_far(&self, mark: &Mark) -> Option<Restore<'_>> {
        let restores = self.restores.lock().await;
        (*restores == mark.restores).then_some(Restore {
            restores,
            moved: &self.moved,
        })
    }

    /// Whether a restore was counted since the mark's list.
    pub(super) async fn moved_since(&self, mark: &Mark) -> bool {
        *self.restores.lock().await != mark.restores
    }
}

/// A restore that nobody told of yet; while it is held, nobody else does.
pub(super) struct Restore<'a> {
    restores: MutexGuard<'a, u64>,
    moved: &'a Notify,
}

impl Restore<'_> {
    /// It was told: counts it, and lets every other watch list anew. The mark is up to date with it.
    pub(super) fn told(mut self, mark: &mut Mark) {
        *self.restores += 1;
        mark.restores = *self.restores;
        self.moved.notify_waiters();
    }
}

/// Resource versions are numbers; what is none never counts as older.
fn number(version: &str) -> u64 {
    version.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
