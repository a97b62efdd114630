//! Every field of every kind: what is read, and what is refused.

use expect_test::{Expect, expect};

use super::check;
use crate::fixture::good;
use crate::spec::{Count, Effect, Unsatisfiable};

/// A document whose `spec` is these lines; its problems.
fn spec_of(kind: &str, lines: &str, expected: Expect) {
    let mut text = format!("@{kind} x\nspec:\n");
    for line in lines.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    check(&[&text], expected);
}

#[test]
fn a_cluster_has_templates_taints_a_mode_and_a_former_name() {
    let spec = good(
        "@ClusterTemplate base\nspec: {variables: {n: 1}, taints: [{key: a, effect: NoSchedule}]}\n@Cluster x\nspec:\n  templates: [base]\n  mode: Release\n  renamedFrom: old\n  taints: [{key: a, value: v, effect: NoSchedule}, {key: a, effect: NoExecute}]\n",
    );
    let member = spec.members.values().next().unwrap();
    let taints: Vec<_> = member
        .taints
        .iter()
        .map(|(taint, layer)| {
            format!(
                "{}={}:{} {layer:?}",
                taint.key,
                taint.value,
                taint.effect.as_str()
            )
        })
        .collect();
    assert_eq!(taints, ["a=v:NoSchedule Own", "a=:NoExecute Own"]);
    assert_eq!(member.mode.as_str(), "Release");
    assert_eq!(member.renamed_from.as_ref().unwrap().as_str(), "old");
    assert!(member.variables.contains_key("n"));
}

#[test]
fn clusters_are_read_strictly() {
    spec_of(
        "Cluster",
        "templates: [base/x, Base, 7]\nmode: enforce\nrenamedFrom: x\ntaints:\n- {key: '', effect: NoSchedule}\n- {key: a}\n- {effect: Never, key: a}\n- null",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:6:15: error[E0105]: `base/x` must consist of a-z, 0-9 and -, and start and end with a letter or digit (name a ClusterTemplate of the same source)
            fleet.yaml:6:23: error[E0105]: `Base` must consist of a-z, 0-9 and -, and start and end with a letter or digit (name a ClusterTemplate of the same source)
            fleet.yaml:6:29: error[E0103]: `spec.templates` must be a string, not a number (write "7")
            fleet.yaml:7:9: error[E0110]: `spec.mode` cannot be `enforce` (did you mean `Enforce`?)
            fleet.yaml:8:16: error[E0212]: a cluster cannot be renamed from its own name (name what it was called before)
            fleet.yaml:10:11: error[E0110]: `spec.taints.key` cannot be empty (leave it out, or write something)
            fleet.yaml:11:5: error[E0104]: `spec.taints.effect` is missing (as in `effect: NoSchedule`)
            fleet.yaml:12:14: error[E0110]: `spec.taints.effect` cannot be `Never` (allowed: NoSchedule, NoExecute)
            fleet.yaml:13:5: error[E0103]: `spec.taints` must be a map, not nothing (as in {key: maintenance, effect: NoSchedule})
        "#]],
    );
    spec_of(
        "Cluster",
        "mode:\ntaints: []\nrenamedFrom: Old",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:6:7: error[E0103]: `spec.mode` must be a string, not nothing (allowed: Enforce, Observe, Paused, Release)
            fleet.yaml:7:11: error[E0109]: `spec.taints` is empty (leave `taints` out, or name something)
            fleet.yaml:8:16: error[E0105]: `Old` must consist of a-z, 0-9 and -, and start and end with a letter or digit (write old)
        "#]],
    );
}

#[test]
fn terms_have_facts_and_expressions() {
    let spec = good(
        "@Cluster a\n@ClusterGroup g\nspec:\n  clusters:\n  - matchLabels: {env: prod}\n    facts: [{key: nodes, operator: Gte, values: ['3']}, {key: provider, operator: Exists}]\n    cel: cluster.labels.env == 'prod'\n",
    );
    let term = &spec.groups.values().next().unwrap().spec.clusters[0];
    assert!(term.uses_facts());
    assert_eq!(term.facts.len(), 2);
    assert!(term.cel.is_some());
}

