//! Owns label and field selectors: how their texts are read and what they select.

use serde_json::Value;

use crate::object;
use crate::status::{ApiError, Result};

/// A label selector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

impl Labels {
    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let requirements = split(text)
            .into_iter()
            .map(|part| requirement(part.trim()))
            .collect::<Result<_>>()?;
        Ok(Self(requirements))
    }

    /// Reads a `LabelSelector` object; `None` selects nothing, an empty one everything.
    pub(crate) fn from_object(selector: &Value) -> Self {
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap_or_default().to_owned();
            requirements.push(Requirement::In(key.clone(), vec![value]));
        }
        for expression in object::items(&selector["matchExpressions"]) {
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            let values = object::texts(&expression["values"])
                .map(str::to_owned)
                .collect();
            requirements.push(match expression["operator"].as_str() {
                Some("NotIn") => Requirement::NotIn(key, values),
                Some("Exists") => Requirement::Exists(key),
                Some("DoesNotExist") => Requirement::Absent(key),
                _ => Requirement::In(key, values),
            });
        }
        Self(requirements)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object's own labels match.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.matches_labels(&object["metadata"]["labels"])
    }

    /// Whether a map of labels matches.
    pub(crate) fn matches_labels(&self, labels: &Value) -> bool {
        let value = |key: &String| labels[key.as_str()].as_str();
        let number = |key: &String| value(key).and_then(|text| text.parse::<i64>().ok());
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, wanted) => {
                value(key).is_some_and(|value| wanted.iter().any(|want| want == value))
            }
            Requirement::NotIn(key, unwanted) => {
                value(key).is_none_or(|value| unwanted.iter().all(|unwanted| unwanted != value))
            }
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Absent(key) => value(key).is_none(),
            Requirement::Greater(key, than) => number(key).is_some_and(|value| value > *than),
            Requirement::Less(key, than) => number(key).is_some_and(|value| value < *than),
        })
    }
}

/// Splits at the commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() {
        parts.push(&text[start..]);
    }
    parts
}

fn requirement(part: &str) -> Result<Requirement> {
    if let Some(name) = part.strip_prefix('!') {
        return Ok(Requirement::Absent(key(name, part)?));
    }
    let word = |spaced: &str, joined: &str| {
        let reopened = || part.split_once(joined).map(reopen(part));
        part.split_once(spaced).or_else(reopened)
    };
    if let Some((name, values)) = word(" notin ", " notin(") {
        return Ok(Requirement::NotIn(key(name, part)?, set(values, part)?));
    }
    if let Some((name, values)) = word(" in ", " in(") {
        return Ok(Requirement::In(key(name, part)?, set(values, part)?));
    }
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((name, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(name, part)?, one(value)));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(key(name, part)?, one(value)));
    }
    let number = |value: &str| value.trim().parse().map_err(|_| bad(part));
    if let Some((name, value)) = part.split_once('>') {
        return Ok(Requirement::Greater(key(name, part)?, number(value)?));
    }
    if let Some((name, value)) = part.split_once('<') {
        return Ok(Requirement::Less(key(name, part)?, number(value)?));
    }
    Ok(Requirement::Exists(key(part, part)?))
}

fn bad(part: &str) -> ApiError {
    let found = part.split_whitespace().nth(1).unwrap_or(part);
    ApiError::bad_request(format!(
        "unable to parse requirement: found '{found}', expected: in, notin, =, ==, !=, gt, lt"
    ))
}

fn key(text: &str, part: &str) -> Result<String> {
    let text = text.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.is_empty() || !text.chars().all(allowed) {
        return Err(bad(part));
    }
    Ok(text.to_owned())
}

/// The values between parentheses.
fn set(text: &str, part: &str) -> Result<Vec<String>> {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .ok_or_else(|| bad(part))?;
    Ok(inner
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect())
}

/// Gives the parenthesis back that a split at `in(` took.
fn reopen<'a>(part: &'a str) -> impl Fn((&'a str, &'a str)) -> (&'a str, &'a str) {
    move |(name, values)| (name, &part[part.len() - values.len() - 1..])
}

/// A field selector: conjunction of comparisons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<Comparison>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    path: String,
    value: String,
    equal: bool,
}

impl Fields {
    /// Reads `a=b,c!=d`; refuses fields that the kind cannot be selected by.
    pub(crate) fn parse(text: &str, selectable: &Selectable<'_>) -> Result<Self> {
        let mut comparisons = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
                (path, value, false)
            } else if let Some((path, value)) =
                part.split_once("==").or_else(|| part.split_once('='))
            {
                (path, value, true)
            } else {
                let message = format!("invalid selector: '{text}'; can't understand '{part}'");
                return Err(ApiError::bad_request(message));
            };
            selectable.check(path)?;
            comparisons.push(Comparison {
                path: path.to_owned(),
                value: value.to_owned(),
                equal,
            });
        }
        Ok(Self(comparisons))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|comparison| {
            let equal = match object::at(object, &comparison.path) {
                Value::String(text) => *text == comparison.value,
                Value::Null => absent_value(&comparison.path) == comparison.value,
                other => {
                    let text = other.to_string();
                    text == comparison.value
                }
            };
            equal == comparison.equal
        })
    }

    /// The name that every selected object must have, if the selector says one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|comparison| comparison.equal && comparison.path == "metadata.name")
            .map(|comparison| comparison.value.as_str())
    }
}

/// What an absent field compares as.
fn absent_value(path: &str) -> &'static str {
    match path {
        "spec.unschedulable" | "spec.hostNetwork" => "false",
        "status.replicas" | "status.successful" => "0",
        _ => "",
    }
}

/// The fields that objects can be selected by, beside name and namespace.
#[derive(Debug, Clone)]
pub(crate) enum Selectable<'a> {
    /// Those of a built-in kind.
    Kind(&'a str),
    /// Those that a CustomResourceDefinition names.
    Custom(&'a [String]),
    /// Every field; used to look for a name before the kind is known.
    Every,
}

impl Selectable<'_> {
    fn check(&self, path: &str) -> Result<()> {
        let own: Vec<&str> = match self {
            Self::Every => return Ok(()),
            Self::Kind(kind) => fields_of(kind).to_vec(),
            Self::Custom(fields) => fields.iter().map(String::as_str).collect(),
        };
        if matches!(path, "metadata.name" | "metadata.namespace") || own.contains(&path) {
            return Ok(());
        }
        let message = match (self, own.is_empty()) {
            (Self::Kind(_), true) => {
                format!(
                    "{path:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                )
            }
            _ => format!("field label not supported: {path}"),
        };
        Err(ApiError::bad_request(message))
    }
}

#[rustfmt::skip]
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "Event" => &["involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
            "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
            "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type",
            "regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid"],
        "Pod" => &["spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
            "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP",
            "status.nominatedNodeName"],
        "Namespace" => &["status.phase"],
        "Node" => &["spec.unschedulable"],
        "Secret" => &["type"],
        "Service" => &["spec.clusterIP", "spec.type"],
        "Job" => &["status.successful"],
        "ReplicaSet" | "ReplicationController" => &["status.replicas"],
        "CertificateSigningRequest" => &["spec.signerName"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
