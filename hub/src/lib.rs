//! The hub's shell: it follows Git, asks the core what to do, and does it.

pub mod ca;
pub mod content;
pub mod config;
pub mod git;
pub mod ledger;
pub mod store;
pub mod tls;
