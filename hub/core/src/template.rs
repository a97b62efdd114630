//! Variables: their precedence, their values, and `${...}` in texts.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use capstan_proto::limits::OBJECT_BYTES_MAX;
use capstan_proto::{BundleName, ClusterName, Revision};
pub use circles::circles;
use serde_json::Value;

use crate::limits::{VARIABLE_BYTES_MAX, VARIABLE_DEPTH_MAX, VARIABLES_BYTES_MAX};
use crate::problem::bounded;
use crate::spec::Variables;
use crate::yaml;

/// A value that a variable may have. The declared type is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A text; may use other variables.
    Text(String),
    /// A number, as it is written.
    Number(yaml::Numeral),
    /// A truth value.
    Bool(bool),
}

impl Scalar {
    /// The value as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.number().clone()),
            Self::Bool(value) => Value::Bool(*value),
        }
    }
}

/// The value as text, as it stands inside a longer text.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// What `${...}` may name besides variables.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn<'a> {
    /// `cluster.name`.
    pub cluster: &'a ClusterName,
    /// `cluster.labels.<key>`.
    pub labels: &'a BTreeMap<String, String>,
    /// `bundle.name`.
    pub bundle: &'a BundleName,
    /// `source.revision`.
    pub revision: &'a Revision,
}

/// Whether a name is one of those that are built in, as far as its form says.
#[must_use]
pub fn is_built_in(name: &str) -> bool {
    matches!(name, "cluster.name" | "bundle.name" | "source.revision")
        || name.starts_with("cluster.labels.")
}

impl BuiltIn<'_> {
    /// The value of a built-in name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Scalar> {
        let text = match name {
            "cluster.name" => self.cluster.as_str(),
            "bundle.name" => self.bundle.name(),
            "source.revision" => self.revision.as_str(),
            _ => self.labels.get(name.strip_prefix("cluster.labels.")?)?,
        };
        Some(Scalar::Text(text.to_owned()))
    }
}

/// The variables in force for one bundle on one cluster: each with its value, or why it has none.
pub type Effective = BTreeMap<String, Result<Scalar, VariableError>>;

/// Why a text has no value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum VariableError {
    /// It uses a variable that nothing defines.
    #[error("nothing defines the variable `{name}`")]
    Unknown {
        /// The name that nothing defines.
        name: String,
    },
    /// It uses itself, directly or not.
    #[error("variables use each other in a circle: {}", names.join(" -> "))]
    Cycle {
        /// The names in the circle, in order of use.
        names: Vec<String>,
    },
    /// Its text has a `${` that does not begin a variable.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
    },
    /// Its value would be too long.
    #[error("the value would be longer than {VARIABLE_BYTES_MAX} bytes")]
    TooLong,
    /// All values together would be too long.
    #[error("the values of all variables would be longer than {VARIABLES_BYTES_MAX} bytes")]
    TooMuch,
    /// The object would be too long with its values.
    #[error("with its values the object would be longer than {OBJECT_BYTES_MAX} bytes")]
    TooLongInObject,
    /// Variables use variables too deeply.
    #[error("variables use variables more than {VARIABLE_DEPTH_MAX} deep")]
    TooDeep,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Taken as it is.
    Literal(String),
    /// `${name}` or `${name:-default}`.
    Use {
        /// The name.
        name: String,
        /// What stands in where nothing defines it.
        default: Option<String>,
    },
}

