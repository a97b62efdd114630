//! What is not known is never taken for what is not there, and the rule for that is narrow.

use std::collections::BTreeSet;

use capstan_proto::{ClusterName, SourceName};
use expect_test::expect;

use super::{HOUR_MS, show};
use crate::desired::{Given, Prune};
use crate::fixture::{BUNDLES, Hub, bundle, cluster, clusters, fleet, many, maps};
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};
use crate::spec::Rules;

/// The same hub after a restart that kept its store, and cannot read the past of its sources.
fn restarted(hub: &Hub) -> Hub {
    Hub {
        revision: hub.revision,
        decisions: Decisions::remembered(hub.decisions.previous()),
        running: hub.running.clone(),
        ..Hub::default()
    }
}

#[test]
fn a_mistyped_version_removes_nothing_after_a_restart_either() {
    for (right, wrong) in [
        (
            "@Placement web\n",
            "---\napiVersion: v1\nkind: Placement\nmetadata: {name: web}\n",
        ),
        (
            "@Placement web\n",
            "---\napiVersion: capstn.dev/v1alpha1\nkind: Placement\nmetadata: {name: web}\n",
        ),
        (
            "@Bundle web\n",
            "---\nkind: Bundle\nmetadata: {name: web}\n",
        ),
    ] {
        let mut hub = Hub::default();
        let before = show(&hub.commit(&fleet()));
        let mistyped = fleet().replace(right, wrong);
        for mut hub in [restarted(&hub), hub] {
            let after = show(&hub.commit(&mistyped));
            let snapshots = |text: &str| -> Vec<String> {
                let lines = text
                    .lines()
                    .filter(|line| line.contains(':') && !line.starts_with(' '));
                lines.map(ToOwned::to_owned).collect()
            };
            assert_eq!(
                snapshots(&after)[..3],
                snapshots(&before)[..3],
                "{wrong}: {after}"
            );
        }
    }
}

/// Two of three clusters, which stand in files of their own.
fn counted(files: &str) -> String {
    let placement = "== p.yaml\n@Placement web\nspec: {bundles: [web], clusters: [{}], count: 2}\n";
    [
        files,
        BUNDLES,
        &maps("w/w.yaml", &["w1"]),
        &maps("d/d.yaml", &["d1"]),
        placement,
    ]
    .concat()
}

fn selected(hub: &Hub) -> BTreeSet<ClusterName> {
    hub.decisions
        .placements
        .values()
        .next()
        .unwrap()
        .selected()
        .cloned()
        .collect()
}

const THREE: &str = "== a.yaml\n@Cluster a\n== b.yaml\n@Cluster b\n== c.yaml\n@Cluster c\n";

#[test]
fn a_renamed_cluster_whose_new_document_is_broken_is_what_it_was() {
    let mut hub = Hub::default();
    hub.commit(&counted(THREE));
    let before = selected(&hub);
    let first = before.first().unwrap().to_string();
    let old = format!("== {first}.yaml\n@Cluster {first}\n");
    let renamed = |spec: &str| format!("@Cluster z\nspec: {{renamedFrom: {first}{spec}}}\n");
    for (file, spec) in [
        // In the same file, in another one, with an unknown template, and with a version that is not ours.
        (format!("== {first}.yaml\n"), ", bogus: 1"),
        ("== z.yaml\n".to_owned(), ", bogus: 1"),
        ("== z.yaml\n".to_owned(), ", templates: [nothing]"),
        ("== z.yaml\n".to_owned(), "v1"),
    ] {
        let new = match spec {
            "v1" => format!(
                "---\napiVersion: v1\nkind: Cluster\nmetadata: {{name: z}}\nspec: {{renamedFrom: {first}}}\n"
            ),
            spec => renamed(spec),
        };
        hub.commit(&counted(&THREE.replace(&old, &format!("{file}{new}"))));
        assert_eq!(selected(&hub), before, "{file}{new}");
        hub.commit(&counted(THREE));
    }
    hub.commit(&counted(
        &THREE.replace(&old, &format!("== z.yaml\n{}", renamed(""))),
    ));
    let after: BTreeSet<_> = selected(&hub);
    assert!(
        after.contains(&cluster("z")) && after.contains(before.last().unwrap()),
        "{after:?}"
    );
}

