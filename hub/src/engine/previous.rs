//! What placements selected last, as the store keeps it over a restart: one table a placement.
//!
//! The names stand in buckets by their hash, so that a cluster that comes or goes changes one value of a few kilobytes,
//! whatever the fleet's size.

use std::collections::{BTreeMap, BTreeSet};

use capstan_hub_core::placement::Selected;
use capstan_proto::{ClusterName, Digest, PlacementName};
use serde::{Deserialize, Serialize};

use crate::store::{Store, StoreError, Table, VALUE_BYTES_MAX};

/// The version of this record.
const VERSION: u32 = 1;

const PREFIX: &str = "selected/";

/// Bytes that a bucket has on average; a quarter of what a value may have, so that it is never full.
const BUCKET_BYTES: usize = VALUE_BYTES_MAX / 4;

/// What placements selected last.
pub(crate) type Previous = BTreeMap<PlacementName, BTreeSet<ClusterName>>;

/// A table's note.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    version: u32,
    clusters: usize,
}

/// Remembers what placements selected, soon.
pub(crate) fn remember(
    store: &Store,
    changes: BTreeMap<PlacementName, Selected>,
) -> Result<(), StoreError> {
    for (placement, selected) in changes {
        let name = format!("{PREFIX}{placement}");
        match selected {
            Some(selected) => store.set_table(&name, table(&selected))?,
            None => store.remove_table(&name)?,
        }
    }
    Ok(())
}

fn table(selected: &BTreeSet<ClusterName>) -> Table {
    let bytes: usize = selected.iter().map(|name| name.as_str().len() + 1).sum();
    let buckets = u32::try_from(bytes.div_ceil(BUCKET_BYTES)).unwrap_or(u32::MAX);
    let buckets = buckets.max(1).next_power_of_two();
    let mut members: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for cluster in selected {
        let hash = Digest::of(cluster.as_str().as_bytes());
        let [a, b, c, d, ..] = *hash.as_bytes();
        let bucket = u32::from_le_bytes([a, b, c, d]) % buckets;
        let value = members.entry(format!("{bucket:x}")).or_default();
        value.extend_from_slice(cluster.as_str().as_bytes());
        value.push(b'\n');
    }
    let note = Note {
        version: VERSION,
        clusters: selected.len(),
    };
    Table {
        generation: 0,
        note: serde_json::to_vec(&note).expect("numbers are JSON"),
        members,
    }
}

/// Recalls everything. What does not verify is not known, as if it had never been written.
pub(crate) fn recall(store: &Store) -> Result<Previous, StoreError> {
    let mut previous = Previous::new();
    for name in store.tables(PREFIX)? {
        let placement = name.strip_prefix(PREFIX).map(PlacementName::parse);
        let table = match store.table(&name) {
            Ok(table) => table,
            Err(StoreError::Broken { .. }) => None,
            Err(error) => return Err(error),
        };
        match (placement, table.and_then(|table| read(&table))) {
            (Some(Ok(placement)), Some(selected)) => {
                previous.insert(placement, selected);
            }
            _ => tracing::warn!(
                table = name,
                "what a placement selected last cannot be read; it is found out from what clusters run"
            ),
        }
    }
    Ok(previous)
}

fn read(table: &Table) -> Option<BTreeSet<ClusterName>> {
    let note: Note = serde_json::from_slice(&table.note).ok()?;
    let mut selected = BTreeSet::new();
    for value in table.members.values() {
        for name in std::str::from_utf8(value).ok()?.lines() {
            selected.insert(ClusterName::try_new(name).ok()?);
        }
    }
    let whole = note.version == VERSION && note.clusters == selected.len();
    whole.then_some(selected)
}

#[cfg(test)]
mod tests;
