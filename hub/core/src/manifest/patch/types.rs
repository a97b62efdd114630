//! Values that a patch would make of another type: seldom meant, and refused by API servers late.

use serde_json::Value as Json;

use super::super::refuse::Step;
use super::json::equal;
use super::lists::{Rule, Shape};
use crate::yaml::{Node, Value};

/// A value of a patch that has another type than what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// Where it stands in the patch.
    pub(super) path: Vec<Step>,
    pub(super) words: Words,
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

/// What a merge patch changes the type of; with rules for lists where the kind is known.
pub(super) fn merged(target: &Json, patch: &Node, shape: Option<Shape>) -> Vec<Change> {
    let mut walk = Walk {
        names: Vec::new(),
        path: Vec::new(),
        found: Vec::new(),
    };
    walk.value(target, patch, shape.unwrap_or(Shape::Plain));
    walk.found
}

/// What is said where one value replaces another of another type, at names that lead there.
pub(super) fn replaced(old: &Json, new: &Json, names: &[&str]) -> Option<Words> {
    let (was, is) = (noun(old)?, noun(new)?);
    let number_or_text = |value: &Json| value.is_number() || value.is_string();
    let either = || names.iter().rev().take(2).any(|name| EITHER.contains(name));
    if was == is || number_or_text(old) && number_or_text(new) && either() {
        return None;
    }
    let hint = match (old, new) {
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
        "the patch makes {is} of `{}`, which is {was}",
        names.join(".")
    );
    Some(Words { message, hint })
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

struct Walk<'a> {
    /// What leads to a value of the object, in words.
    names: Vec<&'a str>,
    path: Vec<Step>,
    found: Vec<Change>,
}

impl<'a> Walk<'a> {
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
        let words = match &new.value {
            // The whole map is not built to learn that it is one.
            Value::Map(_) => replaced(old, &Json::Object(serde_json::Map::new()), &self.names),
            Value::List(_) => replaced(old, &Json::Array(Vec::new()), &self.names),
            _ => replaced(old, &new.to_json(), &self.names),
        };
        if let Some(words) = words {
            let path = self.path.clone();
            self.found.push(Change { path, words });
        }
    }
}
