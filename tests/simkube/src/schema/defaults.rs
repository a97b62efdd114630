//! Owns the defaults that the server fills in, and which file has them for which kind.

use serde_json::Value;

use super::{Origin, Schema, crd};

/// Fills in the defaults of a built-in kind or of a CRD schema.
pub fn defaults(schema: &Schema, object: &mut Value) {
    match schema.origin {
        Origin::Custom => crd::fill_defaults(schema.root(), object),
        Origin::Builtin => {}
    }
}
