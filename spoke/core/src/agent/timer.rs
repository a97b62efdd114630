//! What the agent wants to come back to, and when. A timer that lost its point does no harm: its
//! handler looks at the state, never at the timer.

use std::collections::BTreeSet;

use capstan_proto::{BundleName, Moment, ObjectKey};

use crate::kind::Kind;

/// What to come back to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// An object: a retry, a rest after a fight, a health deadline, a value check.
    Object(ObjectKey),
    /// The inventory of a bundle.
    Inventory(BundleName),
    /// A namespace that a bundle asked for.
    Namespace(String),
    /// The hourly list of a kind.
    Relist(Kind),
    /// Discovery of kinds that were just defined.
    Discover,
    /// Content that did not arrive.
    Fetch,
    /// A snapshot that could not be stored.
    Store,
    /// The next batch of reports.
    Report,
    /// The next object of the daily value pass.
    Values,
}

/// All timers, the earliest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(BTreeSet<(Moment, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Moment, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn unset(&mut self, at: Moment, timer: &Timer) {
        self.0.remove(&(at, timer.clone()));
    }

    pub(super) fn earliest(&self) -> Option<Moment> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The next timer whose moment has come.
    pub(super) fn due(&mut self, now: Moment) -> Option<Timer> {
        let due = self.0.first().is_some_and(|(at, _)| *at <= now);
        if due {
            self.0.pop_first().map(|(_, timer)| timer)
        } else {
            None
        }
    }
}
