//! Snapshots, what is kept, what is held, and the budget.

mod commits;
mod fleets;
mod links;
mod random;
mod restricted;
mod unknown;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{Budget, Desired, Given, Prune, Wanted};
use crate::fixture::{BUNDLES, Hub, cluster, clusters, fleet, maps};
use crate::limits;
use crate::placement::Decisions;

const HOUR_MS: u64 = 3_600_000;

/// What every cluster would run: bundles with the names of their objects, what is kept, holds.
fn show(desired: &Desired) -> String {
    let mut out = String::new();
    for (name, wanted) in &desired.clusters {
        match wanted {
            Wanted::NoOpinion { reason } => writeln!(out, "{name}: no opinion: {reason}").unwrap(),
            Wanted::Snapshot(target) => {
                write!(out, "{name}:").unwrap();
                for bundle in target.snapshot.bundles().keys() {
                    let own = target
                        .snapshot
                        .objects()
                        .iter()
                        .filter(|(_, e)| e.bundle == *bundle);
                    let objects: Vec<_> = own.map(|(key, _)| key.name.as_str()).collect();
                    write!(out, " {}[{}]", bundle.name(), objects.join(" ")).unwrap();
                }
                writeln!(out).unwrap();
                for (bundle, kept) in &target.kept {
                    writeln!(out, "  {} kept: {kept}", bundle.name()).unwrap();
                }
                if let Prune::Withheld(reason) = &target.prune {
                    writeln!(out, "  no prune: {reason}").unwrap();
                }
            }
        }
    }
    for hold in &desired.holds {
        writeln!(out, "held: {}", hold.sentence()).unwrap();
    }
    for problem in &desired.problems {
        if problem.code != crate::problem::Code::RemovalHeld {
            writeln!(out, "{problem}").unwrap();
        }
    }
    out
}

/// Commits one text after another and prints what the last leads to.
fn check(commits: &[&str], expected: Expect) {
    let mut hub = Hub::default();
    let mut last = Desired::default();
    for text in commits {
        last = hub.commit(text);
    }
    expected.assert_eq(&show(&last));
}

