//! Tests of object keys.

use serde_json::json;

use super::*;

#[test]
fn a_key_is_read_from_a_manifest_and_written_for_people() {
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}});
    assert_eq!(
        ObjectKey::of(&deployment).unwrap().to_string(),
        "Deployment.apps shop/web"
    );
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    assert_eq!(
        ObjectKey::of(&namespace).unwrap().to_string(),
        "Namespace shop"
    );
}

#[test]
fn what_has_no_name_has_no_key() {
    assert_eq!(
        ObjectKey::of(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ""}})),
        None
    );
    assert_eq!(
        ObjectKey::of(&json!({"kind": "Pod", "metadata": {"name": "a"}})),
        None
    );
    assert_eq!(ObjectKey::of(&json!([])), None);
}
