//! A new process: enforcing at once, pruning not at first, recovering what a crash left.

use serde_json::json;

use super::world::{World, bundle, config, deployment, key};
use crate::effect::ToHub;
use crate::event::Event;

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
fn a_spoke_that_lost_its_head_keeps_everything_until_the_hub_knows_what_it_holds() {
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
    world.pass(1_000);
    assert!(
        !world.cluster.objects.contains_key(&key(&b)),
        "an equal Hello and a permit end that"
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
