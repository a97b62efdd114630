//! Records of what people allowed, and of what later decisions must remember.

use capstan_hub_core::desired::Removal;
use capstan_proto::Digest;
use serde::{Deserialize, Serialize};

use super::{Record, encode};
use crate::ledger::VALUE_BYTES_MAX;

/// An approved removal set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The digest of the file in the content store that lists the set; the set itself may be larger than a record.
    /// Without that file the approval covers nothing.
    pub content: Digest,
    /// Who approved.
    pub approver: String,
    /// Why, in the approver's words.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub given_unix_ms: i64,
    /// Until when, in milliseconds since 1970.
    pub expires_unix_ms: i64,
}

impl Record for Approval {
    const KIND: &'static str = "approval";
    const VERSION: u32 = 1;
}

/// What a placement had decided for a cluster, where a rule looks back at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Whether the cluster was selected.
    pub selected: bool,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
}

impl Record for Previous {
    const KIND: &'static str = "previous";
    const VERSION: u32 = 1;
}

/// Objects that left clusters without an approval, as many as a record holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalBatch {
    /// They, in any order.
    pub entries: Vec<Removal>,
}

impl Record for RemovalBatch {
    const KIND: &'static str = "removals";
    const VERSION: u32 = 1;
}

impl RemovalBatch {
    /// Spreads removals over as few batches as hold them.
    pub fn split(removals: impl IntoIterator<Item = Removal>) -> Vec<Self> {
        let empty = encode(&Self::default()).len();
        let mut batches: Vec<Self> = Vec::new();
        let mut bytes = VALUE_BYTES_MAX;
        for removal in removals {
            let alone = Self {
                entries: vec![removal.clone()],
            };
            // One more than the entry itself, for the comma.
            let more = encode(&alone).len() - empty + 1;
            match batches
                .last_mut()
                .filter(|_| bytes + more <= VALUE_BYTES_MAX)
            {
                Some(batch) => {
                    batch.entries.push(removal);
                    bytes += more;
                }
                None => {
                    batches.push(alone);
                    bytes = empty + more;
                }
            }
        }
        batches
    }
}
