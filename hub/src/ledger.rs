//! The ledger: the small, irreplaceable facts of a fleet, and the one trait through which they are read and written.
//!
//! It is shaped like etcd (compare, then write; a revision for every change; lists and watches by prefix; leases)
//! because etcd is its distributed form. [`Embedded`] is the form of a single hub: one file, fsynced before a write is
//! acknowledged. What can be rebuilt from Git or from spokes is deliberately absent: that lives in `store`.

use std::borrow::Borrow;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

mod codec;
mod disk;
mod embedded;
mod lock;
pub mod records;
mod recover;
mod state;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

pub use embedded::Embedded;
pub use recover::{Cut, Damage};

/// Operations in one transaction: etcd's own default, so that a transaction fits both forms.
pub const TXN_OPERATIONS_MAX: usize = 128;

/// Bytes of a key. The longest ours is `previous/` + a source and placement name (2 x 63) + a cluster name (63).
pub const KEY_BYTES_MAX: usize = 256;

/// Bytes of a value: 128 operations x 8 KiB = 1 MiB, under etcd's request limit of 1.5 MiB with the keys
/// (128 x 256 B = 32 KiB) added. Our largest record, a registration with a pending certificate, is about 2 KiB.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Entries in one page of a list: 512 x (8 KiB + 256 B) is 4.2 MiB at worst, about 512 KiB with our usual 1 KiB values.
pub const PAGE_ENTRIES_MAX: usize = 512;

/// The future that a [`Ledger`] answers with; boxed, so that the trait can be used as `dyn`.
pub type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// A place in the ledger's one sequence of changes; zero stands for "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModRevision(pub u64);

impl ModRevision {
    /// What a key that does not exist compares equal to.
    pub const ABSENT: Self = Self(0);

    /// The revision after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for ModRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Milliseconds of a clock that never goes back, counted from any fixed point in this process's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The instant `after` this one.
    pub fn plus(self, after: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// A key: 1 to 256 bytes of visible ASCII, parts separated by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no ledger key: 1 to {KEY_BYTES_MAX} bytes of visible ASCII are")]
pub struct BadKey {
    /// The refused text.
    pub text: String,
}

impl Key {
    /// Parses a key.
    pub fn try_new(text: &str) -> Result<Self, BadKey> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > KEY_BYTES_MAX || !visible {
            return Err(BadKey {
                text: text.to_owned(),
            });
        }
        Ok(Self(text.into()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a lease; given by the ledger, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// A key's value and its place in history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value's bytes.
    pub value: Arc<[u8]>,
    /// The revision in which the key came to be.
    pub created: ModRevision,
    /// The revision of its last change: what [`Compare`] looks at.
    pub modified: ModRevision,
    /// The lease with which the key goes away, if any.
    pub lease: Option<LeaseId>,
}

/// A condition of a transaction: the key was last changed in exactly this revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key looked at.
    pub key: Key,
    /// The revision it must have; [`ModRevision::ABSENT`] when it must not exist.
    pub modified: ModRevision,
}

/// One change inside a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a value, whether or not the key exists.
    Put {
        /// The key written.
        key: Key,
        /// Its new value.
        value: Arc<[u8]>,
        /// The lease it shall live under.
        lease: Option<LeaseId>,
    },
    /// Removes a key; removing what does not exist changes nothing.
    Delete {
        /// The key removed.
        key: Key,
    },
}

impl Op {
    /// The key that this operation touches.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

/// A transaction: if every comparison holds, all operations happen in one revision; otherwise none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must hold.
    pub compares: Vec<Compare>,
    /// What is then done; at most one operation for each key.
    pub ops: Vec<Op>,
}

impl Txn {
    /// A transaction that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires that `key` was last changed in `modified`.
    pub fn when(mut self, key: Key, modified: ModRevision) -> Self {
        self.compares.push(Compare { key, modified });
        self
    }

    /// Writes `value` to `key`.
    pub fn put(mut self, key: Key, value: impl Into<Arc<[u8]>>) -> Self {
        self.ops.push(Op::Put {
            key,
            value: value.into(),
            lease: None,
        });
        self
    }

    /// Writes `value` to `key`, to live as long as `lease`.
    pub fn put_leased(mut self, key: Key, value: impl Into<Arc<[u8]>>, lease: LeaseId) -> Self {
        self.ops.push(Op::Put {
            key,
            value: value.into(),
            lease: Some(lease),
        });
        self
    }

    /// Removes `key`.
    pub fn delete(mut self, key: Key) -> Self {
        self.ops.push(Op::Delete { key });
        self
    }
}

/// How a transaction ended when the ledger knows how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable, in this revision.
    Committed(ModRevision),
    /// Nothing was written, because this comparison did not hold.
    Conflict {
        /// The key that differs.
        key: Key,
        /// The revision found ([`ModRevision::ABSENT`] when it does not exist).
        found: ModRevision,
    },
}

/// Where a list begins and how much of it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Entries after this key; the first page has none.
    pub after: Option<Key>,
    /// The most entries; values above [`PAGE_ENTRIES_MAX`], and zero, mean that maximum.
    pub limit: usize,
    /// The revision to list at; the first page has none and learns it from the answer.
    pub at: Option<ModRevision>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The entries, in the order of their keys.
    pub entries: Vec<Entry>,
    /// The revision at which all pages of this list are taken.
    pub revision: ModRevision,
    /// The key to continue after; `None` when this page was the last.
    pub next: Option<Key>,
}

