//! Owns what the server does to an object between the request and the store: which parts an endpoint
//! may not write, and when the generation moves.

use serde_json::{Map, Value, json};

use super::Schema;
use crate::merge::set::Set;

/// Kinds of the core server without a status.
const WITHOUT_STATUS: [&str; 25] = [
    "ConfigMap",
    "ClusterRole",
    "ClusterRoleBinding",
    "ControllerRevision",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "IngressClass",
    "Lease",
    "LimitRange",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "PodTemplate",
    "PriorityClass",
    "Role",
    "RoleBinding",
    "Secret",
    "ServiceAccount",
    "StorageClass",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "Scale",
    "CSIDriver",
    "CSINode",
    "RuntimeClass",
];

/// Built-in kinds whose `metadata.generation` counts changes.
const WITH_GENERATION: [&str; 21] = [
    "APIService",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Ingress",
    "IngressClass",
    "Job",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "PodTemplate",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Annotation of daemon sets with the number of their template.
pub(super) const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

impl Schema {
    fn has_status(&self) -> bool {
        !self.is_builtin() || !WITHOUT_STATUS.contains(&self.gvk.kind.as_str())
    }

    /// Whether the server counts changes of this kind in `metadata.generation`.
    pub fn has_generation(&self) -> bool {
        !self.is_builtin() || WITH_GENERATION.contains(&self.gvk.kind.as_str())
    }

    /// Fields that nobody can own through an endpoint, because it never writes them.
    pub(crate) fn ignored_fields(&self, subresource: &str) -> Set {
        let whole_metadata = !self.is_builtin()
            || matches!(
                self.gvk.kind.as_str(),
                "CustomResourceDefinition"
                    | "APIService"
                    | "ValidatingAdmissionPolicy"
                    | "VolumeAttachment"
            );
        match (subresource, self.gvk.kind.as_str()) {
            ("", "CertificateSigningRequest") => Set::of_fields(&[&["spec"], &["status"]]),
            ("status", "CertificateSigningRequest") => {
                Set::of_fields(&[&["spec"], &["status", "conditions"]])
            }
            ("approval", _) => Set::of_fields(&[&["spec"], &["status", "certificate"]]),
            ("", _) if self.has_status() => Set::of_fields(&[&["status"]]),
            ("finalize", _) => Set::of_fields(&[&["status"]]),
            ("status", _) if whole_metadata => Set::of_fields(&[&["metadata"], &["spec"]]),
            ("status", "Deployment") => Set::of_fields(&[&["metadata", "labels"], &["spec"]]),
            ("status", "Pod") => Set::of_fields(&[
                &["metadata", "deletionTimestamp"],
                &["metadata", "ownerReferences"],
                &["spec"],
            ]),
            ("status", _) => Set::of_fields(&[&["spec"]]),
            _ => Set::default(),
        }
    }
}

/// Empties what a create may not set: the status of kinds that have one.
///
/// `has_status_subresource` matters for custom resources only: without it their status is plain data.
pub fn prepare_create(schema: &Schema, object: &mut Value, has_status_subresource: bool) {
    let resets = schema.has_status() && (schema.is_builtin() || has_status_subresource);
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if !resets {
        return;
    }
    fields.remove("status");
    if schema.is_builtin()
        && let Some(status) = schema.empty_object().get("status")
    {
        fields.insert("status".to_owned(), status.clone());
    }
}

/// Restores what an endpoint may not change: the status for the object itself, everything but the
/// status for the status subresource.
pub fn prepare_update(
    schema: &Schema,
    old: &Value,
    new: &mut Value,
    subresource: &str,
    has_status_subresource: bool,
) {
    let separate = schema.has_status() && (schema.is_builtin() || has_status_subresource);
    if subresource == "status" && !schema.is_builtin() {
        let written = std::mem::replace(new, old.clone());
        take_status(new, &written);
        return;
    }
    let Some(fields) = new.as_object_mut() else {
        return;
    };
    match subresource {
        "status" => restore(fields, old, "spec"),
        "" if separate => restore(fields, old, "status"),
        _ => {}
    }
    if subresource.is_empty() && schema.is_builtin() && schema.gvk.kind == "DaemonSet" {
        count_template(old, new);
    }
}

/// Takes from a written custom resource the only parts that its status endpoint writes.
fn take_status(object: &mut Value, written: &Value) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    restore(fields, written, "status");
    if let (Some(Value::Object(metadata)), Some(from)) =
        (fields.get_mut("metadata"), written.get("metadata"))
    {
        restore(metadata, from, "managedFields");
    }
}

/// Counts the changes of a daemon set's template in the annotation that older clients read.
fn count_template(old: &Value, new: &mut Value) {
    let count = old["metadata"]["annotations"][TEMPLATE_GENERATION]
        .as_str()
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(1);
    let changed = old["spec"]["template"] != new["spec"]["template"];
    let count = count + i64::from(changed);
    if let Some(annotations) = new["metadata"]["annotations"].as_object_mut() {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), json!(count.to_string()));
    }
}

fn restore(fields: &mut Map<String, Value>, old: &Value, key: &str) {
    if let Some(value) = old.get(key) {
        fields.insert(key.to_owned(), value.clone());
    } else {
        fields.remove(key);
    }
}

/// Whether an update must raise `metadata.generation`: everything outside `metadata` and
/// `status` counts, for the kinds that have a generation.
pub fn generation_changes(schema: &Schema, old: &Value, new: &Value) -> bool {
    if !schema.has_generation() {
        return false;
    }
    let content = |object: &Value| {
        let mut content = object.clone();
        if let Some(fields) = content.as_object_mut() {
            for key in ["metadata", "status", "apiVersion", "kind"] {
                fields.remove(key);
            }
        }
        content
    };
    let annotations = |object: &Value| object["metadata"]["annotations"].clone();
    if content(old) != content(new) {
        return true;
    }
    // The server counts annotations of a Deployment too, because controllers read them.
    schema.is_builtin()
        && schema.gvk.kind == "Deployment"
        && differ(&annotations(old), &annotations(new))
}

fn differ(a: &Value, b: &Value) -> bool {
    let plain = |v: &Value| if v.is_null() { json!({}) } else { v.clone() };
    plain(a) != plain(b)
}
