//! What would be right instead of a value: written on one line, and tried before it is said.

use super::check;
use crate::problem::nearest;
use crate::spec::fields::Reader;
use crate::spec::language::{Format, Map, Shape, habits};
use crate::yaml::{self, Dialect, Key, Node, Value};

/// Longest text that a hint writes, in bytes.
const WRITTEN_MAX: usize = 160;

/// What would be right instead of a value, where that can be told from it: the tables find nothing
/// wrong with what is returned.
pub(super) fn rewritten(
    reader: &Reader<'_>,
    node: &Node,
    path: &str,
    shape: &Shape,
) -> Option<String> {
    if !reader.gives_hints() {
        return None;
    }
    let mut line = Line(String::new());
    line.value(node, shape)?;
    let documents = yaml::read(format!("{}\n", line.0).as_bytes(), Dialect::Fleet);
    let [Ok(value)] = documents.as_slice() else {
        return None;
    };
    is_right(reader, value, path, shape).then_some(line.0)
}

/// Whether the tables find nothing wrong with a value.
pub(super) fn is_right(reader: &Reader<'_>, node: &Node, path: &str, shape: &Shape) -> bool {
    let mut trial = reader.trial();
    check(&mut trial, node, path, shape);
    trial.errors() == 0
}

/// A text as it is written on one line; in quotes where it would else be something else.
fn quoted(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '%');
    let plain = text
        .starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.'))
        && text.chars().all(safe)
        && matches!(yaml::plain(text), Value::Text(_));
    match plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// What is written so far; nothing is longer than [`WRITTEN_MAX`].
struct Line(String);

impl Line {
    fn push(&mut self, text: &str) -> Option<()> {
        self.0.push_str(text);
        (self.0.len() <= WRITTEN_MAX).then_some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        (text.len() <= WRITTEN_MAX).then_some(())?;
        self.push(&quoted(text))
    }

