//! Whether a cluster can be heard, as a pure function of moments.

use std::fmt;

use capstan_proto::Moment;

use crate::limits;

/// How the hub and a cluster stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Connection {
    /// It is heard.
    Connected,
    /// It may connect since a moment ago, and has not yet.
    Connecting,
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
        Self::Connecting,
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
            Self::Connecting => "Connecting",
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

/// What was heard of a member, and when it could begin to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Whether a session is open.
    pub open: bool,
    /// When anything was last heard of it.
    pub heard_at: Option<Moment>,
    /// Since when it may connect: it enrolled, a ban was taken back, or the hub started and it is
    /// [`awaited`].
    pub admitted_at: Option<Moment>,
}

/// Whether a member is awaited after a start of the hub: whether it was in touch when the hub last
/// lived. One that had been silent for longer then is no less silent because the hub starts again,
/// however often it does. Where nothing says when the hub last lived, everybody is awaited.
#[must_use]
pub fn awaited(heard_at: Option<Moment>, hub_lived_at: Option<Moment>) -> bool {
    hub_lived_at.is_none_or(|lived| {
        heard_at.is_some_and(|heard| lived.since_ms(heard) < limits::OFFLINE_MS)
    })
}

/// How a cluster stands at `now`. A session that ended counts as silence from then on; before the
/// first session since it was admitted, there was nothing to be silent in.
#[must_use]
pub fn connection(standing: Standing, hearing: Hearing, now: Moment) -> Connection {
    match standing {
        Standing::NotEnrolled => return Connection::NeverSeen,
        Standing::NeedsToken => return Connection::NeedsToken,
        Standing::Quarantined => return Connection::Quarantined,
        Standing::Banned => return Connection::Banned,
        Standing::Enrolled => {}
    }
    let Hearing {
        open,
        heard_at,
        admitted_at,
    } = hearing;
    let awaited = admitted_at.filter(|admitted| {
        let silent_since = heard_at.is_none_or(|heard| heard <= *admitted);
        !open && silent_since && now.since_ms(*admitted) < limits::OFFLINE_MS
    });
    if awaited.is_some() {
        return Connection::Connecting;
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

#[cfg(test)]
mod tests;
