//! Directories to objects, and what is not done twice.

mod inputs;
mod numbers;
mod pins;
mod scopes;
mod size;

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::fold::base64;
use super::{Rendered, Work, render};
use crate::fixture::{load_all, trees};
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};
use crate::spec::{Trees, load};

fn rendered(trees: &Trees, previous: &Rendered) -> Rendered {
    let spec = std::sync::Arc::new(load(trees, None).0);
    let decisions = resolve(&spec, &Inventory::default(), &Decisions::default());
    render(&spec, trees, &decisions, previous)
}

/// Every object of every cluster as canonical bytes, then the problems.
fn show(rendered: &Rendered) -> String {
    let mut out = String::new();
    for (cluster, bundles) in &rendered.clusters {
        for (bundle, instance) in bundles {
            match instance {
                Ok(instance) => {
                    for (key, digest) in &instance.objects {
                        let bytes = std::str::from_utf8(&instance.bytes[digest]).unwrap();
                        writeln!(out, "{cluster}/{} {key}: {bytes}", bundle.name()).unwrap();
                    }
                }
                Err(problems) => {
                    let name = bundle.name();
                    writeln!(out, "{cluster}/{name} fails: {} problems", problems.len()).unwrap();
                }
            }
        }
    }
    for problem in rendered.problems() {
        let cluster = problem
            .cluster()
            .map_or(String::new(), |c| format!(" [{c}]"));
        writeln!(out, "{problem}{cluster}").unwrap();
    }
    out
}

/// One bundle `web` in directory `w`, with these spec fields and files, on the clusters a and b.
fn fleet(spec: &str, files: &str) -> String {
    format!(
        "@Cluster\nmetadata: {{name: a, labels: {{zone: z1}}}}\n@Bundle web\nspec: {{path: w{spec}}}\n\
         @Placement p\nspec: {{bundles: [web], clusters: [{{}}]}}\n{files}"
    )
}

fn check(spec: &str, files: &str, expected: Expect) {
    let trees = trees(1, &fleet(spec, files));
    expected.assert_eq(&show(&rendered(&trees, &Rendered::default())));
}

#[test]
fn documents_and_lists_become_labelled_objects_in_their_namespaces() {
    check(
        ", defaultNamespace: shop",
        "== w/sub/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: one, creationTimestamp: null}
status: {}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: two, namespace: other, labels: {x: z}}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: three}, rules: []}
== w/b.json
{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", \"metadata\": {\"name\": \"four\"}}
== w/README.md
not a manifest
== w/fleet.yaml
@Cluster b
",
        expect![[r#"
            a/web ConfigMap other/two: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web","x":"z"},"name":"two","namespace":"other"}}
            a/web ConfigMap shop/one: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"one","namespace":"shop"}}
            a/web ServiceAccount shop/four: {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"four","namespace":"shop"}}
            a/web ClusterRole.rbac.authorization.k8s.io three: {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"three"},"rules":[]}
            b/web ConfigMap other/two: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web","x":"z"},"name":"two","namespace":"other"}}
            b/web ConfigMap shop/one: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"one","namespace":"shop"}}
            b/web ServiceAccount shop/four: {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"four","namespace":"shop"}}
            b/web ClusterRole.rbac.authorization.k8s.io three: {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"three"},"rules":[]}
        "#]],
    );
}

