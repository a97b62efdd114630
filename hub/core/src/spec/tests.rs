//! Fleet files good and bad, and last good versions.

mod cel;
mod fields;
mod findings;
mod follow;
mod hostile;
mod links;
mod newcomers;
mod references;
mod sources;
mod standing;
mod values;

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{SourceState, Spec, Trees, load};
use crate::fixture::{load_all, source, trees};
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};
use crate::problem::Problem;

/// What is declared, with the place and age of kept documents, then the problems.
fn show(spec: &Spec, problems: &[Problem]) -> String {
    let mut out = String::new();
    let mut line = |kind: &str, name: &str, kept: bool, at: String| {
        let kept = if kept { " (kept)" } else { "" };
        writeln!(out, "{kind} {name} at {at}{kept}").unwrap();
    };
    for (name, d) in &spec.clusters {
        line("cluster", name.as_str(), d.kept, d.at.to_string());
    }
    for (name, d) in &spec.templates {
        line("template", name.name(), d.kept, d.at.to_string());
    }
    for (name, d) in spec.declared_groups() {
        line("group", name.name(), d.kept, d.at.to_string());
    }
    for (name, d) in &spec.bundles {
        line("bundle", name.name(), d.kept, d.at.to_string());
    }
    for (name, d) in &spec.placements {
        line("placement", name.name(), d.kept, d.at.to_string());
    }
    for (source, gaps) in &spec.gaps {
        writeln!(out, "{source}: {} unknown", gaps.len()).unwrap();
    }
    for problem in problems {
        writeln!(out, "{problem}").unwrap();
    }
    out
}

/// Loads one revision after another and prints the last.
fn check(revisions: &[&str], expected: Expect) {
    let (spec, problems) = load_all(revisions);
    expected.assert_eq(&show(&spec, &problems));
}

const GOOD: &str = "\
== clusters/a.yaml
@Cluster a
@Cluster b
== groups.yaml
@ClusterGroup europe
spec: {clusters: [{names: [a]}]}
== apps/web.yaml
@Bundle web
spec: {path: ./web}
== apps/web/cm.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
== placements.yaml
@Placement everywhere
spec: {bundles: [web], clusters: [{groups: [europe]}]}
";

/// The good fleet with one file's text replaced.
fn with(path: &str, text: &str) -> String {
    let mut out = String::new();
    let mut skipping = false;
    for line in GOOD.lines() {
        if let Some(at) = line.strip_prefix("== ") {
            skipping = at == path;
        }
        if !skipping {
            writeln!(out, "{line}").unwrap();
        }
    }
    write!(out, "== {path}\n{text}").unwrap();
    out
}

#[test]
fn a_good_fleet_has_no_problems() {
    check(
        &[GOOD],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
    "#]],
    );
}

#[test]
fn unknown_fields_are_refused_with_the_nearest_known_one() {
    check(
        &[
            "@Placement p\nspec:\n  bundles: [web]\n  clusters:\n  - matchLables: {env: prod}\n  count: 3\n  zzz: 1\n",
        ],
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:5: error[E0102]: `spec.clusters` has no field `matchLables` (did you mean `matchLabels`?)
            fleet.yaml:10:3: error[E0102]: `spec` has no field `zzz` (allowed: priority, bundles, clusters, except, revision, suspend, tolerations, count, prefer, spread, safety, overrides)
        "#]],
    );
}

