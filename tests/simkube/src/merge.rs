//! Owns what happens to an object between a request and the store: server-side apply, the
//! bookkeeping of `managedFields` for every other write, and the three patch formats.
//!
//! Everything here is a pure function of its arguments; time is an argument.

use serde_json::Value;

use crate::schema::{Schema, StatusError};

/// Who applies, and how.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions<'a> {
    /// `fieldManager` of the request.
    pub manager: &'a str,
    /// `force` of the request.
    pub force: bool,
    /// `group/version` of the request, such as `apps/v1`.
    pub api_version: &'a str,
    /// `status`, `scale`, ...; empty for the object itself.
    pub subresource: &'a str,
    /// RFC 3339, whole seconds.
    pub now: &'a str,
}

/// Who writes by create, update or patch.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions<'a> {
    /// `fieldManager` of the request, or the first part of its user agent.
    pub manager: &'a str,
    /// `group/version` of the request.
    pub api_version: &'a str,
    /// `status`, `scale`, ...; empty for the object itself.
    pub subresource: &'a str,
    /// RFC 3339, whole seconds.
    pub now: &'a str,
}

/// Server-side apply: the object to store, with its `managedFields`.
///
/// `live` is `None` when the apply creates. The answer equals `live` when nothing changed, which
/// then needs no write.
///
/// # Errors
/// 409 with one `FieldManagerConflict` cause per conflict; 500 for a body that does not fit the
/// schema; 400 for a body that names `managedFields`.
pub fn apply(
    schema: &Schema,
    live: Option<&Value>,
    config: &Value,
    options: &ApplyOptions<'_>,
) -> Result<Value, StatusError> {
    let _ = (schema, live, options);
    Ok(config.clone())
}

/// Updates `managedFields` of `new`, an object that a create, update or patch is about to store.
///
/// `new` carries the `managedFields` that the client sent; they are honoured as the server does.
pub fn update(
    schema: &Schema,
    old: Option<&Value>,
    new: Value,
    options: &UpdateOptions<'_>,
) -> Value {
    let _ = (schema, old, options);
    new
}

/// RFC 7396 merge patch.
pub fn json_merge_patch(target: &mut Value, patch: &Value) {
    let _ = (target, patch);
}

/// RFC 6902 patch.
///
/// # Errors
/// 400 for a malformed patch, 422 when an operation does not apply.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, StatusError> {
    let _ = patch;
    Ok(target.clone())
}

/// Strategic merge patch of a built-in kind.
///
/// # Errors
/// 400 for malformed directives; 415 is the caller's business (custom resources have no
/// strategic merge).
pub fn strategic_merge_patch(
    schema: &Schema,
    target: &Value,
    patch: &Value,
) -> Result<Value, StatusError> {
    let _ = (schema, patch);
    Ok(target.clone())
}
