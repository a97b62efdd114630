//! What the stand-ins for controllers do.

use serde_json::{Value, json};

use crate::support::{Client, DEPLOYMENTS, Fixture, MAPS, config_map, deployment};

const NAMESPACES: &str = "/api/v1/namespaces";
const PODS: &str = "/api/v1/namespaces/default/pods";
const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
        .map_or("", |condition| condition["status"].as_str().unwrap())
}

fn is_available(object: &Value, replicas: i64) -> bool {
    object["status"]["availableReplicas"] == replicas
        && object["status"]["updatedReplicas"] == replicas
        && object["status"]["replicas"] == replicas
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

async fn names(admin: &Client, path: &str) -> Vec<String> {
    let list = admin.get(path).await.expect(200);
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_deployment_becomes_available_and_rolls_to_a_new_image() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    admin
        .post(DEPLOYMENTS, &deployment("web", "app:1"))
        .await
        .expect(201);
    let ready = admin
        .until(DEPLOYMENTS, "web", |object| is_available(object, 2))
        .await;
    assert_eq!(
        ready["metadata"]["generation"], 1,
        "the revision is told through the status"
    );
    let path = format!("{DEPLOYMENTS}/web");
    admin
        .apply(&path, "m", &deployment("web", "app:2"))
        .await
        .expect(200);
    let rolled = admin
        .until(DEPLOYMENTS, "web", |object| {
            is_available(object, 2) && object["metadata"]["generation"] == 2
        })
        .await;
    assert_eq!(
        rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "2"
    );
    let pods = admin.get(PODS).await.expect(200);
    let live = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    assert!(
        live.clone()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "app:2")
    );
    assert_eq!(live.count(), 2);
}

#[tokio::test]
async fn an_image_that_never_becomes_ready_exceeds_its_deadline() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let mut bad = deployment("bad", "app:never-ready");
    bad["spec"]["progressDeadlineSeconds"] = json!(1);
    admin.post(DEPLOYMENTS, &bad).await.expect(201);
    let failed = admin
        .until(DEPLOYMENTS, "bad", |object| {
            condition(object, "Progressing") == "False"
        })
        .await;
    assert_eq!(condition(&failed, "Available"), "False");
}

#[tokio::test]
async fn a_job_completes_and_leaves_its_pods_when_deleted_plainly() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let job = json!({
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1"}]}}},
    });
    admin.post(JOBS, &job).await.expect(201);
    admin
        .until(JOBS, "once", |object| {
            condition(object, "Complete") == "True"
        })
        .await;
    let pods = names(&admin, PODS).await;
    let answer = admin.delete(&format!("{JOBS}/once"), &json!({})).await;
    assert!(
        answer.headers["warning"]
            .to_str()
            .unwrap()
            .contains("child pods are preserved")
    );
    admin.until_gone(JOBS, "once").await;
    assert_eq!(names(&admin, PODS).await, pods);
}

#[tokio::test]
async fn dependents_go_with_their_owner_or_stay_as_asked() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    for (policy, stays) in [
        ("Background", false),
        ("Foreground", false),
        ("Orphan", true),
    ] {
        let owner = admin
            .post(MAPS, &config_map("owner", json!({})))
            .await
            .expect(201);
        let mut child = config_map("child", json!({}));
        child["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": "owner",
            "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true,
        }]);
        admin.post(MAPS, &child).await.expect(201);
        let options = json!({"propagationPolicy": policy});
        admin
            .delete(&format!("{MAPS}/owner"), &options)
            .await
            .expect(200);
        admin.until_gone(MAPS, "owner").await;
        if stays {
            let child = admin.get(&format!("{MAPS}/child")).await.expect(200);
            assert!(child["metadata"]["ownerReferences"].is_null());
        } else {
            admin.until_gone(MAPS, "child").await;
        }
    }
}

#[tokio::test]
async fn a_namespace_takes_its_content_along_and_takes_nothing_new() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    admin
        .post(NAMESPACES, &json!({"metadata": {"name": "team"}}))
        .await
        .expect(201);
    let maps = "/api/v1/namespaces/team/configmaps";
    admin.until(maps, "kube-root-ca.crt", |_| true).await;
    let mut held = config_map("held", json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    admin.post(maps, &held).await.expect(201);
    let deleted = admin
        .delete(&format!("{NAMESPACES}/team"), &json!({}))
        .await
        .expect(200);
    assert_eq!(deleted["status"]["phase"], "Terminating");
    let refused = admin
        .post(maps, &config_map("late", json!({})))
        .await
        .expect(403);
    assert_eq!(
        refused["details"]["causes"][0]["reason"],
        "NamespaceTerminating"
    );
    admin.until_gone(maps, "kube-root-ca.crt").await;
    admin.get(&format!("{NAMESPACES}/team")).await.expect(200);
    let free = json!({"metadata": {"finalizers": null}});
    admin
        .until(maps, "held", |object| {
            object["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
    admin
        .merge(&format!("{maps}/held"), &free)
        .await
        .expect(200);
    admin.until_gone(NAMESPACES, "team").await;
}

#[tokio::test]
async fn a_custom_resource_is_served_once_established_and_goes_with_its_definition() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let definition = json!({
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}},
                }}},
            }],
        },
    });
    admin.post(DEFINITIONS, &definition).await.expect(201);
    admin
        .until(DEFINITIONS, "widgets.example.com", |object| {
            condition(object, "Established") == "True"
        })
        .await;
    let widgets = "/apis/example.com/v1/namespaces/default/widgets";
    let widget = json!({
        "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": {"name": "one"}, "spec": {"unknown": 1},
    });
    let made = admin.post(widgets, &widget).await.expect(201);
    assert_eq!(made["spec"], json!({"size": 3}), "pruned and defaulted");
    assert_eq!(made["metadata"]["generation"], 1);
    let mut events = admin.watch(&format!("{widgets}?watch=true")).await;
    assert_eq!(events.next().await.unwrap()["type"], "ADDED");
    admin
        .delete(&format!("{DEFINITIONS}/widgets.example.com"), &json!({}))
        .await
        .expect(200);
    assert_eq!(events.next().await.unwrap()["type"], "DELETED");
    assert_eq!(events.next().await, None);
    admin.until_gone(DEFINITIONS, "widgets.example.com").await;
    let unknown = admin.get(widgets).await;
    assert_eq!(
        (unknown.code, unknown.text.as_str()),
        (404, "404 page not found\n")
    );
}
