//! Several sources: exports, restrictions, names of each other.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_proto::SourceName;
use expect_test::{Expect, expect};

use super::show;
use crate::fixture::tree;
use crate::spec::{Restriction, Rules, SourceState, Spec, Trees, load};

fn name(text: &str) -> SourceName {
    SourceName::try_new(text).unwrap()
}

/// `platform` exports the group `europe` and the bundle `web`; `team` is restricted.
fn fleet(n: u32, platform: &str, team: &str) -> Trees {
    let exports =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|n| (*n).to_owned()).collect() };
    let read = |text: &str| SourceState::Read(Arc::new(tree(n, text)));
    Trees {
        sources: [
            (name("platform"), read(platform)),
            (name("team"), read(team)),
        ]
        .into(),
        rules: [
            (
                name("platform"),
                Rules {
                    exported_groups: exports(&["europe", "north"]),
                    exported_bundles: exports(&["web"]),
                    ..Rules::default()
                },
            ),
            (
                name("team"),
                Rules {
                    restrict: Some(Restriction::default()),
                    ..Rules::default()
                },
            ),
        ]
        .into(),
        ..Trees::default()
    }
}

const PLATFORM: &str = "\
== fleet.yaml
@Cluster a
@ClusterGroup europe
spec: {clusters: [{}]}
@ClusterGroup inner
spec: {clusters: [{}]}
@Bundle web
spec: {path: w}
@Bundle secret
spec: {path: w}
== w/x.yaml
{}
";

fn check(team: &[&str], expected: Expect) -> Spec {
    let mut spec = None;
    let mut problems = Vec::new();
    for (n, team) in (1..).zip(team) {
        let (loaded, found) = load(&fleet(n, PLATFORM, team), spec.as_ref());
        (spec, problems) = (Some(loaded), found);
    }
    let spec = spec.unwrap();
    expected.assert_eq(&show(&spec, &problems));
    spec
}

#[test]
fn what_another_source_exports_can_be_named() {
    let spec = check(
        &[
            "@Placement p\nspec: {bundles: [platform/web], clusters: [{groups: [platform/europe]}]}\n",
        ],
        expect![[r#"
            cluster a at fleet.yaml:2:1
            group europe at fleet.yaml:6:1
            group inner at fleet.yaml:11:1
            bundle secret at fleet.yaml:21:1
            bundle web at fleet.yaml:16:1
            placement p at fleet.yaml:2:1
        "#]],
    );
    assert!(spec.restrictions.contains_key(&name("team")));
}

#[test]
fn what_another_source_does_not_export_cannot_be_named() {
    let good = "@Placement p\nspec: {bundles: [platform/web], clusters: [{}]}\n";
    check(
        &[
            good,
            "@Placement p\nspec: {bundles: [platform/secret], clusters: [{groups: [platform/inner]}]}\n@Placement q\nspec: {bundles: [platfrom/web], clusters: [{groups: [platform/north]}]}\n@ClusterGroup g\nspec: {clusters: [{groups: [platform/inner]}]}\n@Bundle b\nspec: {path: b, dependsOn: [platform/secret]}\n== b/x.yaml\n{}\n",
        ],
        expect![[r#"
            cluster a at fleet.yaml:2:1
            group europe at fleet.yaml:6:1
            group inner at fleet.yaml:11:1
            bundle secret at fleet.yaml:21:1
            bundle web at fleet.yaml:16:1
            placement p at fleet.yaml:2:1 (kept)
            fleet.yaml:5:18: error[E0210]: the source `platform` does not export `secret` (it exports the bundles web)
            fleet.yaml:5:57: error[E0210]: the source `platform` does not export `inner` (it exports the groups europe, north)
            fleet.yaml:10:18: error[E0210]: no source is called `platfrom` (did you mean `platform`?)
            fleet.yaml:10:54: error[E0201]: no group is called `north` (allowed: europe)
            fleet.yaml:15:29: error[E0210]: the source `platform` does not export `inner` (it exports the groups europe, north)
            fleet.yaml:20:29: error[E0210]: the source `platform` does not export `secret` (it exports the bundles web)
        "#]],
    );
}

#[test]
fn a_withdrawn_export_keeps_what_was_declared_before() {
    let team =
        "@Placement p\nspec: {bundles: [platform/web], clusters: [{groups: [platform/europe]}]}\n";
    let (before, problems) = load(&fleet(1, PLATFORM, team), None);
    assert_eq!(problems, []);
    let mut trees = fleet(2, PLATFORM, team);
    trees.rules.clear();
    let (spec, problems) = load(&trees, Some(&before));
    expect![[r#"
        cluster a at fleet.yaml:2:1
        group europe at fleet.yaml:6:1
        group inner at fleet.yaml:11:1
        bundle secret at fleet.yaml:21:1
        bundle web at fleet.yaml:16:1
        placement p at fleet.yaml:2:1 (kept)
        fleet.yaml:5:18: error[E0210]: the source `platform` does not export `web` (it exports no bundles; exports are configured at the hub)
        fleet.yaml:5:54: error[E0210]: the source `platform` does not export `europe` (it exports no groups; exports are configured at the hub)
    "#]].assert_eq(&show(&spec, &problems));
}

#[test]
fn a_restricted_source_declares_no_clusters() {
    check(
        &["@Cluster b\n@ClusterTemplate t\n@ClusterGroup mine\nspec: {clusters: [{}]}\n"],
        expect![[r#"
            cluster a at fleet.yaml:2:1
            group europe at fleet.yaml:6:1
            group inner at fleet.yaml:11:1
            group mine at fleet.yaml:10:1
            bundle secret at fleet.yaml:21:1
            bundle web at fleet.yaml:16:1
            fleet.yaml:2:1: error[E0115]: the source `team` is restricted and cannot declare a Cluster (declare it in a source that is not restricted)
            fleet.yaml:6:1: error[E0115]: the source `team` is restricted and cannot declare a ClusterTemplate (declare it in a source that is not restricted)
        "#]],
    );
}

#[test]
fn a_source_that_becomes_restricted_has_no_say_in_its_clusters_any_more() {
    let team = "@Cluster b\n@Cluster c\n";
    let mut trees = fleet(1, PLATFORM, team);
    trees.rules.remove(&name("team"));
    let (before, _) = load(&trees, None);
    assert_eq!(before.clusters.len(), 3);
    let (spec, problems) = load(
        &fleet(2, PLATFORM, "@Cluster b\nspec: {x: 1}\n@Cluster c\n"),
        Some(&before),
    );
    expect![[r#"
        cluster a at fleet.yaml:2:1
        group europe at fleet.yaml:6:1
        group inner at fleet.yaml:11:1
        bundle secret at fleet.yaml:21:1
        bundle web at fleet.yaml:16:1
        fleet.yaml:5:8: error[E0102]: `spec` has no field `x` (allowed: templates, variables, taints, mode, renamedFrom)
        fleet.yaml:7:1: error[E0115]: the source `team` is restricted and cannot declare a Cluster (declare it in a source that is not restricted)
    "#]].assert_eq(&show(&spec, &problems));
}
