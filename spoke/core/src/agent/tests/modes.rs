//! The cluster's mode: enforced, observed, paused, released.

use std::collections::BTreeMap;

use capstan_proto::Sync;
use capstan_proto::delta::Piece;
use capstan_proto::drift::Outcome;
use capstan_proto::policy::{BundlePolicy, Mode};
use serde_json::{Value, json};

use super::world::{Declared, World, bundle, config, deployment, key, name, with_policy};
use crate::effect::Request;

fn in_mode(mode: Mode, manifests: Vec<Value>) -> Declared {
    with_policy(bundle("web", manifests), |policy| policy.mode = mode)
}

/// Requests that change something.
fn writes(world: &mut World) -> Vec<String> {
    let requests = std::mem::take(&mut world.requests);
    let writes = requests.iter().filter(|request| {
        !matches!(
            request,
            Request::Get { .. } | Request::Apply { dry_run: true, .. }
        )
    });
    writes.map(|request| request.key().name.clone()).collect()
}

fn reasons(world: &World) -> Vec<String> {
    let state = world.state("web");
    let mut reasons: Vec<_> = state
        .attention
        .iter()
        .map(|object| format!("{} {} {}", object.object.name, object.sync, object.reason))
        .collect();
    reasons.sort();
    reasons
}

impl World {
    /// Pieces as the hub sends them.
    pub(super) fn said(&self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        for header in pieces.iter_mut().filter_map(|piece| piece.header.as_mut()) {
            header.mode = header.mode.filter(|_| self.mode.is_some());
        }
        pieces
    }

    /// Deploys to a cluster of which the snapshot says the mode.
    fn deploy_in(&mut self, mode: Mode, bundles: &[Declared]) {
        self.mode = Some(mode);
        self.deploy(bundles);
        self.pass(60_000);
    }
}

// === without bundles ===

#[test]
fn a_cluster_without_bundles_hears_its_mode_and_keeps_it_over_a_restart() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy_in(Mode::Enforce, &[bundle("web", vec![a.clone()])]);
    writes(&mut world);
    // In one change it is paused, and its last bundle goes.
    world.deploy_in(Mode::Paused, &[]);
    world.start();
    world.connect();
    world.pass(600_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    // It is enforced again, and no bundle says so.
    world.deploy_in(Mode::Enforce, &[]);
    assert!(!world.cluster.objects.contains_key(&key(&a)));
}

#[test]
fn what_a_snapshot_says_restrains_bundles_that_were_not_brought_up_to_date() {
    for mode in [Mode::Paused, Mode::Observe] {
        let mut world = World::started();
        let (a, b) = (config("a", "1"), config("b", "1"));
        world.deploy_in(Mode::Enforce, &[]);
        world.deploy_in(mode, &[]);
        world.deploy_in(mode, &[in_mode(Mode::Enforce, vec![a.clone()])]);
        let both = [
            in_mode(Mode::Enforce, vec![a.clone()]),
            with_policy(bundle("other", vec![b.clone()]), |policy| {
                policy.mode = mode
            }),
        ];
        world.deploy_in(mode, &both);
        assert_eq!(writes(&mut world), [] as [&str; 0], "{mode:?}");
        world.deploy_in(Mode::Enforce, &[in_mode(Mode::Enforce, vec![a.clone()])]);
        assert!(world.cluster.objects.contains_key(&key(&a)), "{mode:?}");
    }
}

// === paused ===

