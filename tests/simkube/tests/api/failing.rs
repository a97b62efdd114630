//! Faults that let a request through and change what becomes of it.

use serde_json::json;
use simkube::Fault;

use crate::support::{Fixture, JSON, MAPS, config_map};

fn of_maps(verb: &str) -> Fault {
    Fault {
        verb: verb.to_owned(),
        resource: "configmaps".to_owned(),
        ..Fault::default()
    }
}

#[tokio::test]
async fn what_admission_makes_of_an_object_belongs_to_nobody() {
    let Fixture { running, admin } = Fixture::start().await;
    running.add_fault(Fault {
        mutate: json!({"metadata": {"labels": {"a": null}}, "data": {"added": "1"}}),
        ..of_maps("patch")
    });
    let mut declared = config_map("a", json!({"k": "v"}));
    declared["metadata"]["labels"] = json!({"a": "b"});
    let path = format!("{MAPS}/a");
    let stored = admin.apply(&path, "m", &declared).await.expect(201);
    assert_eq!(stored["data"], json!({"k": "v", "added": "1"}));
    assert!(stored["metadata"]["labels"].get("a").is_none());
    let entries = stored["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    let ours = &entries[0]["fieldsV1"];
    assert_eq!(ours["f:data"], json!({"f:k": {}}));
    assert_eq!(ours["f:metadata"]["f:labels"], json!({"f:a": {}}));
}

#[tokio::test]
async fn a_request_is_executed_though_its_answer_is_lost() {
    let Fixture { running, admin } = Fixture::start().await;
    running.add_fault(Fault {
        abort: true,
        after: true,
        times: 1,
        ..of_maps("create")
    });
    let body = config_map("a", json!({})).to_string().into_bytes();
    let lost = admin.try_open("POST", MAPS, (JSON, body)).await;
    assert!(lost.is_err());
    admin.get(&format!("{MAPS}/a")).await.expect(200);
}

#[tokio::test]
async fn a_watch_tells_everything_twice_when_told_to() {
    let Fixture { running, admin } = Fixture::start().await;
    running.add_fault(Fault {
        repeat: true,
        ..of_maps("watch")
    });
    let from = running.revision();
    let path = format!("{MAPS}?watch=true&resourceVersion={from}&fieldSelector=metadata.name%3Da");
    let mut events = admin.watch(&path).await;
    let map = config_map("a", json!({}));
    admin.post(MAPS, &map).await.expect(201);
    let first = events.next().await.unwrap();
    assert_eq!(first["object"]["metadata"]["name"], "a");
    assert_eq!(events.next().await.unwrap(), first);
}
