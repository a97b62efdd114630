//! Bringing a snapshot about: order, isolation, waits, conflicts.

use std::collections::BTreeSet;

use capstan_proto::Sync;
use capstan_proto::policy::{Adopt, OnConflict};
use serde_json::json;

use super::cluster::{namespace, status};
use super::world::{World, bundle, config, deployment, key, name, with_policy};
use crate::effect::{Effect, Request};
use crate::kind::Kind;

#[test]
fn the_first_apply_goes_in_order_and_the_intent_is_written_first() {
    let mut world = World::started();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "r", "namespace": "apps"}, "rules": []});
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    let mut web = deployment("web", 1);
    web["metadata"]["namespace"] = json!("apps");
    let mut settings = config("settings", "1");
    settings["metadata"]["namespace"] = json!("apps");
    world.deploy(&[bundle("web", vec![web, settings, role, space])]);
    assert_eq!(
        world.applies(),
        [
            "Namespace/apps",
            "Role/r",
            "ConfigMap/settings",
            "Deployment/web"
        ]
    );
    let first_call = world
        .effects
        .iter()
        .position(|e| matches!(e, Effect::Call { .. }));
    let intent = world
        .effects
        .iter()
        .position(|e| matches!(e, Effect::WriteInventory { rows, .. } if rows.len() == 4));
    assert!(intent.unwrap() < first_call.unwrap());
    let rows = world.rows("web");
    assert_eq!(rows.len(), 4);
    assert!(
        rows.values()
            .all(|row| row.uid.is_some() && row.digest.is_some())
    );
}

#[test]
fn a_bundle_is_healthy_only_when_its_pods_are_ready() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.make_ready(&key(&web));
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_deployment_whose_pods_never_become_ready_is_degraded_after_the_bundles_timeout() {
    let mut world = World::started();
    let web = deployment("web", 2);
    let declared = with_policy(bundle("web", vec![web]), |policy| {
        policy.health_timeout_ms = Some(60_000)
    });
    world.deploy(&[declared]);
    world.pass(58_000);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.pass(2_000);
    assert_eq!(world.words("web"), "Synced Degraded");
}

#[test]
fn one_changed_object_is_one_apply_and_one_fetch() {
    let mut world = World::started();
    let many = |value: &str| {
        let mut manifests: Vec<_> = (0..20).map(|i| config(&format!("c{i}"), "1")).collect();
        manifests[7] = config("c7", value);
        vec![bundle("web", manifests)]
    };
    world.deploy(&many("1"));
    assert_eq!(world.applies().len(), 20);
    world.fetched = 0;
    world.deploy(&many("2"));
    assert_eq!(world.applies(), ["ConfigMap/c7"]);
    assert_eq!(world.fetched, 1);
    assert_eq!(world.words("web"), "Synced Healthy");
    world.pass(10_000);
    assert_eq!(world.calls(), [] as [&str; 0]);
}

#[test]
fn a_bad_object_does_not_stop_its_siblings() {
    let mut world = World::started();
    let bad = config("bad", "1");
    let refused = key(&bad);
    world.fault = Some(Box::new(move |request| {
        (*request.key() == refused).then(|| {
            status(
                422,
                json!({"reason": "Invalid", "details": {"causes": [{"field": "data"}]}}),
            )
        })
    }));
    world.deploy(&[bundle(
        "web",
        vec![bad.clone(), config("good", "1"), deployment("web", 1)],
    )]);
    assert!(world.applies().contains(&"Deployment/web".to_owned()));
    let state = world.state("web");
    assert_eq!((state.sync, state.objects_synced), (Sync::Failed, 2));
    assert_eq!(state.attention[0].object, key(&bad));
    world.fault = None;
    world.pass(120_000);
    assert_eq!(world.state("web").objects_synced, 3);
}

