//! What follows from a broken document without a good version is said where it is named.

use expect_test::expect;

use super::{GOOD, check, with};

#[test]
fn a_placement_of_a_broken_bundle_says_why_nothing_is_placed() {
    let broken = with("apps/web.yaml", "@Bundle web\nspec: {pth: ./web}\n")
        + "== p.yaml\n@Placement p\nspec: {bundles: [web], clusters: [{}]}\n@Bundle other\nspec: {path: apps/web, dependsOn: [web]}\n";
    check(
        &[&broken],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            bundle other at p.yaml:7:1
            placement everywhere at placements.yaml:2:1
            placement p at p.yaml:2:1
            main: 1 unknown
            apps/web.yaml:5:8: error[E0102]: `spec` has no field `pth` (did you mean `path`?)
            p.yaml:5:18: warning[E0214]: bundle `web` has no good version, because of the document at apps/web.yaml:2:1: nothing new of it is placed (mend that document)
            p.yaml:10:36: warning[E0214]: bundle `web` has no good version, because of the document at apps/web.yaml:2:1: nothing new of it is placed (mend that document)
            placements.yaml:5:18: warning[E0214]: bundle `web` has no good version, because of the document at apps/web.yaml:2:1: nothing new of it is placed (mend that document)
        "#]],
    );
    // The last good version counts: nothing follows.
    check(
        &[
            GOOD,
            &with("apps/web.yaml", "@Bundle web\nspec: {pth: ./web}\n"),
        ],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            bundle web at apps/web.yaml:2:1 (kept)
            placement everywhere at placements.yaml:2:1
            apps/web.yaml:5:8: error[E0102]: `spec` has no field `pth` (did you mean `path`?)
        "#]],
    );
}

#[test]
fn of_a_chain_of_groups_the_placement_names_the_document_behind_it() {
    let groups = "@ClusterGroup europe\nspec: {cluster: []}\n@ClusterGroup all\nspec: {clusters: [{groups: [europe]}]}\n@ClusterGroup more\nspec: {clusters: [{groups: [all]}]}\n";
    let broken = with("groups.yaml", groups)
        + "== p.yaml\n@Placement p\nspec: {bundles: [web], clusters: [{}], except: [{groups: [more]}]}\n";
    check(
        &[&broken],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            bundle web at apps/web.yaml:2:1
            main: 5 unknown
            groups.yaml:5:8: error[E0102]: `spec` has no field `cluster` (did you mean `clusters`?)
            groups.yaml:5:17: error[E0109]: `spec.clusters` is empty (name something; `[{}]` is every cluster)
            p.yaml:5:59: warning[E0214]: group `more` has no good version, because of the document at groups.yaml:2:1: this document is bad, too (mend that document)
            placements.yaml:5:45: warning[E0214]: group `europe` has no good version, because of the document at groups.yaml:2:1: this document is bad, too (mend that document)
        "#]],
    );
}

#[test]
fn clusters_of_a_broken_template_say_so_once() {
    check(
        &[
            "== t.yaml\n@ClusterTemplate base\nspec: {variable: {}}\n== c.yaml\n@Cluster a\nspec: {templates: [base]}\n@Cluster b\nspec: {templates: [base]}\n@Cluster c\nspec: {templates: [base]}\n",
        ],
        expect![[r#"
            main: 4 unknown
            c.yaml:5:20: warning[E0214]: template `base` has no good version, because of the document at t.yaml:2:1: this document is bad, too; it is named 2 more times (mend that document)
            t.yaml:5:8: error[E0102]: `spec` has no field `variable` (did you mean `variables`?)
        "#]],
    );
}

#[test]
fn a_document_of_unknown_kind_may_be_what_is_named() {
    let kind = with("apps/web.yaml", "@Bundel web\nspec: {path: ./web}\n");
    check(
        &[&kind],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 1 unknown
            apps/web.yaml:3:7: error[E0107]: `Bundel` is no kind of fleet file (did you mean `Bundle`?)
            placements.yaml:5:18: warning[E0214]: no bundle is called `web`, unless the broken document at apps/web.yaml:2:1 declares it: nothing new of it is placed (mend that document)
        "#]],
    );
    let text = with("apps/web.yaml", "@Bundle web\nspec: {path: ./web\n");
    check(
        &[&text],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 1 unknown
            apps/web.yaml:5:7: error[E0101]: unclosed bracket '{' (what this document declared before stays until it is mended)
            placements.yaml:5:18: warning[E0214]: no bundle is called `web`, unless the broken document at apps/web.yaml:5:7 declares it: nothing new of it is placed (mend that document)
        "#]],
    );
}
