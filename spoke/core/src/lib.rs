//! What a Capstan spoke judges: plans, ownership, drift and health, as pure functions over values.
//!
//! The shell hands [`Event`]s to [`Agent::handle`] and executes the [`Effect`]s that come back, in
//! their order; [`Agent::poll_timeout`] says when to come again without an event. Deliberately
//! absent: a clock, randomness, the environment, files, sockets, an async runtime, hash order.
//! Time, random numbers and identity are arguments.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod agent;
pub mod backoff;
pub mod drift;
pub mod effect;
pub mod event;
pub mod head;
pub mod health;
pub mod ignore;
pub mod inventory;
pub mod kind;
pub mod limits;
pub mod live;
pub mod managed_fields;
pub mod order;
pub mod outcome;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod refusal;
pub mod report;
pub mod timestamp;

pub use agent::Agent;
pub use effect::{Effect, Request, ToHub};
pub use event::{Event, FromHub, Started};
pub use kind::Kind;
pub use live::Observed;
pub use outcome::Outcome;
