//! The session: refusals, receipts, reports.

use capstan_proto::Sync;
use capstan_proto::delta::receiver::Reason;
use serde_json::json;

use super::world::{World, bundle, config, key, name};
use crate::effect::{Effect, ToHub};
use crate::event::{Event, FromHub};

#[test]
fn accept_is_said_only_when_the_snapshot_is_durable_and_creations_wait_for_it() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    let at = |wanted: fn(&Effect) -> bool| world.effects.iter().position(wanted).unwrap();
    let store = at(|e| matches!(e, Effect::Store(_)));
    let accept = at(|e| matches!(e, Effect::Send(ToHub::Accept(_))));
    let call = at(|e| matches!(e, Effect::Call { .. }));
    assert!(store < accept && accept < call);
}

#[test]
fn nothing_is_reported_twice() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(5_000);
    let reports = world
        .heard
        .iter()
        .filter(|m| matches!(m, ToHub::Report(_)))
        .count();
    world.pass(60_000);
    world.handle(Event::FromHub(FromHub::NoOpinion {
        reason: "young".into(),
    }));
    world.pass(60_000);
    assert_eq!(
        world
            .heard
            .iter()
            .filter(|m| matches!(m, ToHub::Report(_)))
            .count(),
        reports
    );
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn the_hub_may_ask_for_everything() {
    let mut world = World::started();
    world.deploy(&[
        bundle("web", vec![config("a", "1")]),
        bundle("db", vec![config("b", "1")]),
    ]);
    world.pass(1_000);
    world.states.clear();
    world.handle(Event::FromHub(FromHub::ReportWanted));
    assert_eq!(world.states.len(), 2);
}

#[test]
fn a_refresh_lists_everything_and_says_so() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.silent = true;
    world.edit(&key(&a), "kubectl", |body| body["data"]["key"] = json!("x"));
    world.handle(Event::FromHub(FromHub::RefreshWanted(3)));
    assert!(world.heard.contains(&ToHub::RefreshDone(3)));
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("1")
    );
}

#[test]
fn content_that_is_something_else_is_refused_and_what_is_held_stays() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.corrupt = true;
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    let refused = world.heard.iter().find_map(|m| match m {
        ToHub::Refuse(refusal) => Some(refusal.reason),
        _ => None,
    });
    assert_eq!(refused, Some(Reason::BadDigest));
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("1")
    );
    world.corrupt = false;
    world.deploy(&[bundle("web", vec![config("a", "3")])]);
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("3")
    );
}

#[test]
fn with_the_hub_gone_drift_is_still_healed_and_reported_later() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.disconnect();
    world.pass(2_592_000_000);
    world.edit(&key(&a), "kubectl", |body| body["data"]["key"] = json!("x"));
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("1")
    );
    world.connect();
    world.pass(1_000);
    assert_eq!(world.drift("web").manager, "kubectl");
}

#[test]
fn an_agent_that_is_too_old_says_so() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    let features = ["policy-v9".to_owned()].into();
    world.handle(Event::FromHub(FromHub::UpgradeNeeded { features }));
    world.pass(200);
    assert_eq!(world.state("web").sync, Sync::UpgradeNeeded);
    assert!(world.states.contains_key(&name("web")));
}
