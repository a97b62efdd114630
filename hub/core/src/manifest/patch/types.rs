//! Values that a patch would make of another type: seldom meant, and refused by API servers late.

use serde_json::Value as Json;

use super::super::refuse::Step;
use super::json::equal;
use super::lists::{Rule, Shape};
use crate::yaml::{Node, Value};

/// A value of a patch that has another type than what it replaces.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    old: &'a Json,
    new: &'a Json,
    /// The types, as nouns.
    was: &'static str,
    is: &'static str,
    /// What leads there.
    names: &'a [&'a str],
}

/// What is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) message: String,
    pub(super) hint: &'static str,
}

/// Names of fields that take numbers and strings, and names of maps with such fields: ports,
/// shares and quantities.
const EITHER: [&str; 18] = [
    "targetPort",
    "port",
    "maxSurge",
    "maxUnavailable",
    "minAvailable",
    "requests",
    "limits",
    "capacity",
    "hard",
    "default",
    "defaultRequest",
    "max",
    "min",
    "sizeLimit",
    "divisor",
    "averageValue",
    "value",
    "overhead",
];

/// Tells what a merge patch changes the type of, and where that stands in the patch; with rules for
/// lists where the kind is known.
pub(super) fn merged(
    target: &Json,
    patch: &Node,
    shape: Option<Shape>,
    tell: &mut dyn FnMut(&[Step], Change<'_>),
) {
    let mut walk = Walk {
        names: Vec::new(),
        path: Vec::new(),
        tell,
    };
    walk.value(target, patch, shape.unwrap_or(Shape::Plain));
}

/// One value that replaces another of another type, at names that lead there.
pub(super) fn replaced<'a>(
    old: &'a Json,
    new: &'a Json,
    names: &'a [&'a str],
) -> Option<Change<'a>> {
    let (was, is) = (noun(old)?, noun(new)?);
    let number_or_text = |value: &Json| value.is_number() || value.is_string();
    let either = || names.iter().rev().take(2).any(|name| EITHER.contains(name));
    if was == is || number_or_text(old) && number_or_text(new) && either() {
        return None;
    }
    Some(Change {
        old,
        new,
        was,
        is,
        names,
    })
}

impl Change<'_> {
    /// What is said of it.
    pub(super) fn words(self) -> Words {
        let hint = match (self.old, self.new) {
            (Json::Number(_) | Json::Bool(_), Json::String(text))
                if serde_json::from_str::<Json>(text).is_ok() =>
            {
                "write it without quotes"
            }
            (Json::String(_), Json::Number(_) | Json::Bool(_)) => "write it in quotes",
            (Json::Array(_), Json::Object(_)) => "write a list: `[{...}]`",
            _ => "compare it with the object",
        };
        let message = format!(
            "the patch makes {} of `{}`, which is {}",
            self.is,
            self.names.join("."),
            self.was
        );
        Words { message, hint }
    }
}

fn noun(value: &Json) -> Option<&'static str> {
    match value {
        Json::Null => None,
        Json::Bool(_) => Some("a truth value"),
        Json::Number(_) => Some("a number"),
        Json::String(_) => Some("a string"),
        Json::Array(_) => Some("a list"),
        Json::Object(_) => Some("a map"),
    }
}

struct Walk<'a, 'w> {
    /// What leads to a value of the object, in words.
    names: Vec<&'a str>,
    path: Vec<Step>,
    tell: &'w mut dyn FnMut(&[Step], Change<'_>),
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self, old: &Json, new: &'a Node, shape: Shape) {
        let (Json::Object(map), Value::Map(members)) = (old, &new.value) else {
            self.replaced(old, new);
            return;
        };
        // A directive says that what was there goes.
        if members.iter().any(|(key, _)| key.text == "$patch") {
            return;
        }
        for (key, value) in members {
            let Some(old) = map.get(&key.text) else {
                continue;
            };
            self.names.push(&key.text);
            self.path.push(Step::Key(key.text.clone()));
            match (shape.field(&key.text), old, &value.value) {
                (Rule::Items(keys, inner), Json::Array(have), Value::List(items)) => {
                    self.items(have, items, (keys.first, inner));
                }
                (_, Json::Array(_), Value::List(_)) => {}
                (Rule::Inside(inner), ..) => self.value(old, value, inner),
                _ => self.value(old, value, Shape::Plain),
            }
            self.path.pop();
            self.names.pop();
        }
    }

    fn items(&mut self, have: &[Json], items: &'a [Node], (key, shape): (&str, Shape)) {
        for (number, item) in items.iter().enumerate() {
            let Some(name) = item.get(key).map(Node::to_json) else {
                continue;
            };
            let same = |have: &&Json| have.get(key).is_some_and(|have| equal(have, &name));
            if let Some(old) = have.iter().find(same) {
                self.path.push(Step::Item(number));
                self.value(old, item, shape);
                self.path.pop();
            }
        }
    }

    fn replaced(&mut self, old: &Json, new: &Node) {
        let new = match &new.value {
            // The whole map is not built to learn that it is one.
            Value::Map(_) => Json::Object(serde_json::Map::new()),
            Value::List(_) => Json::Array(Vec::new()),
            _ => new.to_json(),
        };
        if let Some(change) = replaced(old, &new, &self.names) {
            (self.tell)(&self.path, change);
        }
    }
}
