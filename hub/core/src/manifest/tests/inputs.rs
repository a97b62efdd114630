//! Paths, patches and overrides for each cluster, each set of inputs rendered once.

use super::*;

#[test]
fn a_path_may_lead_elsewhere_on_every_cluster() {
    let text = |path: &str| {
        format!(
            "@Cluster\nmetadata: {{name: a, labels: {{env: prod}}}}\n\
             @Cluster\nmetadata: {{name: b, labels: {{env: dev}}}}\n\
             @Cluster\nmetadata: {{name: c, labels: {{env: prodd}}}}\n\
             @Cluster d\n@Cluster\nmetadata: {{name: e, labels: {{env: ..}}}}\n\
             @Bundle web\nspec: {{path: '{path}'}}\n@Placement p\nspec: {{bundles: [web], clusters: [{{}}]}}\n\
             == apps/prod/a.yaml\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: prod}}}}\n\
             == apps/dev/a.yaml\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: dev}}}}\n"
        )
    };
    let trees = trees(1, &text("apps/${cluster.labels.env}"));
    let rendered = rendered(&trees, &Rendered::default());
    expect![[r#"
        a/web ConfigMap default/prod: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"prod","namespace":"default"}}
        b/web ConfigMap default/dev: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"dev","namespace":"default"}}
        c/web fails: 1 problems
        d/web fails: 1 problems
        e/web fails: 1 problems
        fleet.yaml:25:14: error[E0213]: there is no directory `apps/prodd` on c (did you mean `apps/prod`?) [c]
        fleet.yaml:25:14: error[E0213]: `spec.path` is `apps/..` and cannot go up on e (name a directory below) [e]
        fleet.yaml:25:14: error[E0301]: nothing defines the variable `cluster.labels.env` on d (built in are cluster.name, cluster.labels.<key>, bundle.name and source.revision) [d]
    "#]].assert_eq(&show(&rendered));
}

#[test]
fn fields_of_a_bundle_are_substituted_though_its_files_are_not() {
    let text = "@Cluster a\nspec: {variables: {team: shop}}\n@Cluster b\nspec: {variables: {team: Not.A.Label}}\n\
         @Bundle web\nspec: {path: w, defaultNamespace: 'ns-${team}', createNamespace: true}\n\
         @Placement p\nspec: {bundles: [web], clusters: [{}]}\n\
         == w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {x: '${team}'}}\n";
    let rendered = rendered(&trees(1, text), &Rendered::default());
    let policies: Vec<&str> = rendered
        .clusters
        .values()
        .flatten()
        .filter_map(|(_, instance)| instance.as_ref().ok())
        .map(|instance| std::str::from_utf8(&instance.bytes[&instance.policy.unwrap()]).unwrap())
        .collect();
    assert_eq!(policies, ["{\"createNamespace\":\"ns-shop\"}"]);
    expect![[r#"
        a/web ConfigMap ns-shop/c: {"apiVersion":"v1","data":{"x":"${team}"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"ns-shop"}}
        b/web fails: 1 problems
        fleet.yaml:12:1: error[E0105]: `spec.defaultNamespace` is `ns-Not.A.Label`: `ns-Not.A.Label` must consist of a-z, 0-9 and -, and start and end with a letter or digit on b [b]
        w/a.yaml:1:66: warning[E0304]: `${team}` is sent as it stands: bundle `web` does not substitute variables (write `substitute: true` in the Bundle at fleet.yaml:12:1)
    "#]].assert_eq(&show(&rendered));
}

#[test]
fn the_first_text_that_is_not_substituted_is_told_with_how_many_more_there_are() {
    let told = |data: &str| {
        let text = format!(
            "@Cluster a\nspec: {{variables: {{m: 1, n: 2}}}}\n@Bundle web\nspec: {{path: w}}\n\
             @Placement p\nspec: {{bundles: [web], clusters: [{{}}]}}\n\
             == w/a.yaml\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{{data}}}}}\n"
        );
        let rendered = rendered(&trees(1, &text), &Rendered::default());
        rendered
            .problems()
            .map(ToString::to_string)
            .collect::<String>()
    };
    for (data, expected) in [
        ("x: '${m}'", "`${m}` is sent as it stands:"),
        (
            "x: '${n}', y: '${m}'",
            "`${n}` is sent as it stands, and so is one more text:",
        ),
        (
            "x: '${m}', y: '${n}', z: '${o}', w: '${m}${n}'",
            "`${m}` is sent as it stands, and so are 2 more texts:",
        ),
        ("x: '${o}'", ""),
    ] {
        let found = told(data);
        assert!(
            found.contains(expected) && found.is_empty() == expected.is_empty(),
            "{data}: {found}"
        );
    }
}

#[test]
fn patches_of_every_layer_change_objects_in_order() {
    let text = "@Cluster a
@Cluster
metadata: {name: b, labels: {tier: gold}}
@Bundle web
spec:
  path: w
  variables: {size: 1}
  patches:
  - {target: {kind: Deployment}, merge: {spec: {replicas: '${size}', template: {metadata: {labels: {size: '${size}'}}}}}}
  overrides:
  - clusters: [{matchLabels: {tier: gold}}]
    variables: {size: 5}
    patches: [{target: {name: s}, merge: {stringData: {b: '${cluster.name}'}}}]
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  overrides:
  - clusters: [{names: [b]}]
    patches:
    - target: {kind: Deployment, labelSelector: {matchExpressions: [{key: app, operator: In, values: ['${bundle.name}']}]}}
      json:
      - {op: test, path: /spec/replicas, value: 5}
      - {op: add, path: /metadata/annotations, value: {by: placement}}
== w/a.yaml
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, labels: {app: web}}, spec: {}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: a}}
";
    let rendered = rendered(&trees(1, text), &Rendered::default());
    expect![[r#"
        a/web Secret default/s: {"apiVersion":"v1","data":{"a":"YQ=="},"kind":"Secret","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"s","namespace":"default"}}
        a/web Deployment.apps default/d: {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"web","capstan.dev/bundle":"main.web"},"name":"d","namespace":"default"},"spec":{"replicas":1,"template":{"metadata":{"labels":{"size":"1"}}}}}
        b/web Secret default/s: {"apiVersion":"v1","data":{"a":"YQ==","b":"Yg=="},"kind":"Secret","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"s","namespace":"default"}}
        b/web Deployment.apps default/d: {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"by":"placement"},"labels":{"app":"web","capstan.dev/bundle":"main.web"},"name":"d","namespace":"default"},"spec":{"replicas":5,"template":{"metadata":{"labels":{"size":"5"}}}}}
    "#]].assert_eq(&show(&rendered));
}

