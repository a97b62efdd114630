//! Owns what one running server is made of.

use std::sync::Arc;

use tokio::sync::watch;

use crate::faults::Faults;
use crate::identity::Identity;
use crate::options::Options;
use crate::requests::Requests;
use crate::world::Shared;

/// Everything that a request may need.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) shared: Shared,
    pub(crate) identity: Identity,
    pub(crate) options: Arc<Options>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) faults: Faults,
    /// `https://127.0.0.1:PORT`.
    pub(crate) url: String,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Returns once the server is to stop (or is gone already).
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("the server is gone");
    }
}
