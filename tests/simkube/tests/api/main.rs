//! The simulated server over real TLS and HTTP, as a client meets it.

mod access;
mod kubectl;
mod reading;
mod server;
mod support;
mod watching;
mod workloads;
mod writing;
