//! How far the agent came, told to whoever waits for it; written beside everything else, only when it changes.

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::super::Context;
use crate::kube::Kube;
use crate::kube::progress::{self, Phase, Progress};
use crate::telemetry::chain;

/// The story so far.
pub(super) struct Story {
    told: watch::Sender<Progress>,
    _task: AbortOnDropHandle<()>,
}

impl Story {
    pub(super) fn start(context: &Context) -> Self {
        let (told, receiver) = watch::channel(Progress {
            phase: Phase::Started,
            instance: context.instance.to_string(),
            problem: String::new(),
            cluster: String::new(),
        });
        let task = write(context.kube.clone(), context.namespace.clone(), receiver);
        Self {
            told,
            _task: AbortOnDropHandle::new(tokio::spawn(task)),
        }
    }

    /// A step was reached; the problem before it is over.
    pub(super) fn reached(&self, phase: Phase) {
        self.told.send_if_modified(|progress| {
            let before = progress.clone();
            progress.phase = phase;
            progress.problem.clear();
            *progress != before
        });
    }

    /// Something stands in the way; true when it is another thing than before.
    pub(super) fn problem(&self, problem: String) -> bool {
        self.told.send_if_modified(|progress| {
            let changed = progress.problem != problem;
            progress.problem = problem;
            changed
        })
    }

    /// Under which name the hub knows us; empty before enrolment.
    pub(super) fn name(&self) -> String {
        self.told.borrow().cluster.clone()
    }

    /// The hub knows us by this name.
    pub(super) fn cluster(&self, cluster: String) {
        self.told.send_if_modified(|progress| {
            let changed = progress.cluster != cluster;
            progress.cluster = cluster;
            changed
        });
    }
}

async fn write(kube: Kube, namespace: String, mut told: watch::Receiver<Progress>) {
    loop {
        let progress = told.borrow_and_update().clone();
        if let Err(error) = progress::write(&kube, &namespace, &progress).await {
            tracing::debug!(error = %chain(&error), "the agent's progress was not written");
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}
