//! What an API server does to those who trust it, and what the agent makes of it: docs/api-server.md, by
//! the process itself. The rules that only the judging shows are in the core.

use capstan_proto::state::ObjectState;
use capstan_proto::{Health, Sync};
use capstan_spoke::kube::Call;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::hub::{Hub, State};
use crate::kinds::{definition, deployment};
use crate::sync::{all_are, config, member, namespace, path, shop, value};

fn web(cluster: &Cluster) -> String {
    let shop = shop(cluster);
    format!("/apis/apps/v1/namespaces/{shop}/deployments/web")
}

pub(crate) async fn until_synced(hub: &Hub) {
    hub.until("synced", |state| {
        !state.states.is_empty() && state.states.values().all(|b| b.sync == Sync::Synced)
    })
    .await;
}

pub(crate) fn attention(state: &State) -> impl Iterator<Item = &ObjectState> {
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
    cluster.delete(&target).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn k17_the_rules_of_an_aggregated_role_are_left_to_its_controller() {
    let (cluster, hub, agent) = member("aggregated").await;
    let name = |what: &str| format!("{}-{what}", cluster.namespace);
    let role = |what: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name(what)}, "rules": []})
    };
    let (mut whole, mut part) = (role("whole"), role("part"));
    whole["aggregationRule"] =
        json!({"clusterRoleSelectors": [{"matchLabels": {"of": name("whole")}}]});
    part["metadata"]["labels"] = json!({"of": name("whole")});
    part["rules"] = json!([{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]);
    // Only who may do everything may write such a role.
    let everything = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name("everything")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "capstan-spoke", "namespace": cluster.namespace}],
    });
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    cluster.make(bindings, &everything).await;
    hub.aim(&[("fleet.roles", &[whole.clone(), part.clone()])]);
    let roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    let target = format!("{roles}/{}", name("whole"));
    let has_rules = |object: Option<&Value>| {
        object.is_some_and(|o| o["rules"].as_array().is_some_and(|rules| !rules.is_empty()))
    };
    cluster.until(&target, has_rules).await;
    until_synced(&hub).await;
    // An update of ours leaves them, too.
    whole["metadata"]["annotations"] = json!({"capstan.example/n": "1"});
    hub.aim(&[("fleet.roles", &[whole, part])]);
    let updated = |object: Option<&Value>| {
        let annotation = |o: &Value| o["metadata"]["annotations"]["capstan.example/n"] == "1";
        object.is_some_and(annotation)
    };
    let live = cluster.until(&target, updated).await;
    assert!(has_rules(live.as_ref()), "{live:#?}");
    until_synced(&hub).await;
    assert!(
        hub.shared
            .lock()
            .states
            .values()
            .all(|b| b.drifts.is_empty())
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k19_what_went_with_its_definition_comes_back_with_it() {
    let (cluster, hub, agent) = member("leaving").await;
    let group = format!("{}.example", cluster.namespace);
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    cluster.make(definitions, &definition(&group)).await;
    let widgets = format!("/apis/{group}/v1/namespaces/{}/widgets", shop(&cluster));
    let widget = |name: &str| {
        json!({"apiVersion": format!("{group}/v1"), "kind": "Widget",
            "metadata": {"name": name, "namespace": shop(&cluster)}, "spec": {"size": 3}})
    };
    hub.aim(&[("fleet.widgets", &[namespace(&cluster), widget("ours")])]);
    let ours = format!("{widgets}/ours");
    cluster.until(&ours, |object| object.is_some()).await;
    until_synced(&hub).await;
    // Somebody else's keeps the definition on its way out.
    let mut held = widget("held");
    held["metadata"]["finalizers"] = json!(["capstan.example/hold"]);
    cluster.make(&widgets, &held).await;
    let applies = cluster.count("patch", &format!("widgets.{group}")).await;
    cluster
        .delete(&format!("{definitions}/widgets.{group}"))
        .await;
    hub.until("its kind is unknown", |state| {
        attention(state).any(|o| o.object.kind == "Widget" && o.reason == "KindUnknown")
    })
    .await;
    assert!(cluster.get(&ours).await.is_none());
    assert_eq!(
        cluster.count("patch", &format!("widgets.{group}")).await,
        applies
    );
    let free = json!({"metadata": {"finalizers": null}});
    cluster
        .edit(&format!("{widgets}/held"), "somebody", &free)
        .await;
    let gone = format!("{definitions}/widgets.{group}");
    cluster.until(&gone, |object| object.is_none()).await;
    cluster.make(definitions, &definition(&group)).await;
    cluster.until(&ours, |object| object.is_some()).await;
    until_synced(&hub).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k24_an_inventory_is_an_apply_set_parent_that_kubectl_leaves_alone() {
    let (cluster, hub, agent) = member("parent").await;
    hub.aim(&[(
        "fleet.shop",
        &[namespace(&cluster), config(&cluster, "a", "1")],
    )]);
    until_synced(&hub).await;
    let secrets = format!("/api/v1/namespaces/{}/secrets", cluster.namespace);
    let all = cluster.get(&secrets).await.unwrap();
    let metadata = all["items"].as_array().into_iter().flatten();
    let metadata = metadata.map(|secret| &secret["metadata"]);
    let id = |m: &&Value| m["labels"].get("applyset.kubernetes.io/id").is_some();
    let parents: Vec<_> = metadata.filter(id).collect();
    assert_eq!(parents.len(), 1, "one parent a bundle");
    let annotation =
        |name: &str| &parents[0]["annotations"][format!("applyset.kubernetes.io/{name}")];
    assert_eq!(annotation("tooling"), "capstan/v1");
    assert_eq!(annotation("contains-group-kinds"), "ConfigMap,Namespace");
    let live = cluster.get(&path(&cluster, "a")).await.unwrap();
    let labels = live["metadata"]["labels"].as_object().unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["capstan.dev/bundle"]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k10_somebody_elses_object_with_our_name_is_left_exactly_as_it_was() {
    let (cluster, hub, agent) = member("merged").await;
    cluster
        .make("/api/v1/namespaces", &namespace(&cluster))
        .await;
    let mut theirs = config(&cluster, "a", "1");
    // No field in common: an apply without force would be merged into it.
    theirs["data"] = json!({"theirs": "2"});
    cluster
        .make(path(&cluster, "").trim_end_matches('/'), &theirs)
        .await;
    let before = cluster.get(&path(&cluster, "a")).await.unwrap();
    hub.aim(&[("fleet.shop", &[config(&cluster, "a", "1")])]);
    hub.until("it is refused", |state| {
        attention(state).any(|o| o.sync == Sync::Conflict && o.reason == "AlreadyExists")
    })
    .await;
    let said = |object: &Value| {
        let metadata = &object["metadata"];
        let [labels, entries] = [&metadata["labels"], &metadata["managedFields"]];
        let managers = entries.as_array().into_iter().flatten();
        let managers: Vec<_> = managers.map(|entry| entry["manager"].clone()).collect();
        (
            metadata["uid"].clone(),
            labels.clone(),
            object["data"].clone(),
            managers,
        )
    };
    let after = cluster.get(&path(&cluster, "a")).await.unwrap();
    assert_eq!(said(&after), said(&before));
    // It was never ours, so that it stays.
    hub.aim(&[("fleet.shop", &[config(&cluster, "b", "1")])]);
    cluster
        .until(&path(&cluster, "b"), |object| object.is_some())
        .await;
    until_synced(&hub).await;
    let after = cluster.get(&path(&cluster, "a")).await.unwrap();
    assert_eq!(said(&after), said(&before));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn k21_a_job_that_is_pruned_takes_its_pods_along() {
    let (cluster, hub, agent) = member("jobs").await;
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "once", "namespace": shop(&cluster)},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never", "containers": [{"name": "main", "image": "job:1"}],
        }}},
    });
    hub.aim(&[("fleet.shop", &[namespace(&cluster), job])]);
    let pods = format!("/api/v1/namespaces/{}/pods", shop(&cluster));
    let count = |list: Option<&Value>| list.and_then(|list| list["items"].as_array().map(Vec::len));
    cluster.until(&pods, |list| count(list) == Some(1)).await;
    hub.aim(&[("fleet.shop", &[namespace(&cluster)])]);
    cluster.until(&pods, |list| count(list) == Some(0)).await;
    agent.stop().await;
}
