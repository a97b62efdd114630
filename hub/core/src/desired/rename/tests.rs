//! Tests of who gets another name, and of what is said when nobody does.

use std::collections::BTreeSet;

use capstan_proto::ClusterName;
use expect_test::{Expect, expect};

use crate::desired::{Given, Running};
use crate::fixture::trees;
use crate::spec::load;

fn name(name: &str) -> ClusterName {
    ClusterName::try_new(name).unwrap()
}

/// What becomes of `new`, renamed from `old`, where these names are enrolled and banned.
fn check(enrolled: &[&str], banned: &[&str], expected: Expect) {
    let trees = trees(1, "== c.yaml\n@Cluster new\nspec: {renamedFrom: old}\n");
    let (spec, problems) = load(&trees, None);
    assert_eq!(problems, []);
    let enrolled: BTreeSet<ClusterName> = enrolled.iter().map(|n| name(n)).collect();
    let given = |name: &ClusterName| (name.clone(), Given::Unknown);
    let mut running = Running {
        clusters: enrolled.iter().map(given).collect(),
        banned: banned.iter().map(|n| name(n)).collect(),
        ..Running::default()
    };
    let problems = running.unmoved(&spec, &enrolled);
    let moved = running.rename(&spec, &enrolled);
    let moved = moved.iter().map(|(from, to)| format!("{from} -> {to}\n"));
    let problems = problems.iter().map(|problem| format!("{problem}\n"));
    let shown: String = moved.chain(problems).collect();
    expected.assert_eq(&shown);
}

#[test]
fn a_name_that_is_free_is_taken_once_and_without_a_word() {
    check(
        &["old"],
        &[],
        expect![[r#"
        old -> new
    "#]],
    );
    check(&["new"], &[], expect![[r#""#]]);
}

#[test]
fn what_cannot_move_is_said_with_what_to_do() {
    check(
        &["old", "new"],
        &[],
        expect![[r#"
        c.yaml:5:21: error[E0506]: `old` and `new` are both enrolled, as two clusters, so nothing moves (a name stays with the cluster that enrolled under it: declare `old` again, or give it a name that is free)
    "#]],
    );
    check(
        &[],
        &[],
        expect![[r#"
        c.yaml:5:21: warning[E0506]: no cluster is enrolled as `old`, so nothing moves to `new` (check the former name, or remove this line)
    "#]],
    );
    check(
        &["old"],
        &["old"],
        expect![[r#"
        c.yaml:5:21: error[E0506]: `old` is banned, and keeps its name until it is not (`hub cluster unban old --reason ...`, or remove this line)
    "#]],
    );
    // The name is not theirs anyway.
    check(
        &["old", "new"],
        &["old"],
        expect![[r#"
        c.yaml:5:21: error[E0506]: `old` and `new` are both enrolled, as two clusters, so nothing moves (a name stays with the cluster that enrolled under it: declare `old` again, or give it a name that is free)
    "#]],
    );
}
