//! What bodies say.

use serde_json::json;

use super::{parse_json, parse_yaml};

#[test]
fn duplicate_fields_are_noticed_with_their_paths() {
    let text = br#"{"a": {"b": 1, "b": 2}, "c": [{"d": 1, "d": 1}], "a": {"b": 3}}"#;
    let document = parse_json(text).unwrap();
    assert_eq!(document.value, json!({"a": {"b": 3}, "c": [{"d": 1}]}));
    assert_eq!(document.duplicates, ["a.b", "c[0].d", "a"]);
}

#[test]
fn yaml_is_read_and_json_is_yaml() {
    let yaml = parse_yaml(b"a: 1\nb: [x, 'y']\nc: true\n").unwrap();
    assert_eq!(yaml.value, json!({"a": 1, "b": ["x", "y"], "c": true}));
    assert_eq!(parse_yaml(b"{\"a\": 1}").unwrap().value, json!({"a": 1}));
}

#[test]
fn broken_text_is_a_bad_request() {
    assert_eq!(parse_json(b"{").unwrap_err().code, 400);
    assert_eq!(parse_json(b"{} {}").unwrap_err().code, 400);
    assert_eq!(parse_yaml(b"a: [").unwrap_err().code, 400);
}
