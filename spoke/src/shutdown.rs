//! When to stop: SIGTERM, SIGINT, or whoever embeds the agent says so.

use tokio::sync::watch;

/// Asks to stop.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Knows when to stop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A shutdown that comes with `Trigger::pull`, or when the trigger is dropped.
#[must_use]
pub fn manual() -> (Trigger, Shutdown) {
    let (trigger, shutdown) = watch::channel(false);
    (Trigger(trigger), Shutdown(shutdown))
}

impl Trigger {
    /// Stops everything that waits for it.
    pub fn pull(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns when it is time to stop; at once when it was before.
    pub async fn wait(&mut self) {
        // An error means that the trigger is gone, which means the same.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}

/// A shutdown that the process's signals pull.
///
/// # Errors
/// When the system does not let us listen to them.
pub fn on_signals() -> std::io::Result<Shutdown> {
    let (trigger, shutdown) = manual();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: what is under way is ended first");
        trigger.pull();
        // Dropping the trigger would pull it too; keeping it is clearer than relying on that.
        std::future::pending::<()>().await;
    });
    Ok(shutdown)
}
