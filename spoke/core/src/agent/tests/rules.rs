//! The rules that guard against harm, one by one.

use capstan_proto::drift::Outcome;
use capstan_proto::{Health, Sync};
use serde_json::json;

use super::world::{World, bundle, config, deployment, key};
use crate::effect::{Effect, Request};
use crate::event::Event;
use crate::kind::Kind;

#[test]
fn k1_a_rewritten_value_under_an_unchanged_entry_is_found_by_its_generation() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.calls();
    world
        .cluster
        .rewrite(&key(&web), |body| body["spec"]["replicas"] = json!(5));
    world.handle(Event::Tick);
    assert_eq!(world.calls(), ["force Deployment/web"]);
    world.pass(200);
    assert_eq!(world.drift("web").fields[0].path, ".spec.replicas");
}

#[test]
fn k1_a_rewritten_value_without_generation_costs_one_read() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.calls();
    world
        .cluster
        .rewrite(&key(&a), |body| body["data"]["key"] = json!("x"));
    world.handle(Event::Tick);
    assert_eq!(world.calls(), ["get ConfigMap/a", "force ConfigMap/a"]);
}

#[test]
fn k1_reads_because_a_version_moved_are_rate_limited() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.calls();
    for round in 0..50 {
        world.edit(&key(&a), "other", |body| {
            body["metadata"]["annotations"]["n"] = json!(round.to_string())
        });
        world.pass(100);
    }
    assert_eq!(world.calls(), ["get ConfigMap/a"]);
    world.pass(10_000);
    assert_eq!(world.calls(), ["get ConfigMap/a"]);
}

#[test]
fn k3_a_removed_label_is_no_deletion() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    let uid = world.cluster.uid(&key(&a)).to_owned();
    world.calls();
    world.edit(&key(&a), "kubectl", |body| {
        body["metadata"]["labels"]
            .as_object_mut()
            .unwrap()
            .remove("capstan.dev/bundle");
    });
    assert_eq!(world.calls(), ["get ConfigMap/a", "force ConfigMap/a"]);
    assert!(world.cluster.has_label(&key(&a)));
    assert_eq!(world.cluster.uid(&key(&a)), uid);
    world.pass(200);
    assert_eq!(
        world.drift("web").fields[0].path,
        ".metadata.labels.capstan.dev/bundle"
    );
}

#[test]
fn k3_a_relist_asks_for_every_object_that_it_lacks() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone(), config("b", "1")])]);
    world.silent = true;
    world.remove(&key(&a));
    world.calls();
    world.relist(&crate::kind::Kind::new("", "ConfigMap"));
    assert_eq!(world.calls(), ["get ConfigMap/a", "apply ConfigMap/a"]);
}

#[test]
fn k10_every_apply_to_a_known_object_carries_its_uid() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    world.edit(&key(&a), "kubectl", |body| body["data"]["key"] = json!("x"));
    let uid = world.cluster.uid(&key(&a)).to_owned();
    let bodies: Vec<_> = world
        .requests
        .iter()
        .filter_map(|request| match request {
            Request::Apply { manifest, .. } => Some(manifest["metadata"].get("uid").cloned()),
            _ => None,
        })
        .collect();
    assert_eq!(bodies, [None, Some(json!(uid)), Some(json!(uid))]);
}

#[test]
fn k10_an_object_recreated_by_others_is_healed_and_never_deleted() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.silent = true;
    world.cluster.remove(&key(&a));
    let mut theirs = config("a", "theirs");
    theirs["metadata"]["labels"] = json!({"capstan.dev/bundle": "main.web"});
    world.cluster.create("kubectl", &theirs);
    world.speak();
    world.pass(1_000);
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("1")
    );
    assert_eq!(world.drift("web").outcome, Outcome::Healed);
    assert_eq!(world.drift("web").manager, "kubectl");
    world.deploy(&[bundle("web", vec![])]);
    world.pass(1_000);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    assert!(!world.cluster.has_label(&key(&a)));
}

#[test]
fn k12_an_entry_that_is_gone_is_applied_again() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.cluster.drop_managers(&key(&a));
    world.calls();
    world.handle(Event::Tick);
    assert_eq!(world.calls(), ["get ConfigMap/a", "force ConfigMap/a"]);
    assert_eq!(world.cluster.managers(&key(&a)), ["capstan/Apply"]);
}

#[test]
fn k15_an_event_that_beats_the_answer_is_ours() {
    let mut world = World::started();
    let a = config("a", "1");
    world.early = true;
    world.deploy(&[bundle("web", vec![a])]);
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    assert_eq!(world.calls(), ["apply ConfigMap/a", "apply ConfigMap/a"]);
    assert_eq!(world.words("web"), "Synced Healthy");
    assert!(world.state("web").drifts.is_empty());
}

