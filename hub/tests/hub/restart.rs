//! A hub that comes back: with everything, without what can be rebuilt, before it read Git.

use capstan_proto::Triple;

use crate::support::{Heard, Spoke, World, cluster, config_map, everywhere};

async fn world() -> World {
    World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        ("apps/web/b.yaml", Some(&config_map("b", "1"))),
    ])
    .await
}

fn forget(world: &World) {
    for derived in ["store", "content", "git"] {
        let path = world.data().join(derived);
        if path.exists() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

/// Runs one cluster, restarts the hub (losing what is derived, where asked), and connects again.
async fn restarted(world: &mut World, lose: bool) {
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let held = spoke.held().unwrap().0;
    world.stop().await;
    assert_eq!(
        spoke.hear().await,
        Heard::Close(capstan_proto::wire::CloseReason::ShuttingDown)
    );
    if lose {
        forget(world);
    }
    world.start().await;
    world.reads_git().await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert_eq!(spoke.hear().await, Heard::InSync(held));
    assert_eq!(spoke.hear().await, Heard::Permit(held));
    assert_eq!(world.counter("offers_sent").await, 0);
    assert_eq!(world.counter("objects_sent").await, 0);
    assert_eq!(world.counter("in_sync").await, 1);
    // A change after it moves one object, and is numbered above what the spoke holds.
    world
        .repository
        .commit(&[("apps/web/b.yaml", Some(&config_map("b", "2")))]);
    world.refresh().await;
    let offer = spoke.takes_offer().await;
    let Heard::Offer {
        triple,
        full,
        follows,
        set,
        removed,
    } = offer
    else {
        unreachable!("it is an offer");
    };
    assert_eq!((full, follows, set, removed), (false, Some(held), 1, 0));
    assert!(triple.number > held.number);
    assert_eq!(world.counter("objects_sent").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_sends_nothing_to_a_spoke_in_sync() {
    let mut world = world().await;
    restarted(&mut world, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_without_anything_derived_sends_nothing_to_a_spoke_in_sync() {
    let mut world = world().await;
    restarted(&mut world, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_document_decides_the_same_after_everything_derived_was_lost() {
    let mut world = world().await;
    let broken = everywhere("web").replace("path:", "pth:");
    let revision = world.repository.commit(&[("web.yaml", Some(&broken))]);
    world.follows(&revision).await;
    restarted(&mut world, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symbolic_link_decides_the_same_after_everything_derived_was_lost() {
    for path in ["web.yaml", "clusters.yaml"] {
        let mut world = world().await;
        let revision = world.repository.link(path, "elsewhere");
        world.follows(&revision).await;
        restarted(&mut world, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_always_there_holds_up_no_removal() {
    let mut world = World::founded().await;
    world.repository.link("notes", "elsewhere");
    world.repository.commit(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        ("apps/db/b.yaml", Some(&config_map("b", "1"))),
    ]);
    world.start().await;
    world.reads_git().await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    world.repository.commit(&[("db.yaml", None)]);
    world.refresh().await;
    let offer = spoke.takes_offer().await;
    assert!(
        matches!(offer, Heard::Offer { removed: 1, .. }),
        "{offer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_content_decides_the_same_after_everything_derived_was_lost() {
    let mut world = world().await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let held = spoke.held().unwrap().0;
    let revision = world
        .repository
        .commit(&[("apps/web/b.yaml", Some("kind: [\n"))]);
    world.follows(&revision).await;
    world.fleet(|fleet| fleet.errors > 0).await;
    world.stop().await;
    forget(&world);
    world.start().await;
    world.reads_git().await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert_eq!(spoke.hear().await, Heard::InSync(held));
    assert_eq!(world.counter("offers_sent").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_young_hub_has_no_opinion() {
    let mut world = world().await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let held = spoke.held().unwrap().0;
    world.stop().await;
    forget(&world);
    let away = world.directory.path().join("away");
    let fleet = world.directory.path().join("fleet");
    std::fs::rename(&fleet, &away).unwrap();
    world.start().await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert!(matches!(spoke.hear().await, Heard::NoOpinion(_)));
    std::fs::rename(&away, &fleet).unwrap();
    world.refresh().await;
    assert_eq!(spoke.hear().await, Heard::InSync(held));
    assert_eq!(world.counter("offers_sent").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_outlives_the_hub_that_took_it() {
    let all: String = (0..12)
        .map(|n| config_map(&format!("d-{n}"), "1"))
        .collect();
    let mut world = World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
        ("apps/db/all.yaml", Some(&all)),
    ])
    .await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    let cache = spoke.disconnect();
    let revision = world.repository.commit(&[("db.yaml", None)]);
    world.follows(&revision).await;
    let digest = world.fleet(|fleet| !fleet.held.is_empty()).await.held[0]
        .digest
        .clone();
    let reason = "the database moved".to_owned();
    let approve = capstan_proto::wire::ApproveRequest { digest, reason };
    world.admin().await.approve(approve).await.unwrap();
    world.stop().await;
    world.start().await;
    world.reads_git().await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, cache).await;
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
}

/// Three bundles of which a removal of one is small enough to need nobody.
async fn grown() -> World {
    World::running(&[
        ("clusters.yaml", Some(&cluster("one"))),
        ("web.yaml", Some(&everywhere("web"))),
        ("apps/web/a.yaml", Some(&config_map("a", "1"))),
    ])
    .await
}

/// Copies a directory as it is now.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Lets a cluster get another bundle, puts an older copy of some of its files back, takes the bundle's declaration away
/// while nobody looks, and says what the spoke hears.
async fn older(names: &[&str]) -> (World, Spoke, Triple) {
    let mut world = grown().await;
    let identity = world.enrol("one").await;
    let mut spoke = Spoke::connect(&identity, world.server().addresses().spokes).await;
    spoke.takes_offer().await;
    world.stop().await;
    let before = world.directory.path().join("before");
    copy(&world.data(), &before);
    world.start().await;
    world.reads_git().await;
    let hub = world.server().addresses().spokes;
    let mut spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    assert!(matches!(spoke.hear().await, Heard::InSync(_)));
    assert!(matches!(spoke.hear().await, Heard::Permit(_)));
    world.repository.commit(&[
        ("db.yaml", Some(&everywhere("db"))),
        ("apps/db/b.yaml", Some(&config_map("b", "1"))),
    ]);
    world.refresh().await;
    spoke.takes_offer().await;
    let held = spoke.held().unwrap().0;
    world.stop().await;
    let named = |path: &std::path::Path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        names.iter().any(|kept| name.starts_with(kept))
    };
    for entry in std::fs::read_dir(world.data()).unwrap() {
        let path = entry.unwrap().path();
        match (named(&path), path.is_dir()) {
            (true, true) => std::fs::remove_dir_all(path).unwrap(),
            (true, false) => std::fs::remove_file(path).unwrap(),
            (false, _) => {}
        }
    }
    for entry in std::fs::read_dir(&before).unwrap() {
        let path = entry.unwrap().path();
        let target = world.data().join(path.file_name().unwrap());
        match (named(&path), path.is_dir()) {
            (true, true) => copy(&path, &target),
            (true, false) => drop(std::fs::copy(path, target).unwrap()),
            (false, _) => {}
        }
    }
    world.repository.commit(&[("db.yaml", None)]);
    world.start().await;
    world.fleet(|fleet| fleet.state != "Starting").await;
    let hub = world.server().addresses().spokes;
    let spoke = Spoke::again(&identity, hub, spoke.disconnect()).await;
    (world, spoke, held)
}

async fn prunes_nothing_until_confirmed(names: &[&str]) {
    let (world, mut spoke, held) = older(names).await;
    // Nothing permits anything before the offer is accepted, and nothing after it.
    let offer = spoke.hear().await;
    let Heard::Offer {
        triple, follows, ..
    } = offer
    else {
        panic!("{offer:?}");
    };
    assert_eq!(follows, Some(held));
    assert!(triple.number > held.number, "{triple} {held}");
    assert_eq!(spoke.hear().await, Heard::Receipt(triple));
    let fleet = world.fleet(|fleet| fleet.state != "Serving").await;
    assert!(fleet.state.contains("Recovering"), "{}", fleet.state);
    let request = capstan_proto::wire::RecoverRequest {
        confirm: true,
        reason: "looked".to_owned(),
        ..Default::default()
    };
    world.admin().await.recover(request).await.unwrap();
    assert_eq!(spoke.hear().await, Heard::Permit(triple));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_its_end_permits_no_uncounted_removal() {
    prunes_nothing_until_confirmed(&["store"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_everything_permits_no_uncounted_removal() {
    prunes_nothing_until_confirmed(&["store", "ledger"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_dropped_while_it_works_leaves_no_files_behind() {
    let world = world().await;
    let directory = world.directory.path().to_owned();
    // It has much to write while it goes.
    let files: Vec<(String, String)> = (0..200)
        .map(|n| {
            (
                format!("apps/web/{n}.yaml"),
                config_map(&format!("c{n}"), "1"),
            )
        })
        .collect();
    let files: Vec<(&str, Option<&str>)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    world.repository.commit(&files);
    world.refresh().await;
    drop(world);
    assert!(!directory.exists());
}
