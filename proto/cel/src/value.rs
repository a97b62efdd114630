//! What an expression works with: values that borrow from the subject and from the expression.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;

use serde_json::Value as Json;

use super::expr::Kind;
use crate::subject::{Map, Scalar};

/// A value. Cloning one costs the same whatever its size.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Text<'a>),
    List(Rc<Vec<Value<'a>>>),
    Map(Rc<BTreeMap<Key<'a>, Value<'a>>>),
    Texts(&'a BTreeMap<String, String>),
    Lazy(&'a dyn Map),
    Items(&'a [Json]),
    Object(&'a serde_json::Map<String, Json>),
}

/// A string that is borrowed or shared.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Rc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

/// A key of a map that the expression makes.
#[derive(Clone, Debug)]
pub(super) enum Key<'a> {
    Bool(bool),
    Int(i64),
    Text(Text<'a>),
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => str::cmp(a, b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key<'_> {}

impl<'a> Key<'a> {
    const fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int(_) => 1,
            Self::Text(_) => 2,
        }
    }

    /// The key that a value stands for: a number without a fraction stands for a whole one.
    pub(super) fn of(value: &Value<'a>) -> Option<Self> {
        Some(match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Int(whole(*value).filter(|_| value.fract() == 0.0)?),
            Value::Text(text) => Self::Text(text.clone()),
            _ => return None,
        })
    }

    pub(super) fn value(&self) -> Value<'a> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }
}

impl<'a> Value<'a> {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Double(_) => Kind::Double,
            Self::Text(_) => Kind::Text,
            Self::List(_) | Self::Items(_) => Kind::List,
            Self::Map(_) | Self::Texts(_) | Self::Lazy(_) | Self::Object(_) => Kind::Map,
        }
    }

    /// How many keys a map has, or elements a list; `None` for what has neither.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::List(items) => Some(items.len()),
            Self::Map(entries) => Some(entries.len()),
            Self::Texts(entries) => Some(entries.len()),
            Self::Lazy(entries) => Some(entries.len()),
            Self::Items(items) => Some(items.len()),
            Self::Object(entries) => Some(entries.len()),
            _ => None,
        }
    }

    /// The elements of a list, or the keys of a map in order.
    pub(super) fn elements(&self) -> Vec<Self> {
        let text = |key: &'a str| Value::Text(Text::Borrowed(key));
        match self {
            Self::List(items) => items.to_vec(),
            Self::Map(entries) => entries.keys().map(Key::value).collect(),
            Self::Texts(entries) => entries.keys().map(|key| text(key)).collect(),
            Self::Lazy(entries) => entries.keys().map(text).collect(),
            Self::Items(items) => items.iter().map(json).collect(),
            Self::Object(entries) => entries.keys().map(|key| text(key)).collect(),
            _ => Vec::new(),
        }
    }

    /// An element of a list; `None` where it has none there, or this is no list.
    pub(super) fn element(&self, position: usize) -> Option<Self> {
        match self {
            Self::List(items) => items.get(position).cloned(),
            Self::Items(items) => items.get(position).map(json),
            _ => None,
        }
    }

    /// Whether a map has a key; not where this is no map.
    pub(super) fn has(&self, key: &Key<'a>) -> bool {
        match (self, key) {
            (Self::Lazy(entries), Key::Text(key)) => entries.has(key),
            _ => matches!(self.get(key), Some(Ok(_))),
        }
    }

    /// What a map has under a key, or why that has no value; `None` where it has nothing, or this
    /// is no map.
    pub(super) fn get(&self, key: &Key<'a>) -> Option<Result<Self, String>> {
        match (self, key) {
            (Self::Map(entries), key) => entries.get(key).cloned().map(Ok),
            (Self::Texts(entries), Key::Text(key)) => {
                let text = BTreeMap::get(entries, &**key)?;
                Some(Ok(Value::Text(Text::Borrowed(text))))
            }
            (Self::Lazy(entries), Key::Text(key)) => Some(entries.get(key)?.map(scalar)),
            (Self::Object(entries), Key::Text(key)) => entries.get(&**key).map(json).map(Ok),
            _ => None,
        }
    }
}

/// Any value; a number beyond whole ones of 64 bits with a sign is one with a fraction.
pub(super) fn json(value: &Json) -> Value<'_> {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(double)) => Value::Double(double),
            (None, None) => Value::Null,
        },
        Json::String(text) => Value::Text(Text::Borrowed(text)),
        Json::Array(items) => Value::Items(items),
        Json::Object(entries) => Value::Object(entries),
    }
}

fn scalar(value: Scalar<'_>) -> Value<'_> {
    match value {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Int(value) => Value::Int(value),
        Scalar::Double(value) => Value::Double(value),
        Scalar::Text(text) => Value::Text(Text::Borrowed(text)),
    }
}

/// A number without its fraction, where a whole number can hold it.
pub(super) fn whole(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    // Exact: the fraction is cut off, and the range was looked at.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (value > -LIMIT && value < LIMIT).then_some(value as i64)
}

/// How two numbers compare, exactly; `None` for what is no number.
pub(super) fn compare_mixed(int: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    let Some(part) = whole(double) else {
        // Beyond every whole number, but for the least one.
        #[expect(
            clippy::cast_precision_loss,
            reason = "only the sign and the least value matter"
        )]
        return (int as f64).partial_cmp(&double);
    };
    let order = int.cmp(&part);
    Some(order.then_with(|| match double.fract() {
        rest if rest > 0.0 => Ordering::Less,
        rest if rest < 0.0 => Ordering::Greater,
        _ => Ordering::Equal,
    }))
}

/// A text for a message, cut where it is long.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    const SHOWN_MAX: usize = 64;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
