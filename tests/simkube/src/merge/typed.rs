//! Owns what a schema says about a value: which items of a list are the same, whether the value fits,
//! and the set of fields that it mentions.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use crate::merge::path::{Element, Leaf, Path};
use crate::merge::set::Set;
use crate::schema::go_text;
use crate::schema::types::{List, Map as MapType, Node, Part, Relation, ScalarClass};

/// What does not fit a schema: path and message of each finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Misfits(pub(crate) Vec<(String, String)>);

impl Misfits {
    pub(crate) fn one(message: impl Into<String>) -> Self {
        Self(vec![(String::new(), message.into())])
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    fn extend_under(&mut self, prefix: &Element, below: Self) {
        self.0.extend(
            below
                .0
                .into_iter()
                .map(|(path, text)| (format!("{prefix}{path}"), text)),
        );
    }
}

impl fmt::Display for Misfits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |(path, text): &(String, String)| {
            if path.is_empty() {
                text.clone()
            } else {
                format!("{path}: {text}")
            }
        };
        match self.0.as_slice() {
            [one] => f.write_str(&line(one)),
            many => {
                f.write_str("errors:")?;
                for one in many {
                    write!(f, "\n  {}", line(one))?;
                }
                Ok(())
            }
        }
    }
}

/// The path element of `item` in a set or a keyed list.
pub(crate) fn item_element(node: Node<'_>, list: &List, item: &Value) -> Result<Element, String> {
    match &list.relation {
        Relation::Atomic => Err("invalid indexing of non-associative list".to_owned()),
        Relation::Set => match item {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            Value::Array(_) => {
                Err("not supported: associative list with lists as elements".to_owned())
            }
            Value::Null => Err(
                "associative list without keys has an element that's an explicit null".to_owned(),
            ),
            scalar => Ok(Element::Value(Leaf(scalar.clone()))),
        },
        Relation::Keyed(keys) => keyed_element(node.at(list.element), keys, item),
    }
}

fn keyed_element(item_node: Node<'_>, keys: &[String], item: &Value) -> Result<Element, String> {
    let item = match item {
        Value::Object(item) => item,
        Value::Null => {
            return Err("associative list with keys may not have a null element".to_owned());
        }
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let map = item_node
        .ty()
        .map
        .as_ref()
        .ok_or("associative list may not have non-map types")?;
    let mut fields: Vec<(String, Leaf)> = keys
        .iter()
        .filter_map(|key| {
            let default = || map.fields.get(key).and_then(|f| f.default.clone());
            let value = item.get(key).cloned().or_else(default)?;
            Some((key.clone(), Leaf(value)))
        })
        .collect();
    if fields.is_empty() {
        let keys: Vec<String> = keys.iter().map(|k| format!("{k:?}")).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] \
             (and doesn't have default values for any key fields)",
            keys.join(" ")
        ));
    }
    fields.sort();
    Ok(Element::Key(fields))
}

/// A scalar that is neither absent nor null must be of the right class.
pub(crate) fn scalar_misfit(class: ScalarClass, value: Option<&Value>) -> Option<String> {
    let value = value.filter(|v| !v.is_null())?;
    match (class, value) {
        (ScalarClass::Numeric, Value::Number(_))
        | (ScalarClass::String, Value::String(_))
        | (ScalarClass::Boolean, Value::Bool(_))
        | (ScalarClass::Untyped, Value::Number(_) | Value::String(_) | Value::Bool(_)) => None,
        (ScalarClass::Numeric, v) => Some(format!(
            "expected numeric (int or float), got {}",
            go_text::type_name(v)
        )),
        (ScalarClass::String, v) => Some(format!(
            "expected string, got &value.valueUnstructured{{Value:{}}}",
            go_text::sharp_v(v)
        )),
        (ScalarClass::Boolean, v) => Some(format!("expected boolean, got &{{{}}}", go_text::v(v))),
        (ScalarClass::Untyped, v) => {
            Some(format!("expected any scalar, got &{{{}}}", go_text::v(v)))
        }
    }
}

