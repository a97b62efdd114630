//! A new process: enforcing at once, pruning not at first, recovering what a crash left.

use serde_json::json;

use capstan_proto::policy::DriftMode;
use capstan_proto::{Health, Sync};

use super::world::{World, bundle, config, deployment, key, with_policy};
use crate::effect::ToHub;
use crate::event::Event;
use crate::kind::Kind;

#[test]
fn a_restart_with_the_hub_away_applies_nothing_that_is_as_it_was() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone(), config("a", "1")])]);
    world.make_ready(&key(&web));
    world.pass(1_000);
    world.calls();
    world.start();
    world.pass(10_000);
    assert_eq!(world.calls(), [] as [&str; 0]);
}

#[test]
fn a_restart_with_the_hub_away_heals_what_happened_meanwhile() {
    let mut world = World::started();
    let (web, a, b) = (deployment("web", 2), config("a", "1"), config("b", "1"));
    world.deploy(&[bundle("web", vec![web.clone(), a.clone(), b.clone()])]);
    world.pass(1_000);
    world.cluster.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(9)
    });
    world.cluster.remove(&key(&a));
    world.cluster.changes.clear();
    world.calls();
    world.start();
    world.pass(1_000);
    let calls = world.calls();
    assert_eq!(
        calls
            .iter()
            .filter(|call| call.starts_with("force"))
            .count(),
        1,
        "{calls:?}"
    );
    assert_eq!(
        world.cluster.objects[&key(&web)].body["spec"]["replicas"],
        json!(2)
    );
    assert!(world.cluster.objects.contains_key(&key(&a)));
    assert!(!calls.iter().any(|call| call.ends_with("/b")));
    world.edit(&key(&b), "kubectl", |body| body["data"]["key"] = json!("x"));
    assert_eq!(
        world.cluster.objects[&key(&b)].body["data"]["key"],
        json!("1")
    );
}

#[test]
fn the_first_pass_after_a_restart_deletes_nothing() {
    let mut world = World::started();
    world.permits = false;
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.permit();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.start();
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key(&b)));
    world.permits = true;
    world.connect();
    world.pass(1_000);
    assert!(
        !world.cluster.objects.contains_key(&key(&b)),
        "the permit for the held snapshot makes it up"
    );
}

#[test]
fn a_spoke_that_lost_its_head_keeps_everything_until_a_newer_snapshot_follows() {
    let mut world = World::started();
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.pass(1_000);
    let inventory = world.disk.inventory.clone();
    world.disk = super::world::Disk::default();
    world.disk.inventory = inventory;
    world.start();
    world.want(&[bundle("web", vec![config("a", "1")])]);
    world.connect();
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key(&b)));
    world.disconnect();
    world.connect();
    world.pass(60_000);
    assert!(
        world.cluster.objects.contains_key(&key(&b)),
        "an equal Hello and a permit do not say that it may go"
    );
    world.start();
    world.connect();
    world.pass(60_000);
    assert!(
        world.cluster.objects.contains_key(&key(&b)),
        "nor does another start"
    );
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    world.pass(1_000);
    assert!(
        !world.cluster.objects.contains_key(&key(&b)),
        "a newer snapshot that follows it ends that"
    );
}

#[test]
fn a_crash_between_creation_and_record_leaves_no_orphan() {
    let mut world = World::started();
    let a = config("a", "1");
    world.want(&[bundle("web", vec![a.clone()])]);
    world.pass(0);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    assert!(
        world.rows("web")[&key(&a)].uid.is_none(),
        "only the intent is durable"
    );
    world.start();
    world.pass(5_000);
    assert_eq!(
        world.rows("web")[&key(&a)].uid.as_deref(),
        Some(world.cluster.uid(&key(&a)))
    );
    world.connect();
    world.deploy(&[bundle("web", vec![])]);
    world.pass(5_000);
    assert!(!world.cluster.objects.contains_key(&key(&a)));
}

#[test]
fn a_crash_before_creation_creates_it_afterwards() {
    let mut world = World::started();
    let a = config("a", "1");
    world.fault = Some(Box::new(|_| {
        Some(crate::outcome::Outcome::Unsent {
            detail: "down".into(),
        })
    }));
    world.want(&[bundle("web", vec![a.clone()])]);
    world.pass(0);
    world.fault = None;
    world.calls();
    world.start();
    world.pass(5_000);
    assert_eq!(world.calls(), ["get ConfigMap/a", "apply ConfigMap/a"]);
    assert!(world.cluster.objects.contains_key(&key(&a)));
}