/// A change as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The revision in which it happened.
    pub revision: ModRevision,
    /// The key that changed.
    pub key: Key,
    /// The new entry; `None` when the key was removed.
    pub entry: Option<Entry>,
}

/// A running watch. Dropping it ends it.
pub trait Watching: Send {
    /// Waits for the next event.
    fn next(&mut self) -> Answer<'_, Event, ReadError>;
}

/// Why a write did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// Nobody knows whether it happened: the answer was lost. Read again before deciding.
    #[error(
        "the ledger's answer was lost, so the write may or may not have happened (read again before deciding)"
    )]
    Unknown,
    /// Nothing was written.
    #[error("the ledger refused the write: {reason}")]
    Refused {
        /// The reason, with what to do.
        reason: String,
    },
    /// A transaction that breaks a limit; a mistake of the caller.
    #[error("the transaction is too large or malformed: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The lease named does not exist (any more).
    #[error("the lease {} has ended or never was", .0.0)]
    NoSuchLease(LeaseId),
}

/// Why a read did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The history asked for is gone: list again and watch from there.
    #[error("the ledger's history before revision {oldest} is compacted: list again")]
    Compacted {
        /// The oldest revision that can still be asked for.
        oldest: ModRevision,
    },
    /// A revision that has not happened.
    #[error("revision {asked} is in the ledger's future, which is at {current}")]
    Future {
        /// The revision asked for.
        asked: ModRevision,
        /// The newest there is.
        current: ModRevision,
    },
    /// The ledger cannot be reached (a remote one) or was closed.
    #[error("the ledger cannot be read: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// Why a ledger could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no file.
    #[error("there is no ledger at {} (a new fleet: run `hub init`; an existing one: restore its backup, never start empty)", .path.display())]
    Missing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// `create` found one.
    #[error("a ledger already exists at {} (it is never overwritten: choose another data directory, or use it as it is)", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error("the ledger at {} is in use by another process (stop the other hub; two on one data directory would contradict each other)", .path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// The file's content is wrong in a way no crash explains.
    #[error("the ledger at {} is damaged (do not delete it: keep a copy, then restore a backup and run `hub recover`)", .path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What and at which byte.
        #[source]
        damage: Damage,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: std::io::Error,
    },
}

/// The fleet's irreplaceable facts.
pub trait Ledger: Send + Sync + 'static {
    /// Applies a transaction; [`Outcome::Committed`] is said only when it is durable.
    fn txn(&self, txn: Txn) -> Answer<'_, Outcome, WriteError>;

    /// The newest durable entry of a key.
    fn get(&self, key: Key) -> Answer<'_, Option<Entry>, ReadError>;

    /// One page of the keys that begin with `prefix`, at one revision for all pages.
    fn list(&self, prefix: String, page: Page) -> Answer<'_, Listing, ReadError>;

    /// The changes after revision `after` to keys that begin with `prefix`: past ones first, then those to come.
    fn watch(&self, prefix: String, after: ModRevision)
    -> Answer<'_, Box<dyn Watching>, ReadError>;

    /// Begins a lease that ends `ttl` after `now` unless kept alive.
    fn grant_lease(&self, ttl: Duration, now: Monotonic) -> Answer<'_, LeaseId, WriteError>;

    /// Moves a lease's end to its time to live after `now`.
    fn keep_lease(&self, lease: LeaseId, now: Monotonic) -> Answer<'_, (), WriteError>;

    /// Ends a lease at once, and with it its keys.
    fn revoke_lease(&self, lease: LeaseId) -> Answer<'_, (), WriteError>;

    /// Ends the leases that nobody kept, and says which keys went with them. A ledger that keeps time itself
    /// does nothing here.
    fn expire_leases(&self, now: Monotonic) -> Answer<'_, Vec<Key>, WriteError>;
}

/// Reads every page of a list.
pub async fn list_all(ledger: &dyn Ledger, prefix: &str) -> Result<Listing, ReadError> {
    let mut page = Page::default();
    let mut entries = Vec::new();
    loop {
        let listing = ledger.list(prefix.to_owned(), page).await?;
        entries.extend(listing.entries);
        match listing.next {
            None => {
                return Ok(Listing {
                    entries,
                    revision: listing.revision,
                    next: None,
                });
            }
            after => {
                page = Page {
                    after,
                    limit: 0,
                    at: Some(listing.revision),
                }
            }
        }
    }
}
