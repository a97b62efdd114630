//! Whether an object works: one judgement from its status, the same on every cluster.
//!
//! The order is kstatus's, with its holes closed: deletion, generation against observed generation,
//! `Reconciling` and `Stalled`, the bundle's checks or else the kind's own rule, `Ready`, else Healthy. What is deliberately
//! absent: how long something may be Progressing, which is the bundle's policy.

pub mod autoscaling;
pub mod batch;
pub mod check;
pub mod custom;
pub mod extension;
pub mod network;
pub mod pod;
pub mod storage;
pub mod workload;

use capstan_cel::Program;
use capstan_proto::{Health, Moment, ObjectKey};
use serde_json::Value;

use crate::limits::{SETTLE_MS, TERMINATING_MS};
use crate::refusal::cut;
use crate::timestamp;

/// What a judgement needs besides the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The time.
    pub now: Moment,
    /// When the declaration that the object has now was applied.
    pub applied_at: Moment,
}

/// A judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The word.
    pub health: Health,
    /// One CamelCase word; empty when all is well.
    pub reason: String,
    /// One sentence; empty when all is well.
    pub message: String,
    /// What time alone makes of it, unless the object changes before.
    pub then: Option<Then>,
}

/// A change of health that only needs time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Then {
    /// When.
    pub at: Moment,
    /// What it is from then on.
    pub health: Health,
}

impl Verdict {
    /// All is well.
    #[must_use]
    pub fn healthy() -> Self {
        Self::new(Health::Healthy, "", "")
    }

    /// A judgement that only a change of the object changes.
    #[must_use]
    pub fn new(health: Health, reason: &str, message: impl AsRef<str>) -> Self {
        Self {
            health,
            reason: reason.to_owned(),
            message: cut(message.as_ref()),
            then: None,
        }
    }

    /// On the way.
    #[must_use]
    pub fn progressing(reason: &str, message: impl AsRef<str>) -> Self {
        Self::new(Health::Progressing, reason, message)
    }

    /// Broken.
    #[must_use]
    pub fn degraded(reason: &str, message: impl AsRef<str>) -> Self {
        Self::new(Health::Degraded, reason, message)
    }

    /// This judgement until `deadline`; Degraded with the same words from then on.
    #[must_use]
    pub fn until(self, deadline: Moment, now: Moment) -> Self {
        let health = Health::Degraded;
        if now >= deadline {
            return Self { health, ..self };
        }
        let then = Some(Then {
            at: deadline,
            health,
        });
        Self { then, ..self }
    }
}

/// Judges an object by its status. `live` is the whole object; `checks` stand instead of what is
/// known of its kind.
#[must_use]
pub fn evaluate(
    key: &ObjectKey,
    live: &Value,
    checks: Option<&[Program]>,
    context: Context,
) -> Verdict {
    if let Some(verdict) = deletion(live, context) {
        return verdict;
    }
    if let Some(verdict) = unobserved(live) {
        return verdict;
    }
    if let Some(condition) = condition(live, "Reconciling").filter(|c| c.is("True")) {
        return Verdict::progressing(condition.reason_or("Reconciling"), condition.message);
    }
    if let Some(condition) = condition(live, "Stalled").filter(|c| c.is("True")) {
        return Verdict::degraded(condition.reason_or("Stalled"), condition.message);
    }
    match checks {
        Some(checks) => check::judge(checks, live),
        None => by_kind(key, live, context),
    }
}

fn by_kind(key: &ObjectKey, live: &Value, context: Context) -> Verdict {
    match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment") => workload::deployment(live),
        ("apps", "StatefulSet") => workload::stateful_set(live),
        ("apps", "DaemonSet") => workload::daemon_set(live),
        ("apps", "ReplicaSet") => workload::replica_set(live),
        ("", "Pod") => pod::pod(live, context),
        ("batch", "Job") => batch::job(live),
        ("batch", "CronJob") => batch::cron_job(live),
        ("", "Service") => network::service(live),
        ("", "PersistentVolumeClaim") => storage::claim(live),
        ("", "Namespace") => extension::namespace(live),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => extension::definition(live),
        ("apiregistration.k8s.io", "APIService") => extension::api_service(live),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::autoscaler(live, context),
        ("policy", "PodDisruptionBudget") => autoscaling::disruption_budget(live),
        _ if is_builtin(key) => Verdict::healthy(),
        _ => custom::resource(live, context),
    }
}

