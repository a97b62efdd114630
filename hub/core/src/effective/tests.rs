//! Overrides, pins, layers and Helm values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};

use super::{Layers, revision, variables};
use crate::fixture::{source, tree, trees};
use crate::inventory::{Facts, Inventory};
use crate::placement::{Decisions, resolve};
use crate::spec::{PinName, PinState, Trees, load};
use crate::template::BuiltIn;

/// A pinned revision: its name and its files, or `None` where it is not there.
type Pinned<'a> = (&'a str, Option<&'a str>);

fn with_pins(text: &str, pins: &[Pinned<'_>]) -> Trees {
    let mut trees = trees(1, text);
    for (n, (name, files)) in (100..).zip(pins) {
        let name = PinName {
            source: source(),
            text: (*name).to_owned(),
        };
        let state = match files {
            Some(files) => PinState::Read(Arc::new(tree(n, files))),
            None => PinState::Missing("there is no such tag".to_owned()),
        };
        trees.pins.insert(name, state);
    }
    trees
}

/// Prints what every bundle is rendered with on every cluster; then problems.
fn check_with(trees: &Trees, facts: &[(&str, Facts)], expected: Expect) {
    let (spec, problems) = load(trees, None);
    let spec = Arc::new(spec);
    let facts = facts.iter();
    let facts = facts.map(|(name, facts)| (crate::fixture::cluster(name), facts.clone()));
    let inventory = Inventory {
        facts: facts.collect(),
        ..Inventory::default()
    };
    let decisions = resolve(&spec, &inventory, &Decisions::default());
    let mut out = String::new();
    for (cluster, decision) in &decisions.clusters {
        for (bundle, placed) in &decision.bundles {
            let inputs = &placed.inputs;
            write!(out, "{cluster}/{}", bundle.name()).unwrap();
            if let Some(pin) = &inputs.pin {
                write!(out, " at {}", pin.text).unwrap();
            }
            writeln!(out).unwrap();
            if let Some(unknown) = &inputs.unknown {
                writeln!(out, "  unknown: {unknown}").unwrap();
            }
            let layers = Layers::of(&spec, (cluster, bundle), &placed.placement, inputs);
            let Some(layers) = layers else {
                writeln!(out, "  not declared").unwrap();
                continue;
            };
            let origins = layers.origins();
            let pair = (cluster, bundle);
            for (name, value) in &variables(&spec, pair, &placed.placement, inputs) {
                let value = match value {
                    Ok(value) => value.to_value().to_string(),
                    Err(error) => error.to_string(),
                };
                writeln!(out, "  {name} = {value} ({})", origins[name.as_str()]).unwrap();
            }
            for patch in layers.patches() {
                writeln!(out, "  patch {}", patch.at).unwrap();
            }
            let built_in = BuiltIn {
                cluster,
                labels: &spec.members[cluster].labels,
                bundle,
                revision: revision(&spec, bundle, inputs.pin.as_ref()).unwrap(),
            };
            match layers.helm_values(built_in) {
                Ok(None) => {}
                Ok(Some(values)) => writeln!(out, "  helm {values}").unwrap(),
                Err(problems) => writeln!(out, "  helm {}", problems[0]).unwrap(),
            }
        }
    }
    for problem in problems {
        writeln!(out, "{problem}").unwrap();
    }
    expected.assert_eq(&out);
}

fn check(text: &str, expected: Expect) {
    check_with(&trees(1, text), &[], expected);
}

const CLUSTERS: &str = "
@ClusterTemplate
metadata: {name: base, labels: {env: prod}}
spec: {variables: {a: template, b: template, c: template, d: template, domain: '${store}.${cluster.labels.env}'}}
@Cluster
metadata: {name: one, labels: {tier: gold}}
spec: {templates: [base], variables: {b: cluster, c: cluster, d: cluster, store: '0001'}}
@Cluster two
";

#[test]
fn variables_come_from_the_highest_layer_that_has_them() {
    check(
        &format!(
            "{CLUSTERS}
@Bundle web
spec:
  path: w
  variables: {{a: bundle, b: bundle, c: bundle, d: bundle, e: 1, f: 1.50}}
  overrides:
  - clusters: [{{matchLabels: {{tier: gold}}}}]
    variables: {{c: bundle override, d: bundle override}}
  - clusters: [{{names: [two]}}]
    variables: {{a: 2}}
@Placement p
spec:
  bundles: [web]
  clusters: [{{}}]
  overrides:
  - {{variables: {{e: true}}}}
  - {{clusters: [{{names: [one]}}], variables: {{d: first}}}}
  - {{clusters: [{{names: [one]}}], variables: {{d: second}}}}
  - {{clusters: [{{names: [one]}}], bundles: [web], variables: {{f: '${{bundle.name}}'}}}}
== w/w.yaml
{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}}}
"
        ),
        expect![[r#"
            one/web
              a = "template" (template base)
              b = "cluster" (cluster)
              c = "bundle override" (bundle override at fleet.yaml:25:5)
              d = "second" (placement override at fleet.yaml:39:5)
              domain = "0001.prod" (template base)
              e = true (placement override at fleet.yaml:37:5)
              f = "web" (placement override at fleet.yaml:40:5)
              store = "0001" (cluster)
            two/web
              a = 2 (bundle override at fleet.yaml:27:5)
              b = "bundle" (bundle)
              c = "bundle" (bundle)
              d = "bundle" (bundle)
              e = true (placement override at fleet.yaml:37:5)
              f = 1.5 (bundle)
        "#]],
    );
}

#[test]
fn patches_and_helm_values_come_in_the_order_of_their_layers() {
    check(
        &format!(
            "{CLUSTERS}
@Bundle web
spec:
  path: w
  helm: {{values: {{cache: {{size: 1Gi, on: true}}, list: [1, 2], store: '${{cluster.name}}', gone: 1}}}}
  patches: [{{merge: {{a: b}}}}]
  overrides:
  - helm: {{values: {{cache: {{size: 2Gi}}, list: [3]}}}}
    patches: [{{merge: {{a: b}}}}]
@Placement p
spec:
  bundles: [web]
  clusters: [{{}}]
  overrides:
  - clusters: [{{names: [one]}}]
    helm: {{values: {{cache: {{on: '${{e:-false}}'}}, gone: null}}}}
    patches: [{{merge: {{a: b}}}}, {{merge: {{a: c}}}}]
  - clusters: [{{names: [two]}}]
    helm: {{values: {{cache: '${{nothing}}'}}}}
== w/w.yaml
{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}}}
"
        ),
        expect![[r#"
            one/web
              a = "template" (template base)
              b = "cluster" (cluster)
              c = "cluster" (cluster)
              d = "cluster" (cluster)
              domain = "0001.prod" (template base)
              store = "0001" (cluster)
              patch fleet.yaml:24:13
              patch fleet.yaml:27:15
              patch fleet.yaml:38:15
              patch fleet.yaml:38:32
              helm {"cache":{"on":false,"size":"2Gi"},"gone":null,"list":[3],"store":"one"}
            two/web
              patch fleet.yaml:24:13
              patch fleet.yaml:27:15
              helm fleet.yaml:40:28: error[E0301]: nothing defines the variable `nothing` (declare it, write `${nothing:-default}`, or `$${` for a literal)
        "#]],
    );
}

const PINNED: &str = "
@Cluster one
@Cluster two
@Cluster three
@Bundle web
spec: {path: w, variables: {v: branch}, overrides: [{variables: {o: branch}}]}
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  revision: v1
  overrides:
  - {clusters: [{names: [two, three]}], revision: v2}
  - {clusters: [{names: [three]}], revision: v3}
== w/w.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
";

const V1: &str = "@Bundle web\nspec: {path: w, variables: {v: one, r: '${source.revision}'}}\n== w/w.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n";

#[test]
fn a_pinned_bundle_is_as_its_revision_has_it_and_the_later_pin_counts() {
    let v2 = V1.replace("v: one", "v: two").replace(
        "}}\n==",
        "}, overrides: [{clusters: [{names: [two]}], variables: {o: two}}]}\n==",
    );
    check_with(
        &with_pins(
            PINNED,
            &[
                ("v1", Some(V1)),
                ("v2", Some(&v2)),
                ("v3", Some("@Cluster z\n")),
            ],
        ),
        &[],
        expect![[r#"
            one/web at v1
              r = "0000000000000000000000000000000000000064" (bundle)
              v = "one" (bundle)
            three/web at v3
              unknown: revision `v3` is pinned and has no good bundle `web`
              not declared
            two/web at v2
              o = "two" (bundle override at fleet.yaml:5:75)
              r = "0000000000000000000000000000000000000065" (bundle)
              v = "two" (bundle)
            fleet.yaml:29:46: error[E0203]: `v3` has no good bundle `web`
        "#]],
    );
}

#[test]
fn what_is_not_known_of_a_revision_is_said() {
    check_with(
        &with_pins(PINNED, &[("v1", None), ("v3", Some(V1))]),
        &[],
        expect![[r#"
            one/web at v1
              unknown: revision `v1` is pinned and not known: there is no such tag
              not declared
            three/web at v3
              r = "0000000000000000000000000000000000000065" (bundle)
              v = "one" (bundle)
            two/web at v2
              unknown: revision `v2` is pinned and not known: not read yet
              not declared
            fleet.yaml:26:13: error[E0211]: `v1` cannot be read: there is no such tag (push the tag, or name another one; what is there stays until then; in a clone without tags: `git fetch --tags --unshallow`)
        "#]],
    );
}

#[test]
fn an_override_that_hangs_on_an_unknown_fact_keeps_what_is_there() {
    let text = "
@Cluster one
@Cluster two
@Cluster three
@Bundle web
spec: {path: w}
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  overrides:
  - {clusters: [{names: ['*'], facts: [{key: nodes, operator: Gt, values: ['3']}]}], variables: {big: true}}
== w/w.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
";
    let reported = BTreeMap::from([("nodes".to_owned(), "12".to_owned())]);
    check_with(
        &trees(1, text),
        &[
            ("one", Facts::Unknown),
            ("two", Facts::Reported(Arc::new(reported))),
        ],
        expect![[r#"
            one/web
              unknown: it is not known whether the override at fleet.yaml:27:5 applies: fact nodes is not known yet: the cluster has not reported since the hub started
            three/web
            two/web
              big = true (placement override at fleet.yaml:27:5)
        "#]],
    );
}

#[test]
fn overrides_at_equal_places_are_told_apart() {
    let branch = "
@Cluster a
@Cluster other
@Bundle web
spec: {path: w}
== x.yaml
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  revision: v1
  overrides:
  - clusters: [{names: [a]}]
    variables: {placement: 1}
    helm: {values: {placement: 1}}
== w/w.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
";
    let then = "== x.yaml
@Bundle web
spec:
  path: w
  # Comments that put
  # the override there.
  overrides:
  - clusters: [{names: [other]}]
    variables: {bundle: 1}
    helm: {values: {bundle: 1}}
== w/w.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
";
    check_with(
        &with_pins(branch, &[("v1", Some(then))]),
        &[],
        expect![[r#"
            a/web at v1
              placement = 1 (placement override at x.yaml:10:5)
              helm {"placement":1}
            other/web at v1
              bundle = 1 (bundle override at x.yaml:10:5)
              helm {"bundle":1}
        "#]],
    );
}
