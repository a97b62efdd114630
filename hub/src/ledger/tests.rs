//! The ledger's tests: what it promises, what it recovers from, and what it refuses.

use std::path::{Path, PathBuf};

use super::{Embedded, Entry, Key, Ledger, OpenError, Outcome, Txn};

mod crash;
mod faults;
mod history;
mod recovery;
mod transactions;

/// A fresh folder and the place of a ledger in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    (directory, path)
}

/// Opens a ledger that was just closed. A child that another test is starting may hold its lock for a moment longer: it
/// inherits all files until it runs its own program.
fn reopen(path: &Path) -> Embedded {
    loop {
        match Embedded::open(path) {
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

fn key(text: &str) -> Key {
    Key::try_new(text).unwrap()
}

/// Writes a value; the revision it got.
async fn put(ledger: &dyn Ledger, name: &str, value: &str) -> u64 {
    let outcome = ledger
        .txn(Txn::new().put(key(name), value.as_bytes()))
        .await
        .unwrap();
    match outcome {
        Outcome::Committed(revision) => revision.0,
        Outcome::Conflict { .. } => panic!("nothing was compared"),
    }
}

async fn value_of(ledger: &Embedded, name: &str) -> Option<String> {
    ledger
        .get(key(name))
        .await
        .unwrap()
        .map(|entry| text(&entry))
}

fn text(entry: &Entry) -> String {
    String::from_utf8(entry.value.to_vec()).unwrap()
}
