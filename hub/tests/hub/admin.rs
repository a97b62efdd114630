//! Operators' calls: removals, refusals, pages, lists.

use capstan_proto::wire;

use crate::support::{Heard, Spoke, World, cluster, config_map, everywhere};

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_beyond_the_budget_waits_for_its_approval() {
    let world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        (
            "apps/db/all.yaml",
            Some(
                &(0..12)
                    .map(|n| config_map(&format!("d-{n}"), "1"))
                    .collect::<String>(),
            ),
        ),
    ])
    .await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let revision = world.repository.commit(&[("db.yaml", None)]);
    world.follows(&revision).await;
    let fleet = world.fleet(|fleet| !fleet.held.is_empty()).await;
    assert_eq!(fleet.held[0].objects, 12);
    assert!(
        fleet.held[0].command.starts_with("hub approve "),
        "{}",
        fleet.held[0].command
    );
    assert_eq!(world.counter("offers_sent").await, 1);
    let digest = fleet.held[0].digest[..12].to_owned();
    let reason = "the database moved".to_owned();
    world
        .admin()
        .await
        .approve(wire::ApproveRequest { digest, reason })
        .await
        .unwrap();
    let offer = spoke.takes_offer().await;
    assert!(
        matches!(
            offer,
            Heard::Offer {
                set: 0,
                removed: 12,
                ..
            }
        ),
        "{offer:?}"
    );
    world.fleet(|fleet| fleet.held.is_empty()).await;
}

