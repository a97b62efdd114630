//! What the ledger's values mean: one type for each kind of record, in versioned JSON that is read strictly.
//!
//! A key carries the type of its record, so that a value cannot be read as something else. A record that cannot be
//! understood is an error with its key, never a missing record.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    Entry, Key, LeaseId, Ledger, ModRevision, Outcome, ReadError, Txn, WriteError, list_all,
};

mod clusters;
mod fleet;
pub mod keys;
mod operators;

mod sessions;
#[cfg(test)]
mod tests;

pub use clusters::{
    Ban, ByUid, Credential, Identified, Pending, Quarantine, Registration, SessionOwner, Token,
    TokenRight, TokenUse,
};
pub use fleet::{AuthorityState, Fleet, Generations, IncarnationRecord};
pub use operators::{Approval, Previous, RemovalBatch};
pub use sessions::{ReceiptKey, Recovering};

/// Times that a read-and-write is tried again because somebody else was faster. Each failure means that another writer
/// succeeded, so this many in a row need this many writers on one record.
const ATTEMPTS_MAX: usize = 16;

/// A kind of record.
pub trait Record: Serialize + DeserializeOwned + Send {
    /// Its name inside the value.
    const KIND: &'static str;
    /// The version of its shape.
    const VERSION: u32;
}

/// The key of one record of a known kind.
#[derive(Debug)]
pub struct RecordKey<R> {
    key: Key,
    kind: PhantomData<fn() -> R>,
}

impl<R> Clone for RecordKey<R> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            kind: PhantomData,
        }
    }
}

impl<R> RecordKey<R> {
    fn new(key: Key) -> Self {
        Self {
            key,
            kind: PhantomData,
        }
    }

    /// The plain key.
    pub fn key(&self) -> Key {
        self.key.clone()
    }
}

/// The beginning of the keys of all records of a known kind.
#[derive(Debug)]
pub struct RecordPrefix<R> {
    prefix: String,
    kind: PhantomData<fn() -> R>,
}

impl<R> RecordPrefix<R> {
    fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            kind: PhantomData,
        }
    }

    /// The plain prefix.
    pub fn as_str(&self) -> &str {
        &self.prefix
    }
}

/// A record and the revision to compare with when it is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<R> {
    /// The record.
    pub value: R,
    /// When it last changed.
    pub modified: ModRevision,
}

/// A record, its key, and its revision, as lists give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<R> {
    /// What follows the prefix in the key.
    pub name: String,
    /// The record.
    pub value: R,
    /// When it last changed.
    pub modified: ModRevision,
}

/// Why records could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The ledger could not be read.
    #[error("cannot read from the ledger")]
    Read(#[from] ReadError),
    /// The ledger could not be written.
    #[error("cannot write to the ledger")]
    Write(#[from] WriteError),
    /// A value is not what its key says.
    #[error(
        "the ledger's record {key} cannot be understood (was it written by a newer version of the hub?)"
    )]
    Bad {
        /// Its key.
        key: Key,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A value is of another kind or version.
    #[error(
        "the ledger's record {key} is a {found_kind} of version {found_version}, where a {expected} is due (run the hub version that wrote it)"
    )]
    OtherVersion {
        /// Its key.
        key: Key,
        /// The kind found.
        found_kind: String,
        /// The version found.
        found_version: u32,
        /// The kind and version due.
        expected: String,
    },
    /// Others kept changing the record.
    #[error("the record {key} changed {ATTEMPTS_MAX} times while it was being changed (try again)")]
    Contended {
        /// Its key.
        key: Key,
    },
}

/// How a record looks as a value.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    kind: String,
    v: u32,
    data: T,
}

/// Writes a record as a value.
pub fn encode<R: Record>(record: &R) -> Vec<u8> {
    let envelope = Envelope {
        kind: R::KIND.to_owned(),
        v: R::VERSION,
        data: record,
    };
    serde_json::to_vec(&envelope).expect("records have string keys and no custom serialisation")
}

/// Reads a value as a record.
pub fn decode<R: Record>(entry: &Entry) -> Result<Versioned<R>, RecordError> {
    let bad = |source| RecordError::Bad {
        key: entry.key.clone(),
        source,
    };
    let envelope: Envelope<serde_json::Value> =
        serde_json::from_slice(&entry.value).map_err(bad)?;
    if envelope.kind != R::KIND || envelope.v != R::VERSION {
        return Err(RecordError::OtherVersion {
            key: entry.key.clone(),
            found_kind: envelope.kind,
            found_version: envelope.v,
            expected: format!("{} of version {}", R::KIND, R::VERSION),
        });
    }
    let value = R::deserialize(envelope.data).map_err(bad)?;
    Ok(Versioned {
        value,
        modified: entry.modified,
    })
}

