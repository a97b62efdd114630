//! The difference between two snapshots, and its application.

use std::collections::{BTreeMap, BTreeSet};

use super::Delta;
use super::snapshot::{Snapshot, SnapshotError};
use crate::ids::BundleName;
use crate::object::ObjectKey;

/// Why a delta does not fit the snapshot it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// It removes a bundle that is not there.
    #[error("the delta removes bundle {0}, which is not there")]
    Bundle(BundleName),
    /// It removes an object that is not there.
    #[error("the delta removes {0}, which is not there")]
    Object(ObjectKey),
    /// The outcome would not be a snapshot.
    #[error("the delta does not lead to a snapshot")]
    Outcome(#[source] SnapshotError),
}

/// What changes in the entries from `from` to `to`; the mode stands in an offer's header.
#[must_use]
pub fn diff(from: &Snapshot, to: &Snapshot) -> Delta {
    let (set_bundles, removed_bundles) = diff_map(from.bundles(), to.bundles());
    let (set_objects, removed_objects) = diff_map(from.objects(), to.objects());
    Delta {
        set_bundles,
        removed_bundles,
        set_objects,
        removed_objects,
    }
}

/// The snapshot that `delta` makes of the entries of `from`, with the mode Enforce.
///
/// # Errors
/// When the delta was made from another snapshot in a way that shows.
pub fn apply(from: &Snapshot, delta: &Delta) -> Result<Snapshot, Gap> {
    let mut bundles = from.bundles().clone();
    for bundle in &delta.removed_bundles {
        bundles
            .remove(bundle)
            .ok_or_else(|| Gap::Bundle(bundle.clone()))?;
    }
    bundles.extend(delta.set_bundles.clone());
    let mut objects = from.objects().clone();
    for object in &delta.removed_objects {
        objects
            .remove(object)
            .ok_or_else(|| Gap::Object(object.clone()))?;
    }
    objects.extend(delta.set_objects.clone());
    Snapshot::try_new(bundles, objects).map_err(Gap::Outcome)
}

fn diff_map<K: Ord + Clone, V: PartialEq + Clone>(
    from: &BTreeMap<K, V>,
    to: &BTreeMap<K, V>,
) -> (BTreeMap<K, V>, BTreeSet<K>) {
    let set = to
        .iter()
        .filter(|(key, value)| from.get(key) != Some(value));
    let removed = from.keys().filter(|key| !to.contains_key(key));
    (
        set.map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        removed.cloned().collect(),
    )
}
