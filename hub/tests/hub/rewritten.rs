//! History that is rewritten: what is in force stays until the branch comes back or a person accepts.

use capstan_proto::wire;

use crate::support::{Heard, Identity, Spoke, World, cluster, config_map, everywhere};

fn databases() -> String {
    (0..12)
        .map(|n| config_map(&format!("d-{n}"), "1"))
        .collect()
}

/// A hub and a spoke at a second commit, with the revisions of both commits.
async fn world() -> (World, (Identity, Spoke), String, String) {
    let world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        ("apps/db/all.yaml", Some(&databases())),
    ])
    .await;
    let first = world.fleet(|_| true).await.sources[0].revision.clone();
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let second = world
        .repository
        .commit(&[("apps/web/a.yaml", Some(&config_map("a", "2")))]);
    world.follows(&second).await;
    spoke.takes_offer().await;
    (world, (identity, spoke), first, second)
}

/// Rewrites the branch: the second commit is gone, and the databases too.
async fn rewrite(world: &World, first: &str) -> String {
    world.repository.reset(first);
    let head = world.repository.commit(&[("db.yaml", None)]);
    world.refresh().await;
    head
}

/// Waits until the source says that it is rewritten, and that another commit is in force.
async fn is_held(world: &World, head: &str, in_force: &str) -> wire::Source {
    let fleet = world
        .fleet(|fleet| {
            // After a start the commit in force is shown once its state was numbered.
            fleet.state == "Serving"
                && fleet
                    .sources
                    .first()
                    .is_some_and(|source| source.state == "Failing" && !source.revision.is_empty())
        })
        .await;
    let source = fleet.sources[0].clone();
    assert_eq!(source.revision, in_force);
    assert!(source.failing_since_ms > 0);
    assert_eq!(
        source.message,
        format!(
            "branch main was rewritten: {} does not contain {}, which is in force",
            &head[..SHORT],
            &in_force[..SHORT]
        )
    );
    assert!(
        source
            .hint
            .contains("hub refresh fleet --accept-rewrite --reason"),
        "{}",
        source.hint
    );
    assert_eq!(fleet.held.len(), 0);
    source
}

/// Digits of a revision that people are shown.
const SHORT: usize = 12;

fn acceptance(source: &str, reason: &str) -> wire::RefreshRequest {
    wire::RefreshRequest {
        source: source.to_owned(),
        accept_rewrite: true,
        reason: reason.to_owned(),
    }
}

async fn refused(world: &World, request: wire::RefreshRequest) -> tonic::Code {
    world
        .admin()
        .await
        .refresh(request)
        .await
        .unwrap_err()
        .code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_branch_changes_nothing_until_somebody_accepts_it() {
    let (mut world, (identity, spoke), first, second) = world().await;
    let request = acceptance("fleet", "because");
    assert_eq!(
        refused(&world, request).await,
        tonic::Code::FailedPrecondition
    );
    let head = rewrite(&world, &first).await;
    let since = is_held(&world, &head, &second).await.failing_since_ms;
    world.refresh().await;
    assert_eq!(
        is_held(&world, &head, &second).await.failing_since_ms,
        since
    );
    assert_eq!(world.counter("offers_sent").await, 2);
    assert_eq!(
        refused(&world, acceptance("fleet", "")).await,
        tonic::Code::InvalidArgument
    );
    assert_eq!(
        refused(&world, acceptance("", "because")).await,
        tonic::Code::InvalidArgument
    );
    // Over a restart too.
    let held = spoke.held().unwrap().0;
    world.stop().await;
    world.start().await;
    is_held(&world, &head, &second).await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert_eq!(spoke.hear().await, Heard::InSync(held));
    // Accepted, it is followed; what it removes is beyond the budget.
    let request = acceptance("fleet", "the second commit was a mistake");
    world.admin().await.refresh(request).await.unwrap();
    let fleet = world
        .fleet(|fleet| fleet.sources[0].revision == head && !fleet.held.is_empty())
        .await;
    assert_eq!(fleet.sources[0].state, "Following");
    assert_eq!(fleet.held[0].objects, 12);
    let log = std::fs::read_to_string(world.data().join("audit.log")).unwrap();
    let entry = log
        .lines()
        .rev()
        .find(|line| line.contains("AcceptRewrite"))
        .unwrap();
    assert!(
        entry.contains("the second commit was a mistake") && entry.contains(&head),
        "{entry}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_contains_what_is_in_force_again_is_followed_by_itself() {
    let (world, (_, mut spoke), first, second) = world().await;
    let head = rewrite(&world, &first).await;
    is_held(&world, &head, &second).await;
    world.repository.reset(&second);
    let third = world
        .repository
        .commit(&[("apps/web/a.yaml", Some(&config_map("a", "3")))]);
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
    let fleet = world
        .fleet(|fleet| fleet.sources[0].revision == third)
        .await;
    assert_eq!(
        (
            fleet.sources[0].state.as_str(),
            fleet.sources[0].hint.as_str()
        ),
        ("Following", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_branch_is_known_after_the_copy_was_lost() {
    let (mut world, (_, spoke), first, second) = world().await;
    world.stop().await;
    drop(spoke);
    std::fs::remove_dir_all(world.data().join("git")).unwrap();
    world.repository.reset(&first);
    let head = world.repository.commit(&[("db.yaml", None)]);
    world.start().await;
    let fleet = world
        .fleet(|fleet| fleet.sources[0].state == "Failing")
        .await;
    assert_eq!((fleet.state.as_str(), fleet.held.len()), ("Starting", 0));
    assert!(
        fleet.sources[0].message.contains(&second[..SHORT]),
        "{}",
        fleet.sources[0].message
    );
    let request = acceptance("fleet", "because");
    world.admin().await.refresh(request).await.unwrap();
    let fleet = world
        .fleet(|fleet| fleet.sources[0].revision == head && !fleet.held.is_empty())
        .await;
    assert_eq!(fleet.held[0].objects, 12);
}
