//! Owns what a failed request says: the `Status` object with its reason, details and causes.
//!
//! The wording follows the Kubernetes API machinery, because clients match on it.

use serde_json::{Map, Value, json};

/// Outcome of everything that can fail with a `Status`.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// A failure as a client of the API sees it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code} {reason}: {message}")]
pub(crate) struct ApiError {
    /// HTTP status code.
    pub(crate) code: u16,
    /// Machine-readable reason, such as `NotFound`; empty when there is none.
    pub(crate) reason: String,
    /// The sentence.
    pub(crate) message: String,
    /// `details` of the Status, when it has any.
    pub(crate) details: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            details: None,
        }
    }

    pub(crate) fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        let text = message.to_string();
        Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {text}"),
        )
        .with_details(json!({"causes": [{"message": text}]}))
    }

    pub(crate) fn not_found(resource: Named<'_>, name: &str) -> Self {
        Self::new(
            404,
            "NotFound",
            format!("{} {name:?} not found", resource.qualified()),
        )
        .with_details(resource.details(name))
    }

    /// The resource itself is not served under an otherwise known path.
    pub(crate) fn no_such_resource() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
        .with_details(json!({}))
    }

    pub(crate) fn already_exists(resource: Named<'_>, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::new(409, "AlreadyExists", message).with_details(resource.details(name))
    }

    pub(crate) fn conflict(resource: Named<'_>, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {why}",
            resource.qualified()
        );
        Self::new(409, "Conflict", message).with_details(resource.details(name))
    }

    pub(crate) fn stale(resource: Named<'_>, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(resource, name, why)
    }

    pub(crate) fn forbidden(resource: Named<'_>, name: &str, why: &str) -> Self {
        let subject = match (resource.qualified().as_str(), name) {
            ("", "") => "forbidden: ".to_owned(),
            (qualified, "") => format!("{qualified} is forbidden: "),
            (qualified, _) => format!("{qualified} {name:?} is forbidden: "),
        };
        Self::new(403, "Forbidden", format!("{subject}{why}")).with_details(resource.details(name))
    }

    /// A query parameter with a value that nobody knows; `options` is such as `PatchOptions`.
    pub(crate) fn unsupported_option(options: &str, field: &str, why: String) -> Self {
        let cause = Cause {
            reason: "FieldValueNotSupported",
            field: field.into(),
            message: why,
        };
        Self::invalid("meta.k8s.io", options, "", &[cause])
    }

    /// 422 with one cause for each mistake.
    pub(crate) fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let qualified = Named {
            resource: kind,
            group,
        }
        .qualified();
        let texts: Vec<String> = causes.iter().map(Cause::sentence).collect();
        let mut said: Vec<&String> = Vec::new();
        for text in &texts {
            if !said.contains(&text) {
                said.push(text);
            }
        }
        let list = match said.as_slice() {
            [one] => (*one).clone(),
            many => {
                let many: Vec<&str> = many.iter().map(|text| text.as_str()).collect();
                format!("[{}]", many.join(", "))
            }
        };
        let mut details = Map::new();
        insert_text(&mut details, "name", name);
        insert_text(&mut details, "group", group);
        insert_text(&mut details, "kind", kind);
        details.insert(
            "causes".into(),
            causes.iter().map(Cause::to_value).collect(),
        );
        Self::new(
            422,
            "Invalid",
            format!("{qualified} {name:?} is invalid: {list}"),
        )
        .with_details(Value::Object(details))
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with_details(json!({}))
    }

    pub(crate) fn unsupported_media_type(got: &str, accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        tracing::debug!(got, "unsupported media type");
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn not_acceptable(accepted: &[&str]) -> Self {
        let message = format!(
            "406: Not Acceptable\n\nAvailable representations: {}",
            accepted.join(", ")
        );
        Self::new(406, "NotAcceptable", message).with_details(json!({}))
    }

    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(
            410,
            "Expired",
            format!("too old resource version: {asked} ({oldest})"),
        )
    }

    pub(crate) fn expired_continue() -> Self {
        let message = "The provided continue parameter is too old to display a consistent list \
                       result. You can start a new list without the continue parameter, or use \
                       the continue token in this response to retrieve the remainder of the \
                       results. Continuing with the provided token results in an inconsistent \
                       list - objects that were created, modified, or deleted between the time \
                       the first chunk was returned and now may show up in the list.";
        Self::new(410, "Expired", message)
    }

    pub(crate) fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        Self::new(504, "Timeout", message).with_details(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }))
    }

    /// The Status object.
    pub(crate) fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = Value::String(self.reason.clone());
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

/// A resource as error messages name it: `deployments.apps`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) resource: &'a str,
    pub(crate) group: &'a str,
}

impl Named<'_> {
    fn qualified(&self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }

    fn details(&self, name: &str) -> Value {
        let mut details = Map::new();
        insert_text(&mut details, "name", name);
        insert_text(&mut details, "group", self.group);
        insert_text(&mut details, "kind", self.resource);
        Value::Object(details)
    }
}

/// One mistake of an invalid object.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    /// Such as `FieldValueInvalid`.
    pub(crate) reason: &'static str,
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Cause {
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        let message = format!("Invalid value: {value}: {why}");
        Self {
            reason: "FieldValueInvalid",
            field: field.into(),
            message,
        }
    }

    pub(crate) fn required(field: impl Into<String>, why: &str) -> Self {
        let message = match why {
            "" => "Required value".to_owned(),
            why => format!("Required value: {why}"),
        };
        Self {
            reason: "FieldValueRequired",
            field: field.into(),
            message,
        }
    }

    pub(crate) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        let message = format!("Forbidden: {why}");
        Self {
            reason: "FieldValueForbidden",
            field: field.into(),
            message,
        }
    }

    fn sentence(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }

    fn to_value(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

fn insert_text(map: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        map.insert(key.to_owned(), Value::String(text.to_owned()));
    }
}
