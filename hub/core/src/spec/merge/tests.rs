//! What did not change is the very same after another load.

use std::sync::Arc;

use crate::fixture::{cluster, load_all, trees};
use crate::spec::load;

const FLEET: &str = "\
== t.yaml
@ClusterTemplate
metadata: {name: small, labels: {size: s}}
@ClusterTemplate
metadata: {name: large, labels: {size: l}}
== c/a.yaml
@Cluster a
spec: {templates: [small]}
== c/b.yaml
@Cluster b
spec: {templates: [large]}
== c/c.yaml
@Cluster c
";

/// Which of `a`, `b` and `c` are the very same after another commit; all are what they are afresh.
fn same(text: &str) -> [bool; 3] {
    let (before, _) = load_all(&[FLEET]);
    let (after, _) = load(&trees(2, text), Some(&before));
    let (afresh, _) = load_all(&[text]);
    assert_eq!(after.members, afresh.members);
    ["a", "b", "c"].map(|name| {
        let name = cluster(name);
        Arc::ptr_eq(&before.members[&name], &after.members[&name])
    })
}

#[test]
fn a_cluster_of_which_nothing_changed_is_the_very_same() {
    assert_eq!(same(FLEET), [true; 3]);
    let own = FLEET.replace("@Cluster c\n", "@Cluster c\nspec: {variables: {v: 1}}\n");
    assert_eq!(same(&own), [true, true, false]);
}

#[test]
fn a_template_that_changed_changes_the_clusters_that_name_it() {
    assert_eq!(
        same(&FLEET.replace("size: l", "size: xl")),
        [true, false, true]
    );
    let variables = FLEET.replace("{size: s}}\n", "{size: s}}\nspec: {variables: {v: 1}}\n");
    assert!(!same(&variables)[0]);
}
