//! From a commit to what a spoke holds.

use capstan_proto::Digest;
use capstan_proto::wire;

use crate::support::{Heard, Spoke, World, cluster, config_map, everywhere};

fn fleet(objects: &str) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("clusters.yaml", Some(cluster("one"))),
        ("web.yaml", Some(everywhere("web"))),
        ("apps/web/all.yaml", Some(objects.to_owned())),
    ]
}

fn borrowed<'a>(files: &'a [(&'a str, Option<String>)]) -> Vec<(&'a str, Option<&'a str>)> {
    files
        .iter()
        .map(|(path, text)| (*path, text.as_deref()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_enrols_takes_its_offer_and_is_in_sync_when_it_comes_back() {
    let world = World::running(&borrowed(&fleet(&config_map("a", "1")))).await;
    let hub = world.server().addresses().spokes;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, hub).await;
    let offer = spoke.takes_offer().await;
    assert!(matches!(
        offer,
        Heard::Offer {
            full: true,
            follows: None,
            set: 1,
            removed: 0,
            ..
        }
    ));
    world
        .cluster("one", |cluster| {
            cluster.in_sync && cluster.connection == "Connected"
        })
        .await;
    let (offers, objects) = (
        world.counter("offers_sent").await,
        world.counter("objects_sent").await,
    );
    let (held, _) = spoke.held().unwrap().clone();
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert_eq!(spoke.hear().await, Heard::InSync(held));
    assert_eq!(spoke.hear().await, Heard::Permit(held));
    assert_eq!(world.counter("offers_sent").await, offers);
    assert_eq!(world.counter("objects_sent").await, objects);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_object_of_500_moves_one_object() {
    let all = |changed: &str| -> String {
        (0..500)
            .map(|n| config_map(&format!("c-{n}"), if n == 250 { changed } else { "same" }))
            .collect()
    };
    let world = World::running(&borrowed(&fleet(&all("before")))).await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    // 500 objects and one policy.
    assert_eq!(world.counter("objects_offered").await, 500);
    assert_eq!(world.counter("objects_sent").await, 501);
    world.repository.commit(&borrowed(&fleet(&all("after"))));
    world.refresh().await;
    let offer = spoke.takes_offer().await;
    assert!(
        matches!(
            offer,
            Heard::Offer {
                full: false,
                set: 1,
                removed: 0,
                ..
            }
        ),
        "{offer:?}"
    );
    assert_eq!(world.counter("objects_offered").await, 501);
    assert_eq!(world.counter("objects_sent").await, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_reads_what_it_was_offered_and_nothing_else() {
    let mut files = fleet(&config_map("a", "1"));
    files.push((
        "other.yaml",
        Some(cluster("two").replace("env: test", "env: other")),
    ));
    let world = World::running(&borrowed(&files)).await;
    let hub = world.server().addresses().spokes;
    let mut one = Spoke::connect(&world.enrol("one").await, hub).await;
    one.takes_offer().await;
    let readable: Vec<Digest> = one.content.keys().copied().collect();
    let mut two = Spoke::connect(&world.enrol("two").await, hub).await;
    two.takes_offer().await;
    let fetched = two.fetch(&readable).await.unwrap();
    assert!(fetched.values().all(Option::is_none), "{fetched:?}");
    let fetched = one.fetch(&[Digest::of(b"anything")]).await.unwrap();
    assert!(fetched.values().all(Option::is_none));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolled_cluster_that_nobody_declares_is_left_alone() {
    let world = World::running(&borrowed(&fleet(&config_map("a", "1")))).await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::connect(&world.enrol("stranger").await, hub).await;
    let mut heard = spoke.hear().await;
    if heard == Heard::NoOpinion("the hub has not decided about this cluster yet".to_owned()) {
        heard = spoke.hear().await;
    }
    assert!(matches!(heard, Heard::NoOpinion(_)), "{heard:?}");
    assert_eq!(world.counter("offers_sent").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_shown_with_its_drift() {
    let world = World::running(&borrowed(&fleet(&config_map("a", "1")))).await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let (held, _) = spoke.held().unwrap().clone();
    let key = wire::ObjectKey {
        kind: "ConfigMap".to_owned(),
        namespace: "default".to_owned(),
        name: "a".to_owned(),
        ..wire::ObjectKey::default()
    };
    let field = wire::DriftField {
        path: ".data.value".to_owned(),
        declared: Some("\"1\"".to_owned()),
        live: Some("\"2\"".to_owned()),
        redacted: false,
    };
    let drift = wire::Drift {
        object: Some(key),
        fields: vec![field],
        manager: "kubectl-edit".to_owned(),
        operation: "Update".to_owned(),
        changed_at_ms: 1_000,
        seen_at_ms: 2_000,
        outcome: wire::DriftOutcome::Healed.into(),
        settled_at_ms: Some(3_000),
        times: 1,
    };
    let state = wire::BundleState {
        bundle: "fleet.web".to_owned(),
        snapshot: Some(capstan_proto::convert::triple_to_wire(held)),
        sync: wire::Sync::Synced.into(),
        health: wire::Health::Healthy.into(),
        objects: 1,
        objects_synced: 1,
        objects_healthy: 1,
        drifts: vec![drift],
        judged_at_ms: 4_000,
        ..wire::BundleState::default()
    };
    let report = wire::Report {
        full: true,
        bundles: vec![state],
        ..wire::Report::default()
    };
    spoke.say(wire::from_spoke::Message::Report(report)).await;
    world
        .cluster("one", |cluster| {
            cluster.sync == "Synced" && cluster.health == "Healthy"
        })
        .await;
    world.fleet(|fleet| fleet.clusters_ready == 1).await;
    let drifts = world
        .query()
        .await
        .list_drift(wire::ListDriftRequest::default())
        .await
        .unwrap();
    let drift = &drifts.into_inner().drifts[0];
    assert_eq!(
        (drift.cluster.as_str(), drift.bundle.as_str()),
        ("one", "fleet.web")
    );
    assert_eq!(
        (drift.manager.as_str(), drift.outcome.as_str()),
        ("kubectl-edit", "Healed")
    );
    assert_eq!(drift.fields[0].live.as_deref(), Some("\"2\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_about_a_cluster_that_is_not_there_is_an_error_and_no_good_news() {
    let world = World::running(&borrowed(&fleet(&config_map("a", "1")))).await;
    let mut query = world.query().await;
    let drift = wire::ListDriftRequest {
        cluster: "two".to_owned(),
        ..wire::ListDriftRequest::default()
    };
    let problems = wire::ListProblemsRequest {
        cluster: "two".to_owned(),
        ..wire::ListProblemsRequest::default()
    };
    let codes = [
        query.list_drift(drift).await.unwrap_err().code(),
        query.list_problems(problems).await.unwrap_err().code(),
    ];
    assert_eq!(codes, [tonic::Code::NotFound; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoke_that_reads_late_gets_the_whole_offer() {
    let all: String = (0..3_000)
        .map(|n| config_map(&format!("a-rather-long-name-of-a-config-map-{n}"), "1"))
        .collect();
    let world = World::running(&borrowed(&fleet(&all))).await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    // Some 400 KB wait in the hub meanwhile, and others are served.
    world
        .cluster("one", |cluster| cluster.connection == "Connected")
        .await;
    let offered = world.counter("objects_offered").await;
    assert_eq!(offered, 3_000);
    let Heard::Offer { .. } = spoke.takes_offer().await else {
        unreachable!("it is an offer");
    };
    let (_, snapshot) = spoke.held().unwrap();
    assert_eq!(snapshot.objects().len(), 3_000);
}
