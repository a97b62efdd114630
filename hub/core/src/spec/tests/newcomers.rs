//! What people write who know other tools: one mistake is one problem, and its hint is right.

use std::sync::Arc;

use expect_test::{Expect, expect};

use crate::fixture::load_all;
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};

/// The problems of one document of a kind with this text after its head.
fn problems(kind: &str, rest: &str) -> Vec<String> {
    let text = format!(
        "== b.yaml\n@Bundle web\nspec: {{path: x}}\n== x/x.yaml\n{{}}\n== c.yaml\n@Cluster ap-1\n== f.yaml\n@{kind} f\n{rest}\n"
    );
    let (_, problems) = load_all(&[&text]);
    problems.iter().map(ToString::to_string).collect()
}

/// Each line in a `spec` with what else it needs; its problems.
fn check(kind: &str, needs: &str, lines: &[&str], expected: Expect) {
    let mut all = String::new();
    for line in lines {
        let found = problems(kind, &format!("spec:\n  {line}\n{needs}"));
        all.push_str(&format!("{line}\n"));
        for problem in found {
            all.push_str(&format!("  {problem}\n"));
        }
    }
    expected.assert_eq(&all);
}

const PLACING: &str = "  bundles: [web]";
const ALL: &str = "  bundles: [web]\n  clusters: [{}]";
const COUNTED: &str = "  bundles: [web]\n  clusters: [{}]\n  count: 1";
const CONTENT: &str = "  path: x";

/// A kind, what its `spec` needs besides, a field with `$` for its value, what is wrong there, and
/// what the hint says to write.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const CASES: &[Case] = &[
    (
        "Placement",
        PLACING,
        "clusters: $",
        "ap-1",
        "[{names: [ap-1]}]",
    ),
    ("Placement", PLACING, "clusters: $", "'*'", "[{}]"),
    (
        "Placement",
        PLACING,
        "clusters: $",
        "'ap-*'",
        "[{names: [\"ap-*\"]}]",
    ),
    (
        "Placement",
        PLACING,
        "clusters: $",
        "env=prod",
        "[{matchLabels: {env: prod}}]",
    ),
    (
        "Placement",
        PLACING,
        "clusters: $",
        "{names: ap-1}",
        "[{names: [ap-1]}]",
    ),
    (
        "Placement",
        PLACING,
        "clusters: $",
        "{matchLabels: {n: 3}}",
        "[{matchLabels: {n: \"3\"}}]",
    ),
    ("Placement", ALL, "except: $", "ap-1", "[{names: [ap-1]}]"),
    (
        "Placement",
        COUNTED,
        "spread: $",
        "region",
        "[{by: region}]",
    ),
    (
        "Placement",
        COUNTED,
        "prefer: $",
        "{weight: 5, names: ap-1}",
        "[{weight: 5, names: [ap-1]}]",
    ),
    (
        "Placement",
        ALL,
        "tolerations: $",
        "rack",
        "[{key: rack, operator: Exists}]",
    ),
    (
        "Placement",
        ALL,
        "safety: $",
        "20%",
        "{maxRemovedClusters: 20%}",
    ),
    ("Placement", ALL, "suspend: $", "'yes'", "true"),
    ("Placement", ALL, "priority: $", "'10'", "10"),
    (
        "Placement",
        ALL,
        "overrides: $",
        "{variables: {a: b}}",
        "[{variables: {a: b}}]",
    ),
    (
        "Cluster",
        "",
        "taints: $",
        "a=b:NoExecute",
        "[{key: a, value: b, effect: NoExecute}]",
    ),
    (
        "Cluster",
        "",
        "variables: $",
        "[{name: a, value: 1}]",
        "{a: 1}",
    ),
    ("Bundle", "", "path: $", "[x]", "x"),
    ("Bundle", CONTENT, "substitute: $", "on", "true"),
    ("Bundle", CONTENT, "health: $", "5m", "{timeout: 5m}"),
    (
        "Bundle",
        CONTENT,
        "drift: {ignore: $}",
        "spec.replicas",
        "[{fields: [spec.replicas]}]",
    ),
    (
        "Bundle",
        CONTENT,
        "removal: $",
        "orphan",
        "{object: orphan, bundle: orphan}",
    ),
    ("Bundle", CONTENT, "dependsOn: $", "web", "[web]"),
    (
        "Bundle",
        CONTENT,
        "helm: {valuesFiles: $}",
        "a.yaml",
        "[a.yaml]",
    ),
    (
        "Bundle",
        CONTENT,
        "patches: [{json: $}]",
        "'[{op: remove, path: /a}]'",
        "[{op: remove, path: /a}]",
    ),
    (
        "ClusterGroup",
        "",
        "clusters: $",
        "{env: prod}",
        "[{matchLabels: {env: prod}}]",
    ),
];

