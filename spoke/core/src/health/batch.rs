//! Health of Jobs and CronJobs.

use capstan_proto::Health;
use serde_json::Value;

use super::{Verdict, condition, count};

/// A Job that runs is Progressing; only one that completed is Healthy.
pub(super) fn job(live: &Value) -> Verdict {
    if let Some(failed) = condition(live, "Failed").filter(|c| c.is("True")) {
        return Verdict::degraded(failed.reason_or("Failed"), failed.message);
    }
    if is_complete(live) {
        return Verdict {
            reason: "Completed".to_owned(),
            ..Verdict::healthy()
        };
    }
    if condition(live, "Suspended").is_some_and(|c| c.is("True")) {
        return Verdict::new(Health::Suspended, "Suspended", "it is suspended");
    }
    let (active, done) = (
        count(live, "/status/active", 0),
        count(live, "/status/succeeded", 0),
    );
    let want = count(live, "/spec/completions", 1);
    Verdict::progressing(
        "Running",
        format!("{done} of {want} pods are done, {active} run"),
    )
}

/// Whether a Job finished well, so that it may vanish (K16).
#[must_use]
pub fn is_complete(live: &Value) -> bool {
    condition(live, "Complete").is_some_and(|c| c.is("True"))
}

/// A CronJob works as soon as it is accepted; a suspended one says so.
pub(super) fn cron_job(live: &Value) -> Verdict {
    if live.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
        return Verdict::new(Health::Suspended, "Suspended", "it is suspended");
    }
    Verdict::healthy()
}
