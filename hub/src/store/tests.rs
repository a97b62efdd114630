//! The store: whole tables or none, whatever happens to sled's files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::open::{Limits, open};
use super::{OpenError, Opened, Opening, Store, StoreError, Table, VALUE_BYTES_MAX};

fn table(generation: u64, members: &[(&str, &str)]) -> Table {
    let members = members
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    Table {
        generation,
        note: b"note".to_vec(),
        members: members.collect(),
    }
}

fn reopened(parent: &Path) -> Store {
    let Opened { store, opening } = open_free(parent);
    assert_eq!(opening, Opening::Sound);
    store
}

/// Opens; a child that another test is starting may hold the lock for a moment longer.
fn open_free(parent: &Path) -> Opened {
    loop {
        match Store::open(parent) {
            Err(OpenError::InUse { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn a_table_comes_back_whole_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let Opened { store, opening } = open_free(directory.path());
    assert_eq!(opening, Opening::New);
    let first = table(1, &[("a", "1"), ("b", "2"), ("c", "3")]);
    store.set_table("offered/one", first.clone()).unwrap();
    assert_eq!(
        store.table("offered/one").unwrap().as_deref(),
        Some(&first),
        "before it is written"
    );
    store.flush().unwrap();
    let second = table(2, &[("a", "1"), ("b", "changed")]);
    store.set_table("offered/one", second.clone()).unwrap();
    store.set_table("offered/two", Table::default()).unwrap();
    drop(store);
    let store = reopened(directory.path());
    assert_eq!(
        store.table("offered/one").unwrap().as_deref(),
        Some(&second)
    );
    assert_eq!(
        store.table("offered/two").unwrap().as_deref(),
        Some(&Table::default())
    );
    assert_eq!(store.table("offered").unwrap(), None, "a prefix is no name");
    assert_eq!(
        store.tables("offered/").unwrap(),
        ["offered/one", "offered/two"]
    );
    store.remove_table("offered/one").unwrap();
    assert_eq!(store.tables("offered/").unwrap(), ["offered/two"]);
    store.flush().unwrap();
    assert_eq!(store.table("offered/one").unwrap(), None);
}

#[test]
fn the_newest_of_many_states_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_free(directory.path()).store;
    for at in 0..500_u64 {
        store
            .set_table("busy", table(at, &[("at", &at.to_string())]))
            .unwrap();
        store
            .set_row("status", "busy", Some(at.to_string().into_bytes()))
            .unwrap();
    }
    assert_eq!(store.table("busy").unwrap().unwrap().generation, 499);
    assert_eq!(store.rows("status").unwrap().rows["busy"], b"499");
    drop(store);
    let store = reopened(directory.path());
    assert_eq!(store.table("busy").unwrap().unwrap().generation, 499);
    assert_eq!(store.rows("status").unwrap().rows["busy"], b"499");
}

#[test]
fn rows_stand_for_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_free(directory.path()).store;
    for name in ["a", "b", "c"] {
        store
            .set_row("status", name, Some(name.as_bytes().to_vec()))
            .unwrap();
    }
    store.set_row("other", "x", Some(vec![1])).unwrap();
    store.flush().unwrap();
    let key = b"status\0b".as_slice();
    store
        .shared
        .read(|trees| {
            trees.rows.insert(key, b"junk").unwrap();
            Ok(())
        })
        .unwrap();
    let rows = store.rows("status").unwrap();
    assert_eq!(rows.rows.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(rows.broken, ["b"]);
    store.set_row("status", "b", None).unwrap();
    assert!(store.rows("status").unwrap().broken.is_empty());
}

/// Every way of changing one stored pair of a table, by hand.
#[test]
fn a_table_that_is_not_as_it_was_sealed_is_broken_and_never_smaller() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_free(directory.path()).store;
    let whole = table(7, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let pairs = |store: &Store| -> BTreeMap<Vec<u8>, Vec<u8>> {
        let read = |trees: &super::sealed::Trees| {
            let pairs = trees.tables.iter().map(|pair| pair.unwrap());
            Ok(pairs
                .map(|(key, value)| (key.to_vec(), value.to_vec()))
                .collect())
        };
        store.shared.read(read).unwrap()
    };
    store.set_table("t", whole.clone()).unwrap();
    store.flush().unwrap();
    let sound = pairs(&store);
    assert_eq!(sound.len(), 4);
    let set = |store: &Store, pairs: &BTreeMap<Vec<u8>, Vec<u8>>| {
        let write = |trees: &super::sealed::Trees| {
            trees.tables.clear().unwrap();
            for (key, value) in pairs {
                trees.tables.insert(key, value.as_slice()).unwrap();
            }
            Ok(())
        };
        store.shared.read(write).unwrap();
    };
    for key in sound.keys() {
        let mut without = sound.clone();
        without.remove(key);
        set(&store, &without);
        let is_seal = key.starts_with(b"s");
        match store.table("t") {
            Ok(None) => assert!(is_seal),
            Err(StoreError::Broken { .. }) => assert!(!is_seal),
            other => panic!("{other:?}"),
        }
        for at in 0..sound[key].len() {
            let mut flipped = sound.clone();
            flipped.get_mut(key).unwrap()[at] ^= 1;
            set(&store, &flipped);
            assert!(
                matches!(store.table("t"), Err(StoreError::Broken { .. })),
                "byte {at}"
            );
        }
    }
    // One member's value in another's place, and a member too many.
    let (b, c) = (b"mt\0b".to_vec(), b"mt\0c".to_vec());
    let mut swapped = sound.clone();
    swapped.insert(b, sound[&c].clone());
    set(&store, &swapped);
    assert!(store.table("t").is_err());
    let mut more = sound.clone();
    more.insert(b"mt\0d".to_vec(), sound[&c].clone());
    set(&store, &more);
    assert!(store.table("t").is_err());
    set(&store, &sound);
    assert_eq!(store.table("t").unwrap().as_deref(), Some(&whole));
    // A broken table is mended by the next write.
    set(&store, &swapped);
    store.set_table("t", whole).unwrap();
    store.flush().unwrap();
    assert_eq!(pairs(&store), sound);
}

#[test]
fn limits_are_kept_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_free(directory.path()).store;
    let large = "x".repeat(VALUE_BYTES_MAX + 1);
    let error = store
        .set_table("t", table(1, &[("member", &large)]))
        .unwrap_err();
    assert!(error.to_string().contains("16385"), "{error}");
    assert!(store.set_table("", Table::default()).is_err());
    assert!(store.set_table("a\0b", Table::default()).is_err());
    assert!(store.set_row("kind", &"n".repeat(2000), None).is_err());
}

/// sled's own files in a store.
fn sled_files(parent: &Path) -> (PathBuf, PathBuf) {
    let store = parent.join("store-1");
    (store.join("db"), store)
}

fn filled(parent: &Path) {
    let store = open_free(parent).store;
    for at in 0..200 {
        let name = format!("t/{at}");
        store
            .set_table(&name, table(at, &[("a", &"v".repeat(500)), ("b", "2")]))
            .unwrap();
    }
    store.flush().unwrap();
}

/// What opens after damage: each table as it was, or broken, or (with the store replaced or its newest part lost) absent;
/// but a store that lost everything must say so.
fn check_after_damage(parent: &Path) {
    let Opened { store, opening } = open_free(parent);
    let names = store.tables("t/");
    match opening {
        Opening::New => panic!("a damaged store is not a new one"),
        Opening::Replaced { aside, .. } => {
            assert!(aside.exists(), "the damaged store is kept");
            assert_eq!(names.unwrap(), Vec::<String>::new());
            store.set_table("t/0", Table::default()).unwrap();
            store.flush().unwrap();
        }
        Opening::Sound => {
            for name in names.unwrap_or_default() {
                match store.table(&name) {
                    Ok(Some(table)) => {
                        assert_eq!(table.members["a"], "v".repeat(500).as_bytes());
                        assert_eq!(table.members.len(), 2);
                    }
                    Ok(None) => panic!("listed, then absent"),
                    Err(StoreError::Broken { .. } | StoreError::Read { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}

/// A name, and what it does to a file.
type Damaging = (&'static str, fn(&mut Vec<u8>));

#[test]
fn damage_ends_in_a_sound_table_a_broken_one_or_a_new_store() {
    let damages: [Damaging; 6] = [
        ("truncated", |bytes| bytes.truncate(bytes.len() / 2)),
        ("a little truncated", |bytes| {
            bytes.truncate(bytes.len() - 3000)
        }),
        ("zeroed page", |bytes| bytes[8192..12288].fill(0)),
        ("zeroed beginning", |bytes| bytes[..4096].fill(0)),
        ("flipped bits", |bytes| {
            for at in (5000..bytes.len()).step_by(9973) {
                bytes[at] ^= 4;
            }
        }),
        ("emptied", Vec::clear),
    ];
    for (name, damage) in damages {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let (db, store) = sled_files(directory.path());
        let mut bytes = fs::read(&db).unwrap();
        assert!(bytes.len() > 16384, "{name}");
        damage(&mut bytes);
        fs::write(&db, bytes).unwrap();
        // Without the snapshots too, which is when sled opens empty.
        for entry in fs::read_dir(&store).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("snap.") {
                fs::remove_file(path).unwrap();
            }
        }
        check_after_damage(directory.path());
    }
}

#[test]
fn a_store_that_opens_empty_is_damaged_and_a_missing_one_is_new() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let (_, store) = sled_files(directory.path());
    fs::remove_dir_all(&store).unwrap();
    fs::create_dir(&store).unwrap();
    let opened = open_free(directory.path());
    let Opening::Replaced { reason, .. } = &opened.opening else {
        panic!("{:?}", opened.opening)
    };
    assert!(reason.contains("empty"), "{reason}");
    assert!(opened.store.directory().ends_with("store-2"));
    drop(opened);
    fs::remove_dir_all(directory.path().join("store-2")).unwrap();
    let opened = open_free(directory.path());
    assert_eq!(opened.opening, Opening::New);
    drop(opened);
    reopened(directory.path());
}

#[test]
fn an_opening_that_takes_too_long_is_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let limits = Limits {
        timeout: Duration::ZERO,
    };
    // Not even a new store opens in no time, and that is said.
    let error = open(directory.path(), limits).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(directory.path().join("store-1.damaged").exists());
}

#[test]
fn damaged_stores_do_not_fill_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    for number in 1..=5 {
        drop(open_free(directory.path()));
        let store = directory.path().join(format!("store-{number}"));
        fs::remove_dir_all(&store).unwrap();
        fs::create_dir(&store).unwrap();
    }
    drop(open_free(directory.path()));
    let mut names: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["store-4.damaged", "store-5.damaged", "store-6"]);
}

#[test]
fn a_second_opener_is_refused_and_moves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let _held = open_free(directory.path());
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(directory.path().join("store-1").exists());
}

const PLACE: &str = "CAPSTAN_TEST_STORE";

/// What the child does; without its setting it does nothing.
#[test]
#[ignore = "a child of the test below"]
fn child() {
    let Ok(place) = std::env::var(PLACE) else {
        return;
    };
    let store = open_free(Path::new(&place)).store;
    for at in 0_u64.. {
        let members: Vec<(String, String)> = (0..20)
            .map(|member| (format!("m{member}"), format!("{at}")))
            .collect();
        let members: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        store.set_table("t", table(at, &members)).unwrap();
        if at % 10 == 0 {
            store.flush().unwrap();
            println!("flushed {at}");
        }
    }
}

#[test]
fn killed_at_random_a_table_is_whole_and_as_new_as_its_last_flush() {
    use std::io::BufRead as _;
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=6_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::child", "--ignored", "--nocapture"])
            .env(PLACE, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let flushed = lines.map(Result::unwrap).filter_map(|line| {
            line.rsplit_once("flushed ")
                .and_then(|(_, at)| at.parse::<u64>().ok())
        });
        let last = flushed.take(round * 7).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let store = reopened(directory.path());
        let table = store.table("t").unwrap().unwrap();
        assert!(table.generation >= last, "{} of {last}", table.generation);
        let expected = table.generation.to_string().into_bytes();
        assert!(table.members.values().all(|value| *value == expected));
        assert_eq!(table.members.len(), 20);
    }
}

const FULL: &str = "CAPSTAN_TEST_STORE_FULL";

/// What the second child does: it writes until the store refuses, and says why.
#[test]
#[ignore = "a child of the test below"]
fn child_until_full() {
    let Ok(place) = std::env::var(FULL) else {
        return;
    };
    let store = open_free(Path::new(&place)).store;
    let mut last = None;
    for at in 0_u64..2_000 {
        // Nothing that compresses or coalesces away.
        let value: String = (0..2_000_u64)
            .map(|n| ((at * 31 + n * n) % 10).to_string())
            .collect();
        let set = store.set_table(&format!("t/{at}"), table(at, &[("a", &value)]));
        match set.and_then(|()| store.flush()) {
            Ok(()) => last = Some(at),
            Err(error) => {
                println!("refused {error}");
                break;
            }
        }
    }
    let last = last.unwrap();
    println!("read-only {}", store.read_only().is_some());
    println!("flushed {last}");
    // After such an error sled may refuse to read as well; what it must not do is to answer less.
    match store.table(&format!("t/{last}")) {
        Ok(read) => println!(
            "honest {}",
            read.is_some_and(|table| table.generation == last)
        ),
        Err(error) => println!("honest true: {error}"),
    }
    // sled's own threads may never end after such an error; what matters is said.
    std::process::exit(0);
}

#[test]
fn a_full_disk_makes_the_store_read_only_and_what_was_flushed_stays() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::tests::child_until_full",
            "--ignored",
            "--nocapture",
        ])
        .env(FULL, directory.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("refused the store is read-only since it failed"),
        "{said}"
    );
    assert!(
        said.contains("read-only true") && said.contains("honest true"),
        "{said}"
    );
    let flushed = said.lines().find_map(|line| line.strip_prefix("flushed "));
    let flushed: u64 = flushed.unwrap().parse().unwrap();
    let store = reopened(directory.path());
    for at in 0..=flushed {
        let table = store.table(&format!("t/{at}")).unwrap().unwrap();
        assert_eq!(table.generation, at);
    }
}
