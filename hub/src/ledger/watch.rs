//! Watching the embedded ledger: a position in its history, and a wake-up that carries nothing.
//!
//! There is no queue for each watcher. One that is too slow finds its place in the history gone and is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::state::State;
use super::{Answer, Event, ModRevision, ReadError, Watching};

/// A watcher of one prefix.
pub(super) struct Watcher {
    state: Arc<Mutex<State>>,
    changed: watch::Receiver<ModRevision>,
    prefix: String,
    seen: ModRevision,
    ready: VecDeque<Event>,
}

impl Watcher {
    pub(super) fn new(
        state: Arc<Mutex<State>>,
        changed: watch::Receiver<ModRevision>,
        prefix: String,
        after: ModRevision,
    ) -> Self {
        Self {
            state,
            changed,
            prefix,
            seen: after,
            ready: VecDeque::new(),
        }
    }

    async fn wait(&mut self) -> Result<Event, ReadError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.changed.mark_unchanged();
            let (events, seen) = {
                let state = self
                    .state
                    .lock()
                    .expect("no panic happens while the state is held");
                state.events(&self.prefix, self.seen)?
            };
            self.seen = seen;
            self.ready = events.into();
            if self.ready.is_empty() {
                let closed = |_| ReadError::Unavailable {
                    reason: "it was closed".to_owned(),
                };
                self.changed.changed().await.map_err(closed)?;
            }
        }
    }
}

impl Watching for Watcher {
    fn next(&mut self) -> Answer<'_, Event, ReadError> {
        Box::pin(self.wait())
    }
}
