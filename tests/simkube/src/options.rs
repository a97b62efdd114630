//! Owns how a simulated server is told to behave.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How to start a server. `Options::default()` is a server in memory on a free loopback port
/// whose workloads become ready after 100 ms.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// The name of the cluster, context and user in the kubeconfig. Default `simkube`.
    pub name: String,
    /// Directory that keeps the state across restarts; made when absent. Default: memory only.
    pub data: Option<PathBuf>,
    /// How long a pod takes to become ready. Default 100 ms.
    pub ready_delay: Duration,
    /// How long a custom resource takes to be served after its definition. Default 20 ms.
    pub crd_delay: Duration,
    /// How long a pod takes to go away after its deletion. Default 20 ms.
    pub termination_delay: Duration,
    /// How many changes per kind a watch can resume from; older ones are 410. Default 1024.
    pub history: usize,
    /// How often a watch that asked for bookmarks gets one. Default one minute.
    pub bookmark_interval: Duration,
    /// Whether the stand-ins for the controllers run. Default true. Namespaces, definitions and
    /// garbage are looked after in any case.
    pub workloads: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            name: "simkube".to_owned(),
            data: None,
            ready_delay: Duration::from_millis(100),
            crd_delay: Duration::from_millis(20),
            termination_delay: Duration::from_millis(20),
            history: 1024,
            bookmark_interval: Duration::from_secs(60),
            workloads: true,
        }
    }
}
