//! Owns Jobs: pods until enough of them succeeded or too many failed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Again, garbage, owned, pods};
use crate::store::Key;
use crate::world::World;
use crate::{clock, object, write};

const JOBS: &str = "jobs.batch";

pub(super) fn reconcile(world: &mut World, job: &Value) -> Again {
    if object::is_terminating(job) {
        return None;
    }
    if ["Complete", "Failed"]
        .iter()
        .any(|kind| object::condition(job, kind) == "True")
    {
        return expire(world, job);
    }
    let all = owned(world, "pods", job);
    let phase = |wanted: &str| {
        all.iter()
            .filter(|pod| pod["status"]["phase"] == wanted)
            .count()
    };
    let (succeeded, failed) = (phase("Succeeded"), phase("Failed"));
    let active: Vec<&Arc<Value>> = all.iter().filter(|pod| pods::is_active(pod)).collect();
    let number = |path: &str, default: u64| {
        let value = object::at(job, path).as_u64().unwrap_or(default);
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    let completions = number("spec.completions", 1);
    let suspended = job["spec"]["suspend"] == true;
    let exhausted = failed > number("spec.backoffLimit", 6);
    let wanted = if suspended || exhausted {
        0
    } else {
        number("spec.parallelism", 1).min(completions.saturating_sub(succeeded))
    };
    for _ in active.len()..wanted {
        let name = write::generated(&format!("{}-", object::name(job)));
        super::make_pod(world, job, &name, &json!({}));
    }
    for pod in active.iter().skip(wanted) {
        garbage::remove(world, "pods", &Key::of(pod));
    }
    let verdict = match (succeeded >= completions, exhausted) {
        (true, _) => Some("Complete"),
        (_, true) => Some("Failed"),
        _ => None,
    };
    status(world, job, (succeeded, failed, suspended), verdict);
    None
}

fn status(world: &mut World, job: &Value, counts: (usize, usize, bool), verdict: Option<&str>) {
    let (succeeded, failed, suspended) = counts;
    let now = clock::now();
    let all = owned(world, "pods", job);
    let active = all.iter().filter(|pod| pods::is_active(pod)).count();
    let ready = all.iter().filter(|pod| pods::is_ready(pod)).count();
    let mut object = json!({"status": job["status"]});
    let status = object::child_mut(object::root_mut(&mut object), "status");
    if !suspended {
        status.entry("startTime").or_insert_with(|| json!(now));
    }
    status.insert("ready".into(), json!(ready));
    status.insert(
        "terminating".into(),
        json!(all.iter().filter(|pod| object::is_terminating(pod)).count()),
    );
    status.insert("uncountedTerminatedPods".into(), json!({}));
    for (field, count) in [
        ("active", active),
        ("succeeded", succeeded),
        ("failed", failed),
    ] {
        if count > 0 {
            status.insert(field.into(), json!(count));
        } else {
            status.remove(field);
        }
    }
    let mut condition = |kind: &str, reason: &str, message: &str| {
        super::set_condition(
            &mut object,
            json!({
                "type": kind, "status": "True", "reason": reason, "message": message,
                "lastProbeTime": now, "lastTransitionTime": now,
            }),
        );
    };
    match verdict {
        Some("Complete") => {
            let message = "Reached expected number of succeeded pods";
            condition("SuccessCriteriaMet", "CompletionsReached", message);
            condition("Complete", "CompletionsReached", message);
            object["status"]["completionTime"] = json!(now);
        }
        Some(_) => {
            let message = "Job has reached the specified backoff limit";
            condition("FailureTarget", "BackoffLimitExceeded", message);
            condition("Failed", "BackoffLimitExceeded", message);
        }
        None if suspended => condition("Suspended", "JobSuspended", "Job suspended"),
        None => {}
    }
    super::put_status(world, JOBS, &Key::of(job), object["status"].take());
}

/// Removes a finished Job when its time to live is over.
fn expire(world: &mut World, job: &Value) -> Again {
    let life = Duration::from_secs(job["spec"]["ttlSecondsAfterFinished"].as_u64()?);
    let end = object::items(&job["status"]["conditions"])
        .find(|condition| matches!(condition["type"].as_str(), Some("Complete" | "Failed")))
        .and_then(|condition| clock::since(condition["lastTransitionTime"].as_str()?))?;
    let passed = Duration::try_from(end).unwrap_or_default();
    if passed < life {
        return Some(life - passed);
    }
    garbage::remove(world, JOBS, &Key::of(job));
    None
}
