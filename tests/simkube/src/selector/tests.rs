//! What selectors select.

use serde_json::json;

use super::{Fields, Labels, Selectable};

fn check(selector: &str, labels: &serde_json::Value, wanted: bool) {
    let object = json!({"metadata": {"labels": labels}});
    assert_eq!(
        Labels::parse(selector).unwrap().matches(&object),
        wanted,
        "{selector} of {labels}"
    );
}

#[test]
fn every_operator_is_understood() {
    let web = json!({"tier": "web", "rank": "7"});
    for selector in [
        "",
        "tier",
        "tier=web",
        "tier==web",
        "tier!=db",
        "tier in (db, web)",
        "tier in(web)",
        "tier notin (db)",
        "other notin (x)",
        "!other",
        "rank>6",
        "rank<8",
        "tier=web,rank=7",
    ] {
        check(selector, &web, true);
    }
    for selector in [
        "!tier",
        "tier=db",
        "tier!=web",
        "other",
        "tier in (db)",
        "rank>7",
        "other=x",
    ] {
        check(selector, &web, false);
    }
}

#[test]
fn absent_labels_are_no_labels() {
    check("tier", &json!(null), false);
    check("!tier", &json!(null), true);
}

#[test]
fn nonsense_is_refused() {
    for selector in ["a b", "a in b", "=x", "rank>six"] {
        let error = Labels::parse(selector).unwrap_err();
        assert_eq!(error.code, 400, "{selector}");
    }
}

#[test]
fn selector_objects_are_selectors() {
    let selector = json!({
        "matchLabels": {"a": "1"},
        "matchExpressions": [
            {"key": "b", "operator": "In", "values": ["2", "3"]},
            {"key": "c", "operator": "DoesNotExist"},
        ],
    });
    let labels = Labels::from_object(&selector);
    assert!(labels.matches_labels(&json!({"a": "1", "b": "3"})));
    assert!(!labels.matches_labels(&json!({"a": "1", "b": "3", "c": ""})));
    assert!(Labels::from_object(&json!({})).matches_labels(&json!(null)));
}

#[test]
fn fields_are_selected_by_kind() {
    let pod = json!({"metadata": {"name": "p"}, "status": {"phase": "Running"}, "spec": {}});
    let running = Fields::parse(
        "status.phase=Running,metadata.name!=q",
        &Selectable::Kind("Pod"),
    );
    assert!(running.unwrap().matches(&pod));
    let unscheduled = Fields::parse("spec.nodeName=", &Selectable::Kind("Pod"));
    assert!(unscheduled.unwrap().matches(&pod));
    assert!(Fields::parse("status.phase=x", &Selectable::Kind("ConfigMap")).is_err());
    let custom = ["spec.size".to_owned()];
    let sized = Fields::parse("spec.size=3", &Selectable::Custom(&custom)).unwrap();
    assert!(sized.matches(&json!({"spec": {"size": 3}})));
    assert_eq!(
        Fields::parse("metadata.name=x", &Selectable::Every)
            .unwrap()
            .name(),
        Some("x")
    );
}
