//! The name of what one cluster would lose: an approval carries it, and the spoke computes it itself.
//!
//! The digest is SHA-256 over fields, each preceded by its length as eight big-endian bytes
//! ([`Hasher`]): first the text `capstan cluster removal set 1`, then of every object in ascending
//! order its API group, kind, namespace and name. What a key lacks (the core group's name, the
//! namespace of a cluster-scoped object) is an empty field. No object has more or fewer than four
//! fields, so that a count is not needed.

use crate::digest::Hasher;
use crate::{Digest, ObjectKey};

/// What kind of digest it is, and the version of its format.
const PREFIX: &[u8] = b"capstan cluster removal set 1";

/// The digest of one cluster's removal set. `objects` come in ascending order, none twice, as a
/// `BTreeSet` or the keys of a `BTreeMap` give them.
#[must_use]
pub fn cluster_digest<'a>(objects: impl IntoIterator<Item = &'a ObjectKey>) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(PREFIX);
    let mut previous: Option<&ObjectKey> = None;
    for key in objects {
        debug_assert!(previous < Some(key), "objects ascend");
        previous = Some(key);
        for part in [&key.group, &key.kind, &key.namespace, &key.name] {
            hasher.field(part.as_bytes());
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