#[test]
fn what_a_hint_says_to_write_is_accepted() {
    for (kind, needs, field, wrong, right) in CASES {
        let with = |value: &str| {
            let line = field.replace('$', value);
            problems(kind, &format!("spec:\n  {line}\n{needs}"))
        };
        let found = with(wrong);
        let [problem] = found.as_slice() else {
            panic!("{field} {wrong}: {found:?}");
        };
        let ends = [")", ";", " without quotes)"];
        let said = |end| problem.contains(&format!("(write {right}{end}"));
        assert!(ends.into_iter().any(said), "{field} {wrong}: {problem}");
        let found = with(right);
        let errors: Vec<_> = found.iter().filter(|p| p.contains("error[")).collect();
        assert!(errors.is_empty(), "{field} {right}: {errors:?}");
    }
}

#[test]
fn a_misspelt_field_is_one_problem() {
    check(
        "Bundle",
        "",
        &[
            "pth: x",
            "directory: x",
            "path: x\n  namespace: web",
            "path: x\n  timeout: 5m",
        ],
        expect![[r#"
            pth: x
              f.yaml:6:3: error[E0102]: `spec` has no field `pth` (did you mean `path`?)
            directory: x
              f.yaml:6:3: error[E0102]: `spec` has no field `directory` (did you mean `path`?)
            path: x
              namespace: web
              f.yaml:7:3: error[E0102]: `spec` has no field `namespace` (did you mean `defaultNamespace`?)
            path: x
              timeout: 5m
              f.yaml:7:3: error[E0102]: `spec` has no field `timeout` (write `health: {timeout: 5m}`)
        "#]],
    );
    check(
        "Placement",
        "  clusters: [{}]",
        &["bundle: web", "bundels: [web]", "bundels: [Web]"],
        expect![[r#"
            bundle: web
              f.yaml:6:3: error[E0102]: `spec` has no field `bundle` (write `bundles: [web]`)
            bundels: [web]
              f.yaml:6:3: error[E0102]: `spec` has no field `bundels` (did you mean `bundles`?)
            bundels: [Web]
              f.yaml:6:3: error[E0102]: `spec` has no field `bundels` (did you mean `bundles`?)
              f.yaml:6:13: error[E0105]: `Web` must consist of a-z, 0-9 and -, and start and end with a letter or digit (a name of the same source, or source/name)
        "#]],
    );
}

#[test]
fn a_field_of_another_tool_is_one_problem() {
    check(
        "Placement",
        "  bundles: [web]",
        &[
            "clusterSelector: {matchLabels: {env: prod}}",
            "clusters: [{matchLabel: {env: prod}}]",
            "clusters: [{env: prod}]",
            "clusters: [{matchExpressions: [{key: env, operator: In, value: prod}]}]",
            "clusters: [{}]\n  count: 1\n  spread: [{topologyKey: region}]",
            "clusters: [{}]\n  overrides: [{match: {env: prod}, variables: {a: b}}]",
        ],
        expect![[r#"
            clusterSelector: {matchLabels: {env: prod}}
              f.yaml:6:3: error[E0102]: `spec` has no field `clusterSelector` (write `clusters: [{matchLabels: {env: prod}}]`)
            clusters: [{matchLabel: {env: prod}}]
              f.yaml:6:15: error[E0102]: `spec.clusters` has no field `matchLabel` (did you mean `matchLabels`?)
            clusters: [{env: prod}]
              f.yaml:6:15: error[E0102]: `spec.clusters` has no field `env` (write `matchLabels: {env: prod}`)
            clusters: [{matchExpressions: [{key: env, operator: In, value: prod}]}]
              f.yaml:6:59: error[E0102]: `spec.clusters.matchExpressions` has no field `value` (write `values: [prod]`)
            clusters: [{}]
              count: 1
              spread: [{topologyKey: region}]
              f.yaml:8:13: error[E0102]: `spec.spread` has no field `topologyKey` (did you mean `by`?)
            clusters: [{}]
              overrides: [{match: {env: prod}, variables: {a: b}}]
              f.yaml:7:16: error[E0102]: `spec.overrides` has no field `match` (write `clusters: [{matchLabels: {env: prod}}]`)
        "#]],
    );
    check(
        "ClusterGroup",
        "",
        &["matchLabels: {region: eu}", "members: [ap-1]"],
        expect![[r#"
            matchLabels: {region: eu}
              f.yaml:6:3: error[E0102]: `spec` has no field `matchLabels` (write `clusters: [{matchLabels: {region: eu}}]`)
            members: [ap-1]
              f.yaml:6:3: error[E0102]: `spec` has no field `members` (write `clusters: [{names: [ap-1]}]`)
        "#]],
    );
}

#[test]
fn a_spec_that_is_misspelt_or_misplaced_is_one_problem() {
    let documents = [
        "specs: {path: x}",
        "specs: {pth: x}",
        "path: x",
        "spec:\npath: x",
        "spec: x",
        "spec: [{path: x}]",
        "spec: {path:x}",
    ];
    let mut all = String::new();
    for text in documents {
        all.push_str(&format!("{text}\n"));
        for problem in problems("Bundle", text) {
            all.push_str(&format!("  {problem}\n"));
        }
    }
    expect![[r#"
        specs: {path: x}
          f.yaml:5:1: error[E0102]: `Bundle` has no field `specs` (did you mean `spec`?)
        specs: {pth: x}
          f.yaml:5:1: error[E0102]: `Bundle` has no field `specs` (did you mean `spec`?)
          f.yaml:5:9: error[E0102]: `spec` has no field `pth` (did you mean `path`?)
        path: x
          f.yaml:5:1: error[E0102]: `Bundle` has no field `path` (write it below `spec:`, indented)
        spec:
        path: x
          f.yaml:6:1: error[E0102]: `Bundle` has no field `path` (write it below `spec:`, indented)
        spec: x
          f.yaml:5:7: error[E0103]: `spec` must be a map, not a string (write {path: x})
        spec: [{path: x}]
          f.yaml:5:7: error[E0103]: `spec` must be a map, not a list (write {path: x})
        spec: {path:x}
          f.yaml:5:8: error[E0102]: `spec` has no field `path:x` (write `path: x`, with a space)
    "#]]
    .assert_eq(&all);
}

#[test]
fn values_of_placements_are_told_with_what_is_right() {
    check(
        "Placement",
        "  bundles: [web]\n  clusters: [{}]",
        &[
            "count: \"5\"",
            "count: 1.5",
            "count: all",
            "count: 1\n  prefer: [{weight: 5.5}]",
            "count: 1\n  prefer: [{weight: 5.0}]",
            "count: 1\n  spread: [{by: a, whenUnsatisfiable: ScheduleAnyway}]",
            "revision: 1.2",
            "priority: high",
        ],
        expect![[r#"
            count: "5"
              f.yaml:6:10: error[E0110]: `spec.count` cannot be the string "5" (write it without quotes: 5)
            count: 1.5
              f.yaml:6:10: error[E0103]: `spec.count` must be a whole number, not 1.5 (write 1 or 2)
            count: all
              f.yaml:6:10: error[E0110]: `spec.count` cannot be `all` (write a whole number, or 0% to 100%; leave it out for all)
            count: 1
              prefer: [{weight: 5.5}]
              f.yaml:7:21: error[E0103]: `spec.prefer.weight` must be a whole number, not 5.5 (write 5 or 6)
            count: 1
              prefer: [{weight: 5.0}]
              f.yaml:7:21: error[E0103]: `spec.prefer.weight` must be a whole number, not 5.0 (write 5)
            count: 1
              spread: [{by: a, whenUnsatisfiable: ScheduleAnyway}]
              f.yaml:7:39: error[E0110]: `spec.spread.whenUnsatisfiable` cannot be `ScheduleAnyway` (write SelectAnyway)
            revision: 1.2
              f.yaml:6:13: error[E0103]: `spec.revision` must be a string, not a number (write "1.2")
            priority: high
              f.yaml:6:13: error[E0103]: `spec.priority` must be a whole number, not a string (as in 10)
        "#]],
    );
    check(
        "Placement",
        "  bundles: [web]",
        &[
            "clusters: 3",
            "clusters: [{matchLabels: {a: b}, facts: {nodes: 3}}]",
            "clusters: [{matchLabels: {a: b}, facts: [{key: n, operator: '>=', values: ['3']}]}]",
        ],
        expect![[r#"
            clusters: 3
              f.yaml:6:13: error[E0103]: `spec.clusters` must be a list, not a number (as in [{matchLabels: {env: prod}}])
            clusters: [{matchLabels: {a: b}, facts: {nodes: 3}}]
              f.yaml:6:43: error[E0103]: `spec.clusters.facts` must be a list, not a map (as in [{key: nodes, operator: Gte, values: ["3"]}])
            clusters: [{matchLabels: {a: b}, facts: [{key: n, operator: '>=', values: ['3']}]}]
              f.yaml:6:63: error[E0110]: `spec.clusters.facts.operator` cannot be `>=` (write Gte)
        "#]],
    );
}

#[test]
fn values_of_bundles_and_clusters_are_told_with_what_is_right() {
    check(
        "Bundle",
        "  path: x",
        &[
            "substitute: yes",
            "substitute: \"true\"",
            "health: {timeout: 30}",
            "adopt: true",
            "patches: [{patch: x}]",
            "patches: [{json: x}]",
        ],
        expect![[r#"
            substitute: yes
              f.yaml:6:15: error[E0103]: `spec.substitute` must be true or false, not a string (write true; in YAML 1.2 `yes` is a string)
            substitute: "true"
              f.yaml:6:15: error[E0103]: `spec.substitute` must be true or false, not a string (write true without quotes)
            health: {timeout: 30}
              f.yaml:6:21: error[E0103]: `spec.health.timeout` must be a duration such as `90s`, not a number (write 30s)
            adopt: true
              f.yaml:6:10: error[E0103]: `spec.adopt` must be a map, not a truth value (as in {mode: ifIdentical})
            patches: [{patch: x}]
              f.yaml:6:14: error[E0102]: `spec.patches` has no field `patch` (write `merge` with a map, or `json` with a list of operations)
            patches: [{json: x}]
              f.yaml:6:20: error[E0103]: `spec.patches.json` must be a list, not a string (as in [{op: replace, path: /spec/replicas, value: 3}])
        "#]],
    );
    check(
        "Cluster",
        "",
        &[
            "labels: {env: prod}",
            "server: x",
            "taints: [{key: a, effect: PreferNoSchedule}]",
        ],
        expect![[r#"
            labels: {env: prod}
              f.yaml:6:3: error[E0102]: `spec` has no field `labels` (labels stand in `metadata`: metadata: {name: ..., labels: {env: prod}})
            server: x
              f.yaml:6:3: error[E0102]: `spec` has no field `server` (spokes dial the hub: `hub token create NAME` makes a cluster a member)
            taints: [{key: a, effect: PreferNoSchedule}]
              f.yaml:6:29: error[E0110]: `spec.taints.effect` cannot be `PreferNoSchedule` (write NoSchedule or NoExecute; a negative weight in a placement's `prefer` only makes a cluster less wanted)
        "#]],
    );
}

#[test]
fn fleet_documents_have_no_namespace_and_names_are_mended() {
    let (_, problems) = load_all(&[
        "== b.yaml\napiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {name: Web_Shop, namespace: x}\nspec: {path: x}\n== x/x.yaml\n{}\n",
    ]);
    let problems: Vec<_> = problems.iter().map(|p| format!("{p}\n")).collect();
    expect![[r#"
        b.yaml:3:18: error[E0105]: `Web_Shop` must consist of a-z, 0-9 and -, and start and end with a letter or digit (write web-shop)
        b.yaml:3:28: error[E0102]: `metadata` has no field `namespace` (remove it: fleet documents have no namespace; a Bundle names that of its objects, as `spec.defaultNamespace`)
    "#]].assert_eq(&problems.concat());
}

#[test]
fn slips_of_yaml_and_of_tools_are_told_with_what_is_right() {
    check(
        "Bundle",
        "",
        &[
            "path:x",
            "helm: {repo: https://charts.example, name: web, version: '1'}",
            "path: x\n  defaultNamespace: Web_NS",
            "path: x\n  conflict: {mode: force}",
            "path: x\n  variables: [a=b]",
        ],
        expect![[r#"
            path:x
              f.yaml:6:3: error[E0103]: `spec` must be a map, not a string (write {path: x})
            helm: {repo: https://charts.example, name: web, version: '1'}
              f.yaml:6:10: error[E0102]: `spec.helm` has no field `repo` (it stands in `chart`: {repo: https://charts.example, name: web, version: 1.2.3})
              f.yaml:6:40: error[E0102]: `spec.helm` has no field `name` (it stands in `chart`: {repo: https://charts.example, name: web, version: 1.2.3})
              f.yaml:6:51: error[E0102]: `spec.helm` has no field `version` (it stands in `chart`: {repo: https://charts.example, name: web, version: 1.2.3})
            path: x
              defaultNamespace: Web_NS
              f.yaml:7:21: error[E0105]: `Web_NS` must consist of a-z, 0-9 and -, and start and end with a letter or digit (write web-ns)
            path: x
              conflict: {mode: force}
              f.yaml:7:13: error[E0103]: `spec.conflict` must be a string, not a map (allowed: fail, force)
            path: x
              variables: [a=b]
              f.yaml:7:14: error[E0103]: `spec.variables` must be a map, not a list (write {a: b})
        "#]],
    );
    check(
        "Cluster",
        "",
        &["taints: [{key: a}]"],
        expect![[r#"
        taints: [{key: a}]
          f.yaml:6:12: error[E0104]: `spec.taints.effect` is missing (as in `effect: NoSchedule`)
    "#]],
    );
    let mut all = String::new();
    for text in [
        "- {apiVersion: capstan.dev/v1alpha1, kind: Cluster, metadata: {name: a}}\n",
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: capstan.dev/v1alpha1, kind: Cluster, metadata: {name: a}}\n",
    ] {
        let (spec, problems) = load_all(&[&format!("== f.yaml\n{text}")]);
        assert!(!spec.gaps.is_empty());
        all.extend(problems.iter().map(|problem| format!("{problem}\n")));
    }
    expect![[r#"
        f.yaml:1:3: error[E0103]: fleet documents cannot stand in a list (write each as a document of its own, with `---` between them)
        f.yaml:4:3: error[E0103]: fleet documents cannot stand in a list (write each as a document of its own, with `---` between them)
    "#]].assert_eq(&all);
}

#[test]
fn what_is_not_declared_is_not_told_as_not_placed_too() {
    let text = "== b.yaml\n@Bundle web\nspec: {path: x, dependsOn: [wep]}\n@Cluster a\n@Placement p\nspec: {bundles: [web], clusters: [{}]}\n== x/x.yaml\n{}\n";
    let (spec, mut problems) = load_all(&[text]);
    let decisions = resolve(
        &Arc::new(spec),
        &Inventory::default(),
        &Decisions::default(),
    );
    problems.extend(decisions.problems.iter().cloned());
    let codes: Vec<&str> = problems.iter().map(|p| p.code.as_str()).collect();
    assert_eq!(codes, ["E0203"]);
}

#[test]
fn a_hint_is_not_made_of_a_megabyte() {
    let long = "x".repeat(1 << 20);
    let found = problems(
        "Placement",
        &format!("spec:\n  bundles: [web]\n  clusters: {long}"),
    );
    assert!(found[0].len() < 300, "{}", found[0].len());
    let found = problems(
        "Placement",
        &format!("spec:\n  bundles: [web]\n  clusters: [{{a: {long}}}]"),
    );
    assert!(found[0].len() < 400, "{}", found[0].len());
}