#[test]
fn facts_are_read_strictly() {
    spec_of(
        "ClusterGroup",
        "clusters:\n- matchLabels: {a: b}\n  facts:\n  - {key: k, operator: Gte, values: [29]}\n  - {key: k, operator: Gte, values: ['29', '30']}\n  - {key: k, operator: Gte}\n  - {key: k, operator: Lt, values: [v1.29]}\n  - {key: k, operator: In}\n  - {key: k, operator: gt, values: ['1']}\n- facts: [{key: k, operator: Exists}]\n- cel: cluster.facts.nodes == '3'\n- {cel: 'cluster..', matchLabels: {a: b}}\n- {cel: ''}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:9:40: error[E0103]: `spec.clusters.facts.values` must be a string, not a number (write "29")
            fleet.yaml:10:7: error[E0110]: `Gte` takes exactly one of `values` (write values: ["29"])
            fleet.yaml:11:7: error[E0110]: `Gte` takes exactly one of `values` (write values: ["29"])
            fleet.yaml:12:39: error[E0110]: `Lt` compares numbers, and this is none (write digits, such as "29" or "1.5")
            fleet.yaml:13:7: error[E0104]: `In` needs at least one of `values` (as in `values: [prod]`)
            fleet.yaml:14:26: error[E0110]: `spec.clusters.facts.operator` cannot be `gt` (did you mean `Gt`?)
            fleet.yaml:15:12: error[E0104]: a term with facts must also name labels, names or groups (add matchLabels, matchExpressions, names or groups)
            fleet.yaml:16:10: error[E0104]: a term with facts must also name labels, names or groups (add matchLabels, matchExpressions, names or groups)
            fleet.yaml:17:20: error[E0117]: `cel`: a name is missing before `.`
            fleet.yaml:18:11: error[E0110]: `spec.clusters.cel` cannot be empty (leave it out, or write something)
        "#]],
    );
}

#[test]
fn a_placement_says_how_many_which_rather_and_how_evenly() {
    let spec = good(
        "@Cluster a\n@Bundle b\nspec: {path: b}\n== b/x.yaml\n{}\n== p.yaml\n@Placement p\nspec:\n  bundles: [b]\n  clusters: [{}]\n  count: 025%\n  priority: -3\n  prefer: [{weight: 5}, {weight: -1, names: [a]}]\n  spread: [{by: region}, {by: zone, maxSkew: 3, whenUnsatisfiable: SelectAnyway}]\n  tolerations: [{key: k}, {operator: Exists}, {key: k, operator: Exists, value: ignored, effect: NoExecute}]\n  safety: {maxRemovedClusters: 5%}\n  suspend: true\n",
    );
    let placement = &spec.placements.values().next().unwrap().spec;
    assert_eq!(placement.count, Some(Count::Percent(25)));
    assert_eq!((placement.priority, placement.suspend), (-3, true));
    let prefer = placement
        .prefer
        .iter()
        .map(|p| (p.weight, p.term.is_some()));
    assert_eq!(prefer.collect::<Vec<_>>(), [(5, false), (-1, true)]);
    let spread = placement.spread.iter();
    let spread: Vec<_> = spread
        .map(|s| (&*s.by, s.max_skew, s.when_unsatisfiable))
        .collect();
    let expected = [
        ("region", 1, Unsatisfiable::DoNotSelect),
        ("zone", 3, Unsatisfiable::SelectAnyway),
    ];
    assert_eq!(spread, expected);
    let tolerations = placement.tolerations.iter();
    let tolerations: Vec<_> = tolerations
        .map(|t| (t.key.as_deref(), t.value.as_deref(), t.effect))
        .collect();
    let expected = [
        (Some("k"), Some(""), None),
        (None, None, None),
        (Some("k"), None, Some(Effect::NoExecute)),
    ];
    assert_eq!(tolerations, expected);
    let safety = placement.safety.as_ref().unwrap();
    assert_eq!(safety.max_removed_clusters_percent, 5);
}