#[test]
fn wrong_types_are_refused_at_their_places() {
    check(
        &[
            "@Cluster\nmetadata:\n  name: a\n  labels: {store: 12, on: true}\nspec:\n  variables:\n    list: [1]\n    9x: 1\n    circle: ${circle}\n    open: ${\n---\napiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: 7}\nspec: {bundles: web, clusters: [], priority: high, suspend: 1}\n",
        ],
        expect![[r#"
            main: 2 unknown
            fleet.yaml:6:19: error[E0103]: `metadata.labels.store` must be a string, not a number (write "12")
            fleet.yaml:6:27: error[E0103]: `metadata.labels.on` must be a string, not a truth value (write "true")
            fleet.yaml:9:11: error[E0103]: `spec.variables.list` must be a string, a number or true or false, not a list (make several variables of it, or write it as one string)
            fleet.yaml:10:5: error[E0105]: `9x` cannot be the name of a variable (use letters, digits, _ and -, beginning with a letter or _)
            fleet.yaml:11:13: error[E0302]: variables use each other in a circle: circle -> circle (give one of them a value of its own)
            fleet.yaml:12:11: error[E0303]: `${` is not closed by `}` (write `$${` for a literal `${`)
            fleet.yaml:16:18: error[E0103]: `metadata.name` must be a string, not a number (write "7")
            fleet.yaml:17:17: error[E0103]: `spec.bundles` must be a list, not a string (write [web])
            fleet.yaml:17:32: error[E0109]: `spec.clusters` is empty (name something; `[{}]` is every cluster)
            fleet.yaml:17:46: error[E0103]: `spec.priority` must be a whole number, not a string (as in 10)
            fleet.yaml:17:61: error[E0103]: `spec.suspend` must be true or false, not a number
        "#]],
    );
}

#[test]
fn selection_terms_are_read_strictly() {
    check(
        &[
            "@ClusterGroup g\nspec:\n  clusters:\n  - matchExpressions:\n    - {key: a, operator: in, values: [x]}\n    - {key: a, operator: In}\n    - {key: a, operator: Exists, values: [x]}\n    - {key: a, operator: In, values: [29]}\n  - names: []\n  - null\n  except:\n",
        ],
        expect![[r#"
            main: 1 unknown
            fleet.yaml:8:26: error[E0110]: `spec.clusters.matchExpressions.operator` cannot be `in` (did you mean `In`?)
            fleet.yaml:9:7: error[E0104]: `In` needs at least one of `values` (as in `values: [prod]`)
            fleet.yaml:10:7: error[E0110]: `Exists` takes no `values` (use In or NotIn with values)
            fleet.yaml:11:39: error[E0103]: `spec.clusters.matchExpressions.values` must be a string, not a number (write "29")
            fleet.yaml:12:12: error[E0109]: `spec.clusters.names` is empty (leave `names` out, or name something)
            fleet.yaml:13:5: error[E0103]: `spec.clusters` must be a map, not nothing (as in {matchLabels: {env: prod}})
            fleet.yaml:14:9: error[E0109]: `spec.except` is empty (leave `except` out, or name something)
        "#]],
    );
}

#[test]
fn bundles_are_read_strictly() {
    check(
        &[
            "@Bundle b\nspec:\n  path: ../up\n  defaultNamespace: Not_A_Label\n  createNamespace: yes\n  adopt: {mode: sometimes, from: [helm]}\n  drift: {mode: fix, ignore: [{}]}\n  health: {timeout: soon}\n  helm: {}\n@Bundle c\nspec: {path: '${cluster.name}'}\n@Bundle d\nspec: {path: d, createNamespace: true}\n@Bundle e\n",
        ],
        expect![[r#"
            bundle c at fleet.yaml:14:1
            main: 3 unknown
            fleet.yaml:6:9: error[E0110]: `spec.path` cannot go up (name a directory below)
            fleet.yaml:7:21: error[E0105]: `Not_A_Label` must consist of a-z, 0-9 and -, and start and end with a letter or digit (write not-a-label)
            fleet.yaml:8:20: error[E0103]: `spec.createNamespace` must be true or false, not a string (write true; in YAML 1.2 `yes` is a string)
            fleet.yaml:9:17: error[E0110]: `spec.adopt.mode` cannot be `sometimes` (allowed: ifIdentical, never, always)
            fleet.yaml:9:28: error[E0111]: this version does not know `spec.adopt.from` yet (allowed: mode)
            fleet.yaml:10:17: error[E0110]: `spec.drift.mode` cannot be `fix` (allowed: correct, report, ignore)
            fleet.yaml:10:31: error[E0104]: an ignore rule without any key would ignore everything (use `drift: {mode: ignore}` for that)
            fleet.yaml:11:21: error[E0110]: `spec.health.timeout` cannot be `soon` (write 90s, 5m or 1h30m)
            fleet.yaml:22:34: error[E0104]: `spec.createNamespace` needs a `spec.defaultNamespace` (name the namespace to make)
            fleet.yaml:24:1: error[E0104]: `spec.path` is missing (name the directory of its manifests, as in `path: apps/web`)
        "#]],
    );
}

#[test]
fn names_are_labels_and_unique_and_the_first_path_counts() {
    check(
        &[
            "== b.yaml\n@Cluster x\n== a.yaml\n@Cluster x\n@Cluster Y\n@Cluster\nmetadata: {}\n@Cluster\n",
        ],
        expect![[r#"
            cluster x at a.yaml:2:1
            main: 2 unknown
            a.yaml:8:18: error[E0105]: `Y` must consist of a-z, 0-9 and -, and start and end with a letter or digit (write y)
            a.yaml:12:11: error[E0104]: `metadata.name` is missing
            a.yaml:14:1: error[E0104]: `Cluster.metadata` is missing (as in `metadata: {name: web}`)
            b.yaml:4:18: error[E0106]: Cluster `x` is declared already, at a.yaml:2:1 (the first path counts; rename or remove one)
        "#]],
    );
}

#[test]
fn nothing_that_calls_itself_ours_is_ignored() {
    check(
        &[
            "apiVersion: capstan.dev/v1\nkind: Cluster\nmetadata: {name: a}\n---\napiVersion: capstan.io/v1alpha1\nkind: X\n@Clutser a\n@ClusterTemplate t\n---\napiVersion: capstan.dev/v1alpha1\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: capstan.dev}\n",
        ],
        expect![[r#"
            template t at fleet.yaml:12:1
            main: 3 unknown
            fleet.yaml:1:13: error[E0108]: `capstan.dev/v1` is no version of fleet files (write capstan.dev/v1alpha1)
            fleet.yaml:5:13: error[E0108]: `capstan.io/v1alpha1` is no version of fleet files (write capstan.dev/v1alpha1)
            fleet.yaml:9:7: error[E0107]: `Clutser` is no kind of fleet file (did you mean `Cluster`?)
            fleet.yaml:16:1: error[E0104]: `kind` is missing (allowed: Cluster, ClusterTemplate, ClusterGroup, Bundle, Placement)
        "#]],
    );
}

#[test]
fn files_that_do_not_parse_matter_only_when_they_mention_us() {
    check(
        &[
            "== chart/templates/x.yaml\n{{ if .Values.x }}\na: {{ .Values.y }}\n{{ end }}\n== ours.yaml\napiVersion: capstan.dev/v1alpha1\nkind: [\n== README.md\ncapstan.dev/ {{{\n",
        ],
        expect![[r#"
            main: 1 unknown
            ours.yaml:2:7: error[E0101]: unclosed bracket '[' (what this document declared before stays until it is mended)
        "#]],
    );
}

#[test]
fn a_file_that_breaks_keeps_what_it_declared() {
    let broken = with("placements.yaml", "a: [\n");
    check(
        &[GOOD, &broken],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:1:4: error[E0101]: unclosed bracket '[' (what this document declared before stays until it is mended)
    "#]],
    );
    check(
        &[GOOD, &broken, &broken],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:1:4: error[E0101]: unclosed bracket '[' (what this document declared before stays until it is mended)
    "#]],
    );
    check(
        &[GOOD, &broken, GOOD],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
    "#]],
    );
}

#[test]
fn a_document_that_breaks_keeps_its_last_good_version_and_the_others_go_on() {
    let broken = with(
        "clusters/a.yaml",
        "@Cluster a\nspec: {variabels: {}}\n@Cluster b\n@Cluster c\n",
    );
    check(
        &[GOOD, &broken],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1 (kept)
        cluster b at clusters/a.yaml:7:1
        cluster c at clusters/a.yaml:11:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        clusters/a.yaml:5:8: error[E0102]: `spec` has no field `variabels` (did you mean `variables`?)
    "#]],
    );
}

#[test]
fn a_document_that_is_no_longer_recognised_stays() {
    let lost = with(
        "apps/web.yaml",
        "apiVersion: v1\nkind: Bundle\nmetadata: {name: web}\nspec: {path: ./web}\n",
    );
    check(
        &[GOOD, &lost],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1 (kept)
        placement everywhere at placements.yaml:2:1
        apps/web.yaml:1:1: error[E0113]: Bundle `web` is not recognised any more (write apiVersion: capstan.dev/v1alpha1, or remove the document)
    "#]],
    );
}

#[test]
fn a_document_that_is_removed_goes() {
    let removed = with("clusters/a.yaml", "@Cluster b\n");
    check(
        &[GOOD, &removed],
        expect![[r#"
            cluster b at clusters/a.yaml:2:1
            group europe at groups.yaml:2:1
            bundle web at apps/web.yaml:2:1
            placement everywhere at placements.yaml:2:1
            groups.yaml:5:28: warning[E0207]: no declared cluster is called `a`
        "#]],
    );
}

#[test]
fn a_broken_file_without_history_leaves_a_gap_until_it_is_mended() {
    let broken = with(
        "placements.yaml",
        "apiVersion: capstan.dev/v1alpha1\na: [\n",
    );
    check(
        &[&broken],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        main: 1 unknown
        placements.yaml:2:4: error[E0101]: unclosed bracket '[' (what this document declared before stays until it is mended)
    "#]],
    );
    check(
        &[&broken, &broken],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        main: 1 unknown
        placements.yaml:2:4: error[E0101]: unclosed bracket '[' (what this document declared before stays until it is mended)
    "#]],
    );
    check(
        &[&broken, GOOD],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
    "#]],
    );
}

#[test]
fn a_group_that_is_removed_and_still_named_stays() {
    let removed = with("groups.yaml", "");
    check(
        &[GOOD, &removed],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1 (kept)
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        placements.yaml:5:45: error[E0201]: group `europe` is named here and not declared any more (its last version stays until nothing names it)
    "#]],
    );
    check(
        &[GOOD, &removed, &removed],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1 (kept)
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        placements.yaml:5:45: error[E0201]: group `europe` is named here and not declared any more (its last version stays until nothing names it)
    "#]],
    );
}

#[test]
fn an_unknown_group_makes_the_whole_document_bad() {
    let bad = with(
        "placements.yaml",
        "@Placement everywhere\nspec: {bundles: [web], clusters: [{}], except: [{groups: [erope]}]}\n",
    );
    check(
        &[GOOD, &bad],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:5:59: error[E0201]: no group is called `erope` (did you mean `europe`?)
    "#]],
    );
    check(
        &[&bad],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        main: 1 unknown
        placements.yaml:5:59: error[E0201]: no group is called `erope` (did you mean `europe`?)
    "#]],
    );
}

#[test]
fn groups_in_a_circle_keep_their_last_good_versions() {
    let circle = with(
        "groups.yaml",
        "@ClusterGroup europe\nspec: {clusters: [{groups: [north]}]}\n@ClusterGroup north\nspec: {clusters: [{groups: [europe]}]}\n",
    );
    check(
        &[GOOD, &circle],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1 (kept)
            bundle web at apps/web.yaml:2:1
            placement everywhere at placements.yaml:2:1
            groups.yaml:2:1: error[E0202]: groups name each other in a circle: europe -> north -> europe (let one of them name clusters instead)
            groups.yaml:7:1: error[E0202]: groups name each other in a circle: north -> europe -> north (let one of them name clusters instead)
        "#]],
    );
    check(
        &[&circle],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            bundle web at apps/web.yaml:2:1
            main: 3 unknown
            groups.yaml:2:1: error[E0202]: groups name each other in a circle: europe -> north -> europe (let one of them name clusters instead)
            groups.yaml:7:1: error[E0202]: groups name each other in a circle: north -> europe -> north (let one of them name clusters instead)
            placements.yaml:5:45: warning[E0214]: group `europe` has no good version, because of the document at groups.yaml:2:1: this document is bad, too (mend that document)
        "#]],
    );
}

#[test]
fn bundles_that_wait_for_each_other_are_refused() {
    let circle = with(
        "apps/web.yaml",
        "@Bundle web\nspec: {path: ./web, dependsOn: [db]}\n@Bundle db\nspec: {path: ./web, dependsOn: [web]}\n@Bundle c\nspec: {path: ./wbe, dependsOn: [dbb]}\n",
    );
    check(
        &[GOOD, &circle],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle c at apps/web.yaml:12:1
        bundle web at apps/web.yaml:2:1 (kept)
        placement everywhere at placements.yaml:2:1
        apps/web.yaml:5:33: error[E0204]: bundles wait for each other: web -> db -> web
        apps/web.yaml:10:33: error[E0204]: bundles wait for each other: db -> web -> db
        apps/web.yaml:15:14: error[E0205]: `apps/wbe` is no directory with files (did you mean `apps/web`?)
        apps/web.yaml:15:33: error[E0203]: no bundle is called `dbb` (allowed: c, web)
    "#]],
    );
}

#[test]
fn names_that_nothing_has_are_found() {
    let bad = with(
        "placements.yaml",
        "@Placement everywhere\nspec:\n  bundles: [wbe]\n  clusters: [{names: [aa, 'edge-*']}]\n  overrides: [{bundles: [web], variables: {x: 1}}]\n@Placement p\nspec: {bundles: [wbe], clusters: [{names: [bb]}]}\n",
    );
    check(
        &[GOOD, &bad],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            bundle web at apps/web.yaml:2:1
            placement everywhere at placements.yaml:2:1 (kept)
            placement p at placements.yaml:10:1
            placements.yaml:8:25: error[E0110]: the placement does not place `web` (name it in `spec.bundles` too)
            placements.yaml:13:18: error[E0203]: no bundle is called `wbe` (did you mean `web`?)
            placements.yaml:13:44: warning[E0207]: no declared cluster is called `bb` (did you mean `b`?)
        "#]],
    );
}

#[test]
fn a_source_that_cannot_be_read_keeps_everything() {
    let unread = Trees {
        sources: [(source(), SourceState::Unread)].into(),
        ..Trees::default()
    };
    let (spec, _) = load_all(&[GOOD]);
    let (kept, problems) = load(&unread, Some(&spec));
    assert_eq!(show(&kept, &problems), show(&spec, &[]));
    let (nothing, problems) = load(&unread, None);
    assert!(!nothing.is_complete());
    assert_eq!(show(&nothing, &problems), "main: 1 unknown\n");
    let (still, _) = load(&unread, Some(&nothing));
    assert!(!still.is_complete());
}

#[test]
fn what_was_kept_is_found_again_from_its_commit() {
    let broken = with("placements.yaml", "a: [\n");
    let (spec, problems) = load_all(&[GOOD, &broken]);
    let kept = spec.kept_revisions();
    assert_eq!(kept.len(), 1);
    let (old, _) = load(&trees(1, GOOD), None);
    let (again, found) = load(&trees(2, &broken), Some(&old));
    assert_eq!(show(&again, &found), show(&spec, &problems));
}

#[test]
fn a_misspelt_api_version_is_found() {
    check(
        &["apiversion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: a}\n"],
        expect![[r#"
            main: 1 unknown
            fleet.yaml:1:1: error[E0102]: `apiversion` must be `apiVersion`
        "#]],
    );
}

#[test]
fn a_source_that_cannot_be_read_keeps_its_problems_too() {
    let broken = with(
        "clusters/a.yaml",
        "@Cluster a\nspec: {variabels: {}}\n@Cluster b\n",
    );
    let (spec, problems) = load_all(&[GOOD, &broken]);
    let unread = Trees {
        sources: [(source(), SourceState::Unread)].into(),
        ..Trees::default()
    };
    let (kept, still) = load(&unread, Some(&spec));
    assert_eq!(show(&kept, &still), show(&spec, &problems));
}

#[test]
fn what_a_broken_document_declares_is_not_missed_elsewhere() {
    let bundle = with("apps/web.yaml", "@Bundle web\nspec: {pth: ./web}\n");
    check(
        &[&bundle],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 1 unknown
            apps/web.yaml:5:8: error[E0102]: `spec` has no field `pth` (did you mean `path`?)
            placements.yaml:5:18: warning[E0214]: bundle `web` has no good version, because of the document at apps/web.yaml:2:1: nothing new of it is placed (mend that document)
        "#]],
    );
    let group = with(
        "groups.yaml",
        "@ClusterGroup europe\nspec: {cluster: []}\n@ClusterGroup all\nspec: {clusters: [{groups: [europe]}]}\n",
    ) + "== p.yaml\n@Placement all\nspec: {bundles: [web, wbe], clusters: [{groups: [all, nrth]}]}\n";
    check(
        &[&group],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            bundle web at apps/web.yaml:2:1
            main: 4 unknown
            groups.yaml:5:8: error[E0102]: `spec` has no field `cluster` (did you mean `clusters`?)
            groups.yaml:5:17: error[E0109]: `spec.clusters` is empty (name something; `[{}]` is every cluster)
            p.yaml:5:23: error[E0203]: no bundle is called `wbe` (did you mean `web`?)
            p.yaml:5:50: warning[E0214]: group `all` has no good version, because of the document at groups.yaml:2:1: this document is bad, too (mend that document)
            p.yaml:5:55: error[E0201]: no group is called `nrth` (declare a ClusterGroup)
            placements.yaml:5:45: warning[E0214]: group `europe` has no good version, because of the document at groups.yaml:2:1: this document is bad, too (mend that document)
        "#]],
    );
    let kind = with("apps/web.yaml", "@Bundel web\nspec: {path: ./web}\n");
    check(
        &[&kind],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 1 unknown
            apps/web.yaml:3:7: error[E0107]: `Bundel` is no kind of fleet file (did you mean `Bundle`?)
            placements.yaml:5:18: warning[E0214]: no bundle is called `web`, unless the broken document at apps/web.yaml:2:1 declares it: nothing new of it is placed (mend that document)
        "#]],
    );
}

#[test]
fn a_broken_cluster_is_not_missed_elsewhere() {
    let cluster = with(
        "clusters/a.yaml",
        "@Cluster a\nspec: {variabels: {}}\n@Cluster b\n== p.yaml\n@Placement p\nspec: {bundles: [web], clusters: [{names: [a]}, {names: [x]}]}\n",
    );
    let (spec, problems) = load_all(&[&cluster]);
    let spec = std::sync::Arc::new(spec);
    let decisions = resolve(&spec, &Inventory::default(), &Decisions::default());
    let problems: Vec<Problem> = problems.into_iter().chain(decisions.problems).collect();
    expect![[r#"
        cluster b at clusters/a.yaml:7:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1
        placement p at p.yaml:2:1
        main: 1 unknown
        clusters/a.yaml:5:8: error[E0102]: `spec` has no field `variabels` (did you mean `variables`?)
        p.yaml:5:58: warning[E0207]: no declared cluster is called `x`
    "#]].assert_eq(&show(&spec, &problems));
}

#[test]
fn what_a_file_that_does_not_parse_mentions_is_not_missed_elsewhere() {
    let yaml = with("apps/web.yaml", "@Bundle web\nspec: {path: ./web\n");
    check(
        &[&yaml],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 1 unknown
            apps/web.yaml:5:7: error[E0101]: unclosed bracket '{' (what this document declared before stays until it is mended)
            placements.yaml:5:18: warning[E0214]: no bundle is called `web`, unless the broken document at apps/web.yaml:5:7 declares it: nothing new of it is placed (mend that document)
        "#]],
    );
    let json = with(
        "apps/web.yaml",
        "== apps/web.json\n{\n  \"apiVersion\": \"capstan.dev/v1alpha1\", \"kind\" : \"Bundle\",\n  \"metadata\": {\"name\": \"web\"},\n  \"spec\": {\"path\": \"./web\",}\n}\n",
    );
    check(
        &[&json],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 1 unknown
            apps/web.json:4:28: error[E0101]: this is not JSON: trailing comma (what this document declared before stays until it is mended)
            placements.yaml:5:18: warning[E0214]: no bundle is called `web`, unless the broken document at apps/web.json:4:28 declares it: nothing new of it is placed (mend that document)
        "#]],
    );
}

#[test]
fn every_unknown_name_of_a_placement_is_told() {
    let bad = with(
        "placements.yaml",
        "@Placement everywhere\nspec: {bundles: [wbe], clusters: [{groups: [erope, nrth]}, {names: [aa]}]}\n",
    );
    check(
        &[GOOD, &bad],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:5:18: error[E0203]: no bundle is called `wbe` (did you mean `web`?)
        placements.yaml:5:45: error[E0201]: no group is called `erope` (did you mean `europe`?)
        placements.yaml:5:52: error[E0201]: no group is called `nrth` (allowed: europe)
        placements.yaml:5:69: warning[E0207]: no declared cluster is called `aa` (did you mean `a`?)
    "#]],
    );
}

#[test]
fn a_document_that_looks_like_ours_without_a_version_is_told() {
    let text = "\
== p.yaml
kind: Placement
metadata: {name: p}
spec: {bundles: [web], clusters: [{}]}
---
kind: Cluster
metadata: {name: c}
---
kind: Placement
metadata: {name: other}
spec: {seats: 3}
---
apiVersion: cluster.x-k8s.io/v1beta1
kind: Cluster
metadata: {name: c}
spec: {variables: {}}
== apps/web/b.json
{\"kind\": \"Bundle\", \"metadata\": {\"name\": \"x\"}, \"spec\": {\"path\": \"x\"}}
== b.json
{\"kind\": \"Bundle\", \"metadata\": {\"name\": \"x\"}, \"spec\": {\"path\": \"x\"}}
";
    check(
        &[&format!("{GOOD}{text}")],
        expect![[r#"
            cluster a at clusters/a.yaml:2:1
            cluster b at clusters/a.yaml:6:1
            group europe at groups.yaml:2:1
            bundle web at apps/web.yaml:2:1
            placement everywhere at placements.yaml:2:1
            main: 5 unknown
            b.json:1:1: warning[E0114]: this looks like a Bundle and has no `apiVersion`, so it declares nothing (write apiVersion: capstan.dev/v1alpha1)
            p.yaml:1:1: warning[E0114]: this looks like a Placement and has no `apiVersion`, so it declares nothing (write apiVersion: capstan.dev/v1alpha1)
            p.yaml:5:1: warning[E0114]: this looks like a Cluster and has no `apiVersion`, so it declares nothing (write apiVersion: capstan.dev/v1alpha1)
        "#]],
    );
    // What was ours before is told as that.
    let lost = with(
        "placements.yaml",
        "kind: Placement\nmetadata: {name: everywhere}\nspec: {bundles: [web]}\n",
    );
    check(
        &[GOOD, &lost],
        expect![[r#"
        cluster a at clusters/a.yaml:2:1
        cluster b at clusters/a.yaml:6:1
        group europe at groups.yaml:2:1
        bundle web at apps/web.yaml:2:1
        placement everywhere at placements.yaml:2:1 (kept)
        placements.yaml:1:1: error[E0113]: Placement `everywhere` is not recognised any more (write apiVersion: capstan.dev/v1alpha1, or remove the document)
    "#]],
    );
}
