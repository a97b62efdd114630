//! `${...}` in manifests: on parsed scalars, never on text, so that a value cannot inject structure.

use serde_json::Value as Json;

use super::Manifest;
use crate::problem::{Code, Place, Problem};
use crate::template::{BuiltIn, Effective, Scalar, VariableError, expand};
use crate::yaml::{Node, Value};

/// What values there are.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) variables: &'a Effective,
    pub(super) built_in: BuiltIn<'a>,
}

/// The manifest with values put in.
///
/// # Errors
/// Every variable without a value, at its place.
pub(super) fn manifest(manifest: &Manifest, values: Values<'_>) -> Result<Json, Vec<Problem>> {
    let kind = manifest
        .node
        .get("kind")
        .and_then(Node::text)
        .unwrap_or_default();
    let mut walk = Walk {
        manifest,
        values,
        kind,
        path: Vec::new(),
        problems: Vec::new(),
    };
    let json = walk.node(&manifest.node);
    if walk.problems.is_empty() {
        Ok(json)
    } else {
        Err(walk.problems)
    }
}

struct Walk<'a> {
    manifest: &'a Manifest,
    values: Values<'a>,
    kind: &'a str,
    path: Vec<&'a str>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a Node) -> Json {
        match &node.value {
            Value::Text(text) if text.contains("${") => self.text(node, text),
            Value::List(items) => items.iter().map(|item| self.node(item)).collect(),
            Value::Map(members) => {
                let mut map = serde_json::Map::new();
                for (key, value) in members {
                    self.path.push(&key.text);
                    map.insert(key.text.clone(), self.node(value));
                    self.path.pop();
                }
                Json::Object(map)
            }
            _ => node.to_json(),
        }
    }

    fn text(&mut self, node: &Node, text: &str) -> Json {
        match expand(text, self.values.variables, self.values.built_in) {
            Ok(Scalar::Text(text)) => Json::String(text),
            Ok(scalar) if only_text(self.kind, &self.path) => Json::String(scalar.to_string()),
            Ok(scalar) => scalar.to_value(),
            Err(error) => {
                let at = Place {
                    line: node.line,
                    column: node.column,
                    ..self.manifest.at.clone()
                };
                self.problems.push(self.problem(&at, &error));
                Json::Null
            }
        }
    }

    fn problem(&self, at: &Place, error: &VariableError) -> Problem {
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
            _ => (
                Code::BadSubstitution,
                "write `$${` for a literal `${`".to_owned(),
            ),
        };
        Problem::error(at, code, error.to_string())
            .about_cluster(self.values.built_in.cluster)
            .about_bundle(self.values.built_in.bundle)
            .hint(hint)
    }
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
