//! What a Capstan spoke judges: plans, ownership, drift and health, as pure functions over values.
//!
//! The shell hands [`Event`]s to [`Agent::handle`] and executes the [`Effect`]s that come back, in
//! their order; [`Agent::poll_timeout`] says when to come again without an event. Deliberately
//! absent: a clock, randomness, the environment, files, sockets, an async runtime, hash order.
//! Time, random numbers and identity are arguments.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod agent;
pub mod effect;
pub mod event;
pub mod head;
pub mod inventory;
pub mod kind;
pub mod limits;
pub mod live;
pub mod outcome;

pub use agent::Agent;
pub use effect::{Effect, Request, ToHub};
pub use event::{Event, FromHub, Started};
pub use kind::Kind;
pub use live::Observed;
pub use outcome::Outcome;
