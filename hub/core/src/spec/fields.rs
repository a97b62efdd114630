//! Reading maps strictly: unknown fields, wrong types and missing fields become problems.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::SourceName;

use crate::problem::{Code, Place, Problem, Severity, did_you_mean};
use crate::yaml::{Key, Node, Value};

/// The file that is read, and what was found wrong in it.
pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceName,
    pub(super) path: &'a Arc<str>,
    pub(super) problems: Vec<Problem>,
}

/// The fields of one map. `path` is how people call it: `spec.clusters[0]`.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
    pub(super) path: &'n str,
}

/// The fields that a map may have.
pub(super) struct Schema {
    /// Those that this version obeys.
    pub(super) known: &'static [&'static str],
    /// Those that a later version will obey.
    pub(super) later: &'static [&'static str],
}

impl Reader<'_> {
    pub(super) fn place(&self, line: u32, column: u32) -> Place {
        Place {
            source: self.source.clone(),
            path: Arc::clone(self.path),
            line,
            column,
        }
    }

    pub(super) fn at(&self, node: &Node) -> Place {
        self.place(node.line, node.column)
    }

    pub(super) fn at_key(&self, key: &Key) -> Place {
        self.place(key.line, key.column)
    }

    pub(super) fn error(&mut self, node: &Node, code: Code, message: String, hint: &str) {
        let problem = Problem::error(&self.at(node), code, message);
        self.push(problem, hint);
    }

    pub(super) fn push(&mut self, problem: Problem, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problems.push(problem.maybe_hint(hint));
    }

    pub(super) fn errors(&self) -> usize {
        self.problems
            .iter()
            .filter(|p| p.severity == Severity::Error)
            .count()
    }

    /// The fields of a map; unknown ones are problems. Nothing at all is an empty map.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &'n str,
        schema: &Schema,
    ) -> Option<Fields<'n>> {
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            self.wrong_type(node, path, "a map");
            return None;
        }
        for (key, _) in node.members() {
            let name = key.text.as_str();
            if schema.known.contains(&name) {
                continue;
            }
            let (code, message, hint) = if schema.later.contains(&name) {
                let message = format!("this version does not know `{path}.{name}` yet");
                (
                    Code::Unsupported,
                    message,
                    format!("allowed: {}", schema.known.join(", ")),
                )
            } else {
                let message = format!("`{path}` has no field `{name}`");
                (
                    Code::UnknownField,
                    message,
                    did_you_mean(name, schema.known),
                )
            };
            let problem = Problem::error(&self.at_key(key), code, message);
            self.push(problem, &hint);
        }
        Some(Fields { node, path })
    }

    pub(super) fn wrong_type(&mut self, node: &Node, path: &str, wanted: &str) {
        let message = format!("`{path}` must be {wanted}, not {}", node.type_name());
        let hint = match &node.value {
            Value::Number(number) if wanted == "a string" => format!("write \"{number}\""),
            Value::Bool(value) if wanted == "a string" => format!("write \"{value}\""),
            Value::Text(text) if wanted == "a list" => format!("write [{text}]"),
            _ => String::new(),
        };
        self.error(node, Code::WrongType, message, &hint);
    }

    pub(super) fn missing(&mut self, fields: Fields<'_>, field: &str) {
        let message = format!("`{}.{field}` is missing", fields.path);
        self.error(fields.node, Code::MissingField, message, "");
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, path: &str) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            self.wrong_type(node, path, "a string");
        }
        text
    }

    pub(super) fn bool(&mut self, fields: Fields<'_>, field: &str) -> bool {
        match fields.node.get(field).map(|node| (&node.value, node)) {
            None | Some((Value::Null, _)) => false,
            Some((Value::Bool(value), _)) => *value,
            Some((_, node)) => {
                self.wrong_type(node, &format!("{}.{field}", fields.path), "true or false");
                false
            }
        }
    }

    /// A list that must name something, where it is there at all.
    pub(super) fn list<'n>(&mut self, fields: Fields<'n>, field: &str) -> Option<&'n [Node]> {
        let node = fields.node.get(field)?;
        let path = format!("{}.{field}", fields.path);
        match &node.value {
            Value::List(items) if !items.is_empty() => Some(items),
            Value::List(_) | Value::Null => {
                let message = format!("`{path}` is empty");
                let hint = format!("leave `{field}` out, or name something");
                self.error(node, Code::EmptyList, message, &hint);
                None
            }
            _ => {
                self.wrong_type(node, &path, "a list");
                None
            }
        }
    }

    /// A map of strings.
    pub(super) fn strings(&mut self, fields: Fields<'_>, field: &str) -> BTreeMap<String, String> {
        let Some(node) = fields.node.get(field) else {
            return BTreeMap::new();
        };
        let path = format!("{}.{field}", fields.path);
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            self.wrong_type(node, &path, "a map");
        }
        let mut strings = BTreeMap::new();
        for (key, value) in node.members() {
            if let Some(text) = self.text(value, &format!("{path}.{}", key.text)) {
                strings.insert(key.text.clone(), text.to_owned());
            }
        }
        strings
    }

    /// A set of strings.
    pub(super) fn string_set(&mut self, items: &[Node], path: &str) -> BTreeSet<String> {
        items
            .iter()
            .filter_map(|item| self.text(item, path).map(ToOwned::to_owned))
            .collect()
    }

    /// One of several words; the first is the default.
    pub(super) fn word<T: Copy>(
        &mut self,
        fields: Fields<'_>,
        field: &str,
        words: &[(&str, T)],
    ) -> T {
        let default = words[0].1;
        let Some(node) = fields.node.get(field).filter(|n| n.value != Value::Null) else {
            return default;
        };
        let path = format!("{}.{field}", fields.path);
        let Some(text) = self.text(node, &path) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("`{path}` cannot be `{text}`");
        self.error(node, Code::BadValue, message, &did_you_mean(text, &known));
        default
    }
}
