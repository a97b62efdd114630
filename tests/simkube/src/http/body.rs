//! Owns reading a request's body: its size limit, its media type, and which fields it names twice.

use std::cell::RefCell;
use std::fmt;

use http::HeaderMap;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::protobuf;
use crate::status::{ApiError, Result};

/// Larger bodies are refused, as by the real server.
const BYTES_MAX: usize = 3 * 1024 * 1024;

/// A parsed body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    pub(crate) value: Value,
    /// Paths of fields that the text names more than once; the last one counts.
    pub(crate) duplicates: Vec<String>,
}

/// Reads the whole body.
pub(crate) async fn read(body: Incoming) -> Result<Bytes> {
    match Limited::new(body, BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("Request entity too large: limit is {BYTES_MAX}");
            Err(ApiError::new(413, "RequestEntityTooLarge", message))
        }
        Err(error) => Err(ApiError::bad_request(format!(
            "cannot read the body: {error}"
        ))),
    }
}

/// The media type of a body without its parameters; JSON when it says nothing.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let text = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media = text
        .unwrap_or("application/json")
        .split(';')
        .next()
        .unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// Parses a body of a create, an update or a delete.
pub(crate) fn parse(headers: &HeaderMap, bytes: &[u8]) -> Result<Document> {
    match media_type(headers).as_str() {
        "application/json" | "*/*" => parse_json(bytes),
        "application/yaml" => parse_yaml(bytes),
        "application/vnd.kubernetes.protobuf" => {
            let value =
                protobuf::parse(bytes).map_err(|error| ApiError::bad_request(error.to_string()))?;
            Ok(Document {
                value,
                duplicates: Vec::new(),
            })
        }
        other => Err(ApiError::unsupported_media_type(
            other,
            &[
                "application/json",
                "application/yaml",
                "application/vnd.kubernetes.protobuf",
            ],
        )),
    }
}

/// Parses JSON and notices duplicate fields.
pub(crate) fn parse_json(bytes: &[u8]) -> Result<Document> {
    let duplicates = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Noticing {
        path: String::new(),
        duplicates: &duplicates,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value))
    .map_err(|error| {
        ApiError::bad_request(format!(
            "couldn't get version/kind; json parse error: {error}"
        ))
    })?;
    Ok(Document {
        value,
        duplicates: duplicates.into_inner(),
    })
}

/// Parses YAML, of which JSON is a part.
pub(crate) fn parse_yaml(bytes: &[u8]) -> Result<Document> {
    if let Ok(document) = parse_json(bytes) {
        return Ok(document);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?;
    let value = serde_saphyr::from_str::<Value>(text)
        .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")))?;
    Ok(Document {
        value,
        duplicates: Vec::new(),
    })
}

/// Builds a `Value` and remembers the paths of duplicate fields.
struct Noticing<'a> {
    path: String,
    duplicates: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Noticing<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Noticing<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let path = format!("{}[{}]", self.path, items.len());
            match access.next_element_seed(Noticing {
                path,
                duplicates: self.duplicates,
            })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let path = if self.path.is_empty() {
                key.clone()
            } else {
                format!("{}.{key}", self.path)
            };
            let seed = Noticing {
                path: path.clone(),
                duplicates: self.duplicates,
            };
            let value = access.next_value_seed(seed)?;
            if map.insert(key, value).is_some() {
                self.duplicates.borrow_mut().push(path);
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests;
