//! What changed of what is remembered, against the whole of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::PlacementName;

use super::super::{Decisions, resolve};
use crate::fixture::{good, source};
use crate::inventory::Inventory;

fn decide(text: &str, before: &Decisions) -> Decisions {
    resolve(&Arc::new(good(text)), &Inventory::default(), before)
}

fn placement(name: &str) -> PlacementName {
    PlacementName::try_new(source(), name).unwrap()
}

/// Applying what changed to what was remembered gives what is to be remembered.
fn holds(before: &Decisions, after: &Decisions) -> usize {
    let changes = after.since(before);
    let mut remembered = before.previous();
    for (name, selected) in changes.clone() {
        match selected {
            Some(selected) => drop(remembered.insert(name, selected)),
            None => drop(remembered.remove(&name)),
        }
    }
    assert_eq!(remembered, after.previous());
    changes.len()
}

const BUNDLE: &str = "@Bundle web\nspec: {path: apps}\n== apps/a.yaml\napiVersion: v1\nkind: ConfigMap\n\
    metadata: {name: a, namespace: b}\n== rest.yaml\n";

#[test]
fn only_what_changed_is_to_be_remembered_anew() {
    let fleet = |clusters: &[&str], placements: &[(&str, &str)]| {
        let mut text = BUNDLE.to_owned();
        for name in clusters {
            text.push_str(&format!("@Cluster {name}\nspec: {{}}\n"));
        }
        for (name, count) in placements {
            text.push_str(&format!(
                "@Placement {name}\nspec: {{bundles: [web], clusters: [{{}}]{count}}}\n"
            ));
        }
        text
    };
    let nothing = Decisions::default();
    let first = decide(
        &fleet(&["a", "b"], &[("all", ""), ("one", ", count: 1")]),
        &nothing,
    );
    assert_eq!(holds(&nothing, &first), 2);
    let same = decide(
        &fleet(&["a", "b"], &[("all", ""), ("one", ", count: 1")]),
        &first,
    );
    assert_eq!(holds(&first, &same), 0);
    // A cluster that comes gives every cluster another number; `one` selects the same all the same.
    let more = decide(
        &fleet(&["a", "aa", "b"], &[("all", ""), ("one", ", count: 1")]),
        &same,
    );
    assert_eq!(holds(&same, &more), 1);
    let two = decide(
        &fleet(&["a", "aa", "b"], &[("all", ""), ("one", ", count: 2")]),
        &more,
    );
    assert_eq!(holds(&more, &two), 1);
    let gone = decide(&fleet(&["a", "aa", "b"], &[("all", "")]), &two);
    assert_eq!(holds(&two, &gone), 1);
    assert_eq!(gone.since(&two), BTreeMap::from([(placement("one"), None)]));
}

#[test]
fn what_a_store_remembered_is_compared_too() {
    let text = format!(
        "{BUNDLE}@Cluster a\nspec: {{}}\n@Placement all\nspec: {{bundles: [web], clusters: [{{}}]}}\n"
    );
    let known = BTreeMap::from([(placement("all"), [crate::fixture::cluster("a")].into())]);
    let before = Decisions::remembered(known);
    assert_eq!(holds(&before, &decide(&text, &before)), 0);
    let other = Decisions::remembered(BTreeMap::from([(placement("gone"), [].into())]));
    assert_eq!(holds(&other, &decide(&text, &other)), 2);
}
