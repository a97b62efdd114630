//! Records about deliveries: what proves one, and which clusters recover.

use capstan_proto::Digest;
use serde::{Deserialize, Serialize};

use super::Record;

/// The key with which receipts are made; drawn once, never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptKey {
    /// 32 bytes, hexadecimal.
    pub key: String,
}

/// Without the key.
impl std::fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptKey(..)")
    }
}

impl Record for ReceiptKey {
    const KIND: &'static str = "receipts";
    const VERSION: u32 = 1;
}

/// A cluster where nothing is pruned until somebody confirms, because it holds what this ledger does not know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovering {
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// The digest of the snapshot that it claimed then: when Git says that again, there is nothing to be unsure of.
    pub claimed: Digest,
}

impl Record for Recovering {
    const KIND: &'static str = "recovering";
    const VERSION: u32 = 1;
}
