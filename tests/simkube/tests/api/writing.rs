//! Create, update, patch, apply, delete.

use serde_json::{Value, json};

use crate::support::{APPLY, DEPLOYMENTS, Fixture, JSON, MAPS, config_map, deployment};

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

#[tokio::test]
async fn a_name_is_generated_from_its_prefix() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let map = json!({"metadata": {"generateName": "gen-"}});
    let first = admin.post(MAPS, &map).await.expect(201);
    let second = admin.post(MAPS, &map).await.expect(201);
    assert!(
        first["metadata"]["name"]
            .as_str()
            .unwrap()
            .starts_with("gen-")
    );
    assert_ne!(first["metadata"]["name"], second["metadata"]["name"]);
}

#[tokio::test]
async fn an_update_of_nothing_keeps_the_version() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let made = admin
        .post(MAPS, &config_map("a", json!({"k": "v"})))
        .await
        .expect(201);
    let path = format!("{MAPS}/a");
    let put = admin.put(&path, &made).await.expect(200);
    assert_eq!(put, made);
    let patched = admin
        .merge(&path, &json!({"data": {"k": "v"}}))
        .await
        .expect(200);
    assert_eq!(version(&patched), version(&made));
    let applied = admin
        .apply(&path, "m", &config_map("a", json!({"k": "v"})))
        .await
        .expect(200);
    assert_ne!(version(&applied), version(&made), "a new owner is a change");
    let again = admin
        .apply(&path, "m", &config_map("a", json!({"k": "v"})))
        .await
        .expect(200);
    assert_eq!(again, applied);
}

#[tokio::test]
async fn a_stale_update_is_a_conflict() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let made = admin
        .post(MAPS, &config_map("a", json!({"k": "v"})))
        .await
        .expect(201);
    let path = format!("{MAPS}/a");
    admin
        .merge(&path, &json!({"data": {"k": "w"}}))
        .await
        .expect(200);
    let answer = admin.put(&path, &made).await.expect(409);
    assert_eq!(answer["reason"], "Conflict");
    assert_eq!(
        answer["details"],
        json!({"name": "a", "kind": "configmaps"})
    );
}

#[tokio::test]
async fn an_apply_that_names_a_uid_never_makes_or_meets_another_object() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let path = format!("{MAPS}/a");
    let mut map = config_map("a", json!({"k": "v"}));
    map["metadata"]["uid"] = json!("11111111-1111-1111-1111-111111111111");
    let answer = admin.apply(&path, "m", &map).await.expect(409);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .contains("no existing object was found")
    );
    admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    let answer = admin.apply(&path, "m", &map).await.expect(422);
    assert_eq!(answer["details"]["causes"][0]["field"], "metadata.uid");
}

#[tokio::test]
async fn an_absent_namespace_is_named_in_the_refusal() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let path = "/api/v1/namespaces/nowhere/configmaps/a";
    let answer = admin
        .apply(path, "m", &config_map("a", json!({})))
        .await
        .expect(404);
    assert_eq!(
        answer["details"],
        json!({"name": "nowhere", "kind": "namespaces"})
    );
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let map = config_map("dry", json!({"k": "v"}))
        .to_string()
        .into_bytes();
    let path = format!("{MAPS}/dry?fieldManager=m&dryRun=All");
    let answer = admin
        .send("PATCH", &path, (APPLY, map.clone()))
        .await
        .expect(201);
    assert_eq!(answer["data"], json!({"k": "v"}));
    admin
        .send("POST", &format!("{MAPS}?dryRun=All"), (JSON, map))
        .await
        .expect(201);
    admin.get(&format!("{MAPS}/dry")).await.expect(404);
}

#[tokio::test]
async fn finalizers_hold_an_object_and_its_deletion_raises_the_generation() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let mut held = deployment("held", "app:1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    admin.post(DEPLOYMENTS, &held).await.expect(201);
    let path = format!("{DEPLOYMENTS}/held");
    let deleted = admin
        .delete(&path, &json!({"propagationPolicy": "Background"}))
        .await
        .expect(200);
    assert_eq!(deleted["metadata"]["generation"], 2);
    assert!(deleted["metadata"]["deletionTimestamp"].is_string());
    let applied = admin
        .apply(&path, "m", &deployment("held", "app:2"))
        .await
        .expect(200);
    assert_eq!(
        applied["spec"]["template"]["spec"]["containers"][0]["image"],
        "app:2"
    );
    admin
        .merge(&path, &json!({"metadata": {"finalizers": null}}))
        .await
        .expect(200);
    admin.get(&path).await.expect(404);
}

#[tokio::test]
async fn a_deletion_may_name_the_uid_that_it_means() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    let path = format!("{MAPS}/a");
    let wrong = json!({"preconditions": {"uid": "11111111-1111-1111-1111-111111111111"}});
    let answer = admin.delete(&path, &wrong).await.expect(409);
    assert_eq!(answer["reason"], "Conflict");
    let live = admin.get(&path).await.expect(200);
    let right = json!({"preconditions": {"uid": live["metadata"]["uid"]}});
    let gone = admin.delete(&path, &right).await.expect(200);
    assert_eq!(gone["status"], "Success");
}

#[tokio::test]
async fn unknown_and_duplicate_fields_follow_the_validation_asked_for() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    let unknown = json!({"metadata": {"name": "a"}, "nonsense": 1});
    let warned = admin.post(&format!("{MAPS}?dryRun=All"), &unknown).await;
    assert_eq!(warned.code, 201);
    assert_eq!(
        warned.headers["warning"],
        "299 - \"unknown field \\\"nonsense\\\"\""
    );
    let path = format!("{MAPS}?fieldValidation=Strict");
    let strict = admin.post(&path, &unknown).await.expect(400);
    assert!(
        strict["message"]
            .as_str()
            .unwrap()
            .contains("unknown field \"nonsense\"")
    );
    let twice = br#"{"metadata":{"name":"a","name":"b"}}"#.to_vec();
    let strict = admin.send("POST", &path, (JSON, twice)).await.expect(400);
    assert!(
        strict["message"]
            .as_str()
            .unwrap()
            .contains("duplicate field \"metadata.name\"")
    );
}

#[tokio::test]
async fn typed_clients_may_send_protobuf() {
    let Fixture {
        running: _running,
        admin,
    } = Fixture::start().await;
    // The envelope (type, then the raw object), around a Namespace with the name "proto".
    let raw = [
        b"\x0a\x07\x0a\x05proto".as_slice(),
        b"\x12\x00",
        b"\x1a\x02\x0a\x00",
    ]
    .concat();
    let kind = b"\x0a\x0f\x0a\x02v1\x12\x09Namespace";
    let mut body = [
        b"k8s\0".as_slice(),
        kind,
        b"\x12",
        &[u8::try_from(raw.len()).unwrap()],
    ]
    .concat();
    body.extend(&raw);
    let media = "application/vnd.kubernetes.protobuf";
    let made = admin
        .send("POST", "/api/v1/namespaces", (media, body))
        .await
        .expect(201);
    assert_eq!(made["metadata"]["name"], "proto");
    assert_eq!(made["status"]["phase"], "Active");
}
