//! What the API server says of one object: its metadata, and its body where that was read.

use capstan_proto::ObjectKey;
use serde_json::Value;

use crate::kind::Kind;

/// One state of an object, from a list, a watch or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Which object.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion` as a number; 0 where it is none.
    pub resource_version: u64,
    /// `metadata.generation`; absent for kinds without one.
    pub generation: Option<i64>,
    /// Value of the label `capstan.dev/bundle`; `None` where the label is gone.
    pub bundle_label: Option<String>,
    /// Whether `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// The object as the server wrote it: `PartialObjectMetadata` or everything.
    pub body: Value,
    /// Whether `body` is the whole object.
    pub full: bool,
}

impl Observed {
    /// Reads an object or a `PartialObjectMetadata` as the server sent it; `kind` because a
    /// `PartialObjectMetadata` does not say it. `None` without name, UID or resource version.
    ///
    /// `full` says that `body` is the whole object. A Secret's must never be: its values are not
    /// ours to read, so everything but its metadata is dropped here whatever was given.
    #[must_use]
    pub fn parse(kind: &Kind, mut body: Value, full: bool) -> Option<Self> {
        if kind.is_secret() {
            body = serde_json::json!({ "metadata": body.get_mut("metadata")?.take() });
        }
        let metadata = body.get("metadata")?;
        let text = |name: &str| metadata.get(name).and_then(Value::as_str);
        let key = ObjectKey::new(
            kind.group.clone(),
            kind.kind.clone(),
            text("namespace").unwrap_or_default().to_owned(),
            text("name")?.to_owned(),
        );
        Some(Self {
            key,
            uid: text("uid")?.to_owned(),
            resource_version: text("resourceVersion")?.parse().unwrap_or(0),
            generation: metadata.get("generation").and_then(Value::as_i64),
            bundle_label: metadata
                .pointer("/labels/capstan.dev~1bundle")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
            deleting: metadata
                .get("deletionTimestamp")
                .is_some_and(Value::is_string),
            full: full && !kind.is_secret(),
            body,
        })
    }
}

#[cfg(test)]
mod tests;
