//! How a follower of Git is woken, and told which rewritten head a person accepted.

use std::sync::Mutex;

use capstan_proto::Revision;
use tokio::sync::Notify;

/// What others hold of a follower.
#[derive(Debug, Default)]
pub(crate) struct Waker {
    notify: Notify,
    accepted: Mutex<Option<Revision>>,
}

impl Waker {
    /// Makes the follower look now.
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// Makes the follower take this head, and what contains it, although history was rewritten.
    pub(crate) fn accept(&self, head: Revision) {
        *self.slot() = Some(head);
        self.wake();
    }

    /// What was accepted since the last call.
    pub(crate) fn accepted(&self) -> Option<Revision> {
        self.slot().take()
    }

    /// Waits until it is woken.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Revision>> {
        self.accepted
            .lock()
            .expect("no panic happens while it is held")
    }
}
