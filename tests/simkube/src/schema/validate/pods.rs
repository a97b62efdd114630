//! Owns the rules of pod specs, in pods and in templates.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Errors, is_empty, items, names, text};
use crate::schema::quantity;

/// The sources of volumes in the order in which the server looks at them.
const VOLUME_TYPES: [&str; 14] = [
    "emptyDir",
    "hostPath",
    "secret",
    "nfs",
    "iscsi",
    "persistentVolumeClaim",
    "downwardAPI",
    "fc",
    "configMap",
    "projected",
    "csi",
    "ephemeral",
    "image",
    "gitRepo",
];

/// Which restart policies the owner of a pod spec allows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    Any,
    /// Kinds that keep pods running.
    AlwaysOnly,
    /// Kinds whose pods finish.
    Never,
}

/// Checks the pod spec at `path`.
pub(super) fn spec(spec: &Value, path: &str, restart: Restart, errors: &mut Errors) {
    let mut volumes = BTreeSet::new();
    for (index, volume) in items(&spec["volumes"]).iter().enumerate() {
        let field = format!("{path}.volumes[{index}].name");
        let name = text(&volume["name"]);
        label(&field, name, errors);
        if !volumes.insert(name) {
            errors.duplicate(&field, &json!(name));
        }
        let given = VOLUME_TYPES.iter().filter(|ty| !volume[**ty].is_null());
        for ty in given.skip(1) {
            let detail = "may not specify more than 1 volume type";
            errors.forbidden(&format!("{path}.volumes[{index}].{ty}"), detail);
        }
    }
    let mut known = BTreeSet::new();
    for list in ["containers", "initContainers"] {
        for (index, container) in items(&spec[list]).iter().enumerate() {
            let path = format!("{path}.{list}[{index}]");
            let name = text(&container["name"]);
            let field = format!("{path}.name");
            if label(&field, name, errors) && !known.insert(name) {
                errors.duplicate(&field, &json!(name));
            }
            check_container(container, &path, &volumes, errors);
        }
    }
    if items(&spec["containers"]).is_empty() {
        errors.required(&format!("{path}.containers"), "");
    }
    policy(spec, path, restart, errors);
}

fn policy(spec: &Value, path: &str, restart: Restart, errors: &mut Errors) {
    let field = format!("{path}.restartPolicy");
    let value = &spec["restartPolicy"];
    let finishes = matches!(text(value), "OnFailure" | "Never");
    match restart {
        Restart::Never if !finishes => {
            errors.required(&field, "valid values: \"OnFailure\", \"Never\"");
        }
        Restart::AlwaysOnly if finishes => errors.one_of(&field, value, &["Always"]),
        _ => errors.one_of(&field, value, &["Always", "OnFailure", "Never"]),
    }
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    errors.one_of(&format!("{path}.dnsPolicy"), &spec["dnsPolicy"], &policies);
}

/// Checks a name without dots; whether it is present.
fn label(field: &str, name: &str, errors: &mut Errors) -> bool {
    if name.is_empty() {
        errors.required(field, "");
        return false;
    }
    for complaint in names::label(name) {
        errors.invalid(field, &json!(name), &complaint);
    }
    true
}

fn check_container(container: &Value, path: &str, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    if is_empty(&container["image"]) {
        errors.required(&format!("{path}.image"), "");
    }
    let policies = ["Always", "IfNotPresent", "Never"];
    let field = format!("{path}.imagePullPolicy");
    errors.one_of(&field, &container["imagePullPolicy"], &policies);
    for (index, port) in items(&container["ports"]).iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let field = format!("{path}.containerPort");
        if port["containerPort"].as_i64().unwrap_or_default() == 0 {
            errors.required(&field, "");
        } else {
            errors.port(&field, &port["containerPort"]);
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        errors.one_of(&format!("{path}.protocol"), &port["protocol"], &protocols);
    }
    for (index, variable) in items(&container["env"]).iter().enumerate() {
        if is_empty(&variable["name"]) {
            errors.required(&format!("{path}.env[{index}].name"), "");
        }
    }
    for (index, mount) in items(&container["volumeMounts"]).iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        let name = text(&mount["name"]);
        if name.is_empty() {
            errors.required(&format!("{path}.name"), "");
        } else if !volumes.contains(name) {
            errors.not_found(&format!("{path}.name"), &json!(name));
        }
        if is_empty(&mount["mountPath"]) {
            errors.required(&format!("{path}.mountPath"), "");
        }
    }
    resources(&container["resources"], path, errors);
}

fn resources(resources: &Value, path: &str, errors: &mut Errors) {
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        let limit = text(&resources["limits"][name]);
        let over = quantity::compare(text(request), limit) == Ordering::Greater;
        if !limit.is_empty() && over {
            let detail = format!("must be less than or equal to {name} limit of {limit}");
            errors.invalid(&format!("{path}.resources.requests"), request, &detail);
        }
    }
}
