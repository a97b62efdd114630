//! What an API server does to those who trust it, and what the agent makes of it: docs/api-server.md, by
//! the process itself. The rules that only the judging shows are in the core.

use capstan_proto::state::ObjectState;
use capstan_proto::{Health, Sync};
use capstan_spoke::kube::Call;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::hub::{Hub, State};
use crate::kinds::deployment;
use crate::sync::{all_are, config, member, namespace, path, shop, value};

fn web(cluster: &Cluster) -> String {
    let shop = shop(cluster);
    format!("/apis/apps/v1/namespaces/{shop}/deployments/web")
}

async fn until_synced(hub: &Hub) {
    hub.until("synced", |state| {
        !state.states.is_empty() && state.states.values().all(|b| b.sync == Sync::Synced)
    })
    .await;
}

fn attention(state: &State) -> impl Iterator<Item = &ObjectState> {
    state.states.values().flat_map(|bundle| &bundle.attention)
}

fn has_drift_by(state: &State, manager: &str) -> bool {
    let mut drifts = state.states.values().flat_map(|bundle| &bundle.drifts);
    drifts.any(|drift| drift.manager == manager)
}

#[tokio::test(flavor = "multi_thread")]
async fn k1_a_status_write_is_not_read_and_a_foreign_write_after_it_is() {
    let (cluster, hub, agent) = member("status").await;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": shop(&cluster)},
        "spec": {"hard": {"pods": "4"}},
    });
    hub.aim(&[("fleet.shop", &[namespace(&cluster), quota])]);
    until_synced(&hub).await;
    let target = format!("/api/v1/namespaces/{}/resourcequotas/q", shop(&cluster));
    let before = cluster.count("get", "resourcequotas").await;
    let used = json!({"status": {"hard": {"pods": "4"}, "used": {"pods": "1"}}});
    cluster
        .edit(
            &format!("{target}/status"),
            "kube-controller-manager",
            &used,
        )
        .await;
    let hard = json!({"spec": {"hard": {"pods": "9"}}});
    cluster.edit(&target, "somebody", &hard).await;
    // One watch tells both, in order: when the second is put right, the first was judged.
    hub.until("a drift by somebody", |state| {
        has_drift_by(state, "somebody")
    })
    .await;
    let after = cluster.count("get", "resourcequotas").await;
    // One read for the drift's report, none for the status.
    assert_eq!(after, before.map(|count| count + 1));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k3_a_removed_label_is_put_back_and_the_object_stays_the_same() {
    let (cluster, hub, agent) = member("label").await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    until_synced(&hub).await;
    let target = path(&cluster, "a");
    let uid = |object: Option<&Value>| object?.pointer("/metadata/uid").cloned();
    let before = uid(cluster.get(&target).await.as_ref());
    let without = json!({"metadata": {"labels": {"capstan.dev/bundle": null}}});
    cluster.edit(&target, "somebody", &without).await;
    let labelled = |object: Option<&Value>| {
        let label = object.and_then(|o| o.pointer("/metadata/labels/capstan.dev~1bundle"));
        label == Some(&json!("fleet.shop"))
    };
    let after = cluster.until(&target, labelled).await;
    assert_eq!(uid(after.as_ref()), before);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k6_replicas_left_to_an_autoscaler_are_not_reset() {
    let (cluster, hub, agent) = member("released").await;
    let mut scaled = deployment(&cluster);
    scaled["spec"]["replicas"] = json!(6);
    hub.aim(&[("fleet.web", &[namespace(&cluster), scaled.clone()])]);
    until_synced(&hub).await;
    let spec = scaled["spec"].as_object_mut().unwrap();
    spec.remove("replicas");
    spec.insert("minReadySeconds".to_owned(), json!(1));
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": shop(&cluster)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2, "maxReplicas": 9,
        },
    });
    hub.aim(&[("fleet.web", &[namespace(&cluster), scaled, autoscaler])]);
    let updated = |object: Option<&Value>| {
        object.and_then(|o| o.pointer("/spec/minReadySeconds")) == Some(&json!(1))
    };
    let live = cluster.until(&web(&cluster), updated).await.unwrap();
    assert_eq!(live["spec"]["replicas"], json!(6));
    until_synced(&hub).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k12_an_object_without_managers_gets_ours_back_and_no_invented_one() {
    let (cluster, hub, agent) = member("managers").await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    until_synced(&hub).await;
    let target = path(&cluster, "a");
    let none = json!([{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]);
    assert!(
        cluster
            .call(Call::json_patch(target.clone(), &none))
            .await
            .ok()
    );
    let managers = |object: Option<&Value>| {
        let entries = object.and_then(|o| o.pointer("/metadata/managedFields")?.as_array());
        let names = entries.into_iter().flatten();
        names
            .map(|entry| entry["manager"].clone())
            .collect::<Vec<_>>()
    };
    cluster
        .until(&target, |object| managers(object) == [json!("capstan")])
        .await;
    // What is dropped goes, because nobody was invented who keeps it.
    let mut fewer = config(&cluster, "a", "1");
    fewer["data"] = json!({"other": "1"});
    hub.aim(&[("fleet.shop", &[namespace(&cluster), fewer])]);
    cluster
        .until(&target, |object| {
            object.is_some_and(|object| object["data"] == json!({"other": "1"}))
        })
        .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k13_what_a_co_owner_keeps_is_reported() {
    let (cluster, hub, agent) = member("retained").await;
    let mut two = config(&cluster, "a", "1");
    two["data"]["other"] = json!("same");
    hub.aim(&[("fleet.shop", &[namespace(&cluster), two])]);
    until_synced(&hub).await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"},
        "data": {"other": "same"}});
    cluster.apply(&path(&cluster, "a"), "helm", &theirs).await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    hub.until("it is said", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
            && attention(state)
                .any(|o| o.reason == "Retained" && o.message.contains("helm keeps .data.other"))
    })
    .await;
    let live = cluster.get(&path(&cluster, "a")).await.unwrap();
    assert_eq!(live["data"], json!({"key": "1", "other": "same"}));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k13_a_container_that_somebody_added_is_reported() {
    let (cluster, hub, agent) = member("foreign").await;
    hub.aim(&[("fleet.web", &[namespace(&cluster), deployment(&cluster)])]);
    until_synced(&hub).await;
    let add = json!([{"op": "add", "path": "/spec/template/spec/containers/-",
        "value": {"name": "sidecar", "image": "proxy:1"}}]);
    let target = format!("{}?fieldManager=injector", web(&cluster));
    assert!(cluster.call(Call::json_patch(target, &add)).await.ok());
    let words = "injector added .spec.template.spec.containers[name=\"sidecar\"]";
    hub.until("it is said", |state| {
        attention(state).any(|o| o.sync == Sync::Synced && o.message.contains(words))
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k18_what_is_being_deleted_is_not_applied_and_made_anew_when_it_is_gone() {
    let (cluster, hub, agent) = member("finalizer").await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    until_synced(&hub).await;
    let target = path(&cluster, "a");
    let hold = json!({"metadata": {"finalizers": ["capstan.example/hold"]}});
    cluster.edit(&target, "somebody", &hold).await;
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
    assert!(
        cluster
            .call(Call::delete(target.clone(), &options))
            .await
            .ok()
    );
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "2")],
    )]);
    hub.until("it is said", |state| {
        state
            .states
            .values()
            .any(|bundle| bundle.sync == Sync::Applying)
            && attention(state).any(|o| o.reason == "Terminating")
    })
    .await;
    let live = cluster.get(&target).await;
    assert_eq!(value(live.as_ref()), Some("1"));
    let free = json!({"metadata": {"finalizers": null}});
    cluster.edit(&target, "somebody", &free).await;
    cluster
        .until(&target, |object| value(object) == Some("2"))
        .await;
    agent.stop().await;
}