    fn value(&mut self, node: &Node, shape: &Shape) -> Option<()> {
        match (shape, &node.value) {
            (Shape::List(_) | Shape::Loose(_) | Shape::Map(_), Value::Text(text)) => {
                match inside(text) {
                    Some(node) => self.value(&node, shape),
                    None => self.single(text, node, shape),
                }
            }
            (Shape::List(of) | Shape::Loose(of), Value::List(items)) => {
                self.items(items.iter(), of)
            }
            (_, Value::Null) => None,
            (Shape::List(of) | Shape::Loose(of), _) => self.items([node].into_iter(), of),
            (Shape::Map(map), Value::Map(members)) => self.map(members, map),
            (Shape::Map(_), Value::List(items)) => match items.as_slice() {
                [one] => self.value(one, shape),
                _ => None,
            },
            (Shape::Text(Format::Duration), Value::Number(number)) => {
                self.push(&format!("{number}s"))
            }
            (Shape::Text(Format::Percent), Value::Number(number)) => {
                self.push(&format!("{number}%"))
            }
            (Shape::Text(_), Value::Number(number)) => self.push(&format!("\"{number}\"")),
            (Shape::Text(_), Value::Bool(value)) => self.push(&format!("\"{value}\"")),
            (Shape::Text(_), Value::List(items)) => match items.as_slice() {
                [one] => self.value(one, shape),
                _ => None,
            },
            // Many tools name things as `{name: web}`.
            (Shape::Text(_), Value::Map(members)) => match members.as_slice() {
                [(key, one)] if key.text == "name" => self.value(one, shape),
                _ => None,
            },
            (Shape::Integer { .. }, Value::Text(text)) => self.push(text.trim()),
            (Shape::Bool, value) => self.truth(value),
            (Shape::Word(words), Value::Text(text)) => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                self.text(nearest(text, &known).unwrap_or(text))
            }
            (Shape::Strings(_), Value::Text(text)) => self.pairs(text.split(',')),
            (Shape::Strings(_), Value::List(items)) => {
                let texts: Option<Vec<&str>> = items.iter().map(Node::text).collect();
                self.pairs(texts?.into_iter())
            }
            (Shape::Strings(format), Value::Map(members)) => self.members(
                members.iter().map(|(key, node)| (key, node)),
                |line, node| line.value(node, &Shape::Text(*format)),
            ),
            (Shape::Variables, Value::List(items)) => {
                match items.iter().map(Node::text).collect::<Option<Vec<&str>>>() {
                    Some(texts) => self.pairs(texts.into_iter()),
                    None => self.named_values(items),
                }
            }
            (Shape::Either(shapes), _) => {
                let end = self.0.len();
                shapes.iter().find_map(|shape| {
                    self.0.truncate(end);
                    self.value(node, shape)
                })
            }
            _ => self.as_it_is(node),
        }
    }

    /// A text where a list or a map is wanted.
    fn single(&mut self, text: &str, node: &Node, shape: &Shape) -> Option<()> {
        let map = match shape {
            Shape::List(of) | Shape::Loose(of) => return self.items([node].into_iter(), of),
            Shape::Map(map) => map,
            _ => return None,
        };
        match (map.title, text.split_once('=')) {
            ("Term", None) if matches!(text, "*" | "all") => self.push("{}"),
            ("Term" | "LabelSelector", Some(_)) => {
                self.push("{matchLabels: ")?;
                self.pairs(text.split(','))?;
                self.push("}")
            }
            ("Taint" | "Toleration", _) if text.contains(['=', ':']) => self.tainted(text),
            // A colon that no space follows.
            _ if text
                .split_once(':')
                .is_some_and(|(name, _)| map.field(name).is_some()) =>
            {
                let (name, rest) = text.split_once(':')?;
                self.push(&format!("{{{name}: "))?;
                self.text(rest)?;
                self.push("}")
            }
            _ => {
                (text.len() <= WRITTEN_MAX).then_some(())?;
                self.push(&habits::short(map)?.replace('$', &quoted(text)))
            }
        }
    }

    /// A taint as kubectl writes it: `key=value:Effect`.
    fn tainted(&mut self, text: &str) -> Option<()> {
        let (marked, effect) = match text.split_once(':') {
            Some((marked, effect)) => (marked, Some(effect)),
            None => (text, None),
        };
        let (key, value) = match marked.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (marked, None),
        };
        let fields = [("key", Some(key)), ("value", value), ("effect", effect)];
        let mut separator = "{";
        for (name, text) in fields {
            if let Some(text) = text {
                self.push(separator)?;
                self.push(&format!("{name}: "))?;
                self.text(text)?;
                separator = ", ";
            }
        }
        self.push("}")
    }

    /// `key=value` texts as a map.
    fn pairs<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Option<()> {
        let mut separator = "{";
        for text in texts {
            let (key, value) = text.split_once('=').or_else(|| text.split_once(": "))?;
            self.push(separator)?;
            self.text(key.trim())?;
            self.push(": ")?;
            let value = value.trim_start_matches('=').trim();
            match yaml::plain(value) {
                Value::Text(_) => self.text(value)?,
                _ => self.push(&format!("\"{value}\""))?,
            }
            separator = ", ";
        }
        (separator == ", ").then_some(())?;
        self.push("}")
    }

    /// Variables as containers have them: `[{name: a, value: b}]`.
    fn named_values(&mut self, items: &[Node]) -> Option<()> {
        let mut separator = "{";
        for item in items {
            self.push(separator)?;
            self.text(item.get("name")?.text()?)?;
            self.push(": ")?;
            self.as_it_is(item.get("value")?)?;
            separator = ", ";
        }
        self.push("}")
    }

    fn truth(&mut self, value: &Value) -> Option<()> {
        let Value::Text(text) = value else {
            return None;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "on" => self.push("true"),
            "false" | "no" | "n" | "off" => self.push("false"),
            _ => None,
        }
    }

    fn items<'n>(&mut self, items: impl Iterator<Item = &'n Node>, of: &Shape) -> Option<()> {
        let mut separator = "[";
        for item in items {
            self.push(separator)?;
            self.value(item, of)?;
            separator = ", ";
        }
        self.push("]")
    }

    fn members<'n>(
        &mut self,
        members: impl Iterator<Item = (&'n Key, &'n Node)>,
        mut value: impl FnMut(&mut Self, &'n Node) -> Option<()>,
    ) -> Option<()> {
        self.push("{")?;
        for (index, (key, node)) in members.enumerate() {
            self.push(if index == 0 { "" } else { ", " })?;
            self.text(&key.text)?;
            self.push(": ")?;
            value(self, node)?;
        }
        self.push("}")
    }

    fn map(&mut self, members: &[(Key, Node)], map: &Map) -> Option<()> {
        let known = map.names();
        let is_label = |(key, value): &(Key, Node)| {
            map.field(&key.text).is_none()
                && matches!(
                    value.value,
                    Value::Text(_) | Value::Bool(_) | Value::Number(_)
                )
        };
        let end = self.0.len();
        self.push("{")?;
        for (index, (key, node)) in members.iter().enumerate() {
            let name = key.text.as_str();
            let field = map.field(name).or_else(|| {
                let absent = known.iter().filter(|name| !has(members, name));
                map.field(nearest(name, &absent.copied().collect::<Vec<_>>())?)
            });
            let Some(field) = field else {
                // Labels, written as if they were the term.
                let labels = map.title == "Term" && members.iter().all(is_label);
                labels.then_some(())?;
                self.0.truncate(end);
                self.push("{matchLabels: ")?;
                self.members(
                    members.iter().map(|(key, node)| (key, node)),
                    |line, node| line.value(node, &Shape::Text(Format::Any)),
                )?;
                return self.push("}");
            };
            self.push(if index == 0 { "" } else { ", " })?;
            self.push(&format!("{}: ", field.name))?;
            self.value(node, &field.shape)?;
        }
        self.push("}")
    }

    fn as_it_is(&mut self, node: &Node) -> Option<()> {
        match &node.value {
            Value::Null => self.push("null"),
            Value::Bool(value) => self.push(&value.to_string()),
            Value::Number(number) => self.push(&number.to_string()),
            Value::Text(text) => self.text(text),
            Value::List(items) => {
                self.push("[")?;
                for (index, item) in items.iter().enumerate() {
                    self.push(if index == 0 { "" } else { ", " })?;
                    self.as_it_is(item)?;
                }
                self.push("]")
            }
            Value::Map(members) => self.members(
                members.iter().map(|(key, node)| (key, node)),
                Self::as_it_is,
            ),
        }
    }
}

fn has(members: &[(Key, Node)], name: &str) -> bool {
    members.iter().any(|(key, _)| key.text == name)
}

/// A list or a map that is written as a text: in quotes, or as a block.
fn inside(text: &str) -> Option<Node> {
    let begins = text.trim_start().starts_with(['[', '{']) || text.starts_with("- ");
    if !begins || text.len() > WRITTEN_MAX {
        return None;
    }
    let mut documents = yaml::read(text.as_bytes(), Dialect::Fleet).into_iter();
    let first = documents.next()?.ok()?;
    let several = documents.next().is_some();
    matches!(first.value, Value::List(_) | Value::Map(_))
        .then_some(first)
        .filter(|_| !several)
}
