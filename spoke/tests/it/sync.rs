//! From an offer to objects, and back again when somebody changes them.

use capstan_proto::{Health, Sync};
use capstan_spoke::kube::Call;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::bootstrap::{bootstrap, order};
use crate::cluster::Cluster;
use crate::hub::{Hub, State};

pub(crate) async fn member(test: &str) -> (Cluster, Hub, Agent) {
    let (cluster, hub) = (Cluster::start(test).await, Hub::start().await);
    bootstrap(&order(&cluster, &hub, &hub.token()))
        .await
        .unwrap();
    let agent = Agent::start(&cluster);
    (cluster, hub, agent)
}

pub(crate) fn namespace(cluster: &Cluster) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop(cluster)}})
}

pub(crate) fn shop(cluster: &Cluster) -> String {
    format!("{}-shop", cluster.namespace)
}

pub(crate) fn config(cluster: &Cluster, name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": shop(cluster)},
        "data": {"key": value},
    })
}

pub(crate) fn path(cluster: &Cluster, name: &str) -> String {
    format!("/api/v1/namespaces/{}/configmaps/{name}", shop(cluster))
}

pub(crate) fn value(object: Option<&Value>) -> Option<&str> {
    object?.pointer("/data/key")?.as_str()
}

pub(crate) fn all_are(state: &State, sync: Sync, health: Health) -> bool {
    !state.states.is_empty()
        && state
            .states
            .values()
            .all(|bundle| bundle.sync == sync && bundle.health == health)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_applied_changed_and_pruned() {
    let (cluster, hub, agent) = member("sync").await;
    let space = namespace(&cluster);
    let first = hub.aim(&[(
        "fleet.shop",
        &[
            space.clone(),
            config(&cluster, "a", "1"),
            config(&cluster, "b", "1"),
        ],
    )]);
    hub.until("accepted", |state| state.accepted == Some(first))
        .await;
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    assert_eq!(
        value(cluster.get(&path(&cluster, "a")).await.as_ref()),
        Some("1")
    );

    let served = hub.shared.lock().served;
    hub.aim(&[(
        "fleet.shop",
        &[
            space.clone(),
            config(&cluster, "a", "2"),
            config(&cluster, "b", "1"),
        ],
    )]);
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("2"))
        .await;
    assert_eq!(
        hub.shared.lock().served,
        served + 1,
        "one changed object moves one object"
    );

    hub.aim(&[("fleet.shop", &[space, config(&cluster, "a", "2")])]);
    cluster
        .until(&path(&cluster, "b"), |object| object.is_none())
        .await;
    assert_eq!(
        value(cluster.get(&path(&cluster, "a")).await.as_ref()),
        Some("2")
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_healed_and_reported_with_the_hub_away_too() {
    let (cluster, mut hub, agent) = member("drift").await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;

    let patch = json!({"data": {"key": "changed"}});
    let target = format!("{}?fieldManager=somebody", path(&cluster, "a"));
    assert!(
        cluster
            .call(Call::merge_patch(target.clone(), &patch))
            .await
            .ok()
    );
    hub.until("a drift by somebody", |state| {
        state
            .states
            .values()
            .flat_map(|bundle| &bundle.drifts)
            .any(|drift| drift.manager == "somebody")
    })
    .await;
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("1"))
        .await;

    hub.kill();
    assert!(
        cluster
            .call(Call::merge_patch(target.clone(), &patch))
            .await
            .ok()
    );
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("1"))
        .await;
    agent.stop().await;

    // A new process, and still no hub.
    let agent = Agent::start(&cluster);
    assert!(cluster.call(Call::merge_patch(target, &patch)).await.ok());
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("1"))
        .await;

    let (accepted, served) = {
        let state = hub.shared.lock();
        (state.accepted, state.served)
    };
    hub.revive().await;
    hub.until("a session", |state| {
        state.open == 1 && all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    assert_eq!(
        hub.shared.lock().served,
        served,
        "not one object is sent again"
    );
    assert_eq!(hub.shared.lock().accepted, accepted);
    agent.stop().await;
}
