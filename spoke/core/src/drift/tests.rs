//! Fields that drifted, and what is said of them.

use capstan_proto::drift::Values;
use serde_json::json;

use super::{author, fields, projection_digest, redacted};
use crate::managed_fields::{FieldSet, entries};

fn replicas_and_env() -> FieldSet {
    FieldSet::parse(&json!({"f:spec": {"f:replicas": {}, "f:env": {
        "k:{\"name\":\"a\"}": {".": {}, "f:value": {}}, "k:{\"name\":\"b\"}": {".": {}, "f:value": {}}}}}))
}

#[test]
fn only_our_fields_that_differ_are_named_with_both_values() {
    let live = json!({"spec": {"replicas": 5, "foreign": 1, "env": [{"name": "a", "value": "1"}]}});
    let declared = json!({"spec": {"replicas": 2, "env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}});
    let found = fields(&replicas_and_env(), &live, &declared);
    let paths: Vec<_> = found.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            ".spec.env[]",
            ".spec.env[name=\"b\"].value",
            ".spec.replicas"
        ]
    );
    assert_eq!(
        found[2].values,
        Values::Shown {
            declared: Some("2".into()),
            live: Some("5".into())
        }
    );
    assert_eq!(
        found[1].values,
        Values::Shown {
            declared: Some("\"2\"".into()),
            live: None
        }
    );
}

#[test]
fn a_changed_order_of_a_keyed_list_is_a_difference() {
    let one = json!({"spec": {"env": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]}});
    let two = json!({"spec": {"env": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}]}});
    assert_eq!(
        fields(&replicas_and_env(), &one, &two)[0].path,
        ".spec.env[]"
    );
    assert_ne!(
        projection_digest(&replicas_and_env(), &one),
        projection_digest(&replicas_and_env(), &two)
    );
}

#[test]
fn foreign_fields_do_not_change_the_digest() {
    let one = json!({"spec": {"replicas": 1}});
    let two = json!({"spec": {"replicas": 1, "foreign": true}, "status": {}});
    assert_eq!(
        projection_digest(&replicas_and_env(), &one),
        projection_digest(&replicas_and_env(), &two)
    );
}

#[test]
fn long_values_are_cut_and_long_lists_too() {
    let set = FieldSet::parse(&json!({"f:data": {"f:a": {}}}));
    let found = fields(
        &set,
        &json!({"data": {"a": "é".repeat(1_000)}}),
        &json!({"data": {"a": ""}}),
    );
    let Values::Shown { live, .. } = &found[0].values else {
        panic!("it is shown")
    };
    assert!(live.as_ref().unwrap().len() < 270);
}

#[test]
fn redacted_fields_have_only_paths() {
    let paths = replicas_and_env().without(&FieldSet::default());
    assert!(
        redacted(&paths)
            .iter()
            .all(|field| field.values == Values::Redacted)
    );
}

#[test]
fn who_holds_the_field_is_the_author_else_who_wrote_last() {
    let body = json!({"metadata": {"managedFields": [
        {"manager": "capstan", "operation": "Apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {}},
        {"manager": "early", "operation": "Update", "time": "2026-01-01T00:00:01Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "late", "operation": "Update", "time": "2026-01-01T00:00:02Z", "fieldsV1": {"f:spec": {"f:other": {}}}}]}});
    let entries = entries(&body);
    let lost =
        FieldSet::parse(&json!({"f:spec": {"f:replicas": {}}})).without(&FieldSet::default());
    assert_eq!(author(&entries, &lost).unwrap().manager, "early");
    let removed = FieldSet::parse(&json!({"f:spec": {"f:gone": {}}})).without(&FieldSet::default());
    assert_eq!(author(&entries, &removed).unwrap().manager, "late");
    assert_eq!(author(&[], &removed), None);
}
