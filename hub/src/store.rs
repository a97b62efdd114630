//! Derived data that is worth keeping over a restart: what each cluster was last given, what it last said.
//!
//! Everything here can be made again from Git and from what spokes report, so nothing waits for it and losing it is not
//! an error but a state: recovering. It lives in sled, which can lose its newest part, open damaged files as if they were
//! whole, panic, and fail midway; so every value carries its checksum, a table counts only when its seal verifies, opening
//! is guarded, and any failure ends writing. Callers hand over the newest state; there is no queue, and a newer state of
//! the same table replaces one that waits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

mod open;
mod sealed;
mod wrap;
mod writer;

#[cfg(test)]
mod tests;

pub use open::{OpenError, Opened, Opening};

use writer::{Change, Shared};

/// Bytes of one value. sled puts larger ones into files of their own that it never syncs.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Bytes of a table's or member's name: `observed/` + a cluster's name, or an object's key (kind, namespace, name).
pub const NAME_BYTES_MAX: usize = 1024;

/// A named set of values that is only ever whole: all members, or no table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// A number that the owner gives; the newest write wins whatever it is.
    pub generation: u64,
    /// What the owner notes about the whole; part of what the seal covers.
    pub note: Vec<u8>,
    /// The members by name.
    pub members: BTreeMap<String, Vec<u8>>,
}

/// Rows that stand for themselves, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The sound ones, by name.
    pub rows: BTreeMap<String, Vec<u8>>,
    /// The names of rows that do not verify: unknown, not absent.
    pub broken: Vec<String>,
}

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Writing has ended, because it failed once.
    #[error(
        "the store is read-only since it failed: {reason} (look at the disk of the data directory, then restart the hub)"
    )]
    ReadOnly {
        /// What failed.
        reason: String,
    },
    /// Reading failed.
    #[error("the store cannot be read: {reason}")]
    Read {
        /// What failed.
        reason: String,
    },
    /// A table is there, but not whole: its content is unknown, not empty.
    #[error("the stored table {table} does not verify")]
    Broken {
        /// Which.
        table: String,
    },
    /// A value or name breaks a limit; a mistake of the caller.
    #[error("{what} has {bytes} of at most {most} bytes, or holds a NUL")]
    TooLarge {
        /// What.
        what: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
}

/// The open store. Cheap handles are not needed: share it in an `Arc`.
#[derive(Debug)]
pub struct Store {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    directory: PathBuf,
}

impl Store {
    /// Opens the store below `parent`, or begins a new one; says which. Blocks for as long as sled needs, within a limit.
    pub fn open(parent: &Path) -> Result<Opened, OpenError> {
        open::open(parent, open::Limits::default())
    }

    /// Where this store's files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Replaces a table, soon. An older state of it that still waits is dropped.
    pub fn set_table(&self, name: &str, table: Table) -> Result<(), StoreError> {
        check_name("a table's name", name)?;
        check_value("a table's note", table.note.len())?;
        for (member, value) in &table.members {
            check_name("a member's name", member)?;
            check_value(member, value.len())?;
        }
        self.shared
            .hand_over(Change::Table(name.to_owned(), Some(Arc::new(table))))
    }

    /// Removes a table, soon.
    pub fn remove_table(&self, name: &str) -> Result<(), StoreError> {
        check_name("a table's name", name)?;
        self.shared.hand_over(Change::Table(name.to_owned(), None))
    }

    /// Reads a table as it was last set: `None` when there is none, [`StoreError::Broken`] when it is not whole.
    pub fn table(&self, name: &str) -> Result<Option<Arc<Table>>, StoreError> {
        check_name("a table's name", name)?;
        match self.shared.waiting_table(name) {
            Some(waiting) => Ok(waiting),
            None => self.shared.read(|trees| sealed::read(trees, name)),
        }
    }

    /// The names of all tables that begin with `prefix`, whole or not.
    pub fn tables(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let mut names = self.shared.read(|trees| sealed::names(trees, prefix))?;
        self.shared.add_waiting(prefix, &mut names);
        Ok(names.into_iter().collect())
    }

    /// Replaces (or with `None` removes) a row, within a second. Rows stand for themselves.
    pub fn set_row(
        &self,
        kind: &str,
        name: &str,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        check_name("a row's kind", kind)?;
        check_name("a row's name", name)?;
        check_value(name, value.as_ref().map_or(0, Vec::len))?;
        self.shared
            .hand_over(Change::Row(kind.to_owned(), name.to_owned(), value))
    }

    /// Reads all rows of a kind, those that wait to be written included.
    pub fn rows(&self, kind: &str) -> Result<Rows, StoreError> {
        check_name("a row's kind", kind)?;
        let mut rows = self.shared.read(|trees| sealed::rows(trees, kind))?;
        self.shared.overlay_rows(kind, &mut rows);
        Ok(rows)
    }

    /// Waits until everything handed over before is written as durably as sled can.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.flush()
    }

    /// Why nothing is written any more, if that is so. `/readyz` is false then, and nothing may be removed anywhere.
    pub fn read_only(&self) -> Option<String> {
        self.shared.failure()
    }
}

impl Drop for Store {
    /// Writes what waits, and closes.
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<(), StoreError> {
    let valid = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains('\0');
    let error = || StoreError::TooLarge {
        what: what.to_owned(),
        bytes: name.len(),
        most: NAME_BYTES_MAX,
    };
    if valid { Ok(()) } else { Err(error()) }
}

fn check_value(what: &str, bytes: usize) -> Result<(), StoreError> {
    if bytes <= VALUE_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::TooLarge {
        what: what.to_owned(),
        bytes,
        most: VALUE_BYTES_MAX,
    })
}
