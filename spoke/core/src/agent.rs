//! The agent: one owner of all state of a spoke, driven by events, answering with effects.

use capstan_proto::Moment;

use crate::effect::Effect;
use crate::event::Event;

/// A spoke's judgement. Feed it every event in order, execute every effect in order.
#[derive(Debug, Default)]
pub struct Agent {
    wake_at: Option<Moment>,
}

impl Agent {
    /// An agent that was told nothing yet; its first event is [`Event::Started`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event and says what to do. `now` must not be earlier than in the call before.
    pub fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        if event == Event::Tick {
            self.wake_at = None;
        }
        drop((event, now));
        Vec::new()
    }

    /// When [`Event::Tick`] is wanted; `None`: not before something else happens. Ask after every
    /// `handle`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.wake_at
    }
}
