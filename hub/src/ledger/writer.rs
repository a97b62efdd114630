//! The one thread that writes the ledger's file: gathers what waits, writes and syncs once, then answers everybody.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::codec::{self, Change, Commit, Kind};
use super::disk::{self, Disk, Replace};
use super::recover;
use super::state::State;
use super::{
    Key, LeaseId, ModRevision, Monotonic, Op, Outcome, TXN_OPERATIONS_MAX, Txn, VALUE_BYTES_MAX,
    WriteError,
};

/// A group commit takes no further transaction once it has this much: one write of 1 MiB takes about as long as the
/// sync that follows, so more would only add waiting.
const GROUP_BYTES: usize = 1024 * 1024;

/// Transactions in one group commit; they share one sync and are answered together.
const GROUP_TXNS_MAX: usize = 512;

/// Below this size the file is never compacted: replaying 4 MiB takes some 20 ms.
pub(super) const COMPACT_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// The file is compacted when it is this many times what a snapshot would take: disk use stays below 4 x live data (and
/// 5 x while the replacement is written), and each byte is rewritten at most about once for every 3 bytes written.
const COMPACT_FACTOR: u64 = 4;

/// Where the end of a transaction is told.
type TxnSender = oneshot::Sender<Result<Outcome, WriteError>>;

/// What the thread is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    Txn(Txn, TxnSender),
    Grant(
        Duration,
        Monotonic,
        oneshot::Sender<Result<LeaseId, WriteError>>,
    ),
    Revoke(LeaseId, oneshot::Sender<Result<(), WriteError>>),
    Expire(Monotonic, oneshot::Sender<Result<Vec<Key>, WriteError>>),
}

/// The thread's own state.
pub(super) struct Writer {
    pub(super) disk: Box<dyn Disk>,
    /// Bytes of the file that are durable.
    pub(super) length: u64,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) changed: watch::Sender<ModRevision>,
    /// A file below this size is not compacted.
    pub(super) compact_bytes_min: u64,
    /// Set once nobody can know any more what the disk holds; from then on nothing is written.
    pub(super) broken: Option<String>,
}

/// How a write failed.
enum Failure {
    /// The file is as it was.
    Nothing(String),
    /// The file may or may not hold it.
    Unknown,
}

impl Failure {
    fn error(&self) -> WriteError {
        match self {
            Self::Nothing(reason) => WriteError::Refused {
                reason: reason.clone(),
            },
            Self::Unknown => WriteError::Unknown,
        }
    }
}

/// A caller, and what it will hear when the group is durable.
struct Answer {
    to: TxnSender,
    result: Result<Outcome, WriteError>,
}

/// A group of transactions on its way to the disk.
#[derive(Default)]
struct Group {
    commits: Vec<Commit>,
    payload: Vec<u8>,
    /// The revision of each key that an earlier transaction of the group changed.
    staged: BTreeMap<Key, ModRevision>,
    answers: Vec<Answer>,
}

