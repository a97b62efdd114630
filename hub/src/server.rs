//! The hub, composed: everything is opened, bound and started here, and stopped in order.

use crate::addresses::Addresses;
use crate::config::Config;

/// A running hub.
#[derive(Debug)]
pub struct Server {
    addresses: Addresses,
}

impl Server {
    /// Starts.
    pub async fn start(_config: Config) -> anyhow::Result<Self> {
        anyhow::bail!("not yet")
    }
    /// Addresses.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
    /// Resolves when it cannot go on.
    pub async fn failed(&self) -> String {
        std::future::pending().await
    }
    /// Stops.
    pub async fn stop(&self) {}
}
