//! Answers of an API server, and what they mean.

use serde_json::json;

use super::{Conflict, Refusal, judge};
use crate::outcome::{Outcome, Refused};
use capstan_proto::ObjectKey;

fn key(kind: &str) -> ObjectKey {
    let group = if kind == "Deployment" { "apps" } else { "" };
    ObjectKey::new(group, kind, "shop", "web")
}

fn finding(kind: &str, code: u16, status: serde_json::Value) -> super::Finding {
    let refused = Refused {
        code,
        status,
        ..Refused::default()
    };
    judge(&key(kind), Outcome::Refused(refused)).unwrap_err()
}

#[test]
fn only_a_status_that_names_the_object_says_that_it_is_gone() {
    let named = json!({"reason": "NotFound", "details": {"name": "web", "group": "apps", "kind": "deployments"}});
    assert_eq!(
        finding("Deployment", 404, named.clone()).refusal,
        Refusal::Gone
    );
    assert_ne!(finding("Service", 404, named).refusal, Refusal::Gone);
    let namespace =
        json!({"reason": "NotFound", "details": {"name": "shop", "kind": "namespaces"}});
    assert_eq!(
        finding("Deployment", 404, namespace).refusal,
        Refusal::NamespaceMissing
    );
    assert_eq!(
        finding("Deployment", 404, json!(null)).refusal,
        Refusal::NotServed
    );
    let other = json!({"reason": "NotFound", "details": {"name": "hook", "kind": "services"}});
    assert_eq!(
        finding("Deployment", 404, other).refusal,
        Refusal::Later { after_ms: None }
    );
}

