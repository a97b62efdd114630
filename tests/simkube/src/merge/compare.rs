//! Owns comparing two objects of one type: which fields were added, modified and removed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::merge::path::{Element, Path, equal_values};
use crate::merge::set::Set;
use crate::merge::typed::{item_element, scalar_misfit};
use crate::schema::types::{List, Map as MapType, Node, Part, Relation};

/// The difference between two objects; no path is in two of the sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    pub(crate) removed: Set,
    pub(crate) modified: Set,
    pub(crate) added: Set,
}

impl Comparison {
    /// Drops `fields` and everything below them.
    pub(crate) fn without(&self, fields: &Set) -> Self {
        Self {
            removed: self.removed.recursive_difference(fields),
            modified: self.modified.recursive_difference(fields),
            added: self.added.recursive_difference(fields),
        }
    }
}

/// Compares `left`, the old object, with `right`, the new one.
pub(crate) fn compare(node: Node<'_>, left: &Value, right: &Value) -> Comparison {
    let mut walker = Walker::default();
    walker.compare(node, Some(left), Some(right));
    walker.result
}

/// Whether a node was compared as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Leaf,
    Inner,
}

#[derive(Default)]
struct Walker {
    path: Path,
    result: Comparison,
}

impl Walker {
    fn compare(&mut self, node: Node<'_>, left: Option<&Value>, right: Option<&Value>) {
        let ty = node.ty();
        let (l, r) = (ty.shape(left), ty.shape(right));
        let depth = if right.is_none() {
            self.visit(node, ty.part(l), left, right)
        } else {
            if left.is_some() && l != r {
                self.visit(node, ty.part(l), left, right);
            }
            self.visit(node, ty.part(r), left, right)
        };
        if depth == Depth::Inner {
            if left.is_none() {
                self.result.added.insert(&self.path);
            } else if right.is_none() {
                self.result.removed.insert(&self.path);
            }
        }
    }

    fn visit(
        &mut self,
        node: Node<'_>,
        part: Part<'_>,
        left: Option<&Value>,
        right: Option<&Value>,
    ) -> Depth {
        match part {
            Part::Scalar(scalar) => {
                let misfit = |v| scalar_misfit(scalar.class(), v).is_some();
                if misfit(left) && misfit(right) {
                    return Depth::Inner;
                }
                self.leaf(left, right)
            }
            Part::Map(map) => self.maps(node, map, left, right),
            Part::List(list) => self.lists(node, list, left, right),
            Part::Nothing => Depth::Inner,
        }
    }

    fn leaf(&mut self, left: Option<&Value>, right: Option<&Value>) -> Depth {
        match (left, right) {
            (None, _) => self.result.added.insert(&self.path),
            (_, None) => self.result.removed.insert(&self.path),
            (Some(l), Some(r)) if !equal_values(l, r) => self.result.modified.insert(&self.path),
            _ => {}
        }
        Depth::Leaf
    }

    fn maps(
        &mut self,
        node: Node<'_>,
        map: &MapType,
        left: Option<&Value>,
        right: Option<&Value>,
    ) -> Depth {
        let empty = Map::new();
        let l = left.and_then(Value::as_object).unwrap_or(&empty);
        let r = right.and_then(Value::as_object).unwrap_or(&empty);
        if map.atomic || (l.is_empty() && r.is_empty()) {
            return self.leaf(left, right);
        }
        let keys: BTreeSet<&String> = l.keys().chain(r.keys()).collect();
        for key in keys {
            let Some(id) = map.type_of(key) else { continue };
            self.path.push(Element::field(key));
            self.compare(node.at(id), l.get(key), r.get(key));
            self.path.pop();
        }
        Depth::Inner
    }

    fn lists(
        &mut self,
        node: Node<'_>,
        list: &List,
        left: Option<&Value>,
        right: Option<&Value>,
    ) -> Depth {
        let none: &[Value] = &[];
        let l = left.and_then(Value::as_array).map_or(none, Vec::as_slice);
        let r = right.and_then(Value::as_array).map_or(none, Vec::as_slice);
        if list.relation == Relation::Atomic || (l.is_empty() && r.is_empty()) {
            return self.leaf(left, right);
        }
        let (l, r) = (by_element(node, list, l), by_element(node, list, r));
        let elements: BTreeSet<&Element> = l.keys().chain(r.keys()).collect();
        let nothing = Vec::new();
        for element in elements {
            let l = l.get(element).unwrap_or(&nothing);
            let r = r.get(element).unwrap_or(&nothing);
            self.path.push(element.clone());
            self.items(node.at(list.element), l, r);
            self.path.pop();
        }
        Depth::Inner
    }

    /// Compares the items of one element; more than one on a side are duplicates.
    fn items(&mut self, item: Node<'_>, left: &[&Value], right: &[&Value]) {
        match (left.len(), right.len()) {
            (0 | 1, 0 | 1) => {
                self.compare(item, left.first().copied(), right.first().copied());
            }
            (2.., 2..) => {
                let same = left.len() == right.len()
                    && left.iter().zip(right).all(|(l, r)| equal_values(l, r));
                if !same {
                    self.result.modified.insert(&self.path);
                }
            }
            (2.., _) => {
                if let Some(right) = right.first() {
                    self.compare(item, None, Some(right));
                }
                self.result.removed.insert(&self.path);
            }
            (_, _) => {
                if let Some(left) = left.first() {
                    self.compare(item, Some(left), None);
                }
                self.result.added.insert(&self.path);
            }
        }
    }
}

fn by_element<'v>(
    node: Node<'_>,
    list: &List,
    items: &'v [Value],
) -> BTreeMap<Element, Vec<&'v Value>> {
    let mut out: BTreeMap<Element, Vec<&Value>> = BTreeMap::new();
    for item in items {
        if let Ok(element) = item_element(node, list, item) {
            out.entry(element).or_default().push(item);
        }
    }
    out
}
