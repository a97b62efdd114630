//! Owns sets of field paths and their `FieldsV1` form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::merge::path::{Element, Path};
use crate::schema::types::{Node, TypeId};

/// A set of field paths, as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Set {
    members: BTreeSet<Element>,
    children: BTreeMap<Element, Set>,
}

impl Set {
    /// A set of these paths of plain fields.
    pub(crate) fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let path: Path = path.iter().map(|name| Element::field(*name)).collect();
            set.insert(&path);
        }
        set
    }

    /// Adds a path; the empty path is nobody's.
    pub(crate) fn insert(&mut self, path: &[Element]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    pub(crate) fn has(&self, path: &[Element]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|c| c.has(rest)),
        }
    }

    pub(crate) fn has_member(&self, element: &Element) -> bool {
        self.members.contains(element)
    }

    /// The part of the set below `element`.
    pub(crate) fn child(&self, element: &Element) -> Option<&Self> {
        self.children.get(element)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Element> {
        self.members.iter()
    }

    pub(crate) fn children(&self) -> impl Iterator<Item = (&Element, &Self)> {
        self.children.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.absorb(other);
        result
    }

    /// Adds all paths of `other`.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (element, child) in &other.children {
            self.children
                .entry(element.clone())
                .or_default()
                .absorb(child);
        }
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, child)| {
            let both = child.intersection(other.children.get(element)?);
            (!both.is_empty()).then(|| (element.clone(), both))
        });
        Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    /// The paths that are not in `other`; a parent in `other` keeps its children here.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, child)| {
            let Some(minus) = other.children.get(element) else {
                return Some((element.clone(), child.clone()));
            };
            let rest = child.difference(minus);
            (!rest.is_empty()).then(|| (element.clone(), rest))
        });
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    /// The paths that are neither in `other` nor below a path in `other`.
    pub(crate) fn recursive_difference(&self, other: &Self) -> Self {
        let children = self.children.iter().filter_map(|(element, child)| {
            if other.members.contains(element) {
                return None;
            }
            let Some(minus) = other.children.get(element) else {
                return Some((element.clone(), child.clone()));
            };
            let rest = child.recursive_difference(minus);
            (!rest.is_empty()).then(|| (element.clone(), rest))
        });
        Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: children.collect(),
        }
    }

    /// The set with every declared field on the way to a path added.
    pub(crate) fn with_named_parents(&self, node: Option<Node<'_>>) -> Self {
        let map = node.and_then(|n| n.ty().map.as_ref());
        let list = node.and_then(|n| n.ty().list.as_ref());
        let mut members = self.members.clone();
        let mut children = BTreeMap::new();
        for (element, child) in &self.children {
            let mut below: Option<TypeId> = None;
            match element {
                Element::Field(name) => {
                    if map.is_some_and(|m| m.fields.contains_key(name)) {
                        members.insert(element.clone());
                    }
                    below = map.and_then(|m| m.type_of(name));
                }
                Element::Key(_) => below = list.map(|l| l.element),
                Element::Value(_) | Element::Index(_) => {}
            }
            let node = node.and_then(|n| below.map(|id| n.at(id)));
            children.insert(element.clone(), child.with_named_parents(node));
        }
        Self { members, children }
    }

    /// All paths, parents before their children.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut Path, out: &mut Vec<Path>) {
        for member in &self.members {
            let mut path = prefix.clone();
            path.push(member.clone());
            out.push(path);
        }
        for (element, child) in &self.children {
            prefix.push(element.clone());
            child.collect(prefix, out);
            prefix.pop();
        }
    }

    /// The `fieldsV1` object.
    pub(crate) fn encode(&self) -> Value {
        let mut out = Map::new();
        for member in &self.members {
            out.insert(member.encode(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            if child.members.is_empty() && child.children.is_empty() {
                continue;
            }
            let mut fields = match child.encode() {
                Value::Object(fields) => fields,
                _ => Map::new(),
            };
            if self.members.contains(element) {
                fields.insert(".".to_owned(), Value::Object(Map::new()));
            }
            out.insert(element.encode(), Value::Object(fields));
        }
        Value::Object(out)
    }

    /// Reads a `fieldsV1` object.
    pub(crate) fn decode(fields: &Value) -> Result<Self, String> {
        let Value::Object(fields) = fields else {
            return Err("fieldsV1 must be an object".to_owned());
        };
        let mut set = Self::default();
        for (key, below) in fields {
            if key == "." {
                continue;
            }
            let Some(element) = Element::decode(key)? else {
                continue;
            };
            let child = Self::decode(below)?;
            let is_leaf = child.members.is_empty() && child.children.is_empty();
            if is_leaf || below.get(".").is_some() {
                set.members.insert(element.clone());
            }
            if !is_leaf {
                set.children.insert(element, child);
            }
        }
        Ok(set)
    }
}
