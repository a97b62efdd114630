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
            tracing::warn!(reason, "waiting for the Lease");
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
        match lease.attempt(OffsetDateTime::now_utc()).await {
            Ok(Attempt::Held) => extended = attempted,
            Ok(Attempt::HeldBy(holder)) => {
                tracing::warn!(holder, "another agent took the Lease");
                return Kept::Lost;
            }
            Err(error) => tracing::warn!(error = %chain(&error), "the Lease was not extended"),
        }
        if extended.elapsed() >= STOP_AFTER {
            return Kept::Lost;
        }
    }
}

/// How keeping ended.
pub(super) enum Kept {
    /// We were asked to stop, and still have it.
    Stopped(Box<Lease>),
    /// It is not ours any more.
    Lost,
}
