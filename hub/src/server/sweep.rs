//! Looking, now and then, for content that nobody needs any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use capstan_proto::{Digest, Snapshot};
use tokio::sync::oneshot;

use crate::content::ContentError;
use crate::engine::event::Event;
use crate::grpc::Shared;
use crate::ledger::records::{RecordError, keys};
use crate::telemetry::chain;

/// How often, and for how long content is kept at least. An object has some KB; in six hours, a fleet that commits every
/// minute leaves some MB behind.
const EVERY: Duration = Duration::from_secs(6 * 3_600);

/// Files that are removed in one go: the list of 100,000 digests of 32 bytes has 3 MB. The next time finds the others.
const FILES_MAX: usize = 100_000;

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    /// The engine ended.
    #[error("the hub stops")]
    Stopping,
    /// The ledger fails.
    #[error("cannot read which lists of removals are approved")]
    Approvals(#[source] RecordError),
    /// The files cannot be looked through.
    #[error("cannot look through the content files")]
    Content(#[source] ContentError),
    /// Looking ended in a panic.
    #[error("looking through the content files failed")]
    Panicked(#[source] tokio::task::JoinError),
}

/// Looks until the hub stops.
pub(super) async fn run(shared: Shared) {
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = once(&shared, EVERY).await {
            tracing::warn!(
                error = chain(&error),
                "content that nobody needs was not looked for"
            );
        }
    }
}

/// Looks once. Where it is not known what some cluster holds, everything stays.
async fn once(shared: &Shared, age: Duration) -> Result<(), SweepError> {
    let (reply, answer) = oneshot::channel();
    send(shared, Event::Sweep(reply)).await?;
    let Some(needing) = answer.await.map_err(|_| SweepError::Stopping)? else {
        return Ok(());
    };
    let looked = unneeded(shared, needing, age).await;
    // Whatever came of it, the engine need not note any more what passes need.
    let digests = looked.as_ref().map(Clone::clone).unwrap_or_default();
    send(shared, Event::Unneeded { digests, age }).await?;
    looked.map(|_| ())
}

async fn send(shared: &Shared, event: Event) -> Result<(), SweepError> {
    let sent = shared.events.send(event).await;
    sent.map_err(|_| SweepError::Stopping)
}

async fn unneeded(
    shared: &Shared,
    needing: Vec<Arc<Snapshot>>,
    age: Duration,
) -> Result<BTreeSet<Digest>, SweepError> {
    let approvals = shared.enrolment.records().list(&keys::approvals()).await;
    let (approvals, _) = approvals.map_err(SweepError::Approvals)?;
    let content = Arc::clone(&shared.content);
    let looking = tokio::task::spawn_blocking(move || {
        let of_snapshots = needing.iter().flat_map(|snapshot| snapshot.contents());
        let of_approvals = approvals.iter().map(|approval| approval.value.content);
        let live = of_snapshots.chain(of_approvals).collect();
        content.unneeded(&live, age, FILES_MAX)
    });
    let looked = looking.await.map_err(SweepError::Panicked)?;
    looked.map_err(SweepError::Content)
}
