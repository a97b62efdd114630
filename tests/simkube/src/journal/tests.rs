//! What survives.

use std::fs;
use std::io::Write;

use serde_json::json;

use super::{Journal, lock};
use crate::store::{Key, Store};

const MAPS: &str = "configmaps";

fn open(directory: &std::path::Path) -> Store {
    let mut store = Store::new(10);
    let journal = Journal::open(directory, &mut store).unwrap();
    store.attach(journal);
    store
}

fn names(store: &Store) -> Vec<&str> {
    store
        .list(MAPS, None)
        .map(|(key, _)| key.name.as_str())
        .collect()
}

#[test]
fn changes_survive_without_a_goodbye() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = open(directory.path());
    for name in ["a", "b"] {
        first.put(MAPS, json!({"metadata": {"name": name}}));
    }
    first.remove(MAPS, &Key::new("", "b"));
    let revision = first.revision();
    let second = open(directory.path());
    assert_eq!(names(&second), ["a"]);
    assert_eq!(
        second.revision(),
        revision,
        "also when the last change was a deletion"
    );
    let third = open(directory.path());
    assert_eq!(third.revision(), revision);
    assert!(
        third.changes_after(MAPS, revision - 1).is_err(),
        "history starts anew"
    );
}

#[test]
fn a_torn_last_line_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = open(directory.path());
    first.put(MAPS, json!({"metadata": {"name": "whole"}}));
    drop(first);
    let path = directory.path().join("objects.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(br#"{"revision":9,"resource":"configmaps","names"#)
        .unwrap();
    let mut second = open(directory.path());
    assert_eq!(names(&second), ["whole"]);
    second.put(MAPS, json!({"metadata": {"name": "next"}}));
    assert_eq!(names(&open(directory.path())), ["next", "whole"]);
}

#[test]
fn a_directory_is_locked_once() {
    let directory = tempfile::tempdir().unwrap();
    let held = lock(directory.path()).unwrap();
    assert!(lock(directory.path()).is_err());
    drop(held);
    lock(directory.path()).unwrap();
}
