//! Owns what happens to an object between a request and the store: server-side apply, the
//! bookkeeping of `managedFields` for every other write, and the three patch formats.
//!
//! Everything here is a pure function of its arguments; time is an argument.

use serde_json::Value;

use crate::schema::{Schema, StatusError};

mod combine;
mod compare;
mod json_patch;
mod last_applied;
mod managed;
mod manager;
pub(crate) mod path;
mod remove;
mod scale;
pub(crate) mod set;
mod strategic;
#[cfg(test)]
mod tests;
mod typed;
mod updater;

pub use json_patch::json_patch;
pub use scale::{scale_from_parent, scale_to_parent};
pub use strategic::strategic_merge_patch;

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
/// schema; 400 for a body of another kind or one that names `managedFields`.
pub fn apply(
    schema: &Schema,
    live: Option<&Value>,
    config: &Value,
    options: &ApplyOptions<'_>,
) -> Result<Value, StatusError> {
    manager::apply(schema, live, config, options)
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
    manager::update(schema, old, new, options)
}

/// RFC 7396 merge patch.
pub fn json_merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (key, change) in changes {
        if change.is_null() {
            fields.remove(key);
        } else {
            json_merge_patch(fields.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}
