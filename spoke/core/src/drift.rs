//! Which fields drifted, and what may be said of them.
//!
//! Values are compared between what the server had and what it has after our apply (or would have,
//! by a dry run), never with the declared text: `1000m` comes back as `1`.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::drift::{Field, Values};
use capstan_proto::{Digest, canonical};
use serde_json::Value;

use crate::limits::{DRIFT_FIELDS_MAX, VALUE_BYTES_MAX};
use crate::managed_fields::{Entry, FieldSet, Step, taker, written};

/// Whether values may leave the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// They may be shown.
    Shown,
    /// They are a Secret's.
    Redacted,
}

/// The digest of what `live` has at our fields.
#[must_use]
pub fn projection_digest(fields: &FieldSet, live: &Value) -> Digest {
    let projected: serde_json::Map<_, _> = fields.project(live).into_iter().collect();
    canonical::digest(&Value::Object(projected))
}

/// The fields of ours that `live` does not have as `declared` (the server's own answer) has them.
#[must_use]
pub fn fields(ours: &FieldSet, live: &Value, declared: &Value) -> Vec<Field> {
    let (live, declared) = (ours.project(live), ours.project(declared));
    let paths: BTreeSet<_> = live.keys().chain(declared.keys()).collect();
    paths
        .into_iter()
        .filter(|path| live.get(*path) != declared.get(*path))
        .map(|path| Field {
            path: path.clone(),
            values: Values::Shown {
                declared: shown(&declared, path),
                live: shown(&live, path),
            },
        })
        .take(DRIFT_FIELDS_MAX)
        .collect()
}

/// Paths without their values.
#[must_use]
pub fn redacted(paths: &[Vec<Step>]) -> Vec<Field> {
    paths
        .iter()
        .map(|path| Field {
            path: written(path),
            values: Values::Redacted,
        })
        .take(DRIFT_FIELDS_MAX)
        .collect()
}

/// Who is to be named for these fields: who holds one of those that we lost; else who wrote last.
#[must_use]
pub fn author<'a>(entries: &'a [Entry], lost: &[Vec<Step>]) -> Option<&'a Entry> {
    let leaf_first = lost.iter().rev();
    leaf_first
        .filter_map(|path| taker(entries, path))
        .next()
        .or_else(|| taker(entries, &[]))
}

fn shown(values: &BTreeMap<String, Value>, path: &str) -> Option<String> {
    let value = values.get(path)?;
    let mut text = String::from_utf8(canonical::to_bytes(value)).expect("canonical JSON is UTF-8");
    if text.len() > VALUE_BYTES_MAX {
        let mut end = VALUE_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    Some(text)
}

#[cfg(test)]
mod tests;
