//! What is ignored and what others hold beside us: given up without a change, and never silent.

use capstan_proto::Sync;
use capstan_proto::policy::IgnoreRule;
use serde_json::{Value, json};

use super::world::{Declared, World, bundle, config, deployment, key, with_policy};

/// A Deployment whose replicas are nobody's drift; `replicas`: as declared, or not declared.
fn scaled(replicas: Option<i64>, image: &str) -> Declared {
    let mut web = deployment("web", replicas.unwrap_or_default());
    if replicas.is_none() {
        web["spec"].as_object_mut().unwrap().remove("replicas");
    }
    web["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    with_policy(bundle("web", vec![web]), |policy| {
        policy.drift.ignore.push(IgnoreRule {
            fields: vec!["spec.replicas".into()],
            ..IgnoreRule::default()
        });
    })
}

fn replicas(world: &World) -> Value {
    let web = key(&deployment("web", 0));
    world.cluster.objects[&web].body["spec"]["replicas"].clone()
}

#[test]
fn k6_an_ignored_field_that_is_not_declared_any_more_keeps_its_value() {
    let mut world = World::started();
    world.deploy(&[scaled(Some(6), "app:1")]);
    world.calls();
    world.deploy(&[scaled(None, "app:1")]);
    assert_eq!(
        world.applies(),
        ["capstan-released:Deployment/web", "Deployment/web"]
    );
    assert_eq!(replicas(&world), json!(6));
    let web = key(&deployment("web", 0));
    assert_eq!(
        world.cluster.managers(&web),
        ["capstan/Apply", "capstan-released/Apply"]
    );
    world.deploy(&[scaled(None, "app:2")]);
    assert_eq!(world.applies(), ["Deployment/web"]);
    assert_eq!(replicas(&world), json!(6));
    world.pass(200);
    assert_eq!(world.state("web").attention.len(), 1, "its pods only");
}

#[test]
fn k6_an_autoscaler_that_comes_with_the_change_takes_over_where_we_stopped() {
    let mut world = World::started();
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    world.deploy(&[bundle("web", vec![deployment("web", 6)])]);
    let mut web = deployment("web", 6);
    web["spec"].as_object_mut().unwrap().remove("replicas");
    world.calls();
    world.deploy(&[bundle("web", vec![web.clone(), autoscaler])]);
    let calls = world.calls();
    let of_web: Vec<_> = calls
        .iter()
        .filter(|c| c.ends_with("/web") && c.contains("Dep"))
        .collect();
    assert_eq!(
        of_web,
        [
            "get Deployment/web",
            "apply Deployment/web",
            "apply Deployment/web"
        ]
    );
    assert_eq!(replicas(&world), json!(6));
    world.edit(&key(&web), "kube-controller-manager", |body| {
        body["spec"]["replicas"] = json!(9)
    });
    world.pass(20_000);
    assert_eq!(replicas(&world), json!(9));
    assert!(world.applies().is_empty());
}

#[test]
fn k6_what_is_declared_and_ignored_is_left_as_it_is_by_an_update_and_by_a_heal() {
    let mut world = World::started();
    world.deploy(&[scaled(Some(2), "app:1")]);
    let web = key(&deployment("web", 0));
    // Nobody's entry says so: a webhook rewrote it.
    world
        .cluster
        .rewrite(&web, |body| body["spec"]["replicas"] = json!(5));
    world.edit(&web, "kubectl", |body| {
        body["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:x")
    });
    let image = &world.cluster.objects[&web].body["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(image["image"], json!("app:1"));
    assert_eq!(replicas(&world), json!(5));
    world.deploy(&[scaled(Some(3), "app:2")]);
    assert_eq!(replicas(&world), json!(5));
}

#[test]
fn k6_a_field_that_is_not_ignored_any_more_is_ours_again() {
    let mut world = World::started();
    world.deploy(&[scaled(Some(6), "app:1")]);
    world.deploy(&[scaled(None, "app:1")]);
    world.deploy(&[bundle("web", vec![deployment("web", 3)])]);
    world.pass(1_000);
    assert_eq!(replicas(&world), json!(3));
    let web = key(&deployment("web", 0));
    assert_eq!(world.cluster.managers(&web), ["capstan/Apply"]);
    assert_eq!(world.state("web").sync, Sync::Synced);
}

#[test]
fn k13_a_key_that_a_co_owner_keeps_is_reported_until_he_lets_go() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world
        .cluster
        .co_own(&key(&a), "helm", &json!({"data": {"other": "same"}}));
    world.pass(20_000);
    let mut fewer = a.clone();
    fewer["data"].as_object_mut().unwrap().remove("other");
    world.deploy(&[bundle("web", vec![fewer])]);
    assert_eq!(world.words("web"), "Synced Healthy");
    let said = &world.state("web").attention[0];
    assert_eq!(
        (said.reason.as_str(), said.message.as_str()),
        (
            "Retained",
            "helm keeps .data.other: declared before, and not any more"
        )
    );
    assert!(
        world
            .state("web")
            .message
            .contains("helm keeps .data.other")
    );
    world.start();
    world.connect();
    world.pass(1_000);
    assert_eq!(world.state("web").attention[0].reason, "Retained");
    world.edit(&key(&a), "helm", |body| {
        drop(body["data"].as_object_mut().unwrap().remove("other"))
    });
    world.pass(20_000);
    assert_eq!(world.state("web").attention, []);
    assert_eq!(world.state("web").message, "");
}

