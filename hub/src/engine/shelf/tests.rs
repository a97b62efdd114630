//! Tests of the shelf.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use capstan_proto::Digest;

use super::{Fresh, Shelf, Shelving};
use crate::content::Content;

fn shelved(directory: &Path) -> (Shelving, Shelf) {
    Shelving::new(Arc::new(Content::open(directory).unwrap()))
}

fn one() -> Fresh {
    Fresh::from([(Digest::of(b"one"), Arc::from(b"one".as_slice()))])
}

fn path(directory: &Path) -> PathBuf {
    let name = Digest::of(b"one").to_string();
    directory.join(&name[..2]).join(name)
}

#[test]
fn content_is_readable_at_once_and_written_once() {
    let directory = tempfile::tempdir().unwrap();
    let (mut shelving, shelf) = shelved(directory.path());
    let writing = shelving.add(one()).unwrap();
    assert!(!path(directory.path()).exists());
    assert!(shelf.get(Digest::of(b"one")).unwrap().is_some());
    shelving.kept(writing.write());
    assert!(shelf.get(Digest::of(b"one")).unwrap().is_some());
    assert!(shelving.add(one()).is_none());
}

#[test]
fn damaged_content_is_written_again_by_the_next_pass() {
    let directory = tempfile::tempdir().unwrap();
    // Another process wrote it, so that it is not in memory, and the disk damaged it.
    let (mut before, _) = shelved(directory.path());
    before.add(one()).unwrap().write();
    let (mut shelving, shelf) = shelved(directory.path());
    shelving.kept([Digest::of(b"one")].into());
    std::fs::write(path(directory.path()), b"two").unwrap();
    assert!(shelving.add(one()).is_none());
    assert_eq!(shelf.get(Digest::of(b"one")).unwrap(), None);
    let writing = shelving.add(one()).expect("it is wanted again");
    assert!(shelf.get(Digest::of(b"one")).unwrap().is_some());
    shelving.kept(writing.write());
    assert_eq!(std::fs::read(path(directory.path())).unwrap(), b"one");
    assert!(shelving.add(one()).is_none());
}
