//! Declarations beside field sets: what a set lacks of one, and paths as an API server writes them in
//! conflicts, looked up in one.

use serde_json::{Map, Value};

use super::{Absent, FieldSet, Step, keys, matches_keys, text_of};

impl FieldSet {
    /// The paths of what `declared` says and this set does not have. Of a list the set itself says by
    /// which keys its items are told apart, so that an item that it lacks altogether is named by its
    /// list. Names, namespace and type are never in a set and not asked for.
    #[must_use]
    pub fn lacking(&self, declared: &Value) -> Vec<Vec<Step>> {
        let mut out = Vec::new();
        for (name, value) in declared.as_object().into_iter().flatten() {
            match name.as_str() {
                "apiVersion" | "kind" => {}
                "metadata" => {
                    let metadata = self.below.get(&Step::Field(name.clone()));
                    let members = value.as_object().into_iter().flatten();
                    for (inner, value) in members {
                        let named = matches!(inner.as_str(), "name" | "namespace" | "uid");
                        let empty = value.as_object().is_some_and(Map::is_empty);
                        if !named && !empty {
                            let mut path = vec![Step::Field(name.clone())];
                            lack_member(metadata, inner, value, &mut path, &mut out);
                        }
                    }
                }
                _ => lack_member(Some(self), name, value, &mut Vec::new(), &mut out),
            }
        }
        out
    }
}

fn lack_member(
    set: Option<&FieldSet>,
    name: &str,
    value: &Value,
    path: &mut Vec<Step>,
    out: &mut Vec<Vec<Step>>,
) {
    let step = Step::Field(name.to_owned());
    let below = set.and_then(|set| set.below.get(&step));
    path.push(step);
    lack_value(below, value, path, out);
    path.pop();
}

fn lack_value(
    set: Option<&FieldSet>,
    value: &Value,
    path: &mut Vec<Step>,
    out: &mut Vec<Vec<Step>>,
) {
    if value.is_null() {
        return;
    }
    let Some(set) = set.filter(|set| set.owned || !set.below.is_empty()) else {
        out.push(path.clone());
        return;
    };
    match value {
        _ if set.is_leaf() => {}
        Value::Object(members) => {
            for (name, value) in members {
                lack_member(Some(set), name, value, path, out);
            }
        }
        Value::Array(items) => lack_items(set, items, path, out),
        _ => {}
    }
}

fn lack_items(set: &FieldSet, items: &[Value], path: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
    for item in items {
        let found = set.below.iter().find(|(step, _)| match step {
            Step::Key(text) => matches_keys(item, &keys(text), Absent::Matches),
            Step::Item(text) => *text == text_of(item),
            Step::Field(_) | Step::Index(_) => false,
        });
        match found {
            Some((step, below)) => {
                path.push(step.clone());
                lack_value(Some(below), item, path, out);
                path.pop();
            }
            None if out.last() != Some(path) => out.push(path.clone()),
            None => {}
        }
    }
}

/// Whether a declaration says something at or below a path as the API server writes it, such as
/// `.spec.ports[port=80,protocol="TCP"].targetPort`; keys that have defaults may be left out.
#[must_use]
pub fn declares(declared: &Value, written: &str) -> bool {
    let mut value = declared;
    let mut rest = written;
    while !rest.is_empty() {
        let next = match rest.strip_prefix('[') {
            Some(inside) => declared_item(value, inside),
            None => declared_member(value, rest.strip_prefix('.').unwrap_or(rest)),
        };
        let Some((found, after)) = next else {
            return false;
        };
        value = found;
        rest = after;
    }
    true
}

/// The member that `rest` begins with. Names may contain dots (labels), so the longest that is there
/// wins.
fn declared_member<'a, 'b>(value: &'a Value, rest: &'b str) -> Option<(&'a Value, &'b str)> {
    let members = value.as_object()?;
    members
        .iter()
        .filter_map(|(name, member)| {
            let after = rest.strip_prefix(name.as_str())?;
            let ends = after.is_empty() || after.starts_with(['.', '[']);
            ends.then_some((name.len(), member, after))
        })
        .max_by_key(|(length, _, _)| *length)
        .map(|(_, member, after)| (member, after))
}

/// The item whose selector, as in `name="web"].image`, `rest` begins with.
fn declared_item<'a, 'b>(value: &'a Value, rest: &'b str) -> Option<(&'a Value, &'b str)> {
    let (selector, after) = rest.split_once(']')?;
    let mut items = value.as_array()?.iter();
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let item = if let Some(member) = selector.strip_prefix('=') {
        let member = json(member)?;
        items.find(|item| **item == member)
    } else if let Ok(index) = selector.parse::<usize>() {
        items.nth(index)
    } else {
        let pairs = selector.split(',').filter_map(|pair| pair.split_once('='));
        let keys: Map<_, _> = pairs
            .filter_map(|(name, value)| Some((name.to_owned(), json(value)?)))
            .collect();
        items.find(|item| matches_keys(item, &keys, Absent::Matches))
    };
    Some((item?, after))
}