impl Writer {
    /// Serves commands until the last sender is gone.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut carried = None;
        while let Some(command) = carried.take().or_else(|| commands.blocking_recv()) {
            match command {
                Command::Txn(txn, answer) => {
                    let mut group = Group::default();
                    self.stage(&mut group, txn, answer);
                    carried = self.gather(&mut group, &mut commands);
                    self.commit_group(group);
                }
                Command::Grant(ttl, now, answer) => reply(answer, self.grant(ttl, now)),
                Command::Revoke(lease, answer) => {
                    reply(answer, self.end_leases(&[lease]).map(|_| ()));
                }
                Command::Expire(now, answer) => {
                    let lapsed = self.locked(|state| state.lapsed(now));
                    reply(answer, self.end_leases(&lapsed));
                }
            }
            self.compact_if_due();
        }
    }

    fn locked<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(
            &mut self
                .state
                .lock()
                .expect("no panic happens while the state is held"),
        )
    }

    /// Adds what already waits to the group; gives back the first command that cannot join it.
    fn gather(&self, group: &mut Group, commands: &mut mpsc::Receiver<Command>) -> Option<Command> {
        while group.payload.len() < GROUP_BYTES && group.answers.len() < GROUP_TXNS_MAX {
            match commands.try_recv().ok()? {
                Command::Txn(txn, answer) => self.stage(group, txn, answer),
                other => return Some(other),
            }
        }
        None
    }

    /// Judges one transaction against the durable state and the group so far.
    fn stage(&self, group: &mut Group, txn: Txn, to: TxnSender) {
        let judged = self.locked(|state| {
            malformed(&txn)?;
            let modified = |key: &Key| {
                group
                    .staged
                    .get(key)
                    .copied()
                    .unwrap_or_else(|| state.modified(key))
            };
            if let Some((key, found)) = State::conflict(&txn.compares, modified) {
                return Ok(Err(Outcome::Conflict { key, found }));
            }
            let lease = txn.ops.iter().find_map(|op| match op {
                Op::Put {
                    lease: Some(lease), ..
                } if !state.leases.contains_key(lease) => Some(*lease),
                Op::Put { .. } | Op::Delete { .. } => None,
            });
            match lease {
                Some(lease) => Err(WriteError::NoSuchLease(lease)),
                None if txn.ops.is_empty() => Ok(Err(Outcome::Committed(state.revision))),
                None => Ok(Ok(ModRevision(
                    state.revision.0 + group.commits.len() as u64 + 1,
                ))),
            }
        });
        let result = judged.map(|decided| match decided {
            Err(outcome) => outcome,
            Ok(revision) => {
                group.add(commit_of(txn, revision));
                Outcome::Committed(revision)
            }
        });
        group.answers.push(Answer { to, result });
    }

    /// Writes the group, and answers everybody only when it is durable. A transaction that was refused is answered then
    /// too: what it was compared with may be in this group.
    fn commit_group(&mut self, group: Group) {
        let written = self.commit(&group.commits, &group.payload);
        for Answer { to, result } in group.answers {
            let result = match (&written, result) {
                (Ok(()), result) => result,
                (Err(_), Err(own)) => Err(own),
                (Err(failure), Ok(_)) => Err(failure.error()),
            };
            reply(to, result);
        }
    }

    /// Makes commits durable, then visible.
    fn commit(&mut self, commits: &[Commit], payload: &[u8]) -> Result<(), Failure> {
        if commits.is_empty() {
            return Ok(());
        }
        if let Some(reason) = &self.broken {
            return Err(Failure::Nothing(reason.clone()));
        }
        let mut frame = Vec::with_capacity(payload.len() + 2 * codec::HEAD_BYTES);
        codec::frame(&mut frame, Kind::Commits, payload);
        if let Err(error) = self.disk.write(self.length, &frame) {
            return Err(self.write_failed(&error));
        }
        if let Err(error) = self.disk.sync() {
            self.stop(&format!("syncing it failed ({error})"));
            return Err(Failure::Unknown);
        }
        self.length += frame.len() as u64;
        self.locked(|state| commits.iter().for_each(|commit| state.apply(commit)));
        if let Some(last) = commits.last() {
            self.changed.send_replace(last.revision);
        }
        Ok(())
    }

    /// Takes a half-written frame back, so that the next one stands where it should.
    fn write_failed(&mut self, error: &io::Error) -> Failure {
        match self.disk.truncate(self.length) {
            Ok(()) => {
                tracing::error!(error = %error, "the ledger could not be written");
                Failure::Nothing(format!(
                    "writing its file failed ({error}); {}",
                    remedy(error)
                ))
            }
            Err(second) => {
                self.stop(&format!(
                    "writing it failed ({error}), and taking that back too ({second})"
                ));
                Failure::Unknown
            }
        }
    }

    fn stop(&mut self, what: &str) {
        tracing::error!(
            what,
            "the ledger accepts no more writes until the hub is restarted"
        );
        self.broken = Some(format!(
            "{what}; restart the hub, which reads the file again"
        ));
    }

    fn grant(&mut self, ttl: Duration, now: Monotonic) -> Result<LeaseId, WriteError> {
        let revision = self.locked(|state| state.revision.next());
        let lease = LeaseId(revision.0);
        self.commit_one(Commit {
            revision,
            changes: vec![Change::Grant { lease, ttl }],
        })?;
        self.locked(|state| state.keep(lease, now));
        Ok(lease)
    }

    /// Ends leases one by one, with their keys.
    fn end_leases(&mut self, leases: &[LeaseId]) -> Result<Vec<Key>, WriteError> {
        let mut gone = Vec::new();
        for id in leases {
            let found = self.locked(|state| {
                let revision = state.revision.next();
                state
                    .leases
                    .get(id)
                    .map(|lease| (revision, lease.keys.clone()))
            });
            let Some((revision, keys)) = found else {
                continue;
            };
            let mut changes: Vec<Change> = keys
                .iter()
                .cloned()
                .map(|key| Change::Delete { key })
                .collect();
            changes.push(Change::Revoke { lease: *id });
            self.commit_one(Commit { revision, changes })?;
            gone.extend(keys);
        }
        Ok(gone)
    }

    fn commit_one(&mut self, commit: Commit) -> Result<(), WriteError> {
        let mut payload = Vec::new();
        codec::encode_commit(&mut payload, &commit);
        self.commit(&[commit], &payload)
            .map_err(|failure| failure.error())
    }

    /// Rewrites the file as one snapshot when most of it is history.
    fn compact_if_due(&mut self) {
        let live = self.locked(|state| state.live_bytes());
        let due = self.length > self.compact_bytes_min && self.length / COMPACT_FACTOR > live;
        if due && self.broken.is_none() {
            self.compact();
        }
    }

    pub(super) fn compact(&mut self) {
        let pieces = self.locked(|state| recover::snapshot_of(state));
        match disk::replace(self.disk.as_mut(), &pieces) {
            Ok(length) => self.length = length,
            Err(Replace::NotDone(error)) => {
                tracing::warn!(error = %error, "the ledger could not be compacted; it goes on as it is");
            }
            Err(Replace::Unsure(error)) => {
                self.stop(&format!(
                    "syncing its directory after compaction failed ({error})"
                ));
            }
        }
    }
}

