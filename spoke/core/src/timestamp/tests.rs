//! Timestamps are read exactly, or not at all.

use super::parse;
use capstan_proto::Moment;
use proptest::prelude::*;

#[test]
fn a_server_timestamp_is_read() {
    assert_eq!(
        parse("1970-01-01T00:00:01Z"),
        Some(Moment::from_unix_ms(1000))
    );
    assert_eq!(
        parse("2026-03-01T12:00:00Z").unwrap().to_string(),
        "2026-03-01T12:00:00Z"
    );
    assert_eq!(
        parse("2026-03-01T12:00:00.123456Z").unwrap().to_string(),
        "2026-03-01T12:00:00.123Z"
    );
    assert_eq!(
        parse("2026-03-01T12:00:00+02:00").unwrap().to_string(),
        "2026-03-01T10:00:00Z"
    );
}

#[test]
fn anything_else_is_no_timestamp() {
    for text in [
        "",
        "now",
        "2026-03-01",
        "2026-13-01T00:00:00Z",
        "2026-03-01T00:00Z",
        "2026-03-01T00:00:00",
        "-1-03-01T00:00:00Z",
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_a_moment_writes_is_read_back(ms in 0_i64..4_000_000_000_000) {
        let moment = Moment::from_unix_ms(ms);
        prop_assert_eq!(parse(&moment.to_string()), Some(moment));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}") {
        let _moment = parse(&text);
    }
}