#[test]
fn a_paused_cluster_is_not_changed_and_its_drift_is_reported() {
    let mut world = World::started();
    let (web, a, b) = (deployment("web", 2), config("a", "1"), config("b", "1"));
    world.deploy(&[bundle("web", vec![web.clone(), a.clone(), b.clone()])]);
    world.make_ready(&key(&web));
    world.pass(60_000);
    let paused = vec![web.clone(), config("a", "2"), config("new", "1")];
    world.deploy(&[in_mode(Mode::Paused, paused.clone())]);
    writes(&mut world);
    world.edit(&key(&web), "kubectl", |body| {
        body["spec"]["replicas"] = json!(5)
    });
    world.pass(600_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    assert!(
        world.cluster.objects.contains_key(&key(&b)),
        "nothing is pruned"
    );
    assert_eq!(
        world.cluster.objects[&key(&web)].body["spec"]["replicas"],
        json!(5)
    );
    let drift = world.drift("web");
    assert_eq!(
        (drift.fields[0].path.as_str(), drift.outcome),
        (".spec.replicas", Outcome::Reported)
    );
    assert!(
        reasons(&world).contains(&"web Drifted Drifted".to_owned()),
        "{:?}",
        reasons(&world)
    );
    world.remove(&key(&web));
    world.pass(60_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    // Enforced again, everything comes at once.
    world.deploy(&[in_mode(Mode::Enforce, paused)]);
    world.pass(60_000);
    world.make_ready(&key(&web));
    world.pass(60_000);
    assert_eq!(world.words("web"), "Synced Healthy");
    assert!(!world.cluster.objects.contains_key(&key(&b)));
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("2")
    );
}

#[test]
fn reported_drift_is_put_back_once_the_cluster_is_enforced_again() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
    world.deploy(&[in_mode(Mode::Paused, vec![a.clone()])]);
    world.edit(&key(&a), "kubectl", |body| {
        body["data"]["key"] = json!("mine")
    });
    world.pass(60_000);
    assert_eq!(world.state("web").sync, Sync::Drifted);
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
    world.pass(60_000);
    assert_eq!(
        world.cluster.objects[&key(&a)].body["data"]["key"],
        json!("1")
    );
    assert_eq!(world.words("web"), "Synced Healthy");
}

#[test]
fn a_paused_cluster_stays_paused_after_a_restart_of_its_agent() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
    world.deploy(&[in_mode(Mode::Paused, vec![a.clone(), config("new", "1")])]);
    writes(&mut world);
    world.start();
    world.connect();
    world.edit(&key(&a), "kubectl", |body| {
        body["data"]["key"] = json!("mine")
    });
    world.pass(600_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
}

#[test]
fn one_bundle_that_says_paused_pauses_the_others() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    let other = |manifests| bundle("other", manifests);
    world.deploy(&[
        in_mode(Mode::Enforce, vec![a.clone()]),
        other(vec![b.clone()]),
    ]);
    world.deploy(&[in_mode(Mode::Paused, vec![a]), other(vec![b.clone()])]);
    writes(&mut world);
    world.edit(&key(&b), "kubectl", |body| {
        body["data"]["key"] = json!("mine")
    });
    world.pass(60_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    assert_eq!(world.state("other").sync, Sync::Drifted);
}

#[test]
fn a_paused_cluster_that_loses_every_bundle_stays_paused_over_a_restart() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[in_mode(Mode::Paused, vec![a.clone()])]);
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
    world.deploy(&[in_mode(Mode::Paused, vec![a.clone()])]);
    writes(&mut world);
    world.deploy(&[]);
    world.pass(600_000);
    world.start();
    world.connect();
    world.pass(600_000);
    world.start();
    world.connect();
    world.deploy(&[]);
    world.pass(600_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    assert!(world.cluster.objects.contains_key(&key(&a)));
    // A bundle that is enforced says that the cluster is.
    world.deploy(&[bundle("other", vec![config("b", "1")])]);
    world.pass(60_000);
    assert!(!world.cluster.objects.contains_key(&key(&a)));
}

#[test]
fn an_observed_and_a_released_cluster_delete_nothing_when_every_bundle_leaves() {
    for (mode, still_ours) in [(Mode::Observe, true), (Mode::Release, false)] {
        let mut world = World::started();
        let a = config("a", "1");
        world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
        world.permits = false;
        world.slow = true;
        world.deploy(&[in_mode(mode, vec![a.clone()])]);
        world.permits = true;
        world.deploy(&[]);
        world.slow = false;
        world.start();
        world.connect();
        world.pass(600_000);
        assert!(world.cluster.objects.contains_key(&key(&a)), "{mode:?}");
        assert_eq!(world.cluster.has_label(&key(&a)), still_ours, "{mode:?}");
    }
}