#[test]
fn a_server_that_is_away_is_tried_again() {
    let mut world = World::started();
    let mut failures = 3;
    world.fault = Some(Box::new(move |_| {
        failures -= 1;
        (failures >= 0).then(|| status(503, json!({"reason": "ServiceUnavailable"})))
    }));
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(60_000);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn an_unanswered_creation_is_looked_at_before_it_is_tried_again() {
    let mut world = World::started();
    let a = config("a", "1");
    let mut first = true;
    let mut real = world.cluster.clone();
    world.fault = Some(Box::new(move |request| {
        let lost = matches!(request, Request::Apply { .. }) && std::mem::take(&mut first);
        lost.then(|| {
            let _executed = real.answer(request);
            crate::outcome::Outcome::Ambiguous {
                detail: "timeout".to_owned(),
            }
        })
    }));
    world.deploy(&[bundle("web", vec![a])]);
    world.pass(5_000);
    assert_eq!(world.calls()[..2], ["apply ConfigMap/a", "get ConfigMap/a"]);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn custom_resources_wait_until_their_kind_is_served() {
    let mut world = World::started();
    let kind = Kind::new("shop.example", "Basket");
    world.unserved.insert(kind);
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "baskets.shop.example"},
        "spec": {"group": "shop.example", "names": {"kind": "Basket", "plural": "baskets"}}});
    let basket = json!({"apiVersion": "shop.example/v1", "kind": "Basket", "metadata": {"name": "b", "namespace": "shop"}, "spec": {"size": 1}});
    world.deploy(&[bundle("web", vec![basket, definition])]);
    assert_eq!(
        world.applies(),
        ["CustomResourceDefinition/baskets.shop.example"]
    );
    assert_eq!(world.state("web").attention[0].reason, "WaitingForKind");
    world.unserved.clear();
    world.pass(6_000);
    assert_eq!(world.applies(), ["Basket/b"]);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.pass(60_000);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn objects_wait_for_a_namespace_of_the_snapshot_and_only_they() {
    let mut world = World::started();
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    let mut inside = config("inside", "1");
    inside["metadata"]["namespace"] = json!("apps");
    let mut refuse = true;
    world.fault = Some(Box::new(move |request| {
        let refused = request.key().kind == "Namespace" && std::mem::take(&mut refuse);
        refused.then(|| status(503, json!({"reason": "ServiceUnavailable"})))
    }));
    world.want(&[bundle("web", vec![space, inside, config("outside", "1")])]);
    world.pass(0);
    assert_eq!(world.applies(), ["Namespace/apps", "ConfigMap/outside"]);
    world.pass(5_000);
    assert_eq!(world.applies(), ["Namespace/apps", "ConfigMap/inside"]);
}

#[test]
fn waves_wait_for_the_health_of_earlier_waves() {
    let mut world = World::started();
    let first = deployment("first", 1);
    let mut second = config("second", "1");
    second["metadata"]["annotations"] = json!({"capstan.dev/wave": "1"});
    world.deploy(&[bundle("web", vec![first.clone(), second])]);
    assert_eq!(world.applies(), ["Deployment/first"]);
    assert_eq!(world.state("web").reason, "WaitingForWave");
    world.make_ready(&key(&first));
    assert_eq!(world.applies(), ["ConfigMap/second"]);
}

#[test]
fn a_dependency_is_waited_for_and_then_everything_goes_at_once() {
    let mut world = World::started();
    let base = deployment("base", 1);
    let top = with_policy(bundle("top", vec![config("top", "1")]), |policy| {
        policy.depends_on = BTreeSet::from([name("base")]);
    });
    world.deploy(&[top, bundle("base", vec![base.clone()])]);
    assert_eq!(world.applies(), ["Deployment/base"]);
    assert_eq!(world.state("top").sync, Sync::WaitingForDependency);
    world.make_ready(&key(&base));
    assert_eq!(world.applies(), ["ConfigMap/top"]);
    world.pass(200);
    assert_eq!(world.words("top"), "Synced Healthy");
}

#[test]
fn a_newer_snapshot_cancels_a_wait() {
    let mut world = World::started();
    let base = deployment("base", 1);
    let top = with_policy(bundle("top", vec![config("top", "1")]), |policy| {
        policy.depends_on = BTreeSet::from([name("base")]);
    });
    world.deploy(&[top, bundle("base", vec![base.clone()])]);
    world.applies();
    world.deploy(&[
        bundle("top", vec![config("top", "2")]),
        bundle("base", vec![base]),
    ]);
    assert_eq!(world.applies(), ["ConfigMap/top"]);
}

