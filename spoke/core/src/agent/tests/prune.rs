//! Removal: only with every right to it, by UID, in reverse order.

use std::collections::BTreeSet;

use capstan_proto::delta::Approval;
use capstan_proto::policy::Removal;
use capstan_proto::{Moment, Sync};
use serde_json::json;

use super::cluster::status;
use super::world::{World, bundle, config, deployment, key, name, with_policy};
use crate::effect::Request;
use crate::event::{RemovalBudget, WatchProblem};
use crate::kind::Kind;

#[test]
fn what_the_snapshot_lacks_is_deleted_and_only_that() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    world.deploy(&[bundle("web", vec![a.clone(), b])]);
    world.calls();
    world.deploy(&[bundle("web", vec![a.clone()])]);
    assert_eq!(world.calls(), ["delete ConfigMap/b"]);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    assert_eq!(world.rows("web").into_keys().collect::<Vec<_>>(), [key(&a)]);
}

#[test]
fn a_bundle_that_leaves_goes_in_reverse_order_and_is_reported_gone() {
    let mut world = World::started();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "shop"}, "rules": []});
    world.deploy(&[
        bundle("web", vec![role, config("a", "1"), deployment("web", 1)]),
        bundle("other", vec![config("b", "1")]),
    ]);
    world.calls();
    world.deploy(&[bundle("other", vec![config("b", "1")])]);
    assert_eq!(
        world.calls(),
        [
            "delete Deployment/web",
            "delete ConfigMap/a",
            "delete Role/r"
        ]
    );
    assert!(!world.states.contains_key(&name("web")));
    assert!(!world.disk.inventory.contains_key(&name("web")));
}

#[test]
fn nothing_is_deleted_without_a_permit_for_exactly_this_snapshot() {
    let mut world = World::started();
    world.permits = false;
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.permit();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key(&b)));
    assert_eq!(world.state("web").sync, Sync::Held);
    world.permit();
    world.pass(500);
    assert!(!world.cluster.objects.contains_key(&key(&b)));
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn an_object_that_was_recreated_by_others_is_not_deleted() {
    let mut world = World::started();
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.silent = true;
    world.cluster.remove(&key(&b));
    world.cluster.create("kubectl", &b);
    world.calls();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(1_000);
    assert!(world.cluster.objects.contains_key(&key(&b)));
    assert_eq!(world.rows("web").len(), 1);
}

#[test]
fn nothing_is_deleted_while_the_rest_of_the_bundle_fails() {
    let mut world = World::started();
    world.deploy(&[bundle("web", vec![config("a", "1"), config("b", "1")])]);
    world.fault = Some(Box::new(|request| {
        matches!(request, Request::Apply { .. })
            .then(|| status(500, json!({"reason": "InternalError"})))
    }));
    world.calls();
    world.deploy(&[bundle("web", vec![config("a", "2")])]);
    world.pass(30_000);
    assert!(!world.calls().iter().any(|call| call.starts_with("delete")));
    world.fault = None;
    world.pass(61_000);
    assert!(world.calls().contains(&"delete ConfigMap/b".to_owned()));
}

#[test]
fn a_kind_that_may_not_be_listed_is_not_pruned_and_not_healthy() {
    let mut world = World::started();
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    let kind = Kind::new("", "ConfigMap");
    let detail = "no".to_owned();
    world
        .blind
        .insert(kind.clone(), WatchProblem::Forbidden { detail });
    world.relist(&kind);
    world.pass(200);
    assert_eq!(world.words("web"), "Unknown Unknown");
    world.calls();
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key(&b)));
    world.blind.clear();
    world.relist(&kind);
    world.pass(200);
    assert!(!world.cluster.objects.contains_key(&key(&b)));
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn more_than_the_clusters_own_budget_waits_for_an_approval_of_that_set() {
    let mut world = World::new();
    world.limits.removal_budget = Some(RemovalBudget {
        count: 1,
        percent: 10,
    });
    world.start();
    world.connect();
    let many: Vec<_> = (0..4).map(|i| config(&format!("c{i}"), "1")).collect();
    world.deploy(&[bundle("web", many.clone())]);
    world.deploy(&[bundle("web", vec![many[0].clone()])]);
    world.pass(60_000);
    assert_eq!(world.cluster.objects.len(), 5);
    assert!(
        world.state("web").attention[0]
            .message
            .contains("without an approval")
    );
    let set: BTreeSet<_> = many[1..].iter().map(key).collect();
    world.approvals = vec![Approval {
        removal_set: capstan_proto::removal::cluster_digest(&set),
        approver: "operator".into(),
        expires_at: Moment::from_unix_ms(i64::MAX),
    }];
    world.deploy(&[
        bundle("web", vec![many[0].clone()]),
        bundle("empty", vec![]),
    ]);
    assert_eq!(world.cluster.objects.len(), 2);
}

