//! Packs.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::Digest;

use super::{pack, unpack};
use crate::kube::blob;

fn contents(texts: &[&str]) -> BTreeMap<Digest, Arc<[u8]>> {
    texts
        .iter()
        .map(|text| (Digest::of(text.as_bytes()), Arc::from(text.as_bytes())))
        .collect()
}

#[test]
fn a_pack_is_read_as_it_was_written() {
    let all = contents(&["", "a", "some content"]);
    assert_eq!(unpack(&pack(&all)), Some(all));
}

#[test]
fn a_pack_that_was_cut_is_no_pack() {
    let bytes = pack(&contents(&["some content"]));
    for end in 1..bytes.len() {
        assert_eq!(unpack(&bytes[..end]), None, "{end}");
    }
}

#[test]
fn a_content_that_was_changed_has_another_digest() {
    let all = contents(&["some content"]);
    let mut bytes = pack(&all);
    *bytes.last_mut().expect("not empty") ^= 1;
    assert_ne!(unpack(&bytes), Some(all));
}

#[test]
fn compressed_bytes_come_back_and_garbage_does_not() {
    let bytes = b"some content".repeat(1000);
    let compressed = blob::compress(&bytes);
    assert!(compressed.len() < bytes.len() / 10);
    assert_eq!(blob::decompress(&compressed), Some(bytes));
    assert_eq!(blob::decompress(b"garbage"), None);
}