#[test]
fn k16_a_completed_job_may_vanish() {
    let mut world = World::started();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "shop"},
        "spec": {"ttlSecondsAfterFinished": 1, "template": {}}});
    world.deploy(&[bundle("web", vec![job.clone()])]);
    world.status(
        &key(&job),
        json!({"conditions": [{"type": "Complete", "status": "True"}]}),
    );
    world.pass(1_000);
    world.remove(&key(&job));
    world.pass(5_000);
    assert!(!world.cluster.objects.contains_key(&key(&job)));
    assert_eq!(world.words("web"), "Synced Healthy");
    world.start();
    world.pass(5_000);
    assert!(
        !world.cluster.objects.contains_key(&key(&job)),
        "not after a restart either"
    );
}

#[test]
fn k17_rules_of_an_aggregated_role_are_its_controllers() {
    let mut world = World::started();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"},
        "aggregationRule": {"clusterRoleSelectors": []}, "rules": []});
    world.deploy(&[bundle("web", vec![role.clone()])]);
    world.calls();
    world.edit(&key(&role), "clusterrole-aggregation-controller", |body| {
        body["rules"] = json!([{"verbs": ["get"]}])
    });
    world.pass(20_000);
    assert!(world.applies().is_empty());
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn k18_an_object_that_is_being_deleted_is_not_applied_but_made_anew() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.edit(&key(&a), "other", |body| {
        body["metadata"]["finalizers"] = json!(["x/y"])
    });
    world.pass(20_000);
    world.calls();
    world.cluster.begin_deletion(&key(&a));
    world.handle(Event::Tick);
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    assert!(world.applies().is_empty());
    let state = world.state("web");
    assert_eq!(
        (state.sync, state.health),
        (Sync::Applying, Health::Progressing)
    );
    world.remove(&key(&a));
    world.pass(1_000);
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("2")
    );
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn k21_every_deletion_names_the_uid_of_the_inventory() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    let uid = world.cluster.uid(&key(&a)).to_owned();
    world.deploy(&[bundle("web", vec![])]);
    let named = world.effects.iter().any(|effect| {
        matches!(effect, Effect::Call { request: Request::Delete { uid: named, .. }, .. } if *named == uid)
    });
    assert!(named);
}

#[test]
fn k2_a_label_that_is_stripped_on_admission_is_a_failure_in_words() {
    let mut world = World::started();
    world.cluster.strips_labels = true;
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(200);
    let state = world.state("web");
    assert_eq!(
        (state.sync, state.attention[0].reason.as_str()),
        (Sync::Failed, "LabelRemoved")
    );
}

#[test]
fn k1_a_secret_that_may_have_moved_gets_one_forced_apply_and_no_read_of_its_values() {
    let mut world = World::started();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}, "data": {"p": "MQ=="}});
    world.deploy(&[bundle("web", vec![secret.clone()])]);
    world.pass(20_000);
    world.calls();
    world
        .cluster
        .rewrite(&key(&secret), |body| body["data"]["p"] = json!("Mg=="));
    world.handle(Event::Tick);
    assert_eq!(world.calls(), ["force Secret/s"]);
    assert_eq!(
        world.cluster.objects[&key(&secret)].body["data"]["p"],
        json!("MQ==")
    );
    world.handle(Event::ClusterRestored);
    world.relist(&crate::kind::Kind::new("", "Secret"));
    world.pass(30_000);
    assert_eq!(world.words("web"), "Synced Healthy");
}

fn quota() -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
        "spec": {"hard": {"pods": "4"}}})
}

#[test]
fn k1_a_status_write_costs_nothing_on_a_kind_without_generation() {
    let mut world = World::started();
    let quota = quota();
    world.deploy(&[bundle("web", vec![quota.clone()])]);
    world.pass(20_000);
    world.calls();
    for pods in 0..5 {
        world.status(&key(&quota), json!({"used": {"pods": pods.to_string()}}));
        world.pass(20_000);
    }
    assert_eq!(world.calls(), [] as [&str; 0]);
    world.cluster.rewrite(&key(&quota), |body| {
        body["spec"]["hard"]["pods"] = json!("9")
    });
    world.handle(Event::Tick);
    assert_eq!(
        world.calls(),
        ["get ResourceQuota/q", "force ResourceQuota/q"]
    );
}

#[test]
fn k1_a_rewritten_value_is_found_though_a_status_write_was_seen_after_it() {
    let mut world = World::started();
    let quota = quota();
    world.deploy(&[bundle("web", vec![quota.clone()])]);
    world.pass(20_000);
    world.slow = true;
    let mut wider = quota.clone();
    wider["spec"]["hard"]["pods"] = json!("5");
    world.want(&[bundle("web", vec![wider])]);
    world.pass(1_000);
    world.calls();
    world.cluster.rewrite(&key(&quota), |body| {
        body["spec"]["hard"]["pods"] = json!("9")
    });
    world.status(&key(&quota), json!({"used": {"pods": "1"}}));
    assert_eq!(world.calls(), [] as [&str; 0]);
    world.slow = false;
    world.answer_all();
    assert_eq!(
        world.calls(),
        ["get ResourceQuota/q", "force ResourceQuota/q"]
    );
}

