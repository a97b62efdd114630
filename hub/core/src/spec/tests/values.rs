//! Texts in which nothing is substituted, and numbers that would not stay what they are.

use expect_test::expect;

use super::check;

#[test]
fn what_decides_where_things_go_takes_no_variables() {
    check(
        &["@Cluster
metadata:
  name: a
  labels: {region: '${r}', '${k}': x}
  annotations: {note: 'costs ${n}'}
spec:
  templates: ['${t}']
  taints: [{key: '${k}', value: '${v}', effect: NoSchedule}]
@ClusterGroup g
spec:
  clusters:
  - matchLabels: {region: '${r}'}
    matchExpressions: [{key: tier, operator: In, values: ['$${x}']}]
    names: ['${n}*']
    groups: ['${g}']
    facts: [{key: nodes, operator: Gte, values: ['3', '${f}']}]
    cel: 'cluster.name == \"${c}\"'
@Placement p
spec:
  bundles: ['${b}']
  clusters: [{}]
  tolerations: [{key: '${k}', operator: Exists}]
  spread: [{by: '${s}'}]
  count: 1
@Bundle b
spec: {path: '${p}', dependsOn: ['${d}'], drift: {ignore: [{name: '${i}'}]}}
"],
        expect![[r#"
            main: 4 unknown
            fleet.yaml:6:20: error[E0303]: `metadata.labels.region` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:6:28: error[E0303]: `metadata.labels.${k}` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:9:15: error[E0303]: `spec.templates` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:10:18: error[E0303]: `spec.taints.key` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:10:33: error[E0303]: `spec.taints.value` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:17:27: error[E0303]: `spec.clusters.matchLabels.region` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:18:59: error[E0303]: `spec.clusters.matchExpressions.values` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:19:13: error[E0303]: `spec.clusters.names` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:20:14: error[E0303]: `spec.clusters.groups` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:21:13: error[E0110]: `Gte` takes exactly one of `values` (write values: ["29"])
            fleet.yaml:21:55: error[E0303]: `spec.clusters.facts.values` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:22:10: error[E0303]: `spec.clusters.cel` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:28:13: error[E0303]: `spec.bundles` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:30:23: error[E0303]: `spec.tolerations.key` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:31:17: error[E0303]: `spec.spread.by` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:37:34: error[E0303]: `spec.dependsOn` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
            fleet.yaml:37:67: error[E0303]: `spec.drift.ignore.name` takes no variables (nothing is substituted here: write the value itself; `cel` can compare `cluster.variables`)
        "#]],
    );
}

#[test]
fn what_costs_five_dollars_takes_no_variables_and_is_no_problem() {
    check(
        &["@Cluster\nmetadata: {name: a, labels: {price: '$5', open: '$', end: a$, both: '$$'}}\n"],
        expect![[r#"
            cluster a at fleet.yaml:2:1
        "#]],
    );
}

#[test]
fn numbers_that_would_become_others_are_refused() {
    check(
        &["@Cluster a
spec:
  variables:
    long: 12345678901234567890123
    below: -9223372036854775809
    unsigned: 18446744073709551615
    digits: 3.14159265358979323846
    tiny: 1e-400
    quoted: \"12345678901234567890123\"
    most: 9223372036854775807
    least: -9223372036854775808
    kept: [1]
@Placement p
spec: {bundles: [b], clusters: [{}], count: 99999999999999999999, priority: 9223372036854775808, prefer: [{weight: -99999999999999999999}]}
@Bundle b
spec: {path: b, helm: {values: {deep: [{n: 0.12345678901234567890}]}}, patches: [{merge: {id: 18446744073709551616}}, {json: [{op: add, path: /x, value: 1e30}]}]}
"],
        expect![[r#"
            main: 3 unknown
            fleet.yaml:7:11: error[E0118]: `12345678901234567890123` is beyond the 64 bits that whole numbers have (write "12345678901234567890123" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
            fleet.yaml:8:12: error[E0118]: `-9223372036854775809` is beyond the 64 bits that whole numbers have (write "-9223372036854775809" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
            fleet.yaml:9:15: error[E0118]: `18446744073709551615` is beyond the 64 bits that whole numbers have (write "18446744073709551615" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
            fleet.yaml:10:13: error[E0118]: `3.14159265358979323846` cannot be kept exactly as a number (write "3.14159265358979323846" to keep it as a string; the nearest number is 3.141592653589793)
            fleet.yaml:11:11: error[E0118]: `1e-400` cannot be kept exactly as a number (write "1e-400" to keep it as a string; the nearest number is 0.0)
            fleet.yaml:15:11: error[E0103]: `spec.variables.kept` must be a string, a number or true or false, not a list (make several variables of it, or write it as one string)
            fleet.yaml:20:45: error[E0110]: `spec.count` must be at most 4294967295, not 99999999999999999999
            fleet.yaml:20:77: error[E0110]: `spec.priority` must be at most 9223372036854775807, not 9223372036854775808
            fleet.yaml:20:116: error[E0110]: `spec.prefer.weight` must be at least -1000000000, not -99999999999999999999
            fleet.yaml:25:44: error[E0118]: `0.12345678901234567890` cannot be kept exactly as a number (write "0.12345678901234567890" to keep it as a string; the nearest number is 0.12345678901234568)
            fleet.yaml:25:95: error[E0118]: `18446744073709551616` is beyond the 64 bits that whole numbers have (write "18446744073709551616" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
        "#]],
    );
}

#[test]
fn numbers_of_json_are_refused_alike() {
    check(
        &["== a.json
{\"apiVersion\": \"capstan.dev/v1alpha1\", \"kind\": \"Cluster\", \"metadata\": {\"name\": \"a\"},
 \"spec\": {\"variables\": {\"long\": 12345678901234567890123, \"digits\": 3.14159265358979323846, \"zero\": -0, \"ok\": 1.50}}}
"],
        expect![[r#"
            main: 1 unknown
            a.json:2:33: error[E0118]: `12345678901234567890123` is beyond the 64 bits that whole numbers have (write "12345678901234567890123" to keep it as a string; whole numbers go from -9223372036854775808 to 9223372036854775807)
            a.json:2:68: error[E0118]: `3.14159265358979323846` cannot be kept exactly as a number (write "3.14159265358979323846" to keep it as a string; the nearest number is 3.141592653589793)
        "#]],
    );
}
