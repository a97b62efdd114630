//! Opening sled without trusting it: on a thread of its own, with a time limit, and with a new store when that fails.
//!
//! Stores are folders `store-1`, `store-2`, … The newest counts. A damaged one keeps its number and is set aside as
//! `store-1.damaged`; the next gets a new number, so that a thread that still hangs in the old one cannot write into the
//! new one.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use super::Store;
use super::sealed::Trees;
use super::wrap::{unwrap, wrap};
use super::writer::Shared;

/// Memory that sled may use for pages. Its own default is 1 GB; what we read often is kept in memory elsewhere.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How long opening may take. Replaying the log of a large fleet takes some seconds.
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);

/// Present in every store that we made: without it, what opened is not what we wrote.
const SENTINEL: &str = "capstan-store";

/// Damaged stores that are kept to be looked at; each is as large as a live one.
const DAMAGED_KEPT: usize = 2;

/// How the store came to be open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It was there and is sound, as far as sled can tell; tables verify themselves when they are read.
    Sound,
    /// There was none. With clusters enrolled, that means that it was lost.
    New,
    /// It was damaged; it lies aside, and this one is new: the hub is recovering.
    Replaced {
        /// Where the damaged one lies.
        aside: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
}

/// An open store and how that came about.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// How it came to be open.
    pub opening: Opening,
}

/// Why not even a new store could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store in {} is in use by another process (stop the other hub)", .directory.display())]
    InUse {
        /// Where.
        directory: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// A new store does not open either.
    #[error("a new store in {} cannot be opened: {reason} (look at the disk of the data directory)", .directory.display())]
    Unusable {
        /// Where.
        directory: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Limits of opening, other than the usual ones in tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: OPEN_TIMEOUT,
        }
    }
}

/// How an attempt failed.
enum Attempt {
    /// Somebody else has it open.
    InUse,
    /// It is not usable.
    Damaged(String),
}

pub(super) fn open(parent: &Path, limits: Limits) -> Result<Opened, OpenError> {
    fs::create_dir_all(parent).map_err(|source| io_error("create", parent, source))?;
    let numbers = numbers(parent)?;
    let live = numbers
        .iter()
        .filter(|(_, damaged)| !damaged)
        .map(|(number, _)| *number)
        .max();
    let next = numbers.iter().map(|(number, _)| *number).max().unwrap_or(0) + 1;
    let fresh = parent.join(format!("store-{next}"));
    let Some(live) = live else {
        return begin(fresh, Opening::New, limits);
    };
    let directory = parent.join(format!("store-{live}"));
    match attempt(&directory, false, limits) {
        Ok(trees) => start(trees, directory, Opening::Sound),
        Err(Attempt::InUse) => Err(OpenError::InUse { directory }),
        Err(Attempt::Damaged(reason)) => {
            tracing::error!(
                reason,
                "the store is damaged; it is set aside and made anew"
            );
            let aside = parent.join(format!("store-{live}.damaged"));
            fs::rename(&directory, &aside)
                .map_err(|source| io_error("set aside", &directory, source))?;
            forget_oldest(parent, &numbers)?;
            begin(fresh, Opening::Replaced { aside, reason }, limits)
        }
    }
}

fn begin(directory: PathBuf, opening: Opening, limits: Limits) -> Result<Opened, OpenError> {
    match attempt(&directory, true, limits) {
        Ok(trees) => start(trees, directory, opening),
        Err(Attempt::InUse) => Err(OpenError::InUse { directory }),
        Err(Attempt::Damaged(reason)) => Err(OpenError::Unusable { directory, reason }),
    }
}

fn start(trees: Trees, directory: PathBuf, opening: Opening) -> Result<Opened, OpenError> {
    let shared = Arc::new(Shared::new(trees));
    let writing = shared.clone();
    let writer = thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || writing.run())
        .map_err(|source| io_error("start the writer of", &directory, source))?;
    Ok(Opened {
        store: Store {
            shared,
            writer: Some(writer),
            directory,
        },
        opening,
    })
}

/// Opens sled on another thread, which is left behind when it hangs.
fn attempt(directory: &Path, new: bool, limits: Limits) -> Result<Trees, Attempt> {
    let (send, receive) = mpsc::channel();
    let path = directory.to_owned();
    let spawned = thread::Builder::new()
        .name("store-open".to_owned())
        .spawn(move || {
            let opened = catch_unwind(AssertUnwindSafe(|| open_sled(&path, new)));
            let opened =
                opened.unwrap_or_else(|_| Err(Attempt::Damaged("sled panicked on it".to_owned())));
            // Nobody listens any more when the time was over.
            drop(send.send(opened));
        });
    spawned.map_err(|error| Attempt::Damaged(error.to_string()))?;
    receive.recv_timeout(limits.timeout).unwrap_or_else(|_| {
        let seconds = limits.timeout.as_secs();
        Err(Attempt::Damaged(format!(
            "opening it took longer than {seconds} s"
        )))
    })
}

fn open_sled(directory: &Path, new: bool) -> Result<Trees, Attempt> {
    let damaged = |error: sled::Error| match &error {
        sled::Error::Io(source) if is_lock(source) => Attempt::InUse,
        _ => Attempt::Damaged(error.to_string()),
    };
    let config = sled::Config::new()
        .path(directory)
        .cache_capacity(CACHE_BYTES);
    let db = config.open().map_err(damaged)?;
    let value = wrap(SENTINEL.as_bytes(), 0, b"1");
    if new {
        db.insert(SENTINEL, value).map_err(damaged)?;
        db.flush().map_err(damaged)?;
    } else {
        let found = db.get(SENTINEL).map_err(damaged)?;
        let sound = found.is_some_and(|found| unwrap(SENTINEL.as_bytes(), &found).is_some());
        if !sound {
            return Err(Attempt::Damaged(
                "it opens empty, although it was in use".to_owned(),
            ));
        }
    }
    Trees::of(db).map_err(damaged)
}

/// sled reports a held lock as an I/O error of its own making.
fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.to_string().contains("could not acquire lock")
}

/// The numbers of the stores below a folder, and which of them are damaged.
fn numbers(parent: &Path) -> Result<Vec<(u64, bool)>, OpenError> {
    let mut numbers = Vec::new();
    let entries = fs::read_dir(parent).map_err(|source| io_error("list", parent, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| io_error("list", parent, source))?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("store-")) else {
            continue;
        };
        let (number, damaged) = match rest.strip_suffix(".damaged") {
            Some(number) => (number, true),
            None => (rest, false),
        };
        if let Ok(number) = number.parse() {
            numbers.push((number, damaged));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes the oldest damaged stores, of which one more than is kept now lies there.
fn forget_oldest(parent: &Path, before: &[(u64, bool)]) -> Result<(), OpenError> {
    let damaged: Vec<u64> = before
        .iter()
        .filter(|(_, damaged)| *damaged)
        .map(|(number, _)| *number)
        .collect();
    let surplus = (damaged.len() + 1).saturating_sub(DAMAGED_KEPT);
    for number in damaged.into_iter().take(surplus) {
        let path = parent.join(format!("store-{number}.damaged"));
        fs::remove_dir_all(&path).map_err(|source| io_error("remove", &path, source))?;
    }
    Ok(())
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
