//! The life of a server: several at once, restarts, counts, faults.

use serde_json::json;
use simkube::{Fault, Options};

use crate::support::{Client, Fixture, JSON, MAPS, config_map};

const SYSTEM: &str = "/api/v1/namespaces/kube-system";

#[tokio::test]
async fn several_servers_share_a_process_and_nothing_else() {
    let one = Fixture::start().await;
    let two = Fixture::start().await;
    one.admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    two.admin.get(&format!("{MAPS}/a")).await.expect(404);
    assert_ne!(one.running.ca_pem(), two.running.ca_pem());
    one.running.shutdown().await;
    two.admin.get("/readyz").await.expect(200);
    two.running.shutdown().await;
}

#[tokio::test]
async fn a_restart_keeps_objects_identities_and_versions() {
    let directory = tempfile::tempdir().unwrap();
    let options = || Options {
        data: Some(directory.path().to_owned()),
        ..Options::default()
    };
    let first = Fixture::with(options()).await;
    first
        .admin
        .post(MAPS, &config_map("kept", json!({"k": "v"})))
        .await
        .expect(201);
    first
        .admin
        .post(MAPS, &config_map("gone", json!({})))
        .await
        .expect(201);
    first
        .admin
        .delete(&format!("{MAPS}/gone"), &json!({}))
        .await
        .expect(200);
    let system = first.admin.get(SYSTEM).await.expect(200);
    let (ca, token) = (
        first.running.ca_pem().to_owned(),
        first.running.admin_token().to_owned(),
    );
    let kubeconfig = first.running.kubeconfig();
    first.running.shutdown().await;

    let second = Fixture::with(options()).await;
    assert_eq!(second.running.ca_pem(), ca);
    assert_eq!(second.running.admin_token(), token);
    assert_eq!(second.admin.get(SYSTEM).await.expect(200), system);
    let kept = second.admin.get(&format!("{MAPS}/kept")).await.expect(200);
    assert_eq!(kept["data"], json!({"k": "v"}));
    second.admin.get(&format!("{MAPS}/gone")).await.expect(404);
    let made = second
        .admin
        .post(MAPS, &config_map("new", json!({})))
        .await
        .expect(201);
    let version = |object: &serde_json::Value| {
        object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert!(version(&made) > version(&kept));
    let admin = Client::of_kubeconfig(&second.running, &kubeconfig);
    admin.get(SYSTEM).await.expect(200);
    second.running.shutdown().await;
}

#[tokio::test]
async fn requests_are_counted_exactly() {
    let Fixture { running, admin } = Fixture::start().await;
    admin.get(&format!("{MAPS}/a")).await.expect(404);
    admin
        .apply(&format!("{MAPS}/a"), "m", &config_map("a", json!({})))
        .await
        .expect(201);
    admin.get(MAPS).await.expect(200);
    admin
        .get("/apis/apps/v1/namespaces/default/deployments/x/scale")
        .await
        .expect(404);
    let requests = running.requests();
    assert_eq!(requests.count("get", "configmaps"), 1);
    assert_eq!(requests.count("patch", "configmaps"), 1);
    assert_eq!(requests.count("list", "configmaps"), 1);
    assert_eq!(requests.count("get", "deployments.apps/scale"), 1);
    assert_eq!(requests.of_verb("get"), 2);
    let told = admin.get("/simkube/requests").await.expect(200);
    assert_eq!(told["total"], 4);
    assert_eq!(told["verbs"]["patch"], json!({"configmaps": 1}));
    admin
        .delete("/simkube/requests", &json!({}))
        .await
        .expect(200);
    assert!(running.requests().all().is_empty());
}

#[tokio::test]
async fn faults_hit_what_they_name_and_end() {
    let Fixture { running, admin } = Fixture::start().await;
    let fault = json!({
        "verb": "patch", "resource": "configmaps", "status": 429, "retryAfterS": 1,
        "message": "storage is (re)initializing", "times": 2,
    });
    admin.post("/simkube/faults", &fault).await.expect(200);
    admin.get(MAPS).await.expect(200);
    for _ in 0..2 {
        let hit = admin
            .apply(&format!("{MAPS}/a"), "m", &config_map("a", json!({})))
            .await;
        assert_eq!(hit.headers["retry-after"], "1");
        let body = hit.expect(429);
        assert_eq!(body["message"], "storage is (re)initializing");
    }
    admin
        .apply(&format!("{MAPS}/a"), "m", &config_map("a", json!({})))
        .await
        .expect(201);
    running.add_fault(Fault {
        abort: true,
        resource: "configmaps".to_owned(),
        ..Fault::default()
    });
    assert!(
        admin
            .try_open("GET", MAPS, (JSON, Vec::new()))
            .await
            .is_err()
    );
    running.clear_faults();
    admin.get(MAPS).await.expect(200);
    admin
        .post("/simkube/faults", &json!({"status": 12}))
        .await
        .expect(400);
}

#[tokio::test]
async fn only_administrators_reach_the_servers_own_paths() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    admin
        .acting_as("ann")
        .get("/simkube/requests")
        .await
        .expect(403);
    admin
        .acting_as("ann")
        .post("/simkube/faults", &json!({"abort": true}))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_restored_cluster_has_older_versions_and_silent_watches() {
    let Fixture { running, admin } = Fixture::start().await;
    admin.until(MAPS, "kube-root-ca.crt", |_| true).await;
    admin.post("/simkube/save", &json!({})).await.expect(200);
    admin
        .post(MAPS, &config_map("lost", json!({})))
        .await
        .expect(201);
    let last = running.revision();
    let path = format!("{MAPS}?watch=true&resourceVersion={last}&timeoutSeconds=1");
    let mut events = admin.watch(&path).await;
    admin.post("/simkube/go-back", &json!({})).await.expect(200);
    admin.get(&format!("{MAPS}/lost")).await.expect(404);
    let probe = format!("{MAPS}?limit=1&resourceVersion={last}&resourceVersionMatch=NotOlderThan");
    admin.get(&probe).await.expect(504);
    assert_eq!(events.next().await, None, "no event tells of it");
}

#[tokio::test]
async fn a_data_directory_serves_one_server_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let options = || Options {
        data: Some(directory.path().to_owned()),
        ..Options::default()
    };
    let first = Fixture::with(options()).await;
    let error = simkube::Server::start(options()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "another server is using it");
    first.running.shutdown().await;
    Fixture::with(options()).await.running.shutdown().await;
}
