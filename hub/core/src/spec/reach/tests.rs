//! A restricted source stays within the clusters that it may use.

use std::sync::Arc;

use capstan_proto::{PlacementName, SourceName};

use crate::fixture::{revision, tree};
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};
use crate::problem::Code;
use crate::spec::{Restriction, Rules, SourceState, Spec, Trees, load, read_terms};
use crate::yaml::{self, Dialect};

const PLATFORM: &str = "@Cluster a\nspec: {}\n@Cluster b\nspec: {}\n@Cluster c\nspec: {}\n";

fn team() -> SourceName {
    SourceName::try_new("team").unwrap()
}

fn restricted(clusters: &str, team_files: &str) -> Trees {
    let list = yaml::read(clusters.as_bytes(), Dialect::Fleet)
        .remove(0)
        .unwrap();
    let (terms, problems) = read_terms(&team(), &"hub.yaml".into(), &list, "clusters");
    assert!(problems.is_empty(), "{problems:?}");
    let rules = Rules {
        restrict: Some(Restriction {
            clusters: terms,
            ..Restriction::default()
        }),
        ..Rules::default()
    };
    let mut trees = Trees::default();
    let read = |text: &str| SourceState::Read(Arc::new(tree(1, text)));
    trees
        .sources
        .insert(SourceName::try_new("platform").unwrap(), read(PLATFORM));
    trees.sources.insert(team(), read(team_files));
    trees.rules.insert(team(), rules);
    trees
}

fn placement(clusters: &str) -> String {
    format!(
        "@Bundle web\nspec: {{path: apps}}\n@Placement web\nspec: {{bundles: [web], clusters: {clusters}}}\n\
         == apps/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: b}}\n"
    )
}

fn decided(spec: &Spec) -> (Vec<String>, Vec<Code>) {
    let decisions = resolve(
        &Arc::new(spec.clone()),
        &Inventory::default(),
        &Decisions::default(),
    );
    let name = PlacementName::try_new(team(), "web").unwrap();
    let selected = decisions.placements.get(&name).unwrap().selected();
    let selected = selected.map(ToString::to_string).collect();
    (
        selected,
        decisions.problems.iter().map(|p| p.code).collect(),
    )
}

#[test]
fn everything_means_every_cluster_that_the_source_may_use() {
    let trees = restricted("[{names: [a, b]}]", &placement("[{}]"));
    let (spec, problems) = load(&trees, None);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(
        decided(&spec),
        (vec!["a".to_owned(), "b".to_owned()], vec![])
    );
}

#[test]
fn who_reaches_further_gets_a_problem_and_no_cluster() {
    let trees = restricted("[{names: [a]}]", &placement("[{names: [a, c]}]"));
    let (spec, _) = load(&trees, None);
    assert_eq!(decided(&spec), (vec![], vec![Code::Restricted]));
}

#[test]
fn a_group_of_that_name_in_the_source_widens_nothing() {
    let mut files = placement("[{}]");
    files.push_str(
        "== group.yaml\n@ClusterGroup out-of-reach\nspec: {clusters: [{names: [nobody]}]}\n",
    );
    let trees = restricted("[{names: [a]}]", &files);
    let (spec, _) = load(&trees, None);
    assert_eq!(decided(&spec).0, ["a"]);
}

#[test]
fn a_restriction_that_changes_withdraws_what_it_took_also_from_kept_documents() {
    let wide = restricted("[{names: [a, b]}]", &placement("[{}]"));
    let (before, _) = load(&wide, None);
    let mut narrow = restricted("[{names: [a]}]", "== fleet.yaml\n");
    let broken = placement("[{}]").replace("clusters: [{}]", "cluster: [{}]");
    let mut broken = tree(2, &broken);
    broken.revision = revision(2);
    narrow
        .sources
        .insert(team(), SourceState::Read(Arc::new(broken)));
    let (after, _) = load(&narrow, Some(&before));
    let (selected, _) = decided(&after);
    assert_eq!(selected, ["a"]);
    let name = PlacementName::try_new(team(), "web").unwrap();
    assert_eq!(after.placements[&name].spec.except.len(), 1);
}

#[test]
fn what_keeps_a_source_in_its_reach_is_no_group_that_it_declares() {
    let trees = restricted("[{names: [a]}]", &placement("[{}]"));
    let (spec, _) = load(&trees, None);
    assert_eq!(spec.groups.len(), 1);
    assert_eq!(spec.declared_groups().count(), 0);
}

#[test]
fn a_restriction_that_is_lifted_is_lifted_from_kept_documents() {
    let narrow = restricted("[{names: [a]}]", &placement("[{}]"));
    let (before, _) = load(&narrow, None);
    let mut free = narrow;
    free.rules.clear();
    for state in [
        SourceState::Unread,
        SourceState::Read(Arc::new(tree(
            2,
            &placement("[{}]").replace("clusters: [{}]", "cluster: [{}]"),
        ))),
    ] {
        free.sources.insert(team(), state);
        let (after, _) = load(&free, Some(&before));
        assert_eq!(decided(&after).0, ["a", "b", "c"]);
        assert_eq!(after.groups.len(), 0);
    }
}

#[test]
fn a_placement_that_keeps_its_reach_is_the_very_same() {
    let trees = restricted("[{names: [a]}]", &placement("[{}]"));
    let (before, _) = load(&trees, None);
    let (after, _) = load(&trees, Some(&before));
    let name = PlacementName::try_new(team(), "web").unwrap();
    let of = |spec: &Spec| Arc::clone(&spec.placements[&name].spec);
    assert!(Arc::ptr_eq(&of(&before), &of(&after)));
}

/// What `team` keeps of `previous`, where its reach is a group of `platform` in this state.
fn kept(platform: Option<&str>, previous: &Decisions) -> (String, Decisions) {
    let mut trees = restricted("[{groups: [platform/g]}]", &placement("[{}]"));
    let clusters = SourceName::try_new("clusters").unwrap();
    let read = |text: &str| SourceState::Read(Arc::new(tree(1, text)));
    trees.sources.insert(clusters, read(PLATFORM));
    let state = platform.map_or(SourceState::Unread, read);
    trees
        .sources
        .insert(SourceName::try_new("platform").unwrap(), state);
    let (spec, _) = load(&trees, None);
    let decisions = resolve(&Arc::new(spec), &Inventory::default(), previous);
    let name = PlacementName::try_new(team(), "web").unwrap();
    let placement = decisions.placements.get(&name).unwrap();
    let selected: Vec<&str> = placement.selected().map(|c| c.as_str()).collect();
    (selected.join(" "), decisions)
}

#[test]
fn while_the_group_of_a_reach_is_not_known_what_is_there_stays_and_nothing_comes() {
    let group = "@ClusterGroup g\nspec: {clusters: [{names: [a, b]}]}\n";
    let (selected, before) = kept(Some(group), &Decisions::default());
    assert_eq!(selected, "a b");
    let broken = group.replace("names", "nemas");
    for unknown in [None, Some(&*broken), Some("== empty.yaml\n")] {
        let (selected, after) = kept(unknown, &before);
        assert_eq!(selected, "a b", "{unknown:?}");
        assert_eq!(after.previous(), before.previous());
        let (selected, _) = kept(unknown, &Decisions::remembered(before.previous()));
        assert_eq!(selected, "a b", "{unknown:?}, after a restart");
        let (selected, _) = kept(unknown, &Decisions::default());
        assert_eq!(selected, "", "{unknown:?}");
        let smaller = group.replace("a, b", "b, c");
        let (selected, _) = kept(Some(&smaller), &after);
        assert_eq!(selected, "b c", "once it is known");
    }
}
