//! The one thread that writes to sled, and what waits for it: the newest state of each thing, never a queue.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::sealed::{self, Trees};
use super::{Rows, StoreError, Table};

/// How long rows wait for newer ones of the same name before they are written: status of 10,000 clusters that changes
/// twice a second is then written once a second.
const COALESCE: Duration = Duration::from_secs(1);

/// A new state of something.
pub(super) enum Change {
    /// A table, or its absence.
    Table(String, Option<Arc<Table>>),
    /// A row's kind, its name, and its value or absence.
    Row(String, String, Option<Vec<u8>>),
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    tables: BTreeMap<String, Option<Arc<Table>>>,
    rows: BTreeMap<(String, String), Option<Vec<u8>>>,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.rows.is_empty()
    }
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Waiting,
    /// What the writer has taken and not finished; still the newest state to a reader.
    writing: Waiting,
    /// Counts calls of `flush`.
    flush_wanted: u64,
    flush_done: u64,
    closing: bool,
    failure: Option<String>,
}

/// What the writer and its callers share.
#[derive(Debug)]
pub(super) struct Shared {
    trees: Trees,
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(trees: Trees) -> Self {
        Self {
            trees,
            inner: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no panic happens while the waiting changes are held")
    }

    /// Reads from sled, whatever it does.
    pub(super) fn read<T>(
        &self,
        with: impl FnOnce(&Trees) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_unwind(AssertUnwindSafe(|| with(&self.trees))).unwrap_or_else(|_| {
            Err(StoreError::Read {
                reason: "sled panicked".to_owned(),
            })
        })
    }

    pub(super) fn hand_over(&self, change: Change) -> Result<(), StoreError> {
        let mut inner = self.locked();
        refuse_after_failure(&inner)?;
        match change {
            Change::Table(name, table) => {
                inner.waiting.tables.insert(name, table);
            }
            Change::Row(kind, name, value) => {
                inner.waiting.rows.insert((kind, name), value);
            }
        }
        self.changed.notify_all();
        Ok(())
    }

    /// The state of a table that is not written yet: `None` when there is none.
    pub(super) fn waiting_table(&self, name: &str) -> Option<Option<Arc<Table>>> {
        let inner = self.locked();
        inner
            .waiting
            .tables
            .get(name)
            .or_else(|| inner.writing.tables.get(name))
            .cloned()
    }

    /// Adds and removes the names of tables that are not written yet.
    pub(super) fn add_waiting(&self, prefix: &str, names: &mut BTreeSet<String>) {
        let inner = self.locked();
        for (name, table) in inner.writing.tables.iter().chain(&inner.waiting.tables) {
            if !name.starts_with(prefix) {
                continue;
            }
            match table {
                Some(_) => names.insert(name.clone()),
                None => names.remove(name),
            };
        }
    }

    /// Lays the rows that are not written yet over those that are.
    pub(super) fn overlay_rows(&self, kind: &str, rows: &mut Rows) {
        let inner = self.locked();
        for ((of, name), value) in inner.writing.rows.iter().chain(&inner.waiting.rows) {
            if of != kind {
                continue;
            }
            rows.broken.retain(|broken| broken != name);
            match value {
                Some(value) => rows.rows.insert(name.clone(), value.clone()),
                None => rows.rows.remove(name),
            };
        }
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let mut inner = self.locked();
        inner.flush_wanted += 1;
        let mine = inner.flush_wanted;
        self.changed.notify_all();
        while inner.flush_done < mine {
            refuse_after_failure(&inner)?;
            inner = self
                .changed
                .wait(inner)
                .expect("no panic happens while it is held");
        }
        refuse_after_failure(&inner)
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.locked().failure.clone()
    }

    pub(super) fn close(&self) {
        self.locked().closing = true;
        self.changed.notify_all();
    }

    /// Serves until the store is closed or fails.
    pub(super) fn run(&self) {
        loop {
            let (flush, closing) = self.take();
            let written = catch_unwind(AssertUnwindSafe(|| self.write(flush.is_some() || closing)))
                .unwrap_or_else(|_| Err("sled panicked".to_owned()));
            let mut inner = self.locked();
            inner.writing = Waiting::default();
            if let Err(reason) = written {
                tracing::error!(reason, "the store failed and is read-only from now on");
                inner.failure = Some(reason);
                inner.waiting = Waiting::default();
            } else if let Some(flush) = flush {
                inner.flush_done = flush;
            }
            let done = inner.failure.is_some() || (closing && inner.waiting.is_empty());
            drop(inner);
            self.changed.notify_all();
            if done {
                return;
            }
        }
    }

    /// Waits for something to do and moves it from waiting to writing. Says which flush is due, and whether to close.
    fn take(&self) -> (Option<u64>, bool) {
        let idle = |inner: &mut Inner| {
            inner.waiting.is_empty() && inner.flush_wanted == inner.flush_done && !inner.closing
        };
        let only_rows = |inner: &mut Inner| {
            inner.waiting.tables.is_empty()
                && inner.flush_wanted == inner.flush_done
                && !inner.closing
        };
        let held = "no panic happens while it is held";
        let inner = self.changed.wait_while(self.locked(), idle).expect(held);
        let (mut inner, _) = self
            .changed
            .wait_timeout_while(inner, COALESCE, only_rows)
            .expect(held);
        inner.writing = std::mem::take(&mut inner.waiting);
        let flush = (inner.flush_wanted > inner.flush_done).then_some(inner.flush_wanted);
        (flush, inner.closing)
    }

    fn write(&self, flush: bool) -> Result<(), String> {
        let words = |error: sled::Error| error.to_string();
        let (tables, rows) = {
            let inner = self.locked();
            (inner.writing.tables.clone(), inner.writing.rows.clone())
        };
        for (name, table) in &tables {
            sealed::write(&self.trees, name, table.as_deref()).map_err(words)?;
        }
        for ((kind, name), value) in &rows {
            sealed::write_row(&self.trees, kind, name, value.as_deref()).map_err(words)?;
        }
        if flush {
            self.trees.db.flush().map_err(words)?;
        }
        Ok(())
    }
}

fn refuse_after_failure(inner: &Inner) -> Result<(), StoreError> {
    match &inner.failure {
        Some(reason) => Err(StoreError::ReadOnly {
            reason: reason.clone(),
        }),
        None => Ok(()),
    }
}
