//! `${...}` in manifests and fleet documents: on parsed scalars, never on text, so that a value
//! cannot inject structure.

use serde_json::Value as Json;

use capstan_proto::limits::OBJECT_BYTES_MAX;

use super::Manifest;
use crate::problem::{Code, Place, Problem};
use crate::template::{
    BuiltIn, Effective, Scalar, VariableError, expand, expand_each, lacking, names, value_of,
};
use crate::yaml::{Node, Value};

/// What values there are.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) variables: &'a Effective,
    pub(super) built_in: BuiltIn<'a>,
}

/// Where a piece of an object stands: it says where only a string can stand.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// A place in the file that the piece is from.
    pub(super) at: &'a Place,
    /// The object's kind.
    pub(super) kind: &'a str,
    /// The map keys that lead to the piece.
    pub(super) path: &'a [&'a str],
}

/// The manifest with values put in.
///
/// # Errors
/// Every variable without a value, at its place.
pub(super) fn manifest(manifest: &Manifest, values: Values<'_>) -> Result<Json, Vec<Problem>> {
    let kind = manifest.node.get("kind").and_then(Node::text);
    let context = Context {
        at: &manifest.at,
        kind: kind.unwrap_or_default(),
        path: &[],
    };
    let mut walk = Walk::new(context, values);
    let json = walk.json(&manifest.node);
    walk.end(json)
}

/// A piece of an object with values put in; every value keeps its place.
///
/// # Errors
/// Every variable without a value, at its place.
pub(super) fn node(
    node: &Node,
    context: Context<'_>,
    values: Values<'_>,
) -> Result<Node, Vec<Problem>> {
    let mut walk = Walk::new(context, values);
    let node = walk.node(node);
    walk.end(node)
}

/// A text with values put in.
///
/// # Errors
/// When a variable has no value.
pub(super) fn text(raw: &str, at: &Place, values: Values<'_>) -> Result<String, Problem> {
    expand(raw, values.variables, values.built_in)
        .map(|scalar| scalar.to_string())
        .map_err(|error| problem(at, &error))
}

/// A JSON pointer with values put in, each of which stays within one step.
///
/// # Errors
/// When a variable has no value.
pub(super) fn pointer(raw: &str, at: &Place, values: Values<'_>) -> Result<String, Problem> {
    let escape = |value: &str| value.replace('~', "~0").replace('/', "~1");
    expand_each(raw, values.variables, values.built_in, escape).map_err(|error| problem(at, &error))
}

impl Values<'_> {
    /// What a name stands for, as bytes that are equal only for equal values.
    pub(super) fn fingerprint(&self, name: &str) -> String {
        match value_of(name, self.variables, self.built_in) {
            None => "nothing".to_owned(),
            // A number inside a longer text is as it is written.
            Some(Ok(Scalar::Number(number))) => format!("number {} {number}", number.number()),
            Some(Ok(value)) => format!("value {}", value.to_value()),
            Some(Err(error)) => format!("error {error}"),
        }
    }
}

