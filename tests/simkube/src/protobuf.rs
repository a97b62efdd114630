//! Owns the reading of protocol buffer bodies, which typed clients send for the built-in kinds
//! (`kubectl create namespace`, `kubectl auth can-i`). Answers are always JSON, which every such
//! client accepts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The envelope of every Kubernetes protocol buffer body.
const MAGIC: &[u8] = b"k8s\0";
/// Messages nest less than this in every kind.
const DEPTH_MAX: usize = 32;

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtobufError {
    #[error("the body does not start with the Kubernetes protobuf prefix")]
    Prefix,
    #[error("the body ends too early or is not protobuf")]
    Malformed,
    #[error("there is no protobuf form of this kind")]
    UnknownKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Once,
    Optional,
    List,
    Map,
    Inline,
}

#[derive(Debug, Clone)]
enum Kind {
    Text,
    Bytes,
    Integer,
    Boolean,
    Float,
    Quantity,
    Time { micro: bool },
    IntOrText,
    Raw,
    Duration,
    Message(String),
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    label: Label,
    kind: Kind,
}

type Messages = BTreeMap<String, BTreeMap<u64, Field>>;

static MESSAGES: LazyLock<Messages> = LazyLock::new(|| {
    include_str!("protobuf/messages.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?;
            Some((name.to_owned(), words.filter_map(field).collect()))
        })
        .collect()
});

fn field(text: &str) -> Option<(u64, Field)> {
    let (name, rest) = text.split_once('=')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let number = rest[..digits].parse().ok()?;
    let (label, kind) = match rest[digits..].split_at(1) {
        ("?", kind) => (Label::Optional, kind),
        ("*", kind) => (Label::List, kind),
        ("%", kind) => (Label::Map, kind),
        ("!", kind) => (Label::Inline, kind),
        _ => (Label::Once, &rest[digits..]),
    };
    let kind = match kind.split_at(1) {
        ("s", _) => Kind::Text,
        ("b", _) => Kind::Bytes,
        ("i", _) => Kind::Integer,
        ("t", _) => Kind::Boolean,
        ("d", _) => Kind::Float,
        ("Q", _) => Kind::Quantity,
        ("T", _) => Kind::Time { micro: false },
        ("U", _) => Kind::Time { micro: true },
        ("X", _) => Kind::IntOrText,
        ("F" | "R", _) => Kind::Raw,
        ("D", _) => Kind::Duration,
        (":", message) => Kind::Message(message.to_owned()),
        _ => return None,
    };
    Some((
        number,
        Field {
            name: name.to_owned(),
            label,
            kind,
        },
    ))
}

/// Reads a body into the JSON form of its object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Prefix)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for entry in entries(envelope)? {
        match (entry.number, entry.payload) {
            (1, Payload::Bytes(type_meta)) => {
                for entry in entries(type_meta)? {
                    match (entry.number, entry.payload) {
                        (1, Payload::Bytes(text)) => api_version = text_of(text),
                        (2, Payload::Bytes(text)) => kind = text_of(text),
                        _ => {}
                    }
                }
            }
            (2, Payload::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let group_version = match api_version.as_str() {
        "v1" if kind == "DeleteOptions" => "meta/v1".to_owned(),
        "v1" => "core/v1".to_owned(),
        other => other
            .replacen(".k8s.io", "", 1)
            .replacen(".authorization/", "/", 1),
    };
    let message = format!("{group_version}.{kind}");
    if !MESSAGES.contains_key(&message) {
        return Err(ProtobufError::UnknownKind);
    }
    let mut object = decode(&message, raw, 0)?;
    let root = crate::object::root_mut(&mut object);
    root.insert("apiVersion".into(), Value::String(api_version));
    root.insert("kind".into(), Value::String(kind));
    Ok(object)
}

enum Payload<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Entry<'a> {
    number: u64,
    payload: Payload<'a>,
}

/// Splits a message into its fields.
fn entries(mut bytes: &[u8]) -> Result<Vec<Entry<'_>>, ProtobufError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let payload = match tag & 7 {
            0 => Payload::Number(varint(&mut bytes)?),
            1 => Payload::Number(u64::from_le_bytes(fixed(&mut bytes)?)),
            2 => {
                let length =
                    usize::try_from(varint(&mut bytes)?).map_err(|_| ProtobufError::Malformed)?;
                let (head, tail) = bytes
                    .split_at_checked(length)
                    .ok_or(ProtobufError::Malformed)?;
                bytes = tail;
                Payload::Bytes(head)
            }
            5 => Payload::Number(u64::from(u32::from_le_bytes(fixed(&mut bytes)?))),
            _ => return Err(ProtobufError::Malformed),
        };
        entries.push(Entry {
            number: tag >> 3,
            payload,
        });
    }
    Ok(entries)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ProtobufError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(ProtobufError::Malformed)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ProtobufError::Malformed)
}

