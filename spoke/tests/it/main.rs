//! The agent against an API server and a hub made for tests, over real TLS.
//!
//! The API server is simkube, or the real one whose kubeconfig `CAPSTAN_TEST_KUBECONFIG` names. Every test takes
//! namespaces of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on has nothing better to do than to stop it"
)]

mod agent;
mod bootstrap;
mod cluster;
mod faults;
mod hub;
mod kinds;
mod lease;
mod limits;
mod rules;
mod stored;
mod sync;
