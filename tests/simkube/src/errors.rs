//! Owns the one translation from the object engine's errors into what a client reads.

use serde_json::{Map, Value, json};

use crate::kinds::Served;
use crate::schema::StatusError;
use crate::status::ApiError;

/// The engine's error about an object of `served`.
pub(crate) fn from_engine(error: StatusError, served: &Served, name: &str) -> ApiError {
    let mut details = Map::new();
    let causes: Vec<Value> = error
        .causes
        .iter()
        .map(|cause| {
            let mut entry = Map::new();
            for (key, text) in [
                ("reason", &cause.reason),
                ("message", &cause.message),
                ("field", &cause.field),
            ] {
                if !text.is_empty() {
                    entry.insert(key.to_owned(), json!(text));
                }
            }
            Value::Object(entry)
        })
        .collect();
    // Errors about a patch are about no object.
    let anonymous = error.message.starts_with(" \"\"");
    if error.code == 422 && !causes.is_empty() && !anonymous {
        details.insert("name".into(), json!(name));
        if !served.resource.group.is_empty() {
            details.insert("group".into(), json!(served.resource.group));
        }
        details.insert("kind".into(), json!(served.kind()));
    }
    if !causes.is_empty() {
        details.insert("causes".into(), Value::Array(causes));
    }
    let mapped = ApiError::new(error.code, error.reason, error.message);
    match (details.is_empty(), error.code) {
        (true, 400 | 500) => mapped,
        _ => mapped.with_details(Value::Object(details)),
    }
}
