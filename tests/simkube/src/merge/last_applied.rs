//! Owns the bridge from client-side apply: the annotation in which `kubectl apply` keeps what it
//! applied, which lets `kubectl apply --server-side` take over without conflicts.

use serde_json::{Value, json};

use crate::merge::compare::compare;
use crate::merge::managed::ManagerId;
use crate::merge::path::Path;
use crate::merge::typed::field_set;
use crate::schema::Schema;

/// The field manager of kubectl's server-side apply, the only one that the bridge serves.
pub(super) const MANAGER: &str = "kubectl";

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn annotation(object: &Value) -> Option<&str> {
    let text = object
        .get("metadata")?
        .get("annotations")?
        .get(ANNOTATION)?;
    text.as_str().filter(|text| !text.is_empty())
}

/// The conflicts that the annotation does not explain: fields that kubectl applied and that still
/// have the applied value are its own.
pub(super) fn remaining_conflicts(
    schema: &Schema,
    live: &Value,
    conflicts: Vec<(ManagerId, Path)>,
) -> Vec<(ManagerId, Path)> {
    let applied: Option<Value> = annotation(live).and_then(|t| serde_json::from_str(t).ok());
    let Some(applied) = applied else {
        return conflicts;
    };
    let version = applied.get("apiVersion").and_then(Value::as_str);
    if version != Some(schema.api_version().as_str()) {
        return conflicts;
    }
    let node = schema.root();
    let comparison = compare(node, &applied, live);
    let own = field_set(node, &applied)
        .difference(&comparison.modified)
        .difference(&comparison.added)
        .difference(&comparison.removed);
    conflicts
        .into_iter()
        .filter(|(_, path)| !own.has(path))
        .collect()
}

/// Brings the annotation of an object that has one up to date with what kubectl applies now.
pub(super) fn sync(object: &mut Value, config: &Value) {
    if annotation(object).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = config
        .get_mut("metadata")
        .and_then(|m| m.get_mut("annotations"))
        .and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
    }
    let text = config
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    if let Some(annotations) = object
        .get_mut("metadata")
        .and_then(|m| m.get_mut("annotations"))
        .and_then(Value::as_object_mut)
    {
        annotations.insert(ANNOTATION.to_owned(), json!(format!("{text}\n")));
    }
}
