//! The durable record of what was accepted: the head pointer, and the list of a snapshot's entries.

use std::collections::BTreeMap;

use capstan_proto::delta::Approval;
use capstan_proto::policy::Mode;
use capstan_proto::{
    BundleName, Digest, Entry, Moment, Number, ObjectKey, Revision, Snapshot, SourceName, Triple,
};
use serde::{Deserialize, Serialize};

/// What was accepted, without its entries and content. Written last; it makes the rest count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number and digest.
    pub triple: Triple,
    /// The hub's receipt for it; empty until it arrived.
    pub receipt: Vec<u8>,
    /// Whether its offer followed exactly what was held before.
    pub follows_held: bool,
    /// It was taken while nobody could say what was held before, and something was owned: it removes
    /// nothing, whatever is confirmed later. The next snapshot that follows it may.
    pub barren: bool,
    /// What the cluster's mode was last known to be: a snapshot of a hub that does not say it says nothing of
    /// it where it has no bundles.
    pub mode: Mode,
    /// Removal sets that were approved with it.
    pub approvals: Vec<Approval>,
    /// The commits it was resolved from.
    pub stamps: BTreeMap<SourceName, Revision>,
}

/// Why bytes are not what this build wrote.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Not the JSON of a head.
    #[error("the head pointer does not have the form that this build writes")]
    Head(#[source] serde_json::Error),
    /// Not the JSON of a list of entries.
    #[error("the list of entries does not have the form that this build writes")]
    Entries(#[source] serde_json::Error),
    /// Entries that make no snapshot.
    #[error("the entries make no snapshot")]
    Snapshot(#[source] capstan_proto::delta::snapshot::SnapshotError),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredHead {
    number: Number,
    digest: Digest,
    receipt: Vec<u8>,
    follows_held: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    barren: bool,
    #[serde(default, skip_serializing_if = "is_enforced")]
    mode: Mode,
    approvals: Vec<StoredApproval>,
    stamps: BTreeMap<SourceName, Revision>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredApproval {
    removal_set: Digest,
    approver: String,
    expires_at_ms: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSnapshot {
    #[serde(default, skip_serializing_if = "is_enforced")]
    mode: Mode,
    bundles: BTreeMap<BundleName, Digest>,
    objects: Vec<(ObjectKey, BundleName, Digest)>,
}

impl Head {
    /// The bytes to store.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = StoredHead {
            number: self.triple.number,
            digest: self.triple.digest,
            receipt: self.receipt.clone(),
            follows_held: self.follows_held,
            barren: self.barren,
            mode: self.mode,
            approvals: self.approvals.iter().map(store_approval).collect(),
            stamps: self.stamps.clone(),
        };
        serde_json::to_vec(&stored).expect("a head has only text keys")
    }

    /// Reads [`Head::to_bytes`].
    ///
    /// # Errors
    /// When the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeadError> {
        let stored: StoredHead = serde_json::from_slice(bytes).map_err(HeadError::Head)?;
        Ok(Self {
            triple: Triple {
                number: stored.number,
                digest: stored.digest,
            },
            receipt: stored.receipt,
            follows_held: stored.follows_held,
            barren: stored.barren,
            mode: stored.mode,
            approvals: stored.approvals.into_iter().map(load_approval).collect(),
            stamps: stored.stamps,
        })
    }
}

/// The bytes of a snapshot's entries, uncompressed.
#[must_use]
pub fn snapshot_to_bytes(snapshot: &Snapshot) -> Vec<u8> {
    let object =
        |(key, entry): (&ObjectKey, &Entry)| (key.clone(), entry.bundle.clone(), entry.digest);
    let stored = StoredSnapshot {
        mode: snapshot.mode(),
        bundles: snapshot.bundles().clone(),
        objects: snapshot.objects().iter().map(object).collect(),
    };
    serde_json::to_vec(&stored).expect("entries have only text keys")
}

/// Reads [`snapshot_to_bytes`]. The caller compares its digest with the head's.
///
/// # Errors
/// When the bytes are something else.
pub fn snapshot_from_bytes(bytes: &[u8]) -> Result<Snapshot, HeadError> {
    let stored: StoredSnapshot = serde_json::from_slice(bytes).map_err(HeadError::Entries)?;
    let objects = stored
        .objects
        .into_iter()
        .map(|(key, bundle, digest)| (key, Entry { bundle, digest }))
        .collect();
    let snapshot = Snapshot::try_new(stored.bundles, objects).map_err(HeadError::Snapshot)?;
    Ok(snapshot.with_mode(stored.mode))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_enforced(mode: &Mode) -> bool {
    *mode == Mode::Enforce
}

fn store_approval(approval: &Approval) -> StoredApproval {
    StoredApproval {
        removal_set: approval.removal_set,
        approver: approval.approver.clone(),
        expires_at_ms: approval.expires_at.unix_ms(),
    }
}

fn load_approval(stored: StoredApproval) -> Approval {
    Approval {
        removal_set: stored.removal_set,
        approver: stored.approver,
        expires_at: Moment::from_unix_ms(stored.expires_at_ms),
    }
}

#[cfg(test)]
mod tests;
