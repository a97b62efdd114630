//! What stays as it is, because nothing better is known.

use expect_test::expect;

use super::{check, show};
use crate::desired::{Given, Prune};
use crate::fixture::{Hub, cluster, clusters, fleet, maps};
use crate::placement::Decisions;

#[test]
fn nothing_is_removed_because_a_file_is_broken() {
    let fleet = fleet();
    let healthy = {
        let mut hub = Hub::default();
        show(&hub.commit(&fleet))
    };
    let objects = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| !line.starts_with(' '))
            .map(ToOwned::to_owned)
            .collect()
    };
    let broken = [
        fleet.replace("@Placement web\nspec:", "@Placement web\nspec: ["),
        fleet.replace("[web], clusters: [{}]", "[web], clusters: []"),
        fleet.replace(
            "[web], clusters: [{}]",
            "[web], clusters: [{groups: [none]}]",
        ),
        fleet.replace(
            "[web], clusters: [{}]",
            "[web], clusters: [{matchLables: {a: b}}]",
        ),
        fleet
            .replace("{bundles: [web]", "{bundles: [wbe]")
            .replace("@Bundle web", "@Bundle wbe2"),
        fleet.replace(
            "@Bundle web\nspec: {path: w}",
            "@Bundle web\nspec: {path: gone}",
        ),
        fleet.replace(
            "@Bundle web\nspec: {path: w}",
            "@Bundle web\nspec: {paht: w}",
        ),
        fleet.replace("@Bundle web\nspec: {path: w}\n", ""),
        fleet.replace("== w/w.yaml\n", "== w/w.yaml\na: [\n"),
        fleet.replace("metadata: {name: w1}", "metadata: {name: w1, uid: x}"),
        fleet
            .replace("{path: w}", "{path: w, substitute: true}")
            .replace("{name: w1}", "{name: '${x}'}"),
        fleet.replace("== clusters.yaml\n", "== clusters.yaml\n{{{{\n---\n"),
    ];
    for text in broken {
        assert_ne!(text, fleet);
        let mut hub = Hub::default();
        hub.commit(&fleet);
        let after = hub.commit(&text);
        let again = hub.commit(&text);
        for desired in [&after, &again] {
            assert_eq!(desired.removals, [], "{text}");
            let shown = show(desired);
            let missing: Vec<_> = objects(&healthy)
                .into_iter()
                .filter(|line| !shown.contains(line.as_str()))
                .collect();
            assert_eq!(missing, Vec::<String>::new(), "{text}\n{shown}");
        }
    }
}