#[test]
fn k19_what_goes_with_its_definition_is_not_made_anew_before_its_kind_is_back() {
    let mut world = World::started();
    let widget = json!({"apiVersion": "w.example/v1", "kind": "Widget",
        "metadata": {"name": "one", "namespace": "shop"}, "spec": {"size": 1}});
    world.deploy(&[bundle("web", vec![widget.clone()])]);
    world.pass(1_000);
    world.calls();
    let kind = Kind::of(&key(&widget));
    world.leaving.insert(kind);
    world.remove(&key(&widget));
    world.pass(20_000);
    assert!(world.applies().is_empty());
    assert_eq!(world.state("web").attention[0].reason, "KindUnknown");
    // A new snapshot changes nothing about that.
    world.deploy(&[bundle("web", vec![widget.clone(), config("a", "1")])]);
    assert_eq!(world.applies(), ["ConfigMap/a"]);
    world.leaving.clear();
    world.pass(20_000);
    assert_eq!(world.applies(), ["Widget/one"]);
    // Where the kind stays, nobody notices the question.
    world.remove(&key(&widget));
    assert_eq!(world.calls(), ["get Widget/one", "apply Widget/one"]);
}

#[test]
fn k24_an_object_that_only_carries_our_label_is_nobodys_business() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.calls();
    let mut forged = config("forged", "1");
    forged["metadata"]["labels"] = json!({"capstan.dev/bundle": "main.web"});
    let forged = world.cluster.create("kubectl", &forged);
    world.handle(Event::Tick);
    world.relist(&Kind::new("", "ConfigMap"));
    world.deploy(&[bundle("web", vec![])]);
    world.pass(20_000);
    assert_eq!(world.calls(), ["delete ConfigMap/a"]);
    assert!(world.cluster.objects.contains_key(&forged));
}

#[test]
fn k25_a_change_without_a_time_happened_when_it_was_seen() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.pass(20_000);
    world.cluster.untimed = true;
    world.edit(&key(&web), "kubectl-scale", |body| {
        body["spec"]["replicas"] = json!(5)
    });
    let seen_at = world.now;
    world.pass(200);
    let drift = world.drift("web");
    assert_eq!(drift.manager, "kubectl-scale");
    assert_eq!(drift.changed_at, seen_at);
}

#[test]
fn k1_a_status_write_does_not_end_a_reported_drift() {
    let mut world = World::started();
    let quota = quota();
    world.deploy(&[super::world::with_policy(
        bundle("web", vec![quota.clone()]),
        |policy| policy.drift.mode = capstan_proto::policy::DriftMode::Report,
    )]);
    world.pass(20_000);
    world.cluster.rewrite(&key(&quota), |body| {
        body["spec"]["hard"]["pods"] = json!("9")
    });
    world.handle(Event::Tick);
    world.pass(20_000);
    assert_eq!(world.state("web").sync, Sync::Drifted);
    world.status(&key(&quota), json!({"used": {"pods": "1"}}));
    world.pass(60_000);
    assert_eq!(
        world.cluster.objects[&key(&quota)].body["spec"]["hard"]["pods"],
        json!("9")
    );
    let outcome = world.drift("web").outcome;
    assert_eq!(
        (world.state("web").sync, outcome),
        (Sync::Drifted, Outcome::Reported)
    );
}

#[test]
fn k1_a_status_write_does_not_hide_a_write_that_waits_to_be_read() {
    let mut world = World::started();
    let quota = quota();
    world.deploy(&[bundle("web", vec![quota.clone()])]);
    world.pass(20_000);
    for (pods, after) in [("8", 500), ("9", 500)] {
        world.cluster.rewrite(&key(&quota), |body| {
            body["spec"]["hard"]["pods"] = json!(pods)
        });
        world.handle(Event::Tick);
        world.pass(after);
    }
    world.status(&key(&quota), json!({"used": {"pods": "1"}}));
    world.pass(60_000);
    assert_eq!(
        world.cluster.objects[&key(&quota)].body["spec"]["hard"]["pods"],
        json!("4")
    );
}

#[test]
fn an_excerpt_leaves_out_what_is_not_there() {
    use crate::managed_fields::{Step, excerpt};
    let path = ["spec", "b", "c"].map(|name| Step::Field(name.to_owned()));
    let live = json!({"spec": {"a": 1}});
    assert_eq!(excerpt(&live, &[path.to_vec()]), json!({}));
}
