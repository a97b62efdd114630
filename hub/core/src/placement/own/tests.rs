//! Who owns a bundle that several sources place.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_proto::{BundleName, SourceName};

use crate::fixture::{cluster, tree};
use crate::inventory::Inventory;
use crate::placement::{Decisions, resolve};
use crate::spec::{Rules, SourceState, Trees, load};

const PLATFORM: &str = "\
@Cluster a\nspec: {}
@Cluster b\nspec: {}
@Bundle web\nspec: {path: apps}
@Placement low\nspec: {bundles: [web], priority: -1, clusters: [{names: [a]}]}
@Placement high\nspec: {bundles: [web], clusters: [{names: [a]}]}
== apps/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}
";

const TEAM: &str = "\
@Placement web\nspec: {bundles: [platform/web], priority: 1000, suspend: true, clusters: [{}]}
";

#[test]
fn the_bundles_own_source_owns_it_whatever_priority_another_gives_itself() {
    let name = |text: &str| SourceName::try_new(text).unwrap();
    let read = |text: &str| SourceState::Read(Arc::new(tree(1, text)));
    let exports = Rules {
        exported_bundles: BTreeSet::from(["web".to_owned()]),
        ..Rules::default()
    };
    let mut trees = Trees::default();
    trees.sources.insert(name("platform"), read(PLATFORM));
    trees.sources.insert(name("another"), read(TEAM));
    trees.rules.insert(name("platform"), exports);
    let (spec, problems) = load(&trees, None);
    assert_eq!(problems, []);
    let decisions = resolve(
        &Arc::new(spec),
        &Inventory::default(),
        &Decisions::default(),
    );
    let bundle = BundleName::try_new(name("platform"), "web").unwrap();
    let owner = |of: &str| {
        let placed = &decisions.clusters.get(&cluster(of)).unwrap().bundles[&bundle];
        let shadowed = placed.shadowed.iter().map(ToString::to_string);
        let shadowed: Vec<String> = shadowed.collect();
        (placed.placement.to_string(), placed.suspended, shadowed)
    };
    let of_platform = owner("a");
    assert_eq!(of_platform.0, "platform.high");
    assert!(!of_platform.1);
    assert_eq!(of_platform.2, ["platform.low", "another.web"]);
    assert_eq!(owner("b").0, "another.web");
}