/// What the command line says of a world's hub.
fn hub(world: &World, args: &[&str]) -> String {
    let socket = world.server().addresses().socket.display().to_string();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_hub"))
        .args(["--hub", &format!("unix:{socket}")])
        .args(args)
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn held_sets_are_shown_whole_and_also_when_nobody_declares_their_placement() {
    let maps = |name: &str| -> String {
        (0..30)
            .map(|n| config_map(&format!("{name}-{n}"), "1"))
            .collect()
    };
    let world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/web/all.yaml", Some(&maps("web"))),
        ("apps/db/all.yaml", Some(&maps("db"))),
    ])
    .await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let nowhere = everywhere("web").replace("env: test", "no: where");
    assert_ne!(nowhere, everywhere("web"));
    let files = [("db.yaml", None), ("web.yaml", Some(nowhere.as_str()))];
    let revision = world.repository.commit(&files);
    world.follows(&revision).await;
    let fleet = world.fleet(|fleet| fleet.held.len() == 2).await;
    let listed = fleet.held.iter().map(|held| held.examples.len());
    assert_eq!(listed.collect::<Vec<_>>(), [30, 30]);
    let status = hub(&world, &["status"]);
    assert!(
        status.contains("and 20 more: hub status -o json"),
        "{status}"
    );
    assert!(hub(&world, &["status", "-o", "json"]).contains("db-29"));
    let all = hub(&world, &["get", "placements", "-o", "wide"]);
    let gone = all.lines().find(|line| line.starts_with("fleet.db "));
    assert!(
        gone.is_some_and(|line| line.contains("Held") && line.contains("hub approve ")),
        "{all}"
    );
    let one = hub(&world, &["get", "placements", "db"]);
    assert!(one.contains("(30 objects): hub approve "), "{one}");
    let problems = hub(&world, &["get", "problems"]);
    assert!(
        problems.contains("it selected 1 before; what it brought is held: `hub approve "),
        "{problems}"
    );
    for held in &fleet.held {
        let digest = held.digest.clone();
        let reason = "they moved".to_owned();
        let request = wire::ApproveRequest { digest, reason };
        world.admin().await.approve(request).await.unwrap();
    }
    world.fleet(|fleet| fleet.held.is_empty()).await;
    let problems = hub(&world, &["get", "problems"]);
    assert!(
        problems.contains("it selected 1 before; nothing that it brought waits any more"),
        "{problems}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_counted_and_what_rests_on_its_last_good_version_says_so() {
    let world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await;
    let broken = everywhere("web").replace("clusters: [", "clustres: [");
    let revision = world.repository.commit(&[("web.yaml", Some(&broken))]);
    world.follows(&revision).await;
    let fleet = world.fleet(|fleet| fleet.errors > 0).await;
    assert!(
        fleet.text.contains("\nlast good 1 of them"),
        "{}",
        fleet.text
    );
    let status = hub(&world, &["status"]);
    assert!(status.contains(": hub get problems"), "{status}");
    let explained = hub(&world, &["explain", "one", "web"]);
    assert!(
        explained.contains("this is the last good version of placement web"),
        "{explained}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_refused_over_tcp_in_words() {
    let world = World::running(&[("clusters.yaml", Some(&cluster("one")))]).await;
    let mut admin = wire::admin_client::AdminClient::new(world.tcp().await);
    let refused = admin
        .refresh(wire::RefreshRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert!(
        refused.message().contains("unix:PATH"),
        "{}",
        refused.message()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_metrics_are_served() {
    let world = World::running(&[("clusters.yaml", Some(&cluster("one")))]).await;
    assert_eq!(world.page("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(world.page("/readyz").await, (200, "ok\n".to_owned()));
    assert_eq!(world.page("/nothing").await.0, 404);
    assert!(world.counter("resolves").await >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_only_what_was_recorded() {
    let world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await;
    let ask = |cluster: &str| wire::ExplainRequest {
        cluster: cluster.to_owned(),
        bundle: "web".to_owned(),
    };
    let answer = world
        .query()
        .await
        .explain(ask("one"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.answer.as_str(), answer.bundle.as_str()),
        ("Placed", "fleet.web")
    );
    assert!(
        answer
            .reasons
            .iter()
            .any(|reason| reason.at.starts_with("web.yaml:")),
        "{answer:#?}"
    );
    let refused = world.query().await.explain(ask("on")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    assert_eq!(
        refused.message(),
        "no cluster `on` is declared or enrolled (did you mean `one`?)"
    );
    let unknown = wire::ExplainRequest {
        bundle: "wbe".to_owned(),
        ..ask("one")
    };
    let refused = world.query().await.explain(unknown).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "there is no bundle `wbe` (did you mean `web`?)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_says_that_something_changed() {
    let world = World::running(&[("clusters.yaml", Some(&cluster("one")))]).await;
    let mut query = world.query().await;
    let mut changes = query
        .watch(wire::WatchRequest {})
        .await
        .unwrap()
        .into_inner();
    let first = changes.message().await.unwrap().unwrap().picture;
    let more = format!("{}{}", cluster("one"), cluster("two"));
    world.repository.commit(&[("clusters.yaml", Some(&more))]);
    world.refresh().await;
    loop {
        let picture = changes.message().await.unwrap().unwrap().picture;
        assert!(picture > first);
        let all = query
            .list_clusters(wire::ListClustersRequest::default())
            .await
            .unwrap();
        if all.into_inner().total == 2 {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_answers() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    let world = World::running(&[("clusters.yaml", Some(&cluster("one")))]).await;
    let mut health = HealthClient::new(world.tcp().await);
    let service = "capstan.v1.Query".to_owned();
    let answer = health
        .check(HealthCheckRequest { service })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        answer.status(),
        tonic_health::pb::health_check_response::ServingStatus::Serving
    );
}

/// What reflection answers when asked for the services.
macro_rules! listed {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version as pb;
        let mut client = pb::server_reflection_client::ServerReflectionClient::new($channel);
        let request = pb::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(pb::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            )),
        };
        let asked = tokio_stream::once(request);
        let mut answers = client
            .server_reflection_info(asked)
            .await
            .unwrap()
            .into_inner();
        let answer = answers.message().await.unwrap().unwrap();
        match answer.message_response.unwrap() {
            pb::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
                let services = list.service.into_iter();
                services.map(|service| service.name).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_operators_services_under_both_of_its_names() {
    let world = World::running(&[("clusters.yaml", Some(&cluster("one")))]).await;
    let current = listed!(v1, world.tcp().await);
    let older = listed!(v1alpha, world.tcp().await);
    for services in [current, older] {
        for name in [
            "capstan.v1.Query",
            "capstan.v1.Admin",
            "grpc.health.v1.Health",
        ] {
            assert!(services.iter().any(|listed| listed == name), "{services:?}");
        }
    }
}
