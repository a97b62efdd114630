//! The inventory: which objects a bundle owns, by UID, and how it is written.
//!
//! Rows are written with the intent before an object is created, again with its UID, and leave only
//! after a confirmed deletion or release. Labels alone never make something ours.

use std::collections::BTreeMap;

use capstan_proto::{Digest, ObjectKey};
use serde::{Deserialize, Serialize};

/// How an object came to be in the inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// We mean to create it; whether we did is not known yet.
    #[default]
    Intent,
    /// We created it.
    Created,
    /// It was taken over as the bundle's policy allows.
    Adopted,
    /// Somebody else made the object that now carries our key: it is kept as declared, never deleted.
    Foreign,
}

/// What the inventory knows of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    /// UID; absent while the object was not created yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// How it became ours.
    pub origin: Origin,
    /// Digest of the declaration that was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Hash of our `managedFields` entry after that: the set of fields, and the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Digest>,
    /// `metadata.generation` after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// `metadata.resourceVersion` after that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resource_version: u64,
    /// Digest of the answer, projected onto our fields. Never there for Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Digest>,
    /// The version that was applied, such as `apps/v1`: by it the object is read and deleted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// The declaration said `capstan.dev/prune: confirm`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmed: bool,
    /// A Job that finished well: that it vanishes afterwards is not drift.
    #[serde(default, skip_serializing_if = "is_false")]
    pub completed: bool,
    /// Fields, as the API server writes them, that were declared once, are not any more, and stayed
    /// because another manager holds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<String>,
    /// Let go, not deleted, when it leaves its bundle.
    #[serde(default, skip_serializing_if = "is_false")]
    pub orphan: bool,
    /// Let go, not deleted, when its bundle leaves the cluster.
    #[serde(default, skip_serializing_if = "is_false")]
    pub orphan_with_bundle: bool,
}

/// The rows of one bundle, by object.
pub type Rows = BTreeMap<ObjectKey, Row>;

/// Why bytes are not an inventory of this build.
#[derive(Debug, thiserror::Error)]
#[error("the inventory does not have the form that this build writes")]
pub struct InventoryError(#[source] serde_json::Error);

#[derive(Serialize, Deserialize)]
struct Line {
    key: ObjectKey,
    row: Row,
}

/// The bytes of an inventory, uncompressed: one JSON object a line, sorted by key. The shell
/// compresses and shards them.
#[must_use]
pub fn to_bytes(rows: &Rows) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, row) in rows {
        let line = Line {
            key: key.clone(),
            row: row.clone(),
        };
        serde_json::to_writer(&mut out, &line).expect("rows have only text keys");
        out.push(b'\n');
    }
    out
}

/// Reads [`to_bytes`].
///
/// # Errors
/// When a line is not JSON, or names a field that this build does not know.
pub fn from_bytes(bytes: &[u8]) -> Result<Rows, InventoryError> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Line>(line).map(|line| (line.key, line.row)))
        .collect::<Result<_, _>>()
        .map_err(InventoryError)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests;
