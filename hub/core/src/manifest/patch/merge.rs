//! Merge patches: strategic ones, which merge the lists of known kinds by key, and JSON merge
//! patches (RFC 7386) for all others.
//!
//! Of the strategic directives `$patch`, `$retainKeys` and `$deleteFromPrimitiveList/...` are
//! understood. Deliberately absent: `$setElementOrder/...`, which programs write that know the
//! whole list; a list's order is settled as an API server settles it without that directive.

use serde_json::{Map, Value as Json};

use super::json::{equal, shown};
use super::lists::{Keys, Rule, Shape};
use crate::yaml::{Key, Node, Value};

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Why a merge patch cannot be carried out, and where in the patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

fn fault<T>(node: &Node, message: impl Into<String>, hint: &'static str) -> Result<T, Fault> {
    Err(Fault {
        line: node.line,
        column: node.column,
        message: message.into(),
        hint,
    })
}

/// JSON merge patch: maps merge, everything else replaces, null deletes.
pub(super) fn json(target: &mut Json, patch: &Node) {
    let Value::Map(members) = &patch.value else {
        *target = patch.to_json();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else {
        return;
    };
    for (key, change) in members {
        if change.value == Value::Null {
            map.remove(&key.text);
        } else {
            json(map.entry(key.text.clone()).or_insert(Json::Null), change);
        }
    }
}

/// Strategic merge patch.
///
/// # Errors
/// When a directive is malformed, or an item lacks the key that its list merges by.
pub(super) fn strategic(target: &mut Json, patch: &Node, shape: Shape) -> Result<(), Fault> {
    let Some(map) = target.as_object_mut() else {
        *target = added(patch)?;
        return Ok(());
    };
    match directive(patch)? {
        Some(Directive::Delete) => {
            map.clear();
            return Ok(());
        }
        Some(Directive::Replace) => {
            *target = added(patch)?;
            return Ok(());
        }
        None => {}
    }
    if let Some(keys) = patch.get(RETAIN) {
        let named = texts(keys, "`$retainKeys` is a list of names")?;
        map.retain(|key, _| named.contains(&key.as_str()));
    }
    for (key, change) in patch.members() {
        if let Some(list) = key.text.strip_prefix(DELETE_FROM) {
            delete_scalars(map.get_mut(list), change)?;
        } else if key.text.starts_with(ORDER) {
            let message = format!("`{}` is not understood", key.text);
            return fault(
                change,
                message,
                "write the whole list with `$patch: replace`",
            );
        } else if !is_directive(key) {
            field(map, &key.text, change, shape.field(&key.text))?;
        }
    }
    Ok(())
}

fn is_directive(key: &Key) -> bool {
    key.text == DIRECTIVE || key.text == RETAIN || key.text.starts_with(DELETE_FROM)
}

fn field(map: &mut Map<String, Json>, name: &str, change: &Node, rule: Rule) -> Result<(), Fault> {
    if change.value == Value::Null || directive(change)? == Some(Directive::Delete) {
        map.remove(name);
        return Ok(());
    }
    let old = map.get_mut(name).filter(|old| !old.is_null());
    match (old, &change.value, rule) {
        (Some(Json::Array(old)), Value::List(items), Rule::Items(keys, shape)) => {
            *old = list(std::mem::take(old), items, keys, shape)?;
        }
        (Some(Json::Array(old)), Value::List(items), Rule::Set) => {
            for item in items {
                let item = item.to_json();
                if !old.iter().any(|have| equal(have, &item)) {
                    old.push(item);
                }
            }
        }
        (Some(old @ Json::Object(_)), Value::Map(_), Rule::Inside(shape)) => {
            strategic(old, change, shape)?;
        }
        (_, Value::List(items), Rule::Items(keys, _)) => {
            let merged = list(Vec::new(), items, keys, Shape::Plain)?;
            map.insert(name.to_owned(), Json::Array(merged));
        }
        _ => {
            map.insert(name.to_owned(), added(change)?);
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    Delete,
    Replace,
}

fn directive(patch: &Node) -> Result<Option<Directive>, Fault> {
    let Some(node) = patch.get(DIRECTIVE) else {
        return Ok(None);
    };
    match node.text() {
        Some("delete") => Ok(Some(Directive::Delete)),
        Some("replace") => Ok(Some(Directive::Replace)),
        Some("merge") => Ok(None),
        _ => {
            let message = format!("`$patch` cannot be {}", shown(&node.to_json()));
            fault(node, message, "allowed: delete, replace, merge")
        }
    }
}

fn texts<'n>(node: &'n Node, message: &str) -> Result<Vec<&'n str>, Fault> {
    let Value::List(items) = &node.value else {
        return fault(node, message, "");
    };
    let text = |item: &'n Node| match item.text() {
        Some(text) => Ok(text),
        None => fault(item, message, "write it in quotes"),
    };
    items.iter().map(text).collect()
}

fn delete_scalars(list: Option<&mut Json>, gone: &Node) -> Result<(), Fault> {
    let Value::List(gone) = &gone.value else {
        return fault(
            gone,
            "`$deleteFromPrimitiveList/...` is a list of values",
            "",
        );
    };
    let gone: Vec<Json> = gone.iter().map(Node::to_json).collect();
    if let Some(Json::Array(items)) = list {
        items.retain(|item| !gone.iter().any(|gone| equal(gone, item)));
    }
    Ok(())
}

