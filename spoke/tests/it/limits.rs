//! What the cluster's administrator says counts at once, and nothing is made in the agent's own namespace.

use capstan_proto::{Health, Sync};
use capstan_spoke::kube::Call;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::hub::State;
use crate::sync::{all_are, member, namespace, shop};

fn config(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
    })
}

fn path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps/{name}")
}

fn is_held(state: &State) -> bool {
    state
        .states
        .values()
        .any(|bundle| bundle.sync == Sync::Held)
}

async fn freeze(cluster: &Cluster) {
    let mut policy = config(&cluster.namespace, "capstan-spoke-policy");
    policy["data"] = json!({"frozen": "true"});
    let call = Call::post(path(&cluster.namespace, ""), &policy);
    assert!(cluster.call(call).await.ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_counts_without_a_restart_until_it_is_taken_back() {
    let (cluster, hub, agent) = member("freeze").await;
    let shop = shop(&cluster);
    let mut objects = vec![namespace(&cluster)];
    hub.aim(&[("fleet.shop", &objects)]);
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;

    freeze(&cluster).await;
    let mut last = String::new();
    // Those that are made before the agent heard of it prove nothing.
    for n in 0..100 {
        last = format!("c{n}");
        objects.push(config(&shop, &last));
        let triple = hub.aim(&[("fleet.shop", &objects)]);
        hub.until("held or made", |state| {
            let made = state.accepted == Some(triple);
            is_held(state) || (made && all_are(state, Sync::Synced, Health::Healthy))
        })
        .await;
        if is_held(&hub.shared.lock()) {
            break;
        }
    }
    hub.until("held", is_held).await;
    assert_eq!(cluster.get(&path(&shop, &last)).await, None);

    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
    let policy = path(&cluster.namespace, "capstan-spoke-policy");
    assert!(cluster.call(Call::delete(policy, &options)).await.ok());
    cluster
        .until(&path(&shop, &last), |object| object.is_some())
        .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_makes_nothing_in_the_agents_own_namespace() {
    let (cluster, hub, agent) = member("own").await;
    let mut policy = config(&cluster.namespace, "capstan-spoke-policy");
    policy["data"] = json!({"frozen": "true"});
    hub.aim(&[("fleet.shop", &[policy])]);
    hub.until("refused in words", |state| {
        let mut lines = state.states.values().flat_map(|bundle| &bundle.attention);
        lines.any(|line| line.sync == Sync::Failed && line.reason == "OwnNamespace")
    })
    .await;
    let policy = path(&cluster.namespace, "capstan-spoke-policy");
    assert_eq!(cluster.get(&policy).await, None);
    agent.stop().await;
}
