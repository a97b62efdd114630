//! Drift: healed at once, named exactly, fought only so often.

use capstan_proto::drift::{Outcome, Values};
use capstan_proto::policy::{DriftMode, IgnoreRule};
use capstan_proto::{Health, Sync};
use serde_json::json;

use super::world::{World, bundle, config, deployment, key, with_policy};
use crate::effect::Effect;

fn shown(declared: &str, live: Option<&str>) -> Values {
    Values::Shown {
        declared: Some(declared.to_owned()),
        live: live.map(ToOwned::to_owned),
    }
}

#[test]
fn a_scaled_deployment_is_healed_at_once_and_the_report_says_who_and_what() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.make_ready(&key(&web));
    world.pass(60_000);
    world.calls();
    let at = world.now;
    world.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(5)
    });
    assert_eq!(world.calls(), ["force Deployment/web"]);
    assert_eq!(
        world.cluster.objects[&key(&web)].body["spec"]["replicas"],
        json!(2)
    );
    world.make_ready(&key(&web));
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
    let drift = world.drift("web");
    assert_eq!(
        (drift.manager.as_str(), drift.operation.as_str()),
        ("kubectl", "Update")
    );
    assert_eq!(drift.fields[0].path, ".spec.replicas");
    assert_eq!(drift.fields[0].values, shown("2", Some("5")));
    assert_eq!((drift.outcome, drift.times), (Outcome::Healed, 1));
    assert_eq!(drift.changed_at.unix_ms(), at.unix_ms() / 1000 * 1000);
}

#[test]
fn a_changed_config_map_is_read_once_then_healed() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.calls();
    world.edit(&key(&a), "kubectl-edit", |body| {
        body["data"].as_object_mut().unwrap().remove("key");
    });
    assert_eq!(world.calls(), ["get ConfigMap/a", "force ConfigMap/a"]);
    world.pass(200);
    assert_eq!(world.drift("web").fields[0].values, shown("\"1\"", None));
    assert_eq!(world.drift("web").manager, "kubectl-edit");
}

#[test]
fn who_took_what_is_reported_before_the_api_server_answers() {
    let mut world = World::started();
    let (a, web) = (config("a", "1"), deployment("web", 2));
    world.deploy(&[bundle("web", vec![a.clone(), web.clone()])]);
    world.make_ready(&key(&web));
    world.pass(60_000);
    world.slow = true;
    world.edit(&key(&a), "kubectl-edit", |body| {
        body["data"]["key"] = json!("2")
    });
    world.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(5)
    });
    world.pass(100);
    let state = world.state("web");
    assert_eq!(state.sync, Sync::Drifted);
    let said = |kind: &str| {
        let of = |a: &&capstan_proto::state::ObjectState| a.object.kind == kind;
        let found = state.attention.iter().find(of);
        found.map(|a| (a.reason.as_str(), a.message.as_str()))
    };
    assert_eq!(
        said("ConfigMap"),
        Some(("Drifted", "kubectl-edit took .data.key"))
    );
    assert_eq!(
        said("Deployment"),
        Some(("Drifted", "kubectl took .spec.replicas"))
    );
    assert!(state.drifts.is_empty());
    world.slow = false;
    world.answer_all();
    world.pass(200);
    assert_eq!(world.state("web").sync, Sync::Synced);
    assert_eq!(world.state("web").drifts.len(), 2);
}

#[test]
fn foreign_fields_and_status_cost_nothing() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.make_ready(&key(&web));
    world.calls();
    world.status(&key(&web), json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2, "note": "x"}));
    world.edit(&key(&web), "other", |body| {
        body["metadata"]["annotations"]["theirs"] = json!("1")
    });
    assert_eq!(world.calls(), [] as [&str; 0]);
    assert_eq!(world.words("web"), "Synced Progressing");
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_deleted_object_is_made_anew_after_its_intent_is_durable() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    let before = world.cluster.uid(&key(&a)).to_owned();
    world.calls();
    world.effects.clear();
    world.remove(&key(&a));
    assert_eq!(world.calls(), ["get ConfigMap/a", "apply ConfigMap/a"]);
    let write = world
        .effects
        .iter()
        .position(|e| matches!(e, Effect::WriteInventory { .. }))
        .unwrap();
    let apply = world
        .effects
        .iter()
        .rposition(|e| matches!(e, Effect::Call { .. }))
        .unwrap();
    assert!(write < apply);
    assert_ne!(world.cluster.uid(&key(&a)), before);
    world.pass(1_000);
    assert_eq!(world.words("web"), "Synced Healthy");
    let drift = world.drift("web");
    assert_eq!(
        (drift.operation.as_str(), drift.outcome, drift.fields.len()),
        ("Delete", Outcome::Healed, 0)
    );
    world.deploy(&[bundle("web", vec![])]);
    assert!(
        !world.cluster.objects.contains_key(&key(&a)),
        "what we made anew is ours to remove"
    );
}

