//! What an unsuccessful answer of the API server means for the object that was asked for.
//!
//! An error is never an empty answer: only a `Status` that names our object says that it is gone.
//! Messages are cut, because API servers echo values (K20).

use capstan_proto::ObjectKey;
use serde_json::Value;

mod complaint;

use crate::kind::Kind;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::outcome::{Outcome, Refused};

/// What the answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Other managers own fields that the apply would change.
    Fields(Vec<Conflict>),
    /// The object is not the one that was meant, or changed meanwhile: read it again.
    Changed,
    /// The object does not exist.
    Gone,
    /// Its namespace does not exist.
    NamespaceMissing,
    /// Its namespace is being deleted.
    NamespaceTerminating,
    /// The agent may not.
    Forbidden,
    /// The server serves no such kind.
    NotServed,
    /// Whether and how the kind is served is not known now.
    KindUnknown,
    /// The content is refused, and will be until it changes.
    Invalid {
        /// `UnknownField`, `WrongType`, `DuplicateField`, `Immutable`, `Invalid`, or the server's own.
        reason: String,
    },
    /// Try again later.
    Later {
        /// As the server wishes.
        after_ms: Option<u64>,
    },
    /// It may have been executed.
    Ambiguous,
}

impl Refusal {
    /// Whether the same declaration will be refused for ever: a server that validates may change its
    /// mind (a webhook, a quota), one that cannot read a field will not.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        let lasting = ["UnknownField", "WrongType", "DuplicateField", "Immutable"];
        matches!(self, Self::Invalid { reason } if lasting.contains(&reason.as_str()))
    }
}

/// A field that another manager owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// Who.
    pub manager: String,
    /// Which field, as the server writes it.
    pub field: String,
}

/// A refusal in words that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub refusal: Refusal,
    /// One CamelCase word.
    pub reason: String,
    /// One sentence, without values of the object.
    pub message: String,
}

/// What an outcome that is no success means; the body of a success otherwise.
///
/// # Errors
/// When the outcome is no success.
pub fn judge(key: &ObjectKey, outcome: Outcome) -> Result<(u16, Value), Finding> {
    let plain = |refusal, reason: &str, message: String| Finding {
        refusal,
        reason: reason.to_owned(),
        message: cut(&message),
    };
    match outcome {
        Outcome::Success { code, body } => Ok((code, body)),
        Outcome::Refused(refused) => Err(refused_finding(key, &refused)),
        Outcome::Ambiguous { detail } => Err(plain(Refusal::Ambiguous, "NoAnswer", detail)),
        Outcome::Unsent { detail } => Err(plain(
            Refusal::Later { after_ms: None },
            "Unreachable",
            detail,
        )),
        Outcome::NotServed => Err(plain(
            Refusal::NotServed,
            "KindNotServed",
            format!("the cluster serves no {}", Kind::of(key)),
        )),
        Outcome::WrongScope { namespaced } => {
            let reason = "WrongScope".to_owned();
            let words = match namespaced {
                true => "objects of its kind live in a namespace, and it names none",
                false => "objects of its kind live in no namespace, and it names one",
            };
            Err(plain(
                Refusal::Invalid { reason },
                "WrongScope",
                words.to_owned(),
            ))
        }
        Outcome::DiscoveryFailed { detail } => {
            Err(plain(Refusal::KindUnknown, "KindUnknown", detail))
        }
    }
}

fn refused_finding(key: &ObjectKey, refused: &Refused) -> Finding {
    let refusal = classify(key, refused);
    let reason = word(&refusal, refused);
    let message = cut(&sentence(key, &refusal, refused));
    Finding {
        refusal,
        reason,
        message,
    }
}

fn classify(key: &ObjectKey, refused: &Refused) -> Refusal {
    let message = message(refused);
    let later = Refusal::Later {
        after_ms: refused.retry_after_ms,
    };
    match refused.code {
        409 => match conflicts(refused) {
            fields if !fields.is_empty() => Refusal::Fields(fields),
            _ => Refusal::Changed,
        },
        404 => not_found(key, refused),
        403 if has_cause(refused, "NamespaceTerminating") => Refusal::NamespaceTerminating,
        403 if message.contains("custom resource definition is terminating") => {
            Refusal::KindUnknown
        }
        403 => Refusal::Forbidden,
        422 if causes(refused).any(|cause| cause["field"] == "metadata.uid") => Refusal::Changed,
        400 | 422 => invalid(worst(refused)),
        413 => invalid("TooLarge"),
        415 => invalid("Invalid"),
        429 if message.contains("storage is (re)initializing") => Refusal::KindUnknown,
        500 if message.contains("failed to create typed patch object") => invalid(worst(refused)),
        500 if message.contains(complaint::UNCONVERTED) => invalid(worst(refused)),
        405 => invalid("MethodNotAllowed"),
        _ => later,
    }
}

