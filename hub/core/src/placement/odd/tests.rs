//! What is told of odd selections, and what is not.

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::fixture::load_all;
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};

const CLUSTERS: &str = "
== clusters.yaml
@Cluster
metadata: {name: prod-eu-1, labels: {env: prod, region: eu, tier: gold}}
@Cluster
metadata: {name: prod-us-1, labels: {env: prod, region: us}}
@Cluster
metadata: {name: dev-us-1, labels: {env: dev, region: us}}
";

fn check(files: &str, expected: Expect) {
    let (spec, _) = load_all(&[&format!("{CLUSTERS}{files}")]);
    let decisions = resolve(
        &Arc::new(spec),
        &Inventory::default(),
        &Decisions::default(),
    );
    let mut out = String::new();
    for problem in decisions.odd() {
        writeln!(out, "{problem}").unwrap();
    }
    expected.assert_eq(&out);
}

#[test]
fn misspelt_labels_are_told_at_the_key_and_at_the_value() {
    check(
        "
== a.yaml
@ClusterGroup a
spec:
  clusters:
  - matchLabels: {evn: prod, region: eu}
  - matchLabels: {env: prd}
  - matchLabels: {flavour: sweet}
  - matchExpressions: [{key: tire, operator: Exists}]
  - matchExpressions:
    - {key: env, operator: In, values: [prod, deb]}
    - {key: region, operator: In, values: [asia, africa]}
",
        expect![[r#"
            a.yaml:7:19: warning[E0226]: no declared cluster has the label `evn` (did you mean `env`?)
            a.yaml:8:24: warning[E0226]: no declared cluster has the label `env` with the value `prd` (did you mean `prod`?)
            a.yaml:9:19: warning[E0226]: no declared cluster has the label `flavour` (labels of declared clusters: env, region, tier)
            a.yaml:10:30: warning[E0226]: no declared cluster has the label `tire` (did you mean `tier`?)
            a.yaml:12:40: warning[E0226]: no declared cluster has the label `env` with the value `deb` (did you mean `dev`?)
            a.yaml:13:43: warning[E0226]: no declared cluster has the label `region` with the value `africa` or `asia` (values of `region`: eu, us)
        "#]],
    );
}

#[test]
fn what_leaves_clusters_out_is_told_only_where_something_is_near() {
    check(
        "
== a.yaml
@ClusterGroup a
spec:
  clusters:
  - matchExpressions: [{key: skip, operator: DoesNotExist}, {key: rgion, operator: NotIn, values: [eu]}]
  - matchExpressions: [{key: env, operator: NotIn, values: [sandbox, pord]}]
  except:
  - matchLabels: {skip: \"true\"}
  - matchLabels: {teir: gold}
  - names: [\"lab-*\", \"prd-*\"]
",
        expect![[r#"
            a.yaml:7:67: warning[E0226]: no declared cluster has the label `rgion` (did you mean `region`?)
            a.yaml:8:60: warning[E0226]: no declared cluster has the label `env` with the value `pord` (did you mean `prod`?)
            a.yaml:11:19: warning[E0226]: no declared cluster has the label `teir` (did you mean `tier`?)
            a.yaml:12:22: warning[E0207]: no declared cluster has a name like `prd-*` (did you mean `prod-*`?)
        "#]],
    );
}

#[test]
fn globs_that_match_no_name_are_told() {
    check(
        "
== a.yaml
@ClusterGroup a
spec: {clusters: [{names: [\"prod-*\", \"prdo-*\", \"edge-?\", \"*-9\"]}]}
",
        expect![[r#"
            a.yaml:5:38: warning[E0207]: no declared cluster has a name like `prdo-*` (did you mean `prod-*`?)
            a.yaml:5:48: warning[E0207]: no declared cluster has a name like `edge-?` (`*` stands for any characters, `?` for one)
            a.yaml:5:58: warning[E0207]: no declared cluster has a name like `*-9` (`*` stands for any characters, `?` for one)
        "#]],
    );
}

#[test]
fn what_never_applies_in_a_placement_is_told_once() {
    check(
        "
== a.yaml
@Bundle web
spec:
  path: web
  overrides:
  - {clusters: [{matchLabels: {region: eu}}], variables: {a: 1}}
  - {clusters: [{matchLabels: {env: dev}}], variables: {a: 2}}
@Placement web
spec:
  bundles: [web]
  clusters: [{matchLabels: {env: prod}}]
  count: 1
  prefer:
  - {weight: 1, matchLabels: {tier: gold}}
  - {weight: 2, matchLabels: {env: dev}}
  - {weight: 3, matchLabels: {tier: god}}
  spread: [{by: regoin}, {by: region}]
  overrides:
  - {clusters: [{matchLabels: {env: dev}}], variables: {a: 3}}
  - {clusters: [{names: [prod-us-1]}], variables: {a: 4}}
  - {clusters: [{names: [prod-us-9]}], variables: {a: 5}}
  - {clusters: [{matchLabels: {env: dev}, facts: [{key: nodes, operator: Gt, values: [\"3\"]}]}], variables: {a: 6}}
== web/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
",
        expect![[r#"
            a.yaml:9:5: warning[E0227]: no cluster that bundle `web` may be placed on matches this override (it changes nothing: mend it, or remove it)
            a.yaml:20:5: warning[E0227]: no eligible cluster of placement `web` matches this preference (its weight never counts: mend it, or remove it)
            a.yaml:21:37: warning[E0226]: no declared cluster has the label `tier` with the value `god` (did you mean `gold`?)
            a.yaml:22:12: warning[E0226]: no eligible cluster of placement `web` has the label `regoin`, so that all are one domain (did you mean `region`?)
            a.yaml:24:5: warning[E0227]: no eligible cluster of placement `web` matches this override (it changes nothing: mend it, or remove it)
        "#]],
    );
}

#[test]
fn with_broken_clusters_only_what_is_near_is_told() {
    check(
        "
== broken.yaml
@Cluster prod-eu-9
spec: {variabels: {}}
== a.yaml
@ClusterGroup a
spec: {clusters: [{matchLabels: {flavour: sweet}}, {matchLabels: {evn: prod}}, {names: [\"edge-*\"]}]}
",
        expect![[r#"
            a.yaml:5:67: warning[E0226]: no declared cluster has the label `evn` (did you mean `env`?)
        "#]],
    );
}

#[test]
fn nothing_is_told_of_a_fleet_without_clusters() {
    let (spec, _) = load_all(&["@ClusterGroup a\nspec: {clusters: [{matchLabels: {evn: prod}}]}"]);
    let decisions = resolve(
        &Arc::new(spec),
        &Inventory::default(),
        &Decisions::default(),
    );
    assert_eq!(decisions.odd(), []);
}

#[test]
fn what_there_is_is_put_into_words_once_for_all_words() {
    let (spec, _) = load_all(&[CLUSTERS]);
    let mut known = super::Known::new(&spec);
    let words = |near| match near {
        super::Near::Others(words) => words,
        super::Near::One(word) => panic!("{word} is near"),
    };
    let one = words(known.near(Some("region"), "africa"));
    let left = known.left;
    known.left = 1;
    // This can no longer be afforded, and is told all the same.
    let other = words(known.near(Some("region"), "uss"));
    assert_eq!(
        (&*one, left > 1, known.left),
        ("values of `region`: eu, us", true, 0)
    );
    assert!(Arc::ptr_eq(&one, &other));
    assert_eq!(
        &*words(known.near(None, "evn")),
        "labels of declared clusters: env, region, tier"
    );
}

#[test]
fn of_many_unknown_values_the_first_are_told() {
    let values: Vec<String> = (0..1_000).map(|n| format!("q{n:03}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    assert_eq!(super::alternatives(&values[..2]), "`q000` or `q001`");
    let told = super::alternatives(&values);
    assert!(told.ends_with("`q022` or `q023` or 976 more"), "{told}");
}
