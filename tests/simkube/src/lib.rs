//! A simulated Kubernetes API server.

pub mod merge;
pub mod schema;