#[test]
fn a_field_that_somebody_else_holds_is_a_conflict_that_names_him() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.edit(&key(&a), "helm", |body| {
        body["data"]["extra"] = json!("theirs")
    });
    let mut wanted = a;
    wanted["data"]["extra"] = json!("ours");
    world.deploy(&[bundle("web", vec![wanted.clone()])]);
    let state = world.state("web");
    assert_eq!(
        (state.sync, state.attention[0].message.as_str()),
        (Sync::Conflict, "helm owns .data.extra")
    );
    let forced = with_policy(bundle("web", vec![wanted]), |policy| {
        policy.conflict = OnConflict::Force
    });
    world.applies();
    world.deploy(&[forced]);
    world.pass(60_000);
    assert!(world.applies().contains(&"ConfigMap/a!".to_owned()));
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_foreign_object_is_left_exactly_as_it_was() {
    let mut world = World::started();
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"theirs": "1"}});
    let foreign = world.cluster.create("kubectl", &foreign);
    let before = world.cluster.objects[&foreign].body.clone();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    assert_eq!(world.cluster.objects[&foreign].body, before);
    assert_eq!(world.cluster.managers(&foreign), ["kubectl/Update"]);
    let state = world.state("web");
    assert_eq!(
        (state.sync, state.attention[0].reason.as_str()),
        (Sync::Conflict, "AlreadyExists")
    );
    world.deploy(&[bundle("web", vec![])]);
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&foreign));
    assert!(!world.calls().iter().any(|call| call.starts_with("delete")));
}

#[test]
fn a_foreign_object_that_says_what_we_say_is_adopted() {
    let mut world = World::started();
    let a = config("a", "1");
    let foreign = world.cluster.create("kubectl", &a);
    world.deploy(&[bundle("web", vec![a])]);
    assert_eq!(world.words("web"), "Synced Healthy");
    world.deploy(&[bundle("web", vec![])]);
    assert!(!world.cluster.objects.contains_key(&foreign));
}

#[test]
fn a_policy_may_take_any_foreign_object_or_none() {
    for (adopt, sync) in [
        (Adopt::Always, Sync::Synced),
        (Adopt::Never, Sync::Conflict),
    ] {
        let mut world = World::started();
        world.cluster.create(
            "kubectl",
            &config("a", if adopt == Adopt::Never { "1" } else { "theirs" }),
        );
        let declared = with_policy(bundle("web", vec![config("a", "1")]), |policy| {
            policy.adopt = adopt
        });
        world.deploy(&[declared]);
        assert_eq!(world.state("web").sync, sync);
    }
}

