//! Health of what guards and scales workloads: HorizontalPodAutoscaler, PodDisruptionBudget.

use serde_json::Value;

use super::{Context, Verdict, condition};
use crate::limits::HEALTH_TIMEOUT_MS;

/// Reasons of `ScalingActive=False` that do not go away by themselves.
const BROKEN_METRICS: [&str; 6] = [
    "FailedComputeMetricsReplicas",
    "FailedGetExternalMetric",
    "FailedGetObjectMetric",
    "FailedGetPodsMetric",
    "FailedGetResourceMetric",
    "InvalidSelector",
];

/// An autoscaler is Degraded when it cannot scale, and when metrics are lacking for five minutes.
pub(super) fn autoscaler(live: &Value, context: Context) -> Verdict {
    let able = condition(live, "AbleToScale");
    if let Some(unable) = able.filter(|c| c.is("False")) {
        return Verdict::degraded(unable.reason_or("UnableToScale"), unable.message);
    }
    let active = condition(live, "ScalingActive");
    if let Some(blind) = active.filter(|c| c.is("False") && BROKEN_METRICS.contains(&c.reason)) {
        let since = blind.since.unwrap_or(context.applied_at);
        let deadline = since.plus_ms(HEALTH_TIMEOUT_MS);
        return Verdict::progressing(blind.reason, blind.message).until(deadline, context.now);
    }
    match able {
        Some(_) => Verdict::healthy(),
        None => Verdict::progressing("NotObserved", "its controller has not seen it yet"),
    }
}

/// A budget works once its controller has seen it, whether it allows a disruption now or not.
pub(super) fn disruption_budget(live: &Value) -> Verdict {
    if live.pointer("/status/observedGeneration").is_none() {
        return Verdict::progressing("NotObserved", "its controller has not seen it yet");
    }
    match condition(live, "DisruptionAllowed").filter(|c| c.is("False") && c.reason == "SyncFailed")
    {
        Some(failed) => Verdict::degraded(failed.reason, failed.message),
        None => Verdict::healthy(),
    }
}