/// Splits a text into literals and uses of variables. `$${` stands for `${`.
///
/// # Errors
/// When a `${` does not begin a variable.
pub fn parse(text: &str) -> Result<Vec<Part>, VariableError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        literal.push_str(&rest[..dollar]);
        rest = &rest[dollar..];
        if let Some(after) = rest.strip_prefix("$${") {
            literal.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (part, after) = variable(after)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part);
            rest = after;
        } else {
            literal.push('$');
            rest = &rest[1..];
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// What follows `${`, and the text after `}`.
fn variable(text: &str) -> Result<(Part, &str), VariableError> {
    let syntax = |message: String| VariableError::Syntax {
        message: bounded(message),
    };
    let Some(end) = text.find('}') else {
        return Err(syntax("`${` is not closed by `}`".to_owned()));
    };
    let (inside, after) = (&text[..end], &text[end + 1..]);
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if name.is_empty() || !name.chars().all(part) {
        return Err(syntax(format!("`${{{inside}}}` does not name a variable")));
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(syntax(format!(
            "the default of `{name}` cannot use a variable"
        )));
    }
    let default = default.map(ToOwned::to_owned);
    Ok((
        Part::Use {
            name: name.to_owned(),
            default,
        },
        after,
    ))
}

/// Whether a text is a name that variables may have.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Puts values into a text. A text that is exactly one variable takes its type.
///
/// # Errors
/// When a variable has no value.
pub fn expand(
    text: &str,
    variables: &Effective,
    built_in: BuiltIn<'_>,
) -> Result<Scalar, VariableError> {
    let parts = parse(text)?;
    join(&parts, |name| value_of(name, variables, built_in))
}

/// Puts values into a text, each changed so that it stays one piece of the text's own syntax.
///
/// # Errors
/// When a variable has no value.
pub fn expand_each(
    text: &str,
    variables: &Effective,
    built_in: BuiltIn<'_>,
    escape: impl Fn(&str) -> String,
) -> Result<String, VariableError> {
    let mut out = String::new();
    for part in parse(text)? {
        match part {
            Part::Literal(literal) => out.push_str(&literal),
            Part::Use { .. } => {
                let value = join(&[part], |name| value_of(name, variables, built_in))?;
                out.push_str(&escape(&value.to_string()));
            }
        }
        if out.len() > VARIABLE_BYTES_MAX {
            return Err(VariableError::TooLong);
        }
    }
    Ok(out)
}

/// What a name stands for: a variable, or what is built in.
#[must_use]
pub fn value_of(
    name: &str,
    variables: &Effective,
    built_in: BuiltIn<'_>,
) -> Option<Result<Scalar, VariableError>> {
    match variables.get(name) {
        Some(value) => Some(value.clone()),
        None => built_in.get(name).map(Ok),
    }
}

/// Why a text has no value: every variable of it that has none, each once.
pub fn lacking(
    text: &str,
    variables: &Effective,
    built_in: BuiltIn<'_>,
) -> BTreeSet<VariableError> {
    let parts = parse(text).unwrap_or_default().into_iter();
    let without_value = parts.filter_map(|part| match part {
        Part::Use { name, default } => match value_of(&name, variables, built_in) {
            Some(value) => value.err(),
            None => default.is_none().then(|| unknown(&name)),
        },
        Part::Literal(_) => None,
    });
    without_value.collect()
}

/// The name in the sentence of [`VariableError::Unknown`].
#[must_use]
pub fn unknown_name(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("nothing defines the variable `")?;
    Some(rest.split_once('`')?.0)
}

/// The names that a text uses; none where it does not parse.
pub fn names(text: &str) -> impl Iterator<Item = String> {
    let parts = if text.contains("${") {
        parse(text).unwrap_or_default()
    } else {
        Vec::new()
    };
    parts.into_iter().filter_map(|part| match part {
        Part::Use { name, .. } => Some(name),
        Part::Literal(_) => None,
    })
}

/// The value of every variable. Of one name the last layer that has it counts.
///
/// Values are found in the order of their names, each after those that it uses. One with which all
/// would be longer than [`VARIABLES_BYTES_MAX`] has none, and no text after it has.
#[must_use]
pub fn effective(layers: &[&Variables], built_in: BuiltIn<'_>) -> Effective {
    let mut raw: BTreeMap<&str, &Scalar> = BTreeMap::new();
    for layer in layers {
        raw.extend(
            layer
                .iter()
                .map(|(name, variable)| (name.as_str(), &variable.value)),
        );
    }
    let mut resolver = Resolver {
        raw: &raw,
        built_in,
        done: Effective::new(),
        path: Vec::new(),
        bytes: Some(0),
    };
    for name in raw.keys() {
        resolver.resolve(name);
    }
    resolver.done
}

struct Resolver<'a> {
    raw: &'a BTreeMap<&'a str, &'a Scalar>,
    built_in: BuiltIn<'a>,
    done: Effective,
    path: Vec<String>,
    /// How long the texts in `done` are together; `None` once another one was too much.
    bytes: Option<usize>,
}