#[test]
fn a_namespace_goes_only_when_its_declaration_said_so_and_nobody_lives_in_it() {
    let mut world = World::started();
    let space = |confirm: bool| {
        let mut space =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
        if confirm {
            space["metadata"]["annotations"] = json!({"capstan.dev/prune": "confirm"});
        }
        space
    };
    let key_of_space = key(&space(false));
    world.deploy(&[bundle("web", vec![space(false)])]);
    world.deploy(&[]);
    world.pass(60_000);
    assert!(world.cluster.objects.contains_key(&key_of_space));
    assert_eq!(world.state("web").sync, Sync::Held);
    let mut inside = config("inside", "1");
    inside["metadata"]["namespace"] = json!("apps");
    world.deploy(&[
        bundle("web", vec![space(true)]),
        bundle("tenant", vec![inside]),
    ]);
    world.deploy(&[bundle(
        "tenant",
        vec![{
            let mut inside = config("inside", "1");
            inside["metadata"]["namespace"] = json!("apps");
            inside
        }],
    )]);
    assert!(world.cluster.objects.contains_key(&key_of_space));
    world.deploy(&[]);
    world.pass(1_000);
    assert!(!world.cluster.objects.contains_key(&key_of_space));
}

#[test]
fn an_object_that_is_let_go_stays_without_our_marks() {
    let mut world = World::started();
    let b = config("b", "1");
    let declared = |manifests| {
        with_policy(bundle("web", manifests), |policy| {
            policy.removal.object = Removal::Orphan
        })
    };
    world.deploy(&[declared(vec![config("a", "1"), b.clone()])]);
    world.deploy(&[declared(vec![config("a", "1")])]);
    let live = &world.cluster.objects[&key(&b)].body;
    assert_eq!(live["data"]["key"], json!("1"));
    assert!(!world.cluster.has_label(&key(&b)));
    assert_eq!(world.cluster.managers(&key(&b)), ["capstan-released/Apply"]);
    assert_eq!(world.rows("web").len(), 1);
}

#[test]
fn an_object_that_moves_between_bundles_is_handed_over() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    world.deploy(&[
        bundle("one", vec![a.clone(), b.clone()]),
        bundle("two", vec![]),
    ]);
    let uid = world.cluster.uid(&key(&b)).to_owned();
    world.calls();
    world.deploy(&[bundle("one", vec![a]), bundle("two", vec![b.clone()])]);
    world.pass(1_000);
    assert!(!world.calls().iter().any(|call| call.starts_with("delete")));
    assert_eq!(world.cluster.uid(&key(&b)), uid);
    assert!(world.rows("two").contains_key(&key(&b)) && !world.rows("one").contains_key(&key(&b)));
}

#[test]
fn a_deletion_that_waits_for_a_finalizer_keeps_its_row_until_it_is_done() {
    let mut world = World::started();
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    world.edit(&key(&b), "other", |body| {
        body["metadata"]["finalizers"] = json!(["x/y"])
    });
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(2_000);
    assert_eq!(world.rows("web").len(), 2);
    world.remove(&key(&b));
    world.pass(2_000);
    assert_eq!(world.rows("web").len(), 1);
}

#[test]
fn a_deletion_that_meets_another_uid_does_nothing() {
    let mut world = World::started();
    let b = config("b", "1");
    world.deploy(&[bundle("web", vec![config("a", "1"), b.clone()])]);
    let mut swap = true;
    let victim = key(&b);
    world.fault = Some(Box::new(move |request| {
        let race = matches!(request, Request::Delete { .. })
            && *request.key() == victim
            && std::mem::take(&mut swap);
        race.then(|| status(409, json!({"reason": "Conflict"})))
    }));
    world.deploy(&[bundle("web", vec![config("a", "1")])]);
    world.pass(120_000);
    assert!(
        !world.cluster.objects.contains_key(&key(&b)),
        "the same object is deleted by the next attempt"
    );
}

#[test]
fn what_is_let_go_does_not_count_against_the_budget_of_the_cluster() {
    let mut world = World::new();
    let orphans = |manifests| {
        with_policy(bundle("web", manifests), |policy| {
            policy.removal.object = Removal::Orphan
        })
    };
    let all: Vec<_> = (0..6).map(|n| config(&format!("c{n}"), "1")).collect();
    world.limits.removal_budget = Some(RemovalBudget {
        count: 1,
        percent: 0,
    });
    world.start();
    world.connect();
    world.deploy(&[orphans(all.clone())]);
    world.deploy(&[orphans(all[..1].to_vec())]);
    world.pass(1_000);
    assert_eq!(world.words("web"), "Synced Healthy");
    assert_eq!(world.rows("web").len(), 1);
    let live = world
        .cluster
        .objects
        .keys()
        .filter(|key| key.kind == "ConfigMap");
    assert_eq!(live.count(), 6, "nothing was deleted");
}
