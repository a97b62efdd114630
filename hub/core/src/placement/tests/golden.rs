//! Taints, counts, preferences, spread and what stays, as tables: each text is the next commit.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::show;
use crate::fixture::{load_all, trees};
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};
use crate::spec::load;

const BASE: &str = "\
== w/x.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
== b.yaml
@Bundle web
spec: {path: w}
";

const REGIONS: &str = "\
== c.yaml
@Cluster
metadata: {name: e1, labels: {region: eu, tier: gold}}
@Cluster
metadata: {name: e2, labels: {region: eu}}
@Cluster
metadata: {name: e3, labels: {region: eu}}
@Cluster
metadata: {name: u1, labels: {region: us}}
@Cluster
metadata: {name: x1}
";

/// Shows what the placement decides after each commit; owners and problems are left out.
fn check(clusters: &[&str], placements: &[&str], expected: Expect) {
    let mut decisions = Decisions::default();
    let mut out = String::new();
    let commits = clusters.len().max(placements.len());
    for commit in 0..commits {
        let clusters = clusters[commit.min(clusters.len() - 1)];
        let placement = placements[commit.min(placements.len() - 1)];
        let text = format!(
            "{BASE}{clusters}== p.yaml\n@Placement p\nspec:\n  bundles: [web]\n{placement}"
        );
        let (_, problems) = load_all(&[&text]);
        let errors: Vec<_> = problems
            .iter()
            .filter(|p| p.severity == crate::problem::Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        let spec = Arc::new(load(&trees(1, &text), None).0);
        decisions = resolve(&spec, &Inventory::default(), &decisions);
        let shown = show(&decisions);
        let lines = shown.lines().filter(|line| {
            line.starts_with("  ") || ["[E023", "[E0208"].iter().any(|code| line.contains(code))
        });
        out.push_str("--\n");
        out.extend(lines.map(|line| format!("{}\n", line.trim_start())));
    }
    expected.assert_eq(&out);
}

#[test]
fn a_taint_keeps_out_who_does_not_tolerate_it() {
    let tainted = "\
== c.yaml
@Cluster
metadata: {name: a}
spec: {taints: [{key: maintenance, value: rack-7, effect: NoSchedule}]}
@Cluster
metadata: {name: b}
spec: {taints: [{key: gone, effect: NoExecute}, {key: maintenance, effect: NoSchedule}]}
@Cluster
metadata: {name: c}
";
    check(
        &[tainted],
        &[
            "  clusters: [{}]\n",
            "  clusters: [{}]\n  tolerations: [{key: maintenance, operator: Exists}]\n",
            "  clusters: [{}]\n  tolerations: [{operator: Exists, effect: NoExecute}]\n",
        ],
        expect![[r#"
            --
            + c: `{}` is every declared cluster (p.yaml:7:14)
            t a: taint maintenance=rack-7:NoSchedule (c.yaml:5:17) is not tolerated
            t b: taints gone:NoExecute (c.yaml:10:17), maintenance:NoSchedule (c.yaml:10:49) are not tolerated
            --
            + a: `{}` is every declared cluster (p.yaml:7:14)
            + c: `{}` is every declared cluster (p.yaml:7:14)
            t b: taint gone:NoExecute (c.yaml:10:17) is not tolerated
            --
            + a: `{}` is every declared cluster (p.yaml:7:14)
            + c: `{}` is every declared cluster (p.yaml:7:14)
            t b: taint maintenance:NoSchedule (c.yaml:10:49) is not tolerated
        "#]],
    );
}

#[test]
fn a_new_taint_spares_what_is_there_unless_it_executes() {
    let with = |effect: &str| {
        format!(
            "== c.yaml\n@Cluster\nmetadata: {{name: a}}\n{effect}@Cluster\nmetadata: {{name: b}}\n"
        )
    };
    let taint = |effect: &str| {
        with(&format!(
            "spec: {{taints: [{{key: t, effect: {effect}}}]}}\n"
        ))
    };
    check(
        &[
            &with(""),
            &taint("NoSchedule"),
            &taint("NoExecute"),
            &taint("NoSchedule"),
        ],
        &["  clusters: [{}]\n"],
        expect![[r#"
            --
            + a: `{}` is every declared cluster (p.yaml:7:14)
            + b: `{}` is every declared cluster (p.yaml:7:14)
            --
            + a: `{}` is every declared cluster (p.yaml:7:14)
            + b: `{}` is every declared cluster (p.yaml:7:14)
            --
            + b: `{}` is every declared cluster (p.yaml:7:14)
            t a: taint t:NoExecute (c.yaml:5:17) is not tolerated
            --
            + b: `{}` is every declared cluster (p.yaml:7:14)
            t a: taint t:NoSchedule (c.yaml:5:17) is not tolerated
        "#]],
    );
}

#[test]
fn a_count_takes_the_highest_in_rank_and_keeps_them() {
    check(
        &[REGIONS],
        &[
            "  clusters: [{}]\n  count: 2\n",
            "  clusters: [{}]\n  count: 3\n  prefer: [{weight: 50, matchLabels: {tier: gold}}, {weight: 1}]\n",
            "  clusters: [{}]\n  count: 25%\n  prefer: [{weight: 50, matchLabels: {tier: gold}}]\n",
            "  clusters: [{}]\n  count: 0\n",
        ],
        expect![[r#"
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) ranked 0
            + x1: `{}` is every declared cluster (p.yaml:7:14) ranked 0
            r e2: rank 5 of 5 with score 0, and 2 are wanted
            r e3: rank 3 of 5 with score 0, and 2 are wanted
            r u1: rank 4 of 5 with score 0, and 2 are wanted
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) kept 51
            + x1: `{}` is every declared cluster (p.yaml:7:14) kept 1
            + e3: `{}` is every declared cluster (p.yaml:7:14) ranked 1
            r e2: rank 5 of 5 with score 1, and 3 are wanted
            r u1: rank 4 of 5 with score 1, and 3 are wanted
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) kept 50
            + x1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            r e2: rank 5 of 5 with score 0, and 2 are wanted
            r e3: rank 3 of 5 with score 0, and 2 are wanted
            r u1: rank 4 of 5 with score 0, and 2 are wanted
            --
            r e1: rank 1 of 5 with score 0, and 0 are wanted
            r e2: rank 5 of 5 with score 0, and 0 are wanted
            r e3: rank 3 of 5 with score 0, and 0 are wanted
            r u1: rank 4 of 5 with score 0, and 0 are wanted
            r x1: rank 2 of 5 with score 0, and 0 are wanted
            emptied, had 2
            p.yaml:2:1: warning[E0208]: placement `p` selects no cluster (it selected 2 before; what it brought is held)
        "#]],
    );
}

#[test]
fn spread_fills_the_emptiest_domain_and_says_why_it_stops() {
    let spread = |count: u32, rest: &str| {
        format!("  clusters: [{{}}]\n  count: {count}\n  spread: [{{by: region{rest}}}]\n")
    };
    check(
        &[REGIONS],
        &[
            &spread(3, ""),
            &spread(5, ""),
            &spread(5, ", whenUnsatisfiable: SelectAnyway"),
            &spread(2, ""),
        ],
        expect![[r#"
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) ranked 0
            + x1: `{}` is every declared cluster (p.yaml:7:14) ranked 0
            + u1: `{}` is every declared cluster (p.yaml:7:14) ranked 0
            r e2: rank 5 of 5 with score 0, and 3 are wanted
            s e3: region `eu` had 1 selected and the least had 0: one more passes maxSkew 1 (p.yaml:9:12)
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + x1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + u1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + e3: `{}` is every declared cluster (p.yaml:7:14) ranked 0
            s e2: region `eu` had 2 selected and the least had 1: one more passes maxSkew 1 (p.yaml:9:12)
            4 of 5, short by region
            p.yaml:9:12: warning[E0230]: placement `p` selects 4 of 5 clusters: no other one keeps the spread by region within 1 (allow a larger `maxSkew`, or `whenUnsatisfiable: SelectAnyway`)
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + x1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + e3: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + u1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + e2: `{}` is every declared cluster (p.yaml:7:14) relaxed 0
            --
            + e1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            + x1: `{}` is every declared cluster (p.yaml:7:14) kept 0
            r e2: rank 5 of 5 with score 0, and 2 are wanted
            r e3: rank 3 of 5 with score 0, and 2 are wanted
            r u1: rank 4 of 5 with score 0, and 2 are wanted
        "#]],
    );
}

#[test]
fn where_the_first_violated_constraint_may_be_ignored_the_hint_names_the_one_that_may_not() {
    check(
        &[REGIONS],
        &[
            "  clusters: [{names: [e1, e2, e3, u1]}]\n  count: 4\n  spread: [{by: region, whenUnsatisfiable: SelectAnyway}, {by: tier}]\n",
        ],
        expect![[r#"
            --
            + e1: name matches `e1` (p.yaml:7:14) ranked 0
            + u1: name matches `u1` (p.yaml:7:14) ranked 0
            + e3: name matches `e3` (p.yaml:7:14) ranked 0
            s e2: region `eu` had 2 selected and the least had 1: one more passes maxSkew 1 (p.yaml:9:12)
            - x1: name x1 matches none of `e1`, `e2`, `e3`, `u1` (p.yaml:7:14)
            3 of 4, short by region
            p.yaml:9:12: warning[E0230]: placement `p` selects 3 of 4 clusters: no other one keeps the spread by region within 1 (this one may be ignored, and the spread by tier may not: allow that a larger `maxSkew`)
        "#]],
    );
}

#[test]
fn what_selects_nothing_for_taints_says_every_toleration_that_is_lacking() {
    let tainted = "== c.yaml\n@Cluster a\nspec:\n  taints: [{key: rack, value: '7', effect: NoSchedule}, {key: old, effect: NoExecute}, {key: new, effect: NoSchedule}]\n";
    check(
        &[tainted],
        &[
            "  clusters: [{}]\n",
            "  clusters: [{}]\n  tolerations: [{key: old, operator: Exists}, {key: new}]\n",
        ],
        expect![[r#"
            --
            t a: taints rack=7:NoSchedule (c.yaml:6:12), old:NoExecute (c.yaml:6:57), new:NoSchedule (c.yaml:6:88) are not tolerated
            p.yaml:2:1: warning[E0208]: placement `p` selects no cluster (taints rack=7:NoSchedule, old:NoExecute, new:NoSchedule keep a out, at c.yaml:6:12: add `tolerations: [{key: rack, value: "7", effect: NoSchedule}, {key: old, effect: NoExecute}, {key: new, effect: NoSchedule}]`)
            --
            t a: taint rack=7:NoSchedule (c.yaml:6:12) is not tolerated
            p.yaml:2:1: warning[E0208]: placement `p` selects no cluster (taint rack=7:NoSchedule keeps a out, at c.yaml:6:12: add to its tolerations: `{key: rack, value: "7", effect: NoSchedule}`)
        "#]],
    );
}
