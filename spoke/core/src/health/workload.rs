//! Health of what runs pods: Deployment, StatefulSet, DaemonSet, ReplicaSet.

use capstan_proto::Health;
use serde_json::Value;

use super::{Verdict, condition, count};

/// A Deployment is Healthy only when all its pods are updated, ready and available.
pub(super) fn deployment(live: &Value) -> Verdict {
    if live.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Verdict::new(Health::Suspended, "Paused", "its roll-out is paused");
    }
    let progressing = condition(live, "Progressing");
    if let Some(stuck) = progressing.filter(|c| c.reason == "ProgressDeadlineExceeded") {
        return Verdict::degraded("ProgressDeadlineExceeded", stuck.message);
    }
    if live
        .get("status")
        .is_none_or(|status| status.get("observedGeneration").is_none())
    {
        return not_started();
    }
    let want = count(live, "/spec/replicas", 1);
    let have = count(live, "/status/replicas", 0);
    let updated = count(live, "/status/updatedReplicas", 0);
    let ready = count(live, "/status/readyReplicas", 0);
    let available = count(live, "/status/availableReplicas", 0);
    let failure = condition(live, "ReplicaFailure").filter(|c| c.is("True"));
    let lacking = [
        (
            updated < want,
            format!("{updated} of {want} pods are updated"),
        ),
        (
            have > updated,
            format!("{} old pods are still there", have - updated),
        ),
        (ready < want, format!("{ready} of {want} pods are ready")),
        (
            available < want,
            format!("{available} of {want} pods are available"),
        ),
    ];
    let lacking = lacking.into_iter().find(|(lacks, _)| *lacks);
    match (lacking, failure) {
        (Some(_), Some(failure)) => {
            Verdict::progressing(failure.reason_or("ReplicaFailure"), failure.message)
        }
        (Some((_, message)), None) => Verdict::progressing("PodsNotReady", message),
        (None, _) => match condition(live, "Available").filter(|c| !c.is("True")) {
            Some(not) => Verdict::progressing(not.reason_or("NotAvailable"), not.message),
            None => Verdict::healthy(),
        },
    }
}

/// A StatefulSet is Healthy when every pod is ready and, unless it is updated by hand, of the
/// current revision as far as its partition says.
pub(super) fn stateful_set(live: &Value) -> Verdict {
    if live
        .get("status")
        .is_none_or(|status| status.get("observedGeneration").is_none())
    {
        return not_started();
    }
    let want = count(live, "/spec/replicas", 1);
    let have = count(live, "/status/replicas", 0);
    let ready = count(live, "/status/readyReplicas", 0);
    if have < want || ready < want {
        let message = format!("{ready} of {want} pods are ready");
        return Verdict::progressing("PodsNotReady", message);
    }
    if have > want {
        let message = format!("{} pods too many are still there", have - want);
        return Verdict::progressing("PodsTooMany", message);
    }
    if live
        .pointer("/spec/updateStrategy/type")
        .is_some_and(|t| t == "OnDelete")
    {
        return Verdict::healthy();
    }
    let partition = count(live, "/spec/updateStrategy/rollingUpdate/partition", 0);
    let updated = count(live, "/status/updatedReplicas", 0);
    let current = live.pointer("/status/currentRevision");
    let rolled_out = partition == 0 && current == live.pointer("/status/updateRevision");
    if updated < (want - partition).max(0) && !rolled_out {
        let message = format!("{updated} of {} pods are updated", want - partition);
        return Verdict::progressing("PodsNotUpdated", message);
    }
    Verdict::healthy()
}

/// A DaemonSet is Healthy when every node that wants its pod has it, updated and available.
pub(super) fn daemon_set(live: &Value) -> Verdict {
    let status = live.get("status");
    let seen = status.is_some_and(|status| {
        status.get("observedGeneration").is_some() && status.get("desiredNumberScheduled").is_some()
    });
    if !seen {
        return not_started();
    }
    let want = count(live, "/status/desiredNumberScheduled", 0);
    let manual = live
        .pointer("/spec/updateStrategy/type")
        .is_some_and(|t| t == "OnDelete");
    let counts = [
        ("currentNumberScheduled", "scheduled"),
        ("updatedNumberScheduled", "updated"),
        ("numberReady", "ready"),
        ("numberAvailable", "available"),
    ];
    for (field, word) in counts {
        let have = count(live, &format!("/status/{field}"), 0);
        if have < want && !(manual && word == "updated") {
            return Verdict::progressing(
                "PodsNotReady",
                format!("{have} of {want} pods are {word}"),
            );
        }
    }
    Verdict::healthy()
}

/// A ReplicaSet is Degraded when its pods cannot be made.
pub(super) fn replica_set(live: &Value) -> Verdict {
    if let Some(failure) = condition(live, "ReplicaFailure").filter(|c| c.is("True")) {
        return Verdict::degraded(failure.reason_or("ReplicaFailure"), failure.message);
    }
    if live
        .get("status")
        .is_none_or(|status| status.get("observedGeneration").is_none())
    {
        return not_started();
    }
    let want = count(live, "/spec/replicas", 1);
    let have = count(live, "/status/replicas", 0);
    let available = count(live, "/status/availableReplicas", 0);
    if available < want {
        let message = format!("{available} of {want} pods are available");
        return Verdict::progressing("PodsNotReady", message);
    }
    if have > want {
        let message = format!("{} pods too many are still there", have - want);
        return Verdict::progressing("PodsTooMany", message);
    }
    Verdict::healthy()
}

fn not_started() -> Verdict {
    Verdict::progressing("NotObserved", "its controller has not seen it yet")
}
