//! YAML and JSON as a tree in which every value knows its place.
//!
//! A file is read document by document, so that a broken one does not take the others along. The
//! tree is built from the parser's events rather than through serde: that costs no stack, so that
//! nesting cannot overflow it, and recovers at the next document. Budgets bound what a file may
//! cost: aliases cannot multiply.

mod build;
mod exact;
mod json;
mod position;
mod scalar;

pub use position::position;

use crate::limits;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The value.
    pub value: Value,
}

/// A value whose parts know their places.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Numeral),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file. Keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A number, and how it is written where that differs from the shortest form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeral {
    number: serde_json::Number,
    written: Option<Box<str>>,
}

impl Numeral {
    /// A number that is written like this.
    #[must_use]
    pub fn new(number: serde_json::Number, written: &str) -> Self {
        let differs = number.to_string() != written;
        Self {
            number,
            written: differs.then(|| written.into()),
        }
    }

    /// The number.
    #[must_use]
    pub fn number(&self) -> &serde_json::Number {
        &self.number
    }

    /// Why Kubernetes would make another number of it, and what it would be; `None` where it is kept
    /// as it is.
    #[must_use]
    pub fn lost(&self) -> Option<Lost> {
        exact::lost(&self.number, self.written.as_deref())
    }
}

/// What a number would silently become: Kubernetes has whole numbers of 64 bits, with a sign, and
/// doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A whole number of more than 64 bits.
    TooLong,
    /// A number that a double does not keep; the nearest one that it does.
    Rounded(String),
}

impl std::ops::Deref for Numeral {
    type Target = serde_json::Number;

    fn deref(&self) -> &serde_json::Number {
        &self.number
    }
}

impl<N: Into<serde_json::Number>> From<N> for Numeral {
    fn from(number: N) -> Self {
        Self {
            number: number.into(),
            written: None,
        }
    }
}

/// As it is written.
impl std::fmt::Display for Numeral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.written {
            Some(written) => f.write_str(written),
            None => write!(f, "{}", self.number),
        }
    }
}

/// A key of a map and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// The key; numbers and truth values as they are written.
    pub text: String,
}

/// Why a file, or one document of it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// One sentence.
    pub message: String,
}

/// Which texts without quotes are something else than texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As in YAML 1.2: `no` is a text, and so is `0001`.
    Fleet,
    /// As kubectl reads manifests (YAML 1.1): `no` is false, `0644` is octal.
    Kubernetes,
}

impl Node {
    /// The last line on which a value of it begins.
    #[must_use]
    pub fn last_line(&self) -> u32 {
        let inner = match &self.value {
            Value::List(items) => items.iter().map(Self::last_line).max(),
            Value::Map(members) => {
                let lines = members
                    .iter()
                    .map(|(key, node)| key.line.max(node.last_line()));
                lines.max()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
        };
        inner.unwrap_or_default().max(self.line)
    }

    /// The member of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.members()
            .iter()
            .find(|(k, _)| k.text == key)
            .map(|(_, node)| node)
    }

    /// The value at a path of map keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a map; none for anything else.
    #[must_use]
    pub fn members(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The value without places.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(*value),
            Value::Number(number) => serde_json::Value::Number(number.number().clone()),
            Value::Text(text) => serde_json::Value::String(text.clone()),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(members) => members
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect(),
        }
    }

    /// Calls for every number in it, at its place.
    pub fn numbers<'a>(&'a self, found: &mut impl FnMut(&'a Self, &'a Numeral)) {
        match &self.value {
            Value::Number(number) => found(self, number),
            Value::List(items) => items.iter().for_each(|item| item.numbers(found)),
            Value::Map(members) => members.iter().for_each(|(_, node)| node.numbers(found)),
            Value::Null | Value::Bool(_) | Value::Text(_) => {}
        }
    }

    /// What it is, in a word.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// Reads every document of a file that is not empty; a broken one is a fault in its place.
#[must_use]
pub fn read(bytes: &[u8], dialect: Dialect) -> Vec<Result<Node, Fault>> {
    match text(bytes) {
        Ok(text) => build::documents(text, dialect),
        Err(fault) => vec![Err(fault)],
    }
}

/// Reads a file as its name says: `.json` is JSON and nothing else, and has one document.
#[must_use]
pub fn read_file(path: &str, bytes: &[u8], dialect: Dialect) -> Vec<Result<Node, Fault>> {
    if !path.ends_with(".json") {
        return read(bytes, dialect);
    }
    match text(bytes) {
        Ok(text) => json::document(text)
            .into_iter()
            .filter(|read| !matches!(read, Ok(node) if node.value == Value::Null))
            .collect(),
        Err(fault) => vec![Err(fault)],
    }
}

/// The text of a file that is not too large.
fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > limits::FILE_BYTES_MAX {
        let message = format!(
            "the file has {} bytes; more than {} are not read",
            bytes.len(),
            limits::FILE_BYTES_MAX
        );
        return Err(Fault {
            line: 1,
            column: 1,
            message,
        });
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = 1 + before.matches('\n').count();
        let column = 1 + before
            .rsplit('\n')
            .next()
            .map_or(0, |rest| rest.chars().count());
        Fault {
            line: small(line),
            column: small(column),
            message: "the file is not UTF-8".to_owned(),
        }
    })
}

/// What a text without quotes is in a fleet file.
#[must_use]
pub fn plain(text: &str) -> Value {
    scalar::plain(text, Dialect::Fleet)
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