#[test]
fn a_broken_document_blocks_nothing_that_it_cannot_have_declared() {
    let mut hub = Hub::default();
    hub.commit(&counted(THREE));
    let before = selected(&hub);
    let gone = before.first().unwrap();
    let without = THREE.replace(&format!("== {gone}.yaml\n@Cluster {gone}\n"), "");
    let replaced = |broken: &str| {
        // Nothing is known of what was good before.
        let mut hub = restarted(&hub);
        hub.commit(&counted(&format!("{without}{broken}")));
        selected(&hub).len() == 2
    };
    for harmless in [
        "",
        "== x.yaml\n@Placement other\nspec: {bogus: 1}\n",
        "== x.yaml\n@Bundle other\nspec: {bogus: 1}\n",
        "== x.yaml\n@Cluster other\nspec: {bogus: 1}\n",
        "== x.yaml\n@Klaster other\n",
    ] {
        assert!(replaced(harmless), "{harmless}");
    }
    for doubtful in [
        format!("== x.yaml\n@Cluster {gone}\nspec: {{bogus: 1}}\n"),
        "== x.yaml\n@Cluster\nspec: {bogus: 1}\n".to_owned(),
        "== x.yaml\n@Klaster\n".to_owned(),
        "== x.yaml\n@Cluster x\n  : {[\n".to_owned(),
        "!= x.yaml\n".to_owned(),
    ] {
        assert!(!replaced(&doubtful), "{doubtful}");
    }
}

#[test]
fn what_nobody_asks_for_goes_unless_a_broken_document_may_place_it() {
    let mut hub = Hub::default();
    hub.commit(&fleet());
    let text = |more: &str| {
        let placement = "@Placement db\nspec: {bundles: [db], clusters: [{}]}\n";
        fleet().replace(placement, "").replace(
            "[web], clusters: [{}]",
            "[web, db], clusters: [{names: [a, b]}]",
        ) + more
    };
    let stays = |more: &str| show(&restarted(&hub).commit(&text(more))).contains("c: db[d1]");
    assert!(stays("@Placement other\nspec: {bogus: 1}\n"));
    assert!(stays("@Klaster other\n"));
    assert!(
        !stays("@Cluster other\nspec: {bogus: 1}\n")
            || show(&restarted(&hub).commit(&text(""))).contains("held")
    );
}

