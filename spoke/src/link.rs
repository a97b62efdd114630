//! The connection to the hub: dialling it, proving it, and the calls over it.
//!
//! One TLS connection carries everything: the session stream, content, renewal. It never reconnects behind our
//! back: when it is gone, the session ends, and the runtime dials again after its own back-off.

mod address;
mod backoff;
mod content;
mod dial;
mod enroll;
mod session;

#[cfg(test)]
mod tests;

pub use address::{Address, AddressError};
pub use backoff::Backoff;
pub use content::{Fetch, FetchError, FetchedContent};
pub use dial::{DialError, Dialled, dial};
pub use enroll::{EnrollError, Enrolled, TokenCheck, check_token, enroll, renew};
pub use session::{Ended, Inbound, Outbound, Session};

/// What the hub's answers may cost us at most, in bytes: an offer's piece has 8 KiB, a content chunk 32 KiB;
/// everything else is smaller, and twice the largest leaves room for the encoding.
const DECODE_BYTES_MAX: usize = 2 * capstan_proto::limits::CHUNK_BYTES_MAX;

/// Shows at most the first line of a peer's text, and not more of it than a person reads.
#[must_use]
pub(crate) fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars()
        .filter(|c| !c.is_control())
        .take(capstan_proto::limits::MESSAGE_BYTES_MAX / 4)
        .collect()
}
