//! Owns the defaults of workloads: what keeps pods running, and autoscalers.

use serde_json::{Value, json};

use super::super::strategy::TEMPLATE_GENERATION;
use super::{Fields, inner, is_unset, set, text};

pub(super) fn rule(ty: &str) -> Option<fn(&mut Fields)> {
    Some(match ty {
        "DeploymentSpec" => deployment,
        "DaemonSet" => template_generation,
        "DaemonSetSpec" => daemon_set,
        "StatefulSetSpec" => stateful_set,
        "ReplicaSetSpec" => |f| set(f, "replicas", json!(1)),
        "ReplicationController" => replication_controller,
        "Job" => job,
        "CronJobSpec" => cron_job,
        "PodFailurePolicyOnPodConditionsPattern" => |f| set(f, "status", json!("True")),
        _ => return None,
    })
}

fn deployment(fields: &mut Fields) {
    set(fields, "replicas", json!(1));
    set(fields, "revisionHistoryLimit", json!(10));
    set(fields, "progressDeadlineSeconds", json!(600));
    let strategy = inner(fields, "strategy");
    set(strategy, "type", json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = inner(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", json!("25%"));
        set(rolling, "maxSurge", json!("25%"));
    }
}

fn daemon_set(fields: &mut Fields) {
    set(fields, "revisionHistoryLimit", json!(10));
    let strategy = inner(fields, "updateStrategy");
    set(strategy, "type", json!("RollingUpdate"));
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = inner(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", json!(1));
        set(rolling, "maxSurge", json!(0));
    }
}

/// The count of template changes, which an older version kept in the spec.
fn template_generation(fields: &mut Fields) {
    let annotations = inner(inner(fields, "metadata"), "annotations");
    set(annotations, TEMPLATE_GENERATION, json!("1"));
}

fn stateful_set(fields: &mut Fields) {
    set(fields, "podManagementPolicy", json!("OrderedReady"));
    set(fields, "replicas", json!(1));
    set(fields, "revisionHistoryLimit", json!(10));
    let strategy = inner(fields, "updateStrategy");
    if is_unset(strategy, "type") {
        set(strategy, "type", json!("RollingUpdate"));
        inner(strategy, "rollingUpdate");
    }
    let rolling = text(strategy, "type") == "RollingUpdate";
    if rolling && let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate") {
        set(rolling, "partition", json!(0));
    }
    let retention = inner(fields, "persistentVolumeClaimRetentionPolicy");
    set(retention, "whenDeleted", json!("Retain"));
    set(retention, "whenScaled", json!("Retain"));
    let claims = fields
        .get_mut("volumeClaimTemplates")
        .and_then(Value::as_array_mut);
    for claim in claims
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        set(claim, "apiVersion", json!("v1"));
        set(claim, "kind", json!("PersistentVolumeClaim"));
    }
}

fn template_labels(fields: &Fields) -> Option<Value> {
    let labels = fields.get("spec")?.get("template")?.get("metadata")?;
    labels.get("labels").cloned()
}

fn own_labels_missing(fields: &Fields) -> bool {
    let labels = fields.get("metadata").and_then(|m| m.get("labels"));
    labels
        .and_then(Value::as_object)
        .is_none_or(serde_json::Map::is_empty)
}

fn replication_controller(fields: &mut Fields) {
    let Some(labels) = template_labels(fields) else {
        return;
    };
    if own_labels_missing(fields) {
        inner(fields, "metadata").insert("labels".to_owned(), labels.clone());
    }
    set(inner(fields, "spec"), "selector", labels);
}

fn job(fields: &mut Fields) {
    if own_labels_missing(fields)
        && let Some(labels) = template_labels(fields)
    {
        inner(fields, "metadata").insert("labels".to_owned(), labels);
    }
    // A template in a CronJob keeps these unset until a Job is made of it.
    let spec = inner(fields, "spec");
    if is_unset(spec, "completions") && is_unset(spec, "parallelism") {
        set(spec, "completions", json!(1));
    }
    set(spec, "parallelism", json!(1));
    let retries = if is_unset(spec, "backoffLimitPerIndex") {
        6
    } else {
        i32::MAX
    };
    set(spec, "backoffLimit", json!(retries));
    set(spec, "completionMode", json!("NonIndexed"));
    set(spec, "suspend", json!(false));
    set(spec, "manualSelector", json!(false));
    let replacement = if is_unset(spec, "podFailurePolicy") {
        "TerminatingOrFailed"
    } else {
        "Failed"
    };
    set(spec, "podReplacementPolicy", json!(replacement));
}

fn cron_job(fields: &mut Fields) {
    set(fields, "concurrencyPolicy", json!("Allow"));
    set(fields, "suspend", json!(false));
    set(fields, "successfulJobsHistoryLimit", json!(3));
    set(fields, "failedJobsHistoryLimit", json!(1));
}
