//! Owns strategic merge patch of built-in kinds: merging lists by key, and the directives by which a
//! patch deletes, replaces and orders.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::merge::path::equal_values;
use crate::schema::types::{Node, Patch};
use crate::schema::{Schema, StatusError, go_text};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ORDER_OF: &str = "$setElementOrder/";

type Fields = Map<String, Value>;
type Outcome<T> = Result<T, StatusError>;

/// Strategic merge patch of a built-in kind.
///
/// # Errors
/// 400 for malformed directives, 500 for a patch that cannot be merged, as the server answers.
pub fn strategic_merge_patch(
    schema: &Schema,
    target: &Value,
    patch: &Value,
) -> Result<Value, StatusError> {
    let (Value::Object(target), Value::Object(patch)) = (target, patch) else {
        return Err(StatusError::bad_request("invalid JSON document"));
    };
    merge_map(Some(schema.root()), target.clone(), patch.clone()).map(Value::Object)
}

fn malformed(what: &str) -> StatusError {
    StatusError::bad_request(format!("invalid patch format of {what}"))
}

fn wrong_kind(expected: &str, found: &Value) -> StatusError {
    StatusError::internal(format!(
        "expected a {expected}, but received a {}",
        go_text::type_name(found)
    ))
}

fn no_merge_key(item: &Fields, key: &str) -> StatusError {
    let item = go_text::v(&Value::Object(item.clone()));
    StatusError::internal(format!(
        "map: {item} does not contain declared merge key: {key}"
    ))
}

/// The node and the patch rules of a field.
fn field_of<'a>(node: Option<Node<'a>>, key: &str) -> (Option<Node<'a>>, Patch) {
    let child = node.and_then(|n| n.field(key));
    let map = node.and_then(|n| n.ty().map.as_ref());
    let patch = map.and_then(|m| m.fields.get(key)).map(|f| f.patch.clone());
    (child, patch.unwrap_or_default())
}

fn item_of(node: Option<Node<'_>>) -> Option<Node<'_>> {
    let node = node?;
    node.ty().list.as_ref().map(|list| node.at(list.element))
}

fn merge_map(node: Option<Node<'_>>, original: Fields, mut patch: Fields) -> Outcome<Fields> {
    let mut original = original;
    if let Some(directive) = patch.remove(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Fields::new()),
            _ => {
                patch.insert(DIRECTIVE.to_owned(), directive.clone());
                Err(bad_patch_type(&directive, &patch))
            }
        };
    }
    retain_keys(&mut original, &mut patch)?;
    merge_ordered(node, &mut original, &mut patch)?;
    for (key, change) in patch {
        match key.strip_prefix(DELETE_FROM) {
            Some(name) => delete_scalars(&mut original, name, &change)?,
            None => merge_field(node, &mut original, key, change)?,
        }
    }
    Ok(original)
}

fn bad_patch_type(directive: &Value, item: &Fields) -> StatusError {
    StatusError::internal(format!(
        "unknown patch type: {} in map: {}",
        go_text::v(directive),
        go_text::v(&Value::Object(item.clone()))
    ))
}

/// Drops the fields that a `$retainKeys` directive does not name.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Outcome<()> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(keys) = keys else {
        return Err(malformed("retainKeys"));
    };
    let named = |key: &str| keys.iter().any(|k| k.as_str() == Some(key));
    let stray = patch.iter().any(|(key, value)| {
        let directive = key.starts_with(DELETE_FROM) || key.starts_with(ORDER_OF);
        !value.is_null() && !directive && !named(key)
    });
    if stray {
        return Err(malformed("retainKeys"));
    }
    original.retain(|key, _| named(key));
    Ok(())
}

fn delete_scalars(original: &mut Fields, name: &str, gone: &Value) -> Outcome<()> {
    let Value::Array(gone) = gone else {
        return Err(malformed("primitive list"));
    };
    if let Some(Value::Array(items)) = original.get_mut(name) {
        items.retain(|item| !gone.iter().any(|g| equal_values(g, item)));
    }
    Ok(())
}

fn merge_field(
    node: Option<Node<'_>>,
    original: &mut Fields,
    key: String,
    change: Value,
) -> Outcome<()> {
    if change.is_null() {
        original.remove(&key);
        return Ok(());
    }
    let (child, rules) = field_of(node, &key);
    let merged = match (original.remove(&key), change) {
        (Some(Value::Object(_)), Value::Object(change)) if rules.replace => {
            Some(Value::Object(change))
        }
        (Some(Value::Object(old)), Value::Object(change)) => {
            Some(Value::Object(merge_map(child, old, change)?))
        }
        (Some(Value::Array(old)), Value::Array(change)) if rules.merge => {
            let key = rules.merge_key.as_deref();
            Some(Value::Array(merge_list(child, old, change, key)?))
        }
        (Some(Value::Array(_)), Value::Array(change)) => Some(Value::Array(change)),
        (_, mut added) => {
            drop_nulls(&mut added);
            without_directives(added)
        }
    };
    if let Some(merged) = merged {
        original.insert(key, merged);
    }
    Ok(())
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, v| !v.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The value that a patch adds; what carries a directive is not added.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) if fields.contains_key(DIRECTIVE) => None,
        Value::Object(fields) => Some(Value::Object(
            fields
                .into_iter()
                .filter_map(|(key, value)| Some((key, without_directives(value)?)))
                .collect(),
        )),
        Value::Array(items) => Some(Value::Array(
            items.into_iter().filter_map(without_directives).collect(),
        )),
        scalar => Some(scalar),
    }
}

