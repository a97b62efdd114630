//! Waiting for a state, never for a time.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Longest wait. A machine under load must not fail a test: only a state that never comes does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `look` gives a value; what it saw last is told when it never does.
///
/// # Errors
/// When the state does not come within a minute.
pub async fn until<T, E: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match look().await {
            Ok(value) => return Ok(value),
            Err(seen) if Instant::now() > deadline => bail!("{what}: never; last seen: {seen:?}"),
            Err(_) => {}
        }
    }
}
