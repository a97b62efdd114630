//! Whose definitions say which kinds live in namespaces, and what a restricted source may do with
//! kinds that nobody defines.

use std::sync::Arc;

use capstan_proto::SourceName;
use expect_test::expect;

use super::show;
use crate::fixture::{source, tree, trees};
use crate::inventory::Inventory;
use crate::manifest::{Rendered, render};
use crate::placement::{Decisions, resolve};
use crate::spec::{Kinds, PinName, PinState, Restriction, SourceState, Trees, load};

const KIND: &str =
    "== w/wall.yaml\n{apiVersion: example.com/v1, kind: Wall, metadata: {name: w}}\n";

/// A definition of `Wall` in a file.
fn wall(path: &str, scope: &str) -> String {
    format!(
        "== {path}\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata: {{name: walls.example.com}}\n\
         spec: {{group: example.com, scope: {scope}, names: {{kind: Wall}}}}\n"
    )
}

/// Source `main` places a Wall; its definition is in a bundle that is placed nowhere.
fn platform(definition: &str) -> String {
    format!(
        "@Cluster a\n@Bundle web\nspec: {{path: w}}\n@Bundle kinds\nspec: {{path: k}}\n@Placement p\n\
         spec: {{bundles: [web], clusters: [{{}}]}}\n{KIND}{definition}"
    )
}

fn with(mut trees: Trees, name: &str, text: &str) -> Trees {
    let read = SourceState::Read(Arc::new(tree(9, text)));
    let name = SourceName::try_new(name).unwrap();
    trees.sources.insert(name, read);
    trees
}

/// Renders, with this restriction of a source.
fn restricted(
    trees: &Trees,
    restriction: Option<(&str, Restriction)>,
    previous: &Rendered,
) -> Rendered {
    let (mut spec, _) = load(trees, None);
    let named = restriction.map(|(name, of)| (SourceName::try_new(name).unwrap(), of));
    spec.restrictions.extend(named);
    let spec = Arc::new(spec);
    let decisions = resolve(&spec, &Inventory::default(), &Decisions::default());
    render(&spec, trees, &decisions, previous)
}

/// What becomes of the Wall, and the problems.
fn of_wall(rendered: &Rendered) -> String {
    let shown = show(rendered);
    let short = |line: &str| match line.split_once(": {") {
        Some((object, _)) => format!("{object}\n"),
        None => format!("{line}\n"),
    };
    shown.lines().map(short).collect()
}

fn in_namespaces() -> Restriction {
    Restriction {
        namespaces: vec!["team-*".to_owned()],
        ..Restriction::default()
    }
}

const TEAM: &str = "@Bundle more\nspec: {path: t}\n";

/// `main` and the source `early`, which comes first by name, with contrary definitions.
fn contrary() -> Trees {
    let main = trees(1, &platform(&wall("k/crd.yaml", "Cluster")));
    let team = [TEAM, &wall("t/crd.yaml", "Namespaced")].concat();
    with(main, "early", &team)
}

