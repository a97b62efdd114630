//! One cluster's whole desired state, by digests.

use std::collections::BTreeMap;

use crate::digest::{Digest, Hasher};
use crate::ids::BundleName;
use crate::limits;
use crate::object::ObjectKey;
use crate::policy::Mode;

/// What a snapshot says of one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The bundle that the object belongs to.
    pub bundle: BundleName,
    /// The digest of its canonical bytes.
    pub digest: Digest,
}

/// Why entries are not a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// An object of a bundle that the snapshot does not name.
    #[error("{object} belongs to bundle {bundle}, which the snapshot does not name")]
    Orphaned {
        /// The object.
        object: Box<ObjectKey>,
        /// The bundle that is not there.
        bundle: BundleName,
    },
    /// More objects than a spoke takes.
    #[error("{count} objects are more than {}", limits::SNAPSHOT_OBJECTS_MAX)]
    TooLarge {
        /// How many there are.
        count: usize,
    },
}

/// One cluster's whole desired state: its mode, its bundles with the digests of their policies, and
/// its objects with the digests of their canonical bytes. Immutable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    mode: Mode,
    bundles: BTreeMap<BundleName, Digest>,
    objects: BTreeMap<ObjectKey, Entry>,
}

impl Snapshot {
    /// A snapshot of these bundles and objects.
    ///
    /// # Errors
    /// When an object belongs to a bundle that is not there, or there are too many objects.
    pub fn try_new(
        bundles: BTreeMap<BundleName, Digest>,
        objects: BTreeMap<ObjectKey, Entry>,
    ) -> Result<Self, SnapshotError> {
        if objects.len() > limits::SNAPSHOT_OBJECTS_MAX {
            return Err(SnapshotError::TooLarge {
                count: objects.len(),
            });
        }
        let orphaned = objects
            .iter()
            .find(|(_, entry)| !bundles.contains_key(&entry.bundle));
        match orphaned {
            Some((object, entry)) => Err(SnapshotError::Orphaned {
                object: Box::new(object.clone()),
                bundle: entry.bundle.clone(),
            }),
            None => Ok(Self {
                mode: Mode::Enforce,
                bundles,
                objects,
            }),
        }
    }

    /// The same for a cluster with a mode.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// What the spoke does on the cluster. The policies of bundles say it, too; a snapshot without bundles
    /// has no other place for it.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Each bundle's policy digest.
    #[must_use]
    pub fn bundles(&self) -> &BTreeMap<BundleName, Digest> {
        &self.bundles
    }

    /// Each object's bundle and digest.
    #[must_use]
    pub fn objects(&self) -> &BTreeMap<ObjectKey, Entry> {
        &self.objects
    }

    /// Every digest of content that this snapshot needs: policies and objects.
    pub fn contents(&self) -> impl Iterator<Item = Digest> + '_ {
        self.bundles
            .values()
            .copied()
            .chain(self.objects.values().map(|entry| entry.digest))
    }

    /// The snapshot's digest: SHA-256 over the mode unless it is Enforce, the sorted list of (bundle,
    /// policy digest), then the sorted list of (object key, bundle, object digest), every part
    /// length-prefixed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(b"capstan snapshot 1");
        if self.mode != Mode::Enforce {
            hasher.field(b"mode").field(self.mode.as_str().as_bytes());
        }
        for (bundle, policy) in &self.bundles {
            hasher
                .field(b"bundle")
                .field_of(&[bundle.source().as_str(), ".", bundle.name()])
                .field(policy.as_bytes());
        }
        for (key, entry) in &self.objects {
            hasher.field(b"object");
            for part in [&key.group, &key.kind, &key.namespace, &key.name] {
                hasher.field(part.as_bytes());
            }
            hasher
                .field_of(&[entry.bundle.source().as_str(), ".", entry.bundle.name()])
                .field(entry.digest.as_bytes());
        }
        hasher.finish()
    }
}
