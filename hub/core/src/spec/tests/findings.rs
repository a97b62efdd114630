//! Documents that are good and do not do what somebody meant.

use expect_test::{Expect, expect};

use crate::fixture::load_all;

/// A placement of `b` with these lines in its `spec`; its problems.
fn check(lines: &str, expected: Expect) {
    let mut text = "== b.yaml\n@Bundle b\nspec: {path: x}\n@Bundle c\nspec: {path: x}\n== x/x.yaml\n{}\n== p.yaml\n@Placement p\nspec:\n  bundles: [b, c]\n".to_owned();
    for line in lines.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    let (spec, problems) = load_all(&[&text]);
    let problems: Vec<_> = problems.iter().map(|p| format!("{p}\n")).collect();
    assert_eq!(spec.placements.len(), 1, "{}", problems.concat());
    expected.assert_eq(&problems.concat());
}

#[test]
fn terms_that_match_nothing_or_add_nothing_are_told() {
    check(
        "clusters:\n- {matchLabels: {a: x}, matchExpressions: [{key: a, operator: In, values: [y]}]}\n- matchLabels: {env: prod}\n- {matchLabels: {env: prod, tier: gold}}\n- {matchLabels: {env: dev}}\nexcept: [{}, {names: ['x*']}]",
        expect![[r#"
            p.yaml:8:5: warning[E0220]: no cluster can match this term: label a must have two values at once (mend it, or remove it)
            p.yaml:10:5: warning[E0221]: every cluster of this term is matched already, at p.yaml:9:5 (a list of terms is or: remove one of them)
            p.yaml:12:16: warning[E0221]: every cluster of this term is matched already, at p.yaml:12:12 (a list of terms is or: remove one of them)
        "#]],
    );
}

#[test]
fn preferences_without_a_count_have_no_effect() {
    check(
        "clusters: [{}]\nprefer: [{weight: 1}]\nspread: [{by: region}]",
        expect![[r#"
            p.yaml:8:11: warning[E0222]: `spec.prefer` has no effect without `spec.count` (say how many clusters are wanted, or leave it out)
            p.yaml:9:11: warning[E0222]: `spec.spread` has no effect without `spec.count` (say how many clusters are wanted, or leave it out)
        "#]],
    );
    check(
        "clusters: [{}]\ncount: 1\nprefer: [{weight: 1}]\nspread: [{by: region}]",
        expect![[r#""#]],
    );
}

#[test]
fn overrides_that_a_later_one_always_wins_over_are_told() {
    check(
        "clusters: [{}]\noverrides:\n- {clusters: [{matchLabels: {a: b}}], variables: {x: 1}}\n- {variables: {x: 1, y: 1}}\n- {bundles: [b], variables: {x: 2}}\n- {variables: {x: 3}}\n- {clusters: [{matchLabels: {a: b}}], variables: {x: 4}}",
        expect![[r#"
            p.yaml:9:5: warning[E0223]: the override at p.yaml:12:5 always wins over this one (later overrides win: move this one below it)
            p.yaml:11:5: warning[E0223]: the override at p.yaml:12:5 always wins over this one (later overrides win: move this one below it)
        "#]],
    );
    check(
        "clusters: [{}]\noverrides:\n- {revision: v1, variables: {x: 1}}\n- {variables: {x: 1}, helm: {values: {a: 1}}}\n- {variables: {x: 3}}",
        expect![[r#""#]],
    );
}

#[test]
fn a_taint_that_stands_twice_is_told() {
    let (_, problems) = load_all(&[
        "@Cluster a\nspec: {taints: [{key: k, effect: NoSchedule}, {key: k, effect: NoExecute}, {key: k, value: v, effect: NoSchedule}]}\n",
    ]);
    let problems: Vec<_> = problems.iter().map(|p| format!("{p}\n")).collect();
    expect![[r#"
        fleet.yaml:5:76: warning[E0224]: taint `k` with NoSchedule stands here already, at fleet.yaml:5:17 (the last one counts; remove the others)
    "#]].assert_eq(&problems.concat());
}

/// The problems of these files, a line each.
fn told(text: &str) -> String {
    let (_, problems) = load_all(&[text]);
    problems.iter().map(|p| format!("{p}\n")).collect()
}

#[test]
fn a_group_that_is_ours_but_for_a_slip_is_told() {
    let text = |group: &str| {
        format!(
            "== fleet.yaml\napiVersion: {group}/v1alpha1\nkind: Placement\nmetadata: {{name: p}}\n"
        )
    };
    expect![[r#"
        fleet.yaml:1:13: warning[E0108]: `capstn.dev/v1alpha1` is not ours, so this Placement is not read (did you mean `capstan.dev/v1alpha1`?)
    "#]].assert_eq(&told(&text("capstn.dev")));
    assert_eq!(told(&text("cluster.x-k8s.io")), "");
}