#[test]
fn placements_are_read_strictly() {
    spec_of(
        "Placement",
        "bundles: [b]\nclusters: [{}]\ncount: 101%\nprefer: [{names: [a]}, {weight: 1.5}, {weight: 1, term: {}}]\nspread: [{maxSkew: 0}, {by: a, maxSkew: -1, whenUnsatisfiable: Never}]\ntolerations: [{}, {key: '', operator: Exists}, {operator: equal, key: a}, {key: a, effect: All}]\nsafety: {maxRemovedClusters: 20}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:10: error[E0110]: `spec.count` cannot be `101%` (write a whole number, or 0% to 100%; leave it out for all)
            fleet.yaml:9:12: error[E0104]: `spec.prefer.weight` is missing (as in `weight: 10`)
            fleet.yaml:9:35: error[E0103]: `spec.prefer.weight` must be a whole number, not 1.5 (write 1 or 2)
            fleet.yaml:9:53: error[E0102]: `spec.prefer` has no field `term` (allowed: weight, matchLabels, matchExpressions, names, groups, facts, cel)
            fleet.yaml:10:12: error[E0104]: `spec.spread.by` is missing
            fleet.yaml:10:22: error[E0110]: `spec.spread.maxSkew` must be at least 1, not 0
            fleet.yaml:10:43: error[E0110]: `spec.spread.maxSkew` must be at least 1, not -1
            fleet.yaml:10:66: error[E0110]: `spec.spread.whenUnsatisfiable` cannot be `Never` (allowed: DoNotSelect, SelectAnyway)
            fleet.yaml:11:17: error[E0104]: a toleration with operator Equal needs a `key` (`{operator: Exists}` alone tolerates every taint)
            fleet.yaml:11:27: error[E0110]: `spec.tolerations.key` cannot be empty (leave it out, or write something)
            fleet.yaml:11:61: error[E0110]: `spec.tolerations.operator` cannot be `equal` (did you mean `Equal`?)
            fleet.yaml:11:94: error[E0110]: `spec.tolerations.effect` cannot be `All` (allowed: NoSchedule, NoExecute)
            fleet.yaml:12:32: error[E0103]: `spec.safety.maxRemovedClusters` must be a percentage such as `25%`, not a number (write 20%)
        "#]],
    );
    spec_of(
        "Placement",
        "bundles: [b]\nclusters: [{}]\ncount: -1\nsafety: {}\nprefer: []\nspread:\ntolerations: {}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:10: error[E0110]: `spec.count` must be at least 0, not -1
            fleet.yaml:9:11: error[E0104]: `spec.safety.maxRemovedClusters` is missing
            fleet.yaml:10:11: error[E0109]: `spec.prefer` is empty (leave `prefer` out, or name something)
            fleet.yaml:11:9: error[E0109]: `spec.spread` is empty (leave `spread` out, or name something)
            fleet.yaml:12:16: error[E0103]: `spec.tolerations` must be a list, not a map (write [{}])
        "#]],
    );
    spec_of(
        "Placement",
        "bundles: [b]\nclusters: [{}]\ncount:\nsuspend:\npriority: 1.0",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:8: error[E0103]: `spec.count` must be a whole number or a percentage such as `25%`, not nothing
            fleet.yaml:9:10: error[E0103]: `spec.suspend` must be true or false, not nothing
            fleet.yaml:10:13: error[E0103]: `spec.priority` must be a whole number, not 1.0 (write 1)
        "#]],
    );
}

#[test]
fn revisions_are_tags_or_commits() {
    for bad in [
        "''",
        "-x",
        "a..b",
        "refs/tags/v1",
        "'a b'",
        "a~1",
        "a:b",
        "'${v}'",
        "/a",
        "a/",
        "'a@{1}'",
        "HEAD^",
        "7",
        "null",
    ] {
        let text =
            format!("@Placement p\nspec: {{bundles: [b], clusters: [{{}}], revision: {bad}}}\n");
        let (spec, problems) = crate::fixture::load_all(&[&text]);
        assert!(spec.placements.is_empty(), "{bad}");
        let code = problems[0].code.as_str();
        assert!(code == "E0110" || code == "E0103", "{bad}: {problems:?}");
    }
    for good in [
        "v1",
        "shop/v1.42.0",
        "0123456789012345678901234567890123456789",
        "release-2026.1",
        "a.b_c",
    ] {
        let text =
            format!("@Placement p\nspec: {{bundles: [b], clusters: [{{}}], revision: {good}}}\n");
        let (spec, _) = crate::fixture::load_all(&[&text]);
        assert_eq!(spec.placements.len(), 1, "{good}");
    }
}

