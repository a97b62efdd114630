//! Owns the rules that the server checks before it stores an object, and which file has them.
//!
//! They are the rules that people run into: names, labels, selectors, containers, ports, and what may
//! not change. Rules that no table row shows are not guessed.

use std::fmt::Display;

use serde_json::{Value, json};

use super::{FieldError, Origin, Schema, crd_rules};

mod meta;
mod names;
mod network;
mod other;
mod pods;
mod workloads;

/// Required, immutable and malformed fields of a new object or an update, as the server reports
/// them; an empty answer admits the object.
pub fn validate(schema: &Schema, old: Option<&Value>, new: &Value) -> Vec<FieldError> {
    let kind = schema.gvk.kind.as_str();
    let mut errors = Errors::default();
    meta::check(schema, new, &mut errors);
    if old.is_some() {
        // The server checks the metadata of an update in three places and reports all findings.
        meta::check(schema, new, &mut errors);
        meta::check(schema, new, &mut errors);
    }
    match schema.origin {
        Origin::Custom => errors.0.extend(crd_rules::check(schema.root(), new)),
        Origin::Builtin => {
            workloads::check(kind, old, new, &mut errors);
            network::check(kind, old, new, &mut errors);
            other::check(kind, old, new, &mut errors);
        }
    }
    errors.0
}

/// Findings in the words of the server.
#[derive(Debug, Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn push(&mut self, reason: &'static str, field: &str, message: String) {
        self.0.push(FieldError {
            reason,
            field: field.to_owned(),
            message,
        });
    }

    fn required(&mut self, field: &str, detail: &str) {
        let message = if detail.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {detail}")
        };
        self.push("FieldValueRequired", field, message);
    }

    fn invalid(&mut self, field: &str, value: &impl Display, detail: &str) {
        self.push(
            "FieldValueInvalid",
            field,
            format!("Invalid value: {value}: {detail}"),
        );
    }

    fn immutable(&mut self, field: &str, value: &Value) {
        self.invalid(field, value, "field is immutable");
    }

    fn forbidden(&mut self, field: &str, detail: &str) {
        self.push("FieldValueForbidden", field, format!("Forbidden: {detail}"));
    }

    fn duplicate(&mut self, field: &str, value: &impl Display) {
        self.push(
            "FieldValueDuplicate",
            field,
            format!("Duplicate value: {value}"),
        );
    }

    fn not_found(&mut self, field: &str, value: &Value) {
        self.push("FieldValueNotFound", field, format!("Not found: {value}"));
    }

    fn one_of(&mut self, field: &str, value: &Value, allowed: &[&str]) {
        let known = value.as_str().is_some_and(|text| allowed.contains(&text));
        if !known {
            let allowed: Vec<String> = allowed.iter().map(|a| format!("{a:?}")).collect();
            let list = allowed.join(", ");
            self.push(
                "FieldValueNotSupported",
                field,
                format!("Unsupported value: {value}: supported values: {list}"),
            );
        }
    }

    fn not_negative(&mut self, field: &str, value: &Value) {
        if value.as_i64().is_some_and(|n| n < 0) {
            self.invalid(field, value, "must be greater than or equal to 0");
        }
    }

    fn port(&mut self, field: &str, value: &Value) {
        if value.as_i64().is_some_and(|n| !(1..=65535).contains(&n)) {
            self.invalid(field, value, "must be between 1 and 65535, inclusive");
        }
    }
}

/// The items of a list; none when it is absent.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a value is absent, null or of zero size.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Equality in which absent and empty are the same.
fn same(a: &Value, b: &Value) -> bool {
    (is_empty(a) && is_empty(b)) || a == b
}

/// The empty string for a value that is no text.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Reports a field that differs between `old` and `new`.
fn unchanged(old: &Value, new: &Value, pointer: &str, errors: &mut Errors) {
    let absent = json!(null);
    let (before, after) = (
        old.pointer(pointer).unwrap_or(&absent),
        new.pointer(pointer).unwrap_or(&absent),
    );
    if !same(before, after) {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        errors.immutable(&field, after);
    }
}
