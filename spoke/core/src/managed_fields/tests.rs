//! Field sets: reading, comparing, projecting.

use serde_json::{Value, json};

use super::{FieldSet, entries, our_hash, ours, taker, written};

fn set(fields: &Value) -> FieldSet {
    FieldSet::parse(fields)
}

fn web() -> Value {
    json!({"f:spec": {
        "f:replicas": {},
        "f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}
        }}}
    }})
}

fn live() -> Value {
    json!({"spec": {"replicas": 2, "template": {"spec": {"containers": [
        {"name": "side", "image": "s"},
        {"name": "web", "image": "w:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}}})
}

#[test]
fn paths_are_written_as_the_server_writes_them() {
    let paths = set(&web()).without(&FieldSet::default());
    let written: Vec<_> = paths.iter().map(|path| written(path)).collect();
    assert_eq!(
        written,
        [
            ".spec.replicas",
            ".spec.template.spec.containers[name=\"web\"]",
            ".spec.template.spec.containers[name=\"web\"].image",
            ".spec.template.spec.containers[name=\"web\"].name",
            ".spec.template.spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"]",
            ".spec.template.spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"].containerPort",
        ]
    );
}

#[test]
fn a_lost_field_is_the_difference_of_two_sets() {
    let mut after = web();
    after["f:spec"]
        .as_object_mut()
        .unwrap()
        .remove("f:replicas");
    let lost = set(&web()).without(&set(&after));
    assert_eq!(lost.len(), 1);
    assert_eq!(written(&lost[0]), ".spec.replicas");
    assert!(set(&after).without(&set(&web())).is_empty());
}

#[test]
fn a_projection_shows_only_our_fields_and_notices_order() {
    let fields = json!({"f:env": {"k:{\"name\":\"a\"}": {"f:value": {}}, "k:{\"name\":\"b\"}": {"f:value": {}}}});
    let one =
        json!({"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}, {"name": "c"}]});
    let other = json!({"env": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}]});
    assert_eq!(
        set(&fields).project(&one)[".env[name=\"a\"].value"],
        json!("1")
    );
    assert_ne!(set(&fields).project(&one), set(&fields).project(&other));
    assert!(
        !set(&web())
            .project(&live())
            .values()
            .any(|value| value == "s")
    );
}

#[test]
fn a_declaration_is_covered_whatever_defaults_it_leaves_out() {
    let declared = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {}},
        "spec": {"replicas": 2, "paused": null, "template": {"spec": {"containers": [
            {"name": "web", "image": "w:1", "ports": [{"containerPort": 80}]}]}}}});
    assert!(set(&web()).covers_manifest(&declared));
    let mut after = web();
    after["f:spec"]
        .as_object_mut()
        .unwrap()
        .remove("f:replicas");
    assert!(!set(&after).covers_manifest(&declared));
    let mut more = declared;
    more["metadata"]["labels"] = json!({"a": "b"});
    assert!(!set(&web()).covers_manifest(&more));
}

#[test]
fn an_atomic_field_covers_what_is_below() {
    let fields = set(&json!({"f:spec": {"f:selector": {}}}));
    assert!(fields.covers_manifest(&json!({"spec": {"selector": {"matchLabels": {"a": "b"}}}})));
}

#[test]
fn the_taker_is_who_holds_the_field_now() {
    let body = json!({"metadata": {"managedFields": [
        {"manager": "capstan", "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {}}},
        {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-01-01T00:01:00Z",
         "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
         "time": "2026-01-01T00:02:00Z", "fieldsV1": {"f:status": {}}}]}});
    let all = entries(&body);
    let path = set(&web()).without(&FieldSet::default()).remove(0);
    let by = taker(&all, &path).unwrap();
    assert_eq!(
        (by.manager.as_str(), by.operation.as_str()),
        ("kubectl", "Update")
    );
}

#[test]
fn an_update_under_our_name_is_not_our_entry() {
    let body = json!({"metadata": {"managedFields": [
        {"manager": "capstan", "operation": "Update", "fieldsV1": {"f:spec": {}}}]}});
    assert_eq!((ours(&body), our_hash(&body)), (None, None));
}

#[test]
fn the_hash_does_not_see_the_order_of_keys() {
    let entry = |fields: &str| {
        let fields: Value = serde_json::from_str(fields).unwrap();
        json!({"metadata": {"managedFields": [
            {"manager": "capstan", "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields}]}})
    };
    let one = our_hash(&entry(r#"{"f:a": {}, "f:b": {}}"#));
    assert_eq!(one, our_hash(&entry(r#"{"f:b": {}, "f:a": {}}"#)));
    assert_ne!(one, our_hash(&entry(r#"{"f:a": {}}"#)));
    assert!(one.is_some());
}

#[test]
fn nonsense_is_an_empty_list() {
    assert!(
        entries(&json!({"metadata": {"managedFields": [{}]}}))
            .iter()
            .all(|entry| entry.fields.is_empty())
    );
    assert!(set(&json!({"x": {}, "k:nonsense": {}})).is_empty());
    assert_eq!(entries(&json!(null)), []);
}

#[test]
fn a_path_of_a_conflict_is_looked_up_in_a_declaration() {
    let declared = json!({"metadata": {"labels": {"a.b/c": "1"}}, "spec": {"replicas": 1, "ports": [{"port": 80, "targetPort": 8080}],
        "finalizers": ["x"], "template": {"spec": {"containers": [{"name": "web", "image": "w"}]}}}});
    for path in [
        ".spec.replicas",
        ".spec.template.spec.containers[name=\"web\"].image",
        ".spec.ports[port=80,protocol=\"TCP\"].targetPort",
        ".metadata.labels.a.b/c",
        ".spec.finalizers[=\"x\"]",
    ] {
        assert!(super::declares(&declared, path), "{path}");
    }
    for path in [
        ".spec.paused",
        ".spec.template.spec.containers[name=\"db\"].image",
        ".spec.ports[port=81]",
        "nonsense[",
    ] {
        assert!(!super::declares(&declared, path), "{path}");
    }
}

#[test]
fn a_filtered_set_does_not_stand_for_what_was_filtered() {
    use super::Step;
    let all = set(&web());
    let path = [Step::Field("spec".into()), Step::Field("replicas".into())];
    let without = all.filter(&|at| at != path);
    assert!(all.covers(&path) && !without.covers(&path));
    assert!(without.touches(&[Step::Field("spec".into())]));
}
