//! Moments and numbers as people read them.

use capstan_hub_core::report;
use capstan_proto::Moment;

/// `3 min ago`, or `-` for never.
pub(super) fn ago(at_ms: i64) -> String {
    match at_ms {
        0 => "-".to_owned(),
        at_ms => report::ago(Moment::from_unix_ms(at_ms), crate::clock::now()),
    }
}

/// `2026-01-31T12:00:00Z`, or `-` for never.
pub(super) fn moment(at_ms: i64) -> String {
    match at_ms {
        0 => "-".to_owned(),
        at_ms => Moment::from_unix_ms(at_ms - at_ms.rem_euclid(1000)).to_string(),
    }
}

/// The text, or `-` when it is empty.
pub(super) fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// `key=value,key=value`.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let texts: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    or_dash(&texts.join(",")).to_owned()
}

/// `1 object`, `2 objects`.
pub(super) fn objects(number: u32) -> String {
    match number {
        1 => "1 object".to_owned(),
        number => format!("{number} objects"),
    }
}
