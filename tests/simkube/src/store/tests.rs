//! Revisions, history, indices.

use serde_json::{Value, json};

use super::{ChangeKind, Expired, Key, Store};

const MAPS: &str = "configmaps";

fn object(name: &str, data: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "uid": format!("uid-{name}")}, "data": data})
}

fn key(name: &str) -> Key {
    Key::new("n", name)
}

fn listed(store: &Store, revision: u64) -> Result<Vec<String>, Expired> {
    let show =
        |(key, object): (Key, std::sync::Arc<Value>)| format!("{}={}", key.name, object["data"]);
    store
        .list_at(MAPS, revision)
        .map(|objects| objects.into_iter().map(show).collect())
}

#[test]
fn every_write_takes_the_next_revision() {
    let mut store = Store::new(10);
    let before = store.revision();
    let a = store.put(MAPS, object("a", "1"));
    assert_eq!(a["metadata"]["resourceVersion"], (before + 1).to_string());
    let gone = store.remove(MAPS, &key("a")).unwrap();
    assert_eq!(
        gone["metadata"]["resourceVersion"],
        (before + 2).to_string()
    );
    assert_eq!(store.remove(MAPS, &key("a")), None);
    assert_eq!(store.revision(), before + 2);
}

#[test]
fn the_past_is_rebuilt_from_the_history() {
    let mut store = Store::new(10);
    store.put(MAPS, object("a", "1"));
    let then = store.revision();
    store.put(MAPS, object("a", "2"));
    store.put(MAPS, object("b", "1"));
    store.remove(MAPS, &key("a"));
    assert_eq!(listed(&store, then).unwrap(), ["a=\"1\""]);
    assert_eq!(listed(&store, then + 2).unwrap(), ["a=\"2\"", "b=\"1\""]);
    assert_eq!(listed(&store, store.revision()).unwrap(), ["b=\"1\""]);
}

#[test]
fn forgotten_history_is_expired_and_kept_history_is_not() {
    let mut store = Store::new(2);
    let start = store.revision();
    for data in ["1", "2", "3"] {
        store.put(MAPS, object("a", data));
    }
    assert_eq!(
        store.changes_after(MAPS, start).unwrap_err(),
        Expired { oldest: start + 1 }
    );
    let kinds: Vec<ChangeKind> = store
        .changes_after(MAPS, start + 1)
        .unwrap()
        .iter()
        .map(|change| change.kind)
        .collect();
    assert_eq!(kinds, [ChangeKind::Modified, ChangeKind::Modified]);
    store.compact();
    assert!(store.changes_after(MAPS, start + 2).is_err());
    assert!(store.changes_after(MAPS, start + 3).unwrap().is_empty());
}

#[test]
fn a_future_revision_has_no_changes_yet() {
    let mut store = Store::new(2);
    store.put(MAPS, object("a", "1"));
    assert!(store.changes_after(MAPS, 1_000).unwrap().is_empty());
}

#[test]
fn dependents_follow_owner_references() {
    let mut store = Store::new(10);
    let mut child = object("child", "1");
    child["metadata"]["ownerReferences"] = json!([{"uid": "owner"}]);
    store.put(MAPS, child.clone());
    assert_eq!(store.dependents("owner"), [(MAPS.to_owned(), key("child"))]);
    child["metadata"]["ownerReferences"] = json!([]);
    store.put(MAPS, child);
    assert!(store.dependents("owner").is_empty());
    assert_eq!(
        store.by_uid("uid-child"),
        Some(&(MAPS.to_owned(), key("child")))
    );
}

#[test]
fn listing_stays_in_its_namespace() {
    let mut store = Store::new(10);
    for (namespace, name) in [("a", "z"), ("ab", "y"), ("b", "x")] {
        store.put(
            MAPS,
            json!({"metadata": {"name": name, "namespace": namespace}}),
        );
    }
    let names: Vec<&str> = store
        .list(MAPS, Some("a"))
        .map(|(key, _)| key.name.as_str())
        .collect();
    assert_eq!(names, ["z"]);
    assert_eq!(store.list(MAPS, None).count(), 3);
}

#[test]
fn going_back_restores_objects_and_revision() {
    let mut store = Store::new(10);
    store.put(MAPS, object("a", "1"));
    let saved = store.save();
    let then = store.revision();
    store.put(MAPS, object("a", "2"));
    store.put(MAPS, object("b", "1"));
    store.go_back(&saved);
    assert_eq!(store.revision(), then);
    assert_eq!(listed(&store, then).unwrap(), ["a=\"1\""]);
    assert_eq!(store.by_uid("uid-b"), None);
    assert!(
        store.changes_after(MAPS, then + 2).unwrap().is_empty(),
        "silence, not an error"
    );
}
