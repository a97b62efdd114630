//! Opening what the hub knows: ledger, authority, store, content, audit log. Nothing is bound yet.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::audit::Audit;
use crate::ca::enrolment::Enrolment;
use crate::ca::{Authority, FilesError};
use crate::clock;
use crate::config::Config;
use crate::content::{Content, ContentError};
use crate::engine::receipt::Receipts;
use crate::engine::restore::{self, RestoreError, Restored};
use crate::found::authority_files;
use crate::layout::Layout;
use crate::ledger::records::{RecordError, Records, keys};
use crate::ledger::{self, Embedded};
use crate::store::{self, Opening, Store};

/// Everything opened.
pub(super) struct Opened {
    pub(super) enrolment: Enrolment,
    pub(super) store: Arc<Store>,
    pub(super) content: Arc<Content>,
    pub(super) audit: Arc<Audit>,
    pub(super) receipts: Receipts,
    pub(super) restored: Restored,
}

/// Why what the hub knows cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The ledger.
    #[error("cannot open the ledger")]
    Ledger(#[source] ledger::OpenError),
    /// A record of the ledger.
    #[error("cannot read who the fleet is")]
    Record(#[source] RecordError),
    /// There is no fleet in the ledger.
    #[error(
        "the ledger says nothing of a fleet (was `hub init` interrupted? remove the directory and run it again)"
    )]
    NoFleet,
    /// The certificate authority.
    #[error("cannot load the certificate authority")]
    Authority(#[source] FilesError),
    /// The certificate authority is another one.
    #[error("the certificate authority in {} is not the one that the ledger names (put the right files back)", .directory.display())]
    OtherAuthority {
        /// Where it is.
        directory: PathBuf,
    },
    /// The store.
    #[error("cannot open the store")]
    Store(#[source] store::OpenError),
    /// The content files.
    #[error("cannot open the content files")]
    Content(#[source] ContentError),
    /// The audit log.
    #[error("cannot open the audit log {}", .path.display())]
    Audit {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// What ledger and store say cannot be used.
    #[error("cannot take up where the hub left off")]
    Restore(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn restoring(error: RestoreError) -> OpenError {
    OpenError::Restore(Box::new(error))
}

/// What is wrong with a data directory of these permissions.
fn openness(mode: u32) -> Option<&'static str> {
    match (mode & 0o022, mode & 0o055) {
        (0, 0) => None,
        (0, _) => Some("other users of this machine can look into it"),
        _ => Some(
            "other users of this machine can exchange what is in it, the fleet's authority too",
        ),
    }
}

/// Says so when others reach into the data directory. It is not refused: in a container, a volume's group is often given
/// everything, and nobody else is there.
fn warn_of_openness(layout: &Layout) {
    let Ok(metadata) = std::fs::metadata(layout.root()) else {
        return;
    };
    if let Some(what) = openness(metadata.permissions().mode()) {
        tracing::warn!(
            directory = %layout.root().display(),
            "the data directory is open: {what} (chmod 0700)"
        );
    }
}

/// Opens everything.
pub(super) async fn open(config: &Config, layout: &Layout) -> Result<Opened, OpenError> {
    warn_of_openness(layout);
    let ledger = Embedded::open(&config.ledger).map_err(OpenError::Ledger)?;
    if let Some(cut) = ledger.cut() {
        tracing::warn!(
            ?cut,
            "the last write of the process before was not finished; it was never acknowledged"
        );
    }
    let records = Records::new(Arc::new(ledger));
    let authority = authority(&records, layout).await?;
    let opening = Store::open(&layout.store()).map_err(OpenError::Store)?;
    match &opening.opening {
        Opening::Sound => {}
        Opening::New => tracing::info!("the store is new"),
        Opening::Replaced { aside, reason } => {
            tracing::warn!(aside = %aside.display(), reason, "the store was damaged and is rebuilt");
        }
    }
    let content = Content::open(&layout.content()).map_err(OpenError::Content)?;
    let path = layout.audit();
    let audit = Audit::open(&path).map_err(|source| OpenError::Audit {
        path: path.clone(),
        source,
    })?;
    let receipts = restore::receipts(&records).await.map_err(restoring)?;
    let restored = restore::restore(&records, &opening.store, &content)
        .await
        .map_err(restoring)?;
    sweep(&content, &restored, &records).await?;
    Ok(Opened {
        enrolment: Enrolment::new(records, Arc::new(authority)),
        store: Arc::new(opening.store),
        content: Arc::new(content),
        audit: Arc::new(audit),
        receipts,
        restored,
    })
}

/// Removes content that nothing needs any more, however young: nobody puts any yet. Later, `sweep` looks for it.
/// Where it is not known what clusters hold, everything stays.
async fn sweep(content: &Content, restored: &Restored, records: &Records) -> Result<(), OpenError> {
    let Some(mut live) = restored.contents() else {
        return Ok(());
    };
    let approvals = records.list(&keys::approvals()).await;
    let (approvals, _) = approvals.map_err(OpenError::Record)?;
    live.extend(approvals.iter().map(|approval| approval.value.content));
    let swept = content.sweep(&live).map_err(OpenError::Content)?;
    tracing::debug!(?swept, "looked through the content files");
    Ok(())
}

async fn authority(records: &Records, layout: &Layout) -> Result<Authority, OpenError> {
    let fleet = records
        .get(&keys::fleet())
        .await
        .map_err(OpenError::Record)?;
    let fleet = fleet.ok_or(OpenError::NoFleet)?.value.id;
    let authority = authority_files(layout)
        .load(fleet, clock::now())
        .map_err(OpenError::Authority)?;
    let known = records
        .get(&keys::authority())
        .await
        .map_err(OpenError::Record)?;
    match known {
        Some(known) if known.value.root != authority.pin().0 => Err(OpenError::OtherAuthority {
            directory: layout.authority(),
        }),
        _ => Ok(authority),
    }
}

#[cfg(test)]
mod tests;
