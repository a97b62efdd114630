//! What is held: complete on the disk, and what may be removed by it.

use super::world::{World, bundle, config, key};
use crate::effect::Effect;
use capstan_proto::canonical;
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
    let stores = world.effects.iter().filter_map(|effect| match effect {
        Effect::Store(store) => Some(store),
        _ => None,
    });
    let last = stores.last().unwrap();
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
