//! The audit log: every call that changes something, one JSON line each, appended and never changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Size at which the log is set aside as `audit.log.1`: 64 MiB are about 200,000 calls.
const ROTATE_BYTES: u64 = 64 * 1024 * 1024;

/// Logs that are kept beside the current one.
const KEPT: u32 = 9;

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    /// When, in RFC 3339.
    pub at: String,
    /// Who: the operating system's word for it.
    pub who: &'a str,
    /// From where.
    pub from: &'a str,
    /// What was called.
    pub call: &'a str,
    /// What it was about.
    pub subject: &'a str,
    /// Why, in the caller's words.
    pub reason: &'a str,
    /// What came of it: `asked` before it is carried out, then `done` or `refused: ...`.
    pub outcome: &'a str,
}

/// The open log.
#[derive(Debug)]
pub struct Audit {
    path: PathBuf,
    file: Mutex<File>,
}

impl Audit {
    /// Opens the log, to append to it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(open(path)?),
        })
    }

    /// Appends an entry and syncs it.
    ///
    /// # Errors
    /// When the system refuses; a call that is written down before it is carried out must then not be carried out.
    pub fn record(&self, entry: &Entry<'_>) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.len() >= ROTATE_BYTES {
            self.set_aside()?;
            *file = open(&self.path)?;
        }
        file.write_all(&line)?;
        file.sync_data()
    }

    fn set_aside(&self) -> io::Result<()> {
        let numbered = |number: u32| self.path.with_extension(format!("log.{number}"));
        for number in (1..KEPT).rev().filter(|number| numbered(*number).exists()) {
            fs::rename(numbered(number), numbered(number + 1))?;
        }
        fs::rename(&self.path, numbered(1))
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}
