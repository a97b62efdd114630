//! Snapshots, what is kept, what is held, and the budget.

mod budget;
mod commits;
mod fleets;
mod kept;
mod links;
mod objects;
mod random;
mod restricted;
mod steps;
mod unknown;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{Desired, Prune, Wanted};
use crate::fixture::{BUNDLES, Hub, cluster, clusters, fleet, maps};

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
