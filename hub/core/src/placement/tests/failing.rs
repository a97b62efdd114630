//! CEL expressions of overrides that fail are told like all others.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::super::{Decisions, resolve};
use crate::fixture::{load_all, trees};
use crate::inventory::Inventory;
use crate::spec::load;

const FLEET: &str = "\
== c/a.yaml
@Cluster
metadata: {name: a, labels: {env: prod, tier: gold}}
== c/b.yaml
@Cluster
metadata: {name: b, labels: {env: prod}}
== c/c.yaml
@Cluster
metadata: {name: c, labels: {env: dev}}
== c/d.yaml
@Cluster
metadata: {name: d, labels: {env: test}}
== w/x.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
== b.yaml
@Bundle web
spec:
  path: w
  variables: {v: 1}
  overrides:
  - clusters: [{matchLabels: {env: dev}, cel: 'cluster.labels.size == \"l\"'}]
    variables: {v: 2}
== p.yaml
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  except: [{matchLabels: {env: test}}]
  overrides:
  - clusters: [{cel: 'cluster.labels.tier == \"gold\"'}]
    variables: {v: 3}
";

fn told(decisions: &Decisions) -> String {
    let lines = decisions
        .problems
        .iter()
        .map(|problem| format!("{problem}\n"));
    lines.collect()
}

/// What is told of a fleet, after [`FLEET`] and afresh.
fn check(text: &str, expected: Expect) {
    let before = Arc::new(load_all(&[FLEET]).0);
    let inventory = Inventory::default();
    let first = resolve(&before, &inventory, &Decisions::default());
    let after = Arc::new(load(&trees(2, text), Some(&before)).0);
    let second = resolve(&after, &inventory, &first);
    let afresh = resolve(&after, &inventory, &Decisions::default());
    assert_eq!(told(&second), told(&afresh));
    expected.assert_eq(&told(&second));
}

#[test]
fn every_override_that_fails_is_told_where_it_is_selected() {
    check(
        FLEET,
        expect![[r#"
            b.yaml:9:47: warning[E0231]: cel fails on c, which it does not match: label size is not there (ask whether the key is there first: `"size" in cluster.labels && ...`)
            p.yaml:10:22: warning[E0231]: cel fails on b and 1 more, which it does not match: label tier is not there (ask whether the key is there first: `"tier" in cluster.labels && ...`)
        "#]],
    );
}

#[test]
fn a_cluster_that_is_mended_or_goes_fails_no_more() {
    let mended = FLEET.replace(
        "{env: dev}}\n== c/d",
        "{env: dev, size: l, tier: tin}}\n== c/d",
    );
    check(
        &mended,
        expect![[r#"
            p.yaml:10:22: warning[E0231]: cel fails on b, which it does not match: label tier is not there (ask whether the key is there first: `"tier" in cluster.labels && ...`)
        "#]],
    );
    let gone = FLEET.replace(
        "== c/b.yaml\n@Cluster\nmetadata: {name: b, labels: {env: prod}}\n",
        "",
    );
    check(
        &gone,
        expect![[r#"
            b.yaml:9:47: warning[E0231]: cel fails on c, which it does not match: label size is not there (ask whether the key is there first: `"size" in cluster.labels && ...`)
            p.yaml:10:22: warning[E0231]: cel fails on c, which it does not match: label tier is not there (ask whether the key is there first: `"tier" in cluster.labels && ...`)
        "#]],
    );
}

#[test]
fn an_override_that_is_mended_or_goes_fails_no_more() {
    let mended = FLEET.replace(
        "{cel: 'cluster",
        "{cel: '\"tier\" in cluster.labels && cluster",
    );
    check(
        &mended,
        expect![[r#"
            b.yaml:9:47: warning[E0231]: cel fails on c, which it does not match: label size is not there (ask whether the key is there first: `"size" in cluster.labels && ...`)
        "#]],
    );
    let narrower = FLEET.replace("{env: test}}]", "{env: dev}}]");
    check(
        &narrower,
        expect![[r#"
            p.yaml:10:22: warning[E0231]: cel fails on b and 1 more, which it does not match: label tier is not there (ask whether the key is there first: `"tier" in cluster.labels && ...`)
        "#]],
    );
}

#[test]
fn what_fails_in_an_exception_is_not_excepted_and_the_hint_says_so() {
    let except = |cel: &str| FLEET.replace("matchLabels: {env: test}", &format!("cel: '{cel}'"));
    check(
        &except("cluster.labels.tier == \"gold\""),
        expect![[r#"
            b.yaml:9:47: warning[E0231]: cel fails on c, which it does not match: label size is not there (ask whether the key is there first: `"size" in cluster.labels && ...`)
            p.yaml:8:18: warning[E0231]: cel fails on b and 2 more, which it does not match: label tier is not there (so it is not excepted; to except it where the key is not there: `!("tier" in cluster.labels) || ...`)
            p.yaml:10:22: warning[E0231]: cel fails on b and 2 more, which it does not match: label tier is not there (ask whether the key is there first: `"tier" in cluster.labels && ...`)
        "#]],
    );
    check(
        &except("has(cluster.labels.tier) && cluster.labels.tier == \"gold\""),
        expect![[r#"
            b.yaml:9:47: warning[E0231]: cel fails on c, which it does not match: label size is not there (ask whether the key is there first: `"size" in cluster.labels && ...`)
            p.yaml:10:22: warning[E0231]: cel fails on b and 2 more, which it does not match: label tier is not there (ask whether the key is there first: `"tier" in cluster.labels && ...`)
        "#]],
    );
}
