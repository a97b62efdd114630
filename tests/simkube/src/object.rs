//! Owns small readings and writings of an object's metadata.

use serde_json::{Map, Value, json};

/// A text of `metadata`, empty when absent.
pub(crate) fn meta<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    meta(object, "name")
}

pub(crate) fn namespace(object: &Value) -> &str {
    meta(object, "namespace")
}

pub(crate) fn uid(object: &Value) -> &str {
    meta(object, "uid")
}

pub(crate) fn revision(object: &Value) -> u64 {
    meta(object, "resourceVersion").parse().unwrap_or(0)
}

pub(crate) fn set_revision(object: &mut Value, revision: u64) {
    metadata_mut(object).insert(
        "resourceVersion".into(),
        Value::String(revision.to_string()),
    );
}

pub(crate) fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
}

/// The `metadata` map, made when absent or no map.
pub(crate) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_mut(root_mut(object), "metadata")
}

/// The object as a map; anything else becomes an empty one.
pub(crate) fn root_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    object.as_object_mut().expect("made an object just above")
}

/// A map inside a map, made when absent or no map.
pub(crate) fn child_mut<'a>(
    map: &'a mut Map<String, Value>,
    key: &str,
) -> &'a mut Map<String, Value> {
    let entry = map.entry(key).or_insert_with(|| json!({}));
    root_mut(entry)
}

/// Sets a field of `metadata`, or removes it.
pub(crate) fn set_meta(object: &mut Value, field: &str, value: Option<Value>) {
    let metadata = metadata_mut(object);
    match value {
        Some(value) => metadata.insert(field.to_owned(), value),
        None => metadata.remove(field),
    };
}

/// Sets a top-level field, or removes it.
pub(crate) fn set_root(object: &mut Value, field: &str, value: Option<Value>) {
    let root = root_mut(object);
    match value {
        Some(value) => root.insert(field.to_owned(), value),
        None => root.remove(field),
    };
}

pub(crate) fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

pub(crate) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    texts(&object["metadata"]["finalizers"])
}

pub(crate) fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    items(&object["metadata"]["ownerReferences"]).filter_map(|owner| owner["uid"].as_str())
}

/// The owner reference that says `controller: true`.
pub(crate) fn controller_of(object: &Value) -> Option<&Value> {
    items(&object["metadata"]["ownerReferences"]).find(|owner| owner["controller"] == true)
}

/// The elements of a list, none when it is no list.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The texts of a list.
pub(crate) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

/// Walks `path` (dot-separated field names) downwards.
pub(crate) fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .filter(|part| !part.is_empty())
        .fold(object, |value, part| &value[part])
}

/// Sets the value at `path`, making maps on the way.
pub(crate) fn set_at(object: &mut Value, path: &str, value: Value) {
    let mut parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    let Some(last) = parts.pop() else { return };
    let parent = parts
        .into_iter()
        .fold(root_mut(object), |map, part| child_mut(map, part));
    parent.insert(last.to_owned(), value);
}

/// A condition's status by its type, empty when it has none.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    items(&object["status"]["conditions"])
        .find(|condition| condition["type"] == kind)
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or_default()
}

/// A reference that makes `owner` the controller of what carries it.
pub(crate) fn controller_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}