fn fixed<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], ProtobufError> {
    let (head, rest) = bytes
        .split_first_chunk::<N>()
        .ok_or(ProtobufError::Malformed)?;
    *bytes = rest;
    Ok(*head)
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn decode(message: &str, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    if depth > DEPTH_MAX {
        return Err(ProtobufError::Malformed);
    }
    let fields = MESSAGES.get(message).ok_or(ProtobufError::UnknownKind)?;
    let mut map = Map::new();
    for entry in entries(bytes)? {
        let Some(field) = fields.get(&entry.number) else {
            continue;
        };
        match field.label {
            Label::Map => {
                let Payload::Bytes(pair) = entry.payload else {
                    return Err(ProtobufError::Malformed);
                };
                let (key, value) = map_entry(&field.kind, pair, depth)?;
                crate::object::child_mut(&mut map, &field.name).insert(key, value);
            }
            Label::List => {
                let item = scalar(&field.kind, &entry.payload, depth)?;
                let list = map.entry(field.name.as_str()).or_insert_with(|| json!([]));
                if let Some(items) = list.as_array_mut() {
                    items.push(item);
                }
            }
            Label::Inline => {
                if let Value::Object(inner) = scalar(&field.kind, &entry.payload, depth)? {
                    map.extend(inner);
                }
            }
            Label::Optional => {
                let value = scalar(&field.kind, &entry.payload, depth)?;
                map.insert(field.name.clone(), value);
            }
            Label::Once => {
                let value = scalar(&field.kind, &entry.payload, depth)?;
                if !is_zero(&value) {
                    map.insert(field.name.clone(), value);
                }
            }
        }
    }
    // These two are lists in JSON.
    if message.ends_with(".ExtraValue") {
        return Ok(map.remove("items").unwrap_or_else(|| json!([])));
    }
    Ok(Value::Object(map))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

fn map_entry(kind: &Kind, pair: &[u8], depth: usize) -> Result<(String, Value), ProtobufError> {
    let mut key = String::new();
    let mut value = match kind {
        Kind::Text | Kind::Bytes => json!(""),
        _ => Value::Null,
    };
    for entry in entries(pair)? {
        match (entry.number, &entry.payload) {
            (1, Payload::Bytes(text)) => key = text_of(text),
            (2, payload) => value = scalar(kind, payload, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn scalar(kind: &Kind, payload: &Payload<'_>, depth: usize) -> Result<Value, ProtobufError> {
    match (kind, payload) {
        (Kind::Text, Payload::Bytes(bytes)) => Ok(json!(text_of(bytes))),
        (Kind::Bytes, Payload::Bytes(bytes)) => Ok(json!(STANDARD.encode(bytes))),
        (Kind::Integer, Payload::Number(number)) => Ok(json!(number.cast_signed())),
        (Kind::Boolean, Payload::Number(number)) => Ok(json!(*number != 0)),
        (Kind::Float, Payload::Number(number)) => Ok(json!(f64::from_bits(*number))),
        (Kind::Quantity, Payload::Bytes(bytes)) => Ok(json!(first_text(bytes)?)),
        (Kind::Time { micro }, Payload::Bytes(bytes)) => moment(bytes, *micro),
        (Kind::IntOrText, Payload::Bytes(bytes)) => int_or_text(bytes),
        (Kind::Raw, Payload::Bytes(bytes)) => {
            let raw = first_text(bytes)?;
            serde_json::from_str(&raw).map_err(|_| ProtobufError::Malformed)
        }
        (Kind::Duration, Payload::Bytes(bytes)) => {
            let nanoseconds = number_of(bytes, 1)?;
            Ok(json!(format!("{}ns", nanoseconds.cast_signed())))
        }
        (Kind::Message(message), Payload::Bytes(bytes)) => decode(message, bytes, depth + 1),
        _ => Err(ProtobufError::Malformed),
    }
}

fn first_text(bytes: &[u8]) -> Result<String, ProtobufError> {
    for entry in entries(bytes)? {
        if let (1, Payload::Bytes(text)) = (entry.number, entry.payload) {
            return Ok(text_of(text));
        }
    }
    Ok(String::new())
}

fn number_of(bytes: &[u8], wanted: u64) -> Result<u64, ProtobufError> {
    for entry in entries(bytes)? {
        if let Payload::Number(number) = entry.payload
            && entry.number == wanted
        {
            return Ok(number);
        }
    }
    Ok(0)
}

/// A moment; the zero one, which typed clients send for "never", is null.
fn moment(bytes: &[u8], micro: bool) -> Result<Value, ProtobufError> {
    let seconds = number_of(bytes, 1)?.cast_signed();
    if bytes.is_empty() || seconds <= 0 {
        return Ok(Value::Null);
    }
    let moment =
        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| ProtobufError::Malformed)?;
    if micro {
        let microseconds = number_of(bytes, 2)? / 1000;
        let text = crate::clock::from_unix(seconds);
        return Ok(json!(format!(
            "{}.{microseconds:06}Z",
            text.trim_end_matches('Z')
        )));
    }
    moment
        .format(&Rfc3339)
        .map(Value::String)
        .map_err(|_| ProtobufError::Malformed)
}

fn int_or_text(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let mut text = String::new();
    for entry in entries(bytes)? {
        if let (3, Payload::Bytes(bytes)) = (entry.number, entry.payload) {
            text = text_of(bytes);
        }
    }
    if number_of(bytes, 1)? == 1 {
        return Ok(Value::String(text));
    }
    Ok(json!(number_of(bytes, 2)?.cast_signed()))
}

#[cfg(test)]
mod tests;
