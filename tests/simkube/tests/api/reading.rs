//! Get, list, pages, forms, discovery.

use serde_json::json;

use crate::support::{Fixture, MAPS, METADATA, config_map};

async fn with_maps(count: usize) -> Fixture {
    let fixture = Fixture::start().await;
    fixture
        .admin
        .until(MAPS, "kube-root-ca.crt", |_| true)
        .await;
    for index in 0..count {
        let map = config_map(&format!("m{index}"), json!({"index": index.to_string()}));
        fixture.admin.post(MAPS, &map).await.expect(201);
    }
    fixture
}

#[tokio::test]
async fn pages_are_of_one_moment() {
    let Fixture {
        running: _running,
        admin,
    } = with_maps(5).await;
    let first = admin.get(&format!("{MAPS}?limit=2")).await.expect(200);
    assert_eq!(first["metadata"]["remainingItemCount"], 4);
    admin
        .delete(&format!("{MAPS}/m3"), &json!({}))
        .await
        .expect(200);
    admin
        .post(MAPS, &config_map("m9", json!({})))
        .await
        .expect(201);
    let mut names = Vec::new();
    let mut page = first.clone();
    loop {
        for item in page["items"].as_array().unwrap() {
            names.push(item["metadata"]["name"].as_str().unwrap().to_owned());
        }
        let Some(token) = page["metadata"]["continue"].as_str() else {
            break;
        };
        page = admin
            .get(&format!("{MAPS}?limit=2&continue={token}"))
            .await
            .expect(200);
        assert_eq!(
            page["metadata"]["resourceVersion"],
            first["metadata"]["resourceVersion"]
        );
    }
    assert_eq!(names, ["kube-root-ca.crt", "m0", "m1", "m2", "m3", "m4"]);
}

#[tokio::test]
async fn a_page_of_forgotten_history_is_expired() {
    let Fixture { running, admin } = with_maps(3).await;
    let first = admin.get(&format!("{MAPS}?limit=1")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap();
    admin
        .post(MAPS, &config_map("later", json!({})))
        .await
        .expect(201);
    running.compact();
    let answer = admin
        .get(&format!("{MAPS}?limit=1&continue={token}"))
        .await
        .expect(410);
    assert_eq!(answer["reason"], "Expired");
}

#[tokio::test]
async fn a_version_from_the_future_is_a_timeout_with_its_cause() {
    let Fixture {
        running: _running,
        admin,
    } = with_maps(0).await;
    let path = format!("{MAPS}?limit=1&resourceVersion=999999&resourceVersionMatch=NotOlderThan");
    let answer = admin.get(&path).await.expect(504);
    assert_eq!(answer["reason"], "Timeout");
    assert_eq!(
        answer["details"]["causes"][0]["reason"],
        "ResourceVersionTooLarge"
    );
}

#[tokio::test]
async fn an_exact_version_shows_the_past() {
    let Fixture { running, admin } = with_maps(1).await;
    let then = running.revision();
    admin
        .delete(&format!("{MAPS}/m0"), &json!({}))
        .await
        .expect(200);
    let path = format!("{MAPS}?resourceVersion={then}&resourceVersionMatch=Exact");
    let past = admin.get(&path).await.expect(200);
    assert_eq!(past["items"].as_array().unwrap().len(), 2);
    let now = admin.get(MAPS).await.expect(200);
    assert_eq!(now["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn selectors_select() {
    let Fixture {
        running: _running,
        admin,
    } = with_maps(3).await;
    for (name, tier) in [("m0", "web"), ("m1", "db")] {
        let labels = json!({"metadata": {"labels": {"tier": tier}}});
        admin
            .merge(&format!("{MAPS}/{name}"), &labels)
            .await
            .expect(200);
    }
    for (selector, wanted) in [
        ("labelSelector=tier%3Dweb", vec!["m0"]),
        ("labelSelector=tier%20in%20(web,db)", vec!["m0", "m1"]),
        ("labelSelector=tier,tier!%3Ddb", vec!["m0"]),
        ("labelSelector=!tier", vec!["kube-root-ca.crt", "m2"]),
        ("fieldSelector=metadata.name%3Dm2", vec!["m2"]),
        (
            "fieldSelector=metadata.name!%3Dm2&labelSelector=tier%20notin%20(db)",
            vec!["kube-root-ca.crt", "m0"],
        ),
    ] {
        let list = admin.get(&format!("{MAPS}?{selector}")).await.expect(200);
        let names: Vec<&str> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, wanted, "{selector}");
    }
    admin
        .get(&format!("{MAPS}?fieldSelector=data.a%3Db"))
        .await
        .expect(400);
}

#[tokio::test]
async fn metadata_alone_is_given_when_asked_for() {
    let Fixture {
        running: _running,
        admin,
    } = with_maps(1).await;
    let admin = admin.with("accept", METADATA);
    let one = admin.get(&format!("{MAPS}/m0")).await.expect(200);
    assert_eq!(one["kind"], "PartialObjectMetadata");
    assert!(one["data"].is_null());
    let list = admin.get(MAPS).await.expect(200);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][1]["metadata"]["name"], "m0");
}

#[tokio::test]
async fn unknown_paths_are_told_apart() {
    let Fixture {
        running: _running,
        admin,
    } = with_maps(0).await;
    let plain = admin.get("/apis/none.example/v1/things").await;
    assert_eq!(
        (plain.code, plain.text.as_str()),
        (404, "404 page not found\n")
    );
    let known_group = admin.get("/apis/apps/v1/things").await.expect(404);
    assert_eq!(
        known_group["message"],
        "the server could not find the requested resource"
    );
    let absent = admin.get(&format!("{MAPS}/none")).await.expect(404);
    assert_eq!(
        absent["details"],
        json!({"name": "none", "kind": "configmaps"})
    );
}

#[tokio::test]
async fn aggregated_discovery_has_a_tag() {
    let Fixture {
        running: _running,
        admin,
    } = with_maps(0).await;
    let asking = admin.clone().with(
        "accept",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    );
    let answer = asking.get("/apis").await;
    assert_eq!(answer.code, 200);
    assert_eq!(answer.body["kind"], "APIGroupDiscoveryList");
    let apps = answer.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["metadata"]["name"] == "apps")
        .unwrap();
    assert_eq!(apps["versions"][0]["freshness"], "Current");
    let kind = &apps["versions"][0]["resources"][0]["responseKind"];
    assert_eq!(
        kind["group"], "",
        "the server's own kinds leave that to the list"
    );
    let tag = answer.headers["etag"].to_str().unwrap();
    assert_eq!(
        asking.with("if-none-match", tag).get("/apis").await.code,
        304
    );
    let plain = admin.get("/apis/apps/v1").await.expect(200);
    assert_eq!(plain["kind"], "APIResourceList");
}
