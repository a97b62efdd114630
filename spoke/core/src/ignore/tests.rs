//! What is left out of a body, and when.

use capstan_proto::ObjectKey;
use capstan_proto::policy::IgnoreRule;
use serde_json::{Value, json};

use super::Rules;
use crate::managed_fields::{Entry, entries};

fn web() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}}})
}

fn owned(manager: &str, fields: &Value) -> Vec<Entry> {
    entries(
        &json!({"metadata": {"managedFields": [{"manager": manager, "operation": "Update", "fieldsV1": fields}]}}),
    )
}

fn rule(fields: &[&str], managers: &[&str]) -> IgnoreRule {
    let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    IgnoreRule {
        fields: texts(fields),
        managers: texts(managers),
        ..IgnoreRule::default()
    }
}

fn effective(rules: &[IgnoreRule], manifest: Value, owners: &[Entry], scaled: bool) -> Value {
    let key = ObjectKey::of(&manifest).unwrap();
    Rules::of(rules, &key, &manifest, scaled).effective(manifest, owners)
}

#[test]
fn an_ignored_field_is_left_out_only_once_another_owns_it() {
    let rules = [rule(&["spec.replicas"], &[])];
    let owners = owned("scaler", &json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(effective(&rules, web(), &[], false), web());
    assert_eq!(
        effective(&rules, web(), &owners, false).pointer("/spec/replicas"),
        None
    );
    assert_eq!(effective(&[], web(), &owners, false), web());
}

#[test]
fn a_rule_may_mean_one_manager_only() {
    let rules = [rule(&["spec.replicas"], &["scaler"])];
    let fields = json!({"f:spec": {"f:replicas": {}}});
    assert_eq!(
        effective(&rules, web(), &owned("kubectl", &fields), false),
        web()
    );
    assert_ne!(
        effective(&rules, web(), &owned("scaler", &fields), false),
        web()
    );
}

#[test]
fn a_rule_without_fields_leaves_a_manager_everything_it_took() {
    let rules = [rule(&[], &["injector"])];
    let fields = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}});
    let left = effective(&rules, web(), &owned("injector", &fields), false);
    assert_eq!(
        left["spec"]["template"]["spec"]["containers"],
        json!([{"name": "a", "image": "x"}, {"name": "b"}])
    );
    assert_eq!(left.pointer("/spec/replicas"), None);
}

#[test]
fn items_of_a_list_are_meant_by_name_or_all_of_them() {
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"a\"}": {"f:image": {}}, "k:{\"name\":\"b\"}": {"f:image": {}}}}}}});
    let owners = owned("updater", &fields);
    let images = |rules: &[IgnoreRule]| {
        let left = effective(rules, web(), &owners, false);
        let containers = left["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .clone();
        containers
            .iter()
            .map(|c| c.get("image").is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        images(&[rule(&["spec.template.spec.containers[*].image"], &[])]),
        [false, false]
    );
    assert_eq!(
        images(&[rule(&["spec.template.spec.containers[name=b].image"], &[])]),
        [true, false]
    );
}

#[test]
fn keys_with_dots_are_written_in_brackets() {
    let mut manifest = web();
    manifest["metadata"]["annotations"] = json!({"a.b/c": "1", "d": "2"});
    let owners = owned(
        "x",
        &json!({"f:metadata": {"f:annotations": {"f:a.b/c": {}}}}),
    );
    let left = effective(
        &[rule(&["metadata.annotations[\"a.b/c\"]"], &[])],
        manifest,
        &owners,
        false,
    );
    assert_eq!(left["metadata"]["annotations"], json!({"d": "2"}));
}

#[test]
fn replicas_belong_to_an_autoscaler_that_the_snapshot_has() {
    let owners = owned(
        "kube-controller-manager",
        &json!({"f:spec": {"f:replicas": {}}}),
    );
    assert_eq!(
        effective(&[], web(), &owners, true).pointer("/spec/replicas"),
        None
    );
    assert_eq!(effective(&[], web(), &[], true), web());
}

#[test]
fn an_injected_certificate_is_left_alone() {
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "h"},
        "webhooks": [{"name": "w", "clientConfig": {"caBundle": "e30=", "url": "https://x"}}]});
    let owners = owned(
        "injector",
        &json!({"f:webhooks": {"k:{\"name\":\"w\"}": {"f:clientConfig": {"f:caBundle": {}}}}}),
    );
    let left = effective(&[], hook, &owners, false);
    assert_eq!(
        left["webhooks"][0]["clientConfig"],
        json!({"url": "https://x"})
    );
}

#[test]
fn status_is_never_applied() {
    let mut manifest = web();
    manifest["status"] = json!({"replicas": 1});
    assert_eq!(effective(&[], manifest, &[], false), web());
}

#[test]
fn a_rule_for_another_object_means_nothing_and_one_without_limits_means_everything() {
    let other = IgnoreRule {
        kind: Some("Service".into()),
        ..rule(&[], &[])
    };
    let key = ObjectKey::of(&web()).unwrap();
    assert_eq!(Rules::of(&[other], &key, &web(), false), Rules::default());
    assert!(Rules::of(&[IgnoreRule::default()], &key, &web(), false).ignores_everything());
}
