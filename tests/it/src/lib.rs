//! A fleet under test: hub and spokes as real processes, real TLS, a real store, a real Git
//! repository; clusters simulated in this process, or a real API server where one is named.
//!
//! Deliberately absent: test switches in the product. Everything here is done as a person would.

pub mod apiserver;
pub mod cluster;
pub mod fleet;
pub mod git;
pub mod modes;
pub mod part;
pub mod port;
pub mod sample;
pub mod scenario;
pub mod wait;

pub use cluster::{Backend, Client, Cluster};
pub use fleet::Fleet;