#[test]
fn an_object_that_somebody_keeps_changing_is_left_alone_for_a_while() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.make_ready(&key(&web));
    world.calls();
    for round in 0..6 {
        world.edit(&key(&web), "scaler", |body| {
            body["spec"]["replicas"] = json!(10 + round)
        });
        world.pass(1_000);
    }
    assert_eq!(
        world.applies().len(),
        3,
        "three heals in ten minutes, then no more"
    );
    let state = world.state("web");
    assert_eq!(
        (state.sync, state.attention[0].reason.as_str()),
        (Sync::Conflict, "Fought")
    );
    let message = &state.attention[0].message;
    assert!(
        message.starts_with("scaler keeps changing .spec.replicas; it is left alone until "),
        "{message}"
    );
    assert_eq!(state.drifts[0].outcome, Outcome::Fought);
    world.pass(60_000);
    assert_eq!(world.applies().len(), 1, "it is tried again after a minute");
    world.pass(1_000);
    assert_eq!(world.state("web").sync, Sync::Synced);
}

#[test]
fn a_deletion_is_healed_at_once_though_its_fields_are_fought_over() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.make_ready(&key(&web));
    for round in 0..5 {
        world.edit(&key(&web), "scaler", |body| {
            body["spec"]["replicas"] = json!(10 + round)
        });
        world.pass(500);
    }
    assert_eq!(world.state("web").attention[0].reason, "Fought");
    world.calls();
    world.remove(&key(&web));
    assert_eq!(
        world.calls(),
        ["get Deployment/web", "apply Deployment/web"]
    );
    world.make_ready(&key(&web));
    world.pass(500);
    assert_eq!(world.words("web"), "Synced Healthy");
    world.calls();
    world.edit(&key(&web), "scaler", |body| {
        body["spec"]["replicas"] = json!(7)
    });
    world.pass(500);
    assert_eq!(world.applies(), [] as [&str; 0], "that fight still rests");
    assert_eq!(world.state("web").attention[0].reason, "Fought");
}

#[test]
fn deletions_do_not_use_up_what_heals_of_fields_are_allowed() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    for _ in 0..5 {
        world.remove(&key(&a));
        world.pass(11_000);
    }
    world.calls();
    world.edit(&key(&a), "kubectl-edit", |body| {
        body["data"].as_object_mut().unwrap().remove("key");
    });
    assert_eq!(world.applies(), ["ConfigMap/a!"]);
    world.pass(200);
    assert_eq!(world.state("web").sync, Sync::Synced);
}

#[test]
fn somebody_who_deletes_again_and_again_is_slowed_down_and_reported() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.calls();
    for _ in 0..20 {
        if world.cluster.objects.contains_key(&key(&a)) {
            world.remove(&key(&a));
        }
        world.pass(1_000);
    }
    assert_eq!(world.applies().len(), 10);
    let state = world.state("web");
    let first = &state.attention[0];
    assert_eq!(
        (state.sync, first.reason.as_str()),
        (Sync::Conflict, "Fought")
    );
    assert!(
        first.message.starts_with("somebody keeps deleting it")
            && first.message.contains("made anew at"),
        "{}",
        first.message
    );
    assert_eq!(state.drifts[0].outcome, Outcome::Fought);
    world.pass(60_000);
    assert_eq!(
        world.applies(),
        ["ConfigMap/a"],
        "it is made anew after a minute"
    );
    world.pass(1_000);
    assert_eq!(world.state("web").sync, Sync::Synced);
}

