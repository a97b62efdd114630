//! Names of other documents: templates, former names, groups of overrides, pins.

use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::{Expect, expect};

use super::check;
use crate::fixture::{source, tree, trees};
use crate::spec::{PinName, PinState, Pinned, Spec, Trees, load};

const FLEET: &str = "\
== t.yaml
@ClusterTemplate
metadata: {name: base, labels: {env: prod}}
== c.yaml
@Cluster a
spec: {templates: [base]}
";

#[test]
fn a_cluster_that_names_an_unknown_template_keeps_its_last_good_version() {
    let misspelt = FLEET.replace("[base]", "[bsae]");
    check(
        &[FLEET, &misspelt],
        expect![[r#"
        cluster a at c.yaml:2:1 (kept)
        template base at t.yaml:2:1
        c.yaml:5:20: error[E0209]: no template is called `bsae` (did you mean `base`?)
    "#]],
    );
    check(
        &[&misspelt],
        expect![[r#"
        template base at t.yaml:2:1
        main: 1 unknown
        c.yaml:5:20: error[E0209]: no template is called `bsae` (did you mean `base`?)
    "#]],
    );
}

#[test]
fn a_template_that_is_removed_and_still_named_stays() {
    let removed = FLEET.replace(
        "== t.yaml\n@ClusterTemplate\nmetadata: {name: base, labels: {env: prod}}\n",
        "",
    );
    check(
        &[FLEET, &removed],
        expect![[r#"
        cluster a at c.yaml:2:1
        template base at t.yaml:2:1 (kept)
        c.yaml:5:20: error[E0209]: template `base` is named here and not declared any more (its last version stays until nothing names it)
    "#]],
    );
    check(
        &[FLEET, &removed, &removed],
        expect![[r#"
        cluster a at c.yaml:2:1
        template base at t.yaml:2:1 (kept)
        c.yaml:5:20: error[E0209]: template `base` is named here and not declared any more (its last version stays until nothing names it)
    "#]],
    );
}

#[test]
fn a_template_that_breaks_keeps_its_last_good_version() {
    let broken = FLEET.replace("labels: {env: prod}", "labels: {env: 7}");
    let (spec, _) = crate::fixture::load_all(&[FLEET, &broken]);
    let member = spec.members.values().next().unwrap();
    assert_eq!(member.labels["env"], "prod");
    check(
        &[FLEET, &broken],
        expect![[r#"
        cluster a at c.yaml:2:1
        template base at t.yaml:2:1 (kept)
        t.yaml:4:38: error[E0103]: `metadata.labels.env` must be a string, not a number (write "7")
    "#]],
    );
}

#[test]
fn a_template_that_no_cluster_names_is_told() {
    check(
        &["@ClusterTemplate t\n@Cluster a\n"],
        expect![[r#"
        cluster a at fleet.yaml:6:1
        template t at fleet.yaml:2:1
        fleet.yaml:2:1: warning[E0225]: no cluster names the template `t` (name it in `spec.templates` of a Cluster, or remove it)
    "#]],
    );
}

#[test]
fn a_former_name_is_free_and_one_clusters_alone() {
    check(
        &["@Cluster a\nspec: {renamedFrom: b}\n@Cluster b\n"],
        expect![[r#"
            cluster b at fleet.yaml:7:1
            main: 1 unknown
            fleet.yaml:5:21: error[E0212]: `b` is still declared, at fleet.yaml:7:1 (remove that document, or this line)
        "#]],
    );
    check(
        &["@Cluster a\nspec: {renamedFrom: c}\n@Cluster b\nspec: {renamedFrom: c}\n"],
        expect![[r#"
            main: 2 unknown
            fleet.yaml:5:21: error[E0212]: `b` has been renamed from `c`, too (one cluster can have been one other)
            fleet.yaml:10:21: error[E0212]: `a` has been renamed from `c`, too (one cluster can have been one other)
        "#]],
    );
    check(
        &[
            "@Cluster b\n",
            "@Cluster a\nspec: {renamedFrom: b}\n",
            "@Cluster a\nspec: {renamedFrom: b}\n@Cluster b\n",
        ],
        expect![[r#"
            cluster a at fleet.yaml:2:1 (kept)
            cluster b at fleet.yaml:7:1
            fleet.yaml:5:21: error[E0212]: `b` is still declared, at fleet.yaml:7:1 (remove that document, or this line)
        "#]],
    );
}

#[test]
fn a_bundle_whose_override_names_an_unknown_group_keeps_its_last_good_version() {
    let good = "== b.yaml\n@Bundle b\nspec: {path: b}\n== b/x.yaml\n{}\n";
    let bad = good.replace(
        "{path: b}",
        "{path: b, overrides: [{clusters: [{groups: [g]}], variables: {a: 1}}]}",
    );
    check(
        &[good, &bad],
        expect![[r#"
        bundle b at b.yaml:2:1 (kept)
        b.yaml:5:51: error[E0201]: no group is called `g` (declare a ClusterGroup)
    "#]],
    );
}

#[test]
fn a_group_that_only_an_override_of_a_bundle_names_stays() {
    let good = "== g.yaml\n@ClusterGroup g\nspec: {clusters: [{}]}\n== b.yaml\n@Bundle b\nspec: {path: b, overrides: [{clusters: [{groups: [g]}], variables: {a: 1}}]}\n== b/x.yaml\n{}\n";
    let removed = good.replace("== g.yaml\n@ClusterGroup g\nspec: {clusters: [{}]}\n", "");
    check(
        &[good, &removed],
        expect![[r#"
        group g at g.yaml:2:1 (kept)
        bundle b at b.yaml:2:1
        b.yaml:5:51: error[E0201]: group `g` is named here and not declared any more (its last version stays until nothing names it)
    "#]],
    );
}

#[test]
fn a_long_chain_of_groups_falls_with_its_first_link() {
    let mut text = String::new();
    for i in 0..50 {
        text.push_str(&format!(
            "@ClusterGroup g{i}\nspec: {{clusters: [{{groups: [g{}]}}]}}\n",
            i + 1
        ));
    }
    let (spec, problems) = crate::fixture::load_all(&[&text]);
    assert_eq!(spec.groups.len(), 0);
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("no group is called `g50`"), "{told:#?}");
}

const PINNED: &str = "\
== p.yaml
@Placement p
spec:
  bundles: [b]
  clusters: [{}]
  revision: v1
  overrides:
  - {clusters: [{names: [a]}], revision: v2}
== c.yaml
@Cluster a
== b.yaml
@Bundle b
spec: {path: b}
== b/x.yaml
{}
";

fn pin(text: &str) -> PinName {
    PinName {
        source: source(),
        text: text.to_owned(),
    }
}

/// Loads with these pins, and shows what became of them.
fn check_pins(pins: impl IntoIterator<Item = (PinName, PinState)>, expected: Expect) -> Spec {
    let trees = Trees {
        pins: pins.into_iter().collect(),
        ..trees(9, PINNED)
    };
    let (spec, problems) = load(&trees, None);
    let mut out = String::new();
    for (name, pinned) in &spec.pinned {
        let what = match &**pinned {
            Pinned::Read { bundles, .. } => format!(
                "{:?}",
                bundles.keys().map(ToString::to_string).collect::<Vec<_>>()
            ),
            Pinned::Unknown(why) => format!("unknown: {why}"),
        };
        out.push_str(&format!("{} {what}\n", name.text));
    }
    for problem in &problems {
        out.push_str(&format!("{problem}\n"));
    }
    expected.assert_eq(&out);
    let (again, problems_again) = load(&trees, Some(&spec));
    assert_eq!(again.pinned, spec.pinned);
    assert_eq!(problems_again, problems);
    spec
}

fn read(n: u32, text: &str) -> PinState {
    PinState::Read(Arc::new(tree(n, text)))
}

#[test]
fn pins_are_listed_for_the_sources_of_their_bundles() {
    let spec = check_pins(
        BTreeMap::new(),
        expect![[r#"
        v1 unknown: not read yet
        v2 unknown: not read yet
    "#]],
    );
    let names: Vec<_> = spec.pins().into_iter().map(|pin| pin.text).collect();
    assert_eq!(names, ["v1", "v2"]);
}

#[test]
fn a_pinned_revision_declares_its_bundles_and_nothing_else() {
    check_pins(
        [
            (
                pin("v1"),
                read(
                    1,
                    "== b.yaml\n@Bundle b\nspec: {path: old}\n@Cluster zzz\n@Placement broken\n== old/x.yaml\n{}\n",
                ),
            ),
            (
                pin("v2"),
                PinState::Missing("there is no such tag".to_owned()),
            ),
        ],
        expect![[r#"
            v1 ["main.b"]
            v2 unknown: there is no such tag
            p.yaml:10:42: error[E0211]: `v2` cannot be read: there is no such tag (push the tag, or name another one; what is there stays until then; in a clone without tags: `git fetch --tags --unshallow`)
        "#]],
    );
}

#[test]
fn what_is_wrong_at_a_pin_is_told_with_it() {
    check_pins(
        [
            (
                pin("v1"),
                read(
                    1,
                    "@Bundle b\nspec: {pth: b}\n@Bundle bb\nspec: {path: nowhere}\n",
                ),
            ),
            (
                pin("v2"),
                read(
                    2,
                    "@Bundle b\nspec: {path: b, overrides: [{clusters: [{groups: [g]}], variables: {a: 1}}]}\n@Bundle c\nspec: {path: b, dependsOn: [c]}\n== b/x.yaml\n{}\n",
                ),
            ),
        ],
        expect![[r#"
            v1 ["main.bb"]
            v2 []
            fleet.yaml:5:8: error[E0102]: at `v1`: `spec` has no field `pth` (did you mean `path`?)
            fleet.yaml:5:51: error[E0201]: at `v2`: no group is called `g` (a pinned bundle sees the groups of the branch)
            fleet.yaml:7:1: error[E0204]: at `v2`: bundles wait for each other: c -> c
            fleet.yaml:10:14: error[E0205]: at `v1`: `nowhere` is no directory with files
            p.yaml:8:13: error[E0203]: `v1` has no good bundle `b` (did you mean `bb`?)
            p.yaml:10:42: error[E0203]: `v2` has no good bundle `b`
        "#]],
    );
}
