//! Tests of digests.

use super::*;

#[test]
fn the_empty_digest_is_the_published_one() {
    // FIPS 180-4, SHA-256 of the empty message.
    let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Digest::of(b"").to_string(), expected);
    assert_eq!(Digest::parse(expected).unwrap(), Digest::of(b""));
}

#[test]
fn what_is_not_a_digest_is_refused() {
    assert_eq!(Digest::from_slice(&[0; 31]), Err(DigestError::Length(31)));
    assert_eq!(
        Digest::parse(&"g".repeat(64)),
        Err(DigestError::NotHexadecimal)
    );
    assert_eq!(Digest::parse("00"), Err(DigestError::NotHexadecimal));
}

#[test]
fn fields_cannot_flow_into_each_other() {
    let hash = |fields: &[&str]| {
        let mut hasher = Hasher::new();
        for field in fields {
            hasher.field(field.as_bytes());
        }
        hasher.finish()
    };
    assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    assert_ne!(hash(&["a", ""]), hash(&["a"]));
}
