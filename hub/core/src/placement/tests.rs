//! Decisions with their reasons, whatever the order of files.

mod advice;
mod failing;
mod golden;
mod incremental;
mod random;
mod world;

use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Decisions, PlacementDecision, Reason, resolve};
use crate::effective::variables;
use crate::fixture::{good, load_all, trees};
use crate::inventory::Inventory;
use crate::problem::Code;
use crate::spec::{Spec, load};

fn show(decisions: &Decisions) -> String {
    let mut out = String::new();
    for placement in decisions.placements.values() {
        show_placement(&mut out, placement);
    }
    for (name, cluster) in &decisions.clusters {
        for (bundle, placed) in &cluster.bundles {
            write!(
                out,
                "{name}/{} by {}",
                bundle.name(),
                placed.placement.name()
            )
            .unwrap();
            let pair = (name, bundle);
            let spec = decisions.spec();
            for (variable, value) in &variables(spec, pair, &placed.placement, &placed.inputs) {
                match value {
                    Ok(value) => write!(out, " {variable}={}", value.to_value()).unwrap(),
                    Err(error) => write!(out, " {variable}: {error}").unwrap(),
                }
            }
            for applied in &placed.inputs.overrides {
                write!(out, " override {}", applied.at).unwrap();
            }
            if !placed.declared {
                write!(out, " not declared").unwrap();
            }
            for shadowed in &placed.shadowed {
                write!(out, " shadows {}", shadowed.name()).unwrap();
            }
            writeln!(out).unwrap();
        }
    }
    for name in &decisions.undeclared {
        writeln!(out, "{name}: enrolled and not declared").unwrap();
    }
    for problem in &decisions.problems {
        writeln!(out, "{problem}").unwrap();
    }
    out
}

fn show_placement(out: &mut String, placement: PlacementDecision<'_>) {
    writeln!(out, "placement {}", placement.name().name()).unwrap();
    let mut picks = placement.picks();
    if placement.placement().count.is_none() {
        picks.sort_by_key(|pick| pick.cluster);
    }
    for pick in picks {
        let why = placement.why(pick.cluster).unwrap();
        write!(out, "  + {}: {why}", pick.cluster).unwrap();
        if placement.placement().count.is_some() {
            write!(out, " {} {}", pick.step.as_str(), pick.score).unwrap();
        }
        writeln!(out).unwrap();
    }
    for (cluster, reason) in placement.rejected() {
        let why = placement.why(cluster).unwrap();
        assert_eq!(why.reason(), Some(reason));
        let mark = match reason {
            Reason::NotMatched => "-",
            Reason::Excepted => "x",
            Reason::Tainted => "t",
            Reason::Spread => "s",
            Reason::OutRanked => "r",
        };
        writeln!(out, "  {mark} {cluster}: {why}").unwrap();
    }
    if let Some(short) = placement.shortfall() {
        let by = &short.constraint.by;
        writeln!(
            out,
            "  {} of {}, short by {by}",
            short.selected, short.wanted
        )
        .unwrap();
    }
    if let Some(emptied) = placement.emptied() {
        writeln!(out, "  emptied, had {}", emptied.len()).unwrap();
    }
}

fn decide(spec: Spec) -> Decisions {
    after(spec, &Decisions::default())
}

fn after(spec: Spec, previous: &Decisions) -> Decisions {
    resolve(&Arc::new(spec), &Inventory::default(), previous)
}

fn check(text: &str, expected: Expect) {
    let (spec, _) = load_all(&[text]);
    expected.assert_eq(&show(&decide(spec)));
}

const CLUSTERS: &str = "\
== c.yaml
@Cluster
metadata: {name: dev, labels: {env: dev}}
@Cluster
metadata: {name: prod-eu, labels: {env: prod, region: eu, tier: gold}}
@Cluster
metadata: {name: prod-us, labels: {env: prod, region: us}}
== w/x.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
== b.yaml
@Bundle web
spec: {path: w, variables: {replicas: 1, color: blue}}
";