/// Checks `value` against the type of `node`; duplicate items are an error.
pub(crate) fn check(node: Node<'_>, value: &Value) -> Misfits {
    match node.ty().part_for(Some(value)) {
        Part::Map(map) => check_map(node, map, value),
        Part::List(list) => check_list(node, list, value),
        Part::Scalar(scalar) => {
            scalar_misfit(scalar.class(), Some(value)).map_or_else(Misfits::default, Misfits::one)
        }
        Part::Nothing => Misfits::one("schema error: invalid atom: inlined"),
    }
}

fn check_map(node: Node<'_>, map: &MapType, value: &Value) -> Misfits {
    let fields = match value {
        Value::Null => return Misfits::default(),
        Value::Object(fields) => fields,
        other => return Misfits::one(format!("expected map, got &{{{}}}", go_text::v(other))),
    };
    let mut misfits = Misfits::default();
    for (key, below) in fields {
        let element = Element::field(key);
        let Some(id) = map.type_of(key) else {
            misfits.extend_under(&element, Misfits::one("field not declared in schema"));
            continue;
        };
        misfits.extend_under(&element, check(node.at(id), below));
    }
    misfits
}

fn check_list(node: Node<'_>, list: &List, value: &Value) -> Misfits {
    let items = match value {
        Value::Null => return Misfits::default(),
        Value::Array(items) => items,
        other => return Misfits::one(format!("expected list, got &{{{}}}", go_text::v(other))),
    };
    let mut misfits = Misfits::default();
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let element = if list.relation == Relation::Atomic {
            Element::Index(i64::try_from(index).unwrap_or(i64::MAX))
        } else {
            match item_element(node, list, item) {
                Ok(element) => element,
                Err(text) => {
                    let text = format!("element {index}: {text}");
                    misfits.0.extend(Misfits::one(text).0);
                    return misfits;
                }
            }
        };
        if !seen.insert(element.clone()) {
            let text = format!("duplicate entries for key {element}");
            misfits.0.extend(Misfits::one(text).0);
        }
        misfits.extend_under(&element, check(node.at(list.element), item));
    }
    misfits
}

/// The set of fields that `value` mentions.
pub(crate) fn field_set(node: Node<'_>, value: &Value) -> Set {
    let mut set = Set::default();
    collect(node, value, &mut Vec::new(), &mut set);
    set
}

fn collect(node: Node<'_>, value: &Value, path: &mut Path, set: &mut Set) {
    match node.ty().part_for(Some(value)) {
        Part::Scalar(_) => set.insert(path),
        Part::Map(map) if map.atomic => set.insert(path),
        Part::Map(map) => {
            if let Value::Object(fields) = value {
                collect_map(node, map, fields, path, set);
            }
        }
        Part::List(list) if list.relation == Relation::Atomic => set.insert(path),
        Part::List(list) => {
            if let Value::Array(items) = value {
                collect_list(node, list, items, path, set);
            }
        }
        Part::Nothing => {}
    }
}

fn collect_map(
    node: Node<'_>,
    map: &MapType,
    fields: &Map<String, Value>,
    path: &mut Path,
    set: &mut Set,
) {
    for (key, below) in fields {
        path.push(Element::field(key));
        if let Some(id) = map.type_of(key) {
            collect(node.at(id), below, path, set);
        }
        let empty = below.is_null() || below.as_object().is_some_and(Map::is_empty);
        if empty || !map.fields.contains_key(key) {
            set.insert(path);
        }
        path.pop();
    }
}

fn collect_list(node: Node<'_>, list: &List, items: &[Value], path: &mut Path, set: &mut Set) {
    let elements: Vec<Option<Element>> = items
        .iter()
        .map(|item| item_element(node, list, item).ok())
        .collect();
    for (item, element) in items.iter().zip(&elements) {
        let Some(element) = element else { continue };
        let repeated = elements.iter().flatten().filter(|e| *e == element).count() > 1;
        path.push(element.clone());
        if !repeated {
            collect(node.at(list.element), item, path, set);
        }
        set.insert(path);
        path.pop();
    }
}