/// Adds the names that the texts of a node use.
pub(super) fn used(node: &Node, found: &mut std::collections::BTreeSet<String>) {
    match &node.value {
        Value::Text(text) => found.extend(names(text)),
        Value::List(items) => items.iter().for_each(|item| used(item, found)),
        Value::Map(members) => members.iter().for_each(|(_, value)| used(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

struct Walk<'a> {
    at: &'a Place,
    values: Values<'a>,
    kind: &'a str,
    path: Vec<&'a str>,
    problems: Vec<Problem>,
    /// How long the values are that were put in.
    bytes: usize,
}

impl<'a> Walk<'a> {
    fn new(context: Context<'a>, values: Values<'a>) -> Self {
        Self {
            at: context.at,
            values,
            kind: context.kind,
            path: context.path.to_vec(),
            problems: Vec::new(),
            bytes: 0,
        }
    }

    fn end<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(value)
        } else {
            Err(self.problems)
        }
    }

    fn json(&mut self, node: &'a Node) -> Json {
        match &node.value {
            Value::Text(text) if text.contains("${") => self.scalar(node, text).to_value(),
            Value::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Map(members) => {
                let mut map = serde_json::Map::new();
                for (key, value) in members {
                    self.path.push(&key.text);
                    map.insert(key.text.clone(), self.json(value));
                    self.path.pop();
                }
                Json::Object(map)
            }
            _ => node.to_json(),
        }
    }

    fn node(&mut self, node: &'a Node) -> Node {
        let value = match &node.value {
            Value::Text(text) if text.contains("${") => match self.scalar(node, text) {
                Scalar::Text(text) => Value::Text(text),
                Scalar::Number(number) => Value::Number(number),
                Scalar::Bool(value) => Value::Bool(value),
            },
            Value::List(items) => Value::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Map(members) => {
                let mut map = Vec::with_capacity(members.len());
                for (key, value) in members {
                    self.path.push(&key.text);
                    map.push((key.clone(), self.node(value)));
                    self.path.pop();
                }
                Value::Map(map)
            }
            other => other.clone(),
        };
        Node { value, ..*node }
    }

    /// A text that uses variables, with their values; a typed one only where more than a string
    /// can stand.
    fn scalar(&mut self, node: &Node, text: &str) -> Scalar {
        // An object that cannot be sent is not built either: many uses multiply one value.
        let expanded = match expand(text, self.values.variables, self.values.built_in) {
            _ if self.bytes > OBJECT_BYTES_MAX => return Scalar::Text(String::new()),
            Ok(Scalar::Text(value)) if self.bytes + value.len() > OBJECT_BYTES_MAX => {
                self.bytes = usize::MAX;
                Err(VariableError::TooLongInObject)
            }
            expanded => expanded,
        };
        if let Ok(Scalar::Text(value)) = &expanded {
            self.bytes += value.len();
        }
        match expanded {
            Ok(scalar) if only_text(self.kind, &self.path) => Scalar::Text(scalar.to_string()),
            Ok(scalar) => scalar,
            Err(error) => {
                let at = Place {
                    line: node.line,
                    column: node.column,
                    ..self.at.clone()
                };
                let Values {
                    variables,
                    built_in,
                } = self.values;
                let others = lacking(text, variables, built_in);
                let others = others.iter().filter(|other| **other != error);
                self.problems.push(problem(&at, &error));
                self.problems
                    .extend(others.map(|other| problem(&at, other)));
                Scalar::Text(String::new())
            }
        }
    }
}

/// Why a text has no value, and what to do about it.
pub(super) fn problem(at: &Place, error: &VariableError) -> Problem {
    let (code, hint) = match error {
        VariableError::Unknown { name } => {
            let hint = if name.contains('.') {
                "built in are cluster.name, cluster.labels.<key>, bundle.name and \
                 source.revision"
                    .to_owned()
            } else {
                format!("declare it, write `${{{name}:-default}}`, or `$${{` for a literal")
            };
            (Code::UnknownVariable, hint)
        }
        VariableError::Cycle { .. } => (
            Code::VariableCycle,
            "give one of them a value of its own".to_owned(),
        ),
        VariableError::Syntax { .. } => (
            Code::BadSubstitution,
            "write `$${` for a literal `${`".to_owned(),
        ),
        VariableError::TooDeep => (
            Code::TooMuch,
            "let variables name values, not each other".to_owned(),
        ),
        VariableError::TooLong | VariableError::TooMuch | VariableError::TooLongInObject => {
            (Code::TooMuch, "keep long texts in the manifests".to_owned())
        }
    };
    Problem::error(at, code, error.to_string()).hint(hint)
}

/// Whether only a string can stand at a path of map keys.
fn only_text(kind: &str, path: &[&str]) -> bool {
    let Some((last, above)) = path.split_last() else {
        return false;
    };
    let parent = above.last().copied().unwrap_or_default();
    let maps = ["labels", "annotations", "matchLabels", "nodeSelector"];
    let data = ["data", "stringData", "binaryData"];
    match path {
        [top, _] if data.contains(top) => matches!(kind, "ConfigMap" | "Secret"),
        ["spec", "selector", _] => matches!(kind, "Service" | "ReplicationController"),
        _ => {
            maps.contains(&parent)
                || (*last == "value" && parent == "env")
                || matches!(*last, "args" | "command" | "name" | "namespace" | "image")
        }
    }
}