#[test]
fn a_fight_over_our_label_names_who_takes_it_away() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    for _ in 0..4 {
        world.edit(&key(&web), "injector", |body| {
            body["metadata"]["labels"]
                .as_object_mut()
                .unwrap()
                .remove("capstan.dev/bundle");
        });
        world.pass(1_000);
    }
    let message = &world.state("web").attention[0].message;
    assert!(
        message.starts_with("injector keeps changing .metadata.labels;"),
        "{message}"
    );
}

#[test]
fn a_bundle_that_only_asks_for_a_report_is_not_written() {
    let mut world = World::started();
    let web = deployment("web", 2);
    let declared = with_policy(bundle("web", vec![web.clone()]), |policy| {
        policy.drift.mode = DriftMode::Report
    });
    world.deploy(&[declared]);
    world.calls();
    world.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(5)
    });
    assert_eq!(world.calls(), ["dry-run Deployment/web"]);
    world.pass(200);
    assert_eq!(world.state("web").sync, Sync::Drifted);
    assert_eq!(world.drift("web").outcome, Outcome::Reported);
    assert_eq!(world.drift("web").fields[0].values, shown("2", Some("5")));
    assert_eq!(
        world.cluster.objects[&key(&web)].body["spec"]["replicas"],
        json!(5)
    );
    world.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(2)
    });
    world.pass(20_000);
    assert_eq!(world.state("web").sync, Sync::Synced);
}

#[test]
fn an_ignored_field_that_others_own_is_left_out_and_left_alone() {
    let mut world = World::started();
    let web = deployment("web", 2);
    let declared = |image: &str| {
        let mut web = deployment("web", 2);
        web["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        with_policy(bundle("web", vec![web]), |policy| {
            policy.drift.ignore.push(IgnoreRule {
                fields: vec!["spec.replicas".into()],
                ..IgnoreRule::default()
            });
        })
    };
    world.deploy(&[declared("app:1")]);
    world.calls();
    world.edit(&key(&web), "scaler", |body| {
        body["spec"]["replicas"] = json!(7)
    });
    assert_eq!(world.calls(), [] as [&str; 0]);
    world.deploy(&[declared("app:2")]);
    assert_eq!(world.applies(), ["Deployment/web"]);
    assert_eq!(
        world.cluster.objects[&key(&web)].body["spec"]["replicas"],
        json!(7)
    );
    world.pass(200);
    assert_eq!(world.state("web").sync, Sync::Synced);
}

#[test]
fn drift_and_a_new_declaration_at_once_are_settled_by_force_for_what_was_ours() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.silent = true;
    world.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(5)
    });
    world.calls();
    world.deploy(&[bundle("web", vec![deployment("web", 3)])]);
    assert_eq!(world.applies(), ["Deployment/web", "Deployment/web!"]);
    assert_eq!(
        world.cluster.objects[&key(&web)].body["spec"]["replicas"],
        json!(3)
    );
}

#[test]
fn values_of_a_secret_never_leave_the_core() {
    let mut world = World::started();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {"p": "aHVudGVyMg=="}});
    world.deploy(&[bundle("web", vec![secret.clone()])]);
    world.pass(20_000);
    world.calls();
    world.edit(&key(&secret), "kubectl", |body| {
        body["data"]["p"] = json!("b3RoZXI=")
    });
    assert_eq!(
        world.calls(),
        ["force Secret/s"],
        "a live Secret is never read"
    );
    world.pass(200);
    let drift = world.drift("web");
    assert_eq!(drift.fields[0].values, Values::Redacted);
    assert_eq!(drift.fields[0].path, ".data.p");
    let heard = format!("{:?}", world.heard);
    assert!(!heard.contains("aHVudGVyMg") && !heard.contains("b3RoZXI"));
    for effect in &world.effects {
        if let Effect::Log(_) | Effect::Emit(_) | Effect::WriteInventory { .. } = effect {
            assert!(!format!("{effect:?}").contains("aHVudGVyMg"));
        }
    }
    assert_eq!(world.state("web").health, Health::Healthy);
}
