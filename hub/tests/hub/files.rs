//! Bad files, bad repositories: the last good state stays, and the problem has a name.

use capstan_proto::wire;

use crate::support::{Heard, Spoke, World, cluster, config_map, everywhere};

async fn world() -> (World, Spoke) {
    let world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        ("apps/web/b.yaml", Some(&config_map("b", "1"))),
    ])
    .await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    (world, spoke)
}

async fn problems(world: &World) -> Vec<wire::Problem> {
    let answer = world
        .query()
        .await
        .list_problems(wire::ListProblemsRequest::default())
        .await;
    answer.unwrap().into_inner().problems
}

/// Changes one object, and sees that this, and nothing else, is what the next offer brings.
async fn only_b_changes(world: &World, spoke: &mut Spoke) {
    world
        .repository
        .commit(&[("apps/web/b.yaml", Some(&config_map("b", "2")))]);
    world.refresh().await;
    let offer = spoke.takes_offer().await;
    assert!(
        matches!(
            offer,
            Heard::Offer {
                set: 1,
                removed: 0,
                ..
            }
        ),
        "{offer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_document_removes_nothing_and_everything_else_goes_on() {
    let (world, mut spoke) = world().await;
    let broken = everywhere("web").replace("path:", "pth:");
    let broken = world.repository.commit(&[("web.yaml", Some(&broken))]);
    world.follows(&broken).await;
    world.fleet(|fleet| fleet.errors > 0).await;
    let found = problems(&world).await;
    assert!(
        found
            .iter()
            .any(|p| p.path == "web.yaml" && p.line == 4 && !p.hint.is_empty()),
        "{found:#?}"
    );
    only_b_changes(&world, &mut spoke).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_branch_keeps_the_last_good_state_and_says_since_when() {
    let (world, mut spoke) = world().await;
    world.repository.rename_branch("main", "trunk");
    world.refresh().await;
    let fleet = world
        .fleet(|fleet| fleet.sources[0].state == "Failing")
        .await;
    assert!(fleet.sources[0].failing_since_ms > 0);
    assert!(
        fleet.sources[0].message.contains("main"),
        "{}",
        fleet.sources[0].message
    );
    assert_eq!(fleet.state, "Serving");
    world.repository.rename_branch("trunk", "main");
    only_b_changes(&world, &mut spoke).await;
    world
        .fleet(|fleet| fleet.sources[0].state == "Following")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn symbolic_links_remove_nothing() {
    let (world, mut spoke) = world().await;
    for path in ["web.yaml", "clusters.yaml", "apps/web/a.yaml", "apps/web"] {
        let revision = world.repository.link(path, "elsewhere");
        world.follows(&revision).await;
        let found = problems(&world).await;
        assert!(
            found
                .iter()
                .any(|p| p.code == "E0112" && p.path == path && !p.hint.is_empty()),
            "{found:#?}"
        );
    }
    assert_eq!(world.counter("offers_sent").await, 1);
    let held = spoke.held().unwrap().1.objects().len();
    assert_eq!(held, 2);
    let back = [
        ("clusters.yaml", Some(cluster("one"))),
        ("web.yaml", Some(everywhere("web"))),
    ];
    let back: Vec<_> = back
        .iter()
        .map(|(path, text)| (*path, text.as_deref()))
        .collect();
    world.repository.commit(&back);
    let (a, b) = (config_map("a", "1"), config_map("b", "2"));
    world.repository.unlink("apps/web");
    world
        .repository
        .commit(&[("apps/web/a.yaml", Some(&a)), ("apps/web/b.yaml", Some(&b))]);
    world.refresh().await;
    let offer = spoke.takes_offer().await;
    assert!(
        matches!(
            offer,
            Heard::Offer {
                set: 1,
                removed: 0,
                ..
            }
        ),
        "{offer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_is_no_empty_fleet() {
    let mut world = World::founded().await;
    world.start().await;
    let fleet = world
        .fleet(|fleet| fleet.sources[0].state == "Failing")
        .await;
    assert_eq!(fleet.state, "Starting");
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    assert!(matches!(spoke.hear().await, Heard::NoOpinion(_)));
    world.repository.commit(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ]);
    world.refresh().await;
    assert!(matches!(
        spoke.takes_offer().await,
        Heard::Offer { set: 1, .. }
    ));
}
