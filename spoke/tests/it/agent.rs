//! The agent itself, as `spoke run` runs it.

use capstan_spoke::config::Run;
use capstan_spoke::shutdown::{self, Trigger};
use capstan_spoke::telemetry::Format;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;

pub(crate) struct Agent {
    trigger: Trigger,
    task: JoinHandle<Result<(), capstan_spoke::runtime::RunError>>,
}

impl Agent {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        capstan_spoke::telemetry::start(Format::Text);
        let (trigger, shutdown) = shutdown::manual();
        let config = Run {
            access: cluster.access.clone(),
            namespace: cluster.namespace.clone(),
            http: None,
            log_format: Format::Text,
        };
        Self {
            trigger,
            task: tokio::spawn(async move { capstan_spoke::runtime::run(&config, shutdown).await }),
        }
    }

    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.trigger.pull();
        self.task.await.unwrap().unwrap();
    }
}
