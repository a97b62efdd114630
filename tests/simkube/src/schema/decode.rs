//! Owns decoding a document of a built-in kind: what the server's typed structs make of it.
//!
//! Unknown fields are dropped and reported, wrong types are errors with the server's text, scalars
//! become canonical, and empty values are dropped or written as the struct's tags say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::types::{Field, List, Map as MapType, Node, Part, Presence, Scalar};
use super::{go_text, quantity};

/// Which of the server's two decoders words the errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Dialect {
    /// Text to struct.
    #[default]
    Json,
    /// Object to struct, as after a merge.
    Object,
}

/// Decodes `document`: the object and the unknown fields, as the server words them.
pub(super) fn decode(
    node: Node<'_>,
    document: Value,
    dialect: Dialect,
) -> Result<(Value, Vec<String>), String> {
    let mut decoder = Decoder {
        dialect,
        ..Decoder::default()
    };
    let object = decoder.node(node, document)?;
    let unknown = decoder.unknown.iter();
    let unknown = unknown.map(|path| format!("unknown field {path:?}"));
    Ok((object, unknown.collect()))
}

/// [`decode`] for a value whose fields are known already.
pub(super) fn retype(node: Node<'_>, value: Value) -> Result<Value, String> {
    let mut decoder = Decoder {
        dialect: Dialect::Object,
        ..Decoder::default()
    };
    decoder.node(node, value)
}

/// Gives an object the form that it has after it was stored, where empty lists and maps that are
/// always written read back as null.
pub(super) fn store(node: Node<'_>, value: &mut Value) {
    match (node.ty().part_for(Some(value)), value) {
        (Part::Map(map), Value::Object(fields)) => {
            for (name, value) in fields.iter_mut() {
                let Some(id) = map.type_of(name) else {
                    continue;
                };
                let child = node.at(id);
                let always = map.fields.get(name).map(|f| f.presence) == Some(Presence::Always);
                if always && is_empty_container(child, value) {
                    *value = Value::Null;
                } else {
                    store(child, value);
                }
            }
        }
        (Part::List(list), Value::Array(items)) => {
            for item in items {
                store(node.at(list.element), item);
            }
        }
        _ => {}
    }
}

fn is_empty_container(node: Node<'_>, value: &Value) -> bool {
    match (node.ty().part_for(Some(value)), value) {
        (Part::List(_), Value::Array(items)) => items.is_empty(),
        (Part::Map(map), Value::Object(fields)) => map.fields.is_empty() && fields.is_empty(),
        _ => false,
    }
}

#[derive(Default)]
struct Decoder {
    dialect: Dialect,
    path: Vec<Step>,
    unknown: Vec<String>,
}

enum Step {
    /// A field, with the name of the struct that has it.
    Field(String, String),
    /// A key of a map.
    Key(String),
    Index(usize),
}

