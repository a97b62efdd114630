//! Kubernetes Events, best effort and at a bounded rate.

use std::time::Duration;

use capstan_spoke_core::effect::Notice;
use serde_json::json;
use tokio::time::Instant;

use super::lease::micro_time;
use super::{Call, Kube};

/// Events that may be written at once, and how long until one more may: a bad roll-out of a thousand objects must not
/// fill etcd with a thousand Events.
const BURST: u32 = 20;
const REFILL: Duration = Duration::from_secs(10);

/// Longest note that the API server takes.
const NOTE_BYTES_MAX: usize = 1_024;

/// Writes Events.
#[derive(Debug)]
pub struct Notices {
    kube: Kube,
    namespace: String,
    instance: String,
    left: u32,
    refilled: Instant,
}

impl Notices {
    /// About the agent in `namespace`, written by `instance`.
    #[must_use]
    pub fn new(kube: Kube, namespace: &str, instance: &str) -> Self {
        Self {
            kube,
            namespace: namespace.to_owned(),
            instance: instance.to_owned(),
            left: BURST,
            refilled: Instant::now(),
        }
    }

    /// Writes one, beside everything else, or drops it when there were too many.
    pub fn emit(&mut self, notice: &Notice) {
        if !self.take() {
            return;
        }
        let call = self.call(notice);
        let kube = self.kube.clone();
        tokio::spawn(async move {
            match kube.call(call).await {
                Ok(answer) if answer.ok() => {}
                Ok(answer) => {
                    tracing::debug!(status = answer.status, "a Kubernetes Event was refused")
                }
                Err(error) => tracing::debug!(%error, "a Kubernetes Event was not written"),
            }
        });
    }

    fn take(&mut self) -> bool {
        let passed = self.refilled.elapsed().as_secs() / REFILL.as_secs();
        if passed > 0 {
            let more = u32::try_from(passed).unwrap_or(BURST);
            self.left = self.left.saturating_add(more).min(BURST);
            self.refilled = Instant::now();
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    fn call(&self, notice: &Notice) -> Call {
        let now = time::OffsetDateTime::now_utc();
        let (regarding, namespace) = match &notice.regarding {
            Some(key) => {
                // Events of cluster-scoped objects live in `default`.
                let namespace = match key.namespace.is_empty() {
                    true => "default",
                    false => key.namespace.as_str(),
                };
                let api_version = match key.group.is_empty() {
                    true => "v1".to_owned(),
                    false => format!("{}/v1", key.group),
                };
                let regarding = json!({
                    "apiVersion": api_version, "kind": key.kind, "namespace": key.namespace, "name": key.name,
                });
                (regarding, namespace.to_owned())
            }
            None => {
                let regarding = json!({
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "namespace": self.namespace, "name": crate::bootstrap::ACCOUNT,
                });
                (regarding, self.namespace.clone())
            }
        };
        let note: String = notice.message.chars().take(NOTE_BYTES_MAX / 4).collect();
        let body = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"generateName": "capstan-spoke-", "namespace": namespace},
            "eventTime": micro_time(now),
            "reportingController": "capstan.dev/spoke",
            "reportingInstance": self.instance,
            "action": "Reconcile",
            "reason": notice.reason,
            "type": if notice.warning { "Warning" } else { "Normal" },
            "note": note,
            "regarding": regarding,
        });
        Call::post(
            format!(
                "/apis/events.k8s.io/v1/namespaces/{}/events",
                super::resource::encode(&namespace)
            ),
            &body,
        )
    }
}
