//! Which mode the policies of bundles carry that stay as they are.

use std::collections::BTreeMap;

use capstan_proto::policy::{BundlePolicy, Mode};

use crate::desired::{Desired, Kept};
use crate::fixture::{Hub, cluster, fleet};
use crate::problem::Code;

/// The mode of each bundle of a cluster, from content that was handed out at some time.
fn modes(hub: &Hub, desired: &Desired, name: &str) -> BTreeMap<String, Mode> {
    let target = desired.clusters[&cluster(name)].target().unwrap();
    let bundles = target.snapshot.bundles().iter();
    bundles
        .map(|(bundle, digest)| {
            let mode = match desired.content.get(digest) {
                Some(bytes) => BundlePolicy::from_bytes(bytes).unwrap().mode,
                None => hub.running.policies[digest].mode,
            };
            (bundle.name().to_string(), mode)
        })
        .collect()
}

fn in_mode(text: &str, name: &str, mode: &str) -> String {
    let labels = format!("labels: {{name: {name}}}}}\n");
    text.replace(&labels, &format!("{labels}spec: {{mode: {mode}}}\n"))
}

fn without_placements(text: &str) -> String {
    text.split("== p.yaml").next().unwrap().to_owned()
}

#[test]
fn a_bundle_that_waits_to_be_removed_carries_the_present_mode() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let gone = without_placements(&fleet());
    let desired = hub.commit(&in_mode(&gone, "a", "Paused"));
    let all = |mode| BTreeMap::from([("db".to_owned(), mode), ("web".to_owned(), mode)]);
    assert_eq!(modes(&hub, &desired, "a"), all(Mode::Paused));
    assert_eq!(modes(&hub, &desired, "b"), all(Mode::Enforce));
    // Its bytes are handed out with it.
    for digest in desired.clusters[&cluster("a")]
        .target()
        .unwrap()
        .snapshot
        .bundles()
        .values()
    {
        assert!(desired.content.contains_key(digest));
    }
    let desired = hub.commit(&gone);
    assert_eq!(modes(&hub, &desired, "a"), all(Mode::Enforce));
}

#[test]
fn a_cluster_without_bundles_is_told_its_mode() {
    let mut hub = Hub::default();
    let nothing = "== clusters.yaml\n@Cluster a\n@Cluster b\n".to_owned();
    hub.commit(&nothing);
    let told = |hub: &mut Hub, files: &str| {
        let desired = hub.commit(files);
        ["a", "b"].map(|name| {
            let target = desired.clusters[&cluster(name)].target().unwrap();
            assert_eq!(target.digest, target.snapshot.digest());
            target.snapshot.mode()
        })
    };
    for (word, mode) in [
        ("Paused", Mode::Paused),
        ("Observe", Mode::Observe),
        ("Release", Mode::Release),
        ("Enforce", Mode::Enforce),
    ] {
        let files = nothing.replace(
            "@Cluster a\n",
            &format!("@Cluster a\nspec: {{mode: {word}}}\n"),
        );
        assert_eq!(told(&mut hub, &files), [mode, Mode::Enforce]);
    }
    // With bundles, too.
    assert_eq!(
        told(&mut hub, &in_mode(&fleet(), "a", "Paused")),
        [Mode::Paused, Mode::Enforce]
    );
}

#[test]
fn a_released_cluster_loses_nothing_by_removal_in_the_same_commit_or_later() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let gone = in_mode(&without_placements(&fleet()), "a", "Release");
    for _ in 0..2 {
        let desired = hub.commit(&gone);
        assert!(
            modes(&hub, &desired, "a")
                .values()
                .all(|mode| *mode == Mode::Release)
        );
        let target = desired.clusters[&cluster("a")].target().unwrap();
        assert_eq!(target.snapshot.objects().len(), 3);
        assert!(target.kept.values().all(|kept| *kept == Kept::Released));
        for hold in &desired.holds {
            assert!(hold.set.of_cluster(&cluster("a")).is_none());
            hub.approve(hold);
        }
        assert!(
            desired
                .removals
                .iter()
                .all(|removal| removal.cluster != cluster("a"))
        );
    }
    // Enforced again, what leaves is counted as ever.
    hub.running.approvals.clear();
    let desired = hub.commit(&without_placements(&fleet()));
    assert!(
        desired
            .holds
            .iter()
            .any(|hold| hold.set.of_cluster(&cluster("a")).is_some())
    );
}

#[test]
fn an_object_that_leaves_a_bundle_of_a_released_cluster_is_let_go() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let fewer = fleet().replace(
        "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: w2}}\n",
        "",
    );
    assert_ne!(fewer, fleet());
    let desired = hub.commit(&in_mode(&fewer, "a", "Release"));
    let objects = |name: &str| {
        desired.clusters[&cluster(name)]
            .target()
            .unwrap()
            .snapshot
            .objects()
            .len()
    };
    assert_eq!((objects("a"), objects("b")), (3, 2));
    assert!(
        desired
            .removals
            .iter()
            .all(|removal| removal.cluster != cluster("a"))
    );
}

#[test]
fn a_pause_arrives_although_every_bundle_is_kept() {
    for (from, to) in [
        ("kind: ConfigMap", "kind: {"),
        ("clusters: [{}]}", "clusters: [{}], suspend: true}"),
    ] {
        let mut hub = Hub::default();
        hub.commit(&fleet());
        let kept = fleet().replace(from, to);
        let desired = hub.commit(&in_mode(&kept, "a", "Paused"));
        let target = desired.clusters[&cluster("a")].target().unwrap();
        assert_eq!(target.kept.len(), 2, "{:?}", target.kept);
        assert!(
            modes(&hub, &desired, "a")
                .values()
                .all(|mode| *mode == Mode::Paused)
        );
        assert!(
            modes(&hub, &desired, "b")
                .values()
                .all(|mode| *mode == Mode::Enforce)
        );
    }
}

#[test]
fn a_mode_that_cannot_be_carried_is_a_problem() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    hub.running.policies = std::sync::Arc::default();
    let desired = hub.commit(&in_mode(&without_placements(&fleet()), "a", "Paused"));
    let found = desired
        .problems
        .iter()
        .filter(|p| p.code == Code::ModeNotCarried);
    let found: Vec<_> = found.map(|p| p.message.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("a and 2 more does not reach bundle"));
}
