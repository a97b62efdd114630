//! Tests of handing out content.

use capstan_proto::wire::Encoding;
use capstan_proto::{Digest, limits};

use super::{chunks, encode};

#[test]
fn content_is_resumed_where_it_was_cut_off() {
    let bytes: Vec<u8> = (0..100_000_u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_be_bytes())
        .collect();
    let digest = Digest::of(&bytes);
    let (encoding, encoded) = encode(&bytes);
    let all = chunks(digest, encoding, &encoded, 0);
    assert!(
        all.iter()
            .all(|chunk| chunk.data.len() <= limits::CHUNK_BYTES_MAX)
    );
    let rest = chunks(digest, encoding, &encoded, all[1].offset + 7);
    let joined: Vec<u8> = all[0]
        .data
        .iter()
        .chain(&all[1].data[..7])
        .copied()
        .collect();
    let whole: Vec<u8> = joined
        .into_iter()
        .chain(rest.iter().flat_map(|chunk| chunk.data.clone()))
        .collect();
    assert_eq!(whole, encoded);
}

#[test]
fn small_and_incompressible_content_travels_as_it_is() {
    assert_eq!(encode(b"{}"), (Encoding::Identity, b"{}".to_vec()));
    let (encoding, encoded) = encode(&[b'a'; 10_000]);
    assert_eq!(encoding, Encoding::Zstd);
    assert!(encoded.len() < 100);
}

#[test]
fn an_offset_beyond_the_end_says_the_total_and_nothing_else() {
    let chunks = chunks(Digest::of(b"x"), Encoding::Identity, b"x", 9);
    assert_eq!(chunks.len(), 1);
    assert_eq!((chunks[0].total, chunks[0].data.len()), (1, 0));
}
