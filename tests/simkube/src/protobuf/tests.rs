//! Bodies of typed clients.

use serde_json::json;

use super::{ProtobufError, parse};

/// A length-delimited field of a short message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    out.extend_from_slice(bytes);
    out
}

fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
    let meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
    [b"k8s\0".to_vec(), field(1, &meta), field(2, raw)].concat()
}

#[test]
fn maps_bytes_and_absent_fields_are_read() {
    let metadata = [
        field(1, b"a"),
        field(11, &[field(1, b"k"), field(2, b"v")].concat()),
    ]
    .concat();
    let data = field(2, &[field(1, b"p"), field(2, b"\x01\x02")].concat());
    let raw = [field(1, &metadata), data, field(3, b"Opaque")].concat();
    assert_eq!(
        parse(&body("v1", "Secret", &raw)).unwrap(),
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "a", "labels": {"k": "v"}},
            "data": {"p": "AQI="}, "type": "Opaque",
        })
    );
}

#[test]
fn a_set_zero_is_told_apart_from_an_absent_one() {
    // DeploymentSpec.replicas = 0, paused = false
    let spec = [0x08, 0x00, 0x38, 0x00];
    let object = parse(&body("apps/v1", "Deployment", &field(2, &spec))).unwrap();
    assert_eq!(object["spec"], json!({"replicas": 0}));
}

#[test]
fn what_cannot_be_read_is_refused() {
    assert_eq!(parse(b"{}"), Err(ProtobufError::Prefix));
    assert_eq!(
        parse(&body("v1", "Nonsense", b"")),
        Err(ProtobufError::UnknownKind)
    );
    assert_eq!(
        parse(&body("v1", "Secret", b"\x0a\x7f")),
        Err(ProtobufError::Malformed)
    );
}
