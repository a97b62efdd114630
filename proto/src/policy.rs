//! How a bundle is to be treated on a cluster: the one structure that travels as content.
//!
//! A policy travels as canonical JSON and is read by a strict decoder, because prost skips unknown
//! fields: a spoke that does not know a field must refuse the snapshot, not guess. A field with its
//! default value is not written, so that a new field with a harmless default changes no digest.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::digest::Digest;
use crate::ids::BundleName;
use crate::object::ObjectKey;

/// What happens to an object that is not wanted any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Removal {
    /// It is deleted.
    #[default]
    Delete,
    /// It stays, without our marks.
    Orphan,
}

/// Whether an object that somebody else made is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Adopt {
    /// Never: it is a conflict.
    Never,
    /// Only when it already says what we say.
    #[default]
    IfIdentical,
    /// Always.
    Always,
}

/// What happens when another manager owns a field that we declare and never held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnConflict {
    /// The object waits as `Conflict`, naming the other manager.
    #[default]
    Fail,
    /// The field is taken.
    Force,
}

/// What happens when a live object no longer says what is declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DriftMode {
    /// It is put back, and reported.
    #[default]
    Correct,
    /// It is reported.
    Report,
    /// Nothing.
    Ignore,
}

/// What the spoke does on the cluster that the bundle is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It applies what is declared, and puts back what others change.
    #[default]
    Enforce,
    /// It applies nothing, and reports what it would do.
    Observe,
    /// It changes nothing, and reports drift.
    Paused,
    /// It leaves every object in place, and takes its marks off.
    Release,
}

impl Mode {
    /// The word for it, as policies and digests have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
            Self::Paused => "paused",
            Self::Release => "release",
        }
    }
}

/// Fields whose drift is nobody's business. A key that is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IgnoreRule {
    /// API group of the objects meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind of the objects meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace of the objects meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the objects meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Field paths with everything below them, such as `spec.replicas`; empty means every field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Field managers whose writes are left alone; empty means everybody's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managers: Vec<String>,
}

/// When objects of a kind are Healthy, instead of what is known of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthCheck {
    /// API group of the objects meant; `None`: any, empty: the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind of the objects meant.
    pub kind: String,
    /// An expression over `self`, the live object, in the language of `capstan-cel`.
    pub healthy: String,
}

impl HealthCheck {
    /// Whether it is about an object.
    #[must_use]
    pub fn matches(&self, key: &ObjectKey) -> bool {
        self.kind == key.kind && self.group.as_ref().is_none_or(|group| *group == key.group)
    }
}

/// Drift handling of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftPolicy {
    /// What to do about drift.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: DriftMode,
    /// What does not count as drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
}

/// What happens to objects that leave their bundle, and when the bundle leaves the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemovalPolicy {
    /// An object leaves the bundle.
    #[serde(default, skip_serializing_if = "is_default")]
    pub object: Removal,
    /// The bundle leaves the cluster.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bundle: Removal,
}

/// How a bundle is to be treated on a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BundlePolicy {
    /// What the spoke does: the cluster's mode, the same for each of its bundles.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Bundles that must be Healthy on the cluster, at the digests this snapshot names, before any
    /// object of this one is applied.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<BundleName>,
    /// Namespace to make before anything else; it is no object of the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_namespace: Option<String>,
    /// What happens to what is not wanted any more.
    #[serde(default, skip_serializing_if = "is_default")]
    pub removal: RemovalPolicy,
    /// Whether foreign objects with our keys are taken over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub adopt: Adopt,
    /// What happens when another manager owns a field of ours.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conflict: OnConflict,
    /// Drift handling.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drift: DriftPolicy,
    /// How long objects may be Progressing before they count as Degraded, in milliseconds.
    /// `None` is the spoke's default, five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_timeout_ms: Option<u64>,
    /// When its objects are Healthy; all checks that are about an object must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<HealthCheck>,
}

/// Why bytes are not a policy that this build understands.
#[derive(Debug, thiserror::Error)]
#[error("the policy does not say what this build understands")]
pub struct PolicyError(#[source] serde_json::Error);

impl BundlePolicy {
    /// The canonical bytes that travel and are digested.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("a policy has only text keys");
        canonical::to_bytes(&value)
    }

    /// Reads canonical bytes strictly.
    ///
    /// # Errors
    /// When the bytes are not JSON, or name a field or a value that this build does not know.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        serde_json::from_slice(bytes).map_err(PolicyError)
    }

    /// The digest of the canonical bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