/// Whether a judgement needs more than the fact that the object exists.
#[must_use]
pub fn needs_status(key_group: &str, kind: &str) -> bool {
    let judged = matches!(
        (key_group, kind),
        (
            "apps",
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"
        ) | (
            "",
            "Pod" | "Service" | "PersistentVolumeClaim" | "Namespace"
        ) | ("batch", "Job" | "CronJob")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
            | ("apiregistration.k8s.io", "APIService")
            | ("autoscaling", "HorizontalPodAutoscaler")
            | ("policy", "PodDisruptionBudget")
    );
    judged || !is_builtin_group(key_group)
}

/// Groups that an API server serves without any custom resource definition.
#[must_use]
pub fn is_builtin_group(group: &str) -> bool {
    // Every other group with a dot is somebody's own, `*.k8s.io` included (Gateway API, snapshots).
    !group.contains('.')
        || matches!(
            group,
            "admissionregistration.k8s.io"
                | "apiextensions.k8s.io"
                | "apiregistration.k8s.io"
                | "authentication.k8s.io"
                | "authorization.k8s.io"
                | "certificates.k8s.io"
                | "coordination.k8s.io"
                | "discovery.k8s.io"
                | "events.k8s.io"
                | "flowcontrol.apiserver.k8s.io"
                | "networking.k8s.io"
                | "node.k8s.io"
                | "rbac.authorization.k8s.io"
                | "resource.k8s.io"
                | "scheduling.k8s.io"
                | "storage.k8s.io"
        )
}

fn is_builtin(key: &ObjectKey) -> bool {
    is_builtin_group(&key.group)
}

/// A condition in `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// One CamelCase word.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// When the status changed last.
    pub since: Option<Moment>,
}

impl<'a> Condition<'a> {
    /// Whether the status is this.
    #[must_use]
    pub fn is(&self, status: &str) -> bool {
        self.status == status
    }

    /// The reason, or this word where there is none.
    #[must_use]
    pub fn reason_or(&self, word: &'a str) -> &'a str {
        if self.reason.is_empty() {
            word
        } else {
            self.reason
        }
    }
}

/// The condition of that type, if it is there and counts for the current generation.
#[must_use]
pub fn condition<'a>(live: &'a Value, name: &str) -> Option<Condition<'a>> {
    let conditions = live.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|c| c["type"] == name)?;
    let stale = match (&found["observedGeneration"], generation(live)) {
        (Value::Number(observed), Some(generation)) => {
            observed.as_i64().is_some_and(|o| o < generation)
        }
        _ => false,
    };
    let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
    (!stale).then(|| Condition {
        status: text("status"),
        reason: text("reason"),
        message: text("message"),
        since: timestamp::parse(text("lastTransitionTime")),
    })
}

/// A whole number in the object; `default` where it is not there.
#[must_use]
pub fn count(live: &Value, pointer: &str, default: i64) -> i64 {
    live.pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or(default)
}

/// A condition that says `False` counts as a failure only after its settle time: controllers say
/// `False` while they start.
#[must_use]
pub fn settling(condition: Condition<'_>, word: &str, context: Context) -> Verdict {
    let since = condition.since.unwrap_or(context.applied_at);
    let deadline = since.max(context.applied_at).plus_ms(SETTLE_MS);
    Verdict::progressing(condition.reason_or(word), condition.message).until(deadline, context.now)
}

fn generation(live: &Value) -> Option<i64> {
    live.pointer("/metadata/generation")?.as_i64()
}

fn deletion(live: &Value, context: Context) -> Option<Verdict> {
    let text = live.pointer("/metadata/deletionTimestamp")?.as_str()?;
    let since = timestamp::parse(text).unwrap_or(context.now);
    let finalizers = live
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array);
    let names: Vec<_> = finalizers
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let message = match names.is_empty() {
        true => "is being deleted".to_owned(),
        false => format!("is being deleted and waits for {}", names.join(", ")),
    };
    let verdict = Verdict::progressing("Terminating", message);
    Some(verdict.until(since.plus_ms(TERMINATING_MS), context.now))
}

fn unobserved(live: &Value) -> Option<Verdict> {
    let observed = live.pointer("/status/observedGeneration")?.as_i64()?;
    (observed != generation(live)?).then(|| {
        Verdict::progressing(
            "NotObserved",
            "its controller has not seen the latest change",
        )
    })
}

#[cfg(test)]
mod tests;
