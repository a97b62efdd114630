//! What proves that an object is gone.

use serde_json::{Value, json};

use super::StatusBody;

fn status(code: u16, kind: &str, name: &str) -> StatusBody {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": code,
        "message": "not found", "details": {"kind": kind, "name": name},
    });
    StatusBody::read(code, &body)
}

#[test]
fn only_a_status_that_names_the_object_says_gone() {
    assert!(status(404, "secrets", "db").says_gone("secrets", "db"));
    assert!(!status(404, "namespaces", "shop").says_gone("secrets", "db"));
    assert!(!status(404, "secrets", "other").says_gone("secrets", "db"));
    assert!(!status(403, "secrets", "db").says_gone("secrets", "db"));
    let plain = StatusBody::read(404, &Value::from("404 page not found"));
    assert!(!plain.says_gone("secrets", "db"));
    assert_eq!(plain.message, "404 page not found");
}

#[test]
fn causes_are_found_by_their_reason() {
    let body = json!({
        "kind": "Status", "reason": "Timeout",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
    });
    let status = StatusBody::read(504, &body);
    assert!(status.has_cause("ResourceVersionTooLarge"));
    assert!(!status.has_cause("FieldManagerConflict"));
}
