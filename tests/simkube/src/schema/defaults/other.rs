//! Owns the defaults of everything that is neither a pod nor a workload.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Fields, inner, is_unset, set, text};

/// Rules by type name; some names occur in several packages, whose last two parts decide.
pub(super) fn rule(ty: &str, version: &str, group: &str) -> Option<fn(&mut Fields)> {
    Some(match (ty, group, version) {
        ("Service", ..) => service,
        ("Secret", ..) => secret,
        ("Namespace", ..) => namespace,
        ("NamespaceStatus", ..) => |f| set(f, "phase", json!("Active")),
        ("PersistentVolume", ..) => persistent_volume,
        ("PersistentVolumeClaim", ..) => |f| set(inner(f, "status"), "phase", json!("Pending")),
        ("PersistentVolumeClaimSpec", ..) => |f| set(f, "volumeMode", json!("Filesystem")),
        ("LimitRangeItem", ..) => limit_range_item,
        ("EndpointPort", "discovery", _) => |f| {
            set(f, "name", json!(""));
            set(f, "protocol", json!("TCP"));
        },
        ("EndpointPort" | "NetworkPolicyPort", ..) => |f| set(f, "protocol", json!("TCP")),
        ("NetworkPolicySpec", ..) => network_policy,
        ("IngressClassParametersReference", ..) => |f| set(f, "scope", json!("Cluster")),
        ("HorizontalPodAutoscalerSpec", "autoscaling", version) => {
            if version == "v2" {
                autoscaler
            } else {
                |f| set(f, "minReplicas", json!(1))
            }
        }
        ("RoleRef", ..) => |f| set(f, "apiGroup", json!("rbac.authorization.k8s.io")),
        ("Subject", "rbac", _) => subject,
        ("StorageClass", ..) => |f| {
            set(f, "reclaimPolicy", json!("Delete"));
            set(f, "volumeBindingMode", json!("Immediate"));
        },
        ("CSIDriverSpec", ..) => csi_driver,
        ("PriorityClass", ..) => |f| set(f, "preemptionPolicy", json!("PreemptLowerPriority")),
        ("ValidatingWebhook", ..) => webhook,
        ("MutatingWebhook", ..) => |f| {
            webhook(f);
            set(f, "reinvocationPolicy", json!("Never"));
        },
        ("RuleWithOperations" | "NamedRuleWithOperations", ..) => |f| set(f, "scope", json!("*")),
        ("ServiceReference", ..) => |f| set(f, "port", json!(443)),
        ("ValidatingAdmissionPolicySpec", ..) => |f| set(f, "failurePolicy", json!("Fail")),
        ("MatchResources", ..) => |f| {
            set(f, "matchPolicy", json!("Equivalent"));
            set(f, "namespaceSelector", json!({}));
            set(f, "objectSelector", json!({}));
        },
        ("CustomResourceDefinition", ..) => custom_resource_definition,
        _ => return None,
    })
}

