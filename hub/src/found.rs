//! Founding a fleet: its id, its certificate authority and its ledger, made once.

use std::path::PathBuf;
use std::sync::Arc;

use capstan_proto::Moment;

use crate::ca::{Authority, AuthorityError, AuthorityFiles, FilesError, FleetId};
use crate::layout::Layout;
use crate::ledger::records::{
    AuthorityState, Batch, Fleet, IncarnationRecord, ReceiptKey, Records, keys,
};
use crate::ledger::{Embedded, OpenError, Outcome, WriteError};

/// Why a fleet could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FoundError {
    /// There is one already.
    #[error("there is a fleet in {} already (use it as it is, or choose another --data-dir)", .path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The authority could not be made.
    #[error("cannot make the certificate authority")]
    Authority(#[source] AuthorityError),
    /// The authority could not be written or read.
    #[error("cannot keep the certificate authority")]
    Files(#[source] FilesError),
    /// The ledger could not be made.
    #[error("cannot make the ledger")]
    Ledger(#[source] OpenError),
    /// The first records could not be written.
    #[error("cannot write the fleet's first records")]
    Write(#[source] WriteError),
    /// The records are there already.
    #[error("the new ledger is not empty")]
    NotEmpty,
}

/// Makes a fleet in a data directory that has none.
///
/// # Errors
/// When there is one already, or something cannot be written.
pub async fn found(layout: &Layout) -> Result<FleetId, FoundError> {
    let ledger = layout.ledger();
    if ledger.exists() || layout.authority().exists() {
        return Err(FoundError::Exists {
            path: layout.root().to_owned(),
        });
    }
    let now = crate::clock::now();
    let fleet = FleetId(uuid::Uuid::new_v4());
    let made = Authority::make(fleet, now).map_err(FoundError::Authority)?;
    let files = made.write(&layout.authority()).map_err(FoundError::Files)?;
    let authority = files.load(fleet, now).map_err(FoundError::Files)?;
    let ledger = Embedded::create(&ledger).map_err(FoundError::Ledger)?;
    first_records(&Records::new(Arc::new(ledger)), &authority, now).await?;
    Ok(fleet)
}

async fn first_records(
    records: &Records,
    authority: &Authority,
    now: Moment,
) -> Result<(), FoundError> {
    let made_unix_ms = now.unix_ms();
    let fleet = Fleet {
        id: authority.fleet(),
        made_unix_ms,
    };
    let state = AuthorityState {
        root: authority.pin().0,
        since_unix_ms: made_unix_ms,
    };
    let incarnation = IncarnationRecord::after(None, now, rand::random());
    let batch = Batch::new()
        .unchanged(&keys::fleet(), None)
        .put(&keys::fleet(), &fleet)
        .put(&keys::authority(), &state)
        .put(&keys::incarnation(), &incarnation)
        .put(
            &keys::receipts(),
            &ReceiptKey {
                key: hexadecimal(rand::random()),
            },
        );
    match records.commit(batch).await.map_err(FoundError::Write)? {
        Outcome::Committed(_) => Ok(()),
        Outcome::Conflict { .. } => Err(FoundError::NotEmpty),
    }
}

fn hexadecimal(bytes: [u8; 32]) -> String {
    capstan_proto::Digest::from_bytes(bytes).to_string()
}

/// The authority's files of a data directory.
#[must_use]
pub fn authority_files(layout: &Layout) -> AuthorityFiles {
    AuthorityFiles::below(&layout.authority())
}
