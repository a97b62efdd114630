//! What makes an object ours, how it is marked, and when it may be deleted.
//!
//! Labels alone never make something ours: anybody can write them. Only the inventory does, by UID.

use capstan_proto::{BundleName, Digest, ObjectKey, Triple};
use serde_json::{Map, Value, json};

use crate::inventory::{Origin, Row};
use crate::managed_fields;
use crate::timestamp;

/// Label with the bundle's name, by which objects are watched.
pub const BUNDLE_LABEL: &str = "capstan.dev/bundle";

/// Annotation with the digest of the declaration.
pub const DIGEST_ANNOTATION: &str = "capstan.dev/digest";

/// Label of a namespace that was made because a bundle asked for one.
pub const NAMESPACE_LABEL: &str = "capstan.dev/namespace";

/// Annotation that allows Namespaces, definitions and volume claims to be deleted, with value `confirm`.
pub const PRUNE_ANNOTATION: &str = "capstan.dev/prune";

/// A declaration with our marks: what is applied.
#[must_use]
pub fn stamp(mut manifest: Value, bundle: &BundleName, digest: Digest) -> Value {
    set(&mut manifest, "labels", BUNDLE_LABEL, bundle.to_string());
    set(
        &mut manifest,
        "annotations",
        DIGEST_ANNOTATION,
        digest.to_string(),
    );
    manifest
}

fn set(manifest: &mut Value, map: &str, name: &str, value: String) {
    let Some(manifest) = manifest.as_object_mut() else {
        return;
    };
    let metadata = member(manifest, "metadata");
    member(metadata, map).insert(name.to_owned(), Value::String(value));
}

fn member<'a>(parent: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(name).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made one just now")
}

/// A body with the UID of the only object that it may be applied to (K10).
#[must_use]
pub fn with_uid(mut manifest: Value, uid: &str) -> Value {
    if let Some(metadata) = manifest.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("uid".to_owned(), Value::String(uid.to_owned()));
    }
    manifest
}

/// The body that gives up everything we declared of an object: nothing but its name.
#[must_use]
pub fn empty(key: &ObjectKey, api_version: &str, uid: &str) -> Value {
    let mut metadata = json!({"name": key.name, "uid": uid});
    if !key.namespace.is_empty() {
        metadata["namespace"] = Value::String(key.namespace.clone());
    }
    json!({"apiVersion": api_version, "kind": key.kind, "metadata": metadata})
}

/// The body that names an object, and what else is to be said of it.
#[must_use]
pub fn joined(mut identity: Value, said: Value) -> Value {
    let Value::Object(members) = said else {
        return identity;
    };
    for (name, value) in members {
        match (name.as_str(), value) {
            ("metadata", Value::Object(metadata)) => {
                let named = identity["metadata"].as_object_mut();
                named.expect("an identity has a name").extend(metadata);
            }
            (_, value) => identity[name] = value,
        }
    }
    identity
}

/// The body of a namespace that a bundle asked for (K9): nothing but our label.
#[must_use]
pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {NAMESPACE_LABEL: "created"}}})
}

/// Who made a live object that the inventory only knows as an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// We did.
    We,
    /// Somebody else did.
    Others,
    /// Timestamps have a second's grain, and everything happened within one.
    Unclear,
}

/// Who made an object, after a crash between creation and record. Nothing but `managedFields` tells our
/// object from a foreign one that our apply was merged into; our entry has the time of its creation,
/// because nothing is applied again before the UID is durable.
#[must_use]
pub fn maker(body: &Value) -> Maker {
    let created = body
        .pointer("/metadata/creationTimestamp")
        .and_then(Value::as_str)
        .and_then(timestamp::parse);
    let entries = managed_fields::entries(body);
    let Some(ours) = entries.iter().find(|entry| entry.is_ours()) else {
        return Maker::Others;
    };
    let declares =
        |entry: &&managed_fields::Entry| !entry.is_ours() && entry.subresource.is_empty();
    let mut others = entries.iter().filter(declares).peekable();
    if others.peek().is_none() {
        return Maker::We;
    }
    if created.is_none() || ours.time != created {
        return Maker::Others;
    }
    if others.all(|other| other.time > created) {
        return Maker::We;
    }
    Maker::Unclear
}

/// Whether a declaration allows its removal though others may keep things in the object.
#[must_use]
pub fn is_confirmed(manifest: &Value) -> bool {
    manifest.pointer("/metadata/annotations/capstan.dev~1prune") == Some(&json!("confirm"))
}

/// Kinds whose removal takes away what others put into them.
#[must_use]
pub fn holds_foreign_content(key: &ObjectKey) -> bool {
    matches!(
        (key.group.as_str(), key.kind.as_str()),
        (
            "",
            "Namespace" | "PersistentVolumeClaim" | "PersistentVolume"
        ) | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

/// What the right to delete hangs on, for the snapshot that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The snapshot that is being brought about, if it is durable.
    pub durable: Option<Triple>,
    /// Whether its offer followed exactly what was held.
    pub follows_held: bool,
    /// What the hub permitted to prune.
    pub permit: Option<Triple>,
    /// The cluster's administrator forbids every write.
    pub frozen: bool,
}

impl Rights {
    /// Whether anything at all may be deleted now.
    ///
    /// # Errors
    /// With the reason in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let Some(durable) = self.durable else {
            return Err("the snapshot is not stored durably yet");
        };
        if self.frozen {
            return Err("the cluster's administrator froze it");
        }
        if !self.follows_held {
            return Err("its offer did not follow what was held");
        }
        match self.permit {
            Some(permit) if permit == durable => Ok(()),
            _ => Err("the hub has not permitted it for this snapshot"),
        }
    }
}

/// What becomes of one object that the snapshot lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is deleted, if it still has this UID.
    Delete {
        /// The UID of the inventory.
        uid: String,
    },
    /// It stays, without our marks.
    Release {
        /// The UID of the inventory.
        uid: String,
    },
    /// Whether it exists is not known: it is asked for first.
    Resolve,
    /// It stays, and so does its row.
    Keep {
        /// Why, in words.
        reason: &'static str,
    },
}

/// What becomes of an object that the snapshot lacks, by its row alone. `with_bundle`: the whole
/// bundle left the cluster.
#[must_use]
pub fn removal(key: &ObjectKey, row: &Row, with_bundle: bool) -> Removal {
    let orphan = match with_bundle {
        true => row.orphan_with_bundle,
        false => row.orphan,
    };
    let Some(uid) = row.uid.clone() else {
        return Removal::Resolve;
    };
    match row.origin {
        Origin::Intent => Removal::Resolve,
        Origin::Foreign => Removal::Release { uid },
        Origin::Created | Origin::Adopted if orphan => Removal::Release { uid },
        Origin::Created | Origin::Adopted if holds_foreign_content(key) && !row.confirmed => {
            Removal::Keep {
                reason: "it may hold what others put there; annotate it with capstan.dev/prune: confirm before it is removed",
            }
        }
        Origin::Created | Origin::Adopted => Removal::Delete { uid },
    }
}

#[cfg(test)]
mod tests;
