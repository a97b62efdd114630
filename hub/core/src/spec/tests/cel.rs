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

#[test]
fn a_health_check_is_read_as_the_agent_reads_it() {
    check(
        "apiVersion: capstan.dev/v1alpha1
kind: Bundle
metadata: {name: a}
spec:
  path: a
  health:
    checks:
    - {kind: Tenant, group: example.io, healthy: 'self.status.phase == \"Ready\"'}
    - {kind: Tenant, healthy: status.phase == \"Ready\"}
    - {kind: Tenant, healthy: 'slef.status.phase == \"Ready\"'}
    - {kind: Tenant, healthy: 'self.status.phase = \"Ready\"'}
    - {kind: Tenant, healthy: 'self.status.phase.matches(\"R.*\")'}
    - {kind: Tenant, healthy: size(self.status.conditions)}
    - {kind: Tenant, healthy: 'size(self.status.conditions) == \"1\"'}
    - {kind: Tenant}
    - {healthy: 'true', failed: 'false'}
    - {kind: Secret, healthy: has(self.data)}
    - {kind: Tenant, healthy: '${ready}'}
",
        expect![[r#"
            fleet.yaml:9:31: error[E0117]: `healthy`: nothing is called `status` (write a string in quotes; everything known begins with `self.`)
                  - {kind: Tenant, healthy: status.phase == "Ready"}
                                            ^
            fleet.yaml:10:32: error[E0117]: `healthy`: nothing is called `slef` (did you mean `self`?)
                  - {kind: Tenant, healthy: 'slef.status.phase == "Ready"'}
                                             ^
            fleet.yaml:11:50: error[E0117]: `healthy`: `=` means nothing here (write `==` to compare)
                  - {kind: Tenant, healthy: 'self.status.phase = "Ready"'}
                                                               ^
            fleet.yaml:12:50: error[E0117]: `healthy`: there is no function `matches` (there are no regular expressions here: use startsWith, endsWith or contains)
                  - {kind: Tenant, healthy: 'self.status.phase.matches("R.*")'}
                                                               ^
            fleet.yaml:13:31: error[E0117]: `healthy`: the expression is a whole number, not true or false (compare it with something)
                  - {kind: Tenant, healthy: size(self.status.conditions)}
                                            ^
            fleet.yaml:15:7: error[E0104]: `spec.health.checks.healthy` is missing
                  - {kind: Tenant}
                    ^
            fleet.yaml:16:7: error[E0104]: `spec.health.checks.kind` is missing
                  - {healthy: 'true', failed: 'false'}
                    ^
            fleet.yaml:16:25: error[E0102]: `spec.health.checks` has no field `failed` (allowed: group, kind, healthy)
                  - {healthy: 'true', failed: 'false'}
                                      ^
            fleet.yaml:17:14: error[E0110]: a live Secret is never read, also not for a health check (ask an object that depends on it)
                  - {kind: Secret, healthy: has(self.data)}
                           ^
            fleet.yaml:18:31: error[E0303]: `spec.health.checks.healthy` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
                  - {kind: Tenant, healthy: '${ready}'}
                                            ^
        "#]],
    );
}
