//! Owns the rules of configuration, storage, access and autoscaling.

use serde_json::{Value, json};

use super::names;
use super::{Errors, is_empty, items, same, text, unchanged};

pub(super) fn check(kind: &str, old: Option<&Value>, new: &Value, errors: &mut Errors) {
    match kind {
        "ConfigMap" | "Secret" => data(kind, old, new, errors),
        "PersistentVolumeClaim" => claim(old, new, errors),
        "Role" | "ClusterRole" => rules(new, errors),
        "RoleBinding" | "ClusterRoleBinding" => binding(old, new, errors),
        "HorizontalPodAutoscaler" => autoscaler(&new["spec"], errors),
        "PodDisruptionBudget" => budget(&new["spec"], errors),
        "StorageClass" if is_empty(&new["provisioner"]) => errors.required("provisioner", ""),
        _ => {}
    }
    let Some(old) = old else { return };
    match kind {
        "StorageClass" => {
            for pointer in [
                "/provisioner",
                "/parameters",
                "/reclaimPolicy",
                "/volumeBindingMode",
            ] {
                unchanged(old, new, pointer, errors);
            }
        }
        "PriorityClass" => unchanged(old, new, "/value", errors),
        "CustomResourceDefinition" => {
            for pointer in [
                "/spec/group",
                "/spec/scope",
                "/spec/names/kind",
                "/spec/names/plural",
            ] {
                unchanged(old, new, pointer, errors);
            }
        }
        _ => {}
    }
}

fn data(kind: &str, old: Option<&Value>, new: &Value, errors: &mut Errors) {
    for list in ["data", "binaryData"] {
        for key in new[list]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            for complaint in names::config_key(key) {
                errors.invalid(&format!("{list}[{key}]"), &json!(key), &complaint);
            }
        }
    }
    let Some(old) = old else { return };
    if kind == "Secret" {
        unchanged(old, new, "/type", errors);
    }
    if old["immutable"] != true {
        return;
    }
    if new["immutable"] != true {
        errors.forbidden("immutable", "field is immutable when `immutable` is set");
    }
    for list in ["data", "binaryData"] {
        if !same(&old[list], &new[list]) {
            errors.forbidden(list, "field is immutable when `immutable` is set");
        }
    }
}

fn claim(old: Option<&Value>, new: &Value, errors: &mut Errors) {
    let spec = &new["spec"];
    if items(&spec["accessModes"]).is_empty() {
        errors.required("spec.accessModes", "at least 1 access mode is required");
    }
    if spec["resources"]["requests"]["storage"].is_null() {
        errors.required("spec.resources[storage]", "");
    }
    let Some(old) = old else { return };
    let frozen = |claim: &Value| {
        let mut spec = claim["spec"].clone();
        if let Some(spec) = spec.as_object_mut() {
            for name in ["resources", "volumeAttributesClassName", "volumeName"] {
                spec.remove(name);
            }
        }
        spec
    };
    let bound = text(&old["spec"]["volumeName"]);
    let rebound = !bound.is_empty() && bound != text(&spec["volumeName"]);
    if frozen(old) != frozen(new) || rebound {
        errors.forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims",
        );
    }
}

fn rules(role: &Value, errors: &mut Errors) {
    for (index, rule) in items(&role["rules"]).iter().enumerate() {
        let path = format!("rules[{index}]");
        if items(&rule["verbs"]).is_empty() {
            errors.required(
                &format!("{path}.verbs"),
                "verbs must contain at least one value",
            );
        }
        if !items(&rule["nonResourceURLs"]).is_empty() {
            continue;
        }
        if items(&rule["apiGroups"]).is_empty() {
            let detail = "resource rules must supply at least one api group";
            errors.required(&format!("{path}.apiGroups"), detail);
        }
        if items(&rule["resources"]).is_empty() {
            let detail = "resource rules must supply at least one resource";
            errors.required(&format!("{path}.resources"), detail);
        }
    }
}

fn binding(old: Option<&Value>, new: &Value, errors: &mut Errors) {
    let role = &new["roleRef"];
    if is_empty(&role["name"]) {
        errors.required("roleRef.name", "");
    }
    errors.one_of("roleRef.kind", &role["kind"], &["Role", "ClusterRole"]);
    if let Some(old) = old
        && old["roleRef"] != *role
    {
        let shown =
            json!({"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]});
        errors.invalid("roleRef", &shown, "cannot change roleRef");
    }
}

fn autoscaler(spec: &Value, errors: &mut Errors) {
    let most = spec["maxReplicas"].as_i64().unwrap_or_default();
    let least = spec["minReplicas"].as_i64().unwrap_or(1);
    if most < 1 {
        errors.required("spec.maxReplicas", "must be set and greater than 0");
    }
    if most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.invalid("spec.maxReplicas", &json!(most), detail);
    }
}

fn budget(spec: &Value, errors: &mut Errors) {
    if spec["minAvailable"].is_null() || spec["maxUnavailable"].is_null() {
        return;
    }
    let shown = format!(
        "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{}}}",
        spec["minAvailable"],
        spec["selector"],
        spec["maxUnavailable"],
        spec["unhealthyPodEvictionPolicy"],
    );
    let detail = "minAvailable and maxUnavailable cannot be both set";
    errors.invalid("spec", &shown, detail);
}
