//! What is not known gives nobody up, and lets nobody in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::PlacementName;

use crate::fixture::{cluster, good, source};
use crate::inventory::{Facts, Inventory};
use crate::placement::{Decisions, resolve};
use crate::spec::{Gap, Spec};

fn placed(spec: &Arc<Spec>, inventory: &Inventory, before: &Decisions) -> (String, Decisions) {
    let decisions = resolve(spec, inventory, before);
    let mut selected: Vec<String> = Vec::new();
    for placement in decisions.placements.values() {
        selected.extend(placement.selected().map(ToString::to_string));
    }
    (selected.join(" "), decisions)
}

fn remembered(clusters: &[&str]) -> Decisions {
    let name = PlacementName::try_new(source(), "web").unwrap();
    let clusters: BTreeSet<_> = clusters.iter().map(|name| cluster(name)).collect();
    Decisions::remembered(BTreeMap::from([(name, clusters)]))
}

fn fleet(clusters: &[&str], placement: &str) -> Spec {
    let declared = |name: &&str| format!("@Cluster {name}\nspec: {{}}\n");
    let declared: String = clusters.iter().map(declared).collect();
    good(&format!(
        "{declared}@Bundle web\nspec: {{path: apps}}\n@Placement web\nspec: {{bundles: [web], {placement}}}\n\
         == apps/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: b}}\n"
    ))
}

fn facts(known: &[&str], unknown: &[&str]) -> Inventory {
    let version = BTreeMap::from([("version".to_owned(), "2".to_owned())]);
    let known = known
        .iter()
        .map(|name| (cluster(name), Facts::Reported(Arc::new(version.clone()))));
    let unknown = unknown.iter().map(|name| (cluster(name), Facts::Unknown));
    Inventory {
        facts: known.chain(unknown).collect(),
        ..Inventory::default()
    }
}

#[test]
fn a_share_gives_nobody_up_while_facts_are_unknown() {
    let terms = "count: 50%, clusters: [{names: [\"*\"], facts: [{key: version, operator: Gte, values: [\"2\"]}]}]";
    let spec = Arc::new(fleet(&["a", "b", "c", "d"], terms));
    let after_restart = facts(&[], &["a", "b", "c", "d"]);
    let (selected, decisions) = placed(&spec, &after_restart, &remembered(&["b", "c"]));
    assert_eq!(selected, "b c");
    let (selected, decisions) = placed(&spec, &facts(&["b"], &["a", "c", "d"]), &decisions);
    assert_eq!(selected, "b c");
    let all = facts(&["a", "b", "c", "d"], &[]);
    let (selected, _) = placed(&spec, &all, &decisions);
    assert_eq!(selected, "b c");
}

#[test]
fn a_share_is_taken_again_once_every_fact_is_known() {
    let terms = "count: 50%, clusters: [{names: [\"*\"], facts: [{key: version, operator: Gte, values: [\"2\"]}]}]";
    let spec = Arc::new(fleet(&["a", "b", "c", "d"], terms));
    let unknown = facts(&["b", "c"], &["a", "d"]);
    let (selected, decisions) = placed(&spec, &unknown, &remembered(&["b", "c"]));
    assert_eq!(selected, "b c");
    let mut known = facts(&["b", "c"], &["a"]);
    known.facts.insert(cluster("d"), Facts::Never);
    let (selected, decisions) = placed(&spec, &known, &decisions);
    assert_eq!(selected, "b c");
    known.facts.insert(cluster("a"), Facts::Never);
    let (selected, _) = placed(&spec, &known, &decisions);
    assert_eq!(selected.len(), 1, "one of the two that match: {selected}");
}

#[test]
fn nobody_takes_the_place_of_a_cluster_whose_source_is_unread() {
    for count in ["2", "50%"] {
        let terms = format!("count: {count}, clusters: [{{}}]");
        let mut partly = fleet(&["c", "d"], &terms);
        let unread = capstan_proto::SourceName::try_new("platform").unwrap();
        partly.gaps.insert(unread, vec![Gap::Unread]);
        let whole = Arc::new(fleet(&["c", "d", "g", "x"], &terms));
        let nothing = Inventory::default();
        let (selected, decisions) = placed(&Arc::new(partly), &nothing, &remembered(&["d", "g"]));
        assert_eq!(selected, "d", "{count}");
        let (selected, _) = placed(&whole, &nothing, &decisions);
        assert_eq!(selected, "d g", "{count}");
    }
}
