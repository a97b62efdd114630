//! Owns the rules of services and ingresses.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Errors, is_empty, items, text};

pub(super) fn check(kind: &str, old: Option<&Value>, new: &Value, errors: &mut Errors) {
    match kind {
        "Service" => {
            service(&new["spec"], errors);
            if let Some(old) = old {
                addresses(&old["spec"], &new["spec"], errors);
            }
        }
        "Ingress" => ingress(&new["spec"], errors),
        _ => {}
    }
}

fn service(spec: &Value, errors: &mut Errors) {
    let headless = spec["clusterIP"] == "None";
    let kind = text(&spec["type"]);
    let ports = items(&spec["ports"]);
    if ports.is_empty() && !headless && kind != "ExternalName" {
        errors.required("spec.ports", "");
    }
    if kind == "ExternalName" && is_empty(&spec["externalName"]) {
        errors.required("spec.externalName", "");
    }
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("spec.ports[{index}]");
        let name = text(&port["name"]);
        if ports.len() > 1 && name.is_empty() {
            errors.required(&format!("{path}.name"), "");
        } else if !name.is_empty() && !names.insert(name) {
            errors.duplicate(&format!("{path}.name"), &json!(name));
        }
        errors.port(&format!("{path}.port"), &port["port"]);
        let protocols = ["SCTP", "TCP", "UDP"];
        errors.one_of(&format!("{path}.protocol"), &port["protocol"], &protocols);
        errors.port(&format!("{path}.targetPort"), &port["targetPort"]);
    }
    let mut known = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        if !known.insert((port["port"].as_i64(), text(&port["protocol"]))) {
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                port["protocol"], port["port"]
            );
            errors.duplicate(&format!("spec.ports[{index}]"), &shown);
        }
    }
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    errors.one_of("spec.type", &spec["type"], &types);
    errors.one_of(
        "spec.sessionAffinity",
        &spec["sessionAffinity"],
        &["ClientIP", "None"],
    );
}

/// A cluster address may be given up by becoming external, but not be changed.
fn addresses(old: &Value, new: &Value, errors: &mut Errors) {
    if new["type"] == "ExternalName" || old["type"] == "ExternalName" {
        return;
    }
    let (before, after) = (&old["clusterIPs"][0], &new["clusterIPs"][0]);
    if !before.is_null() && !after.is_null() && before != after {
        let detail = "may not change once set";
        errors.invalid("spec.clusterIPs[0]", &new["clusterIPs"], detail);
    }
}

fn ingress(spec: &Value, errors: &mut Errors) {
    if items(&spec["rules"]).is_empty() && spec["defaultBackend"].is_null() {
        let detail = "either `defaultBackend` or `rules` must be specified";
        errors.invalid("spec", &json!(null), detail);
    }
    for (rule_index, rule) in items(&spec["rules"]).iter().enumerate() {
        for (index, path) in items(&rule["http"]["paths"]).iter().enumerate() {
            let field = format!("spec.rules[{rule_index}].http.paths[{index}].pathType");
            if path["pathType"].is_null() {
                errors.required(&field, "pathType must be specified");
            } else {
                let types = ["Exact", "ImplementationSpecific", "Prefix"];
                errors.one_of(&field, &path["pathType"], &types);
            }
        }
    }
}
