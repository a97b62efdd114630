//! Tables and rows in sled's trees: a seal for each table says how many members it has and what they hash to.
//!
//! sled's batches are whole when the process is killed, but not always when the power goes; the seal tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::Digest;
use capstan_proto::digest::Hasher;

use super::wrap::{unwrap, wrap};
use super::{Rows, StoreError, Table};

/// sled's trees. Few, because each costs memory.
#[derive(Clone, Debug)]
pub(super) struct Trees {
    pub(super) db: sled::Db,
    /// Members and seals: in one tree, so that one batch writes both.
    pub(super) tables: sled::Tree,
    pub(super) rows: sled::Tree,
}

impl Trees {
    pub(super) fn of(db: sled::Db) -> sled::Result<Self> {
        let (tables, rows) = (db.open_tree("tables")?, db.open_tree("rows")?);
        Ok(Self { db, tables, rows })
    }
}

/// What a table's seal says.
struct Seal {
    generation: u64,
    count: u64,
    hash: Digest,
    note: Vec<u8>,
}

impl Seal {
    fn of(table: &Table) -> Self {
        let mut hasher = Hasher::new();
        hasher
            .field(&table.generation.to_be_bytes())
            .field(&table.note);
        for (name, value) in &table.members {
            hasher.field(name.as_bytes()).field(value);
        }
        Self {
            generation: table.generation,
            count: table.members.len() as u64,
            hash: hasher.finish(),
            note: table.note.clone(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = self.count.to_le_bytes().to_vec();
        out.extend_from_slice(self.hash.as_bytes());
        out.extend_from_slice(&self.note);
        out
    }

    fn decode(generation: u64, bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<8>()?;
        let (hash, note) = rest.split_first_chunk::<32>()?;
        Some(Self {
            generation,
            count: u64::from_le_bytes(*count),
            hash: Digest::from_bytes(*hash),
            note: note.to_vec(),
        })
    }
}

pub(super) fn failed(error: &sled::Error) -> StoreError {
    StoreError::Read {
        reason: error.to_string(),
    }
}

/// Reads a table and verifies its seal.
pub(super) fn read(trees: &Trees, name: &str) -> Result<Option<Arc<Table>>, StoreError> {
    let broken = || StoreError::Broken {
        table: name.to_owned(),
    };
    let seal_key = seal_key(name);
    let Some(value) = trees
        .tables
        .get(&seal_key)
        .map_err(|error| failed(&error))?
    else {
        return Ok(None);
    };
    let (generation, payload) = unwrap(&seal_key, &value).ok_or_else(broken)?;
    let seal = Seal::decode(generation, payload).ok_or_else(broken)?;
    let mut members = BTreeMap::new();
    let prefix = member_key(name, "");
    for item in trees.tables.scan_prefix(&prefix) {
        let (key, value) = item.map_err(|error| failed(&error))?;
        let (_, payload) = unwrap(&key, &value).ok_or_else(broken)?;
        let member = std::str::from_utf8(&key[prefix.len()..]).map_err(|_| broken())?;
        members.insert(member.to_owned(), payload.to_vec());
    }
    let table = Table {
        generation: seal.generation,
        note: seal.note,
        members,
    };
    let found = Seal::of(&table);
    let whole = found.count == seal.count && found.hash == seal.hash;
    if whole {
        Ok(Some(Arc::new(table)))
    } else {
        Err(broken())
    }
}

/// The names of sealed tables.
pub(super) fn names(trees: &Trees, prefix: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut names = BTreeSet::new();
    for item in trees.tables.scan_prefix(seal_key(prefix)) {
        let (key, _) = item.map_err(|error| failed(&error))?;
        let name = String::from_utf8(key[1..].to_vec());
        names.insert(name.map_err(|_| StoreError::Read {
            reason: "a name is no text".into(),
        })?);
    }
    Ok(names)
}

/// Reads the rows of a kind.
pub(super) fn rows(trees: &Trees, kind: &str) -> Result<Rows, StoreError> {
    let mut rows = Rows::default();
    let prefix = key(kind, "");
    for item in trees.rows.scan_prefix(&prefix) {
        let (key, value) = item.map_err(|error| failed(&error))?;
        let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        match unwrap(&key, &value) {
            Some((_, payload)) => {
                rows.rows.insert(name, payload.to_vec());
            }
            None => rows.broken.push(name),
        }
    }
    Ok(rows)
}

/// Writes a table: what changed of its members, and its seal, in one batch.
pub(super) fn write(trees: &Trees, name: &str, table: Option<&Table>) -> sled::Result<()> {
    let mut batch = sled::Batch::default();
    let prefix = member_key(name, "");
    let empty = Table::default();
    let wanted = table.unwrap_or(&empty);
    let mut sound = BTreeSet::new();
    for item in trees.tables.scan_prefix(&prefix) {
        let (stored, value) = item?;
        let member = std::str::from_utf8(&stored[prefix.len()..]).ok();
        let kept = member.and_then(|member| Some((member, wanted.members.get(member)?)));
        match (kept, unwrap(&stored, &value)) {
            (Some((member, value)), Some((_, payload))) if value == payload => {
                sound.insert(member.to_owned());
            }
            (Some(_), _) => {}
            (None, _) => batch.remove(stored),
        }
    }
    for (member, value) in wanted
        .members
        .iter()
        .filter(|(member, _)| !sound.contains(*member))
    {
        let key = member_key(name, member);
        batch.insert(key.as_slice(), wrap(&key, wanted.generation, value));
    }
    let key = seal_key(name);
    match table {
        Some(table) => {
            let seal = wrap(&key, table.generation, &Seal::of(table).encode());
            batch.insert(key, seal);
        }
        None => batch.remove(key),
    }
    trees.tables.apply_batch(batch)
}

/// Writes or removes a row.
pub(super) fn write_row(
    trees: &Trees,
    kind: &str,
    name: &str,
    value: Option<&[u8]>,
) -> sled::Result<()> {
    let key = key(kind, name);
    match value {
        Some(value) => trees.rows.insert(key.as_slice(), wrap(&key, 0, value))?,
        None => trees.rows.remove(key)?,
    };
    Ok(())
}

fn seal_key(table: &str) -> Vec<u8> {
    [b"s", table.as_bytes()].concat()
}

fn member_key(table: &str, member: &str) -> Vec<u8> {
    [b"m", key(table, member).as_slice()].concat()
}

/// `outer` and `inner`, with a byte between them that neither holds.
fn key(outer: &str, inner: &str) -> Vec<u8> {
    [outer.as_bytes(), b"\0", inner.as_bytes()].concat()
}
