//! What is held: complete on the disk, and what may be removed by it.

use super::world::{World, bundle, config, deployment, key};
use crate::effect::Effect;
use crate::event::{Event, LocalLimits, WatchProblem};
use crate::kind::Kind;
use capstan_proto::{Sync, canonical};
use serde_json::json;

#[test]
fn content_that_left_and_came_back_is_stored_again() {
    let mut world = World::started();
    world.permits = false;
    let (a, o) = (config("a", "1"), config("o", "1"));
    world.deploy(&[bundle("web", vec![a.clone(), o.clone()])]);
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.pass(1_000);
    assert!(world.rows("web").contains_key(&key(&o)));
    assert!(!world.disk.contents.contains_key(&canonical::digest(&o)));
    world.deploy(&[bundle("web", vec![a, o.clone()])]);
    world.pass(1_000);
    assert!(world.disk.contents.contains_key(&canonical::digest(&o)));
    world.start();
    world.pass(1_000);
    world.edit(&key(&o), "kubectl", |body| body["data"]["key"] = json!("x"));
    let healed = &world.cluster.objects[&key(&o)].body["data"]["key"];
    assert_eq!(*healed, json!("1"), "with the hub away");
}

#[test]
fn content_that_left_with_a_snapshot_that_is_not_stored_yet_is_handed_over_again() {
    let mut world = World::started();
    world.permits = false;
    let (a, o) = (config("a", "1"), config("o", "1"));
    world.deploy(&[bundle("web", vec![a.clone(), o.clone()])]);
    world.slow_store = true;
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.disconnect();
    world.want(&[bundle("web", vec![a, o.clone(), config("c", "1")])]);
    world.connect();
    world.pass(1_000);
    let mut stores = world.effects.iter().filter_map(|effect| match effect {
        Effect::Store(store) => Some(store),
        _ => None,
    });
    let last = stores.next_back().unwrap();
    assert!(last.contents.contains_key(&canonical::digest(&o)));
}

#[test]
fn an_offer_that_is_repeated_while_it_is_stored_still_removes() {
    let mut world = World::started();
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.slow_store = true;
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.disconnect();
    world.connect();
    world.pass(1_000);
    world.finish_store();
    world.pass(1_000);
    assert!(!world.cluster.objects.contains_key(&key(&b)));
}

#[test]
fn the_first_pass_after_a_restart_removes_nothing_though_it_is_permitted() {
    let mut world = World::started();
    let (b, web) = (config("b", "1"), deployment("web", 1));
    world.permits = false;
    world.deploy(&[
        bundle("db", vec![b.clone()]),
        bundle("web", vec![web.clone()]),
    ]);
    world.deploy(&[bundle("web", vec![web])]);
    world.permits = true;
    world.unlisted = true;
    world.start();
    world.connect();
    world.pass(1_000);
    world.relist(&Kind::new("", "ConfigMap"));
    world.pass(1_000);
    assert!(
        world.cluster.objects.contains_key(&key(&b)),
        "its kind was listed, another was not"
    );
    world.relist(&Kind::new("apps", "Deployment"));
    world.pass(1_000);
    assert!(!world.cluster.objects.contains_key(&key(&b)));
}

#[test]
fn a_kind_that_cannot_be_listed_does_not_keep_the_others_for_ever() {
    let mut world = World::started();
    let (b, web) = (config("b", "1"), deployment("web", 1));
    world.permits = false;
    world.deploy(&[
        bundle("db", vec![b.clone()]),
        bundle("web", vec![web.clone()]),
    ]);
    world.deploy(&[bundle("web", vec![web])]);
    world.permits = true;
    let detail = "not ours".to_owned();
    world.blind.insert(
        Kind::new("apps", "Deployment"),
        WatchProblem::Forbidden { detail },
    );
    world.start();
    world.connect();
    world.pass(1_000);
    assert!(!world.cluster.objects.contains_key(&key(&b)));
}

#[test]
fn a_freeze_acts_at_once_and_its_end_too() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.pass(1_000);
    let value = |world: &World| world.cluster.objects[&key(&a)].body["data"]["key"].clone();
    let frozen = LocalLimits {
        frozen: true,
        ..LocalLimits::default()
    };
    world.handle(Event::Limited(frozen));
    world.edit(&key(&a), "kubectl", |body| body["data"]["key"] = json!("x"));
    world.deploy(&[bundle("web", vec![a.clone(), config("b", "1")])]);
    world.pass(60_000);
    assert_eq!(value(&world), json!("x"));
    assert!(!world.cluster.objects.contains_key(&key(&config("b", "1"))));
    world.handle(Event::Limited(LocalLimits::default()));
    world.pass(1_000);
    assert_eq!(value(&world), json!("1"));
    assert!(world.cluster.objects.contains_key(&key(&config("b", "1"))));
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn nothing_is_made_in_the_agents_own_namespace() {
    let mut world = World::new();
    world.limits.own_namespace = "capstan-system".to_owned();
    world.start();
    world.connect();
    let mut policy = config("capstan-spoke-policy", "1");
    policy["metadata"]["namespace"] = json!("capstan-system");
    let home =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "capstan-system"}});
    let a = config("a", "1");
    world.deploy(&[
        bundle("web", vec![a.clone(), policy.clone()]),
        bundle("home", vec![home.clone()]),
    ]);
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    for (name, object) in [("web", policy), ("home", home)] {
        assert!(!world.cluster.objects.contains_key(&key(&object)));
        let line = &world.state(name).attention[0];
        assert_eq!(
            (line.sync, line.reason.as_str()),
            (Sync::Failed, "OwnNamespace")
        );
    }
}
