//! Health checks of a bundle, from its policy to what is reported.

use capstan_proto::policy::HealthCheck;
use serde_json::json;

use super::world::{Declared, World, bundle, config, deployment, key, with_policy};

fn checked(declared: Declared, kind: &str, healthy: &str) -> Declared {
    with_policy(declared, |policy| {
        policy.health_timeout_ms = Some(60_000);
        policy.health_checks = vec![HealthCheck {
            group: None,
            kind: kind.to_owned(),
            healthy: healthy.to_owned(),
        }];
    })
}

#[test]
fn a_check_decides_when_an_object_is_healthy_and_says_why_not() {
    let mut world = World::started();
    let web = deployment("web", 2);
    let phase = "self.status.phase == 'Ready'";
    world.deploy(&[checked(
        bundle("web", vec![web.clone()]),
        "Deployment",
        phase,
    )]);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.status(&key(&web), json!({"observedGeneration": 1, "phase": "New"}));
    world.pass(200);
    let said = &world.state("web").attention[0];
    assert_eq!(said.reason, "CheckFalse");
    assert_eq!(said.message, "`self.status.phase == 'Ready'` does not hold");
    world.status(
        &key(&web),
        json!({"observedGeneration": 1, "phase": "Ready"}),
    );
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_check_that_never_holds_is_degraded_after_the_timeout() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[checked(
        bundle("web", vec![a]),
        "ConfigMap",
        "self.status.phase == 'Ready'",
    )]);
    world.pass(58_000);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.pass(3_000);
    assert_eq!(world.words("web"), "Synced Degraded");
}

#[test]
fn a_kind_whose_metadata_is_enough_is_watched_whole_while_a_check_names_it() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    assert_eq!(world.words("web"), "Synced Healthy");
    let ready = "self.binaryData.ready == 'eQ=='";
    let just = || bundle("web", vec![config("a", "1")]);
    world.deploy(&[checked(just(), "ConfigMap", ready)]);
    assert_eq!(world.words("web"), "Synced Progressing");
    // Nobody wrote a field of ours: only a watch of whole objects shows it.
    world.edit(&key(&a), "other", |body| {
        body["binaryData"] = json!({"ready": "eQ=="})
    });
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
    world.deploy(&[checked(just(), "ConfigMap", "false")]);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.deploy(&[just()]);
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_change_of_a_check_alone_judges_again() {
    let mut world = World::started();
    let web = deployment("web", 2);
    let declared = || bundle("web", vec![deployment("web", 2)]);
    world.deploy(&[declared()]);
    world.make_ready(&key(&web));
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
    world.applies();
    world.deploy(&[checked(
        declared(),
        "Deployment",
        "self.status.phase == 'Ready'",
    )]);
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.deploy(&[declared()]);
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
    assert!(world.applies().is_empty(), "nothing is written for it");
}
