//! Owns the rules of pods and of what makes pods.

use serde_json::{Value, json};

use super::pods::{self, Restart};
use super::{Errors, is_empty, items, same, text, unchanged};

pub(super) fn check(kind: &str, old: Option<&Value>, new: &Value, errors: &mut Errors) {
    let spec = &new["spec"];
    match kind {
        "Pod" => pods::spec(spec, "spec", Restart::Any, errors),
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            templated(kind, spec, errors);
            if kind == "Deployment" {
                strategy(&spec["strategy"], errors);
            }
        }
        "Job" => {
            for field in ["parallelism", "completions", "backoffLimit"] {
                errors.not_negative(&format!("spec.{field}"), &spec[field]);
            }
            let template = &spec["template"]["spec"];
            pods::spec(template, "spec.template.spec", Restart::Never, errors);
        }
        "CronJob" => cron_job(spec, errors),
        _ => {}
    }
    if let Some(old) = old {
        update(kind, old, new, errors);
    }
}

fn templated(kind: &str, spec: &Value, errors: &mut Errors) {
    errors.not_negative("spec.replicas", &spec["replicas"]);
    errors.not_negative("spec.minReadySeconds", &spec["minReadySeconds"]);
    let selector = &spec["selector"];
    let named = match kind {
        "StatefulSet" => "statefulset",
        "DaemonSet" => "daemonset",
        _ => "deployment",
    };
    if selector.is_null() {
        errors.required("spec.selector", "");
    } else if is_empty(&selector["matchLabels"]) && is_empty(&selector["matchExpressions"]) {
        let detail = format!("empty selector is invalid for {named}");
        errors.invalid("spec.selector", selector, &detail);
    }
    let labels = &spec["template"]["metadata"]["labels"];
    if !selects(selector, labels) {
        let detail = "`selector` does not match template `labels`";
        errors.invalid("spec.template.metadata.labels", labels, detail);
    }
    let template = &spec["template"]["spec"];
    pods::spec(template, "spec.template.spec", Restart::AlwaysOnly, errors);
}

/// Whether a label selector matches; one that is absent matches nothing.
fn selects(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(key, value)| labels.get(key) == Some(value));
    equal.all(|fits| fits)
        && items(&selector["matchExpressions"]).iter().all(|rule| {
            let value = labels.get(text(&rule["key"]));
            let listed = value.is_some_and(|value| items(&rule["values"]).contains(value));
            match text(&rule["operator"]) {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

fn strategy(strategy: &Value, errors: &mut Errors) {
    match text(&strategy["type"]) {
        "Recreate" if !strategy["rollingUpdate"].is_null() => errors.forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ),
        "Recreate" | "RollingUpdate" => {}
        _ => errors.one_of(
            "spec.strategy.type",
            &strategy["type"],
            &["Recreate", "RollingUpdate"],
        ),
    }
}

fn cron_job(spec: &Value, errors: &mut Errors) {
    if is_empty(&spec["schedule"]) {
        errors.required("spec.schedule", "");
    }
    let policies = ["Allow", "Forbid", "Replace"];
    errors.one_of(
        "spec.concurrencyPolicy",
        &spec["concurrencyPolicy"],
        &policies,
    );
    let template = &spec["jobTemplate"]["spec"]["template"]["spec"];
    let path = "spec.jobTemplate.spec.template.spec";
    pods::spec(template, path, Restart::Never, errors);
}

fn update(kind: &str, old: &Value, new: &Value, errors: &mut Errors) {
    match kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => {
            unchanged(old, new, "/spec/selector", errors);
        }
        "Job" => {
            for pointer in ["/spec/completions", "/spec/selector", "/spec/template"] {
                unchanged(old, new, pointer, errors);
            }
        }
        "StatefulSet" => stateful_set_update(old, new, errors),
        "Pod" => pod_update(old, new, errors),
        _ => {}
    }
}

fn stateful_set_update(old: &Value, new: &Value, errors: &mut Errors) {
    const FREE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    if !same(&without(&old["spec"], &FREE), &without(&new["spec"], &FREE)) {
        errors.forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', \
             'template', 'updateStrategy', 'revisionHistoryLimit', \
             'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        );
    }
}

fn without(spec: &Value, names: &[&str]) -> Value {
    let fields = spec.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| !names.contains(&name.as_str()));
    Value::Object(kept.map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// A pod keeps everything but its images, its deadline and its tolerations.
fn pod_update(old: &Value, new: &Value, errors: &mut Errors) {
    const FREE: [&str; 6] = [
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "schedulingGates",
        "nodeName",
        "ephemeralContainers",
    ];
    let frozen = |pod: &Value| {
        let mut spec = without(&pod["spec"], &FREE);
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["image"] = json!("");
                container["resources"] = json!({});
            }
            if spec[list].is_null()
                && let Some(spec) = spec.as_object_mut()
            {
                spec.remove(list);
            }
        }
        spec
    };
    if frozen(old) != frozen(new) {
        errors.forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,\
             `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
             (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
             (allow it to be set to 1 if it was previously negative)",
        );
    }
}