#[test]
fn forbidden_is_not_gone() {
    let refusal = finding(
        "Deployment",
        403,
        json!({"reason": "Forbidden", "message": "no"}),
    )
    .refusal;
    assert_eq!(refusal, Refusal::Forbidden);
    let terminating =
        json!({"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}});
    assert_eq!(
        finding("Deployment", 403, terminating).refusal,
        Refusal::NamespaceTerminating
    );
}

#[test]
fn a_conflict_names_managers_and_fields() {
    let status = json!({"reason": "Conflict", "details": {"causes": [
        {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl\" using apps/v1", "field": ".spec.replicas"}]}});
    let finding = finding("Deployment", 409, status);
    assert_eq!(finding.message, "kubectl owns .spec.replicas");
    assert_eq!(
        finding.refusal,
        Refusal::Fields(vec![Conflict {
            manager: "kubectl".into(),
            field: ".spec.replicas".into()
        }])
    );
}

#[test]
fn a_conflict_without_that_cause_means_read_again() {
    assert_eq!(
        finding("Deployment", 409, json!({"reason": "Conflict"})).refusal,
        Refusal::Changed
    );
    let uid = json!({"reason": "Invalid", "details": {"causes": [{"field": "metadata.uid"}]}});
    assert_eq!(finding("Deployment", 422, uid).refusal, Refusal::Changed);
}

#[test]
fn a_storage_that_initialises_makes_the_kind_unknown() {
    let status = json!({"reason": "TooManyRequests", "message": "storage is (re)initializing"});
    assert_eq!(
        finding("Deployment", 429, status).refusal,
        Refusal::KindUnknown
    );
}

#[test]
fn an_untyped_body_is_refused_until_it_changes_and_its_value_is_not_shown() {
    let message = "failed to create typed patch object (shop/web; /v1, Kind=ConfigMap): .data.p: expected string, got &value.valueUnstructured{Value:12345}";
    let finding = finding(
        "ConfigMap",
        500,
        json!({"reason": "InternalError", "message": message}),
    );
    assert_eq!(finding.reason, "WrongType");
    assert_eq!(
        finding.message,
        "the API server refuses ConfigMap shop/web: .data.p has the wrong type: expected string"
    );
    assert!(finding.refusal.is_lasting());
}

#[test]
fn of_a_secret_only_code_and_path_are_shown() {
    let message = "Secret \"web\" is invalid: data.p: hunter2";
    let status = json!({"reason": "Invalid", "message": message,
        "details": {"causes": [{"field": "data.p", "message": "hunter2"}]}});
    let secret = finding("Secret", 422, status);
    assert_eq!(
        secret.message,
        "the API server refuses Secret shop/web: data.p is not valid"
    );
    let forbidden = finding(
        "Secret",
        403,
        json!({"reason": "Forbidden", "message": "denied hunter2"}),
    );
    assert!(!forbidden.message.contains("hunter2"));
}

#[test]
fn an_immutable_field_is_named() {
    let status = json!({"reason": "Invalid", "message": "spec.selector: Invalid value: {...}: field is immutable",
        "details": {"causes": [{"field": "spec.selector"}]}});
    let finding = finding("Deployment", 422, status);
    assert_eq!(
        (finding.reason.as_str(), finding.message.as_str()),
        (
            "Immutable",
            "the API server refuses Deployment.apps shop/web: spec.selector cannot be changed once it is set"
        )
    );
}

#[test]
fn a_value_that_is_printed_as_go_does_hides_neither_the_cause_nor_that_it_lasts() {
    let said = |message: &str| {
        let status = json!({"reason": "Invalid", "message": "…", "details": {"causes": [
            {"field": "spec.selector", "message": message}]}});
        finding("Deployment", 422, status)
    };
    let go = "v1.LabelSelector{MatchLabels:map[string]string{\"app\":\"x: \\\"}\"}, \
              MatchExpressions:[]v1.LabelSelectorRequirement(nil)}";
    for value in [go, "v1.LabelSelector{cut off", "[]string{\"a\"}"] {
        let refused = said(&format!("Invalid value: {value}: field is immutable"));
        assert_eq!(refused.reason, "Immutable", "{value}");
        assert!(refused.refusal.is_lasting());
        assert!(
            refused
                .message
                .ends_with("spec.selector cannot be changed once it is set")
        );
    }
    let other = said(&format!(
        "Invalid value: {go}: `selector` does not match: labels"
    ));
    assert_eq!(
        (other.reason.as_str(), other.refusal.is_lasting()),
        ("Invalid", false)
    );
    assert!(
        other
            .message
            .ends_with("spec.selector: Invalid value: `selector` does not match: labels"),
        "{}",
        other.message
    );
    let value = said("Invalid value: \"x: field is immutable\"");
    assert!(!value.refusal.is_lasting(), "the value is no detail");
    assert!(value.message.ends_with("web: spec.selector: Invalid value"));
}

#[test]
fn nothing_that_a_webhook_or_a_policy_denies_is_for_ever() {
    let hook = "admission webhook \"rules\" denied the request: ";
    let policy = "Deployment.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'rules' with \
                  binding 'all' denied request: ";
    for words in [
        "unknown field \"team\"",
        "field is immutable",
        "strict decoding error: unknown field \"team\"",
        "json: cannot unmarshal string into Go struct field A.b of type int32",
    ] {
        for head in [hook, policy] {
            let message = format!("{head}{words}");
            let plain = json!({"message": message});
            let cause = json!({"field": "spec", "message": words});
            let caused = json!({"message": message, "details": {"causes": [cause]}});
            for (code, status) in [(400, plain.clone()), (422, plain), (422, caused)] {
                let denied = finding("Deployment", code, status);
                assert_eq!(denied.reason, "Invalid", "{message}");
                assert!(!denied.refusal.is_lasting(), "{message}");
                assert!(denied.message.contains(words), "{}", denied.message);
            }
        }
    }
    let elsewhere = json!({"message": "the quota knows an unknown field \"team\""});
    assert!(!finding("Deployment", 400, elsewhere).refusal.is_lasting());
}

#[test]
fn long_messages_are_cut_at_a_character() {
    assert_eq!(super::cut(&"é".repeat(400)).len(), 300);
}

#[test]
fn a_wrong_type_is_not_an_unknown_field() {
    let typed = |rest: &str| {
        let message = format!(
            "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): {rest}"
        );
        finding("Deployment", 500, json!({"message": message}))
    };
    let wrong = typed(".spec.replicas: expected numeric (int or float), got string");
    assert_eq!(
        (wrong.reason.as_str(), wrong.message.as_str()),
        (
            "WrongType",
            "the API server refuses Deployment.apps shop/web: .spec.replicas has the wrong type: \
             expected numeric (int or float), got string"
        )
    );
    let unknown = typed(".spec.replica: field not declared in schema");
    assert_eq!(
        (unknown.reason.as_str(), unknown.message.as_str()),
        (
            "UnknownField",
            "the API server refuses Deployment.apps shop/web: it knows no field .spec.replica"
        )
    );
    let both = typed(
        "errors:\n  .spec.replicas: expected numeric (int or float), got string\n  .spec.template.spec.containers: expected list, got &{map[a:b]}",
    );
    assert!(
        both.message
            .ends_with(".spec.template.spec.containers has the wrong type: expected list")
    );
    assert!(wrong.refusal.is_lasting() && unknown.refusal.is_lasting());
}

#[test]
fn what_validation_says_is_shown_without_the_value() {
    let status = json!({"reason": "Invalid", "message": "…", "details": {"causes": [
        {"field": "spec.replicas", "message": "Invalid value: -1: must be greater than or equal to 0"},
        {"field": "spec.selector", "message": "Required value"},
        {"field": "metadata.labels", "message": "Invalid value: {\"a\":\"immutable\"}: does not match"}]}});
    let finding = finding("Deployment", 422, status);
    assert_eq!(
        (finding.reason.as_str(), finding.message.as_str()),
        (
            "Invalid",
            "the API server refuses Deployment.apps shop/web: spec.replicas: Invalid value: must be \
             greater than or equal to 0; spec.selector: Required value; metadata.labels: Invalid \
             value: does not match"
        )
    );
    assert!(!finding.refusal.is_lasting());
}

#[test]
fn what_cannot_be_decoded_names_the_field() {
    let decoded = |message: &str| {
        let status = json!({"reason": "BadRequest", "message": message});
        finding("Deployment", 400, status)
    };
    let strict = decoded(
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replica\"",
    );
    assert_eq!(strict.reason, "UnknownField");
    assert!(strict.message.ends_with("it knows no field spec.replica"));
    let typed = decoded(
        "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    assert_eq!(typed.reason, "WrongType");
    assert!(
        typed
            .message
            .ends_with("spec.replicas has the wrong type: expected int32, got string")
    );
    let denied = decoded("admission webhook \"policy\" denied the request: no");
    assert_eq!(
        (denied.reason.as_str(), denied.message.as_str()),
        (
            "Invalid",
            "the API server refuses Deployment.apps shop/web: admission webhook \"policy\" denied \
             the request: no"
        )
    );
    assert_eq!(
        finding("Deployment", 413, json!(null)).message,
        "the API server refuses Deployment.apps shop/web: it answered 413"
    );
}

#[test]
fn a_value_that_fits_the_schema_and_not_the_type_is_refused_in_words() {
    let converted = |kind: &str, rest: &str| {
        let message = format!(
            "failed to convert new object (shop/web; apps/v1, Kind={kind}) to proper version: {rest}"
        );
        finding(kind, 500, json!({"message": message}))
    };
    let before = "unable to convert unstructured object to apps/v1, Kind=Deployment: ";
    let wrong = converted(
        "Deployment",
        &format!("{before}cannot convert float64 to int32"),
    );
    assert_eq!(
        (wrong.reason.as_str(), wrong.message.as_str()),
        (
            "WrongType",
            "the API server refuses Deployment.apps shop/web: a field has the wrong type: expected \
             int32, got float64"
        )
    );
    let quantity = converted(
        "Deployment",
        &format!("{before}quantities must match the regular expression"),
    );
    assert_eq!(quantity.reason, "Invalid");
    assert!(
        quantity
            .message
            .ends_with("web: quantities must match the regular expression")
    );
    let secret = converted("Secret", &format!("{before}illegal value hunter2"));
    assert!(!secret.message.contains("hunter2"), "{}", secret.message);
    let webhook = converted("Deployment", "conversion webhook failed: no route to host");
    assert_eq!(webhook.refusal, Refusal::Later { after_ms: None });
}
