//! Owns the errors of the object engine, in the shape of a Kubernetes `Status`.

use super::Gvk;

/// One entry of `details.causes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable reason, such as `FieldManagerConflict`.
    pub reason: String,
    /// Text of the cause.
    pub message: String,
    /// Path of the field.
    pub field: String,
}

/// An error that is answered as a `Status` object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StatusError {
    /// HTTP status code.
    pub code: u16,
    /// `reason` of the Status; may be empty.
    pub reason: &'static str,
    /// `message` of the Status.
    pub message: String,
    /// `details.causes`, empty when the Status has no details of its own.
    pub causes: Vec<Cause>,
}

impl StatusError {
    /// An error without causes.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            causes: Vec::new(),
        }
    }

    /// 400 `BadRequest`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// A 500 as the server answers for errors that are no Status themselves: no reason.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }
}

/// One violated rule of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Reason of the cause: `FieldValueRequired`, `FieldValueInvalid`, ...
    pub reason: &'static str,
    /// Path of the field.
    pub field: String,
    /// Text after the path.
    pub message: String,
}

/// The 422 of a kind: `Deployment.apps "web" is invalid: ...` with one cause per error.
pub fn invalid(gvk: &Gvk, name: &str, errors: &[FieldError]) -> StatusError {
    let kind = if gvk.group.is_empty() {
        gvk.kind.clone()
    } else {
        format!("{}.{}", gvk.kind, gvk.group)
    };
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let text = format!("{}: {}", error.field, error.message);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let text = match texts.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    StatusError {
        code: 422,
        reason: "Invalid",
        message: format!("{kind} \"{name}\" is invalid: {text}"),
        causes: errors
            .iter()
            .map(|e| Cause {
                reason: e.reason.to_owned(),
                message: e.message.clone(),
                field: e.field.clone(),
            })
            .collect(),
    }
}