#[test]
fn a_source_that_may_place_no_definition_says_nothing_of_kinds() {
    let trees = contrary();
    let nothing = Rendered::default();
    let denied = Restriction {
        kinds: Kinds::Deny(["apiextensions.k8s.io/CustomResourceDefinition".to_owned()].into()),
        ..Restriction::default()
    };
    for restriction in [in_namespaces(), denied] {
        let rendered = restricted(&trees, Some(("early", restriction)), &nothing);
        expect![[r#"
            a/web Wall.example.com w
        "#]]
        .assert_eq(&of_wall(&rendered));
    }
}

#[test]
fn where_definitions_disagree_unrestricted_sources_count_first_and_it_is_told() {
    let trees = contrary();
    let nothing = Rendered::default();
    let may = Some(("early", Restriction::default()));
    expect![[r#"
        a/web Wall.example.com w
        t/crd.yaml:1:1: warning[E0413]: Wall.example.com is namespaced here (t/crd.yaml:1:1 of source `early`), and cluster-scoped at k/crd.yaml:1:1 of source `main`, which counts (define a kind once; where its scope shall change, change every definition)
    "#]].assert_eq(&of_wall(&restricted(&trees, may, &nothing)));
    expect![[r#"
        a/web Wall.example.com default/w
        k/crd.yaml:1:1: warning[E0413]: Wall.example.com is cluster-scoped here (k/crd.yaml:1:1 of source `main`), and namespaced at t/crd.yaml:1:1 of source `early`, which counts (define a kind once; where its scope shall change, change every definition)
    "#]].assert_eq(&of_wall(&restricted(&trees, None, &nothing)));
}

#[test]
fn where_definitions_disagree_the_scope_in_force_stays() {
    let before = trees(1, &platform(&wall("k/crd.yaml", "Cluster")));
    let before = restricted(&before, None, &Rendered::default());
    let after = restricted(&contrary(), None, &before);
    expect![[r#"
        a/web Wall.example.com w
        t/crd.yaml:1:1: warning[E0413]: Wall.example.com is namespaced here (t/crd.yaml:1:1 of source `early`), and cluster-scoped at k/crd.yaml:1:1 of source `main`, which counts (define a kind once; where its scope shall change, change every definition)
    "#]].assert_eq(&of_wall(&after));
    // A hub that was started anew knows what it gave.
    let objects = before.instances().flat_map(|i| i.objects.keys());
    let started = Rendered::after(objects);
    assert_eq!(
        of_wall(&restricted(&contrary(), None, &started)),
        of_wall(&after)
    );
}

#[test]
fn the_definition_of_a_pinned_revision_counts_after_the_branch() {
    let text = platform(&wall("k/crd.yaml", "Cluster")).replace(
        "bundles: [web], clusters: [{}]",
        "bundles: [web, kinds], clusters: [{}], overrides: [{bundles: [kinds], revision: v1}]",
    );
    let mut trees = trees(1, &text);
    let then = format!(
        "@Bundle kinds\nspec: {{path: k}}\n{}",
        wall("k/crd.yaml", "Namespaced")
    );
    let name = PinName {
        source: source(),
        text: "v1".to_owned(),
    };
    let read = PinState::Read(Arc::new(tree(100, &then)));
    trees.pins.insert(name, read);
    let rendered = restricted(&trees, None, &Rendered::default());
    expect![[r#"
        a/kinds CustomResourceDefinition.apiextensions.k8s.io walls.example.com
        a/web Wall.example.com w
        k/crd.yaml:1:1: warning[E0413]: Wall.example.com is namespaced here (k/crd.yaml:1:1 of source `main` at `v1`), and cluster-scoped at k/crd.yaml:1:1 of source `main`, which counts (define a kind once; where its scope shall change, change every definition)
    "#]].assert_eq(&of_wall(&rendered));
}

#[test]
fn of_kinds_that_nobody_defines_a_source_held_to_namespaces_has_only_named_ones() {
    let team = "@Cluster a
@Bundle web
spec: {path: w, defaultNamespace: team-x}
@Placement p
spec: {bundles: [web], clusters: [{}]}
== w/a.yaml
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}
---
{apiVersion: example.com/v1, kind: Wall, metadata: {name: w}}
---
{apiVersion: policy.networking.k8s.io/v1, kind: AdminNetworkPolicy, metadata: {name: anp, namespace: team-x}}
";
    let nothing = Rendered::default();
    let of_main = |restriction| Some(("main", restriction));
    let one = trees(1, team);
    let refused = restricted(&one, of_main(in_namespaces()), &nothing);
    expect![[r#"
        a/web fails: 2 problems
        w/a.yaml:3:1: error[E0115]: Wall.example.com team-x/w: it is not known whether example.com/Wall lives in a namespace (place its CustomResourceDefinition from a source that may, or name example.com/Wall in the source's `kinds.allow`)
        w/a.yaml:5:1: error[E0115]: AdminNetworkPolicy.policy.networking.k8s.io team-x/anp: it is not known whether policy.networking.k8s.io/AdminNetworkPolicy lives in a namespace (place its CustomResourceDefinition from a source that may, or name policy.networking.k8s.io/AdminNetworkPolicy in the source's `kinds.allow`)
    "#]]
    .assert_eq(&of_wall(&refused));
    let named = [
        "apps/Deployment",
        "example.com/Wall",
        "policy.networking.k8s.io/AdminNetworkPolicy",
    ];
    let by_name = Restriction {
        kinds: Kinds::Allow(named.map(ToOwned::to_owned).into()),
        ..in_namespaces()
    };
    let given = restricted(&one, of_main(by_name), &nothing);
    expect![[r#"
        a/web Deployment.apps team-x/d
        a/web Wall.example.com team-x/w
        a/web AdminNetworkPolicy.policy.networking.k8s.io team-x/anp
    "#]]
    .assert_eq(&of_wall(&given));
    // What such objects were given before is no definition.
    let before = Rendered::after(given.instances().flat_map(|i| i.objects.keys()));
    let broken = trees(
        2,
        &format!("{team}== more.yaml\n@Bundle more\nspec: {{path: k}}\n!= k/crd.yaml\n"),
    );
    let still = restricted(&broken, of_main(in_namespaces()), &before);
    assert!(still.problems().any(|p| p.message.contains("Wall")));
    let definition = [
        "@Bundle kinds\nspec: {path: k}\n",
        &wall("k/crd.yaml", "Namespaced"),
    ]
    .concat();
    let two = with(trees(3, team), "platform", &definition);
    let defined = restricted(&two, of_main(in_namespaces()), &nothing);
    expect![[r#"
        a/web fails: 1 problems
        w/a.yaml:5:1: error[E0115]: AdminNetworkPolicy.policy.networking.k8s.io team-x/anp: it is not known whether policy.networking.k8s.io/AdminNetworkPolicy lives in a namespace (place its CustomResourceDefinition from a source that may, or name policy.networking.k8s.io/AdminNetworkPolicy in the source's `kinds.allow`)
    "#]].assert_eq(&of_wall(&defined));
}
