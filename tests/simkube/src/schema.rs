//! Owns the node type system of simkube: what a built-in kind or a CRD version looks like.
//!
//! A [`Schema`] answers two questions: how lists and maps merge, and how a document is decoded,
//! defaulted and validated. It holds no state and performs no input or output.

use serde_json::Value;

mod status;

pub use status::{Cause, FieldError, StatusError, invalid};

/// Group, version and kind of an object; the group of the core API is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// API group, empty for the core API.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
}

/// What to do with fields that a schema does not know (`fieldValidation` of a request).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Drop them silently.
    Ignore,
    /// Drop them and return one warning each; the server's default.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

/// A document that passed [`Schema::decode`].
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The object: unknown fields dropped, empty fields as the real server stores them, defaulted.
    pub object: Value,
    /// Texts for `Warning: 299` headers.
    pub warnings: Vec<String>,
}

/// The type of one kind at one version.
#[derive(Debug, Clone)]
pub struct Schema {
    gvk: Gvk,
}

/// The schema of a built-in kind, or `None` if simkube does not serve it.
pub fn builtin(group: &str, version: &str, kind: &str) -> Option<&'static Schema> {
    let _ = (group, version, kind);
    None
}

/// All built-in kinds with a schema, in order.
pub fn builtin_kinds() -> Vec<Gvk> {
    Vec::new()
}

/// Builds the schema of one CRD version from its `openAPIV3Schema`.
///
/// # Errors
/// Fails when the schema is not structural enough to be served.
pub fn from_crd(gvk: Gvk, open_api_v3_schema: &Value) -> Result<Schema, StatusError> {
    let _ = open_api_v3_schema;
    Ok(Schema { gvk })
}

impl Schema {
    /// The kind that this schema describes.
    pub fn gvk(&self) -> &Gvk {
        &self.gvk
    }

    /// Decodes a full document of a create or an update as the server does: unknown fields by
    /// `validation`, wrong types refused, quantities canonical, defaults filled in.
    ///
    /// # Errors
    /// 400 with the server's text for a wrong type or, when strict, unknown fields.
    pub fn decode(
        &self,
        document: Value,
        validation: FieldValidation,
    ) -> Result<Decoded, StatusError> {
        let _ = validation;
        Ok(Decoded {
            object: document,
            warnings: Vec::new(),
        })
    }

    /// The OpenAPI v3 schema of this kind, self-contained apart from `$ref`s among
    /// `#/components/schemas/`.
    pub fn open_api(&self) -> Value {
        Value::Null
    }
}

/// Fills in the defaults of a built-in kind or of a CRD schema.
pub fn defaults(schema: &Schema, object: &mut Value) {
    let _ = (schema, object);
}

/// Whether an update must raise `metadata.generation`: everything outside `metadata` and
/// `status` counts, for the kinds that have a generation.
pub fn generation_changes(schema: &Schema, old: &Value, new: &Value) -> bool {
    let _ = (schema, old, new);
    false
}

/// Required, immutable and malformed fields of a new object or an update, as the server reports
/// them; an empty answer admits the object.
pub fn validate(schema: &Schema, old: Option<&Value>, new: &Value) -> Vec<FieldError> {
    let _ = (schema, old, new);
    Vec::new()
}