#[test]
fn the_reason_why_something_stays_is_recorded() {
    check(
        &[
            &fleet(),
            &fleet().replace("@Bundle web\nspec: {path: w}\n", ""),
        ],
        expect![[r#"
            a: db[d1] web[w1 w2]
              web kept: it is named at p.yaml:5:18 and not declared
            b: db[d1] web[w1 w2]
              web kept: it is named at p.yaml:5:18 and not declared
            c: db[d1] web[w1 w2]
              web kept: it is named at p.yaml:5:18 and not declared
        "#]],
    );
    check(
        &[
            &fleet(),
            &fleet().replace("== w/w.yaml\n", "== w/w.yaml\na: [\n"),
        ],
        expect![[r#"
            a: db[d1] web[w1 w2]
              web kept: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
            b: db[d1] web[w1 w2]
              web kept: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
            c: db[d1] web[w1 w2]
              web kept: it does not render: w/w.yaml:1:4: error[E0401]: unclosed bracket '['
        "#]],
    );
    let suspended = fleet().replace("{bundles: [web]", "{suspend: true, bundles: [web]");
    let changed = maps("w/more.yaml", &["w3"]);
    check(
        &[&fleet(), &format!("{suspended}{changed}")],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: placement web is suspended
        b: db[d1] web[w1 w2]
          web kept: placement web is suspended
        c: db[d1] web[w1 w2]
          web kept: placement web is suspended
    "#]],
    );
    check(
        &[&format!("{suspended}{changed}")],
        expect![[r#"
        a: db[d1]
          web kept: placement web is suspended
        b: db[d1]
          web kept: placement web is suspended
        c: db[d1]
          web kept: placement web is suspended
    "#]],
    );
    check(
        &[
            &fleet(),
            &suspended.replace("[web], clusters: [{}]", "[web], clusters: [{names: [a]}]"),
        ],
        expect![[r#"
            a: db[d1] web[w1 w2]
              web kept: placement web is suspended
            b: db[d1] web[w1 w2]
              web kept: placement web is suspended
            c: db[d1] web[w1 w2]
              web kept: placement web is suspended
        "#]],
    );
}

#[test]
fn a_hub_that_lost_its_memory_removes_nothing_of_what_it_cannot_read() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    hub.spec = None;
    hub.decisions = Decisions::default();
    let broken = hub.commit(&fleet().replace("[web], clusters: [{}]", "[web], clusters: []"));
    expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: source main is not fully known: p.yaml:2:1 is broken, and no good version of it is known
        b: db[d1] web[w1 w2]
          web kept: source main is not fully known: p.yaml:2:1 is broken, and no good version of it is known
        c: db[d1] web[w1 w2]
          web kept: source main is not fully known: p.yaml:2:1 is broken, and no good version of it is known
    "#]].assert_eq(&show(&broken));
}

#[test]
fn a_cluster_whose_past_is_unknown_is_not_pruned_until_confirmed() {
    let mut hub = Hub::default();
    hub.running.clusters.insert(cluster("a"), Given::Unknown);
    let one = fleet().replace(&clusters(&["a", "b", "c"]), &clusters(&["a"]));
    expect![[r#"
        a: db[d1] web[w1 w2]
          no prune: what the cluster had before is not known to this hub; nothing is pruned until `hub recover --confirm`
    "#]].assert_eq(&show(&hub.commit(&one)));
    let again = hub.commit(&one);
    assert!(matches!(
        &again.clusters[&cluster("a")].target().unwrap().prune,
        Prune::Withheld(_)
    ));
    let given = hub.running.clusters.remove(&cluster("a")).unwrap();
    hub.running.clusters.insert(cluster("a"), given.confirmed());
    let confirmed = hub.commit(&one);
    assert_eq!(
        confirmed.clusters[&cluster("a")].target().unwrap().prune,
        Prune::Permitted
    );
}

#[test]
fn a_cluster_that_is_not_declared_any_more_is_left_alone() {
    let gone = fleet().replace(&clusters(&["a", "b", "c"]), &clusters(&["a", "b"]));
    check(
        &[&fleet(), &gone],
        expect![[r#"
        a: db[d1] web[w1 w2]
        b: db[d1] web[w1 w2]
        c: no opinion: no source declares this cluster; it keeps what it has until a Cluster document names it (`hub cluster ban` shuts it out)
    "#]],
    );
    let mut hub = Hub::default();
    hub.commit(&fleet());
    hub.commit(&gone);
    let back = hub.commit(&fleet());
    assert_eq!(back.removals, []);
    assert_eq!(back.holds, []);
}

#[test]
fn a_bundle_whose_inputs_are_not_known_stays_as_it_is() {
    let pinned = fleet().replace(
        "{bundles: [web], clusters: [{}]}",
        "{bundles: [web], clusters: [{}], revision: v1}",
    );
    check(
        &[&fleet(), &pinned],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: revision `v1` is pinned and not known: not read yet
        b: db[d1] web[w1 w2]
          web kept: revision `v1` is pinned and not known: not read yet
        c: db[d1] web[w1 w2]
          web kept: revision `v1` is pinned and not known: not read yet
    "#]],
    );
    let patched = fleet()
        .replace(
            "spec: {path: w}",
            "spec: {path: w, patches: [{target: {name: w3}, merge: {data: {a: b}}}]}",
        )
        .replace("== w/w.yaml", "== w/new.yaml");
    check(
        &[&fleet(), &patched],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: it does not render: bundles.yaml:5:27: error[E0411]: the patch changes nothing: no object of the bundle has name `w3` (there is w1, w2)
        b: db[d1] web[w1 w2]
          web kept: it does not render: bundles.yaml:5:27: error[E0411]: the patch changes nothing: no object of the bundle has name `w3` (there is w1, w2)
        c: db[d1] web[w1 w2]
          web kept: it does not render: bundles.yaml:5:27: error[E0411]: the patch changes nothing: no object of the bundle has name `w3` (there is w1, w2)
    "#]],
    );
}
