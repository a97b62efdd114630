//! What fails around the agent: it says so, harms nothing, and goes on when that ends.

use capstan_proto::{Health, Sync};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::hub::{Hub, State};
use crate::kinds::definition;
use crate::rules::{attention, until_synced};
use crate::sync::{all_are, config, member, namespace, path, shop, value};

fn quota(cluster: &Cluster) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": shop(cluster)},
        "spec": {"hard": {"pods": "4"}},
    })
}

async fn until_said(hub: &Hub, name: &str, words: &str) {
    hub.until(words, |state: &State| {
        attention(state)
            .any(|o| o.object.name == name && (o.reason == words || o.message.contains(words)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k2_a_webhook_that_takes_our_label_away_is_told() {
    let (cluster, hub, agent) = member("stripped").await;
    let without = json!({"metadata": {"labels": null}});
    let fault = json!({"verb": "patch", "resource": "configmaps", "namespace": shop(&cluster), "mutate": without});
    if !cluster.suffers(&fault).await {
        return agent.stop().await;
    }
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    until_said(&hub, "a", "LabelRemoved").await;
    assert_eq!(
        value(cluster.get(&path(&cluster, "a")).await.as_ref()),
        Some("1")
    );
    cluster.recovers().await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "2")],
    )]);
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("2"))
        .await;
    until_synced(&hub).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_answer_is_lost_is_not_made_twice() {
    let (cluster, hub, agent) = member("lost").await;
    let fault = json!({"verb": "patch", "resource": "configmaps", "name": "a", "abort": true, "after": true, "times": 1});
    if !cluster.suffers(&fault).await {
        return agent.stop().await;
    }
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    let made = cluster
        .until(&path(&cluster, "a"), |object| object.is_some())
        .await;
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    let now = cluster.get(&path(&cluster, "a")).await;
    let uid = |object: Option<Value>| object.map(|o| o["metadata"]["uid"].clone());
    assert_eq!(uid(now), uid(made));
    // It counts as ours: it is deleted when it is not wanted any more.
    hub.aim(&[("fleet.shop", &[namespace(&cluster)])]);
    cluster
        .until(&path(&cluster, "a"), |object| object.is_none())
        .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_server_is_obeyed_and_siblings_go_on() {
    let (cluster, hub, agent) = member("overload").await;
    let message = "the server has received too many requests and has asked us to try again later";
    let fault = json!({"verb": "patch", "resource": "configmaps", "name": "a",
        "status": 429, "message": message, "retryAfterS": 2, "times": 1});
    if !cluster.suffers(&fault).await {
        return agent.stop().await;
    }
    let began = tokio::time::Instant::now();
    let objects = [
        namespace(&cluster),
        config(&cluster, "a", "1"),
        config(&cluster, "b", "1"),
    ];
    hub.aim(&[("fleet.shop", &objects)]);
    cluster
        .until(&path(&cluster, "b"), |object| object.is_some())
        .await;
    assert!(cluster.get(&path(&cluster, "a")).await.is_none());
    cluster
        .until(&path(&cluster, "a"), |object| object.is_some())
        .await;
    assert!(
        began.elapsed() >= std::time::Duration::from_secs(2),
        "as it was asked"
    );
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_is_told_in_its_words_and_tried_again() {
    let (cluster, hub, agent) = member("webhook").await;
    let message = "Internal error occurred: failed calling webhook \"guard.example.dev\": failed to call webhook: \
        Post \"https://guard.shop.svc:443/?timeout=10s\": service \"guard\" not found";
    let fault = json!({"verb": "patch", "resource": "configmaps", "name": "a", "status": 500, "message": message});
    if !cluster.suffers(&fault).await {
        return agent.stop().await;
    }
    let objects = [
        namespace(&cluster),
        config(&cluster, "a", "1"),
        config(&cluster, "b", "1"),
    ];
    hub.aim(&[("fleet.shop", &objects)]);
    until_said(&hub, "a", "failed calling webhook \"guard.example.dev\"").await;
    cluster
        .until(&path(&cluster, "b"), |object| object.is_some())
        .await;
    cluster.recovers().await;
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_whose_conversion_webhook_is_dead_is_unknown_and_not_pruned() {
    let (cluster, hub, agent) = member("conversion").await;
    let group = format!("{}.example", cluster.namespace);
    let resource = format!("widgets.{group}");
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": {"name": "one", "namespace": shop(&cluster)}, "spec": {"size": 3}});
    let rest = [namespace(&cluster), definition(&group)];
    let with = |value: &str| [rest.as_slice(), &[config(&cluster, "a", value)]].concat();
    hub.aim(&[("fleet.shop", &[with("1"), vec![widget]].concat())]);
    let one = format!("/apis/{group}/v1/namespaces/{}/widgets/one", shop(&cluster));
    cluster.until(&one, |object| object.is_some()).await;
    until_synced(&hub).await;
    for verb in ["list", "watch"] {
        let fault = json!({"verb": verb, "resource": resource, "status": 429,
            "message": "storage is (re)initializing", "retryAfterS": 1});
        if !cluster.suffers(&fault).await {
            return agent.stop().await;
        }
    }
    cluster
        .simkube(&format!("drop-watches?resource={resource}"))
        .await;
    until_said(&hub, "one", "KindUnknown").await;
    // The other kinds go on, and what may or may not be there is not deleted.
    hub.aim(&[("fleet.shop", &with("2"))]);
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("2"))
        .await;
    hub.until("it leaves, some time", |state| {
        attention(state).any(|o| o.object.name == "one")
            && state.states.values().all(|b| b.objects_synced == b.objects)
    })
    .await;
    assert_eq!(cluster.count("delete", &resource).await, Some(0));
    cluster.recovers().await;
    cluster.until(&one, |object| object.is_none()).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_taken_away_remove_nothing() {
    let (cluster, hub, agent) = member("forbidden").await;
    hub.aim(&[(
        "fleet.shop",
        &[
            namespace(&cluster),
            quota(&cluster),
            config(&cluster, "a", "1"),
        ],
    )]);
    until_synced(&hub).await;
    for verb in ["get", "list", "watch"] {
        let fault = json!({"verb": verb, "resource": "resourcequotas", "status": 403,
            "message": "resourcequotas is forbidden"});
        if !cluster.suffers(&fault).await {
            return agent.stop().await;
        }
    }
    cluster
        .simkube("drop-watches?resource=resourcequotas")
        .await;
    until_said(&hub, "q", "KindForbidden").await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "2")],
    )]);
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("2"))
        .await;
    hub.until("it leaves, some time", |state| {
        attention(state).any(|o| o.object.name == "q")
            && state.states.values().all(|b| b.objects_synced == b.objects)
    })
    .await;
    assert_eq!(cluster.count("delete", "resourcequotas").await, Some(0));
    assert_eq!(cluster.count("patch", "resourcequotas").await, Some(1));
    cluster.recovers().await;
    let target = format!("/api/v1/namespaces/{}/resourcequotas/q", shop(&cluster));
    cluster.until(&target, |object| object.is_none()).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_on_its_way_out_is_waited_for() {
    let (cluster, hub, agent) = member("terminating").await;
    let space = format!("/api/v1/namespaces/{}", shop(&cluster));
    cluster
        .make("/api/v1/namespaces", &namespace(&cluster))
        .await;
    let mut held = config(&cluster, "held", "1");
    held["metadata"]["finalizers"] = json!(["capstan.example/hold"]);
    cluster
        .make(path(&cluster, "").trim_end_matches('/'), &held)
        .await;
    cluster.delete(&space).await;
    hub.aim(&[("fleet.shop", &[config(&cluster, "a", "1")])]);
    until_said(&hub, "a", "NamespaceTerminating").await;
    let free = json!({"metadata": {"finalizers": null}});
    cluster
        .edit(&path(&cluster, "held"), "somebody", &free)
        .await;
    cluster.until(&space, |object| object.is_none()).await;
    until_said(&hub, "a", "NamespaceMissing").await;
    cluster
        .make("/api/v1/namespaces", &namespace(&cluster))
        .await;
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("1"))
        .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_without_room_is_told_and_tried_again() {
    let (cluster, hub, agent) = member("quota").await;
    cluster
        .make("/api/v1/namespaces", &namespace(&cluster))
        .await;
    let what = "count/roles.rbac.authorization.k8s.io";
    let mut quota = quota(&cluster);
    quota["spec"]["hard"] = json!({what: "1"});
    let quotas = format!("/api/v1/namespaces/{}/resourcequotas", shop(&cluster));
    cluster.make(&quotas, &quota).await;
    // A real cluster has a controller that says so itself.
    let status = |hard: &str| json!({"status": {"hard": {what: hard}, "used": {what: "0"}}});
    cluster
        .edit(&format!("{quotas}/q/status"), "quota", &status("1"))
        .await;
    let role = |name: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": name, "namespace": shop(&cluster)}, "rules": []})
    };
    hub.aim(&[("fleet.shop", &[role("first"), role("second")])]);
    hub.until("the quota is named", |state| {
        attention(state).any(|o| o.sync == Sync::Failed && o.message.contains("exceeded quota: q"))
    })
    .await;
    let wider = json!({"spec": {"hard": {what: "5"}}});
    cluster.edit(&format!("{quotas}/q"), "admin", &wider).await;
    cluster
        .edit(&format!("{quotas}/q/status"), "quota", &status("5"))
        .await;
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_twice_are_judged_once() {
    let cluster = Cluster::start("twice").await;
    let fault = json!({"verb": "watch", "repeat": true});
    if !cluster.suffers(&fault).await {
        return;
    }
    let hub = Hub::start().await;
    let order = crate::bootstrap::order(&cluster, &hub, &hub.token());
    crate::bootstrap::bootstrap(&order).await.unwrap();
    let agent = crate::agent::Agent::start(&cluster);
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    until_synced(&hub).await;
    let changed = json!({"data": {"key": "changed"}});
    cluster
        .edit(&path(&cluster, "a"), "somebody", &changed)
        .await;
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("1"))
        .await;
    hub.until("one drift", |state| {
        let mut drifts = state.states.values().flat_map(|bundle| &bundle.drifts);
        drifts.any(|drift| drift.manager == "somebody" && drift.times == 1)
            && all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_a_gap_of_a_watch_is_found() {
    let (cluster, hub, agent) = member("gap").await;
    let objects = [
        namespace(&cluster),
        config(&cluster, "a", "1"),
        config(&cluster, "b", "1"),
    ];
    hub.aim(&[("fleet.shop", &objects)]);
    until_synced(&hub).await;
    let fault = json!({"verb": "watch", "resource": "configmaps", "status": 503});
    if !cluster.suffers(&fault).await {
        return agent.stop().await;
    }
    cluster.simkube("drop-watches?resource=configmaps").await;
    let changed = json!({"data": {"key": "changed"}});
    cluster
        .edit(&path(&cluster, "a"), "somebody", &changed)
        .await;
    cluster.delete(&path(&cluster, "b")).await;
    cluster.simkube("compact").await;
    cluster.recovers().await;
    for name in ["a", "b"] {
        cluster
            .until(&path(&cluster, name), |object| value(object) == Some("1"))
            .await;
    }
    hub.until("synced", |state| {
        all_are(state, Sync::Synced, Health::Healthy)
    })
    .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_takes_long_is_waited_for_without_a_failure() {
    let options = simkube::Options {
        crd_delay: std::time::Duration::from_secs(2),
        ..simkube::Options::default()
    };
    let (cluster, hub) = (Cluster::with("slow", options).await, Hub::start().await);
    let order = crate::bootstrap::order(&cluster, &hub, &hub.token());
    crate::bootstrap::bootstrap(&order).await.unwrap();
    let agent = crate::agent::Agent::start(&cluster);
    let group = format!("{}.example", cluster.namespace);
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget",
        "metadata": {"name": "one", "namespace": shop(&cluster)}, "spec": {"size": 3}});
    let patches = cluster.count("patch", &format!("widgets.{group}")).await;
    hub.aim(&[(
        "fleet.shop",
        &[widget, definition(&group), namespace(&cluster)],
    )]);
    // A real server is too fast for anybody to see that.
    if patches.is_some() {
        until_said(&hub, "one", "WaitingForKind").await;
    }
    until_synced(&hub).await;
    let applied = cluster.count("patch", &format!("widgets.{group}")).await;
    assert_eq!(
        applied,
        patches.map(|count| count + 1),
        "one apply, and no failed one"
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k4_a_cluster_that_was_restored_behind_a_silent_watch_is_found_and_believed() {
    let (cluster, hub, agent) = member("restored").await;
    let space = namespace(&cluster);
    hub.aim(&[("fleet.shop", &[space.clone(), config(&cluster, "a", "1")])]);
    until_synced(&hub).await;
    if cluster.count("get", "configmaps").await.is_none() {
        return agent.stop().await;
    }
    cluster.simkube("save").await;
    // What happens until the backup is restored, so that its versions are far behind.
    let other = config(&cluster, "other", "1");
    cluster
        .make(path(&cluster, "").trim_end_matches('/'), &other)
        .await;
    for n in 0..500 {
        let patch = json!({"data": {"key": n.to_string()}});
        cluster
            .edit(&path(&cluster, "other"), "somebody", &patch)
            .await;
    }
    let new = hub.aim(&[(
        "fleet.shop",
        &[
            space,
            config(&cluster, "a", "2"),
            config(&cluster, "b", "1"),
        ],
    )]);
    hub.until("accepted", |state| state.accepted == Some(new))
        .await;
    until_synced(&hub).await;
    cluster.simkube("go-back").await;
    assert_eq!(
        value(cluster.get(&path(&cluster, "a")).await.as_ref()),
        Some("1")
    );
    cluster.simkube("drop-watches").await;
    cluster
        .until(&path(&cluster, "a"), |object| value(object) == Some("2"))
        .await;
    cluster
        .until(&path(&cluster, "b"), |object| value(object) == Some("1"))
        .await;
    until_synced(&hub).await;
    agent.stop().await;
}