#[test]
fn overrides_must_say_something_and_only_what_they_can() {
    spec_of(
        "Placement",
        "bundles: [b]\nclusters: [{}]\noverrides:\n- {}\n- {clusters: [{}]}\n- {variables: {}}\n- {helm: {}}\n- {helm: {values: {}}}\n- {clusters: [], variables: {a: 1}}\n- {bundles: [c], variables: {a: 1}}\n- {bundles: [], revision: v1}\n- {path: x}\n- {patches: []}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:9:5: error[E0104]: `spec.overrides` says nothing (give it `revision`, `variables`, `helm` or `patches`)
            fleet.yaml:10:5: error[E0104]: `spec.overrides` says nothing (give it `revision`, `variables`, `helm` or `patches`)
            fleet.yaml:11:5: error[E0104]: `spec.overrides` says nothing (give it `revision`, `variables`, `helm` or `patches`)
            fleet.yaml:12:5: error[E0104]: `spec.overrides` says nothing (give it `revision`, `variables`, `helm` or `patches`)
            fleet.yaml:12:12: error[E0104]: `spec.overrides.helm.values` is missing
            fleet.yaml:13:5: error[E0104]: `spec.overrides` says nothing (give it `revision`, `variables`, `helm` or `patches`)
            fleet.yaml:14:16: error[E0109]: `spec.overrides.clusters` is empty (leave `clusters` out, or name something)
            fleet.yaml:15:15: error[E0110]: the placement does not place `c` (name it in `spec.bundles` too)
            fleet.yaml:16:15: error[E0109]: `spec.overrides.bundles` is empty (leave `bundles` out, or name something)
            fleet.yaml:17:6: error[E0102]: `spec.overrides` has no field `path` (did you mean `patches`?)
            fleet.yaml:17:12: error[E0103]: `spec.overrides.patches` must be a list, not a string (as in [{target: {kind: Deployment}, merge: {spec: {replicas: 3}}}])
            fleet.yaml:18:5: error[E0104]: `spec.overrides` says nothing (give it `revision`, `variables`, `helm` or `patches`)
            fleet.yaml:18:15: error[E0109]: `spec.overrides.patches` is empty (leave `patches` out, or name something)
        "#]],
    );
    spec_of(
        "Bundle",
        "path: x\noverrides:\n- {revision: v1}\n- {bundles: [b], variables: {a: 1}}\n- {helm: {values: {a: 1}}}\n- {clusters: [{matchLabels: {a: b}}], patches: [{merge: {a: '${'}}]}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:6: error[E0102]: `spec.overrides` has no field `revision` (allowed: clusters, variables, helm, patches)
            fleet.yaml:9:6: error[E0102]: `spec.overrides` has no field `bundles` (allowed: clusters, variables, helm, patches)
            fleet.yaml:11:63: error[E0303]: `${` is not closed by `}` (write `$${` for a literal `${`)
        "#]],
    );
}

#[test]
fn patches_are_read_strictly() {
    spec_of(
        "Bundle",
        "path: x\npatches:\n- {}\n- {merge: {a: 1}, json: [{op: remove, path: /a}]}\n- {merge: [1]}\n- {json: []}\n- json:\n  - {op: add, path: /a}\n  - {op: remove, path: a, value: 1}\n  - {op: test, path: /a~2, value: null}\n  - {op: move, path: /a/b, from: /a}\n  - {op: copy, path: /a}\n  - {op: delete, path: /a}\n  - {op: remove, path: ''}\n- {target: {kinds: X, labelSelector: {matchLabels: {a: 1}}}, merge: {a: 1}}\n- {target: , merge: {}}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:5: error[E0104]: `spec.patches` says nothing (give it `merge` or `json`)
            fleet.yaml:9:27: error[E0110]: `spec.patches` takes one of `merge` or `json`, not both (leave one of them out)
            fleet.yaml:10:13: error[E0103]: `spec.patches.merge` must be a map, not a list
            fleet.yaml:11:12: error[E0109]: `spec.patches.json` is empty (leave `json` out, or name something)
            fleet.yaml:13:7: error[E0104]: `add` needs a `value`
            fleet.yaml:14:26: error[E0110]: `a` is no JSON pointer (begin with /, and write ~1 for a / in a key)
            fleet.yaml:14:36: error[E0110]: `remove` takes no `value` (leave it out)
            fleet.yaml:15:24: error[E0110]: `/a~2` is no JSON pointer (write ~0 for ~, and ~1 for /)
            fleet.yaml:16:7: error[E0110]: nothing can be moved into itself
            fleet.yaml:17:7: error[E0104]: `copy` needs a `from`
            fleet.yaml:18:12: error[E0110]: `spec.patches.json.op` cannot be `delete` (allowed: add, remove, replace, move, copy, test)
            fleet.yaml:19:7: error[E0110]: `remove` cannot be for the whole object (name a field, such as /spec)
            fleet.yaml:20:15: error[E0102]: `spec.patches.target` has no field `kinds` (did you mean `kind`?)
            fleet.yaml:20:58: error[E0103]: `spec.patches.target.labelSelector.matchLabels.a` must be a string, not a number (write "1")
        "#]],
    );
}