fn service(fields: &mut Fields) {
    let spec = inner(fields, "spec");
    set(spec, "sessionAffinity", json!("None"));
    if text(spec, "sessionAffinity") == "None" {
        spec.remove("sessionAffinityConfig");
    } else {
        let client = inner(inner(spec, "sessionAffinityConfig"), "clientIP");
        set(client, "timeoutSeconds", json!(10800));
    }
    set(spec, "type", json!("ClusterIP"));
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        set(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or(json!(0));
        if port.get("targetPort") == Some(&json!(0)) {
            port.remove("targetPort");
        }
        set(port, "targetPort", number);
    }
    let kind = text(spec, "type").to_owned();
    let external = spec.get("externalIPs").and_then(Value::as_array);
    let external = external.is_some_and(|list| !list.is_empty());
    let reachable =
        kind == "LoadBalancer" || kind == "NodePort" || (kind == "ClusterIP" && external);
    if reachable {
        set(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        set(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
}

/// `stringData` is only a way to write `data`.
fn secret(fields: &mut Fields) {
    set(fields, "type", json!("Opaque"));
    let Some(Value::Object(plain)) = fields.remove("stringData") else {
        return;
    };
    if plain.is_empty() {
        return;
    }
    let data = inner(fields, "data");
    for (key, value) in plain {
        let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
        data.insert(key, json!(encoded));
    }
}

fn namespace(fields: &mut Fields) {
    let metadata = inner(fields, "metadata");
    let name = text(metadata, "name").to_owned();
    if !name.is_empty() {
        let labels = inner(metadata, "labels");
        labels.insert("kubernetes.io/metadata.name".to_owned(), json!(name));
    }
}

fn persistent_volume(fields: &mut Fields) {
    set(inner(fields, "status"), "phase", json!("Pending"));
    let spec = inner(fields, "spec");
    set(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
    set(spec, "volumeMode", json!("Filesystem"));
}

fn limit_range_item(fields: &mut Fields) {
    if text(fields, "type") != "Container" {
        return;
    }
    for (from, to) in [
        ("max", "default"),
        ("default", "defaultRequest"),
        ("min", "defaultRequest"),
    ] {
        let Some(Value::Object(source)) = fields.get(from).cloned() else {
            continue;
        };
        let target = inner(fields, to);
        for (name, value) in source {
            target.entry(name).or_insert(value);
        }
    }
}

fn network_policy(fields: &mut Fields) {
    let filled = |name: &str| {
        let list = fields.get(name).and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    if filled("policyTypes") {
        return;
    }
    let types = if filled("egress") {
        json!(["Ingress", "Egress"])
    } else {
        json!(["Ingress"])
    };
    fields.insert("policyTypes".to_owned(), types);
}

fn autoscaler(fields: &mut Fields) {
    set(fields, "minReplicas", json!(1));
    let metrics = fields.get("metrics").and_then(Value::as_array);
    if metrics.is_none_or(Vec::is_empty) {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        fields.insert("metrics".to_owned(), json!([metric]));
    }
    if is_unset(fields, "behavior") {
        return;
    }
    let behavior = inner(fields, "behavior");
    let up = inner(behavior, "scaleUp");
    set(up, "stabilizationWindowSeconds", json!(0));
    set(up, "selectPolicy", json!("Max"));
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    set(up, "policies", json!([pods, percent]));
    let down = inner(behavior, "scaleDown");
    set(down, "selectPolicy", json!("Max"));
    set(down, "policies", json!([percent]));
}

fn csi_driver(fields: &mut Fields) {
    set(fields, "attachRequired", json!(true));
    set(fields, "podInfoOnMount", json!(false));
    set(fields, "storageCapacity", json!(false));
    set(fields, "fsGroupPolicy", json!("ReadWriteOnceWithFSType"));
    set(fields, "volumeLifecycleModes", json!(["Persistent"]));
    set(fields, "requiresRepublish", json!(false));
    set(fields, "seLinuxMount", json!(false));
}

fn subject(fields: &mut Fields) {
    if matches!(text(fields, "kind"), "User" | "Group") {
        set(fields, "apiGroup", json!("rbac.authorization.k8s.io"));
    }
}

fn webhook(fields: &mut Fields) {
    set(fields, "failurePolicy", json!("Fail"));
    set(fields, "matchPolicy", json!("Equivalent"));
    set(fields, "namespaceSelector", json!({}));
    set(fields, "objectSelector", json!({}));
    set(fields, "timeoutSeconds", json!(10));
}

fn custom_resource_definition(fields: &mut Fields) {
    let spec = inner(fields, "spec");
    if is_unset(spec, "conversion") {
        spec.insert("conversion".to_owned(), json!({"strategy": "None"}));
    }
    let versions = spec.get("versions").and_then(Value::as_array);
    let stored = versions
        .into_iter()
        .flatten()
        .find(|v| v.get("storage") == Some(&json!(true)))
        .and_then(|v| v.get("name").cloned());
    let names = inner(spec, "names");
    let kind = text(names, "kind").to_owned();
    set(names, "singular", json!(kind.to_lowercase()));
    if !kind.is_empty() {
        set(names, "listKind", json!(format!("{kind}List")));
    }
    let status = inner(fields, "status");
    let known = status.get("storedVersions").and_then(Value::as_array);
    if let Some(stored) = stored.filter(|_| known.is_none_or(Vec::is_empty)) {
        status.insert("storedVersions".to_owned(), json!([stored]));
    }
}
