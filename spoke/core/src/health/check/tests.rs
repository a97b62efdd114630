//! What checks make of an object, and which checks are not taken.

use capstan_proto::limits::HEALTH_CHECKS_MAX;
use capstan_proto::policy::HealthCheck;
use capstan_proto::{Moment, ObjectKey};
use serde_json::{Value, json};

use super::Checks;
use crate::health::{Context, evaluate};

const NOW: Moment = Moment::from_unix_ms(1_767_225_600_000); // 2026-01-01T00:00:00Z

fn check(group: Option<&str>, kind: &str, healthy: &str) -> HealthCheck {
    HealthCheck {
        group: group.map(ToOwned::to_owned),
        kind: kind.to_owned(),
        healthy: healthy.to_owned(),
    }
}

fn judged(checks: &[HealthCheck], live: &Value) -> String {
    let key = ObjectKey::of(live).unwrap();
    let programs = Checks::try_new(checks).unwrap().of(&key);
    let context = Context {
        now: NOW,
        applied_at: NOW,
    };
    let verdict = evaluate(&key, live, programs.as_deref(), context);
    let words = [verdict.health.as_str(), &verdict.reason, &verdict.message];
    words.join(" ").trim_end().to_owned()
}

fn tenant(rest: Value) -> Value {
    let mut object = json!({"apiVersion": "example.io/v1", "kind": "Tenant", "metadata": {"name": "a", "generation": 2}});
    for (name, value) in rest.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

const READY: &str = "self.status.phase == \"Ready\"";

#[test]
fn true_is_healthy_and_everything_else_is_on_its_way_with_the_reason() {
    let rows = [
        (json!({"status": {"phase": "Ready"}}), "Healthy"),
        (
            json!({"status": {"phase": "New"}}),
            "Progressing CheckFalse `self.status.phase == \"Ready\"` does not hold",
        ),
        (
            json!({}),
            "Progressing CheckFails `self.status.phase == \"Ready\"`: `self` has no `status`",
        ),
        (
            json!({"status": {"message": "x"}}),
            "Progressing CheckFails `self.status.phase == \"Ready\"`: `self.status` has no `phase`",
        ),
    ];
    for (rest, expected) in rows {
        assert_eq!(
            judged(&[check(None, "Tenant", READY)], &tenant(rest)),
            expected
        );
    }
    let no_answer = judged(
        &[check(None, "Tenant", "self.status")],
        &tenant(json!({"status": {}})),
    );
    assert_eq!(
        no_answer,
        "Progressing CheckFails `self.status`: the expression is a map, not true or false"
    );
}

#[test]
fn deletion_and_what_a_controller_has_not_seen_come_first() {
    let checks = [check(None, "Tenant", READY)];
    let stale = tenant(json!({"status": {"phase": "Ready", "observedGeneration": 1}}));
    assert!(judged(&checks, &stale).starts_with("Progressing NotObserved"));
    let deleted = tenant(json!({
        "metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Ready"},
    }));
    assert!(judged(&checks, &deleted).starts_with("Progressing Terminating"));
}

#[test]
fn a_check_stands_instead_of_the_kinds_own_rule() {
    let broken = tenant(json!({"status": {"phase": "Ready", "conditions": [
        {"type": "Ready", "status": "False", "lastTransitionTime": "2025-12-31T00:00:00Z"}]}}));
    assert!(judged(&[], &broken).starts_with("Progressing Ready"));
    assert_eq!(judged(&[check(None, "Tenant", READY)], &broken), "Healthy");
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    assert_eq!(judged(&[], &config), "Healthy");
    let words = judged(&[check(Some(""), "ConfigMap", "has(self.data)")], &config);
    assert!(words.starts_with("Progressing CheckFalse"), "{words}");
}

#[test]
fn a_group_narrows_and_all_that_are_about_an_object_must_hold() {
    let live = tenant(json!({"status": {"phase": "Ready", "n": 1}}));
    let other = check(Some("other.io"), "Tenant", "false");
    let same = check(Some("example.io"), "Tenant", "self.status.n > 1");
    assert_eq!(
        judged(&[check(None, "Tenant", READY), other], &live),
        "Healthy"
    );
    assert_eq!(
        judged(&[check(None, "Tenant", READY), same], &live),
        "Progressing CheckFalse `self.status.n > 1` does not hold"
    );
}

#[test]
fn a_check_that_takes_too_long_is_degraded_and_named() {
    let list: Vec<_> = (0..1_000).collect();
    let live = tenant(json!({"status": {"list": list}}));
    let text = "self.status.list.all(a, self.status.list.all(b, true))";
    assert_eq!(
        judged(&[check(None, "Tenant", text)], &live),
        format!("Degraded CheckTooLong `{text}`: it takes more than 5000 steps")
    );
}

#[test]
fn what_this_build_does_not_know_and_secrets_are_refused() {
    let words = |checks: &[HealthCheck]| Checks::try_new(checks).unwrap_err().to_string();
    assert_eq!(
        words(&[check(None, "Tenant", "self.later()")]),
        "the health check `self.later()` is no expression that this agent knows"
    );
    for group in [None, Some("")] {
        let secret = check(group, "Secret", "has(self.data)");
        assert_eq!(
            words(&[secret]),
            "a live Secret is never read, also not for a health check"
        );
    }
    assert!(Checks::try_new(&[check(Some("example.io"), "Secret", "true")]).is_ok());
    let many = vec![check(None, "Tenant", "true"); HEALTH_CHECKS_MAX + 1];
    assert_eq!(words(&many), "there are more than 100 health checks");
}
