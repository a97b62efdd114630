//! Variables: their precedence, their values, and `${...}` in texts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Revision};
use serde_json::Value;

/// A value that a variable may have. The declared type is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A text; may use other variables.
    Text(String),
    /// A number, exactly as JSON holds it.
    Number(serde_json::Number),
    /// A truth value.
    Bool(bool),
}

impl Scalar {
    /// The value as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BuiltIn {
    /// `cluster.name`.
    pub cluster: ClusterName,
    /// `cluster.labels.<key>`.
    pub labels: Arc<BTreeMap<String, String>>,
    /// `bundle.name`.
    pub bundle: BundleName,
    /// `source.revision`.
    pub revision: Revision,
}

/// The variables in force for one bundle on one cluster: each with its value, or why it has none.
pub type Effective = BTreeMap<String, Result<Scalar, VariableError>>;

/// Why a variable has no value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VariableError {
    /// It uses a variable that nothing defines.
    Unknown {
        /// The name that nothing defines.
        name: String,
    },
    /// It uses itself, directly or not.
    Cycle {
        /// The names in the circle, in order of use.
        names: Vec<String>,
    },
    /// Its text has a `${` that does not begin a variable.
    Syntax {
        /// What is wrong.
        message: String,
    },
    /// Its value would be too long.
    TooLong,
}
