//! One process at a time: an advisory lock on a file beside the ledger.
//!
//! The lock has a file of its own because compaction replaces the ledger's file, and a lock stays with the old one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::OpenError;

/// Held for as long as the ledger is open; the operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// The lock's place beside the ledger file.
pub(super) fn path_of(ledger: &Path) -> PathBuf {
    beside(ledger, "lock")
}

/// A file beside the ledger: its name with `suffix` appended.
pub(super) fn beside(ledger: &Path, suffix: &str) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    ledger.with_file_name(name)
}

/// Takes the lock or says that another process has it.
pub(super) fn take(ledger: &Path) -> Result<Lock, OpenError> {
    let path = path_of(ledger);
    let failed = |action| {
        let path = path.clone();
        move |source: io::Error| OpenError::Io {
            action,
            path,
            source,
        }
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed("open the lock file"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse {
                path: ledger.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
    }
    note_owner(&file).map_err(failed("write to the lock file"))?;
    Ok(Lock { _file: file })
}

/// Leaves the process id for people; nothing reads it back.
fn note_owner(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}
