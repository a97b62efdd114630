//! The state machine.

use capstan_proto::Triple;

use super::{Effect, Event, Known, Status};

/// One session of one spoke.
#[derive(Clone, Debug)]
pub struct Session {
    known: Known,
}

impl Session {
    /// A session that waits for the spoke's Hello.
    #[must_use]
    pub fn new(known: Known) -> Self {
        Self { known }
    }

    /// Takes an event; the effects are to be carried out in order.
    pub fn handle(&mut self, _event: Event) -> Vec<Effect> {
        let _ = &self.known;
        Vec::new()
    }

    /// What the session can say of itself.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::default()
    }

    /// The snapshots whose content the spoke may read.
    pub fn readable(&self) -> impl Iterator<Item = Triple> {
        std::iter::empty()
    }
}
