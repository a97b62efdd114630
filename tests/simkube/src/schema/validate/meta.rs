//! Owns the rules of the metadata that every object has.

use serde_json::{Value, json};

use super::names::{self, Complaints};
use super::{Errors, items, text};
use crate::schema::Schema;

/// Bytes that the annotations of an object may have together.
const ANNOTATIONS_SIZE_MAX: usize = 256 * 1024;

pub(super) fn check(schema: &Schema, object: &Value, errors: &mut Errors) {
    let metadata = &object["metadata"];
    name(schema, object, errors);
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        let field = "metadata.labels";
        report(
            field,
            key,
            names::qualified(key, "a valid label key"),
            errors,
        );
        report(field, text(value), names::label_value(text(value)), errors);
    }
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        let key_complaints = names::qualified(&key.to_lowercase(), "a qualified name");
        report("metadata.annotations", key, key_complaints, errors);
        size += key.len() + text(value).len();
    }
    if size > ANNOTATIONS_SIZE_MAX {
        let message = format!("Too long: may not be more than {ANNOTATIONS_SIZE_MAX} bytes");
        errors.push("FieldValueTooLong", "metadata.annotations", message);
    }
    // Only the kinds of the core server insist on a domain in the names of finalizers.
    let group = schema.gvk().group.as_str();
    let core =
        schema.is_builtin() && !matches!(group, "apiextensions.k8s.io" | "apiregistration.k8s.io");
    for (index, finalizer) in items(&metadata["finalizers"]).iter().enumerate() {
        finalizer_name(index, text(finalizer), core, errors);
    }
}

fn report(field: &str, value: &str, complaints: Complaints, errors: &mut Errors) {
    for complaint in complaints {
        errors.invalid(field, &json!(value), &complaint);
    }
}

fn name(schema: &Schema, object: &Value, errors: &mut Errors) {
    let name = text(&object["metadata"]["name"]);
    if name.is_empty() {
        errors.required("metadata.name", "name or generateName is required");
        return;
    }
    let complaints = match schema.gvk().kind.as_str() {
        _ if !schema.is_builtin() => names::subdomain(name),
        "Namespace" | "Service" => names::object_label(name),
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => names::path_segment(name),
        _ => names::subdomain(name),
    };
    report("metadata.name", name, complaints, errors);
    if schema.is_builtin() && schema.gvk().kind == "CustomResourceDefinition" {
        let spec = &object["spec"];
        let wanted = format!(
            "{}.{}",
            text(&spec["names"]["plural"]),
            text(&spec["group"])
        );
        if name != wanted {
            let detail = "must be spec.names.plural+\".\"+spec.group";
            errors.invalid("metadata.name", &json!(name), detail);
        }
    }
}

fn finalizer_name(index: usize, name: &str, core: bool, errors: &mut Errors) {
    let complaints = names::qualified(name, "a qualified name");
    let standard = ["kubernetes", "orphan", "foregroundDeletion"].contains(&name);
    let field = format!("metadata.finalizers[{index}]");
    if core && complaints.is_empty() && !name.contains('/') && !standard {
        let detail = "name is neither a standard finalizer name nor is it fully qualified";
        errors.invalid(&field, &json!(name), detail);
    }
    report("metadata.finalizers", name, complaints, errors);
}
