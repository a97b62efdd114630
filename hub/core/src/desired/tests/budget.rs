//! What may leave at once, what waits, and what an approval covers.

use expect_test::expect;

use super::{HOUR_MS, check, show};
use crate::desired::Budget;
use crate::fixture::{BUNDLES, Hub, clusters, fleet, maps};
use crate::limits;

#[test]
fn one_cluster_may_go_at_once_and_the_second_waits() {
    let without = |names: &str| {
        fleet().replace(
            "@Placement web\nspec: {bundles: [web], clusters: [{}]}",
            &format!("@Placement web\nspec: {{bundles: [web], clusters: [{{}}], except: [{{names: [{names}]}}]}}"),
        )
    };
    check(
        &[&fleet(), &without("a")],
        expect![[r#"
        a: db[d1]
        b: db[d1] web[w1 w2]
        c: db[d1] web[w1 w2]
    "#]],
    );
    check(
        &[&fleet(), &without("a, b")],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: its removal waits for approval of d03d35b931cf
        b: db[d1] web[w1 w2]
          web kept: its removal waits for approval of d03d35b931cf
        c: db[d1] web[w1 w2]
        held: removing 4 objects from 2 clusters waits for approval: placement web would lose 2 of 3 clusters within 24 h, 1 may go without approval
    "#]],
    );
    check(
        &[&fleet(), &without("a"), &without("a, b")],
        expect![[r#"
        a: db[d1]
        b: db[d1] web[w1 w2]
          web kept: its removal waits for approval of e747cc0b025f
        c: db[d1] web[w1 w2]
        held: removing 2 objects from 1 cluster waits for approval: placement web would lose 2 of 3 clusters within 24 h, 1 may go without approval
    "#]],
    );
}

#[test]
fn small_steps_are_forgotten_after_a_day() {
    let text = |names: &str| {
        fleet().replace(
            "@Placement web\nspec: {bundles: [web], clusters: [{}]}",
            &format!("@Placement web\nspec: {{bundles: [web], clusters: [{{}}], except: [{{names: [{names}]}}]}}"),
        )
    };
    let mut hub = Hub::default();
    hub.commit(&fleet());
    hub.commit(&text("a"));
    hub.pass_ms(23 * HOUR_MS);
    assert_eq!(hub.commit(&text("a, b")).holds.len(), 1);
    hub.pass_ms(HOUR_MS);
    assert_eq!(hub.commit(&text("a, b")).holds.len(), 0);
    let (now, budget) = (hub.running.now, Budget::default());
    hub.running.log.forget(now, &budget);
    assert_eq!(hub.running.log.entries.len(), 2);
}

#[test]
fn a_selection_that_becomes_empty_is_held_until_approved() {
    let none = fleet().replace(
        "[web], clusters: [{}]",
        "[web], clusters: [{matchLabels: {x: y}}]",
    );
    check(
        &[&fleet(), &none],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: its removal waits for approval of b435449755fb
        b: db[d1] web[w1 w2]
          web kept: its removal waits for approval of b435449755fb
        c: db[d1] web[w1 w2]
          web kept: its removal waits for approval of b435449755fb
        held: removing 6 objects from 3 clusters waits for approval: placement web selects no cluster any more
    "#]],
    );
    check(
        &[&fleet(), &none, &none],
        expect![[r#"
        a: db[d1] web[w1 w2]
          web kept: its removal waits for approval of b435449755fb
        b: db[d1] web[w1 w2]
          web kept: its removal waits for approval of b435449755fb
        c: db[d1] web[w1 w2]
          web kept: its removal waits for approval of b435449755fb
        held: removing 6 objects from 3 clusters waits for approval: placement web selects no cluster any more
    "#]],
    );
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let held = hub.commit(&none);
    hub.approve(&held.holds[0]);
    let after = hub.commit(&none);
    expect![[r#"
        a: db[d1]
        b: db[d1]
        c: db[d1]
    "#]]
    .assert_eq(&show(&after));
    assert_eq!(hub.running.log.entries.len(), 0);
}

#[test]
fn an_approval_covers_smaller_sets_and_not_larger_ones_and_ends() {
    let none = |names: &str| {
        fleet().replace(
            "[web], clusters: [{}]",
            &format!("[web], clusters: [{{names: [{names}]}}]"),
        )
    };
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let held = hub.commit(&none("c"));
    assert_eq!(held.holds.len(), 1);
    hub.approve(&held.holds[0]);
    // The set grew: what was not approved waits.
    let grown =
        hub.commit(&fleet().replace("[web], clusters: [{}]", "[web], clusters: [{names: [x]}]"));
    expect![[r#"
        a: db[d1]
        b: db[d1]
        c: db[d1] web[w1 w2]
          web kept: its removal waits for approval of e626d28e810d
        held: removing 2 objects from 1 cluster waits for approval: placement web selects no cluster any more
    "#]].assert_eq(&show(&grown));

    let mut hub = Hub::default();
    hub.commit(&fleet());
    let held = hub.commit(&none("c"));
    hub.approve(&held.holds[0]);
    hub.pass_ms(limits::APPROVAL_MS);
    assert_eq!(hub.commit(&none("c")).holds.len(), 1);

    let mut hub = Hub::default();
    hub.commit(&fleet());
    let held = hub.commit(&none("c"));
    hub.approve(&held.holds[0]);
    assert_eq!(hub.commit(&none("'b', c")).holds.len(), 0);
}

#[test]
fn an_approval_of_some_objects_of_a_bundle_is_none_of_more() {
    let names: Vec<String> = (0..60).map(|n| format!("o{n:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let without = |count: usize| {
        let content = maps("w/w.yaml", &all[count..]);
        let placement = "== p.yaml\n@Placement web\nspec: {bundles: [web], clusters: [{}]}\n";
        [&clusters(&["a"]), BUNDLES, &content, placement].concat()
    };
    let mut hub = Hub::default();
    hub.commit(&without(0));
    let held = hub.commit(&without(13));
    assert_eq!(held.holds[0].set.objects(), 13);
    hub.approve(&held.holds[0]);
    let more = hub.commit(&without(14));
    assert_eq!(more.holds[0].set.objects(), 14);
    assert_eq!(hub.commit(&without(13)).holds, []);
}

#[test]
fn many_objects_of_one_cluster_wait() {
    let names: Vec<String> = (0..60).map(|n| format!("o{n:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = |count: usize| {
        [
            clusters(&["a"]),
            "== bundles.yaml\n@Bundle web\nspec: {path: w}\n".to_owned(),
            maps("w/w.yaml", &all[..count]),
            "== p.yaml\n@Placement web\nspec: {bundles: [web], clusters: [{}]}\n".to_owned(),
        ]
        .concat()
    };
    let removed = |counts: &[usize]| {
        let mut hub = Hub::default();
        hub.commit(&text(60));
        counts
            .iter()
            .map(|count| hub.commit(&text(*count)).holds.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(removed(&[48]), [0]);
    assert_eq!(removed(&[47]), [1]);
    assert_eq!(removed(&[54, 48, 47]), [0, 0, 1]);
    assert_eq!(removed(&[54, 60, 48]), [0, 0, 0]);
}

#[test]
fn namespaces_definitions_and_claims_always_wait_and_so_does_the_last_object() {
    let kinds = "== w/k.yaml
{apiVersion: v1, kind: Namespace, metadata: {name: ns}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: pvc}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: crd}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}}
";
    let with = format!("{}{kinds}", fleet());
    check(
        &[&with, &fleet()],
        expect![[r#"
        a: db[d1] web[plain w1 w2 ns pvc crd]
          web kept: its removal waits for approval of c0cc71a4fbc4
        b: db[d1] web[plain w1 w2 ns pvc crd]
          web kept: its removal waits for approval of c0cc71a4fbc4
        c: db[d1] web[plain w1 w2 ns pvc crd]
          web kept: its removal waits for approval of c0cc71a4fbc4
        held: removing 12 objects from 3 clusters waits for approval: Namespace ns on cluster a takes what is in it along; PersistentVolumeClaim default/pvc on cluster a takes what is in it along; CustomResourceDefinition.apiextensions.k8s.io crd on cluster a takes what is in it along; and 6 more reasons
    "#]],
    );
    let alone = [
        clusters(&["a"]),
        BUNDLES.to_owned(),
        maps("d/d.yaml", &["d1"]),
        maps("w/w.yaml", &["w1"]),
        "== p.yaml\n@Placement db\nspec: {bundles: [db], clusters: [{}]}\n".to_owned(),
    ]
    .concat();
    let swapped = alone.replace("[db]", "[web]");
    check(
        &[&alone, &swapped],
        expect![[r#"
        a: web[w1]
    "#]],
    );
    check(
        &[
            &alone,
            &alone.replace("@Placement db\nspec: {bundles: [db], clusters: [{}]}\n", ""),
        ],
        expect![[r#"
            a: db[d1]
              db kept: its removal waits for approval of 2a717366891b
            held: removing 1 object from 1 cluster waits for approval: cluster a would be left with nothing
        "#]],
    );
}

/// The fleet with more clusters, where `web` has these fields and leaves the first of them.
fn leaving(spec: &str, left: usize) -> String {
    let names: Vec<String> = (0..10).map(|n| format!("c{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let except = match left {
        0 => String::new(),
        left => format!(", except: [{{names: [{}]}}]", names[..left].join(", ")),
    };
    [
        clusters(&names),
        BUNDLES.to_owned(),
        maps("w/w.yaml", &["w1"]),
        maps("d/d.yaml", &["d1"]),
        format!(
            "== p.yaml\n@Placement web\nspec: {{bundles: [web], clusters: [{{}}]{except}{spec}}}\n\
             @Placement db\nspec: {{bundles: [db], clusters: [{{}}]}}\n"
        ),
    ]
    .concat()
}

#[test]
fn a_placement_has_its_own_budget_where_the_hub_allows_it() {
    let held = |spec: &str, left: usize, allowed: bool| {
        let mut hub = Hub::default();
        hub.running.budget.placement_may_change = allowed;
        hub.commit(&leaving(spec, 0));
        let after = hub.commit(&leaving(spec, left));
        let problems = after.problems.iter();
        let told: Vec<String> = problems
            .filter(|problem| problem.code == crate::problem::Code::SafetyNotAllowed)
            .map(ToString::to_string)
            .collect();
        assert_eq!(told.is_empty(), allowed || spec.is_empty());
        (after.holds.len(), told)
    };
    let loose = ", safety: {maxRemovedClusters: 50%}";
    let tight = ", safety: {maxRemovedClusters: 0%}";
    assert_eq!(held("", 2, true).0, 0);
    assert_eq!(held("", 3, true).0, 1);
    assert_eq!(held(loose, 5, true).0, 0);
    assert_eq!(held(loose, 6, true).0, 1);
    assert_eq!(held(tight, 1, true).0, 1);
    assert_eq!(held(tight, 2, false).0, 0);
    let (holds, told) = held(loose, 3, false);
    assert_eq!(holds, 1);
    expect!["p.yaml:5:81: warning[E0502]: the hub does not let placements change how much may be removed; 20 % of its clusters may go without approval (leave `safety` out, or set `safety.placementMayChange: true` in hub.yaml)"].assert_eq(&told.join("\n"));
}

#[test]
fn a_removal_set_stays_approved_while_it_is_the_same_or_smaller() {
    let mut hub = Hub::default();
    hub.commit(&leaving("", 0));
    let held = hub.commit(&leaving("", 5));
    assert_eq!(held.holds[0].set.objects(), 5);
    hub.approve(&held.holds[0]);
    // Before it is handed out, one cluster comes back and another one is given up.
    assert_eq!(
        hub.look(&crate::fixture::trees(8, &leaving("", 4))).holds,
        []
    );
    let larger = hub.look(&crate::fixture::trees(9, &leaving("", 8)));
    assert_eq!(larger.holds.len(), 1, "three that nobody approved wait");
    assert_eq!(larger.holds[0].set.objects(), 3);
    assert_eq!(hub.commit(&leaving("", 5)).holds, []);
    // It expires, and what it allowed is done.
    hub.pass_ms(limits::APPROVAL_MS);
    assert_eq!(hub.commit(&leaving("", 5)).holds, []);
    assert_eq!(hub.commit(&leaving("", 8)).holds.len(), 1);
}

#[test]
fn an_object_that_only_a_change_of_its_kinds_scope_takes_away_always_waits() {
    let with = |scope: &str| {
        format!(
            "{}== d/crd.yaml\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
             metadata: {{name: walls.example.com}}\n\
             spec: {{group: example.com, scope: {scope}, names: {{kind: Wall}}}}\n\
             == w/wall.yaml\n{{apiVersion: example.com/v1, kind: Wall, metadata: {{name: wall}}}}\n",
            fleet()
        )
    };
    let (cluster_scoped, namespaced) = (with("Cluster"), with("Namespaced"));
    for (one, two) in [
        (&cluster_scoped, &namespaced),
        (&namespaced, &cluster_scoped),
    ] {
        let mut hub = Hub::default();
        hub.commit(one);
        let held = hub.commit(two);
        assert_eq!(held.holds.len(), 1);
        assert_eq!(held.holds[0].set.objects(), 3);
        let sentence = held.holds[0].sentence();
        assert!(
            sentence.contains("because its kind is declared"),
            "{sentence}"
        );
        hub.approve(&held.holds[0]);
        assert!(hub.commit(two).holds.is_empty());
    }
    check(
        &[&cluster_scoped, &namespaced],
        expect![[r#"
        a: db[d1 walls.example.com] web[w1 w2 wall wall]
          web kept: its removal waits for approval of c2d7785bdc72
        b: db[d1 walls.example.com] web[w1 w2 wall wall]
          web kept: its removal waits for approval of c2d7785bdc72
        c: db[d1 walls.example.com] web[w1 w2 wall wall]
          web kept: its removal waits for approval of c2d7785bdc72
        held: removing 3 objects from 3 clusters waits for approval: Wall.example.com wall on cluster a would go because its kind is declared in a namespace now; Wall.example.com wall on cluster b would go because its kind is declared in a namespace now; Wall.example.com wall on cluster c would go because its kind is declared in a namespace now
    "#]],
    );
}
