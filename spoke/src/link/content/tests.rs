//! Chunks become contents, or are refused.

use std::collections::BTreeSet;

use capstan_proto::{Digest, limits, wire};

use super::{Fetch, FetchError, FetchedContent};

struct Feed {
    fetch: Fetch,
    got: FetchedContent,
    wanted: BTreeSet<Digest>,
}

impl Feed {
    fn new(wanted: &[Digest]) -> Self {
        Self {
            fetch: Fetch::default(),
            got: FetchedContent::default(),
            wanted: wanted.iter().copied().collect(),
        }
    }

    fn take(&mut self, chunk: wire::Chunk) -> Result<(), FetchError> {
        self.fetch.take(chunk, &self.wanted, &mut self.got)
    }
}

fn chunk(digest: Digest, offset: usize, total: usize, data: &[u8]) -> wire::Chunk {
    wire::Chunk {
        digest: digest.as_bytes().to_vec(),
        encoding: wire::Encoding::Identity.into(),
        offset: offset.try_into().expect("small"),
        total: total.try_into().expect("small"),
        data: data.to_vec(),
        denied: false,
    }
}

#[test]
fn pieces_become_a_content_with_its_digest() {
    let digest = Digest::of(b"hello");
    let mut feed = Feed::new(&[digest]);
    feed.take(chunk(digest, 0, 5, b"he")).expect("a beginning");
    assert!(feed.got.contents.is_empty());
    feed.take(chunk(digest, 2, 5, b"llo")).expect("the rest");
    assert_eq!(feed.got.contents[&digest], b"hello");
}

#[test]
fn what_arrived_is_kept_and_asked_for_from_there() {
    let digest = Digest::of(b"hello");
    let mut feed = Feed::new(&[digest]);
    feed.take(chunk(digest, 0, 5, b"he")).expect("a beginning");
    assert_eq!(feed.fetch.partial[&digest].offset(), 2);
}

#[test]
fn a_hub_that_begins_anew_is_followed() {
    let digest = Digest::of(b"hello");
    let mut feed = Feed::new(&[digest]);
    feed.take(chunk(digest, 0, 5, b"hel")).expect("a beginning");
    feed.take(chunk(digest, 0, 5, b"hello"))
        .expect("everything");
    assert_eq!(feed.got.contents[&digest], b"hello");
}

#[test]
fn gaps_strangers_and_giants_are_refused() {
    let digest = Digest::of(b"hello");
    let mut feed = Feed::new(&[digest]);
    assert!(matches!(
        feed.take(chunk(digest, 1, 5, b"ello")),
        Err(FetchError::Broken { .. })
    ));
    let stranger = Digest::of(b"stranger");
    assert!(matches!(
        feed.take(chunk(stranger, 0, 8, b"stranger")),
        Err(FetchError::Broken { .. })
    ));
    let giant = chunk(digest, 0, 2 * limits::OBJECT_BYTES_MAX, b"h");
    assert_eq!(feed.take(giant), Err(FetchError::TooLarge { digest }));
}

#[test]
fn other_bytes_than_the_digest_names_are_refused() {
    let digest = Digest::of(b"hello");
    let mut feed = Feed::new(&[digest]);
    let result = feed.take(chunk(digest, 0, 5, b"jello"));
    assert_eq!(result, Err(FetchError::BadDigest { digest }));
    assert!(feed.got.contents.is_empty());
}

#[test]
fn a_compressed_bomb_is_refused_before_it_fills_memory() {
    let bomb = vec![0; limits::OBJECT_BYTES_MAX + 1];
    let packed = zstd::bulk::compress(&bomb, 3).expect("memory");
    let digest = Digest::of(&bomb);
    let mut feed = Feed::new(&[digest]);
    let mut all = chunk(digest, 0, packed.len(), &packed);
    all.encoding = wire::Encoding::Zstd.into();
    assert!(feed.take(all).is_err());
}

#[test]
fn a_denied_digest_is_told_and_not_waited_for() {
    let digest = Digest::of(b"hello");
    let mut feed = Feed::new(&[digest]);
    let denied = wire::Chunk {
        denied: true,
        ..chunk(digest, 0, 0, b"")
    };
    feed.take(denied).expect("an answer");
    assert!(feed.got.denied.contains(&digest));
}
