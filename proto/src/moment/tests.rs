//! Tests of moments.

use super::Moment;

fn check(ms: i64, expected: &str) {
    assert_eq!(Moment::from_unix_ms(ms).to_string(), expected);
}

#[test]
fn moments_are_written_as_rfc_3339() {
    check(0, "1970-01-01T00:00:00Z");
    check(951_782_400_000, "2000-02-29T00:00:00Z");
    check(1_767_225_599_999, "2025-12-31T23:59:59.999Z");
    check(-1, "1969-12-31T23:59:59.999Z");
}

#[test]
fn distances_never_go_below_zero() {
    let early = Moment::from_unix_ms(5);
    let late = Moment::from_unix_ms(9);
    assert_eq!(late.since_ms(early), 4);
    assert_eq!(early.since_ms(late), 0);
    assert_eq!(
        Moment::from_unix_ms(i64::MAX).plus_ms(1),
        Moment::from_unix_ms(i64::MAX)
    );
}
