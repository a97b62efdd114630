//! The words by which the hub itself explains a sync. Spokes have words of their own besides.

use std::fmt;

use crate::session::Connection;

/// Why a bundle is not simply what its spoke says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its removal waits for approval.
    RemovalHeld,
    /// The hub does not know what the cluster should run.
    NoOpinion,
    /// A placement names it, and it is not declared.
    NotDeclared,
    /// Its content does not render for the cluster.
    NotRendered,
    /// The revision that it is pinned to cannot be read, or lacks it.
    RevisionUnknown,
    /// It is wanted, and in no snapshot yet.
    NotDelivered,
    /// What it should hold is on its way.
    Delivering,
    /// Nothing was said of it in this session.
    NotReported,
    /// The agent does not know what it needs.
    UpgradeNeeded,
    /// The agent refused the snapshot.
    Refused,
    /// Another bundle has one of its objects.
    ObjectConflict,
    /// It cannot be heard: the word is the connection's.
    Connection(Connection),
}

impl Reason {
    /// Every value that is not the connection's, in order.
    pub const ALL: &'static [Self] = &[
        Self::RemovalHeld,
        Self::NoOpinion,
        Self::NotDeclared,
        Self::NotRendered,
        Self::RevisionUnknown,
        Self::NotDelivered,
        Self::Delivering,
        Self::NotReported,
        Self::UpgradeNeeded,
        Self::Refused,
        Self::ObjectConflict,
    ];

    /// The one word, as people and files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RemovalHeld => "RemovalHeld",
            Self::NoOpinion => "NoOpinion",
            Self::NotDeclared => "NotDeclared",
            Self::NotRendered => "NotRendered",
            Self::RevisionUnknown => "RevisionUnknown",
            Self::NotDelivered => "NotDelivered",
            Self::Delivering => "Delivering",
            Self::NotReported => "NotReported",
            Self::UpgradeNeeded => "UpgradeNeeded",
            Self::Refused => "Refused",
            Self::ObjectConflict => "ObjectConflict",
            Self::Connection(connection) => connection.as_str(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