#[test]
fn a_terminating_namespace_is_waited_for_without_a_busy_loop() {
    let mut world = World::started();
    world.fault = Some(Box::new(|request| {
        let terminating = json!({"reason": "Forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}});
        matches!(request, Request::Apply { .. }).then(|| status(403, terminating))
    }));
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(600_000);
    assert!(world.applies().len() < 60);
    assert_eq!(
        world.state("web").attention[0].reason,
        "NamespaceTerminating"
    );
    world.fault = None;
    world.pass(61_000);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn an_immutable_field_is_said_once_and_not_tried_for_ever() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.fault = Some(Box::new(|request| {
        let status_ = json!({"reason": "Invalid", "message": "data: field is immutable", "details": {"causes": [{"field": "data"}]}});
        matches!(request, Request::Apply { .. }).then(|| status(422, status_))
    }));
    world.applies();
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    world.pass(600_000);
    assert_eq!(world.applies().len(), 1);
    assert_eq!(world.state("web").attention[0].reason, "Immutable");
}

#[test]
fn calls_under_way_are_bounded_and_watch_events_meanwhile_are_ours() {
    let mut world = World::started();
    world.slow = true;
    let manifests: Vec<_> = (0..50).map(|i| config(&format!("c{i}"), "1")).collect();
    world.deploy(&[bundle("web", manifests)]);
    let mut most = 0;
    loop {
        let answered = world.answer_all();
        most = most.max(answered);
        if answered == 0 {
            break;
        }
    }
    assert_eq!(most, 8);
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
    assert_eq!(world.applies().len(), 50);
}

#[test]
fn a_frozen_cluster_is_not_written_and_says_so() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.limits.frozen = true;
    world.pass(1_000);
    world.start();
    world.connect();
    world.calls();
    world.edit(&key(&a), "kubectl", |body| body["data"]["key"] = json!("x"));
    world.deploy(&[bundle("web", vec![config("a", "2"), config("b", "1")])]);
    assert!(world.calls().iter().all(|call| call.starts_with("get")));
    assert_eq!(world.state("web").sync, Sync::Held);
    assert_eq!(world.state("web").reason, "Frozen");
}

#[test]
fn a_namespace_that_vanishes_is_made_again_with_everything_in_it() {
    let mut world = World::started();
    let mut a = config("a", "1");
    a["metadata"]["namespace"] = json!("apps");
    let asked = with_policy(bundle("web", vec![a.clone()]), |policy| {
        policy.create_namespace = Some("apps".into());
    });
    world.deploy(&[asked]);
    world.cluster.remove(&namespace("apps"));
    world.remove(&key(&a));
    world.pass(5_000);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn an_object_that_was_given_up_is_tried_again_when_it_is_gone() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.fault = Some(Box::new(|request| {
        let details = json!({"causes": [{"field": "data"}]});
        let refusal =
            json!({"reason": "Invalid", "message": "field is immutable", "details": details});
        matches!(request, Request::Apply { .. }).then(|| status(422, refusal))
    }));
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    world.fault = None;
    world.remove(&key(&a));
    world.pass(2_000);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_namespace_that_a_bundle_asks_for_is_made_first_and_is_no_object_of_it() {
    let mut world = World::started();
    let mut a = config("a", "1");
    a["metadata"]["namespace"] = json!("apps");
    let asked = with_policy(bundle("web", vec![a]), |policy| {
        policy.create_namespace = Some("apps".into())
    });
    world.deploy(&[asked]);
    assert_eq!(
        world.applies(),
        ["capstan-namespace:Namespace/apps!", "ConfigMap/a"]
    );
    assert_eq!(world.rows("web").len(), 1);
    assert_eq!(
        world.cluster.managers(&namespace("apps")),
        ["capstan-namespace/Apply"]
    );
    world.deploy(&[]);
    assert!(world.cluster.objects.contains_key(&namespace("apps")));
}

#[test]
fn a_namespace_that_the_agent_may_not_make_is_a_failure_with_two_ways_out() {
    let mut world = World::started();
    let mut a = config("a", "1");
    a["metadata"]["namespace"] = json!("apps");
    let asked = with_policy(bundle("web", vec![a]), |policy| {
        policy.create_namespace = Some("apps".into())
    });
    world.fault = Some(Box::new(|request| {
        let makes = matches!(request, Request::Apply { .. }) && request.key().kind == "Namespace";
        let message = "namespaces \"apps\" is forbidden: User \"system:serviceaccount:capstan-system:capstan-spoke\" \
            cannot patch resource \"namespaces\" in API group \"\" in the namespace \"apps\"";
        makes.then(|| status(403, json!({"reason": "Forbidden", "message": message})))
    }));
    world.deploy(&[asked]);
    world.pass(120_000);
    let state = world.state("web");
    assert_eq!(
        (state.sync, state.reason.as_str()),
        (Sync::Failed, "Forbidden")
    );
    assert_eq!(
        state.message,
        "namespace apps does not exist, and system:serviceaccount:capstan-system:capstan-spoke may not make it: \
         run `spoke bootstrap` again with `--rights platform`, or make it with `kubectl create namespace apps`"
    );
    world.cluster.create(
        "kubectl",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}),
    );
    world.pass(16_000);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_policy_that_forbids_a_namespace_speaks_for_itself() {
    let mut world = World::started();
    let mut a = config("a", "1");
    a["metadata"]["namespace"] = json!("apps");
    let asked = with_policy(bundle("web", vec![a]), |policy| {
        policy.create_namespace = Some("apps".into())
    });
    world.fault = Some(Box::new(|request| {
        let makes = matches!(request, Request::Apply { .. }) && request.key().kind == "Namespace";
        let denial = json!({"reason": "Forbidden", "message": "names begin with team-"});
        makes.then(|| status(403, denial))
    }));
    world.deploy(&[asked]);
    world.pass(1_000);
    let state = world.state("web");
    assert_eq!(state.reason, "Forbidden");
    assert!(
        state.message.ends_with("names begin with team-"),
        "{}",
        state.message
    );
    assert!(!state.message.contains("--rights"), "{}", state.message);
}
