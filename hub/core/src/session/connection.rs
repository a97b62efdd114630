//! Whether a cluster can be heard, as a pure function of moments.

use std::fmt;

use capstan_proto::Moment;

use crate::limits;

/// How the hub and a cluster stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Connection {
    /// It is heard.
    Connected,
    /// It was not heard for a moment.
    Stale,
    /// It was not heard for a while.
    Offline,
    /// It is declared and never enrolled.
    NeverSeen,
    /// It needs a new token: `hub token create`.
    NeedsToken,
    /// Two agents have its identity; nothing is offered to either.
    Quarantined,
    /// Somebody banned it.
    Banned,
}

impl Connection {
    /// Every value, in order.
    pub const ALL: &'static [Self] = &[
        Self::Connected,
        Self::Stale,
        Self::Offline,
        Self::NeverSeen,
        Self::NeedsToken,
        Self::Quarantined,
        Self::Banned,
    ];

    /// The one word, as people and files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "Connected",
            Self::Stale => "Stale",
            Self::Offline => "Offline",
            Self::NeverSeen => "NeverSeen",
            Self::NeedsToken => "NeedsToken",
            Self::Quarantined => "Quarantined",
            Self::Banned => "Banned",
        }
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is recorded of a cluster's membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It never enrolled.
    #[default]
    NotEnrolled,
    /// It is a member.
    Enrolled,
    /// Its identity cannot be used any more.
    NeedsToken,
    /// Two agents have its identity.
    Quarantined,
    /// Somebody banned it.
    Banned,
}

/// How a cluster stands at `now`. `open` says whether a session is open, `heard_at` when anything
/// was last heard of it; a session that ended counts as silence from then on.
#[must_use]
pub fn connection(
    standing: Standing,
    open: bool,
    heard_at: Option<Moment>,
    now: Moment,
) -> Connection {
    match standing {
        Standing::NotEnrolled => return Connection::NeverSeen,
        Standing::NeedsToken => return Connection::NeedsToken,
        Standing::Quarantined => return Connection::Quarantined,
        Standing::Banned => return Connection::Banned,
        Standing::Enrolled => {}
    }
    let Some(heard_at) = heard_at else {
        return Connection::Offline;
    };
    let silence_ms = now.since_ms(heard_at);
    if silence_ms >= limits::OFFLINE_MS {
        Connection::Offline
    } else if !open || silence_ms >= limits::STALE_MS {
        Connection::Stale
    } else {
        Connection::Connected
    }
}

/// The next moment at which `connection` gives another answer although nothing happens.
#[must_use]
pub fn next_change(open: bool, heard_at: Moment, now: Moment) -> Option<Moment> {
    let stale_at = heard_at.plus_ms(limits::STALE_MS);
    let offline_at = heard_at.plus_ms(limits::OFFLINE_MS);
    [open.then_some(stale_at), Some(offline_at)]
        .into_iter()
        .flatten()
        .find(|at| *at > now)
}