fn not_found(key: &ObjectKey, refused: &Refused) -> Refusal {
    let details = &refused.status["details"];
    let names_us = details["name"] == key.name.as_str();
    let of_namespaces = details["kind"] == "namespaces";
    let is_namespace = key.group.is_empty() && key.kind == "Namespace";
    if of_namespaces && !is_namespace && details["name"] == key.namespace.as_str() {
        return Refusal::NamespaceMissing;
    }
    let group = details["group"].as_str().unwrap_or_default();
    if names_us && group == key.group && (is_namespace || !of_namespaces) {
        return Refusal::Gone;
    }
    match refused.status.is_object() && refused.status["details"].is_object() {
        // A Status about something else: a webhook's service, a proxied backend.
        true => Refusal::Later {
            after_ms: refused.retry_after_ms,
        },
        false => Refusal::NotServed,
    }
}

/// The word for what is wrong: a declaration with several faults is refused for ever if one of them is
/// for ever.
fn worst(refused: &Refused) -> &'static str {
    let problems = complaint::complaints(refused);
    let words = problems.iter().map(|complaint| complaint.problem.word());
    let mut words = words.filter(|word| *word != "Invalid");
    words.next().unwrap_or("Invalid")
}

fn invalid(reason: &str) -> Refusal {
    Refusal::Invalid {
        reason: reason.to_owned(),
    }
}

fn word(refusal: &Refusal, refused: &Refused) -> String {
    let server = refused.status["reason"].as_str().unwrap_or_default();
    match refusal {
        Refusal::Fields(_) => "FieldManagerConflict".to_owned(),
        Refusal::Invalid { reason } => reason.clone(),
        Refusal::NamespaceMissing => "NamespaceMissing".to_owned(),
        Refusal::NamespaceTerminating => "NamespaceTerminating".to_owned(),
        Refusal::NotServed => "KindNotServed".to_owned(),
        Refusal::KindUnknown => "KindUnknown".to_owned(),
        _ if server.is_empty() => format!("Http{}", refused.code),
        _ => server.to_owned(),
    }
}

fn sentence(key: &ObjectKey, refusal: &Refusal, refused: &Refused) -> String {
    let secret = Kind::of(key).is_secret();
    match refusal {
        Refusal::Fields(conflicts) => {
            let by = |c: &Conflict| format!("{} owns {}", c.manager, c.field);
            conflicts.iter().map(by).collect::<Vec<_>>().join(", ")
        }
        Refusal::NamespaceMissing => format!("namespace {} does not exist", key.namespace),
        Refusal::NamespaceTerminating => format!("namespace {} is being deleted", key.namespace),
        Refusal::NotServed => format!("the cluster serves no {}", Kind::of(key)),
        Refusal::Gone => format!("{key} does not exist"),
        Refusal::Changed => format!("{key} is not what was meant, and is read again"),
        Refusal::Invalid { .. } => {
            let problems = complaint::complaints(refused);
            let what = match problems.is_empty() {
                true => said(refused, secret),
                false => complaint::spelled(&problems, secret),
            };
            format!("the API server refuses {key}: {what}")
        }
        Refusal::Forbidden => {
            format!("the API server forbids {key}: {}", said(refused, secret))
        }
        _ => format!(
            "the API server does not take {key} now: {}",
            said(refused, secret)
        ),
    }
}

/// What the server said as a whole; of a Secret only the code.
fn said(refused: &Refused, secret: bool) -> String {
    let words = message(refused).split_whitespace().collect::<Vec<_>>();
    match words.is_empty() || secret {
        true => format!("it answered {}", refused.code),
        false => words.join(" "),
    }
}

fn message(refused: &Refused) -> &str {
    refused.status["message"].as_str().unwrap_or(&refused.text)
}

fn causes(refused: &Refused) -> impl Iterator<Item = &Value> {
    refused
        .status
        .pointer("/details/causes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn has_cause(refused: &Refused, reason: &str) -> bool {
    causes(refused).any(|cause| cause["reason"] == reason)
}

fn conflicts(refused: &Refused) -> Vec<Conflict> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut conflicts: Vec<_> = causes(refused)
        .filter(|cause| cause["reason"] == "FieldManagerConflict")
        .map(|cause| Conflict {
            manager: quoted(&text(&cause["message"])),
            field: text(&cause["field"]),
        })
        .collect();
    conflicts.sort();
    conflicts.dedup();
    conflicts
}

/// The manager in `conflict with "kubectl" using apps/v1 at ...`.
fn quoted(message: &str) -> String {
    let mut parts = message.split('"');
    parts.nth(1).unwrap_or(message).to_owned()
}

/// A message that is short enough to be shown, cut at a character.
#[must_use]
pub fn cut(message: &str) -> String {
    let mut end = message.len().min(MESSAGE_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].to_owned()
}

#[cfg(test)]
mod tests;
