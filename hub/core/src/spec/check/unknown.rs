//! Fields that no map has: which one was meant. What follows from a slip alone is not told beside
//! it: the field that was meant counts as there.

use super::rewrite::{is_right, rewritten};
use super::{check_field, shown};
use crate::problem::{Code, Problem, allowed, nearest};
use crate::spec::document::Kind;
use crate::spec::fields::Reader;
use crate::spec::language::habits::{self, Meant};
use crate::spec::language::{self, Field, Map, Shape};
use crate::yaml::{Key, Node, Value};

/// A map that is checked.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    pub(super) node: &'a Node,
    /// How people call it.
    pub(super) path: &'a str,
    pub(super) map: &'a Map,
}

/// Tells of a field that the map does not have; the one that was meant, where that is clear.
pub(super) fn unknown(
    reader: &mut Reader<'_>,
    within: Within<'_>,
    (key, value): (&Key, &Node),
    taken: &[&str],
) -> Option<&'static Field> {
    let Within { path, map, .. } = within;
    let name = key.text.as_str();
    if map.fields.iter().any(|field| field.name == name) {
        let message = format!("this version does not know `{path}.{name}` yet");
        let problem = Problem::error(&reader.at_key(key), Code::Unsupported, message);
        reader.push(problem, &allowed(&map.names()));
        return None;
    }
    let message = format!("`{path}` has no field `{}`", shown(name));
    let problem = Problem::error(&reader.at_key(key), Code::UnknownField, message);
    if !reader.gives_hints() {
        reader.tell(problem);
        return None;
    }
    if let Some((field, hint)) = glued((key, value), map) {
        reader.rename(key, field.name);
        reader.push(problem, &hint);
        return Some(field);
    }
    let free = |field: &&'static Field| {
        within.node.get(field.name).is_none() && !taken.contains(&field.name)
    };
    let habit = habits::meant(map, name);
    let field = match habit {
        Some(Meant::Field(field)) => map.field(field).filter(free),
        Some(Meant::Otherwise(_)) => None,
        None => {
            let free: Vec<&str> = map.known().filter(free).map(|field| field.name).collect();
            nearest(name, &free).and_then(|near| map.field(near))
        }
    };
    if let Some(field) = field {
        meant(reader, within, (key, value), (problem, field));
        return Some(field);
    }
    if let Some((field, hint)) = wrapped(reader, within, (key, value), map.known().filter(free)) {
        reader.push(problem, &hint);
        return Some(field);
    }
    let hint = match habit {
        Some(Meant::Otherwise(words)) => words.to_owned(),
        _ => misplaced(reader, within, name).unwrap_or_else(|| allowed(&map.names())),
    };
    reader.push(problem, &hint);
    None
}

/// A field whose colon no space follows: all of `name:web` is the key then.
fn glued((key, value): (&Key, &Node), map: &Map) -> Option<(&'static Field, String)> {
    let (name, rest) = key.text.split_once(':')?;
    let field = map.field(name).filter(|_| value.value == Value::Null)?;
    let hint = format!("write `{name}: {}`, with a space", shown(rest));
    Some((field, hint))
}

/// Tells of a field by another name: how it is written, and what else is wrong with it.
fn meant(
    reader: &mut Reader<'_>,
    within: Within<'_>,
    (key, value): (&Key, &Node),
    (problem, field): (Problem, &'static Field),
) {
    let whole = super::whole(within.path, within.map, field.name);
    let named = format!("did you mean `{}`?", field.name);
    reader.rename(key, field.name);
    if is_right(reader, value, &whole, &field.shape) {
        return reader.push(problem, &named);
    }
    match rewritten(reader, value, &whole, &field.shape) {
        Some(text) => reader.push(problem, &format!("write `{}: {text}`", field.name)),
        None => {
            reader.push(problem, &named);
            check_field(reader, value, &whole, field);
        }
    }
}

/// A field that stands one map too high: the field that has it, and how that is written.
fn wrapped(
    reader: &Reader<'_>,
    within: Within<'_>,
    (key, value): (&Key, &Node),
    free: impl Iterator<Item = &'static Field>,
) -> Option<(&'static Field, String)> {
    let alone = Node {
        line: key.line,
        column: key.column,
        value: Value::Map(vec![(key.clone(), value.clone())]),
    };
    let is_label = within.map.title == "Term"
        && matches!(
            value.value,
            Value::Text(_) | Value::Bool(_) | Value::Number(_)
        );
    for field in free {
        let inner = match &field.shape {
            Shape::Map(map) => map,
            Shape::List(Shape::Map(map)) | Shape::Loose(Shape::Map(map)) => map,
            Shape::Strings(_) if is_label => {
                let path = within.path;
                let text = rewritten(reader, &alone, path, &field.shape)?;
                return Some((field, format!("write `{}: {text}`", field.name)));
            }
            _ => continue,
        };
        if inner.field(&key.text).is_some() {
            let whole = super::whole(within.path, within.map, field.name);
            if let Some(text) = rewritten(reader, &alone, &whole, &field.shape) {
                return Some((field, format!("write `{}: {text}`", field.name)));
            }
        }
    }
    None
}

/// A field of `spec` that stands beside it.
fn misplaced(reader: &mut Reader<'_>, within: Within<'_>, name: &str) -> Option<String> {
    if !std::ptr::eq(within.map, &language::DOCUMENT) {
        return None;
    }
    let spec = language::spec_of(Kind::parse(within.path)?);
    spec.field(name)?;
    let said = within.node.get("spec");
    if said.is_none_or(|spec| spec.value == Value::Null) {
        reader.misplaced = true;
    }
    Some("write it below `spec:`, indented".to_owned())
}