#[test]
fn k13_an_item_that_somebody_added_to_our_list_is_reported() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.make_ready(&key(&web));
    world.calls();
    world.edit(&key(&web), "kubectl-edit", |body| {
        let containers = &mut body["spec"]["template"]["spec"]["containers"];
        containers
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "sidecar", "image": "s:1"}));
    });
    assert!(world.applies().is_empty());
    world.make_ready(&key(&web));
    world.pass(200);
    assert_eq!(world.words("web"), "Synced Healthy");
    let said = &world.state("web").attention[0];
    assert_eq!(
        (said.reason.as_str(), said.message.as_str()),
        (
            "Foreign",
            "kubectl-edit added .spec.template.spec.containers[name=\"sidecar\"]: not declared"
        )
    );
    world.edit(&key(&web), "kubectl-edit", |body| {
        let containers = &mut body["spec"]["template"]["spec"]["containers"];
        containers.as_array_mut().unwrap().truncate(1);
    });
    world.make_ready(&key(&web));
    world.pass(200);
    assert_eq!(world.state("web").attention, []);
}

#[test]
fn k13_a_renamed_container_is_healed_and_its_twin_is_reported() {
    let mut world = World::started();
    let web = deployment("web", 2);
    world.deploy(&[bundle("web", vec![web.clone()])]);
    world.edit(&key(&web), "kubectl-edit", |body| {
        body["spec"]["template"]["spec"]["containers"][0]["name"] = json!("renamed")
    });
    world.make_ready(&key(&web));
    world.pass(200);
    let containers =
        &world.cluster.objects[&key(&web)].body["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_array().unwrap().len(), 2, "both run");
    let said = &world.state("web").attention[0];
    assert_eq!(said.reason, "Foreign");
    assert!(
        said.message.contains("kubectl-edit added"),
        "{}",
        said.message
    );
}

#[test]
fn k6_a_container_that_leaves_takes_along_what_was_released_of_it() {
    let mut world = World::started();
    let declared = |side: bool, image: &str| {
        let mut web = deployment("web", 2);
        let containers = &mut web["spec"]["template"]["spec"]["containers"];
        containers[0]["image"] = json!(image);
        if side {
            let side = json!({"name": "side", "image": "side:1"});
            containers.as_array_mut().unwrap().push(side);
        }
        with_policy(bundle("web", vec![web]), |policy| {
            policy.drift.ignore.push(IgnoreRule {
                fields: vec!["spec.template.spec.containers[*].image".into()],
                ..IgnoreRule::default()
            });
        })
    };
    let web = key(&deployment("web", 0));
    world.deploy(&[declared(true, "app:1")]);
    world.deploy(&[declared(true, "app:2")]);
    assert_eq!(
        world.cluster.managers(&web),
        ["capstan/Apply", "capstan-released/Apply"]
    );
    world.deploy(&[declared(false, "app:2")]);
    let containers = &world.cluster.objects[&web].body["spec"]["template"]["spec"]["containers"];
    assert_eq!(*containers, json!([{"name": "main", "image": "app:1"}]));
}

#[test]
fn k12_the_entry_that_a_server_invents_keeps_nothing_that_we_drop() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[bundle("web", vec![a.clone()])]);
    world.cluster.invents = true;
    world.cluster.drop_managers(&key(&a));
    world.handle(crate::event::Event::Tick);
    world.pass(20_000);
    assert_eq!(world.cluster.managers(&key(&a)), ["capstan/Apply"]);
    assert_eq!(world.state("web").attention, []);
    let mut fewer = a.clone();
    fewer["data"].as_object_mut().unwrap().remove("other");
    world.deploy(&[bundle("web", vec![fewer])]);
    let data = &world.cluster.objects[&key(&a)].body["data"];
    assert_eq!(*data, json!({"key": "1"}));
}
