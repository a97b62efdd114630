//! Watches: where they start, what they say, how they end.

use std::time::Duration;

use serde_json::json;
use simkube::Options;

use crate::support::{Fixture, MAPS, METADATA, config_map};

async fn fixture() -> Fixture {
    let fixture = Fixture::start().await;
    fixture
        .admin
        .until(MAPS, "kube-root-ca.crt", |_| true)
        .await;
    fixture
}

#[tokio::test]
async fn leaving_the_selection_looks_like_a_deletion_with_the_old_labels() {
    let Fixture { running, admin } = fixture().await;
    let mut map = config_map("a", json!({"k": "v"}));
    map["metadata"]["labels"] = json!({"ours": "yes"});
    let from = running.revision();
    admin.post(MAPS, &map).await.expect(201);
    let path = format!("{MAPS}?watch=true&labelSelector=ours&resourceVersion={from}");
    let mut events = admin.watch(&path).await;
    assert_eq!(events.next().await.unwrap()["type"], "ADDED");
    let path = format!("{MAPS}/a");
    let without = json!({"metadata": {"labels": {"ours": null}}});
    let changed = admin.merge(&path, &without).await.expect(200);
    let left = events.next().await.unwrap();
    assert_eq!(left["type"], "DELETED");
    assert_eq!(left["object"]["metadata"]["labels"], json!({"ours": "yes"}));
    assert_eq!(
        left["object"]["metadata"]["resourceVersion"],
        changed["metadata"]["resourceVersion"]
    );
    admin
        .merge(&path, &json!({"data": {"k": "unseen"}}))
        .await
        .expect(200);
    let again = json!({"metadata": {"labels": {"ours": "again"}}});
    admin.merge(&path, &again).await.expect(200);
    let back = events.next().await.unwrap();
    assert_eq!(back["type"], "ADDED");
    assert_eq!(back["object"]["data"]["k"], "unseen");
}

#[tokio::test]
async fn a_streamed_list_ends_with_a_marked_bookmark() {
    let Fixture {
        running: _running,
        admin,
    } = fixture().await;
    admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    let path = format!(
        "{MAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    );
    let mut events = admin.with("accept", METADATA).watch(&path).await;
    for name in ["a", "kube-root-ca.crt"] {
        let event = events.next().await.unwrap();
        assert_eq!(event["type"], "ADDED");
        assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
        assert_eq!(event["object"]["metadata"]["name"], name);
    }
    let mark = events.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(
        mark["object"]["metadata"]["annotations"],
        json!({"k8s.io/initial-events-end": "true"})
    );
}

#[tokio::test]
async fn bookmarks_carry_the_version_of_the_whole_cluster() {
    let options = Options {
        bookmark_interval: Duration::from_millis(20),
        ..Options::default()
    };
    let Fixture { running, admin } = Fixture::with(options).await;
    admin.until(MAPS, "kube-root-ca.crt", |_| true).await;
    let from = running.revision();
    let secrets = "/api/v1/namespaces/default/secrets";
    let path = format!("{secrets}?watch=true&allowWatchBookmarks=true&resourceVersion={from}");
    let mut events = admin.watch(&path).await;
    let map = admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    let wanted: u64 = map["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    loop {
        let event = events.next().await.unwrap();
        assert_eq!(event["type"], "BOOKMARK");
        let seen = event["object"]["metadata"]["resourceVersion"]
            .as_str()
            .unwrap();
        if seen.parse::<u64>().unwrap() >= wanted {
            break;
        }
    }
}

#[tokio::test]
async fn a_watch_of_forgotten_history_is_expired() {
    let options = Options {
        history: 2,
        ..Options::default()
    };
    let Fixture { running, admin } = Fixture::with(options).await;
    admin.until(MAPS, "kube-root-ca.crt", |_| true).await;
    let from = running.revision();
    for index in 0..4 {
        admin
            .post(MAPS, &config_map(&format!("m{index}"), json!({})))
            .await
            .expect(201);
    }
    let answer = admin
        .get(&format!("{MAPS}?watch=true&resourceVersion={from}"))
        .await;
    assert_eq!(answer.code, 410);
    assert_eq!(answer.body["reason"], "Expired");
}

#[tokio::test]
async fn a_watch_from_the_future_is_answered_and_stays_silent() {
    let options = Options {
        bookmark_interval: Duration::from_millis(20),
        ..Options::default()
    };
    let Fixture { running, admin } = Fixture::with(options).await;
    let future = running.revision() + 1_000;
    let path = format!("{MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion={future}");
    let mut events = admin.watch(&path).await;
    admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    let first = events.next().await.unwrap();
    assert_eq!(first["type"], "BOOKMARK", "the change itself is never told");
}

#[tokio::test]
async fn watches_can_be_dropped_and_resumed() {
    let Fixture { running, admin } = fixture().await;
    let from = running.revision();
    let path = format!("{MAPS}?watch=true&resourceVersion={from}");
    let mut events = admin.watch(&path).await;
    admin
        .post(MAPS, &config_map("a", json!({})))
        .await
        .expect(201);
    assert_eq!(
        events.next().await.unwrap()["object"]["metadata"]["name"],
        "a"
    );
    running.drop_watches("configmaps");
    assert_eq!(events.next().await, None);
    let mut events = admin.watch(&path).await;
    assert_eq!(
        events.next().await.unwrap()["object"]["metadata"]["name"],
        "a"
    );
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout() {
    let Fixture { running, admin } = fixture().await;
    let from = running.revision();
    let path = format!("{MAPS}?watch=true&timeoutSeconds=1&resourceVersion={from}");
    assert_eq!(admin.watch(&path).await.next().await, None);
}

#[tokio::test]
async fn tables_define_their_columns_once() {
    let Fixture {
        running: _running,
        admin,
    } = fixture().await;
    let table = admin
        .clone()
        .with("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let path = format!("{MAPS}?watch=true&fieldSelector=metadata.name%3Da");
    let mut events = table.watch(&path).await;
    admin
        .post(MAPS, &config_map("a", json!({"k": "v"})))
        .await
        .expect(201);
    let first = events.next().await.unwrap();
    assert_eq!(first["object"]["columnDefinitions"][1]["name"], "Data");
    assert_eq!(first["object"]["rows"][0]["cells"][1], 1);
    admin
        .merge(&format!("{MAPS}/a"), &json!({"data": {"l": "w"}}))
        .await
        .expect(200);
    let second = events.next().await.unwrap();
    assert_eq!(second["object"]["columnDefinitions"], json!(null));
}
