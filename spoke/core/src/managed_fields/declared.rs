//! Paths as an API server writes them in conflicts, looked up in declarations.

use serde_json::{Map, Value};

use super::{Absent, matches_keys};

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
