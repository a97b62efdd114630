//! Owns taking a set of fields and items out of a value, and adapting a stored set to a changed schema.

use serde_json::{Map, Value};

use crate::merge::path::{Element, Path};
use crate::merge::set::Set;
use crate::merge::typed::item_element;
use crate::schema::types::{List, Map as MapType, Node, Part, Relation, Scalar};

/// `value` without the fields and items of `gone`.
///
/// A container whose own fields or items all go becomes null; one that only loses what is below them
/// stays, if need be empty.
pub(crate) fn remove(node: Node<'_>, value: &Value, gone: &Set) -> Value {
    match node.ty().part_for(Some(value)) {
        Part::Scalar(_) => value.clone(),
        Part::List(list) => remove_items(node, list, value, gone),
        Part::Map(map) => remove_fields(node, map, value, gone),
        Part::Nothing => Value::Null,
    }
}

/// [`remove`] for a part that stays itself, so that a container stays one.
fn remove_below(node: Node<'_>, value: &Value, gone: &Set) -> Value {
    match (remove(node, value, gone), value) {
        (Value::Null, Value::Object(_)) => Value::Object(Map::new()),
        (Value::Null, Value::Array(_)) => Value::Array(Vec::new()),
        (rest, _) => rest,
    }
}

fn remove_items(node: Node<'_>, list: &List, value: &Value, gone: &Set) -> Value {
    let Value::Array(items) = value else {
        return Value::Null;
    };
    if list.relation == Relation::Atomic {
        return Value::Null;
    }
    let mut out = Vec::new();
    let mut descended = false;
    for item in items {
        let Ok(element) = item_element(node, list, item) else {
            continue;
        };
        if gone.has_member(&element) {
            continue;
        }
        match gone.child(&element).filter(|below| !below.is_empty()) {
            Some(below) => {
                descended = true;
                out.push(remove_below(node.at(list.element), item, below));
            }
            None => out.push(item.clone()),
        }
    }
    if out.is_empty() && !descended {
        Value::Null
    } else {
        Value::Array(out)
    }
}

fn remove_fields(node: Node<'_>, map: &MapType, value: &Value, gone: &Set) -> Value {
    let Value::Object(fields) = value else {
        return Value::Null;
    };
    if map.atomic {
        return Value::Null;
    }
    let mut out = Map::new();
    let mut descended = false;
    for (key, below) in fields {
        let element = Element::field(key);
        if gone.has_member(&element) {
            continue;
        }
        let kept = match (
            gone.child(&element).filter(|s| !s.is_empty()),
            map.type_of(key),
        ) {
            (Some(gone), Some(id)) => {
                descended = true;
                remove_below(node.at(id), below, gone)
            }
            _ => below.clone(),
        };
        out.insert(key.clone(), kept);
    }
    if out.is_empty() && !descended {
        Value::Null
    } else {
        Value::Object(out)
    }
}

/// Adapts `set` to a schema that changed since it was written: where a list or map became atomic, its
/// owner now owns the whole. `None` when nothing changes.
pub(crate) fn reconcile(node: Node<'_>, set: &Set) -> Option<Set> {
    let mut walker = Reconciler::default();
    walker.visit(node, Some(set), false);
    if walker.atomic.is_empty() {
        return None;
    }
    Some(
        set.recursive_difference(&walker.atomic)
            .union(&walker.atomic),
    )
}

#[derive(Default)]
struct Reconciler {
    path: Path,
    atomic: Set,
}

impl Reconciler {
    fn visit(&mut self, node: Node<'_>, set: Option<&Set>, is_atomic: bool) {
        match node.ty().part_for(None) {
            Part::Map(map) if is_untyped_map(node, map) => {}
            Part::Map(map) if map.atomic => {
                if !is_atomic && set.is_some_and(|s| !s.is_empty()) {
                    self.atomic.insert(&self.path);
                }
            }
            Part::Map(map) => {
                self.elements(set, |element| match element {
                    Element::Field(name) => map.type_of(name).map(|id| node.at(id)),
                    _ => map.element.map(|id| node.at(id)),
                });
            }
            Part::List(list) if list.relation == Relation::Atomic => {
                if !is_atomic {
                    self.atomic.insert(&self.path);
                }
            }
            Part::List(list) => self.elements(set, |_| Some(node.at(list.element))),
            Part::Scalar(_) | Part::Nothing => {}
        }
    }

    fn elements<'n>(&mut self, set: Option<&Set>, node_of: impl Fn(&Element) -> Option<Node<'n>>) {
        let Some(set) = set else { return };
        let only_children = set
            .children()
            .map(|(element, _)| element)
            .filter(|element| !set.has_member(element))
            .map(|element| (element, false));
        let members = set.members().map(|element| (element, true));
        for (element, is_member) in only_children.chain(members) {
            let Some(node) = node_of(element) else {
                continue;
            };
            let below = set.child(element);
            self.path.push(element.clone());
            self.visit(node, below, is_member && below.is_none());
            self.path.pop();
        }
    }
}

/// Maps without fields whose values are typed by their content know no atomic parts.
fn is_untyped_map(node: Node<'_>, map: &MapType) -> bool {
    let Some(element) = map.element else {
        return false;
    };
    map.fields.is_empty() && node.at(element).ty().scalar == Some(Scalar::Untyped) && !map.atomic
}
