//! Canonical bytes of JSON values, and what of a Kubernetes object they cover.
//!
//! Format: RFC 8785 (JSON Canonicalization Scheme) with two differences that Kubernetes objects
//! need: keys are sorted by their UTF-8 bytes (RFC 8785 sorts UTF-16 code units; they differ only
//! above U+FFFF), and integers are written exactly (RFC 8785 rounds them to doubles).

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::digest::Digest;

/// Metadata that an API server owns; never part of what is declared.
pub const SERVER_OWNED_METADATA: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The canonical bytes of a JSON value.
#[must_use]
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_value(&mut out, value);
    out.into_bytes()
}

/// A manifest without `status` and without metadata that an API server owns.
#[must_use]
pub fn declared(mut manifest: Value) -> Value {
    if let Some(object) = manifest.as_object_mut() {
        object.remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in SERVER_OWNED_METADATA {
                metadata.remove(field);
            }
        }
    }
    manifest
}

/// The digest of a manifest's canonical bytes. The manifest must be [`declared`] already.
#[must_use]
pub fn digest(manifest: &Value) -> Digest {
    Digest::of(&to_bytes(manifest))
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(out, members),
    }
}

fn write_object(out: &mut String, members: &Map<String, Value>) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    out.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

/// RFC 8785, section 3.2.2.2: only `"`, `\` and control characters are escaped.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_number(out: &mut String, number: &serde_json::Number) {
    if number.is_i64() || number.is_u64() {
        write!(out, "{number}").expect("writing to a string cannot fail");
        return;
    }
    let float = number
        .as_f64()
        .expect("a JSON number is an integer or a double");
    write_float(out, float);
}

/// ECMAScript's Number::toString, which RFC 8785, section 3.2.2.3, prescribes.
fn write_float(out: &mut String, float: f64) {
    if float == 0.0 {
        out.push('0');
        return;
    }
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("{:e} always writes an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} writes a decimal exponent");
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if float < 0.0 {
        out.push('-');
    }
    let count = i32::try_from(digits.len()).expect("a double has at most 17 digits");
    let point = exponent + 1;
    match point {
        point if count <= point && point <= 21 => {
            out.push_str(&digits);
            (count..point).for_each(|_| out.push('0'));
        }
        point if 0 < point && point <= 21 => {
            let split = usize::try_from(point).expect("the guard says it is positive");
            out.push_str(&digits[..split]);
            out.push('.');
            out.push_str(&digits[split..]);
        }
        point if -6 < point && point <= 0 => {
            out.push_str("0.");
            (point..0).for_each(|_| out.push('0'));
            out.push_str(&digits);
        }
        _ => {
            out.push_str(&digits[..1]);
            if digits.len() > 1 {
                out.push('.');
                out.push_str(&digits[1..]);
            }
            write!(out, "e{exponent:+}").expect("writing to a string cannot fail");
        }
    }
}

#[cfg(test)]
mod tests;
