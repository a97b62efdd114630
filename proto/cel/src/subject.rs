//! Who answers what an expression asks, and with what.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

use crate::environment::Path;

/// What an expression is asked of: a cluster, a live object.
pub trait Subject {
    /// What there is at a path of the environment that the expression was read with.
    fn ask(&self, path: Path) -> Answer<'_>;
}

/// What there is.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// A string.
    Text(&'a str),
    /// A map of strings.
    Texts(&'a BTreeMap<String, String>),
    /// A map whose values are made when they are asked for.
    Map(&'a dyn Map),
    /// Any value.
    Json(&'a Json),
    /// It is not known now; what hangs on it is not known either.
    Unknown,
}

/// A map whose values are made when they are asked for.
pub trait Map: fmt::Debug {
    /// How many keys it has.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its keys in order.
    fn keys(&self) -> Box<dyn Iterator<Item = &str> + '_>;

    /// Whether it has a key.
    fn has(&self, key: &str) -> bool;

    /// What it has under a key, or why that has no value now; `None` where it lacks the key.
    fn get(&self, key: &str) -> Option<Result<Scalar<'_>, String>>;
}

/// A value of such a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// A string.
    Text(&'a str),
}
