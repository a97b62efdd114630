//! How a snapshot travels: as a difference, in pieces, until both sides hold the same.
//!
//! One law: `apply(from, diff(from, to)) = to`; and whatever is lost, doubled, reordered or cut off
//! in between, sender and receiver converge on the sender's target.

pub mod diff;
pub mod receiver;
pub mod sender;
pub mod snapshot;

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::ids::{BundleName, Revision, SourceName, Triple};
use crate::moment::Moment;
use crate::object::ObjectKey;
use crate::policy::Mode;
use snapshot::Entry;

/// What changes from one snapshot to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Bundles that are new or have another policy.
    pub set_bundles: BTreeMap<BundleName, Digest>,
    /// Bundles that are gone.
    pub removed_bundles: BTreeSet<BundleName>,
    /// Objects that are new, have another digest, or belong to another bundle.
    pub set_objects: BTreeMap<ObjectKey, Entry>,
    /// Objects that are gone.
    pub removed_objects: BTreeSet<ObjectKey>,
}

impl Delta {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A removal set that a person approved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approval {
    /// Digest of the removal set.
    pub removal_set: Digest,
    /// Who approved it.
    pub approver: String,
    /// Until when it counts.
    pub expires_at: Moment,
}

/// What an offer says besides its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The accepted snapshot that the offer follows. A spoke that holds another one applies, and
    /// prunes nothing.
    pub follows: Option<Triple>,
    /// Whether the entries are complete (true), or change what `follows` names (false).
    pub full: bool,
    /// Features that the agent must know to accept.
    pub required_features: BTreeSet<String>,
    /// Approved removal sets.
    pub approvals: Vec<Approval>,
    /// The snapshot's mode; `None` from a hub that does not say it. The sender's, like `follows` and `full`.
    pub mode: Option<Mode>,
    /// The commit of each source that the snapshot was resolved from; not part of its digest.
    pub stamps: BTreeMap<SourceName, Revision>,
}

/// One message of an offer. Pieces of one offer follow each other without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What the whole offer amounts to.
    pub snapshot: Triple,
    /// Counts from 0.
    pub index: u32,
    /// Whether this is the last one.
    pub last: bool,
    /// In piece 0, and only there.
    pub header: Option<Header>,
    /// This piece's part of the entries.
    pub part: Delta,
}

#[cfg(test)]
mod tests;
