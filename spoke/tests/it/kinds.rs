//! Kinds that need an order, a status, or care.

use capstan_proto::{Health, Sync};
use capstan_spoke::bootstrap::Rights;
use capstan_spoke::kube::Call;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::bootstrap::{bootstrap, order};
use crate::cluster::Cluster;
use crate::hub::Hub;
use crate::sync::{all_are, member, namespace, shop};

pub(crate) fn definition(group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
                }}},
            }],
        },
    })
}

pub(crate) fn deployment(cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": shop(cluster)},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}]},
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_resource_follows_its_definition_in_one_snapshot() {
    let (cluster, hub, agent) = member("custom").await;
    let group = format!("{}.example", cluster.namespace);
    let widget = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": {"name": "one", "namespace": shop(&cluster)},
        "spec": {"size": 3},
    });
    let began = std::time::Instant::now();
    hub.aim(&[(
        "fleet.widgets",
        &[widget, definition(&group), namespace(&cluster)],
    )]);
    let path = format!("/apis/{group}/v1/namespaces/{}/widgets/one", shop(&cluster));
    let size = |object: Option<&Value>| object?.pointer("/spec/size")?.as_i64();
    cluster.until(&path, |object| size(object) == Some(3)).await;
    tracing::info!(
        ms = began.elapsed().as_millis(),
        "definition and resource are there"
    );

    let patch = json!({"spec": {"size": 4}});
    let target = format!("{path}?fieldManager=somebody");
    hub.until("synced", |state| {
        state
            .states
            .values()
            .all(|bundle| bundle.sync == Sync::Synced && bundle.objects_synced == 3)
    })
    .await;
    assert!(cluster.call(Call::merge_patch(target, &patch)).await.ok());
    cluster.until(&path, |object| size(object) == Some(3)).await;
    hub.aim(&[]);
    cluster.until(&path, |object| object.is_none()).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_a_deployment_is_healed_with_both_values_and_the_author() {
    let (cluster, hub, agent) = member("scale").await;
    hub.aim(&[("fleet.web", &[namespace(&cluster), deployment(&cluster)])]);
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/web",
        shop(&cluster)
    );
    cluster.until(&path, |object| object.is_some()).await;
    hub.until("synced", |state| {
        state
            .states
            .values()
            .any(|bundle| bundle.sync == Sync::Synced && bundle.objects_synced == 2)
    })
    .await;
    let scale = json!({"spec": {"replicas": 5}});
    let target = format!("{path}/scale?fieldManager=kubectl");
    let began = std::time::Instant::now();
    assert!(cluster.call(Call::merge_patch(target, &scale)).await.ok());
    let replicas = |object: Option<&Value>| object?.pointer("/spec/replicas")?.as_i64();
    cluster
        .until(&path, |object| replicas(object) == Some(2))
        .await;
    tracing::info!(ms = began.elapsed().as_millis(), "the scale is healed");
    hub.until("a drift with both values", |state| {
        state
            .states
            .values()
            .flat_map(|bundle| &bundle.drifts)
            .any(|drift| {
                drift.manager == "kubectl"
                    && drift
                        .fields
                        .iter()
                        .any(|field| field.path == ".spec.replicas")
            })
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_healed_and_its_values_stay_home() {
    let (cluster, hub, agent) = member("secret").await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "db", "namespace": shop(&cluster)},
        "data": {"password": "aHVudGVyMg=="},
    });
    hub.aim(&[("fleet.db", &[namespace(&cluster), secret])]);
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    let path = format!("/api/v1/namespaces/{}/secrets/db", shop(&cluster));
    let patch = json!({"data": {"password": "Y2hhbmdlZA=="}});
    let target = format!("{path}?fieldManager=somebody");
    assert!(cluster.call(Call::merge_patch(target, &patch)).await.ok());
    let password = |object: Option<&Value>| {
        object?
            .pointer("/data/password")?
            .as_str()
            .map(str::to_owned)
    };
    cluster
        .until(&path, |object| {
            password(object).as_deref() == Some("aHVudGVyMg==")
        })
        .await;
    hub.until("a drift", |state| {
        state
            .states
            .values()
            .any(|bundle| !bundle.drifts.is_empty())
    })
    .await;
    let words = hub.words();
    for value in ["aHVudGVyMg", "Y2hhbmdlZA", "hunter2"] {
        assert!(!words.contains(value), "{words}");
    }
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_waits_and_takes_over() {
    let (cluster, hub, first) = member("lease").await;
    hub.until("a session", |state| state.open == 1).await;
    let second = Agent::start(&cluster);
    let lease = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases/capstan-spoke",
        cluster.namespace
    );
    let holder = |object: Option<&Value>| {
        object?
            .pointer("/spec/holderIdentity")?
            .as_str()
            .map(str::to_owned)
    };
    let before = holder(cluster.get(&lease).await.as_ref()).unwrap();
    first.stop().await;
    hub.until("another session", |state| {
        state.sessions == 2 && state.open == 1
    })
    .await;
    let after = holder(cluster.get(&lease).await.as_ref()).unwrap();
    assert_ne!(before, after);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_rights_suffice_for_namespaced_kinds_and_say_so_for_others() {
    let (cluster, hub) = (Cluster::start("rights").await, Hub::start().await);
    let mut order = order(&cluster, &hub, &hub.token());
    order.asked.rights = Some(Rights::Namespaced);
    bootstrap(&order).await.unwrap();
    let space = namespace(&cluster);
    let made = cluster.call(Call::post("/api/v1/namespaces", &space)).await;
    assert!(made.ok(), "{made:?}");
    let agent = Agent::start(&cluster);
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": format!("{}-role", cluster.namespace)},
        "rules": [],
    });
    hub.aim(&[
        ("fleet.web", &[deployment(&cluster)]),
        ("fleet.roles", &[role]),
    ]);
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/web",
        shop(&cluster)
    );
    cluster.until(&path, |object| object.is_some()).await;
    hub.until("the role is refused in words", |state| {
        state
            .states
            .values()
            .flat_map(|bundle| &bundle.attention)
            .any(|object| {
                object.object.kind == "ClusterRole" && object.message.contains("forbidden")
            })
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_needs_for_itself_its_own_role_gives_it() {
    let (cluster, hub) = (Cluster::start("own").await, Hub::start().await);
    let mut order = order(&cluster, &hub, &hub.token());
    order.asked.rights = Some(Rights::Namespaced);
    bootstrap(&order).await.unwrap();
    let role = format!(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}:capstan-spoke",
        cluster.namespace
    );
    let only = json!([{"op": "replace", "path": "/rules", "value": [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]}]);
    let narrowed = cluster.call(Call::json_patch(role, &only)).await;
    assert!(narrowed.ok(), "{narrowed:?}");
    let agent = Agent::start(&cluster);
    hub.until("a session", |state| state.open == 1).await;
    let map = |name: &str| format!("/api/v1/namespaces/{}/configmaps/{name}", cluster.namespace);
    cluster
        .until(&map("capstan-spoke-status"), |status| {
            let phase = status.and_then(|s| s.pointer("/data/phase")?.as_str());
            phase == Some("Connected")
        })
        .await;
    hub.aim(&[("fleet.web", &[deployment(&cluster)])]);
    hub.until(
        "the snapshot is stored, and the workload forbidden",
        |state| {
            let mut objects = state.states.values().flat_map(|bundle| &bundle.attention);
            objects.any(|object| {
                object.object.kind == "Deployment" && object.message.contains("forbid")
            })
        },
    )
    .await;
    let frozen = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"frozen": "true"},
        "metadata": {"name": "capstan-spoke-policy", "namespace": cluster.namespace}});
    let maps = map("");
    let made = cluster
        .call(Call::post(maps.trim_end_matches('/'), &frozen))
        .await;
    assert!(made.ok(), "{made:?}");
    hub.until("the limits are followed", |state| {
        let mut objects = state.states.values().flat_map(|bundle| &bundle.attention);
        objects.any(|object| object.reason == "Frozen")
    })
    .await;
    agent.stop().await;
}
