//! Owns the node type system of simkube: what a built-in kind or a CRD version looks like.
//!
//! A [`Schema`] answers two questions: how lists and maps merge, and how a document is decoded,
//! defaulted and validated. It holds no state and performs no input or output.

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) mod crd;
mod crd_rules;
mod decode;
mod defaults;
pub(crate) mod go_text;
mod hpa;
mod openapi;
pub(crate) mod quantity;
mod status;
mod strategy;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod validate;
pub(crate) mod versions;

pub use crd::from_crd;
pub use defaults::defaults;
pub use status::{Cause, FieldError, StatusError, invalid};
pub use strategy::{generation_changes, prepare_create, prepare_update};
pub use validate::validate;
pub use versions::convert;

use decode::Dialect;
use types::{Arena, Node, TypeId};

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

impl Gvk {
    /// A kind by its three parts.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// `group/version`, or just `version` for the core API.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The kind as error messages of the server write it: `apps/v1, Kind=Deployment`.
    pub fn text(&self) -> String {
        format!("{}/{}, Kind={}", self.group, self.version, self.kind)
    }
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
    arena: Arc<Arena>,
    root: TypeId,
    origin: Origin,
    siblings: Arc<Vec<Schema>>,
}

/// Where a schema comes from, which decides how its documents are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Builtin,
    Custom,
}

/// The schema of a built-in kind, or `None` if simkube does not serve it.
pub fn builtin(group: &str, version: &str, kind: &str) -> Option<&'static Schema> {
    table::BUILTIN.get(&Gvk::new(group, version, kind))
}

/// All built-in kinds with a schema, in order.
pub fn builtin_kinds() -> Vec<Gvk> {
    table::BUILTIN.keys().cloned().collect()
}

impl Schema {
    fn new(gvk: Gvk, arena: Arc<Arena>, root: TypeId) -> Self {
        Self {
            gvk,
            arena,
            root,
            origin: Origin::Builtin,
            siblings: Arc::default(),
        }
    }

    /// The kind that this schema describes.
    pub fn gvk(&self) -> &Gvk {
        &self.gvk
    }

    /// `group/version` of the kind.
    pub fn api_version(&self) -> String {
        self.gvk.api_version()
    }

    /// Whether this is a built-in kind rather than a custom resource.
    pub fn is_builtin(&self) -> bool {
        self.origin == Origin::Builtin
    }

    /// This schema of a CRD version, knowing the schemas of the other versions that the CRD has, so
    /// that ownership recorded at those versions is understood.
    #[must_use]
    pub fn with_versions(mut self, others: Vec<Self>) -> Self {
        self.siblings = Arc::new(others);
        self
    }

    fn siblings(&self) -> impl Iterator<Item = &Self> {
        self.siblings.iter()
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            arena: &self.arena,
            id: self.root,
        }
    }

    /// The object that a create starts from: what the server stores for a document that only names
    /// its kind.
    pub(crate) fn empty_object(&self) -> Value {
        let bare = json!({"apiVersion": self.api_version(), "kind": self.gvk.kind});
        match self.origin {
            Origin::Builtin => decode::retype(self.root(), bare).unwrap_or(Value::Null),
            Origin::Custom => bare,
        }
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
        self.decode_as(document, validation, Dialect::Json)
            .map_err(|text| {
                let Gvk { version, kind, .. } = &self.gvk;
                StatusError::bad_request(format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: {text}"
                ))
            })
    }

    /// [`Self::decode`] for the outcome of a patch; `patch` is given for a strategic one, whose
    /// refusals echo the patch and not the object.
    ///
    /// # Errors
    /// 422 with one cause for the field `patch`.
    pub fn decode_patched(
        &self,
        patched: Value,
        patch: Option<&Value>,
        validation: FieldValidation,
    ) -> Result<Decoded, StatusError> {
        let (shown, dialect) = match patch {
            Some(patch) => (go_text::v(patch), Dialect::Object),
            None => (patched.to_string(), Dialect::Json),
        };
        self.decode_as(patched, validation, dialect)
            .map_err(|text| {
                let message = format!("Invalid value: {shown:?}: {text}");
                let error = FieldError {
                    reason: "FieldValueInvalid",
                    field: "patch".to_owned(),
                    message,
                };
                invalid(&Gvk::new("", "", ""), "", &[error])
            })
    }

    fn decode_as(
        &self,
        document: Value,
        validation: FieldValidation,
        dialect: Dialect,
    ) -> Result<Decoded, String> {
        let (mut object, unknown) = match self.origin {
            Origin::Builtin => decode::decode(self.root(), document, dialect)?,
            Origin::Custom => crd::prune(self.root(), document)?,
        };
        if validation == FieldValidation::Strict && !unknown.is_empty() {
            return Err(format!("strict decoding error: {}", unknown.join(", ")));
        }
        defaults(self, &mut object);
        let warnings = match validation {
            FieldValidation::Warn => unknown,
            FieldValidation::Ignore | FieldValidation::Strict => Vec::new(),
        };
        Ok(Decoded { object, warnings })
    }

    /// Brings the outcome of a merge back into the form that the server stores.
    pub(crate) fn retype(&self, object: Value) -> Result<Value, String> {
        let mut object = match self.origin {
            Origin::Builtin => decode::retype(self.root(), object)?,
            Origin::Custom => crd::prune(self.root(), object)?.0,
        };
        defaults(self, &mut object);
        Ok(object)
    }

    /// Gives an object the form in which it is read back from the store.
    pub(crate) fn store(&self, object: &mut Value) {
        // Definitions and API services are stored as JSON, which keeps empty lists.
        let group = self.gvk.group.as_str();
        let as_json = matches!(group, "apiextensions.k8s.io" | "apiregistration.k8s.io");
        if self.is_builtin() && !as_json {
            decode::store(self.root(), object);
        }
    }

    /// The OpenAPI v3 schemas of this kind by component name; the kind's own is named first.
    pub fn open_api(&self) -> (String, Value) {
        openapi::components(self)
    }
}
