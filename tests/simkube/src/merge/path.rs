//! Owns path elements: the steps of a field path, their order and their text in `FieldsV1`.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

/// One step from an object to one of its parts.
///
/// The order of the variants is the order in which `FieldsV1` lists them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// A field of a map.
    Field(String),
    /// The item of a keyed list with these key fields, sorted by name.
    Key(Vec<(String, Leaf)>),
    /// The item of a set with this value.
    Value(Leaf),
    /// The item of an atomic list at this index.
    Index(i64),
}

/// A path from the root of an object.
pub(crate) type Path = Vec<Element>;

/// A value with the total order that field management gives values.
#[derive(Debug, Clone)]
pub(crate) struct Leaf(pub(crate) Value);

impl PartialEq for Leaf {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Leaf {}

impl PartialOrd for Leaf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Leaf {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_values(&self.0, &other.0)
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

/// Orders values: numbers, strings, booleans, lists, maps, null.
pub(crate) fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => x.cmp(&y),
            _ => x
                .as_f64()
                .partial_cmp(&y.as_f64())
                .unwrap_or(Ordering::Equal),
        },
        (Value::String(x), Value::String(y)) => x.cmp(y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (Value::Array(x), Value::Array(y)) => {
            let items = x.iter().zip(y).map(|(x, y)| compare_values(x, y));
            first_difference(items).then(x.len().cmp(&y.len()))
        }
        (Value::Object(x), Value::Object(y)) => {
            let items = x
                .iter()
                .zip(y)
                .map(|((kx, vx), (ky, vy))| kx.cmp(ky).then_with(|| compare_values(vx, vy)));
            first_difference(items).then(x.len().cmp(&y.len()))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders
        .find(|o| *o != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Whether two values are equal; `1` and `1.0` are.
pub(crate) fn equal_values(a: &Value, b: &Value) -> bool {
    compare_values(a, b) == Ordering::Equal
}

/// A value as it appears in the text of a path.
fn leaf_text(value: &Value) -> String {
    match value {
        Value::String(s) => format!("{s:?}"),
        other => other.to_string(),
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| format!("{name}={}", leaf_text(&value.0)))
                    .collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", leaf_text(&value.0)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// The text of a whole path, such as `.spec.ports[port=80,protocol="TCP"].name`.
pub(crate) fn path_text(path: &[Element]) -> String {
    path.iter().map(ToString::to_string).collect()
}

impl Element {
    /// A field of a map.
    pub(crate) fn field(name: impl Into<String>) -> Self {
        Self::Field(name.into())
    }

    /// The key of this element in `FieldsV1`: `f:name`, `k:{...}`, `v:...` or `i:0`.
    pub(crate) fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let fields: Map<String, Value> = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.0.clone()))
                    .collect();
                format!("k:{}", Value::Object(fields))
            }
            Self::Value(value) => format!("v:{}", value.0),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads the key of `FieldsV1`.
    ///
    /// `Ok(None)` is a kind of element that a later version may know and this one ignores.
    pub(crate) fn decode(text: &str) -> Result<Option<Self>, String> {
        let Some((kind, rest)) = text.split_once(':') else {
            return Err(format!("missing colon: {text:?}"));
        };
        let json = || serde_json::from_str::<Value>(rest).map_err(|e| e.to_string());
        Ok(Some(match kind {
            "f" => Self::field(rest),
            "v" => Self::Value(Leaf(json()?)),
            "k" => match json()? {
                Value::Object(fields) => {
                    let mut fields: Vec<(String, Leaf)> =
                        fields.into_iter().map(|(k, v)| (k, Leaf(v))).collect();
                    fields.sort();
                    Self::Key(fields)
                }
                other => return Err(format!("expected an object of keys, got {other}")),
            },
            "i" => Self::Index(
                rest.parse()
                    .map_err(|_| format!("invalid index {rest:?}"))?,
            ),
            _ => return Ok(None),
        }))
    }
}