#[test]
fn a_damaged_policy_pauses_the_cluster() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    let other = bundle("other", vec![b.clone()]);
    world.deploy(&[in_mode(Mode::Paused, vec![a.clone()]), other.clone()]);
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()]), other.clone()]);
    world.deploy(&[in_mode(Mode::Paused, vec![a]), other]);
    writes(&mut world);
    let policy = BundlePolicy {
        mode: Mode::Paused,
        ..BundlePolicy::default()
    };
    let digest = policy.digest();
    world.disk.contents.insert(digest, b"{".as_slice().into());
    world.disconnect();
    world.start();
    world.edit(&key(&b), "kubectl", |body| {
        body["data"]["key"] = json!("mine")
    });
    world.pass(600_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
}

// === observed ===

#[test]
fn an_observed_cluster_is_compared_and_never_written() {
    let mut world = World::started();
    let (same, other) = (config("same", "1"), config("other", "1"));
    world.cluster.create("helm", &same);
    world.cluster.create("helm", &other);
    let manifests = vec![same, config("other", "2"), config("new", "1")];
    world.deploy(&[in_mode(Mode::Observe, manifests.clone())]);
    world.pass(1_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    let found: Vec<_> = reasons(&world)
        .into_iter()
        .filter(|r| !r.starts_with("same"))
        .collect();
    assert_eq!(found, ["new Held WouldCreate", "other Drifted WouldChange"]);
    let state = world.state("web");
    assert_eq!((state.objects, state.objects_synced), (3, 1));
    assert_eq!(state.reason, "Observed");
    assert_eq!(
        state.message,
        "observed: would create 1, change 1, delete 0"
    );
    let drift = world.drift("web");
    assert_eq!(drift.fields.len(), 1);
    assert_eq!(drift.fields[0].path, ".data.key");
    assert!(world.rows("web").is_empty(), "nothing of it is ours");
    // Somebody makes it as declared: that is noticed after a while.
    world.edit(&key(&manifests[1]), "kubectl", |body| {
        body["data"]["key"] = json!("2")
    });
    world.pass(400_000);
    assert_eq!(
        world.state("web").message,
        "observed: would create 1, change 0, delete 0"
    );
    assert_eq!(writes(&mut world), [] as [&str; 0]);
}

#[test]
fn what_was_enforced_and_is_observed_says_what_would_change_and_go() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone(), b.clone()])]);
    world.deploy(&[in_mode(
        Mode::Observe,
        vec![config("a", "2"), config("c", "1")],
    )]);
    writes(&mut world);
    world.pass(60_000);
    assert_eq!(
        world.state("web").message,
        "observed: would create 1, change 1, delete 1"
    );
    world.remove(&key(&a));
    world.pass(60_000);
    assert_eq!(
        world.state("web").message,
        "observed: would create 2, change 0, delete 1"
    );
    assert_eq!(writes(&mut world), [] as [&str; 0]);
    assert!(world.cluster.objects.contains_key(&key(&b)));
    // Enforced, all of it happens.
    world.deploy(&[in_mode(
        Mode::Enforce,
        vec![config("a", "2"), config("c", "1")],
    )]);
    world.pass(60_000);
    assert_eq!(world.words("web"), "Synced Healthy");
    assert!(!world.cluster.objects.contains_key(&key(&b)));
}

#[test]
fn what_is_in_a_namespace_that_is_not_there_would_be_made() {
    let mut world = World::started();
    let mut far = config("far", "1");
    far["metadata"]["namespace"] = json!("not-there");
    world.deploy(&[in_mode(Mode::Observe, vec![far])]);
    world.pass(1_000);
    assert_eq!(
        world.state("web").message,
        "observed: would create 1, change 0, delete 0"
    );
    assert_eq!(writes(&mut world), [] as [&str; 0]);
}

