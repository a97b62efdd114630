//! The hub's shell: it follows Git, asks the core what to do, and does it.

pub mod addresses;
pub mod audit;
pub mod ca;
pub mod cli;
pub mod clock;
pub mod config;
pub mod content;
mod engine;
pub mod found;
pub mod git;
mod grpc;
mod history;
pub mod http;
pub mod layout;
pub mod ledger;
pub mod metrics;
mod offline;
pub mod server;
pub mod shutdown;
pub mod socket;
pub mod store;
pub mod telemetry;
pub mod tls;
