//! What placements selected, written and read back.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::{ClusterName, PlacementName};

use super::{Previous, recall, remember, table};
use crate::store::{OpenError, Store};

fn placement(name: &str) -> PlacementName {
    PlacementName::parse(name).unwrap()
}

fn clusters(count: usize) -> BTreeSet<ClusterName> {
    let name = |n| ClusterName::try_new(format!("store-in-some-country-{n:06}")).unwrap();
    (0..count).map(name).collect()
}

fn write(store: &Store, previous: &Previous) {
    let changes = previous.iter();
    let changes = changes.map(|(name, selected)| (name.clone(), Some(selected.clone())));
    remember(store, changes.collect()).unwrap();
}

#[test]
fn what_was_written_is_read_back_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let wanted = Previous::from([
        (placement("fleet.all"), clusters(10_000)),
        (placement("fleet.few"), clusters(3)),
        (placement("fleet.none"), clusters(0)),
    ]);
    {
        let store = Store::open(directory.path()).unwrap().store;
        write(&store, &wanted);
        write(
            &store,
            &Previous::from([(placement("fleet.gone"), clusters(1))]),
        );
        remember(&store, BTreeMap::from([(placement("fleet.gone"), None)])).unwrap();
    }
    // What the store does on threads of its own ends a moment after it is closed.
    let store = loop {
        match Store::open(directory.path()) {
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            opened => break opened.unwrap().store,
        }
    };
    assert_eq!(recall(&store).unwrap(), wanted);
}

#[test]
fn a_cluster_that_comes_changes_one_small_value() {
    let before = table(&clusters(10_000));
    let after = table(&clusters(10_001));
    let changed = after
        .members
        .iter()
        .filter(|(bucket, value)| before.members.get(*bucket) != Some(*value));
    assert_eq!(changed.count(), 1);
    let largest = after.members.values().map(Vec::len).max().unwrap();
    assert!(largest < crate::store::VALUE_BYTES_MAX / 2, "{largest}");
}

#[test]
fn a_record_of_another_version_is_not_known() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap().store;
    let mut newer = table(&clusters(2));
    newer.note = br#"{"version":2,"clusters":2}"#.to_vec();
    store.set_table("selected/fleet.web", newer).unwrap();
    let mut short = table(&clusters(2));
    short.note = br#"{"version":1,"clusters":3}"#.to_vec();
    store.set_table("selected/fleet.api", short).unwrap();
    assert_eq!(recall(&store).unwrap(), Previous::new());
}
