//! The simulated server over real TLS and HTTP, as a client meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod failing;
mod kubectl;
mod reading;
mod server;
mod support;
mod watching;
mod workloads;
mod writing;
