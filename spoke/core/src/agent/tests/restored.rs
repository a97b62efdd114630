//! A cluster whose storage went back in time, and watches that fail meanwhile: what is said settles.

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::world::{Declared, World, bundle, config, deployment, key, with_policy};
use crate::event::{Event, WatchProblem};
use crate::kind::Kind;
use capstan_proto::policy::DriftMode;

fn secret(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {"p": value}})
}

fn three(value: &str) -> Declared {
    let manifests = vec![secret(value), config("a", value), deployment("web", 2)];
    bundle("web", manifests)
}

fn kinds() -> [Kind; 3] {
    let core = |kind| Kind::new("", kind);
    [
        core("Secret"),
        core("ConfigMap"),
        Kind::new("apps", "Deployment"),
    ]
}

fn go_blind(world: &mut World) {
    for kind in kinds() {
        let detail = "the server is away".to_owned();
        world
            .blind
            .insert(kind.clone(), WatchProblem::Unknown { detail });
        world.relist_if_watched(&kind);
    }
    world.pass(200);
    assert_eq!(world.words("web"), "Unknown Unknown");
}

fn see_again(world: &mut World) {
    world.blind.clear();
    for kind in kinds() {
        world.relist_if_watched(&kind);
    }
}

/// A cluster with everything, and a copy of it.
fn saved(declared: &dyn Fn(&str) -> Declared) -> (World, Cluster) {
    let mut world = World::started();
    world.deploy(&[declared("MQ==")]);
    world.make_ready(&key(&deployment("web", 2)));
    world.pass(20_000);
    assert_eq!(world.words("web"), "Synced Healthy");
    let backup = world.cluster.clone();
    (world, backup)
}

fn restore(world: &mut World, backup: &Cluster) {
    world.cluster = backup.clone();
    world.cluster.changes.clear();
}

fn assert_as_declared(world: &mut World, value: &str) {
    world.pass(60_000);
    assert_eq!(
        world.words("web"),
        "Synced Healthy",
        "{:?}",
        world.state("web").attention
    );
    assert_eq!(
        world.cluster.objects[&key(&secret(""))].body["data"]["p"],
        json!(value)
    );
    assert_eq!(
        world.cluster.objects[&key(&config("a", ""))].body["data"]["key"],
        json!(value)
    );
}

#[test]
fn a_watch_that_failed_and_lists_again_ends_the_doubt() {
    let (mut world, _) = saved(&three);
    go_blind(&mut world);
    see_again(&mut world);
    assert_as_declared(&mut world, "MQ==");
}

#[test]
fn what_moved_while_nobody_watched_is_put_right_however_soon_the_watch_fails_again() {
    let (mut world, _) = saved(&three);
    for _ in 0..3 {
        go_blind(&mut world);
        for manifest in [secret(""), config("a", "")] {
            world
                .cluster
                .rewrite(&key(&manifest), |body| body["data"]["x"] = json!("y"));
        }
        world.cluster.changes.clear();
        see_again(&mut world);
        world.pass(300);
    }
    world.pass(600_000);
    assert_as_declared(&mut world, "MQ==");
}

#[test]
fn a_restored_cluster_settles_after_its_watches_failed() {
    let (mut world, backup) = saved(&three);
    world.deploy(&[three("Mg==")]);
    world.pass(20_000);
    go_blind(&mut world);
    restore(&mut world, &backup);
    world.handle(Event::ClusterRestored);
    see_again(&mut world);
    assert_as_declared(&mut world, "Mg==");
}

#[test]
fn a_list_that_is_older_than_what_was_known_is_asked_about() {
    let (mut world, backup) = saved(&three);
    world.deploy(&[three("Mg==")]);
    world.pass(20_000);
    go_blind(&mut world);
    restore(&mut world, &backup);
    see_again(&mut world);
    assert_as_declared(&mut world, "Mg==");
}

#[test]
fn an_answer_from_before_a_restore_hides_nothing_that_is_seen_after_it() {
    let (mut world, backup) = saved(&three);
    world.slow = true;
    world.deploy(&[three("Mg==")]);
    world.handle(Event::ClusterRestored);
    restore(&mut world, &backup);
    for kind in kinds() {
        world.relist_if_watched(&kind);
    }
    world.slow = false;
    while world.answer_all() > 0 {}
    go_blind(&mut world);
    see_again(&mut world);
    assert_as_declared(&mut world, "Mg==");
}

#[test]
fn what_a_watch_adds_to_a_list_during_a_call_is_as_certain_as_the_list() {
    let (mut world, backup) = saved(&three);
    world.slow = true;
    world.deploy(&[three("Mg==")]);
    world.handle(Event::ClusterRestored);
    restore(&mut world, &backup);
    for kind in kinds() {
        world.relist_if_watched(&kind);
    }
    world.edit(&key(&secret("")), "kubectl", |body| {
        body["data"]["p"] = json!("Mw==");
    });
    world.slow = false;
    while world.answer_all() > 0 {}
    assert_as_declared(&mut world, "Mg==");
}

#[test]
fn a_restart_over_a_restored_cluster_believes_the_cluster() {
    let (mut world, backup) = saved(&three);
    world.deploy(&[three("Mg==")]);
    world.pass(20_000);
    restore(&mut world, &backup);
    world.start();
    world.connect();
    assert_as_declared(&mut world, "Mg==");
}

#[test]
fn an_object_that_is_only_reported_on_settles_too() {
    let reported = |value: &str| {
        with_policy(three(value), |policy| {
            policy.drift.mode = DriftMode::Report;
        })
    };
    let (mut world, _) = saved(&reported);
    go_blind(&mut world);
    world.cluster.edit(&key(&secret("")), "kubectl", |body| {
        body["metadata"]["labels"]["theirs"] = json!("yes");
    });
    world.cluster.changes.clear();
    see_again(&mut world);
    assert_as_declared(&mut world, "MQ==");
}

#[test]
fn an_object_without_our_label_says_so_again_once_it_can_be_read() {
    let mut world = World::started();
    world.cluster.strips_labels = true;
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(200);
    world.fault = Some(Box::new(|_| {
        Some(super::cluster::status(
            503,
            json!({"reason": "ServiceUnavailable"}),
        ))
    }));
    world.relist(&Kind::new("", "ConfigMap"));
    world.pass(61_000);
    assert_eq!(world.state("web").sync, capstan_proto::Sync::Unknown);
    world.fault = None;
    world.pass(120_000);
    let line = &world.state("web").attention[0];
    assert_eq!(
        (line.sync, line.reason.as_str()),
        (capstan_proto::Sync::Failed, "LabelRemoved")
    );
}
