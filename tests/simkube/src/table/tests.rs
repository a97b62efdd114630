//! Cells and paths of printed columns.

use serde_json::json;

use super::jsonpath::find;
use crate::kinds::Kinds;

#[test]
fn printed_columns_find_their_values() {
    let object = json!({
        "spec": {"size": 3, "a.b": "dotted"},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "x]", "status": "odd"}]},
    });
    for (path, wanted) in [
        (".spec.size", json!(3)),
        ("{.spec.size}", json!(3)),
        (".status.conditions[1].status", json!("odd")),
        (
            ".status.conditions[?(@.type==\"Ready\")].status",
            json!("True"),
        ),
        (".status.conditions[?(@.type=='x]')].status", json!("odd")),
        (".spec['a.b']", json!("dotted")),
    ] {
        assert_eq!(find(&object, path), Some(&wanted), "{path}");
    }
    assert_eq!(find(&object, ".spec.none.deeper"), None);
}

#[test]
fn a_pod_tells_its_state_in_one_word() {
    let served = Kinds::builtin().served("", "v1", "pods").unwrap();
    let state = |pod: serde_json::Value| {
        super::render(&served, &[&pod], true)["rows"][0]["cells"][2].clone()
    };
    assert_eq!(state(json!({"status": {"phase": "Running"}})), "Running");
    let pulling = json!({"status": {"phase": "Pending", "containerStatuses": [
        {"state": {"waiting": {"reason": "ErrImagePull"}}},
    ]}});
    assert_eq!(state(pulling), "ErrImagePull");
    let ending = json!({"metadata": {"deletionTimestamp": "2030-01-01T00:00:00Z"}, "status": {"phase": "Running"}});
    assert_eq!(state(ending), "Terminating");
}
