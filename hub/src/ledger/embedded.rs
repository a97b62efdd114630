//! The ledger of a single hub: one file, one process, one writer thread. Reads see only what is durable.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, io, thread};

use tokio::sync::{mpsc, oneshot, watch};

use super::disk::{self, Disk, FileDisk, Replace};
use super::lock::{self, Lock};
use super::recover::{self, Cut};
use super::state::State;
use super::watch::Watcher;
use super::writer::{COMPACT_BYTES_MIN, Command, Writer};
use super::{
    Answer, Entry, Key, LeaseId, Ledger, Listing, ModRevision, Monotonic, OpenError, Outcome, Page,
    ReadError, Txn, Watching, WriteError,
};

/// Commands that may wait for the writer; more callers wait for a place. Two full groups: one being synced, one gathering.
const COMMANDS_MAX: usize = 1024;

/// A ledger in one file.
#[derive(Debug)]
pub struct Embedded {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<ModRevision>,
    /// `None` only while dropping.
    commands: Option<mpsc::Sender<Command>>,
    writer: Option<JoinHandle<()>>,
    cut: Option<Cut>,
    _lock: Lock,
}

/// What a test does differently.
pub(super) struct Tuning {
    /// Puts something between the ledger and the real disk.
    pub(super) disk: Box<dyn FnOnce(FileDisk) -> Box<dyn Disk>>,
    /// A file below this size is not compacted.
    pub(super) compact_bytes_min: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            disk: Box::new(|disk| Box::new(disk)),
            compact_bytes_min: COMPACT_BYTES_MIN,
        }
    }
}

/// What the writer thread begins with.
struct Writing {
    disk: Box<dyn Disk>,
    state: State,
    length: u64,
    compact_bytes_min: u64,
}

impl Embedded {
    /// Makes a new, empty ledger; refuses where there already is one.
    pub fn create(path: &Path) -> Result<Self, OpenError> {
        Self::create_on(path, Tuning::default())
    }

    /// Opens an existing ledger; a missing or damaged one is an error, never an empty ledger.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_on(path, Tuning::default())
    }

    pub(super) fn create_on(path: &Path, tuning: Tuning) -> Result<Self, OpenError> {
        let lock = lock::take(path)?;
        if path
            .try_exists()
            .map_err(|source| io_error("look for", path, source))?
        {
            return Err(OpenError::Exists {
                path: path.to_owned(),
            });
        }
        let mut disk = (tuning.disk)(FileDisk::absent(path));
        let state = State::default();
        let length = disk::replace(disk.as_mut(), &recover::snapshot_of(&state)).map_err(
            |(Replace::NotDone(source) | Replace::Unsure(source))| io_error("create", path, source),
        )?;
        let writer = Writing {
            disk,
            state,
            length,
            compact_bytes_min: tuning.compact_bytes_min,
        };
        Self::start(writer, None, lock, path)
    }

    pub(super) fn open_on(path: &Path, tuning: Tuning) -> Result<Self, OpenError> {
        let missing = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => OpenError::Missing {
                path: path.to_owned(),
            },
            _ => io_error("read", path, source),
        };
        fs::metadata(path).map_err(missing)?;
        let lock = lock::take(path)?;
        let (file, bytes) = FileDisk::open(path).map_err(missing)?;
        let recovered = recover::recover(&bytes).map_err(|damage| OpenError::Damaged {
            path: path.to_owned(),
            damage,
        })?;
        drop_replacement(path)?;
        let mut disk = (tuning.disk)(file);
        if let Some(cut) = recovered.cut {
            let (offset, bytes) = (cut.offset, cut.bytes);
            tracing::warn!(
                offset,
                bytes,
                "cut an unfinished write from the ledger's end"
            );
            disk.truncate(recovered.length)
                .and_then(|()| disk.sync())
                .map_err(|source| io_error("cut an unfinished write from", path, source))?;
        }
        let writer = Writing {
            disk,
            state: recovered.state,
            length: recovered.length,
            compact_bytes_min: tuning.compact_bytes_min,
        };
        Self::start(writer, recovered.cut, lock, path)
    }

    /// What opening cut off, if the process before this one was killed while it wrote.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// The newest durable revision.
    pub fn revision(&self) -> ModRevision {
        self.locked().revision
    }

    fn start(
        writing: Writing,
        cut: Option<Cut>,
        lock: Lock,
        path: &Path,
    ) -> Result<Self, OpenError> {
        let (changed, _) = watch::channel(writing.state.revision);
        let state = Arc::new(Mutex::new(writing.state));
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let writer = Writer {
            disk: writing.disk,
            length: writing.length,
            state: state.clone(),
            changed: changed.clone(),
            compact_bytes_min: writing.compact_bytes_min,
            broken: None,
        };
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(receiver))
            .map_err(|source| io_error("start the writer of", path, source))?;
        Ok(Self {
            state,
            changed,
            commands: Some(commands),
            writer: Some(thread),
            cut,
            _lock: lock,
        })
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no panic happens while the state is held")
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, WriteError>>) -> Command,
    ) -> Result<T, WriteError> {
        let (answer, answered) = oneshot::channel();
        let commands = self
            .commands
            .as_ref()
            .expect("only dropping takes the sender");
        let closed = |_| WriteError::Refused {
            reason: "its writer has ended".to_owned(),
        };
        commands.send(command(answer)).await.map_err(closed)?;
        answered.await.unwrap_or(Err(WriteError::Unknown))
    }
}

