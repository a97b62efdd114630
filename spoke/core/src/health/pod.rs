//! Health of a bare Pod.

use serde_json::Value;

use super::{Context, Verdict, condition};
use crate::limits::UNSCHEDULABLE_MS;

/// A Pod is Healthy when it is ready or done, Degraded when a container cannot start or failed.
pub(super) fn pod(live: &Value, context: Context) -> Verdict {
    if let Some(verdict) = stuck_container(live) {
        return verdict;
    }
    match live.pointer("/status/phase").and_then(Value::as_str) {
        Some("Succeeded") => Verdict::healthy(),
        Some("Failed") => failed(live),
        Some("Running") => running(live),
        Some("Unknown") => Verdict::new(
            capstan_proto::Health::Unknown,
            "NodeLost",
            "its node does not answer",
        ),
        _ => pending(live, context),
    }
}

fn running(live: &Value) -> Verdict {
    match condition(live, "Ready") {
        Some(ready) if ready.is("True") => Verdict::healthy(),
        Some(ready) => Verdict::progressing(ready.reason_or("NotReady"), ready.message),
        None => Verdict::progressing("NotReady", "it runs and is not ready yet"),
    }
}

fn pending(live: &Value, context: Context) -> Verdict {
    let scheduled = condition(live, "PodScheduled");
    let Some(no_node) = scheduled.filter(|c| c.is("False") && c.reason == "Unschedulable") else {
        return Verdict::progressing("Pending", "it is not started yet");
    };
    let since = no_node.since.unwrap_or(context.applied_at);
    let deadline = since.plus_ms(UNSCHEDULABLE_MS);
    Verdict::progressing("Unschedulable", no_node.message).until(deadline, context.now)
}

fn failed(live: &Value) -> Verdict {
    let reason = live.pointer("/status/reason").and_then(Value::as_str);
    let message = live.pointer("/status/message").and_then(Value::as_str);
    Verdict::degraded(reason.unwrap_or("Failed"), message.unwrap_or("it failed"))
}

/// A container, init containers included, whose waiting reason says that it will not start by itself.
fn stuck_container(live: &Value) -> Option<Verdict> {
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let containers = lists
        .iter()
        .filter_map(|list| live.pointer(list)?.as_array())
        .flatten();
    containers.into_iter().find_map(|container| {
        let waiting = container.pointer("/state/waiting")?;
        let reason = waiting["reason"].as_str()?;
        let stuck = reason.starts_with("Err")
            || reason.ends_with("Error")
            || reason.ends_with("BackOff")
            || reason == "InvalidImageName";
        let name = container["name"].as_str().unwrap_or_default();
        let message = waiting["message"].as_str().unwrap_or_default();
        stuck.then(|| Verdict::degraded(reason, format!("container {name}: {message}")))
    })
}
