//! What a Kubernetes `Status` says, and what of it a person may see.

use std::time::Duration;

use serde_json::Value;

/// One cause in a `Status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// One CamelCase word, such as `FieldManagerConflict`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// A field path.
    pub field: String,
}

/// A `Status`, read leniently: whatever is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusBody {
    /// HTTP status.
    pub code: u16,
    /// Whether the body was a `Status` at all, and not a proxy's page or plain text.
    pub is_status: bool,
    /// One CamelCase word, such as `NotFound`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// `details.kind`: a plural resource name for most answers.
    pub kind: String,
    /// `details.name`.
    pub name: String,
    /// `details.causes`.
    pub causes: Vec<Cause>,
}

impl StatusBody {
    /// Reads a body.
    #[must_use]
    pub fn read(code: u16, body: &Value) -> Self {
        let text = |pointer: &str| {
            body.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let is_status = body.get("kind").and_then(Value::as_str) == Some("Status");
        let causes = body.pointer("/details/causes").and_then(Value::as_array);
        let cause = |cause: &Value| {
            let text = |key: &str| {
                let text = cause.get(key).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            Cause {
                reason: text("reason"),
                message: text("message"),
                field: text("field"),
            }
        };
        Self {
            code,
            is_status,
            reason: text("/reason"),
            message: match body {
                Value::String(plain) => crate::link::first_line(plain),
                _ => text("/message"),
            },
            kind: text("/details/kind"),
            name: text("/details/name"),
            causes: causes.map_or_else(Vec::new, |causes| causes.iter().map(cause).collect()),
        }
    }

    /// Whether some cause has this reason.
    #[must_use]
    pub fn has_cause(&self, reason: &str) -> bool {
        self.causes.iter().any(|cause| cause.reason == reason)
    }

    /// Whether the object asked for is surely not there: a `Status` must name it (a plain 404 means an unknown path,
    /// one of another kind means that its namespace is missing).
    #[must_use]
    pub fn says_gone(&self, plural: &str, name: &str) -> bool {
        self.code == 404
            && self.is_status
            && self.reason == "NotFound"
            && self.kind == plural
            && self.name == name
    }
}

/// A refusal of the API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server answered {}: {}", status.code, shown(status))]
pub struct ApiError {
    /// What it said.
    pub status: StatusBody,
    /// What it asked us to wait.
    pub retry_after: Option<Duration>,
}

/// Why a question to the API server has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No answer.
    #[error("the API server does not answer")]
    Call(#[from] super::CallError),
    /// A refusal.
    #[error("the API server refuses")]
    Refused(#[from] ApiError),
    /// An answer without what was asked for.
    #[error("the API server's answer lacks {0}")]
    Lacking(&'static str),
}

fn shown(status: &StatusBody) -> &str {
    match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => "nothing more",
        ("", reason) => reason,
        (message, _) => message,
    }
}

#[cfg(test)]
mod tests;
