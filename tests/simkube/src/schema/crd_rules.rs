//! Owns checking the values of a custom resource against its schema: types, required fields, bounds.
//!
//! Patterns, formats and expression rules are not evaluated: simkube admits what they would refuse.

use serde_json::Value;

use super::FieldError;
use super::types::{Node, Part};

/// All violations, in document order.
pub(super) fn check(node: Node<'_>, object: &Value) -> Vec<FieldError> {
    let mut out = Vec::new();
    visit(node, object, "", &mut out);
    out
}

fn error(reason: &'static str, field: &str, message: String) -> FieldError {
    FieldError {
        reason,
        field: field.to_owned(),
        message,
    }
}

fn visit(node: Node<'_>, value: &Value, path: &str, out: &mut Vec<FieldError>) {
    let ty = node.ty();
    let Some(rules) = ty.rules.as_deref() else {
        return;
    };
    if value.is_null() && rules.nullable {
        return;
    }
    if let Some(text) = wrong_type(&rules.source, value) {
        let message = format!(
            "Invalid value: {text:?}: {path} in body must be of type {}: {text:?}",
            rules.source["type"].as_str().unwrap_or_default()
        );
        out.push(error("FieldValueTypeInvalid", path, message));
        return;
    }
    bounds(&rules.source, value, path, out);
    match (ty.part_for(Some(value)), value) {
        (Part::Map(map), Value::Object(fields)) => {
            for (name, field) in &map.fields {
                if field.required && !fields.contains_key(name) {
                    let at = join(path, name);
                    out.push(error(
                        "FieldValueRequired",
                        &at,
                        "Required value".to_owned(),
                    ));
                }
            }
            for (name, value) in fields {
                if let Some(id) = map.type_of(name) {
                    visit(node.at(id), value, &join(path, name), out);
                }
            }
        }
        (Part::List(list), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                visit(
                    node.at(list.element),
                    item,
                    &format!("{path}[{index}]"),
                    out,
                );
            }
        }
        _ => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The type that was found, when it is not the declared one.
fn wrong_type(source: &Value, value: &Value) -> Option<&'static str> {
    if source.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return None;
    }
    let declared = source.get("type")?.as_str()?;
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() && n.as_f64().is_some_and(|f| f.fract() != 0.0) => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = declared == found || (declared == "number" && found == "integer");
    (!fits).then_some(found)
}

fn bounds(source: &Value, value: &Value, path: &str, out: &mut Vec<FieldError>) {
    let number = |name: &str| source.get(name).and_then(Value::as_f64);
    let mut invalid = |text: String| {
        let shown = value;
        let message = format!("Invalid value: {shown}: {path} in body {text}");
        out.push(error("FieldValueInvalid", path, message));
    };
    match value {
        Value::Number(n) => {
            let n = n.as_f64().unwrap_or_default();
            if let Some(least) = number("minimum").filter(|least| n < *least) {
                invalid(format!("should be greater than or equal to {least}"));
            }
            if let Some(most) = number("maximum").filter(|most| n > *most) {
                invalid(format!("should be less than or equal to {most}"));
            }
        }
        Value::String(s) => {
            let length = s.chars().count() as f64;
            if let Some(least) = number("minLength").filter(|least| length < *least) {
                invalid(format!("should be at least {least} chars long"));
            }
            if let Some(most) = number("maxLength").filter(|most| length > *most) {
                invalid(format!("should be at most {most} chars long"));
            }
        }
        Value::Array(items) => {
            let length = items.len() as f64;
            if let Some(least) = number("minItems").filter(|least| length < *least) {
                invalid(format!("should have at least {least} items"));
            }
            if let Some(most) = number("maxItems").filter(|most| length > *most) {
                invalid(format!("should have at most {most} items"));
            }
        }
        _ => {}
    }
    if let Some(allowed) = source.get("enum").and_then(Value::as_array)
        && !allowed.contains(value)
    {
        let list: Vec<String> = allowed.iter().map(Value::to_string).collect();
        let message = format!(
            "Unsupported value: {value}: supported values: {}",
            list.join(", ")
        );
        out.push(error("FieldValueNotSupported", path, message));
    }
}
