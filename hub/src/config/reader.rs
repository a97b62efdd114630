//! Reading a tree field by field, collecting every mistake instead of stopping at the first.

use std::path::Path;

use capstan_hub_core::problem::did_you_mean;
use capstan_hub_core::yaml::{Key, Node, Value};

use super::{Mistake, Mistakes};

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Where the file begins.
pub(super) const START: At = At { line: 1, column: 1 };

/// Where a value stands.
pub(super) const fn at(node: &Node) -> At {
    At {
        line: node.line,
        column: node.column,
    }
}

/// Collects mistakes of one file.
pub(super) struct Reader<'a> {
    file: &'a Path,
    mistakes: Vec<Mistake>,
}

/// A map whose fields are taken one by one; what is left over is unknown.
pub(super) struct Fields {
    pub(super) at: At,
    left: Vec<(Key, Node)>,
    known: Vec<&'static str>,
}

impl Fields {
    /// The field `name`, where it is given and not null.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node> {
        self.known.push(name);
        let place = self.left.iter().position(|(key, _)| key.text == name)?;
        let (_, node) = self.left.remove(place);
        (!matches!(node.value, Value::Null)).then_some(node)
    }
}

impl<'a> Reader<'a> {
    pub(super) const fn new(file: &'a Path) -> Self {
        Self {
            file,
            mistakes: Vec::new(),
        }
    }

    /// A place as people write it: `hub.yaml:8:12`.
    pub(super) fn place(&self, at: At) -> String {
        format!("{}:{}:{}", self.file.display(), at.line, at.column)
    }

    /// The file's name, without directories.
    pub(super) fn file_name(&self) -> String {
        let name = self.file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Records a mistake.
    pub(super) fn wrong(&mut self, at: At, message: impl Into<String>, hint: impl Into<String>) {
        self.mistakes.push(Mistake {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// The value, unless there was a mistake anywhere.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Mistakes> {
        match value {
            Some(value) if self.mistakes.is_empty() => Ok(value),
            _ => {
                let mut mistakes = self.mistakes;
                mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
                Err(Mistakes(mistakes))
            }
        }
    }

    /// The fields of a map.
    pub(super) fn map(&mut self, node: Node, what: &str) -> Option<Fields> {
        let at = at(&node);
        match node.value {
            Value::Map(left) => Some(Fields {
                at,
                left,
                known: Vec::new(),
            }),
            _ => {
                self.wrong_type(&node, what, "a map");
                None
            }
        }
    }

    /// The items of a list.
    pub(super) fn list(&mut self, node: Node, what: &str) -> Option<Vec<Node>> {
        match node.value {
            Value::List(items) => Some(items),
            _ => {
                self.wrong_type(&node, what, "a list");
                None
            }
        }
    }

    /// A text that must not be empty.
    pub(super) fn text(&mut self, node: Node, what: &str) -> Option<(At, String)> {
        match &node.value {
            Value::Text(text) if text.trim().is_empty() => {
                self.wrong(
                    at(&node),
                    format!("`{what}` is empty"),
                    "give it a value or remove it",
                );
                None
            }
            Value::Text(text) => Some((at(&node), text.clone())),
            _ => {
                self.wrong_type(&node, what, "a string");
                None
            }
        }
    }

    /// A text or a number, as text.
    pub(super) fn scalar(&mut self, node: Node, what: &str) -> Option<(At, String)> {
        match &node.value {
            Value::Number(number) => Some((at(&node), number.to_string())),
            _ => self.text(node, what),
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, node: Node, what: &str) -> Option<bool> {
        match node.value {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong_type(&node, what, "a truth value");
                None
            }
        }
    }

    /// A text that `parse` understands; its error becomes the message.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        node: Option<Node>,
        what: &str,
        hint: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (at, text) = self.scalar(node?, what)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(at, format!("`{what}`: {error}"), hint);
                None
            }
        }
    }

    /// Reports what nobody took.
    pub(super) fn close(&mut self, fields: Fields, what: &str) {
        for (Key { line, column, text }, _) in fields.left {
            let hint = did_you_mean(&text, &fields.known);
            self.wrong(
                At { line, column },
                format!("`{what}` has no field `{text}`"),
                hint,
            );
        }
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let message = format!("`{what}` must be {wanted}, and is {}", node.type_name());
        self.wrong(
            at(node),
            message,
            "compare it with the file that `hub init` writes",
        );
    }
}