#[test]
fn in_sync_after_a_restart_not_one_object_is_sent_again() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1"), deployment("web", 1)])]);
    world.pass(1_000);
    world.start();
    world.fetched = 0;
    world.calls();
    world.connect();
    world.pass(1_000);
    assert_eq!((world.fetched, world.calls().len()), (0, 0));
    let Some(ToHub::Hello(hello)) = world.heard.iter().rfind(|m| matches!(m, ToHub::Hello(_)))
    else {
        panic!("there is a Hello");
    };
    assert!(hello.accepted.is_some());
    assert_eq!(hello.receipt, b"receipt");
}

#[test]
fn damaged_content_is_fetched_and_what_it_declared_stays() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    world.deploy(&[bundle("web", vec![a.clone(), b.clone()])]);
    world.pass(1_000);
    let lost = capstan_proto::canonical::digest(&b);
    world.disk.contents.remove(&lost);
    world.calls();
    world.start();
    world.pass(1_000);
    world.edit(&key(&a), "kubectl", |body| body["data"]["key"] = json!("x"));
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("1")
    );
    assert!(world.cluster.objects.contains_key(&key(&b)));
    world.fetched = 0;
    world.connect();
    world.pass(1_000);
    assert_eq!(world.fetched, 1);
    world.edit(&key(&b), "kubectl", |body| body["data"]["key"] = json!("x"));
    assert_eq!(
        world.cluster.objects[&key(&b)].body["data"]["key"],
        json!("1")
    );
}

#[test]
fn a_restored_cluster_is_looked_at_anew_and_nothing_is_pruned() {
    let mut world = World::started();
    world.permits = false;
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.permit();
    world.handle(Event::ClusterRestored);
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key(&b)));
}

#[test]
fn before_a_kind_was_listed_nothing_of_it_is_missing() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone(), config("a", "1")])]);
    world.make_ready(&key(&web));
    world.pass(1_000);
    world.unlisted = true;
    world.start();
    world.connect();
    world.pass(1_000);
    let state = world.state("web");
    assert_eq!((state.sync, state.health), (Sync::Unknown, Health::Unknown));
    assert_eq!(state.attention.len(), 2);
    for line in &state.attention {
        assert_eq!(
            (line.sync, line.health, line.reason.as_str()),
            (Sync::Unknown, Health::Unknown, "NotVerified")
        );
    }
    world.relist(&Kind::new("", "ConfigMap"));
    world.pass(200);
    let keys: Vec<_> = world
        .state("web")
        .attention
        .iter()
        .map(|line| &line.object)
        .collect();
    assert_eq!(keys, [&key(&web)]);
    world.relist(&Kind::new("apps", "Deployment"));
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn what_vanished_while_the_agent_was_away_is_missing_once_that_was_seen() {
    let mut world = World::started();
    let a = config("a", "1");
    let reported = with_policy(bundle("web", vec![a.clone()]), |policy| {
        policy.drift.mode = DriftMode::Report;
    });
    world.deploy(&[reported]);
    world.pass(1_000);
    world.cluster.remove(&key(&a));
    world.unlisted = true;
    world.start();
    world.connect();
    world.pass(1_000);
    assert_eq!(world.words("web"), "Unknown Unknown");
    world.relist(&Kind::new("", "ConfigMap"));
    world.pass(200);
    assert_eq!(world.words("web"), "Drifted Missing");
}

#[test]
fn what_waits_for_an_earlier_wave_is_unknown_after_a_restart_until_it_was_looked_for() {
    let mut world = World::started();
    let web = deployment("web", 2);
    let mut later = config("later", "1");
    later["metadata"]["annotations"] = json!({"capstan.dev/wave": "1"});
    world.deploy(&[bundle("web", vec![web, later.clone()])]);
    let health = |world: &World| {
        let mut lines = world.state("web").attention.iter();
        let line = lines.find(|line| line.object == key(&later)).unwrap();
        (line.sync, line.health)
    };
    assert_eq!(health(&world), (Sync::Applying, Health::Missing));
    world.unlisted = true;
    world.start();
    world.connect();
    world.pass(1_000);
    assert_eq!(health(&world), (Sync::Unknown, Health::Unknown));
    world.relist(&Kind::new("", "ConfigMap"));
    world.pass(200);
    assert_eq!(health(&world), (Sync::Applying, Health::Missing));
    assert!(!world.cluster.objects.contains_key(&key(&later)));
}
