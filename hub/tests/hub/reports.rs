//! What spokes report, as operators read it; and what is said of clusters that do not report yet.

use capstan_proto::state::{BundleState, ObjectState};
use capstan_proto::wire::from_spoke::Message;
use capstan_proto::{BundleName, Health, Moment, ObjectKey, Sync, convert, wire};

use crate::support::{Spoke, World, cluster, config_map, everywhere};

/// A report that one object of web cannot be applied.
fn failed(spoke: &Spoke, reason: &str) -> BundleState {
    BundleState {
        bundle: BundleName::parse("fleet.web").unwrap(),
        snapshot: spoke.held().unwrap().0,
        sync: Sync::Failed,
        health: Health::Unknown,
        reason: reason.to_owned(),
        message: "1 of 1 objects cannot be applied".to_owned(),
        objects: 1,
        objects_synced: 0,
        objects_healthy: 0,
        attention: vec![ObjectState {
            object: ObjectKey::new("", "ConfigMap", "default", "a"),
            sync: Sync::Failed,
            health: Health::Unknown,
            reason: reason.to_owned(),
            message: "the agent may not".to_owned(),
        }],
        drifts: Vec::new(),
        judged_at: Moment::from_unix_ms(1_700_000_000_000),
    }
}

async fn reports(spoke: &Spoke, state: &BundleState) {
    let report = wire::Report {
        full: true,
        bundles: vec![convert::state::to_wire(state)],
        ..wire::Report::default()
    };
    spoke.say(Message::Report(report)).await;
}

/// Two clusters that should run web.
async fn two() -> World {
    let clusters = format!("{}{}", cluster("one"), cluster("two"));
    World::running(&[
        ("clusters.yaml", Some(&clusters)),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await
}

async fn problems(world: &World, of: &str) -> Vec<wire::Problem> {
    let request = wire::ListProblemsRequest {
        cluster: of.to_owned(),
        ..wire::ListProblemsRequest::default()
    };
    let answer = world.query().await.list_problems(request).await.unwrap();
    answer.into_inner().problems
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_clusters_is_one_problem_and_explained_on_each() {
    let world = two().await;
    let hub = world.server().addresses().spokes;
    let mut spokes = Vec::new();
    for name in ["one", "two"] {
        let identity = world.enrol(name).await;
        let mut spoke = Spoke::connect(&identity, hub).await;
        spoke.takes_offer().await;
        reports(&spoke, &failed(&spoke, "Forbidden")).await;
        world
            .cluster(name, |cluster| cluster.sync == "Failed")
            .await;
        spokes.push(spoke);
    }
    let all = problems(&world, "").await;
    let [problem] = all.as_slice() else {
        panic!("{all:#?}");
    };
    assert_eq!(
        (problem.code.as_str(), problem.severity.as_str()),
        ("Failed", "error")
    );
    assert_eq!(problem.clusters, ["one", "two"]);
    assert_eq!(
        (problem.clusters_total, problem.bundle.as_str()),
        (2, "fleet.web")
    );
    assert_eq!(problem.object.as_ref().unwrap().name, "a");
    assert_eq!(problem.message, "Forbidden: the agent may not");
    assert_eq!(problem.since_ms, 1_700_000_000_000);
    assert_eq!(problems(&world, "two").await[0].clusters, ["two"]);
    assert_eq!(world.fleet(|_| true).await.errors, 1);
    let request = wire::ExplainRequest {
        cluster: "one".to_owned(),
        bundle: "web".to_owned(),
    };
    let text = world.query().await.explain(request).await.unwrap();
    let text = text.into_inner().text;
    let reasons = text.find("placement web places it").unwrap();
    let said = text
        .find("ConfigMap default/a: Failed, Unknown: Forbidden: the agent may not")
        .unwrap_or_else(|| panic!("{text}"));
    assert!(reasons < said, "{text}");
    // What is over on one cluster is a problem of the other alone.
    let synced = BundleState {
        sync: Sync::Synced,
        health: Health::Healthy,
        attention: Vec::new(),
        ..failed(&spokes[0], "")
    };
    reports(&spokes[0], &synced).await;
    world
        .cluster("one", |cluster| cluster.sync == "Synced")
        .await;
    assert_eq!(problems(&world, "").await[0].clusters, ["two"]);
    assert!(problems(&world, "one").await.is_empty());
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_there_until_the_hub_stopped_was_heard_then() {
    let mut world = two().await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    world
        .cluster("one", |cluster| cluster.connection == "Connected")
        .await;
    let stopped = now_ms();
    world.stop().await;
    world.start().await;
    let one = world.cluster("one", |_| true).await;
    assert_eq!(one.connection, "Connecting");
    assert!(one.seen_at_ms >= stopped, "{} {stopped}", one.seen_at_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_awaited_after_its_enrolment_and_after_its_ban() {
    let world = two().await;
    let identity = world.enrol("one").await;
    let connection = async |word: &str| {
        let is = |cluster: &wire::Cluster| cluster.connection == word;
        world.cluster("one", is).await;
    };
    connection("Connecting").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    connection("Connected").await;
    let (cluster, reason) = ("one".to_owned(), "lost".to_owned());
    let ban = wire::BanRequest { cluster, reason };
    world.admin().await.ban(ban).await.unwrap();
    connection("Banned").await;
    let (cluster, reason) = ("one".to_owned(), "found".to_owned());
    let unban = wire::UnbanRequest { cluster, reason };
    world.admin().await.unban(unban).await.unwrap();
    connection("Connecting").await;
}