// === released ===

#[test]
fn a_released_cluster_keeps_every_object_and_loses_our_marks() {
    let mut world = World::started();
    let (web, a, b) = (deployment("web", 2), config("a", "1"), config("b", "1"));
    world.deploy(&[in_mode(
        Mode::Enforce,
        vec![web.clone(), a.clone(), b.clone()],
    )]);
    let before = world.cluster.objects.clone();
    let uids: BTreeMap<_, _> = before
        .keys()
        .map(|key| (key.clone(), world.cluster.uid(key).to_owned()))
        .collect();
    writes(&mut world);
    // `b` leaves in the same snapshot: it is let go, too.
    world.deploy(&[in_mode(
        Mode::Release,
        vec![web.clone(), a.clone(), config("new", "1")],
    )]);
    world.pass(60_000);
    let requests = std::mem::take(&mut world.requests);
    let harmless =
        |request: &Request| matches!(request, Request::Get { .. } | Request::Patch { .. });
    assert!(requests.iter().all(harmless), "{requests:?}");
    for object in [&web, &a, &b] {
        let (was, is) = (&before[&key(object)], &world.cluster.objects[&key(object)]);
        assert_eq!(
            (was.body.get("spec"), was.body.get("data")),
            (is.body.get("spec"), is.body.get("data"))
        );
        assert_eq!(world.cluster.uid(&key(object)), uids[&key(object)]);
        let labelled = world.cluster.has_label(&key(object));
        assert!(
            !labelled,
            "{} {:?}",
            key(object),
            world.cluster.objects[&key(object)].body
        );
        assert!(
            !world
                .cluster
                .managers(&key(object))
                .contains(&"capstan".to_owned())
        );
    }
    assert!(
        !world.disk.inventory.contains_key(&name("web")),
        "nothing is ours any more"
    );
    assert!(
        !world
            .cluster
            .objects
            .contains_key(&key(&config("new", "1")))
    );
    let found = reasons(&world);
    assert_eq!(
        found,
        ["a Held Released", "new Held Released", "web Held Released"]
    );
    // Nothing is put back, or looked for, from now on.
    world.edit(&key(&a), "kubectl", |body| {
        body["data"]["key"] = json!("mine")
    });
    world.remove(&key(&web));
    world.pass(3_600_000);
    assert_eq!(writes(&mut world), [] as [&str; 0]);
}

#[test]
fn a_release_goes_on_after_a_restart_and_an_object_that_is_gone_does_not_stop_it() {
    let mut world = World::started();
    let (a, b) = (config("a", "1"), config("b", "1"));
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone(), b.clone()])]);
    world.fault = Some(Box::new(|request| match request {
        Request::Patch { .. } => Some(crate::outcome::Outcome::Unsent {
            detail: "away".to_owned(),
        }),
        _ => None,
    }));
    world.deploy(&[in_mode(Mode::Release, vec![a.clone(), b.clone()])]);
    world.pass(10_000);
    assert!(world.cluster.has_label(&key(&a)));
    world.fault = None;
    world.cluster.remove(&key(&b));
    world.start();
    world.connect();
    world.pass(600_000);
    assert!(!world.cluster.has_label(&key(&a)));
    assert!(world.cluster.objects.contains_key(&key(&a)));
    assert!(
        !world.cluster.objects.contains_key(&key(&b)),
        "it is not made anew"
    );
    assert!(!world.disk.inventory.contains_key(&name("web")));
}

#[test]
fn a_cluster_that_was_released_is_taken_back_where_nothing_changed() {
    let mut world = World::started();
    let a = config("a", "1");
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
    world.deploy(&[in_mode(Mode::Release, vec![a.clone()])]);
    world.pass(60_000);
    world.deploy(&[in_mode(Mode::Enforce, vec![a.clone()])]);
    world.pass(60_000);
    assert!(world.cluster.has_label(&key(&a)));
    assert_eq!(world.words("web"), "Synced Healthy");
}
