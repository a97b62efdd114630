//! The vectors that every implementation gives. They were computed apart from this one.

use std::collections::BTreeSet;

use super::*;

fn key(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(group, kind, namespace, name)
}

#[test]
fn the_digest_of_a_set_is_the_published_one() {
    let set = BTreeSet::from([
        key("apps", "Deployment", "shop", "web"),
        key("", "Namespace", "", "shop"),
        key("", "ConfigMap", "shop", "web"),
    ]);
    let expected = "378d7e30aca7e26baea0aa260b2ac436de30e28f0ac82e4793f850b723689d0e";
    assert_eq!(cluster_digest(&set).to_string(), expected);
}

#[test]
fn the_digest_of_the_empty_set_is_the_published_one() {
    let expected = "97a36decfbfff46e15771c64eb9c5bfe1d10bb81fe4fbf9b6370acba64f3120d";
    assert_eq!(cluster_digest([]).to_string(), expected);
}

#[test]
fn parts_cannot_flow_into_each_other() {
    let one = cluster_digest([&key("", "Secret", "ab", "c")]);
    let other = cluster_digest([&key("", "Secret", "a", "bc")]);
    assert_ne!(one, other);
}
