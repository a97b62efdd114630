//! The wall clock as the core's moments; the only place where the two meet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capstan_proto::Moment;

/// The present moment; a clock before 1970 says 1970.
#[must_use]
pub fn now() -> Moment {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Moment::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