#[test]
fn a_patch_that_does_not_fit_names_its_place_and_the_clusters() {
    let text = "@Cluster a
@Cluster b
@Cluster c
@Bundle web
spec: {path: w, patches: [{target: {kind: ConfigMap, name: '${which:-d}'}, merge: {data: {x: y}}}]}
@Placement p
spec:
  bundles: [web]
  clusters: [{}]
  overrides:
  - clusters: [{names: [b]}]
    variables: {which: c}
    patches:
    - merge:
        data:
          n: 1
  - {clusters: [{names: [c]}], variables: {which: c}}
== w/a.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
";
    let rendered = rendered(&trees(1, text), &Rendered::default());
    expect![[r#"
        a/web fails: 1 problems
        b/web fails: 1 problems
        c/web ConfigMap default/c: {"apiVersion":"v1","data":{"x":"y"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"default"}}
        fleet.yaml:17:27: error[E0411]: the patch changes nothing: no object of the bundle has kind `ConfigMap`, name `d` on a (there is c) [a]
        fleet.yaml:31:11: error[E0103]: the value of `n` must be a string, not 1 on b (write it in quotes) [b]
    "#]].assert_eq(&show(&rendered));
}

#[test]
fn ten_thousand_clusters_with_twelve_different_inputs_are_twelve_instances() {
    let clusters: String = (0..10_000)
        .map(|n| {
            format!(
                "@Cluster\nmetadata: {{name: c{n}, labels: {{env: e{}}}}}\n\
                 spec: {{variables: {{size: {}, unused: {n}}}}}\n",
                n % 3,
                n % 4
            )
        })
        .collect();
    let text = format!(
        "{clusters}@Bundle web
spec:
  path: w
  substitute: true
  patches: [{{merge: {{data: {{size: '${{size}}'}}}}}}]
@Placement p
spec: {{bundles: [web], clusters: [{{}}]}}
== w/a.yaml
{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{env: '${{cluster.labels.env}}'}}}}
"
    );
    let one = rendered(&trees(1, &text), &Rendered::default());
    let work = |parsed, instantiated| Work {
        parsed,
        instantiated,
    };
    assert_eq!(one.work(), work(1, 12));
    let instances: std::collections::BTreeSet<usize> = one
        .clusters
        .values()
        .flat_map(|bundles| bundles.values())
        .map(|instance| std::sync::Arc::as_ptr(instance.as_ref().unwrap()).addr())
        .collect();
    assert_eq!(instances.len(), 12);
    assert_eq!(rendered(&trees(2, &text), &one).work(), work(0, 0));
    // Lines that move change nothing.
    assert_eq!(
        rendered(&trees(2, &format!("\n\n{text}")), &one).work(),
        work(0, 0)
    );
    let patched = text.replace("data: {size:", "data: {sizes:");
    assert_eq!(rendered(&trees(3, &patched), &one).work(), work(0, 12));
}