impl Drop for Embedded {
    /// Waits until what was accepted is written, so that the next process finds the file at rest.
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the ledger's writer had panicked");
        }
    }
}

impl Ledger for Embedded {
    fn txn(&self, txn: Txn) -> Answer<'_, Outcome, WriteError> {
        Box::pin(self.ask(|answer| Command::Txn(txn, answer)))
    }

    fn get(&self, key: Key) -> Answer<'_, Option<Entry>, ReadError> {
        Box::pin(async move { Ok(self.locked().entries.get(&key).cloned()) })
    }

    fn list(&self, prefix: String, page: Page) -> Answer<'_, Listing, ReadError> {
        Box::pin(async move { self.locked().list(&prefix, &page) })
    }

    fn watch(
        &self,
        prefix: String,
        after: ModRevision,
    ) -> Answer<'_, Box<dyn Watching>, ReadError> {
        Box::pin(async move {
            self.locked().events(&prefix, after)?;
            let changed = self.changed.subscribe();
            let watcher = Watcher::new(self.state.clone(), changed, prefix, after);
            Ok(Box::new(watcher) as Box<dyn Watching>)
        })
    }

    fn grant_lease(&self, ttl: Duration, now: Monotonic) -> Answer<'_, LeaseId, WriteError> {
        Box::pin(self.ask(move |answer| Command::Grant(ttl, now, answer)))
    }

    fn keep_lease(&self, lease: LeaseId, now: Monotonic) -> Answer<'_, (), WriteError> {
        Box::pin(async move {
            let kept = self.locked().keep(lease, now);
            kept.then_some(()).ok_or(WriteError::NoSuchLease(lease))
        })
    }

    fn revoke_lease(&self, lease: LeaseId) -> Answer<'_, (), WriteError> {
        Box::pin(self.ask(move |answer| Command::Revoke(lease, answer)))
    }

    fn expire_leases(&self, now: Monotonic) -> Answer<'_, Vec<Key>, WriteError> {
        Box::pin(self.ask(move |answer| Command::Expire(now, answer)))
    }
}

/// Removes what an interrupted compaction left: it never became the file.
fn drop_replacement(path: &Path) -> Result<(), OpenError> {
    let leftover = FileDisk::replacement_path(path);
    match fs::remove_file(&leftover) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", &leftover, error))
        }
        _ => Ok(()),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
