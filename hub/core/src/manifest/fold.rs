//! `stringData` folded into `data`, so that it never reaches an apply.
//!
//! A server folds it too, but keeps no record of who owns what came of it: a foreign change would
//! go unseen, and a key dropped from the file would leave the password live.

use serde_json::{Map, Value};

/// Folds a Secret's `stringData`; anything else is left alone.
pub(super) fn string_data(manifest: &mut Value) {
    let is = |key: &str, text: &str| manifest.get(key).and_then(Value::as_str) == Some(text);
    if !is("apiVersion", "v1") || !is("kind", "Secret") {
        return;
    }
    let Some(secret) = manifest.as_object_mut() else {
        return;
    };
    let Some(Value::Object(plain)) = secret.remove("stringData") else {
        return;
    };
    let data = secret
        .entry("data")
        .or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    let Some(data) = data.as_object_mut() else {
        return;
    };
    for (key, value) in plain {
        let text = value.as_str().unwrap_or_default();
        data.insert(key, Value::String(base64(text.as_bytes())));
    }
}

/// RFC 4648, section 4, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for position in 0..4 {
            if position <= chunk.len() {
                let digit = group >> (18 - 6 * position) & 0x3f;
                let index = usize::try_from(digit).expect("six bits");
                out.push(char::from(ALPHABET[index]));
            } else {
                out.push('=');
            }
        }
    }
    out
}