impl Resolver<'_> {
    fn resolve(&mut self, name: &str) -> Option<Result<Scalar, VariableError>> {
        if let Some(value) = self.done.get(name) {
            return Some(value.clone());
        }
        let Some(raw) = self.raw.get(name).copied() else {
            return self.built_in.get(name).map(Ok);
        };
        let Scalar::Text(text) = raw else {
            self.done.insert(name.to_owned(), Ok(raw.clone()));
            return Some(Ok(raw.clone()));
        };
        if let Some(start) = self.path.iter().position(|used| used == name) {
            let mut names = self.path[start..].to_vec();
            names.push(name.to_owned());
            let names = names.into_iter().map(bounded).collect();
            return Some(Err(VariableError::Cycle { names }));
        }
        if self.path.len() >= VARIABLE_DEPTH_MAX {
            return Some(Err(VariableError::TooDeep));
        }
        if self.bytes.is_none() {
            return self.keep(name, Err(VariableError::TooMuch));
        }
        self.path.push(name.to_owned());
        let value = parse(text).and_then(|parts| join(&parts, |used| self.resolve(used)));
        let value = value.and_then(|value| self.afford(value));
        self.path.pop();
        // What failed inside a circle or too deep depends on where the walk began: every member
        // is walked from itself, so that each gets the answer of its own.
        if self.path.is_empty() || value.is_ok() {
            return self.keep(name, value);
        }
        Some(value)
    }

    fn keep(
        &mut self,
        name: &str,
        value: Result<Scalar, VariableError>,
    ) -> Option<Result<Scalar, VariableError>> {
        self.done.insert(name.to_owned(), value.clone());
        Some(value)
    }

    /// Counts a value, unless all would be too long with it.
    fn afford(&mut self, value: Scalar) -> Result<Scalar, VariableError> {
        let length = match &value {
            Scalar::Text(text) => text.len(),
            Scalar::Number(_) | Scalar::Bool(_) => 0,
        };
        let bytes = self.bytes.map(|bytes| bytes + length);
        self.bytes = bytes.filter(|bytes| *bytes <= VARIABLES_BYTES_MAX);
        self.bytes.map(|_| value).ok_or(VariableError::TooMuch)
    }
}

fn join(
    parts: &[Part],
    mut value_of: impl FnMut(&str) -> Option<Result<Scalar, VariableError>>,
) -> Result<Scalar, VariableError> {
    if let [Part::Use { name, default }] = parts {
        return match (value_of(name), default) {
            (Some(value), _) => value,
            (None, Some(default)) => Ok(typed(default)),
            (None, None) => Err(unknown(name)),
        };
    }
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Use { name, default } => match (value_of(name), default) {
                (Some(value), _) => text.push_str(&value?.to_string()),
                (None, Some(default)) => text.push_str(default),
                (None, None) => return Err(unknown(name)),
            },
        }
        if text.len() > VARIABLE_BYTES_MAX {
            return Err(VariableError::TooLong);
        }
    }
    Ok(Scalar::Text(text))
}

fn unknown(name: &str) -> VariableError {
    VariableError::Unknown {
        name: bounded(name.to_owned()),
    }
}

/// A default's type: what it would be without quotes, unless that would change its text.
fn typed(text: &str) -> Scalar {
    let scalar = match yaml::plain(text) {
        yaml::Value::Bool(value) => Scalar::Bool(value),
        yaml::Value::Number(number) => Scalar::Number(number),
        _ => Scalar::Text(text.to_owned()),
    };
    let kept = match &scalar {
        Scalar::Number(number) => number.lost().is_none(),
        Scalar::Text(_) | Scalar::Bool(_) => true,
    };
    let plain = scalar.to_value().to_string();
    if kept && plain == text {
        scalar
    } else {
        Scalar::Text(text.to_owned())
    }
}

#[cfg(test)]
mod tests;