#[test]
fn every_key_of_a_term_must_hold_and_any_term_is_enough() {
    let placements = "\
== p.yaml
@Placement labels
spec:
  bundles: [web]
  clusters:
  - matchLabels: {env: prod}
    matchExpressions: [{key: region, operator: In, values: [eu, asia]}]
  - names: [d?v, nothing-*]
@Placement operators
spec:
  bundles: [web]
  clusters:
  - matchExpressions:
    - {key: env, operator: Exists}
    - {key: tier, operator: DoesNotExist}
    - {key: region, operator: NotIn, values: [us]}
";
    check(
        &format!("{CLUSTERS}{placements}"),
        expect![[r#"
        placement labels
          + dev: name matches `d?v` (p.yaml:10:5)
          + prod-eu: label env is `prod`, label region is `eu` (p.yaml:8:5)
          - prod-us: label region is `us`, not in `asia`, `eu` (p.yaml:8:5); name prod-us matches none of `d?v`, `nothing-*` (p.yaml:10:5)
        placement operators
          + dev: label env exists (`dev`), label tier is not there, label region is not there (p.yaml:18:5)
          - prod-eu: label tier is there (`gold`) (p.yaml:18:5)
          - prod-us: label region is `us`, which NotIn excludes (p.yaml:18:5)
        dev/web by labels color="blue" replicas=1 shadows operators
        prod-eu/web by labels color="blue" replicas=1
    "#]],
    );
}

#[test]
fn groups_have_groups_and_except_takes_away() {
    let placements = "\
== p.yaml
@ClusterGroup all-prod
spec: {clusters: [{groups: [eu]}, {names: [prod-us]}]}
@ClusterGroup eu
spec: {clusters: [{matchLabels: {region: eu}}], except: [{matchLabels: {tier: silver}}]}
@Placement p
spec: {bundles: [web], clusters: [{}], except: [{groups: [all-prod]}]}
";
    check(
        &format!("{CLUSTERS}{placements}"),
        expect![[r#"
        placement p
          + dev: `{}` is every declared cluster (p.yaml:15:35)
          x prod-eu: member of group all-prod through group eu (p.yaml:15:49)
          x prod-us: member of group all-prod (p.yaml:15:49)
        dev/web by p color="blue" replicas=1
    "#]],
    );
}

#[test]
fn all_overrides_that_match_apply_in_order_above_cluster_and_bundle() {
    let placements = "\
== c2.yaml
@Cluster
metadata: {name: own}
spec: {variables: {color: red, host: '${cluster.name}-${color}'}}
== p.yaml
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  overrides:
  - variables: {replicas: 2}
  - clusters: [{matchLabels: {env: prod}}]
    bundles: [web]
    variables: {replicas: 10, color: '${cluster.labels.region}'}
  - clusters: [{names: [prod-us]}]
    variables: {replicas: '3'}
";
    check(
        &format!("{CLUSTERS}{placements}"),
        expect![[r#"
        placement p
          + dev: `{}` is every declared cluster (p.yaml:7:14)
          + own: `{}` is every declared cluster (p.yaml:7:14)
          + prod-eu: `{}` is every declared cluster (p.yaml:7:14)
          + prod-us: `{}` is every declared cluster (p.yaml:7:14)
        dev/web by p color="blue" replicas=2 override p.yaml:9:5
        own/web by p color="red" host="own-red" replicas=2 override p.yaml:9:5
        prod-eu/web by p color="eu" replicas=10 override p.yaml:9:5 override p.yaml:10:5
        prod-us/web by p color="us" replicas="3" override p.yaml:9:5 override p.yaml:10:5 override p.yaml:13:5
    "#]],
    );
}

#[test]
fn the_higher_priority_then_the_lower_name_owns_a_bundle() {
    let placements = "\
== p.yaml
@Placement b
spec: {bundles: [web, gone], clusters: [{names: [dev]}]}
@Placement a
spec: {bundles: [web], clusters: [{names: [dev, prod-eu]}]}
@Placement z
spec: {priority: 1, bundles: [web], clusters: [{names: [prod-eu]}]}
";
    check(
        &format!("{CLUSTERS}{placements}"),
        expect![[r#"
        placement a
          + dev: name matches `dev` (p.yaml:10:35)
          + prod-eu: name matches `prod-eu` (p.yaml:10:35)
          - prod-us: name prod-us matches none of `dev`, `prod-eu` (p.yaml:10:35)
        placement b
          + dev: name matches `dev` (p.yaml:5:41)
          - prod-eu: name prod-eu matches none of `dev` (p.yaml:5:41)
          - prod-us: name prod-us matches none of `dev` (p.yaml:5:41)
        placement z
          + prod-eu: name matches `prod-eu` (p.yaml:15:48)
          - dev: name dev matches none of `prod-eu` (p.yaml:15:48)
          - prod-us: name prod-us matches none of `prod-eu` (p.yaml:15:48)
        dev/gone by b not declared
        dev/web by a color="blue" replicas=1 shadows b
        prod-eu/web by z color="blue" replicas=1 shadows a
    "#]],
    );
}

#[test]
fn a_bundle_that_waits_for_one_that_is_not_there_is_a_problem() {
    let placements = "\
== p.yaml
@Bundle db
spec: {path: w, dependsOn: [web]}
@Placement p
spec: {bundles: [db], clusters: [{}]}
";
    check(
        &format!("{CLUSTERS}{placements}"),
        expect![[r#"
        placement p
          + dev: `{}` is every declared cluster (p.yaml:10:34)
          + prod-eu: `{}` is every declared cluster (p.yaml:10:34)
          + prod-us: `{}` is every declared cluster (p.yaml:10:34)
        dev/db by p
        prod-eu/db by p
        prod-us/db by p
        p.yaml:5:29: error[E0206]: bundle `db` waits for `web`, which is not placed on dev and 2 more (place both on the same clusters)
    "#]],
    );
}

#[test]
fn a_selection_that_becomes_empty_is_remembered_until_it_is_not() {
    let with = |region: &str| {
        format!(
            "{CLUSTERS}@Placement p\nspec: {{bundles: [web], clusters: [{{matchLabels: {{region: {region}}}}}]}}\n"
        )
    };
    let first = decide(good(&with("eu")));
    let none = load_all(&[&with("none")]).0;
    let second = after(none.clone(), &first);
    let third = after(none, &second);
    for decisions in [&second, &third] {
        let emptied = decisions.placements.values().next().unwrap().emptied();
        assert_eq!(emptied.map(std::collections::BTreeSet::len), Some(1));
    }
    let fourth = after(good(&with("us")), &third);
    assert_eq!(fourth.placements.values().next().unwrap().emptied(), None);
}

#[test]
fn a_cluster_that_enrolled_and_is_not_declared_is_listed_apart() {
    let enrolled = ["dev", "stranger"].map(crate::fixture::cluster).into();
    let decisions = resolve(
        &Arc::new(good(CLUSTERS)),
        &Inventory {
            enrolled,
            ..Inventory::default()
        },
        &Decisions::default(),
    );
    assert_eq!(show(&decisions), "stranger: enrolled and not declared\n");
}

#[test]
fn nothing_is_said_of_an_empty_selection_where_a_broken_cluster_may_be_meant() {
    let placed = |term: &str, broken: &str| {
        let text = format!(
            "{CLUSTERS}== broken.yaml\n{broken}== p.yaml\n@Placement p\nspec: {{bundles: [web], clusters: [{term}]}}\n"
        );
        let decisions = decide(load_all(&[&text]).0);
        let told = decisions.problems.iter().map(|problem| problem.code);
        told.filter(|code| *code == Code::SelectsNothing).count()
    };
    let named = "@Cluster near\nspec: {wrong: 1}\n";
    let label = "{matchLabels: {env: none}}";
    assert_eq!(placed(label, ""), 1);
    assert_eq!(placed(label, named), 0, "its labels are not known");
    assert_eq!(placed("{names: ['n*']}", named), 0);
    assert_eq!(placed("{names: ['far*']}", named), 1);
    assert_eq!(placed("{names: [far]}, {names: [near]}", named), 0);
    let nameless = "@Cluster\nmetadata: {labels: {a: b}}\n";
    assert_eq!(
        placed("{names: ['far*']}", nameless),
        0,
        "it may have any name"
    );
    let other = "@Bundle near\nspec: {wrong: 1}\n";
    assert_eq!(placed(label, other), 1, "no cluster is missing");
}

/// A random fleet as documents, one a file, so that their order can be shuffled.
fn documents() -> impl Strategy<Value = Vec<String>> {
    let label = ("[ab]", "[xy]").prop_map(|(key, value)| format!("{key}: {value}"));
    let cluster = ("[a-c][0-9]", label).prop_map(|(name, label)| {
        format!("@Cluster\nmetadata: {{name: {name}, labels: {{{label}}}}}\n")
    });
    let term = prop_oneof![
        Just("{}".to_owned()),
        ("[ab]", "[xy]").prop_map(|(k, v)| format!("{{matchLabels: {{{k}: {v}}}}}")),
        "[a-c]".prop_map(|prefix| format!("{{names: ['{prefix}*']}}")),
        ("[ab]", "Exists|DoesNotExist")
            .prop_map(|(k, o)| format!("{{matchExpressions: [{{key: {k}, operator: {o}}}]}}")),
    ];
    let placement = ("p[0-9]", 0..3_i32, proptest::collection::vec(term.clone(), 1..3), term)
        .prop_map(|(name, priority, clusters, except)| {
            let clusters = clusters.join(", ");
            format!("@Placement {name}\nspec: {{priority: {priority}, bundles: [web], clusters: [{clusters}], except: [{except}]}}\n")
        });
    let clusters = proptest::collection::vec(cluster, 1..12);
    let placements = proptest::collection::vec(placement, 1..5);
    (clusters, placements).prop_map(|(mut all, placements)| {
        all.extend(placements);
        all
    })
}

fn names_of(document: &str) -> &str {
    document.split("name: ").nth(1).map_or_else(
        || document.split_whitespace().nth(1).unwrap_or_default(),
        |rest| rest.split([',', '}']).next().unwrap_or_default(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_files_does_not_matter(all in documents(), turn in 0_usize..10) {
        let mut unique = std::collections::BTreeMap::new();
        for document in all {
            unique.entry((document.starts_with("@P"), names_of(&document).to_owned())).or_insert(document);
        }
        let mut texts: Vec<String> = unique.into_values().collect();
        let bundle = "== w/x.yaml\na: 1\n== b.yaml\n@Bundle web\nspec: {path: w}\n";
        let one = format!("{bundle}== f.yaml\n{}", texts.concat());
        let turn = turn % texts.len();
        texts.rotate_left(turn);
        texts.reverse();
        let other: String = texts.iter().enumerate().map(|(n, text)| format!("== f{n}.yaml\n{text}")).collect();
        let strip = |decisions: &Decisions| {
            let shown = show(decisions);
            shown.lines().map(|line| line.split(" (").next().unwrap_or_default().to_owned()).filter(|line| !line.contains("warning")).collect::<Vec<_>>()
        };
        let first = decide(load(&trees(1, &one), None).0);
        let second = decide(load(&trees(1, &format!("{bundle}{other}")), None).0);
        prop_assert_eq!(strip(&first), strip(&second));
        prop_assert_eq!(&first, &decide(load(&trees(1, &one), None).0));
    }

    #[test]
    fn every_declared_cluster_is_selected_or_rejected_and_owned_once(all in documents()) {
        let text = format!("== w/x.yaml\na: 1\n== b.yaml\n@Bundle web\nspec: {{path: w}}\n== f.yaml\n{}", all.concat());
        let decisions = decide(load(&trees(1, &text), None).0);
        for placement in decisions.placements.values() {
            let decided = placement.selected_count() + placement.rejected().count();
            prop_assert_eq!(decided, decisions.clusters.len());
        }
        for (name, cluster) in &decisions.clusters {
            let claims: Vec<_> = decisions.placements.iter().filter(|(_, p)| p.selects(name)).collect();
            let owner = claims.iter().max_by_key(|(name, p)| (p.priority(), std::cmp::Reverse(*name)));
            let placed = cluster.bundles.values().next();
            prop_assert_eq!(placed.map(|p| &p.placement), owner.map(|(name, _)| *name));
            prop_assert_eq!(placed.map_or(0, |p| p.shadowed.len() + 1), claims.len());
        }
    }
}
