//! Owns the conditions of a Deployment: whether it is available, and whether its rollout goes on.

use std::time::Duration;

use serde_json::{Value, json};

use super::Again;
use crate::{clock, object};

/// How a rollout stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rollout<'a> {
    /// The name of the newest ReplicaSet.
    pub(super) set: &'a str,
    pub(super) available: bool,
    pub(super) done: bool,
    /// Something moved since the last look.
    pub(super) moved: bool,
    pub(super) paused: bool,
    /// How long nothing may move.
    pub(super) limit: Duration,
}

const TIMED_OUT: &str = "ProgressDeadlineExceeded";
const COMPLETE: &str = "NewReplicaSetAvailable";

/// Sets Available and Progressing; the answer is when the rollout will have taken too long.
pub(super) fn conditions(object: &mut Value, rollout: &Rollout<'_>) -> Again {
    let before = object::items(&object["status"]["conditions"])
        .find(|condition| condition["type"] == "Progressing")
        .cloned()
        .unwrap_or_default();
    let (reason, message) = if rollout.available {
        (
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    set(
        object,
        "Available",
        verdict(rollout.available),
        (reason, message),
    );
    if rollout.done {
        let message = format!("ReplicaSet {:?} has successfully progressed.", rollout.set);
        set(object, "Progressing", "True", (COMPLETE, &message));
        return None;
    }
    if rollout.paused {
        set(
            object,
            "Progressing",
            "Unknown",
            ("DeploymentPaused", "Deployment is paused"),
        );
        return None;
    }
    going_on(object, &before, rollout)
}

fn going_on(object: &mut Value, before: &Value, rollout: &Rollout<'_>) -> Again {
    let text = |field: &str| before[field].as_str().unwrap_or_default();
    let passed = clock::since(text("lastUpdateTime"))
        .and_then(|passed| Duration::try_from(passed).ok())
        .unwrap_or_default();
    let same = text("message").contains(rollout.set) && text("reason") != COMPLETE;
    let stuck = same && !rollout.moved;
    if stuck && (text("reason") == TIMED_OUT || passed >= rollout.limit) {
        let message = format!("ReplicaSet {:?} has timed out progressing.", rollout.set);
        set(object, "Progressing", "False", (TIMED_OUT, &message));
        return None;
    }
    let message = format!("ReplicaSet {:?} is progressing.", rollout.set);
    set(
        object,
        "Progressing",
        "True",
        ("ReplicaSetUpdated", &message),
    );
    if !stuck {
        touch(object);
    }
    let left = if stuck {
        rollout.limit.saturating_sub(passed)
    } else {
        rollout.limit
    };
    // Times are whole seconds.
    Some(left + Duration::from_secs(1))
}

/// What moved moves the time that the deadline counts from.
fn touch(object: &mut Value) {
    let conditions = object["status"]["conditions"].as_array_mut();
    for condition in conditions
        .into_iter()
        .flatten()
        .filter(|one| one["type"] == "Progressing")
    {
        condition["lastUpdateTime"] = json!(clock::now());
    }
}

fn verdict(yes: bool) -> &'static str {
    if yes { "True" } else { "False" }
}

fn set(object: &mut Value, kind: &str, status: &str, why: (&str, &str)) {
    let now = clock::now();
    super::set_condition(
        object,
        json!({
            "type": kind, "status": status, "reason": why.0, "message": why.1,
            "lastUpdateTime": now, "lastTransitionTime": now,
        }),
    );
}

#[cfg(test)]
mod tests;
