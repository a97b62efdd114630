//! What lies where in the data directory.

use std::path::{Path, PathBuf};

use capstan_proto::SourceName;

/// The data directory of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The certificate authority: irreplaceable.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.root.join("ca")
    }

    /// The ledger as `hub init` makes it; the configuration may name another place.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// The audit log: append-only.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.root.join("audit.log")
    }

    /// A bare copy of a Git source: derived.
    #[must_use]
    pub fn git(&self, source: &SourceName) -> PathBuf {
        self.root.join("git").join(source.as_str())
    }

    /// The store: derived.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Objects by digest: derived, but for the lists of approved removal sets.
    #[must_use]
    pub fn content(&self) -> PathBuf {
        self.root.join("content")
    }
}
