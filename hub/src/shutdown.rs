//! Stopping in order: one signal asks, everybody answers, a second signal does not wait.

use tokio_util::sync::CancellationToken;

/// Resolves when the process is asked to stop (SIGTERM or SIGINT).
///
/// # Errors
/// When the system does not let us listen for signals.
pub async fn asked() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// The stages of a stop: no new work, then no more conversations.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Set first: sessions are told, polls end, nothing new is accepted.
    pub drain: CancellationToken,
    /// Set last: what is still open is cut.
    pub cut: CancellationToken,
}

/// How long open calls may take to end after they were told.
pub const GRACE: std::time::Duration = std::time::Duration::from_secs(5);
