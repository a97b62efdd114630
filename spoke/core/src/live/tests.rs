//! What is read of a live object.

use serde_json::json;

use super::Observed;
use crate::kind::Kind;

#[test]
fn metadata_is_read_and_a_secret_never_keeps_more() {
    let body = json!({"kind": "Secret", "data": {"p": "hunter2"}, "metadata": {"name": "s", "namespace": "shop", "uid": "u",
        "resourceVersion": "12", "labels": {"capstan.dev/bundle": "main.web"}, "deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let seen = Observed::parse(&Kind::new("", "Secret"), body.clone(), true).unwrap();
    assert_eq!(
        (seen.resource_version, seen.full, seen.deleting),
        (12, false, true)
    );
    assert_eq!(seen.bundle_label.as_deref(), Some("main.web"));
    assert!(!format!("{seen:?}").contains("hunter2"));
    let map = Observed::parse(&Kind::new("", "ConfigMap"), body, true).unwrap();
    assert!(map.full);
}

#[test]
fn what_has_no_identity_is_no_object() {
    for body in [
        json!(null),
        json!({}),
        json!({"metadata": {"name": "a", "uid": "u"}}),
    ] {
        assert_eq!(
            Observed::parse(&Kind::new("", "ConfigMap"), body, true),
            None
        );
    }
}
