//! Who may join, who is in, and who is out: the rules, and their bookkeeping in the ledger.
//!
//! Each step is a decision over records (a pure function) and one transaction that holds only if those records are
//! still the same. An answer that was lost is read again, so that a retry finds what it wrote. Time and random numbers
//! are arguments.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capstan_proto::{ClusterName, Moment};
use rustls::pki_types::CertificateDer;

use super::{Authority, AuthorityError, Issued};
use crate::ledger::records::{Batch, Credential, RecordError, Records};
use crate::ledger::{Outcome, WriteError};

mod admit;
mod ban;
mod enrol;
mod renew;
mod token;

#[cfg(test)]
mod tests;

pub use admit::{Admission, Admitted, Refusal};
pub use ban::BanError;
pub use enrol::{EnrolError, Enrolled, Request};
pub use renew::RenewError;
pub use token::{NewToken, TokenError, TokenText};

/// How long a retry with a used token is answered after the token's own end: an agent whose answer was lost may be
/// without a connection for a day.
pub const RETRY_AFTER_END_MS: u64 = 24 * 60 * 60 * 1000;

/// Times that a step is tried again because the records changed under it.
const ATTEMPTS_MAX: usize = 16;

/// The bookkeeping of identities.
#[derive(Clone, Debug)]
pub struct Enrolment {
    records: Records,
    authority: Arc<Authority>,
}

/// Random numbers for one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entropy {
    /// A new cluster's id, should one be needed.
    pub cluster: uuid::Uuid,
    /// The random half of a serial.
    pub serial: u64,
}

/// Why the bookkeeping failed, as opposed to saying no.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The ledger could not be read or written.
    #[error("the ledger failed")]
    Ledger(#[from] RecordError),
    /// The certificate could not be made.
    #[error("the certificate could not be made")]
    Authority(#[from] AuthorityError),
    /// The records kept changing.
    #[error("the records of {of} changed {ATTEMPTS_MAX} times during one step (try again)")]
    Contended {
        /// Whose records.
        of: String,
    },
    /// A certificate in the ledger cannot be read.
    #[error("the ledger holds a certificate of cluster {name} that is not base 64")]
    Stored {
        /// Which cluster.
        name: ClusterName,
    },
}

impl Enrolment {
    /// Bookkeeping in `records`, signing with `authority`.
    pub fn new(records: Records, authority: Arc<Authority>) -> Self {
        Self { records, authority }
    }

    /// The authority that signs.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// The records underneath.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Runs a step's transaction: true when it is done, false when the records are to be read again.
    async fn settle(&self, batch: Batch) -> Result<bool, Failure> {
        match self.records.commit(batch).await {
            Ok(Outcome::Committed(_)) => Ok(true),
            Ok(Outcome::Conflict { .. }) | Err(WriteError::Unknown) => Ok(false),
            Err(error) => Err(Failure::Ledger(error.into())),
        }
    }
}

fn credential_of(issued: &Issued) -> Credential {
    Credential {
        serial: issued.serial,
        key: issued.key,
        not_after_unix_ms: issued.not_after.unix_ms(),
    }
}

fn to_text(certificate: &CertificateDer<'_>) -> String {
    STANDARD.encode(certificate)
}

fn from_text(text: &str, name: &ClusterName) -> Result<CertificateDer<'static>, Failure> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| Failure::Stored { name: name.clone() })?;
    Ok(CertificateDer::from(bytes))
}

fn reissued(
    credential: &Credential,
    certificate: &str,
    name: &ClusterName,
) -> Result<Issued, Failure> {
    Ok(Issued {
        certificate: from_text(certificate, name)?,
        serial: credential.serial,
        key: credential.key,
        not_after: Moment::from_unix_ms(credential.not_after_unix_ms),
    })
}
