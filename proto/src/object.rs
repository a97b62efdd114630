//! Where an object lives in a cluster, and in which order objects are written.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An object's place in a cluster. Ordered by group, kind, namespace, name.
///
/// The version is deliberately absent: it is part of an object's content, and one object served in
/// two versions is one object. Copies share the text: one key is in the snapshots of many clusters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct ObjectKey(Arc<Parts>);

/// What a key says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename = "ObjectKey")]
pub struct Parts {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, as written in manifests.
    pub kind: String,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The key of what has this group, kind, namespace and name.
    #[must_use]
    pub fn new(
        group: impl Into<String>,
        kind: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self::from(Parts {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// The key of a manifest; `None` when `apiVersion`, `kind` or `metadata.name` is not there.
    #[must_use]
    pub fn of(manifest: &Value) -> Option<Self> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let filled = |pointer: &str| text(pointer).filter(|text| !text.is_empty());
        let (group, _) = group_version(filled("/apiVersion")?);
        let namespace = text("/metadata/namespace").unwrap_or_default();
        let (kind, name) = (filled("/kind")?, filled("/metadata/name")?);
        Some(Self::new(group, kind, namespace, name))
    }
}

impl Deref for ObjectKey {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for ObjectKey {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl From<ObjectKey> for Parts {
    fn from(key: ObjectKey) -> Self {
        Arc::unwrap_or_clone(key.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectKey").field(&self.to_string()).finish()
    }
}

/// Splits `apps/v1` into (`apps`, `v1`) and `v1` into (``, `v1`).
#[must_use]
pub fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Kind, namespace and name as people write them: `Deployment.apps shop/web`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        f.write_str(" ")?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests;
