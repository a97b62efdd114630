//! Content files: whole or missing, and never somebody else's bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capstan_proto::Digest;

use super::{CONTENT_BYTES_MAX, Content, ContentError, MEMORY_BYTES_MAX};

/// All files below a store's folder.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    found.sort();
    found
}

#[test]
fn bytes_come_back_under_their_digest_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let digest = content.put(b"one").unwrap();
    assert_eq!(digest, Digest::of(b"one"));
    assert_eq!(content.put(b"one").unwrap(), digest);
    assert_eq!(
        content.get(digest).unwrap().as_deref(),
        Some(b"one".as_slice())
    );
    let content = Content::open(directory.path()).unwrap();
    assert_eq!(
        content.get(digest).unwrap().as_deref(),
        Some(b"one".as_slice())
    );
    assert_eq!(content.get(Digest::of(b"two")).unwrap(), None);
    assert_eq!(
        files(directory.path()).len(),
        1,
        "nothing half-written is left"
    );
}

#[test]
fn damaged_bytes_are_missing_and_can_be_put_again() {
    let directory = tempfile::tempdir().unwrap();
    let digest = Content::open(directory.path())
        .unwrap()
        .put(b"some bytes")
        .unwrap();
    let file = files(directory.path()).remove(0);
    for damage in [
        b"some bytez".as_slice(),
        b"",
        b"some bytes and more",
        &[0; 10],
    ] {
        fs::write(&file, damage).unwrap();
        let content = Content::open(directory.path()).unwrap();
        assert_eq!(content.get(digest).unwrap(), None);
        assert!(!file.exists());
        content.put(b"some bytes").unwrap();
        let content = Content::open(directory.path()).unwrap();
        assert_eq!(
            content.get(digest).unwrap().as_deref(),
            Some(b"some bytes".as_slice())
        );
    }
}

#[test]
fn a_sweep_keeps_what_lives() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let kept = content.put(b"kept").unwrap();
    let gone = content.put(b"gone").unwrap();
    fs::write(
        files(directory.path())[0].with_extension("tmp"),
        b"left by a crash",
    )
    .unwrap();
    let swept = content.sweep(&BTreeSet::from([kept])).unwrap();
    assert_eq!((swept.kept, swept.removed, swept.bytes), (1, 2, 4 + 15));
    assert!(content.get(kept).unwrap().is_some());
    assert_eq!(content.get(gone).unwrap(), None, "not from memory either");
}

#[test]
fn memory_is_bounded_and_the_disk_has_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let piece = MEMORY_BYTES_MAX / 20;
    let digests: Vec<Digest> = (0..30_u8)
        .map(|at| content.put(&vec![at; piece]).unwrap())
        .collect();
    assert!(content.recent().bytes <= MEMORY_BYTES_MAX);
    assert!(content.recent().files.len() < 30);
    for (at, digest) in digests.iter().enumerate() {
        let bytes = content.get(*digest).unwrap().unwrap();
        assert_eq!((bytes.len(), usize::from(bytes[0])), (piece, at));
    }
    let recent = content.recent();
    assert_eq!(recent.files.len(), recent.uses.len());
    assert_eq!(recent.bytes, recent.files.len() * piece);
}

#[test]
fn what_was_used_last_stays_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let piece = MEMORY_BYTES_MAX / 20;
    let first = content.put(&vec![200; piece]).unwrap();
    for at in 0..30_u8 {
        content.put(&vec![at; piece]).unwrap();
        content.get(first).unwrap();
    }
    assert!(content.recent().files.contains_key(&first));
}

#[test]
fn too_many_bytes_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let error = content.put(&vec![0; CONTENT_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, ContentError::TooLarge { .. }));
}

#[test]
fn what_nobody_needs_goes_unless_it_is_put_again_before() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let digests = ["live", "dead", "again"].map(|text| content.put(text.as_bytes()).unwrap());
    let [live, dead, again] = digests;
    let (live, none) = (BTreeSet::from([live]), BTreeSet::new());
    let hour = Duration::from_secs(3_600);
    assert_eq!(content.unneeded(&live, hour, 9).unwrap(), none);
    let old = content.unneeded(&live, Duration::ZERO, 9).unwrap();
    assert_eq!(old, BTreeSet::from([dead, again]));
    assert_eq!(content.unneeded(&live, Duration::ZERO, 1).unwrap().len(), 1);
    content.doom(&old);
    content.put(b"again").unwrap();
    assert_eq!(content.remove_doomed(Duration::ZERO).unwrap(), 1);
    for (digest, there) in [
        (live.first().unwrap(), true),
        (&again, true),
        (&dead, false),
    ] {
        assert_eq!(content.get(*digest).unwrap().is_some(), there);
    }
    // What is put again is young again, and what went can be put again.
    content.put(b"dead").unwrap();
    assert!(content.get(dead).unwrap().is_some());
}

#[test]
fn content_that_is_put_again_is_as_young_as_new() {
    let directory = tempfile::tempdir().unwrap();
    let content = Content::open(directory.path()).unwrap();
    let digest = content.put(b"one").unwrap();
    let [file] = files(directory.path()).try_into().unwrap();
    let day = Duration::from_secs(24 * 3_600);
    let yesterday = std::time::SystemTime::now() - day;
    let opened = fs::File::options().append(true).open(&file).unwrap();
    opened.set_modified(yesterday).unwrap();
    let hour = Duration::from_secs(3_600);
    let old = || content.unneeded(&BTreeSet::new(), hour, 9).unwrap();
    assert_eq!(old(), BTreeSet::from([digest]));
    // Somebody looked, then it was put again, and only then it is given up.
    let found = old();
    content.put(b"one").unwrap();
    content.doom(&found);
    assert_eq!(content.remove_doomed(hour).unwrap(), 0);
    assert!(file.exists());
    assert_eq!(old(), BTreeSet::new());
    opened.set_modified(yesterday).unwrap();
    content.doom(&found);
    assert_eq!(content.remove_doomed(hour).unwrap(), 1);
    assert!(!file.exists());
}
