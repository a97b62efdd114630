//! What is looked at again when one thing changed: counted exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Decisions, Work, resolve};
use crate::fixture::{cluster, load_all, trees};
use crate::inventory::{Facts, Inventory};
use crate::spec::{Spec, load};

const FLEET: &str = "\
== c/a.yaml
@Cluster
metadata: {name: a, labels: {env: prod, region: eu}}
== c/b.yaml
@Cluster
metadata: {name: b, labels: {env: prod, region: us}}
== c/c.yaml
@Cluster
metadata: {name: c, labels: {env: dev}}
== g.yaml
@ClusterGroup european
spec: {clusters: [{matchLabels: {region: eu}}]}
@ClusterGroup all-prod
spec: {clusters: [{matchLabels: {env: prod}}]}
== w/x.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}
== b.yaml
@Bundle web
spec: {path: w}
== p/dev.yaml
@Placement dev
spec: {bundles: [web], clusters: [{matchLabels: {env: dev}}]}
== p/european.yaml
@Placement european
spec: {bundles: [web], clusters: [{groups: [european]}]}
== p/new.yaml
@Placement new
spec: {bundles: [web], clusters: [{names: ['*'], facts: [{key: minor, operator: Gte, values: [\"30\"]}]}]}
== p/prod.yaml
@Placement prod
spec: {bundles: [web], clusters: [{groups: [all-prod]}]}
";

fn spec(text: &str) -> Arc<Spec> {
    let (spec, problems) = load_all(&[text]);
    assert_eq!(problems, []);
    Arc::new(spec)
}

fn facts(minor: &[(&str, &str)]) -> Inventory {
    let of = |(name, minor): &(&str, &str)| {
        let facts = BTreeMap::from([("minor".to_owned(), (*minor).to_owned())]);
        (cluster(name), Facts::Reported(Arc::new(facts)))
    };
    Inventory {
        facts: minor.iter().map(of).collect(),
        ..Inventory::default()
    }
}

/// The fleet that another commit makes of one.
fn next(text: &str, before: &Spec) -> Arc<Spec> {
    let (spec, problems) = load(&trees(2, text), Some(before));
    assert_eq!(problems, []);
    Arc::new(spec)
}

/// Decides twice on one fleet, then on another one.
fn again(text: &str, inventory: &Inventory) -> (Decisions, Decisions) {
    let before = spec(FLEET);
    let first = resolve(&before, &facts(&[("a", "29")]), &Decisions::default());
    let all = Work {
        clusters_indexed: 3,
        groups_evaluated: 2,
        placements_evaluated: 4,
        owners_made_anew: true,
        documents_compared: 0,
    };
    assert_eq!(first.work(), all);
    let second = resolve(&before, &facts(&[("a", "29")]), &first);
    assert_eq!(second.work(), Work::default(), "nothing changed");
    let third = resolve(&next(text, &before), inventory, &second);
    (second, third)
}

fn work(text: &str) -> Work {
    again(text, &facts(&[("a", "29")])).1.work()
}

#[test]
fn one_changed_placement_is_decided_alone() {
    let expected = Work {
        placements_evaluated: 1,
        documents_compared: 1,
        ..Work::default()
    };
    assert_eq!(
        work(&FLEET.replace("{env: dev}}]", "{env: test}}]")),
        expected
    );
}

#[test]
fn one_relabelled_cluster_touches_what_it_joins_and_leaves() {
    let moved = FLEET.replace(
        "{name: c, labels: {env: dev}}",
        "{name: c, labels: {env: prod}}",
    );
    let expected = Work {
        clusters_indexed: 1,
        placements_evaluated: 2,
        documents_compared: 1,
        ..Work::default()
    };
    assert_eq!(work(&moved), expected);
    let unseen = FLEET.replace(
        "{name: c, labels: {env: dev}}",
        "{name: c, labels: {env: dev, x: y}}",
    );
    let expected = Work {
        clusters_indexed: 1,
        documents_compared: 1,
        ..Work::default()
    };
    assert_eq!(work(&unseen), expected);
}

#[test]
fn one_fact_touches_the_placements_that_turn_on_it() {
    let (_, same) = again(FLEET, &facts(&[("a", "28")]));
    let expected = Work {
        clusters_indexed: 1,
        ..Work::default()
    };
    assert_eq!(same.work(), expected, "28 is as little as 29");
    let (_, newer) = again(FLEET, &facts(&[("a", "30")]));
    let expected = Work {
        placements_evaluated: 1,
        ..expected
    };
    assert_eq!(newer.work(), expected);
}

#[test]
fn a_group_with_other_members_touches_those_that_name_it() {
    let wider = FLEET.replace("{region: eu}}]}", "{env: prod}}]}");
    let expected = Work {
        groups_evaluated: 1,
        placements_evaluated: 1,
        ..Work::default()
    };
    assert_eq!(work(&wider), expected);
    let same = FLEET.replace(
        "{matchLabels: {region: eu}}",
        "{matchLabels: {env: prod, region: eu}}",
    );
    let expected = Work {
        placements_evaluated: 0,
        ..expected
    };
    assert_eq!(work(&same), expected, "the same members by other terms");
}

#[test]
fn a_cluster_that_comes_is_decided_where_it_matches() {
    let more =
        format!("{FLEET}== c/aa.yaml\n@Cluster\nmetadata: {{name: aa, labels: {{env: dev}}}}\n");
    let expected = Work {
        clusters_indexed: 4,
        placements_evaluated: 1,
        owners_made_anew: true,
        ..Work::default()
    };
    assert_eq!(work(&more), expected);
}

#[test]
fn a_commit_that_changes_nothing_compares_nothing() {
    assert_eq!(work(FLEET), Work::default());
    let comment = FLEET.replace("== p/dev.yaml\n", "== p/dev.yaml\n# the least\n");
    let expected = Work {
        placements_evaluated: 1,
        documents_compared: 1,
        ..Work::default()
    };
    assert_eq!(work(&comment), expected, "its places are others");
}

/// Which of `a`, `b` and `c` have the very same decision after another commit, and whether all is as
/// if nothing had been known before.
fn kept(before: &str, after: &str) -> [bool; 3] {
    let inventory = facts(&[]);
    let first_spec = spec(before);
    let first = resolve(&first_spec, &inventory, &Decisions::default());
    let all = ["a", "b", "c"].map(cluster);
    let made = all
        .clone()
        .map(|name| Arc::clone(first.clusters.shared(&name).unwrap()));
    let second_spec = next(after, &first_spec);
    let second = resolve(&second_spec, &inventory, &first);
    let afresh = resolve(&second_spec, &inventory, &Decisions::default());
    assert_eq!(second.clusters, afresh.clusters);
    let mut made = made.iter();
    all.map(|name| Arc::ptr_eq(made.next().unwrap(), second.clusters.shared(&name).unwrap()))
}

#[test]
fn a_cluster_that_nothing_changed_for_keeps_its_very_decision() {
    assert_eq!(kept(FLEET, FLEET), [true; 3], "the revision alone");
    let moved = FLEET.replace(
        "{name: c, labels: {env: dev}}",
        "{name: c, labels: {env: prod}}",
    );
    assert_eq!(kept(FLEET, &moved), [true, true, false]);
    let bundle = FLEET.replace("spec: {path: w}", "spec: {path: w, variables: {v: 1}}");
    assert_eq!(kept(FLEET, &bundle), [false; 3]);
}

#[test]
fn another_revision_touches_what_mentions_it() {
    let at = "'at-${source.revision}'";
    let bundle = FLEET.replace(
        "spec: {path: w}",
        &format!("spec: {{path: w, variables: {{at: {at}}}}}"),
    );
    assert_eq!(kept(&bundle, &bundle), [false; 3]);
    let of_bundle = FLEET.replace(
        "spec: {path: w}",
        &format!("spec: {{path: w, overrides: [{{variables: {{at: {at}}}}}]}}"),
    );
    assert_eq!(kept(&of_bundle, &of_bundle), [false; 3]);
    let placement = FLEET.replace(
        "{bundles: [web], clusters: [{matchLabels: {env: dev}}]}",
        &format!(
            "{{bundles: [web], clusters: [{{matchLabels: {{env: dev}}}}], overrides: [{{variables: {{at: {at}}}}}]}}"
        ),
    );
    assert_eq!(kept(&placement, &placement), [true, true, false]);
    let of_cluster = FLEET.replace(
        "metadata: {name: b, labels: {env: prod, region: us}}",
        &format!("metadata: {{name: b, labels: {{env: prod, region: us}}}}\nspec: {{variables: {{at: {at}}}}}"),
    );
    assert_eq!(kept(&of_cluster, &of_cluster), [true, false, true]);
}