#[test]
fn every_cluster_gets_its_bundles() {
    check(
        &[&fleet()],
        expect![[r#"
        a: db[d1] web[w1 w2]
        b: db[d1] web[w1 w2]
        c: db[d1] web[w1 w2]
    "#]],
    );
}

#[test]
fn a_bundle_that_leaves_a_placement_leaves_its_clusters_and_nothing_else_does() {
    let both = fleet().replace("{bundles: [web]", "{bundles: [web, db]");
    check(
        &[
            &both,
            &both.replace("@Placement db\nspec: {bundles: [db], clusters: [{}]}\n", ""),
        ],
        expect![[r#"
            a: db[d1] web[w1 w2]
            b: db[d1] web[w1 w2]
            c: db[d1] web[w1 w2]
        "#]],
    );
    let one = both.replace("@Placement db\nspec: {bundles: [db], clusters: [{}]}\n", "");
    check(
        &[&one, &one.replace("[web, db]", "[web]")],
        expect![[r#"
        a: web[w1 w2]
        b: web[w1 w2]
        c: web[w1 w2]
    "#]],
    );
}

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
fn an_object_of_two_bundles_stays_where_it_is_else_the_lower_name_has_it() {
    let both = format!("{}{}", fleet(), maps("d/w.yaml", &["w1"]));
    check(
        &[&both],
        expect![[r#"
            a: db[d1 w1] web[w2]
            b: db[d1 w1] web[w2]
            c: db[d1 w1] web[w2]
            w/w.yaml:2:1: error[E0406]: bundles `db` and `web` both declare ConfigMap default/w1 on a and 2 more (declare it in one of them; the one that has it today keeps it, else `db` gets it)
        "#]],
    );
    check(
        &[&fleet(), &both],
        expect![[r#"
        a: db[d1] web[w1 w2]
        b: db[d1] web[w1 w2]
        c: db[d1] web[w1 w2]
        d/w.yaml:2:1: error[E0406]: ConfigMap default/w1 belongs to bundle `web` on a and 2 more; bundle `db` does not get it (declare it in one bundle)
    "#]],
    );
}

#[test]
fn an_object_that_moves_between_bundles_is_handed_over() {
    let moved = [
        fleet().replace(&maps("w/w.yaml", &["w1", "w2"]), &maps("w/w.yaml", &["w1"])),
        maps("d/w.yaml", &["w2"]),
    ]
    .concat();
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let after = hub.commit(&moved);
    assert_eq!(after.removals, []);
    expect![[r#"
        a: db[d1 w2] web[w1]
        b: db[d1 w2] web[w1]
        c: db[d1 w2] web[w1]
    "#]]
    .assert_eq(&show(&after));
}

#[test]
fn the_same_input_gives_the_same_snapshot_and_only_new_content_is_new() {
    let mut one = Hub::default();
    let mut two = Hub::default();
    one.commit(&fleet());
    let first = two.commit(&fleet());
    let second = one.commit(&fleet());
    assert_eq!(
        first.clusters.keys().collect::<Vec<_>>(),
        second.clusters.keys().collect::<Vec<_>>()
    );
    for (name, wanted) in &first.clusters {
        let digest = |wanted: &Wanted| wanted.target().map(|target| target.digest);
        assert_eq!(digest(wanted), digest(&second.clusters[name]));
    }
    let needed: usize = first.content.len();
    assert_eq!(
        needed, 4,
        "three objects and one policy, the same for both bundles"
    );
}

/// Two sources: `main` as ever, and `team` with this text.
fn two_sources(team: Option<&str>) -> crate::spec::Trees {
    let mut trees = crate::fixture::trees(1, &fleet());
    if let Some(text) = team {
        let tree = crate::fixture::tree(9, text);
        let read = crate::spec::SourceState::Read(std::sync::Arc::new(tree));
        trees
            .sources
            .insert(capstan_proto::SourceName::try_new("team").unwrap(), read);
    }
    trees
}

#[test]
fn names_of_different_sources_do_not_collide_and_short_names_mean_ones_own() {
    let team = format!(
        "{}== b.yaml\n@Bundle web\nspec: {{path: t, defaultNamespace: team}}\n\
         == c.yaml\n@Cluster a\n@Cluster z\n\
         == p.yaml\n@Placement web\nspec: {{bundles: [web, db], clusters: [{{names: [a, z]}}]}}\n",
        maps("t/t.yaml", &["t1"]),
    );
    let mut hub = Hub::default();
    let both = hub.look(&two_sources(Some(&team)));
    hub.hand_out(&both);
    let a = both.clusters[&cluster("a")].target().unwrap();
    let bundles: Vec<String> = a
        .snapshot
        .bundles()
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(bundles, ["main.db", "main.web", "team.web"]);
    let (_, problems) = crate::spec::load(&two_sources(Some(&team)), None);
    let shown: String = problems.iter().map(|p| format!("{p}\n")).collect();
    expect![[r#"
        c.yaml:4:18: error[E0106]: Cluster `a` is declared already, at clusters.yaml:2:1 (the first path counts; rename or remove one)
        p.yaml:5:23: error[E0203]: no bundle is called `db` (allowed: web)
    "#]].assert_eq(&shown);
    // A source that is taken out of the configuration takes its bundles along, held like anything.
    let after = hub.look(&two_sources(None));
    expect![[r#"
        a: db[d1] web[w1 w2]
        b: db[d1] web[w1 w2]
        c: db[d1] web[w1 w2]
        z: no opinion: no source declares this cluster; it keeps what it has until a Cluster document names it (`hub cluster ban` shuts it out)
    "#]].assert_eq(&show(&after));
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

#[test]
fn a_bundle_that_loses_an_object_to_another_one_gets_it_once_that_leaves() {
    let both = format!("{}{}", fleet(), maps("d/w.yaml", &["w1"]));
    let mut hub = Hub::default();
    hub.commit(&fleet());
    hub.commit(&both);
    // `web` had it: it goes to `db` when `web` stops declaring it, and nothing is removed.
    let moved = both.replace(&maps("w/w.yaml", &["w1", "w2"]), &maps("w/w.yaml", &["w2"]));
    let after = hub.commit(&moved);
    assert_eq!(after.removals, []);
    expect![[r#"
        a: db[d1 w1] web[w2]
        b: db[d1 w1] web[w2]
        c: db[d1 w1] web[w2]
    "#]]
    .assert_eq(&show(&after));
    // Back again, it stays with whom it is.
    expect![[r#"
        a: db[d1 w1] web[w2]
        b: db[d1 w1] web[w2]
        c: db[d1 w1] web[w2]
        w/w.yaml:2:1: error[E0406]: ConfigMap default/w1 belongs to bundle `db` on a and 2 more; bundle `web` does not get it (declare it in one bundle)
    "#]].assert_eq(&show(&hub.commit(&both)));
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