/// A transaction over records.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    txn: Txn,
}

impl Batch {
    /// One that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requires that a record is still as it was read: at its revision, or absent.
    pub fn unchanged<R>(mut self, key: &RecordKey<R>, read: Option<&Versioned<R>>) -> Self {
        let modified = read.map_or(ModRevision::ABSENT, |read| read.modified);
        self.txn = self.txn.when(key.key(), modified);
        self
    }

    /// Writes a record.
    pub fn put<R: Record>(mut self, key: &RecordKey<R>, record: &R) -> Self {
        self.txn = self.txn.put(key.key(), encode(record));
        self
    }

    /// Writes a record that lives as long as a lease.
    pub fn put_leased<R: Record>(mut self, key: &RecordKey<R>, record: &R, lease: LeaseId) -> Self {
        self.txn = self.txn.put_leased(key.key(), encode(record), lease);
        self
    }

    /// Removes a record.
    pub fn delete<R>(mut self, key: &RecordKey<R>) -> Self {
        self.txn = self.txn.delete(key.key());
        self
    }
}

/// The ledger, as records.
#[derive(Clone)]
pub struct Records {
    ledger: Arc<dyn Ledger>,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

/// What [`Records::update`] is to do with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<R> {
    /// Leave it.
    Keep,
    /// Write this.
    Put(R),
    /// Remove it.
    Delete,
}

impl Records {
    /// Records in this ledger.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger }
    }

    /// The ledger underneath.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Reads one record.
    pub async fn get<R: Record>(
        &self,
        key: &RecordKey<R>,
    ) -> Result<Option<Versioned<R>>, RecordError> {
        self.ledger
            .get(key.key())
            .await?
            .as_ref()
            .map(decode)
            .transpose()
    }

    /// Reads all records of a kind, at one revision, in the order of their keys; says at which revision.
    pub async fn list<R: Record>(
        &self,
        prefix: &RecordPrefix<R>,
    ) -> Result<(Vec<Listed<R>>, ModRevision), RecordError> {
        let listing = list_all(self.ledger.as_ref(), prefix.as_str()).await?;
        let listed = listing.entries.iter().map(|entry| {
            let Versioned { value, modified } = decode(entry)?;
            let name = entry.key.as_str()[prefix.as_str().len()..].to_owned();
            Ok(Listed {
                name,
                value,
                modified,
            })
        });
        Ok((
            listed.collect::<Result<_, RecordError>>()?,
            listing.revision,
        ))
    }

    /// Runs a batch; the answer may be a conflict, and an error may be [`WriteError::Unknown`].
    pub async fn commit(&self, batch: Batch) -> Result<Outcome, WriteError> {
        self.ledger.txn(batch.txn).await
    }

    /// Reads a record, lets `decide` say what becomes of it, and writes that if nobody was faster; otherwise again.
    /// `decide` must be repeatable: after a lost answer it sees what it wrote itself. Returns the record as it then is.
    pub async fn update<R: Record>(
        &self,
        key: &RecordKey<R>,
        mut decide: impl FnMut(Option<&R>) -> Update<R> + Send,
    ) -> Result<Option<R>, RecordError> {
        for _ in 0..ATTEMPTS_MAX {
            let read = self.get(key).await?;
            let batch = Batch::new().unchanged(key, read.as_ref());
            let (batch, after) = match decide(read.as_ref().map(|read| &read.value)) {
                Update::Keep => return Ok(read.map(|read| read.value)),
                Update::Put(record) => (batch.put(key, &record), Some(record)),
                Update::Delete => (batch.delete(key), None),
            };
            match self.commit(batch).await {
                Ok(Outcome::Committed(_)) => return Ok(after),
                Ok(Outcome::Conflict { .. }) | Err(WriteError::Unknown) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(RecordError::Contended { key: key.key() })
    }

    /// Reserves the next `count` generations; the answer is the first of them. They are never given again, so that a
    /// restart leaves a gap and no number twice.
    pub async fn reserve_generations(&self, count: u64) -> Result<u64, RecordError> {
        let key = keys::generations();
        let mut first = 0;
        self.update(&key, |read| {
            first = read.map_or(1, |read| read.next);
            Update::Put(Generations {
                next: first.saturating_add(count),
            })
        })
        .await?;
        Ok(first)
    }
}