#[test]
fn charts_are_read_strictly() {
    spec_of(
        "Bundle",
        "helm:\n  chart: {oci: 'oci://registry.example/web', version: '1', name: web, digest: sha256:1}\n  releaseName: Web\n  valuesFiles: [../up.yaml, {optional: true}, 7, {path: a.yaml, optional: maybe}]\n  values: [1]",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:7:18: error[E0110]: `spec.helm.chart.oci` takes no scheme (write registry.example/charts/web)
            fleet.yaml:7:68: error[E0110]: `spec.helm.chart.name` is for charts of a `repo` (write it at the end of `oci`)
            fleet.yaml:7:81: error[E0110]: `spec.helm.chart.digest` is no digest (write sha256: and 64 hexadecimal digits)
            fleet.yaml:8:18: error[E0105]: `Web` must consist of a-z, 0-9 and -, and start and end with a letter or digit (write web)
            fleet.yaml:9:19: error[E0110]: `spec.helm.valuesFiles` cannot go up (name a directory below)
            fleet.yaml:9:31: error[E0104]: `spec.helm.valuesFiles.path` is missing
            fleet.yaml:9:49: error[E0103]: `spec.helm.valuesFiles` must be a string or a map, not a number (write "7")
            fleet.yaml:9:77: error[E0103]: `spec.helm.valuesFiles.optional` must be true or false, not a string
            fleet.yaml:10:13: error[E0103]: `spec.helm.values` must be a map, not a list
        "#]],
    );
    spec_of(
        "Bundle",
        "helm: {chart: {repo: charts.example}}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:6:17: error[E0104]: `spec.helm.chart.name` is missing (name the chart)
            fleet.yaml:6:17: error[E0104]: `spec.helm.chart.version` is missing
            fleet.yaml:6:24: error[E0110]: `spec.helm.chart.repo` must be an https:// address (write https://charts.example)
        "#]],
    );
    spec_of(
        "Bundle",
        "path: x\nhelm: {chart: {oci: registry.example/web, repo: https://x, version: '1'}}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:6:9: error[E0110]: `spec.path` and `spec.helm.chart` cannot both be there (a chart of elsewhere stands instead of a directory)
            fleet.yaml:7:51: error[E0110]: `spec.helm.chart` takes one of `oci` or `repo`, not both (leave one of them out)
        "#]],
    );
    spec_of(
        "Bundle",
        "helm: {releaseName: web}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:6:3: error[E0104]: `spec.path` is missing (name the directory of its manifests, as in `path: apps/web`)
        "#]],
    );
}

#[test]
fn paths_may_use_variables_and_never_go_up() {
    let of = |path: &str| {
        let text = format!("== apps/${{a}}/x.yaml\n@Bundle b\nspec: {{path: '{path}'}}\n");
        let (spec, problems) = crate::fixture::load_all(&[&text]);
        let path = spec.bundles.values().next().map(|d| d.spec.path.clone());
        path.unwrap_or_else(|| problems[0].to_string())
    };
    assert_eq!(of("a/./b//c/"), "a/b/c");
    assert_eq!(of("${cluster.labels.env}"), "${cluster.labels.env}");
    assert_eq!(of("a/${cluster.labels.x/y}/b"), "a/${cluster.labels.x/y}/b");
    assert_eq!(of("./b"), "apps/$${a}/b");
    assert_eq!(of("."), "apps/$${a}");
    for bad in ["../a", "a/..", "/a", "", "${", "a/${x}/../b"] {
        assert!(of(bad).contains("error["), "{bad}: {}", of(bad));
    }
}

#[test]
fn what_no_agent_obeys_yet_is_refused() {
    spec_of(
        "Bundle",
        "path: x\nserviceAccount: {name: a}\nreplace: never\nadopt: {from: [helm]}",
        expect![[r#"
            main: 1 unknown
            fleet.yaml:7:3: error[E0111]: this version does not know `spec.serviceAccount` yet (allowed: path, helm, defaultNamespace, createNamespace, substitute, variables, overrides, patches, dependsOn, removal, adopt, conflict, drift, health)
            fleet.yaml:8:3: error[E0111]: this version does not know `spec.replace` yet (allowed: path, helm, defaultNamespace, createNamespace, substitute, variables, overrides, patches, dependsOn, removal, adopt, conflict, drift, health)
            fleet.yaml:9:11: error[E0111]: this version does not know `spec.adopt.from` yet (allowed: mode)
        "#]],
    );
}
