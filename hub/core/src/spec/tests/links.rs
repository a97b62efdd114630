//! What is behind a symbolic link is unknown: what was declared there stays.

use super::*;

#[test]
fn a_document_that_becomes_a_symbolic_link_keeps_its_last_good_version() {
    let link = with("placements.yaml", "").replace("== placements.yaml\n", "!= placements.yaml\n");
    check(
        &[GOOD, &link],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:1:1: error[E0112]: this is not read: symbolic links are not followed (what was declared here before stays until it is mended)
    "#]],
    );
    check(
        &[GOOD, &link, &link],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:1:1: error[E0112]: this is not read: symbolic links are not followed (what was declared here before stays until it is mended)
    "#]],
    );
    // Once it is removed, it goes.
    check(
        &[GOOD, &link, &with("placements.yaml", "")],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
    "#]],
    );
}

#[test]
fn a_directory_that_becomes_a_symbolic_link_keeps_what_was_declared_below() {
    let link = with("clusters/a.yaml", "").replace("== clusters/a.yaml\n", "!= clusters\n");
    check(
        &[GOOD, &link],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1 (kept)
        cluster b at clusters/a.yaml:6:1 (kept)
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        clusters:1:1: error[E0112]: this is not read: symbolic links are not followed (what was declared here before stays until it is mended)
    "#]],
    );
}

#[test]
fn a_symbolic_link_without_history_leaves_a_gap_unless_nothing_was_before_it() {
    let link = format!("{GOOD}!= more\n");
    check(
        &[&link, &link],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        main: 1 unknown
        more:1:1: error[E0112]: this is not read: symbolic links are not followed (what was declared here before stays until it is mended)
    "#]],
    );
    check(
        &[GOOD, &link],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        more:1:1: warning[E0112]: this is not read: symbolic links are not followed (what was declared here before stays until it is mended)
    "#]],
    );
    let beginning = Spec::beginning(None, &source());
    let (spec, problems) = load(&trees(1, &link), Some(&beginning));
    expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        more:1:1: warning[E0112]: this is not read: symbolic links are not followed (what was declared here before stays until it is mended)
    "#]].assert_eq(&show(&spec, &problems));
}

#[test]
fn symbolic_links_that_cannot_hold_anything_of_ours_are_no_problem() {
    check(
        &[GOOD, &format!("{GOOD}!= README.md\n")],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
    "#]],
    );
}
