//! Owns the defaults of pods: their spec, containers, probes and volumes.

use serde_json::{Value, json};

use super::{Fields, inner, is_unset, set, text};

pub(super) fn rule(ty: &str) -> Option<fn(&mut Fields)> {
    Some(match ty {
        "Pod" => pod,
        "PodSpec" => pod_spec,
        "Container" | "EphemeralContainer" => container,
        "Probe" => probe,
        "HTTPGetAction" => http_get,
        "Volume" => volume,
        "ObjectFieldSelector" => |f| set(f, "apiVersion", json!("v1")),
        "SecretVolumeSource"
        | "ConfigMapVolumeSource"
        | "DownwardAPIVolumeSource"
        | "ProjectedVolumeSource" => |f| set(f, "defaultMode", json!(420)),
        "ServiceAccountTokenProjection" => |f| set(f, "expirationSeconds", json!(3600)),
        "HostPathVolumeSource" => |f| set(f, "type", json!("")),
        "ImageVolumeSource" => |f| pull_policy(f, "pullPolicy", "reference"),
        _ => return None,
    })
}

/// What only pods have, not the templates of pods.
fn pod(fields: &mut Fields) {
    let spec = inner(fields, "spec");
    set(spec, "enableServiceLinks", json!(true));
    let host_network = spec.get("hostNetwork") == Some(&json!(true));
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            requests_from_limits(container);
            if host_network {
                host_ports(container);
            }
        }
    }
}

fn requests_from_limits(container: &mut Fields) {
    let resources = inner(container, "resources");
    let Some(limits) = resources.get("limits").and_then(Value::as_object).cloned() else {
        return;
    };
    let requests = inner(resources, "requests");
    for (name, limit) in limits {
        requests.entry(name).or_insert(limit);
    }
}

fn host_ports(container: &mut Fields) {
    let ports = container.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(number) = port.get("containerPort").cloned() {
            set(port, "hostPort", number);
        }
    }
}

fn pod_spec(fields: &mut Fields) {
    set(fields, "dnsPolicy", json!("ClusterFirst"));
    set(fields, "restartPolicy", json!("Always"));
    set(fields, "securityContext", json!({}));
    set(fields, "terminationGracePeriodSeconds", json!(30));
    set(fields, "schedulerName", json!("default-scheduler"));
    // The two names of the account are stored together; the older one only counts alone.
    let account = match text(fields, "serviceAccountName") {
        "" => text(fields, "serviceAccount").to_owned(),
        name => name.to_owned(),
    };
    if !account.is_empty() {
        fields.insert("serviceAccountName".to_owned(), json!(account));
        fields.insert("serviceAccount".to_owned(), json!(account));
    }
}

fn container(fields: &mut Fields) {
    pull_policy(fields, "imagePullPolicy", "image");
    set(
        fields,
        "terminationMessagePath",
        json!("/dev/termination-log"),
    );
    set(fields, "terminationMessagePolicy", json!("File"));
}

/// Images with the tag `latest`, or neither tag nor digest, are always pulled.
fn pull_policy(fields: &mut Fields, policy: &str, image: &str) {
    let image = text(fields, image);
    let last = image.rsplit('/').next().unwrap_or_default();
    let latest = match last.split_once('@') {
        Some((name, _)) => name.ends_with(":latest"),
        None => last.split_once(':').is_none_or(|(_, tag)| tag == "latest"),
    };
    let value = if latest && !image.is_empty() {
        "Always"
    } else {
        "IfNotPresent"
    };
    set(fields, policy, json!(value));
}

fn probe(fields: &mut Fields) {
    set(fields, "timeoutSeconds", json!(1));
    set(fields, "periodSeconds", json!(10));
    set(fields, "successThreshold", json!(1));
    set(fields, "failureThreshold", json!(3));
}

fn http_get(fields: &mut Fields) {
    set(fields, "path", json!("/"));
    set(fields, "scheme", json!("HTTP"));
}

fn volume(fields: &mut Fields) {
    let has_source = fields
        .iter()
        .any(|(name, value)| name != "name" && !value.is_null());
    if !has_source && !is_unset(fields, "name") {
        fields.insert("emptyDir".to_owned(), json!({}));
    }
}
