//! Reading snapshots: strictly when they are offered, leniently when they are held.

use std::collections::BTreeMap;

use capstan_proto::delta::receiver::Reason;
use capstan_proto::policy::BundlePolicy;
use capstan_proto::{BundleName, Digest, Entry, ObjectKey, Snapshot, canonical};
use serde_json::{Value, json};

use super::{Contents, read, read_leniently};

fn config(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}})
}

fn snapshot(manifests: &[Value], policy: &[u8]) -> (Snapshot, Contents) {
    let bundle = BundleName::parse("main.web").unwrap();
    let mut contents = Contents::from([(Digest::of(policy), policy.into())]);
    let mut objects = BTreeMap::new();
    for manifest in manifests {
        let bytes = canonical::to_bytes(manifest);
        let digest = Digest::of(&bytes);
        contents.insert(digest, bytes.into());
        objects.insert(
            ObjectKey::of(manifest).unwrap(),
            Entry {
                bundle: bundle.clone(),
                digest,
            },
        );
    }
    let bundles = BTreeMap::from([(bundle, Digest::of(policy))]);
    (Snapshot::try_new(bundles, objects).unwrap(), contents)
}

fn policy() -> Vec<u8> {
    BundlePolicy::default().to_bytes()
}

#[test]
fn a_whole_snapshot_is_read() {
    let (snapshot, contents) = snapshot(&[config("a"), config("b")], &policy());
    let plan = read(&snapshot, &contents).unwrap();
    assert_eq!((plan.wants.len(), plan.policies.len()), (2, 1));
    assert_eq!(read_leniently(&snapshot, &contents), plan);
}

#[test]
fn a_policy_from_the_future_is_refused_in_words() {
    let (snapshot, contents) = snapshot(&[], br#"{"newField":true}"#);
    let unfit = read(&snapshot, &contents).unwrap_err();
    assert_eq!(unfit.reason, Reason::UnknownFeature);
    assert!(unfit.detail.contains("main.web"));
}

#[test]
fn lacking_content_is_refused_in_an_offer_and_skipped_in_what_is_held() {
    let (snapshot, mut contents) = snapshot(&[config("a"), config("b")], &policy());
    contents.remove(&canonical::digest(&config("b")));
    assert_eq!(
        read(&snapshot, &contents).unwrap_err().reason,
        Reason::Incomplete
    );
    let plan = read_leniently(&snapshot, &contents);
    assert_eq!((plan.wants.len(), plan.skipped.len()), (1, 1));
}

#[test]
fn content_that_is_another_object_is_refused() {
    let (snapshot, mut contents) = snapshot(&[config("a")], &policy());
    let other = canonical::to_bytes(&config("z"));
    contents.insert(canonical::digest(&config("a")), other.into());
    assert_eq!(
        read(&snapshot, &contents).unwrap_err().reason,
        Reason::BadDigest
    );
    assert_eq!(read_leniently(&snapshot, &contents).skipped.len(), 1);
}

#[test]
fn definitions_and_autoscalers_are_seen() {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "baskets.shop.example"},
        "spec": {"group": "shop.example", "names": {"kind": "Basket"}}});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {}});
    let scaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "s", "namespace": "shop"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    let (snapshot, contents) = snapshot(&[definition, web.clone(), scaler], &policy());
    let plan = read(&snapshot, &contents).unwrap();
    assert_eq!(plan.definitions.len(), 1);
    let (_, want) = &plan.wants[&ObjectKey::of(&web).unwrap()];
    assert!(
        want.rules
            .as_ref()
            .is_some_and(|rules| rules.needs_owners())
    );
}
