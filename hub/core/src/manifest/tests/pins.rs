//! Pinned revisions, restricted sources, overrides and modes.

use super::*;

/// The fleet with `web` pinned on b, at revisions with these files.
fn pinned(n: u32, files: &[(&str, Option<&str>)]) -> Trees {
    let object = |name: &str| {
        format!("== w/a.yaml\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n")
    };
    let mut trees = trees(
        n,
        &format!(
            "@Cluster a\n@Cluster b\n@Bundle web\nspec: {{path: w}}\n@Placement p\n\
             spec: {{bundles: [web], clusters: [{{}}], overrides: [{{clusters: [{{names: [b]}}], revision: v1}}]}}\n{}",
            object("branch")
        ),
    );
    for (text, name) in files {
        let name_of = crate::spec::PinName {
            source: crate::fixture::source(),
            text: (*text).to_owned(),
        };
        let state = match name {
            None => crate::spec::PinState::Missing("it is gone".to_owned()),
            Some(name) => {
                let files = format!("@Bundle web\nspec: {{path: w}}\n{}", object(name));
                let tree = crate::fixture::tree(100, &files);
                crate::spec::PinState::Read(std::sync::Arc::new(tree))
            }
        };
        trees.pins.insert(name_of, state);
    }
    trees
}

#[test]
fn a_pinned_bundle_has_the_content_of_its_revision() {
    let one = rendered(&pinned(1, &[("v1", Some("pinned"))]), &Rendered::default());
    assert_eq!(
        one.work(),
        Work {
            parsed: 2,
            instantiated: 2
        }
    );
    expect![[r#"
        a/web ConfigMap default/branch: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"branch","namespace":"default"}}
        b/web ConfigMap default/pinned: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"pinned","namespace":"default"}}
    "#]].assert_eq(&show(&one));
    let two = rendered(&pinned(2, &[("v1", Some("pinned"))]), &one);
    assert_eq!(two.work(), Work::default());
    // The branch and the pin have the same files: they are read once.
    let same = rendered(&pinned(1, &[("v1", Some("branch"))]), &Rendered::default());
    assert_eq!((same.work().parsed, same.work().instantiated), (1, 1));
    let missing = rendered(&pinned(3, &[("v1", None)]), &one);
    expect![[r#"
        a/web ConfigMap default/branch: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"branch","namespace":"default"}}
    "#]].assert_eq(&show(&missing));
}

#[test]
fn a_restricted_source_reaches_no_further_than_its_kinds_and_namespaces() {
    let text = "@Cluster a
@Bundle web
spec: {path: w, defaultNamespace: team-a-web, createNamespace: true}
@Bundle out
spec: {path: o, defaultNamespace: other, createNamespace: true}
@Placement p
spec:
  bundles: [web, out]
  clusters: [{}]
== w/a.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: team-a-more}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}}
== o/a.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: kube-system}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: team-a-x}}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: s}}
";
    let trees = trees(1, text);
    let kinds = [
        "v1/ConfigMap",
        "v1/Namespace",
        "rbac.authorization.k8s.io/ClusterRole",
    ];
    let restriction = crate::spec::Restriction {
        namespaces: vec!["team-a-*".to_owned()],
        kinds: crate::spec::Kinds::Allow(kinds.map(ToOwned::to_owned).into()),
        ..crate::spec::Restriction::default()
    };
    let (mut spec, _) = load(&trees, None);
    spec.restrictions
        .insert(crate::fixture::source(), restriction);
    let spec = std::sync::Arc::new(spec);
    let decisions = resolve(&spec, &Inventory::default(), &Decisions::default());
    let rendered = render(&spec, &trees, &decisions, &Rendered::default());
    expect![[r#"
        a/out fails: 6 problems
        a/web ConfigMap team-a-web/c: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"team-a-web"}}
        a/web Namespace team-a-more: {"apiVersion":"v1","kind":"Namespace","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"team-a-more"}}
        a/web ClusterRole.rbac.authorization.k8s.io r: {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"r"}}
        fleet.yaml:14:14: error[E0115]: the source may not make namespace `other` (its namespaces: team-a-*)
        o/a.yaml:1:1: error[E0115]: ConfigMap other/c: the source may not declare anything in namespace `other` (its namespaces: team-a-*)
        o/a.yaml:3:1: error[E0115]: ConfigMap kube-system/c: the source may not declare anything in namespace `kube-system` (its namespaces: team-a-*)
        o/a.yaml:5:1: error[E0115]: Namespace kube-system: the source may not declare anything outside its namespaces (its namespaces: team-a-*)
        o/a.yaml:7:1: error[E0115]: Deployment.apps team-a-x/d: the source may not declare apps/Deployment (allowed: rbac.authorization.k8s.io/ClusterRole, v1/ConfigMap, v1/Namespace)
        o/a.yaml:9:1: error[E0115]: StorageClass.storage.k8s.io s: the source may not declare storage.k8s.io/StorageClass (allowed: rbac.authorization.k8s.io/ClusterRole, v1/ConfigMap, v1/Namespace)
    "#]].assert_eq(&show(&rendered));
}