#[test]
fn a_placement_of_another_source_that_is_not_known_keeps_what_it_brought() {
    let platform = [
        clusters(&["a", "b", "c"]),
        BUNDLES.to_owned(),
        maps("w/w.yaml", &["w1"]),
        maps("d/d.yaml", &["d1"]),
        "== p.yaml\n@Placement db\nspec: {bundles: [db], clusters: [{}]}\n".to_owned(),
    ]
    .concat();
    let trees = |team: &str| {
        let mut trees = many(1, &[("platform", &platform), ("team", team)]);
        let rules = Rules {
            exported_bundles: ["web".to_owned()].into(),
            ..Rules::default()
        };
        trees
            .rules
            .insert(SourceName::try_new("platform").unwrap(), rules);
        trees
    };
    let good = "@Placement p\nspec: {bundles: [platform/web], clusters: [{names: [a]}]}\n";
    let mut hub = Hub::default();
    hub.follow(&trees(good));
    let broken = trees(&good.replace("clusters", "clutsers"));
    expect![[r#"
        a: db[d1] web[w1]
          web kept: source team is not fully known: fleet.yaml:2:1 is broken, and no good version of it is known
        b: db[d1]
        c: db[d1]
    "#]]
    .assert_eq(&show(&restarted(&hub).follow(&broken)));
}

#[test]
fn what_stays_and_is_not_on_record_is_not_pruned_whatever_a_person_says_of_the_rest() {
    let suspended = fleet().replace("{bundles: [web], ", "{suspend: true, bundles: [web], ");
    let broken = fleet().replace("metadata: {name: w1}", "metadata: {nam: w1}");
    let gap = fleet().replace(
        "@Placement web\nspec: {",
        "@Placement web\nspec: {bogus: 1, ",
    );
    for text in [suspended, broken, gap] {
        let mut hub = Hub::default();
        hub.running.clusters.insert(cluster("a"), Given::Unknown);
        let runs = [(cluster("a"), [bundle("web")].into())];
        hub.running.unrecorded = runs.into();
        hub.commit(&text);
        let given = hub.running.clusters.get_mut(&cluster("a")).unwrap();
        *given = std::mem::take(given).confirmed();
        let desired = hub.commit(&text);
        let target = desired.clusters[&cluster("a")].target().unwrap();
        let Prune::Withheld(why) = &target.prune else {
            panic!("{}", show(&desired));
        };
        assert!(why.contains("bundle web runs there"), "{why}");
        // Once it is known again, everything else may go.
        let desired = hub.commit(&fleet());
        assert_eq!(
            desired.clusters[&cluster("a")].target().unwrap().prune,
            Prune::Permitted
        );
    }
}

#[test]
fn what_came_back_and_leaves_again_counts_from_then_on() {
    let objects = |from: usize, to: usize| {
        let all: Vec<String> = (from..to).map(|n| format!("w{n}")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        fleet().replace(&maps("w/w.yaml", &["w1", "w2"]), &maps("w/w.yaml", &all))
    };
    let mut hub = Hub::default();
    hub.commit(&objects(0, 21));
    assert_eq!(hub.commit(&objects(10, 21)).holds.len(), 0);
    hub.commit(&objects(0, 21));
    hub.pass_ms(23 * HOUR_MS);
    assert_eq!(hub.commit(&objects(10, 21)).holds.len(), 0);
    hub.pass_ms(2 * HOUR_MS);
    // The ten of two hours ago count, although they left a day ago, too.
    assert_eq!(hub.commit(&objects(20, 21)).holds.len(), 1);
}

/// One cluster, with these objects.
fn placed(name: &str, spec: &str, objects: &[&str]) -> String {
    let cluster = format!("== a.yaml\n@Cluster {name}\nspec: {spec}\n");
    let placement = "== p.yaml\n@Placement web\nspec: {bundles: [web, db], clusters: [{}]}\n";
    [
        &cluster,
        BUNDLES,
        &maps("w/w.yaml", objects),
        &maps("d/d.yaml", &["d1"]),
        placement,
    ]
    .concat()
}

#[test]
fn another_name_is_no_other_budget() {
    let names: Vec<String> = (0..21).map(|n| format!("w{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut hub = Hub::default();
    hub.commit(&placed("a", "{}", &names));
    assert_eq!(hub.commit(&placed("a", "{}", &names[10..])).holds.len(), 0);
    let trees = crate::fixture::trees(9, &placed("z", "{renamedFrom: a}", &names[20..]));
    let (spec, _) = crate::spec::load(&trees, hub.spec.as_deref());
    let moved = hub.running.rename(&spec, &[cluster("a")].into());
    assert_eq!(moved, [(cluster("a"), cluster("z"))]);
    let desired = hub.follow(&trees);
    assert_eq!(desired.holds.len(), 1, "{}", show(&desired));
    let decisions = resolve(
        &std::sync::Arc::new(spec),
        &Inventory::default(),
        &hub.decisions,
    );
    assert_eq!(decisions.undeclared.len(), 0);
}

/// Its name becomes that of a cluster which was renamed, and both are there.
#[test]
fn what_another_cluster_lost_under_a_name_stays_its_own() {
    let names: Vec<String> = (0..30).map(|n| format!("w{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut hub = Hub::default();
    hub.commit(&placed("a", "{}", &names));
    hub.commit(&placed("a", "{}", &names[10..]));
    let before = hub.running.clone();
    assert_eq!(before.log.entries.len(), 10);
    let trees = crate::fixture::trees(9, &placed("z", "{renamedFrom: a}", &names[10..]));
    let (spec, _) = crate::spec::load(&trees, hub.spec.as_deref());
    let moved = hub
        .running
        .rename(&spec, &[cluster("a"), cluster("z")].into());
    assert_eq!(moved, []);
    assert_eq!(hub.running, before);
}