fn merge_list(
    node: Option<Node<'_>>,
    original: Vec<Value>,
    patch: Vec<Value>,
    key: Option<&str>,
) -> Outcome<Vec<Value>> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let of_maps = original.iter().chain(&patch).all(Value::is_object);
    if !of_maps {
        if original.iter().chain(&patch).any(Value::is_array) {
            return Err(StatusError::new(
                422,
                "Invalid",
                "lists of lists are not supported",
            ));
        }
        let merged = unique(original.iter().chain(&patch));
        return Ok(order(merged, &patch, &original, None));
    }
    let Some(key) = key else {
        return Err(StatusError::internal(
            "cannot merge lists without merge key for the patched field",
        ));
    };
    let (original, patch) = special_items(original, patch, key)?;
    let merged = merge_items(node, original.clone(), &patch, key)?;
    Ok(order(merged, &patch, &original, Some(key)))
}

fn unique<'v>(items: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for item in items {
        if !out.iter().any(|known| equal_values(known, item)) {
            out.push(item.clone());
        }
    }
    out
}

/// Carries out the items of a patch that delete or replace, and returns both lists without them.
fn special_items(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Outcome<(Vec<Value>, Vec<Value>)> {
    let mut plain = Vec::new();
    let mut replace = false;
    for item in patch {
        let Value::Object(fields) = &item else {
            continue;
        };
        let Some(directive) = fields.get(DIRECTIVE) else {
            plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let gone = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
                original.retain(|item| item.get(key).is_none_or(|k| !equal_values(k, gone)));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(StatusError::internal(
                    "merging lists cannot yet be specified in the patch",
                ));
            }
            _ => return Err(bad_patch_type(directive, fields)),
        }
    }
    Ok(if replace {
        (plain, Vec::new())
    } else {
        (original, plain)
    })
}

fn merge_items(
    node: Option<Node<'_>>,
    mut original: Vec<Value>,
    patch: &[Value],
    key: &str,
) -> Outcome<Vec<Value>> {
    for item in patch {
        let Value::Object(fields) = item else {
            continue;
        };
        let value = fields.get(key).ok_or_else(|| no_merge_key(fields, key))?;
        let same = |known: &&mut Value| known.get(key).is_some_and(|k| equal_values(k, value));
        match original.iter_mut().find(same) {
            Some(known) => {
                let Value::Object(old) = known.take() else {
                    return Err(wrong_kind("map[string]interface {}", item));
                };
                *known = Value::Object(merge_map(item_of(node), old, fields.clone())?);
            }
            None => original.push(item.clone()),
        }
    }
    Ok(original)
}

/// Merges the lists that come with an explicit order.
fn merge_ordered(node: Option<Node<'_>>, original: &mut Fields, patch: &mut Fields) -> Outcome<()> {
    let directives: Vec<String> = patch
        .keys()
        .filter(|key| key.starts_with(ORDER_OF))
        .cloned()
        .collect();
    for directive in directives {
        let name = directive.trim_start_matches(ORDER_OF).to_owned();
        let Some(Value::Array(wanted)) = patch.remove(&directive) else {
            return Err(malformed("setElementOrder list"));
        };
        let list = |value: Option<Value>| match value {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_kind("[]interface {}", &other)),
        };
        let (child, rules) = field_of(node, &name);
        let key = rules.merge_key.as_deref();
        let old = list(original.get(&name).cloned())?;
        let change = list(patch.remove(&name))?;
        check_order(change.as_deref().unwrap_or_default(), &wanted, key)?;
        let before = old.clone().unwrap_or_default();
        let merged = match (old, change) {
            (None, None) => continue,
            (Some(old), None) => old,
            (None, Some(change)) => change.into_iter().filter_map(without_directives).collect(),
            (Some(old), Some(change)) if rules.merge => merge_list(child, old, change, key)?,
            (Some(_), Some(change)) => change,
        };
        let ordered = order(merged, &wanted, &before, key);
        original.insert(name, Value::Array(ordered));
    }
    Ok(())
}

/// The items of a patch must appear in the order that the patch itself demands.
fn check_order(patch: &[Value], wanted: &[Value], key: Option<&str>) -> Outcome<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut wanted_left = wanted.iter();
    for item in patch.iter().filter(|item| item.get(DIRECTIVE).is_none()) {
        if !wanted_left.any(|w| same_item(w, item, key)) {
            return Err(StatusError::internal(format!(
                "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                go_text::v(&Value::Array(patch.to_vec())),
                go_text::v(&Value::Array(wanted.to_vec()))
            )));
        }
    }
    Ok(())
}

fn same_item(a: &Value, b: &Value, key: Option<&str>) -> bool {
    match key {
        None => equal_values(a, b),
        Some(key) => match (a.get(key), b.get(key)) {
            (Some(a), Some(b)) => equal_values(a, b),
            _ => false,
        },
    }
}

/// Orders `merged`: items that the patch names as `wanted`, the others as they were, woven together.
fn order(merged: Vec<Value>, wanted: &[Value], before: &[Value], key: Option<&str>) -> Vec<Value> {
    let position = |list: &[Value], item: &Value| list.iter().position(|i| same_item(i, item, key));
    let (mut named, mut others): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| position(wanted, item).is_some());
    let by = |list: &[Value], a: &Value, b: &Value| match (position(list, a), position(list, b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => Ordering::Equal,
    };
    named.sort_by(|a, b| by(wanted, a, b));
    others.sort_by(|a, b| by(before, a, b));
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    let mut out = Vec::new();
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return out,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(other), Some(name)) => match (position(before, other), position(before, name)) {
                (Some(other), Some(name)) => other < name,
                _ => false,
            },
        };
        out.extend(if other_first {
            others.next()
        } else {
            named.next()
        });
    }
}
