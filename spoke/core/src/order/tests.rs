//! The order of work.

use capstan_proto::ObjectKey;
use serde_json::{Value, json};

use super::rank;

fn manifest(api_version: &str, kind: &str, annotations: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "annotations": annotations}})
}

#[test]
fn what_others_live_in_comes_first_and_what_intercepts_comes_last() {
    let kinds = [
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ("v1", "ConfigMap"),
        ("apps/v1", "Deployment"),
        ("shop.example/v1", "Basket"),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
        ),
    ];
    let ranks: Vec<_> = kinds
        .iter()
        .map(|(api_version, kind)| manifest(api_version, kind, json!({})))
        .map(|m| rank(&ObjectKey::of(&m).unwrap(), &m))
        .collect();
    assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
}

#[test]
fn waves_are_read_by_either_name_and_come_before_kinds() {
    let wave = |annotations: Value| super::wave(&manifest("v1", "ConfigMap", annotations));
    assert_eq!(wave(json!({"capstan.dev/wave": "-3"})), -3);
    assert_eq!(wave(json!({"argocd.argoproj.io/sync-wave": "2"})), 2);
    assert_eq!(
        wave(json!({"capstan.dev/wave": "1", "argocd.argoproj.io/sync-wave": "2"})),
        1
    );
    assert_eq!(wave(json!({"capstan.dev/wave": "soon"})), 0);
    let early = manifest("apps/v1", "Deployment", json!({"capstan.dev/wave": "-1"}));
    let late = manifest("v1", "Namespace", json!({}));
    let of = |m: &Value| rank(&ObjectKey::of(m).unwrap(), m);
    assert!(of(&early) < of(&late));
}
