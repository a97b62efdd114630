//! Problems of CEL expressions point into them.

use expect_test::{Expect, expect};
use std::fmt::Write as _;

use crate::fixture::load_all;

fn check(text: &str, expected: Expect) {
    let (_, problems) = load_all(&[text]);
    let mut out = String::new();
    for problem in problems {
        writeln!(out, "{problem}").unwrap();
        let at = problem.at.unwrap();
        let line = text.lines().nth(at.line as usize - 1).unwrap_or_default();
        writeln!(out, "  {line}\n  {:>1$}", "^", at.column as usize).unwrap();
    }
    expected.assert_eq(&out);
}

#[test]
fn what_is_wrong_in_an_expression_is_pointed_at_however_it_is_written() {
    check(
        "apiVersion: capstan.dev/v1alpha1
kind: ClusterGroup
metadata: {name: a}
spec:
  clusters:
  - cel: cluster.labels.env == prod
  - cel: 'cluster.lables.env == \"prod\"'
  - cel: \"cluster.name.startWith(\\\"prod-\\\")\"
  - cel: |
      cluster.labels.env == \"prod\" &&
        labels.tier == \"gold\"
  - cel: >-
      cluster.labels.env == \"prod\"

      && sise(cluster.name) > 3
  - {cel: cluster.name == \"a\" &&}
",
        expect![[r#"
            fleet.yaml:6:32: error[E0117]: `cel`: nothing is called `prod` (write a string in quotes; everything known begins with `cluster.`)
                - cel: cluster.labels.env == prod
                                             ^
            fleet.yaml:7:19: error[E0117]: `cel`: `cluster` has no field `lables` (did you mean `labels`?)
                - cel: 'cluster.lables.env == "prod"'
                                ^
            fleet.yaml:8:24: error[E0117]: `cel`: there is no function `startWith` (did you mean `startsWith`?)
                - cel: "cluster.name.startWith(\"prod-\")"
                                     ^
            fleet.yaml:11:9: error[E0117]: `cel`: nothing is called `labels` (did you mean `cluster.labels`?)
                      labels.tier == "gold"
                      ^
            fleet.yaml:15:10: error[E0117]: `cel`: there is no function `sise` (did you mean `size`?)
                    && sise(cluster.name) > 3
                       ^
            fleet.yaml:16:33: error[E0117]: `cel`: the expression ends too early
                - {cel: cluster.name == "a" &&}
                                              ^
        "#]],
    );
}
