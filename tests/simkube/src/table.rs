//! Owns the Table form of objects: what `kubectl get` prints.

use serde_json::{Value, json};

use crate::api::metadata;
use crate::kinds::{Column, Served};
use crate::{clock, object};

mod jsonpath;
mod workloads;

/// A column of a Table: name, type, format, whether only `-o wide` shows it.
pub(super) type Head = (&'static str, &'static str, &'static str, bool);

/// How a kind is shown: its columns after the name, and their cells for one object.
pub(super) struct Layout {
    pub(super) heads: &'static [Head],
    pub(super) cells: fn(&Value) -> Vec<Value>,
}

/// The Table of `objects`; `headed` says whether it defines its columns.
pub(crate) fn render(served: &Served, objects: &[&Value], headed: bool) -> Value {
    let (mut definitions, cells): (Vec<Value>, Cells) =
        match workloads::layout(served.kind()).filter(|_| !served.resource.custom) {
            Some(layout) => (heads(layout.heads), Box::new(layout.cells)),
            None => custom(&served.version().columns),
        };
    // Events go by what they are about; their own names say nothing.
    let named = served.resource.custom || served.kind() != "Event";
    if !named {
        definitions.remove(0);
    }
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut row = Vec::new();
            if named {
                row.push(json!(object::name(object)));
            }
            row.extend(cells(object));
            json!({"cells": row, "object": metadata(object)})
        })
        .collect();
    let (resource_version, definitions) = match (objects, headed) {
        ([object], true) => (object::meta(object, "resourceVersion"), json!(definitions)),
        ([object], false) => (object::meta(object, "resourceVersion"), Value::Null),
        (_, _) => ("", json!(definitions)),
    };
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": resource_version},
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

fn definition(name: &str, kind: &str, format: &str, wide: bool) -> Value {
    json!({
        "name": name, "type": kind, "format": format,
        "description": "", "priority": i32::from(wide),
    })
}

fn heads(heads: &[Head]) -> Vec<Value> {
    let mut definitions = vec![definition("Name", "string", "name", false)];
    definitions.extend(
        heads
            .iter()
            .map(|(name, kind, format, wide)| definition(name, kind, format, *wide)),
    );
    definitions
}

type Cells = Box<dyn Fn(&Value) -> Vec<Value>>;

/// The columns that a CustomResourceDefinition declares; without any, the age.
fn custom(columns: &[Column]) -> (Vec<Value>, Cells) {
    let mut definitions = vec![definition("Name", "string", "name", false)];
    if columns.is_empty() {
        definitions.push(definition("Age", "date", "", false));
        return (definitions, Box::new(|object| vec![age(object)]));
    }
    definitions.extend(columns.iter().map(|column| {
        json!({
            "name": column.name, "type": column.kind, "format": column.format,
            "description": column.description, "priority": column.priority,
        })
    }));
    let columns = columns.to_vec();
    let cells = move |object: &Value| {
        columns
            .iter()
            .map(|column| custom_cell(column, object))
            .collect()
    };
    (definitions, Box::new(cells))
}

fn custom_cell(column: &Column, object: &Value) -> Value {
    let value = jsonpath::find(object, &column.json_path);
    match (value, column.kind.as_str()) {
        (None, _) => Value::Null,
        (Some(Value::String(text)), "date") => json!(clock::age(text)),
        (Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))), "string") => {
            json!(plain(value))
        }
        (Some(value), "string") => json!(value.to_string()),
        (Some(value), _) => value.clone(),
    }
}

/// A scalar without quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The age of an object.
pub(super) fn age(object: &Value) -> Value {
    json!(clock::age(object::meta(object, "creationTimestamp")))
}

#[cfg(test)]
mod tests;