impl Group {
    fn add(&mut self, commit: Commit) {
        codec::encode_commit(&mut self.payload, &commit);
        for change in &commit.changes {
            match change {
                Change::Put { key, .. } => self.staged.insert(key.clone(), commit.revision),
                Change::Delete { key } => self.staged.insert(key.clone(), ModRevision::ABSENT),
                Change::Grant { .. } | Change::Revoke { .. } => None,
            };
        }
        self.commits.push(commit);
    }
}

fn commit_of(txn: Txn, revision: ModRevision) -> Commit {
    let changes = txn.ops.into_iter().map(|op| match op {
        Op::Put { key, value, lease } => Change::Put { key, value, lease },
        Op::Delete { key } => Change::Delete { key },
    });
    Commit {
        revision,
        changes: changes.collect(),
    }
}

fn malformed(txn: &Txn) -> Result<(), WriteError> {
    let error = |reason: String| Err(WriteError::Malformed { reason });
    let count = txn.ops.len().max(txn.compares.len());
    if count > TXN_OPERATIONS_MAX {
        return error(format!(
            "{count} operations, of at most {TXN_OPERATIONS_MAX}"
        ));
    }
    for (index, op) in txn.ops.iter().enumerate() {
        let key = op.key();
        if let Op::Put { value, .. } = op
            && value.len() > VALUE_BYTES_MAX
        {
            let bytes = value.len();
            return error(format!(
                "the value of {key} has {bytes} of at most {VALUE_BYTES_MAX} bytes"
            ));
        }
        if txn.ops[..index].iter().any(|other| other.key() == key) {
            return error(format!("{key} is changed twice"));
        }
    }
    Ok(())
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space on the disk of the data directory; nothing was lost"
        }
        io::ErrorKind::FileTooLarge => {
            "raise the file size limit of the hub's process; nothing was lost"
        }
        _ => "look at the disk of the data directory; nothing was lost",
    }
}

/// Answers; whether anybody still listens makes no difference to what was written.
fn reply<T>(answer: oneshot::Sender<T>, value: T) {
    drop(answer.send(value));
}
