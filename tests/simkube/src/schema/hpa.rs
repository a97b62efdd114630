//! Owns the conversion of horizontal pod autoscalers, the one built-in kind served at two versions.
//!
//! Version 1 knows only the utilization of the CPU. Everything else of version 2 travels in
//! annotations, which appear at version 1 only; unlike the real server's they hold the JSON of
//! version 2, so they are for this server to read back and for nobody else.

use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// Utilization that version 1 means when it names none.
const DEFAULT_UTILIZATION: i64 = 80;

type Fields = Map<String, Value>;

/// Converts `object` in place from one version of `autoscaling` to another.
pub(super) fn convert(object: &mut Value, from: &str, to: &str) {
    match (from, to) {
        ("v2", "v1") => to_v1(object),
        ("v1", "v2") => to_v2(object),
        _ => {}
    }
}

fn part<'v>(object: &'v mut Value, name: &str) -> Option<&'v mut Fields> {
    object.get_mut(name)?.as_object_mut()
}

fn is_cpu_utilization(metric: &Value) -> bool {
    metric["type"] == "Resource"
        && metric["resource"]["name"] == "cpu"
        && metric["resource"]["target"]["averageUtilization"].is_i64()
}

fn cpu_utilization(percent: &Value) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": percent});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

fn take_list(fields: &mut Fields, name: &str) -> Vec<Value> {
    match fields.remove(name) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

fn to_v1(object: &mut Value) {
    let mut notes: Vec<(&str, Value)> = Vec::new();
    if let Some(spec) = part(object, "spec") {
        let metrics = take_list(spec, "metrics");
        if let Some(cpu) = metrics.iter().find(|m| is_cpu_utilization(m)) {
            let target = cpu["resource"]["target"]["averageUtilization"].clone();
            spec.insert("targetCPUUtilizationPercentage".to_owned(), target);
        }
        let others: Vec<Value> = metrics
            .into_iter()
            .filter(|m| !is_cpu_utilization(m))
            .collect();
        notes.push((METRICS, json!(others)));
        notes.push((BEHAVIOR, spec.remove("behavior").unwrap_or_default()));
    }
    if let Some(status) = part(object, "status") {
        let current = take_list(status, "currentMetrics");
        let cpu = current.iter().find(|m| m["resource"]["name"] == "cpu");
        let used = cpu.map(|m| m["resource"]["current"]["averageUtilization"].clone());
        if let Some(used) = used.filter(Value::is_i64) {
            status.insert("currentCPUUtilizationPercentage".to_owned(), used);
        }
        notes.push((CURRENT, json!(current)));
        notes.push((CONDITIONS, json!(take_list(status, "conditions"))));
        status.entry("currentReplicas").or_insert(json!(0));
    }
    annotate(object, notes);
}

fn annotate(object: &mut Value, notes: Vec<(&str, Value)>) {
    let Some(metadata) = part(object, "metadata") else {
        return;
    };
    for (name, value) in notes {
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if empty {
            continue;
        }
        let annotations = metadata.entry("annotations").or_insert(json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(name.to_owned(), json!(value.to_string()));
        }
    }
}

/// Takes what version 1 kept in an annotation.
fn take_note(object: &mut Value, name: &str) -> Option<Value> {
    let metadata = part(object, "metadata")?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let text = annotations.remove(name)?;
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    serde_json::from_str(text.as_str()?).ok()
}

fn to_v2(object: &mut Value) {
    let mut metrics = match take_note(object, METRICS) {
        Some(Value::Array(metrics)) => metrics,
        _ => Vec::new(),
    };
    let behavior = take_note(object, BEHAVIOR);
    let current = take_note(object, CURRENT);
    let conditions = take_note(object, CONDITIONS);
    if let Some(spec) = part(object, "spec") {
        let target = spec.remove("targetCPUUtilizationPercentage");
        if let Some(percent) = target.filter(Value::is_i64) {
            metrics.push(cpu_utilization(&percent));
        }
        if metrics.is_empty() {
            metrics.push(cpu_utilization(&json!(DEFAULT_UTILIZATION)));
        }
        spec.insert("metrics".to_owned(), json!(metrics));
        if let Some(behavior) = behavior {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    if let Some(status) = part(object, "status") {
        status.remove("currentCPUUtilizationPercentage");
        if status.get("currentReplicas") == Some(&json!(0)) {
            status.remove("currentReplicas");
        }
        status.insert("currentMetrics".to_owned(), current.unwrap_or_default());
        if let Some(conditions) = conditions {
            status.insert("conditions".to_owned(), conditions);
        }
    }
}