/// What a patch adds where nothing was: without nulls, and without directives.
fn added(node: &Node) -> Result<Json, Fault> {
    match &node.value {
        Value::Map(members) => {
            directive(node)?;
            let mut map = Map::new();
            let plain = members.iter().filter(|(key, _)| !is_directive(key));
            for (key, value) in plain.filter(|(_, value)| value.value != Value::Null) {
                if directive(value)? != Some(Directive::Delete) {
                    map.insert(key.text.clone(), added(value)?);
                }
            }
            Ok(Json::Object(map))
        }
        Value::List(items) => {
            if let Some(item) = items.iter().find(|item| item.get(DIRECTIVE).is_some()) {
                let message = "`$patch` means nothing in a list that does not merge by key";
                return fault(item, message, "write the whole list");
            }
            items.iter().map(added).collect()
        }
        _ => Ok(node.to_json()),
    }
}

// === lists by key ===

fn list(mut old: Vec<Json>, patch: &[Node], keys: Keys, shape: Shape) -> Result<Vec<Json>, Fault> {
    let mut plain = Vec::new();
    let mut replace = false;
    for item in patch {
        if !matches!(item.value, Value::Map(_)) {
            let message = format!("an item of this list is a map, not {}", item.type_name());
            return fault(item, message, "");
        }
        match directive(item)? {
            Some(Directive::Delete) => {
                let gone = Name::of(item, keys)?;
                old.retain(|have| !gone.is(have));
            }
            // An item that has nothing but the directive is about the list.
            Some(Directive::Replace) if item.get(keys.first).is_none() => replace = true,
            _ => plain.push((Name::of(item, keys)?, item)),
        }
    }
    if replace {
        old.clear();
    }
    let before: Vec<Json> = old.clone();
    let mut merged = old;
    for (name, item) in &plain {
        match name.find(&mut merged) {
            Some(have) => strategic(have, item, shape)?,
            None => merged.push(added(item)?),
        }
    }
    let wanted: Vec<Name> = plain.into_iter().map(|(name, _)| name).collect();
    Ok(ordered(merged, &wanted, &before))
}

impl Keys {
    fn second_of(self, item: &Json) -> Option<Json> {
        let (key, default) = self.second?;
        Some(
            item.get(key)
                .cloned()
                .unwrap_or_else(|| Json::from(default)),
        )
    }

    fn same(self, a: &Json, b: &Json) -> bool {
        a.get(self.first) == b.get(self.first) && self.second_of(a) == self.second_of(b)
    }
}

/// What an item of a list is told apart by.
struct Name {
    keys: Keys,
    first: Json,
    second: Option<Json>,
}

impl Name {
    fn of(item: &Node, keys: Keys) -> Result<Self, Fault> {
        // `null` takes a field away: an item with such a key would be there without one.
        let named = item.get(keys.first);
        let Some(first) = named.filter(|name| name.value != Value::Null) else {
            let message = format!("this list merges by `{}`, which the item lacks", keys.first);
            return fault(item, message, "name the item that is meant");
        };
        let second = keys.second.and_then(|(key, _)| item.get(key));
        Ok(Self {
            keys,
            first: first.to_json(),
            second: second.map(Node::to_json),
        })
    }

    fn first_is(&self, item: &Json) -> bool {
        let have = item.get(self.keys.first);
        have.is_some_and(|have| equal(have, &self.first))
    }

    fn second_is(&self, item: &Json) -> bool {
        let wanted = self.second.as_ref();
        wanted.is_none_or(|wanted| self.keys.second_of(item).as_ref() == Some(wanted))
    }

    /// Whether it names this item.
    fn is(&self, item: &Json) -> bool {
        self.first_is(item) && self.second_is(item)
    }

    /// The item with this merge key; of several, the one whose second key is the same.
    fn find<'v>(&self, items: &'v mut [Json]) -> Option<&'v mut Json> {
        let same = items.iter().filter(|item| self.first_is(item)).count();
        items
            .iter_mut()
            .find(|item| self.first_is(item) && (same == 1 || self.second_is(item)))
    }
}

/// The order that an API server gives a merged list: items that the patch names in the patch's
/// order, the others in theirs, woven together by where they were before.
fn ordered(merged: Vec<Json>, wanted: &[Name], before: &[Json]) -> Vec<Json> {
    let place = |item: &Json| wanted.iter().position(|name| name.is(item));
    let keys = wanted.first().map(|name| name.keys);
    let was = |item: &Json| {
        before
            .iter()
            .position(|have| keys.is_some_and(|k| k.same(have, item)))
    };
    let (mut named, others): (Vec<Json>, Vec<Json>) =
        merged.into_iter().partition(|item| place(item).is_some());
    named.sort_by_key(|item| place(item));
    let mut named = named.into_iter().peekable();
    let mut out = Vec::new();
    for other in others {
        while let Some(name) = named.peek() {
            let first = match (was(&other), was(name)) {
                (Some(other), Some(name)) => other < name,
                _ => false,
            };
            if first {
                break;
            }
            out.extend(named.next());
        }
        out.push(other);
    }
    out.extend(named);
    out
}

#[cfg(test)]
mod tests;
