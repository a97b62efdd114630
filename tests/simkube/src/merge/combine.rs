//! Owns merging an applied configuration into an object, without removing anything.
//!
//! Lists keep the order of the configuration for the items that it names; items that only the object
//! has keep their place relative to their neighbours.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::merge::path::Element;
use crate::merge::typed::{item_element, scalar_misfit};
use crate::schema::types::{List, Map as MapType, Node, Part, Relation};

/// Merges `right` over `left`; at least one is present.
pub(crate) fn combine(
    node: Node<'_>,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let ty = node.ty();
    let shape = match (left, right) {
        (_, None) => ty.shape(left),
        _ => ty.shape(right),
    };
    match ty.part(shape) {
        Part::Scalar(scalar) => {
            let misfit = |v| scalar_misfit(scalar.class(), v).is_some();
            if misfit(left) && misfit(right) {
                return None;
            }
            right.or(left).cloned()
        }
        Part::Map(map) => combine_maps(node, map, left, right),
        Part::List(list) => combine_lists(node, list, left, right),
        Part::Nothing => None,
    }
}

fn combine_maps(
    node: Node<'_>,
    map: &MapType,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let empty = Map::new();
    let l = left.and_then(Value::as_object).unwrap_or(&empty);
    let r = right.and_then(Value::as_object).unwrap_or(&empty);
    if map.atomic || (l.is_empty() && r.is_empty()) {
        return right.or(left).cloned();
    }
    let mut out = Map::new();
    let keys: BTreeSet<&String> = l.keys().chain(r.keys()).collect();
    for key in keys {
        let Some(id) = map.type_of(key) else { continue };
        if let Some(value) = combine(node.at(id), l.get(key), r.get(key)) {
            out.insert(key.clone(), value);
        }
    }
    (!out.is_empty()).then_some(Value::Object(out))
}

fn combine_lists(
    node: Node<'_>,
    list: &List,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let none: &[Value] = &[];
    let l = left.and_then(Value::as_array).map_or(none, Vec::as_slice);
    let r = right.and_then(Value::as_array).map_or(none, Vec::as_slice);
    if list.relation == Relation::Atomic || (l.is_empty() && r.is_empty()) {
        return right.or(left).cloned();
    }
    let out = Zipper::new(node, list, l, r).run();
    (!out.is_empty()).then_some(Value::Array(out))
}

/// The state of merging two keyed lists or sets.
struct Zipper<'a> {
    item: Node<'a>,
    left: Vec<(Element, &'a Value)>,
    right: Vec<(Element, &'a Value)>,
    /// Items of the left by element; `None` when the element occurs more than once.
    left_by: BTreeMap<Element, Option<&'a Value>>,
    right_by: BTreeSet<Element>,
    /// Elements that both lists have, in the order of the right.
    shared: std::vec::IntoIter<Element>,
    next_shared: Option<Element>,
    taken: BTreeSet<Element>,
    out: Vec<Value>,
}

impl<'a> Zipper<'a> {
    fn new(node: Node<'a>, list: &List, left: &'a [Value], right: &'a [Value]) -> Self {
        let index = |items: &'a [Value]| -> Vec<(Element, &'a Value)> {
            let elements = items.iter().filter_map(|item| {
                let element = item_element(node, list, item).ok()?;
                Some((element, item))
            });
            elements.collect()
        };
        let left = index(left);
        let right = index(right);
        let mut left_by = BTreeMap::new();
        for (element, item) in &left {
            left_by
                .entry(element.clone())
                .and_modify(|known| *known = None)
                .or_insert(Some(*item));
        }
        let shared: Vec<Element> = right
            .iter()
            .map(|(element, _)| element.clone())
            .filter(|element| left_by.contains_key(element))
            .collect();
        let mut shared = shared.into_iter();
        Self {
            item: node.at(list.element),
            right_by: right.iter().map(|(element, _)| element.clone()).collect(),
            next_shared: shared.next(),
            shared,
            left,
            right,
            left_by,
            taken: BTreeSet::new(),
            out: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Value> {
        let (mut l, mut r) = (0, 0);
        while l < self.left.len() || r < self.right.len() {
            if l < self.left.len() && r < self.right.len() {
                let element = self.left[l].0.clone();
                if element == self.right[r].0 {
                    self.take_right(r);
                    self.next_shared = self.shared.next();
                    l += 1;
                    r += 1;
                    continue;
                }
                let other_turn = self.next_shared.as_ref().is_some_and(|n| *n != element);
                if self.right_by.contains(&element) && other_turn {
                    l += 1;
                    continue;
                }
            }
            if l < self.left.len() {
                let (element, item) = self.left[l].clone();
                if !self.right_by.contains(&element) {
                    self.push(Some(item), None);
                    l += 1;
                    continue;
                }
                if self.taken.contains(&element) {
                    l += 1;
                }
            }
            if r < self.right.len() {
                let element = self.right[r].0.clone();
                self.take_right(r);
                r += 1;
                if self.next_shared.as_ref() == Some(&element) {
                    self.next_shared = self.shared.next();
                }
            }
        }
        self.out
    }

    /// Emits the right item at `index`, merged with the left item of the same element.
    fn take_right(&mut self, index: usize) {
        let (element, item) = self.right[index].clone();
        let left = self.left_by.get(&element).copied().flatten();
        self.taken.insert(element);
        self.push(left, Some(item));
    }

    fn push(&mut self, left: Option<&Value>, right: Option<&Value>) {
        self.out.extend(combine(self.item, left, right));
    }
}
