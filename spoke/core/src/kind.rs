//! A kind of object, whatever version it is served in, and what is special about some kinds.

use std::fmt;

use capstan_proto::ObjectKey;

/// A kind in its API group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, as written in manifests.
    pub kind: String,
}

impl Kind {
    /// The kind called `kind` in `group`.
    #[must_use]
    pub fn new(group: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// The kind of an object.
    #[must_use]
    pub fn of(key: &ObjectKey) -> Self {
        Self::new(&key.group, &key.kind)
    }

    /// Whether objects of this kind hold secret values, which never leave the cluster.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        is_secret(&self.group, &self.kind)
    }
}

/// Whether this is the core group's `Secret`.
#[must_use]
pub fn is_secret(group: &str, kind: &str) -> bool {
    group.is_empty() && kind == "Secret"
}

/// `Deployment.apps`, `Service`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}
