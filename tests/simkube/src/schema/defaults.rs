//! Owns filling in defaults: the walk over an object, and which rule belongs to which type.
//!
//! Rules are tied to types rather than to kinds, so a container gets its defaults in a Pod and in the
//! template of a CronJob alike. What depends on other objects (cluster addresses, node ports, default
//! storage classes) is not here.

use serde_json::{Map, Value, json};

use super::types::{Node, Part};
use super::{Origin, Schema, crd};

mod other;
mod pods;
mod workloads;

/// The fields of the struct that a rule completes.
type Fields = Map<String, Value>;

/// Fills in the defaults of a built-in kind or of a CRD schema.
pub fn defaults(schema: &Schema, object: &mut Value) {
    match schema.origin {
        Origin::Custom => crd::fill_defaults(schema.root(), object),
        Origin::Builtin => fill(schema.root(), object),
    }
}

fn fill(node: Node<'_>, value: &mut Value) {
    match (node.ty().part_for(Some(value)), value) {
        (Part::Map(map), Value::Object(fields)) => {
            for (name, field) in &map.fields {
                let declared = field.default.as_ref().filter(|_| !field.required);
                if let Some(default) = declared
                    && is_unset(fields, name)
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            if let Some(rule) = node.ty().name.as_deref().and_then(rule_of) {
                rule(fields);
            }
            for (name, value) in fields.iter_mut() {
                if let Some(id) = map.type_of(name) {
                    fill(node.at(id), value);
                }
            }
        }
        (Part::List(list), Value::Array(items)) => {
            for item in items {
                fill(node.at(list.element), item);
            }
        }
        _ => {}
    }
}

/// The rule of a type, by the last part of its name.
fn rule_of(name: &str) -> Option<fn(&mut Fields)> {
    let mut parts = name.rsplit('.');
    let (ty, package) = (parts.next()?, (parts.next()?, parts.next()?));
    pods::rule(ty)
        .or_else(|| workloads::rule(ty))
        .or_else(|| other::rule(ty, package.0, package.1))
}

// === helpers of the rules ===

fn is_unset(fields: &Fields, name: &str) -> bool {
    match fields.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        _ => false,
    }
}

/// Sets a field that is absent, null or an empty string.
fn set(fields: &mut Fields, name: &str, value: Value) {
    if is_unset(fields, name) {
        fields.insert(name.to_owned(), value);
    }
}

fn text<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The struct under `name`, made when it is absent.
fn inner<'f>(fields: &'f mut Fields, name: &str) -> &'f mut Fields {
    let value = fields.entry(name).or_insert_with(|| json!({}));
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it was just made an object")
}