#[test]
fn overrides_at_equal_places_patch_only_their_own_clusters() {
    let patch = |of: &str| format!("patches: [{{merge: {{data: {{by: {of}}}}}}}]}}");
    let object = "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n";
    let branch = format!(
        "@Cluster a\n@Cluster other\n@Bundle web\nspec: {{path: w}}\n== x.yaml\n@Placement p\nspec:\n  \
         bundles: [web]\n  clusters: [{{}}]\n  revision: v1\n  overrides:\n  \
         - {{clusters: [{{names: [a]}}], {}\n{object}",
        patch("placement")
    );
    let then = format!(
        "== x.yaml\n@Bundle web\nspec:\n  path: w\n  #\n  #\n  overrides:\n  \
         - {{clusters: [{{names: [other]}}], {}\n{object}",
        patch("bundle")
    );
    let mut trees = trees(1, &branch);
    let name = crate::spec::PinName {
        source: crate::fixture::source(),
        text: "v1".to_owned(),
    };
    let tree = std::sync::Arc::new(crate::fixture::tree(100, &then));
    let state = crate::spec::PinState::Read(tree);
    trees.pins.insert(name, state);
    expect![[r#"
        a/web ConfigMap default/c: {"apiVersion":"v1","data":{"by":"placement"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"default"}}
        other/web ConfigMap default/c: {"apiVersion":"v1","data":{"by":"bundle"},"kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"c","namespace":"default"}}
    "#]].assert_eq(&show(&rendered(&trees, &Rendered::default())));
}

#[test]
fn every_bundle_of_a_cluster_carries_its_mode_and_only_that_changes_with_it() {
    use capstan_proto::policy::{BundlePolicy, Mode};

    let text = |mode: &str| {
        format!(
            "@Cluster a\nspec: {{mode: {mode}}}\n@Cluster b\nspec: {{}}\n@Bundle web\nspec: {{path: w}}\n\
             @Placement p\nspec: {{bundles: [web], clusters: [{{}}]}}\n== w/a.yaml\n\
             {{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}}}\n"
        )
    };
    let mut hub = crate::fixture::Hub::default();
    let mut of_a = |mode: &str| {
        let desired = hub.commit(&text(mode));
        let digests: Vec<_> = desired
            .clusters
            .values()
            .map(|wanted| wanted.target().unwrap().digest)
            .collect();
        let rendered = &hub.rendered;
        let policy = |cluster: &str| {
            let (cluster, bundle) = (
                crate::fixture::cluster(cluster),
                crate::fixture::bundle("web"),
            );
            let instance = rendered.get(&cluster, &bundle).unwrap().as_ref().unwrap();
            let bytes = &instance.bytes[&instance.policy.unwrap()];
            BundlePolicy::from_bytes(bytes).unwrap().mode
        };
        (policy("a"), policy("b"), digests[0], digests[1])
    };
    let (a, b, enforced, other) = of_a("Enforce");
    assert_eq!((a, b, enforced), (Mode::Enforce, Mode::Enforce, other));
    let (a, b, paused, same) = of_a("Paused");
    assert_eq!((a, b, same), (Mode::Paused, Mode::Enforce, other));
    assert_ne!(paused, enforced);
    assert_eq!(of_a("Observe").0, Mode::Observe);
    assert_eq!(of_a("Release").0, Mode::Release);
    assert_eq!(of_a("Enforce").2, enforced);
}

#[test]
fn a_bundle_that_only_its_revision_declares_is_looked_for_there() {
    let pin = |text: &str, files: &str| {
        let name = crate::spec::PinName {
            source: crate::fixture::source(),
            text: text.to_owned(),
        };
        let tree = crate::fixture::tree(100, files);
        (name, crate::spec::PinState::Read(std::sync::Arc::new(tree)))
    };
    let mut trees = trees(
        1,
        "@Cluster a\n@Placement p\nspec: {bundles: [web], clusters: [{}], revision: v1}\n",
    );
    let object = "== w/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: pinned}}\n";
    let files = format!("@Bundle web\nspec: {{path: w}}\n{object}");
    trees.pins.extend([pin("v1", &files)]);
    assert_eq!(load(&trees, None).1, Vec::new());
    expect![[r#"
        a/web ConfigMap default/pinned: {"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"capstan.dev/bundle":"main.web"},"name":"pinned","namespace":"default"}}
    "#]]
    .assert_eq(&show(&rendered(&trees, &Rendered::default())));
    trees.pins.extend([pin("v1", &files.replace("web", "wep"))]);
    let problems = load(&trees, None).1;
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    expect!["fleet.yaml:9:50: error[E0203]: `v1` has no good bundle `web` (did you mean `wep`?)"]
        .assert_eq(&said.join("\n"));
}
