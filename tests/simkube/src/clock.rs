//! Owns the time of day and how the API writes it.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

/// Now, as `metav1.Time` writes it: RFC 3339, whole seconds.
pub(crate) fn now() -> String {
    after(std::time::Duration::ZERO)
}

/// The moment `delay` from now, whole seconds.
pub(crate) fn after(delay: std::time::Duration) -> String {
    let moment = OffsetDateTime::now_utc() + delay;
    seconds(moment)
}

/// Seconds since 1970.
pub(crate) fn unix() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// A moment given in seconds since 1970, as the API writes it.
pub(crate) fn from_unix(unix: i64) -> String {
    seconds(OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// How long ago a written moment was, or `None` when it is no moment.
pub(crate) fn since(text: &str) -> Option<Duration> {
    Some(OffsetDateTime::now_utc() - OffsetDateTime::parse(text, &Rfc3339).ok()?)
}

/// How old something is as `kubectl` writes it: `5s`, `3m20s`, `4h`, `12d`.
pub(crate) fn age(text: &str) -> String {
    since(text).map_or_else(|| "<unknown>".to_owned(), human)
}

/// A duration as `kubectl` writes it.
pub(crate) fn human(duration: Duration) -> String {
    let seconds = duration.whole_seconds();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |big: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => pair(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => pair(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => pair(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => pair(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

fn seconds(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    moment
        .format(&format)
        .expect("the format has only known parts")
}