#[test]
fn definitions_in_the_fleet_tell_the_scope_of_their_kinds() {
    check(
        ", defaultNamespace: shop",
        "== w/crd.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: walls.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Wall}}
---
apiVersion: example.com/v1
kind: Wall
metadata: {name: w}
---
apiVersion: example.com/v1
kind: Brick
metadata: {name: b}
",
        expect![[r#"
            a/web CustomResourceDefinition.apiextensions.k8s.io walls.example.com: {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"walls.example.com"},"spec":{"group":"example.com","names":{"kind":"Wall"},"scope":"Cluster"}}
            a/web Brick.example.com shop/b: {"apiVersion":"example.com/v1","kind":"Brick","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"b","namespace":"shop"}}
            a/web Wall.example.com w: {"apiVersion":"example.com/v1","kind":"Wall","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"w"}}
        "#]],
    );
}

#[test]
fn string_data_is_folded_into_data() {
    check(
        "",
        "== w/s.yaml
apiVersion: v1
kind: Secret
metadata: {name: s}
data: {a: b2xk, keep: eA==}
stringData: {a: new, b: ''}
",
        expect![[r#"
            a/web Secret default/s: {"apiVersion":"v1","data":{"a":"bmV3","b":"","keep":"eA=="},"kind":"Secret","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"s","namespace":"default"}}
        "#]],
    );
    assert_eq!(
        ["", "f", "fo", "foo", "foob"].map(|t| base64(t.as_bytes())),
        ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
    );
}

#[test]
fn what_a_manifest_may_not_have_is_refused_at_its_line() {
    check(
        "",
        "== w/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: a, uid: x, resourceVersion: '1', labels: {v: 1.0}}
data: {n: 1}
---
apiVersion: v1
kind: Pod
metadata: {generateName: p-}
---
kind: X
metadata: {name: 5}
---
apiVersion: v1
kind: Namespace
metadata: {name: n, namespace: m}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  template:
    spec:
      containers:
      - name: c
        env: [{name: A, value: x}, {name: A, value: y}]
        ports: [{containerPort: 80}, {containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: UDP}]
      - name: c
---
- 1
",
        expect![[r#"
            a/web fails: 12 problems
            w/a.yaml:3:21: error[E0403]: `metadata.uid` cannot be declared (remove it; the object gets one in each cluster)
            w/a.yaml:3:29: error[E0403]: `metadata.resourceVersion` cannot be declared (remove it; it belongs to one cluster's history)
            w/a.yaml:3:60: error[E0103]: the value of `v` must be a string, not 1.0 (write it in quotes)
            w/a.yaml:4:8: error[E0103]: the value of `n` must be a string, not 1 (write it in quotes)
            w/a.yaml:8:12: error[E0403]: `metadata.generateName` cannot be declared (give the object a `name`: only a named object can be kept as declared)
            w/a.yaml:10:1: error[E0402]: the manifest has no `apiVersion`
            w/a.yaml:11:12: error[E0402]: the manifest has no `metadata.name` (write it in quotes)
            w/a.yaml:15:12: error[E0402]: the manifest has no `metadata.name` (write it in quotes)
            w/a.yaml:25:36: error[E0404]: `env` has `A` twice (server-side apply refuses doubled keys; remove or rename one)
            w/a.yaml:26:38: error[E0404]: `ports` has `80/TCP` twice (server-side apply refuses doubled keys; remove or rename one)
            w/a.yaml:27:9: error[E0404]: `containers` has `c` twice (server-side apply refuses doubled keys; remove or rename one)
            w/a.yaml:29:1: error[E0401]: a manifest must be a map, not a list
        "#]],
    );
}

#[test]
fn one_object_twice_and_broken_files_are_refused() {
    check(
        "",
        "== w/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: default}
== w/b.yaml
a: [
== w/sub/kustomization.yaml
resources: []
",
        expect![[r#"
            a/web fails: 3 problems
            w/a.yaml:5:1: error[E0405]: ConfigMap default/a is declared already, at w/a.yaml:1:1 (remove or rename one)
            w/b.yaml:1:4: error[E0401]: unclosed bracket '['
            w/sub/kustomization.yaml:1:1: error[E0409]: this version does not know Kustomize yet (keep plain manifests in the bundle's directory)
        "#]],
    );
    check(
        "",
        "== w/README.md\nnothing\n",
        expect![[r#"
        a/web fails: 1 problems
        fleet.yaml:9:14: error[E0205]: `w` has no manifests
    "#]],
    );
}

#[test]
fn values_are_put_into_scalars_with_their_types_and_never_into_structure() {
    check(
        ", substitute: true, variables: {replicas: 3, on: true, evil: \"x: {y: z}\", port: '80'}",
        "== w/a.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: 'web-${cluster.name}', labels: {replicas: '${replicas}', zone: '${cluster.labels.zone}'}}
spec:
  replicas: ${replicas}
  paused: ${on}
  template: {spec: {containers: [{name: c, args: ['${replicas}'], env: [{name: A, value: '${on}'}], image: 'i:${port}'}]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {a: '${replicas}', b: '${evil}', c: '$${HOME} $x', d: '${none:-7}'}
",
        expect![[r#"
            a/web ConfigMap default/c: {"apiVersion":"v1","data":{"a":"3","b":"x: {y: z}","c":"${HOME} $x","d":"7"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"default"}}
            a/web Deployment.apps default/web-a: {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"capstan.dev/bundle":"main.web","replicas":"3","zone":"z1"},"name":"web-a","namespace":"default"},"spec":{"paused":true,"replicas":3,"template":{"spec":{"containers":[{"args":["3"],"env":[{"name":"A","value":"true"}],"image":"i:80","name":"c"}]}}}}
        "#]],
    );
}

#[test]
fn a_variable_without_a_value_names_file_line_and_cluster() {
    check(
        ", substitute: true, variables: {a: '${b}'}",
        "== c.yaml
@Cluster b
spec: {variables: {b: 1}}
== w/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  x: ${a}
  y: ${nothing}
",
        expect![[r#"
            a/web fails: 2 problems
            b/web fails: 1 problems
            w/a.yaml:5:6: error[E0301]: nothing defines the variable `b` on a (declare it, write `${b:-default}`, or `$${` for a literal) [a]
            w/a.yaml:6:6: error[E0301]: nothing defines the variable `nothing` on a and b (declare it, write `${nothing:-default}`, or `$${` for a literal)
        "#]],
    );
}

#[test]
fn a_variable_that_many_clusters_lack_is_one_problem() {
    check(
        ", substitute: true",
        "== c.yaml
@Cluster e
@Cluster d
@Cluster c
@Cluster b
@Cluster f
spec: {variables: {x: 1}}
== w/a.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {x: '${x}'}
",
        expect![[r#"
            a/web fails: 1 problems
            b/web fails: 1 problems
            c/web fails: 1 problems
            d/web fails: 1 problems
            e/web fails: 1 problems
            f/web ConfigMap default/c: {"apiVersion":"v1","data":{"x":"1"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"default"}}
            w/a.yaml:4:11: error[E0301]: nothing defines the variable `x` on 5 clusters: a, b, c and 2 more (declare it, write `${x:-default}`, or `$${` for a literal)
        "#]],
    );
}

#[test]
fn a_broken_bundle_does_not_hide_what_is_wrong_with_others() {
    let text = fleet(
        ", substitute: true",
        "== w/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: '${x}'}\n",
    );
    let text = text.replace("bundles: [web]", "bundles: [db, web]")
        + "== db.yaml\n@Bundle db\nspec: {pth: db}\n";
    let trees = trees(1, &text);
    let (_, problems) = load(&trees, None);
    let rendered = rendered(&trees, &Rendered::default());
    let found = problems.iter().chain(rendered.problems());
    let codes: Vec<&str> = found.map(|problem| problem.code.as_str()).collect();
    assert_eq!(codes, ["E0102", "E0214", "E0301"]);
}

#[test]
fn a_directory_that_is_not_there_is_told_once() {
    let trees = trees(1, &fleet("", "@Cluster b\n"));
    let (_, problems) = load(&trees, None);
    let rendered = rendered(&trees, &Rendered::default());
    let found = problems.iter().chain(rendered.problems());
    let found: Vec<String> = found.map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["fleet.yaml:9:14: error[E0205]: `w` is no directory with files"]
    );
}

#[test]
fn without_substitute_nothing_is_put_in() {
    check(
        ", variables: {a: 1}",
        "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {x: '${a}', y: '${'}}\n",
        expect![[r#"
            a/web ConfigMap default/c: {"apiVersion":"v1","data":{"x":"${a}","y":"${"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"default"}}
            w/a.yaml:1:66: warning[E0304]: `${a}` is sent as it stands: bundle `web` does not substitute variables (write `substitute: true` in the Bundle at fleet.yaml:6:1)
        "#]],
    );
}

#[test]
fn clusters_share_one_instance_and_unchanged_directories_are_not_read_again() {
    let clusters: String = (0..50).map(|n| format!("@Cluster c{n}\n")).collect();
    let file =
        "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {x: \"1\"}}\n";
    let text = format!("{}== c.yaml\n{clusters}", fleet("", file));
    let one = rendered(&trees(1, &text), &Rendered::default());
    assert_eq!(
        one.work(),
        Work {
            parsed: 1,
            instantiated: 1
        }
    );
    let two = rendered(&trees(2, &text), &one);
    assert_eq!(two.work(), Work::default());
    assert_eq!(show(&one), show(&two));
    let changed = rendered(&trees(3, &text.replace("\"1\"", "\"2\"")), &two);
    assert_eq!(
        changed.work(),
        Work {
            parsed: 1,
            instantiated: 1
        }
    );
    let policy = rendered(
        &trees(4, &text.replace("path: w", "path: w, conflict: force")),
        &two,
    );
    assert_eq!(
        policy.work(),
        Work {
            parsed: 0,
            instantiated: 1
        }
    );
    let substituting = text.replace("path: w", "path: w, substitute: true");
    assert_eq!(
        rendered(&trees(5, &substituting), &two).work(),
        Work {
            parsed: 0,
            instantiated: 1
        }
    );
    let naming = substituting.replace("\"1\"", "'${cluster.name}'");
    assert_eq!(
        rendered(&trees(6, &naming), &two).work(),
        Work {
            parsed: 1,
            instantiated: 51
        }
    );
}

#[test]
fn the_answer_does_not_depend_on_what_is_remembered() {
    let texts = [
        fleet(
            "",
            "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n",
        ),
        fleet(
            "",
            "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: d}}\n",
        ),
        fleet(
            ", defaultNamespace: n",
            "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: d}}\n",
        ),
    ];
    let mut memory = Rendered::default();
    for (n, text) in (1..).zip(&texts) {
        memory = rendered(&trees(n, text), &memory);
        let fresh = rendered(&trees(n, text), &Rendered::default());
        assert_eq!(show(&memory), show(&fresh));
    }
    assert_eq!(load_all(&[&texts[0]]).1, []);
}

#[test]
fn a_commit_that_changes_nothing_makes_nothing_anew_unless_it_is_mentioned() {
    let text = |value: &str| {
        fleet(
            ", substitute: true",
            &format!(
                "== w/a.yaml\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{x: \"{value}\"}}}}\n"
            ),
        )
    };
    let again = |value: &str| {
        let first = rendered(&trees(1, &text(value)), &Rendered::default());
        rendered(&trees(2, &text(value)), &first)
            .work()
            .instantiated
    };
    assert_eq!(again("${cluster.name}"), 0);
    assert_eq!(again("${source.revision}"), 1);
}

#[test]
fn a_definition_that_becomes_unreadable_does_not_move_the_objects_of_its_kind() {
    let object = "== w/wall.yaml
{apiVersion: example.com/v1, kind: Wall, metadata: {name: w}}
";
    let definition = "== d/crd.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: walls.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Wall}}
";
    let bundle = "== d.yaml
@Bundle definitions
spec: {path: d}
";
    let good = fleet("", &[object, definition, bundle].concat());
    let before = rendered(&trees(1, &good), &Rendered::default());
    let link = fleet("", &[object, bundle, "!= d/crd.yaml\n"].concat());
    // A hub that was started anew knows what it gave.
    let instance = before
        .clusters
        .values()
        .flatten()
        .find_map(|(_, instance)| instance.as_ref().ok());
    let started = Rendered::after(instance.unwrap().objects.keys());
    for previous in [before, started] {
        let mut after = rendered(&trees(2, &link), &previous);
        for _ in 0..2 {
            expect![[r#"
                a/web Wall.example.com w: {"apiVersion":"example.com/v1","kind":"Wall","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"w"}}
                d/crd.yaml:1:1: error[E0112]: this is not read: symbolic links are not followed (the bundle's last good content stays until it is mended)
            "#]].assert_eq(&show(&after));
            after = rendered(&trees(3, &link), &after);
        }
    }
}
