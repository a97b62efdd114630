//! Owns the OpenAPI version 2 document. `kubectl` falls back to it for kinds that it does not find
//! in version 3, and then only asks whether the server validates fields itself; that one answer,
//! told of Namespaces, is all that is in here.

use http::HeaderMap;
use serde_json::json;

use crate::discovery;
use crate::http::reply::Reply;

const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const PATH: &str = "/api/v1/namespaces/{name}";
const EXTENSION: &str = "x-kubernetes-group-version-kind";
const PARAMETERS: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "force"];

/// The document, in the form that the client asked for.
pub(super) fn answer(headers: &HeaderMap) -> Reply {
    let accept = headers
        .get(http::header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("protobuf")) {
        return discovery::tagged(headers, PROTOBUF, protobuf());
    }
    let parameters: Vec<_> = PARAMETERS
        .iter()
        .map(|name| json!({"name": name, "in": "query", "type": "string"}))
        .collect();
    let document = json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": {PATH: {"patch": {
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            EXTENSION: {"group": "", "kind": "Namespace", "version": "v1"},
        }}},
        "definitions": {},
    });
    discovery::tagged(
        headers,
        "application/json",
        document.to_string().into_bytes(),
    )
}

/// The same as a `gnostic` Document message; the numbers are those of its published definition.
fn protobuf() -> Vec<u8> {
    let info = [text(1, "Kubernetes"), text(2, "v1.36.0")].concat();
    let mut patch = Vec::new();
    for name in PARAMETERS {
        let query = [text(2, "query"), text(4, name)].concat();
        // ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema
        let item = field(1, &field(2, &field(3, &query)));
        patch.extend(field(8, &item));
    }
    let kind = text(2, "group: \"\"\nkind: Namespace\nversion: v1\n");
    let extension = [text(1, EXTENSION), field(2, &kind)].concat();
    patch.extend(field(13, &extension));
    let item = [text(1, PATH), field(2, &field(8, &patch))].concat();
    let paths = field(2, &item);
    [text(1, "2.0"), field(2, &info), field(8, &paths)].concat()
}

fn text(number: u32, text: &str) -> Vec<u8> {
    field(number, text.as_bytes())
}

/// A length-delimited field.
fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 4);
    varint(&mut out, u64::from(number << 3 | 2));
    varint(&mut out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
