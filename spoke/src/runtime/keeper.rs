//! Keeps the Lease, and says at once when it is not ours any more.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::kube::lease::{Attempt, Lease, RENEW_EVERY, STOP_AFTER};
use crate::telemetry::chain;

/// Between two attempts while somebody else holds it, or the API server does not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// Waits until the Lease is ours.
pub(super) async fn acquire(lease: &mut Lease) {
    let mut said = String::new();
    loop {
        let reason = match lease.attempt(OffsetDateTime::now_utc()).await {
            Ok(Attempt::Held) => return,
            Ok(Attempt::HeldBy(holder)) => format!("another agent holds the Lease: {holder}"),
            Err(error) => chain(&error),
        };
        if reason != said {
            tracing::warn!(
                reason,
                "the agent waits for its Lease: only one agent of a cluster works at a time"
            );
            said = reason;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Extends the Lease until that fails for too long, or until `stop`; gives it back for a release.
pub(super) async fn keep(mut lease: Lease, mut stop: oneshot::Receiver<()>) -> Kept {
    let mut extended = Instant::now();
    loop {
        let next = match extended.elapsed() < RENEW_EVERY {
            true => RENEW_EVERY,
            false => AGAIN,
        };
        tokio::select! {
            _ = &mut stop => return Kept::Stopped(Box::new(lease)),
            () = tokio::time::sleep(next) => {}
        }
        let attempted = Instant::now();
        let attempt = lease.attempt(OffsetDateTime::now_utc());
        match within(extended, attempt).await {
            Some(Ok(Attempt::Held)) => extended = attempted,
            Some(Ok(Attempt::HeldBy(holder))) => {
                tracing::warn!(holder, "another agent took the Lease");
                return Kept::Lost;
            }
            Some(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the Lease was not extended")
            }
            None => {
                tracing::warn!("the Lease could not be extended in time");
                return Kept::Lost;
            }
        }
    }
}

/// An attempt is up to three calls: it ends when the Lease does that was extended last at `extended`, however far
/// it came; `None` then.
async fn within<T>(extended: Instant, attempt: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(extended + STOP_AFTER, attempt)
        .await
        .ok()
}

/// How keeping ended.
pub(super) enum Kept {
    /// We were asked to stop, and still have it.
    Stopped(Box<Lease>),
    /// It is not ours any more.
    Lost,
}

#[cfg(test)]
mod tests;
