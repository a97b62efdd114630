//! The spoke's shell: executes what `capstan-spoke-core` decides, towards the hub and the API server.
//!
//! Deliberately absent: any judgement about the fleet. What is applied, in which order, what is drift and what may be
//! deleted is decided by the core, which is pure; this crate has the clock, the sockets and the credentials.

pub mod bootstrap;
pub mod cli;
pub mod config;
pub mod http;
pub mod kube;
pub mod link;
pub mod metrics;
pub mod runtime;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

/// This build's version, as Hello and the image's tag carry it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
