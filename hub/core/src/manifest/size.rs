//! How large a bundle may be on one cluster, all objects together.

use serde_json::Value;

use crate::limits::{BUNDLE_BYTES_MAX, BUNDLE_OBJECTS_MAX};
use crate::problem::{Code, Place, Problem};

/// What is left of the room that a bundle has.
pub(super) struct Room {
    objects: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            objects: BUNDLE_OBJECTS_MAX,
            bytes: BUNDLE_BYTES_MAX,
        }
    }

    /// Takes the room of an object of so many bytes.
    ///
    /// # Errors
    /// When there is not so much left; `at` is where the bundle says what it is.
    pub(super) fn take(&mut self, bytes: usize, at: &Place) -> Result<(), Problem> {
        let Some(objects) = self.objects.checked_sub(1) else {
            let message = format!("the bundle has more than {BUNDLE_OBJECTS_MAX} objects");
            return Err(too_much(at, message));
        };
        let Some(bytes) = self.bytes.checked_sub(bytes) else {
            let message = format!("the bundle's objects have more than {BUNDLE_BYTES_MAX} bytes");
            return Err(too_much(at, message));
        };
        *self = Self { objects, bytes };
        Ok(())
    }
}

/// What is done about a bundle that is too large.
pub(super) const HINT: &str = "make several bundles of it";

fn too_much(at: &Place, message: String) -> Problem {
    Problem::error(at, Code::TooMuch, message).hint(HINT)
}

/// The file with which the files of a directory are too many bytes, and that in words.
pub(super) fn too_many_bytes<'a>(
    mut files: impl Iterator<Item = (&'a str, usize)>,
    directory: &str,
) -> Option<(&'a str, String)> {
    let max = BUNDLE_BYTES_MAX;
    let mut sum = 0;
    let (path, _) = files.find(|(_, bytes)| {
        sum += bytes;
        sum > max
    })?;
    let message = format!("with this file, `{directory}` has more than {max} bytes of manifests");
    Some((path, message))
}

/// How many bytes a value takes at least, without writing it.
pub(super) fn least_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(least_bytes).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| key.len() + least_bytes(value))
            .sum(),
    }
}