impl Decoder {
    fn node(&mut self, node: Node<'_>, value: Value) -> Result<Value, String> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        match node.ty().part_for(Some(&value)) {
            Part::Scalar(scalar) => self.scalar(scalar, value),
            Part::Map(map) if !map.fields.is_empty() => self.object(node, map, value),
            Part::Map(map) => self.map(node, map, value),
            Part::List(list) => self.list(node, list, value),
            Part::Nothing => Ok(value),
        }
    }

    fn object(&mut self, node: Node<'_>, map: &MapType, value: Value) -> Result<Value, String> {
        let Value::Object(mut given) = value else {
            return Err(self.mismatch(&value, node));
        };
        let owner = go_struct(node);
        let mut out = Map::new();
        for (name, field) in &map.fields {
            self.path.push(Step::Field(owner.clone(), name.clone()));
            let child = node.at(field.ty);
            let value = match given.remove(name) {
                Some(value) => self.node(child, value)?,
                None => Value::Null,
            };
            if let Some(value) = self.presence(child, field, name, value)? {
                out.insert(name.clone(), value);
            }
            self.path.pop();
        }
        for name in given.keys() {
            self.path.push(Step::Key(name.clone()));
            self.unknown.push(self.text());
            self.path.pop();
        }
        Ok(Value::Object(out))
    }

    /// What is stored for a decoded field, which is null when it was absent.
    fn presence(
        &mut self,
        node: Node<'_>,
        field: &Field,
        name: &str,
        value: Value,
    ) -> Result<Option<Value>, String> {
        let is_zero = match &value {
            Value::Null => true,
            Value::String(s) => s.is_empty(),
            Value::Number(n) => n.as_f64() == Some(0.0),
            Value::Bool(b) => !b,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
        };
        Ok(match field.presence {
            // An empty list of managed fields is a request to forget them.
            Presence::DropZero if name == "managedFields" && value.is_array() => Some(value),
            Presence::DropZero | Presence::DropZeroStruct if is_zero => None,
            Presence::DropNull if value.is_null() => None,
            Presence::Always if value.is_null() => Some(self.zero(node)?),
            _ => Some(value),
        })
    }

    fn zero(&mut self, node: Node<'_>) -> Result<Value, String> {
        Ok(match node.ty().part_for(None) {
            Part::Map(map) if !map.fields.is_empty() => self.node(node, json!({}))?,
            Part::Scalar(scalar) => match scalar {
                Scalar::String => json!(""),
                Scalar::Int32 | Scalar::Int64 | Scalar::Number | Scalar::IntOrString => json!(0),
                Scalar::Boolean => json!(false),
                Scalar::Quantity => json!("0"),
                Scalar::Bytes | Scalar::Time | Scalar::MicroTime | Scalar::Untyped => Value::Null,
            },
            Part::Map(_) | Part::List(_) | Part::Nothing => Value::Null,
        })
    }

    fn map(&mut self, node: Node<'_>, map: &MapType, value: Value) -> Result<Value, String> {
        let Value::Object(given) = value else {
            return Err(self.mismatch(&value, node));
        };
        let Some(element) = map.element else {
            return Ok(Value::Object(given));
        };
        let element = node.at(element);
        let mut out = Map::new();
        for (key, value) in given {
            self.path.push(Step::Key(key.clone()));
            let was_null = value.is_null();
            let mut value = self.node(element, value)?;
            if was_null {
                value = self.zero(element)?;
            }
            out.insert(key, value);
            self.path.pop();
        }
        Ok(Value::Object(out))
    }

    fn list(&mut self, node: Node<'_>, list: &List, value: Value) -> Result<Value, String> {
        let Value::Array(given) = value else {
            return Err(self.mismatch(&value, node));
        };
        let element = node.at(list.element);
        let mut out = Vec::with_capacity(given.len());
        for (index, value) in given.into_iter().enumerate() {
            self.path.push(Step::Index(index));
            let was_null = value.is_null();
            let mut value = self.node(element, value)?;
            if was_null {
                value = self.zero(element)?;
            }
            out.push(value);
            self.path.pop();
        }
        Ok(Value::Array(out))
    }

    fn scalar(&self, scalar: Scalar, value: Value) -> Result<Value, String> {
        match (scalar, value) {
            (Scalar::String, value @ Value::String(_))
            | (Scalar::Boolean, value @ Value::Bool(_))
            | (Scalar::Number, value @ Value::Number(_))
            | (Scalar::IntOrString, value @ Value::String(_))
            | (Scalar::Untyped, value) => Ok(value),
            (Scalar::Int32 | Scalar::IntOrString, Value::Number(n)) => {
                self.integer(&n, i64::from(i32::MIN)..=i64::from(i32::MAX), "int32")
            }
            (Scalar::Int64, Value::Number(n)) => self.integer(&n, i64::MIN..=i64::MAX, "int64"),
            (Scalar::Bytes, Value::String(text)) => bytes(&text),
            (Scalar::Time, Value::String(text)) => time(&text),
            (Scalar::MicroTime, Value::String(text)) => micro_time(&text),
            (Scalar::Quantity, Value::String(text)) => quantity::canonical(&text).map(|q| json!(q)),
            (Scalar::Quantity, Value::Number(n)) => {
                quantity::canonical(&n.to_string()).map(|q| json!(q))
            }
            (Scalar::Quantity, _) => Err(quantity::MALFORMED.to_owned()),
            (scalar, value) => Err(self.mismatch_scalar(&value, scalar)),
        }
    }

    fn integer(
        &self,
        number: &Number,
        range: std::ops::RangeInclusive<i64>,
        ty: &str,
    ) -> Result<Value, String> {
        match number.as_i64().filter(|n| range.contains(n)) {
            Some(n) => Ok(json!(n)),
            None if self.dialect == Dialect::Object => Err(format!("unrecognized type: {ty}")),
            None => Err(self.unmarshal(&format!("number {number}"), ty)),
        }
    }

    /// A value where `node` wants a struct, a map or a list.
    fn mismatch(&self, value: &Value, node: Node<'_>) -> String {
        if self.dialect == Dialect::Json {
            return self.unmarshal(json_name(value), &go_type(node));
        }
        let found = go_text::kind_name(value);
        match node.ty().part_for(None) {
            Part::List(_) => format!("cannot restore slice from {found}"),
            Part::Map(map) if map.fields.is_empty() => format!("cannot restore map from {found}"),
            _ => format!("cannot restore struct from: {found}"),
        }
    }

    fn mismatch_scalar(&self, value: &Value, scalar: Scalar) -> String {
        match self.dialect {
            Dialect::Json => self.unmarshal(json_name(value), go_scalar(scalar)),
            Dialect::Object => format!("unrecognized type: {}", go_scalar(scalar)),
        }
    }

    fn unmarshal(&self, found: &str, ty: &str) -> String {
        let owner = self.path.iter().rev().find_map(|step| match step {
            Step::Field(owner, _) => Some(owner.as_str()),
            _ => None,
        });
        let fields: Vec<&str> = self
            .path
            .iter()
            .filter_map(|step| match step {
                Step::Field(_, name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        match owner {
            Some(owner) => format!(
                "json: cannot unmarshal {found} into Go struct field {owner}.{} of type {ty}",
                fields.join(".")
            ),
            None => format!("json: cannot unmarshal {found} into Go value of type {ty}"),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Field(_, name) | Step::Key(name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

fn json_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The name of a struct without its package.
fn go_struct(node: Node<'_>) -> String {
    let name = node.ty().name.as_deref().unwrap_or_default();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

fn go_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String | Scalar::IntOrString => "string",
        Scalar::Int32 => "int32",
        Scalar::Int64 => "int64",
        Scalar::Number => "float64",
        Scalar::Boolean => "bool",
        Scalar::Bytes => "[]uint8",
        Scalar::Time | Scalar::MicroTime => "string",
        Scalar::Quantity => "resource.Quantity",
        Scalar::Untyped => "interface {}",
    }
}

fn go_type(node: Node<'_>) -> String {
    let ty = node.ty();
    if let Some(name) = &ty.name {
        let mut parts = name.rsplit('.');
        let (name, package) = (parts.next(), parts.next());
        return format!(
            "{}.{}",
            package.unwrap_or_default(),
            name.unwrap_or_default()
        );
    }
    match ty.part_for(None) {
        Part::Map(map) => match map.element {
            Some(element) => format!("map[string]{}", go_type(node.at(element))),
            None => "map[string]interface {}".to_owned(),
        },
        Part::List(list) => format!("[]{}", go_type(node.at(list.element))),
        Part::Scalar(scalar) => go_scalar(scalar).to_owned(),
        Part::Nothing => "interface {}".to_owned(),
    }
}

fn bytes(text: &str) -> Result<Value, String> {
    let clean: String = text.chars().filter(|c| *c != '\n' && *c != '\r').collect();
    match STANDARD.decode(&clean) {
        Ok(bytes) => Ok(json!(STANDARD.encode(bytes))),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                _ => clean.len() / 4 * 4,
            };
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        format!(
            "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text:?} as \"2006\""
        )
    })
}

fn time(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let time = parse_time(text)?
        .to_offset(time::UtcOffset::UTC)
        .replace_nanosecond(0)
        .map_err(|e| e.to_string())?;
    time.format(&Rfc3339)
        .map(|t| json!(t))
        .map_err(|e| e.to_string())
}

/// Microseconds are written with exactly six digits, and read only so.
fn micro_time(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let time = parse_time(text)?.to_offset(time::UtcOffset::UTC);
    let fraction = text.find('.').map_or("Z", |at| &text[at..]);
    let digits = fraction
        .chars()
        .skip(1)
        .take_while(char::is_ascii_digit)
        .count();
    if !fraction.starts_with('.') || digits != 6 {
        return Err(format!(
            "parsing time {text:?} as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \
             {fraction:?} as \".000000\""
        ));
    }
    let whole = time
        .replace_nanosecond(0)
        .ok()
        .and_then(|t| t.format(&Rfc3339).ok())
        .unwrap_or_default();
    let whole = whole.trim_end_matches('Z');
    Ok(json!(format!("{whole}.{:06}Z", time.microsecond())))
}
