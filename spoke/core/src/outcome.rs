//! How a call of the API server ended, as the shell saw it; what it means is judged by the core.

use serde_json::Value;

/// The end of one [`crate::effect::Request`]. Exactly one for every request, always.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A 2xx answer.
    Success {
        /// HTTP status: 201 tells a creation from a change.
        code: u16,
        /// The body: the object, its `PartialObjectMetadata`, or a `Status`.
        body: Value,
    },
    /// Any other answer.
    Refused(Refused),
    /// The request may or may not have been executed: our deadline passed, or the connection broke
    /// after the request was on its way.
    Ambiguous {
        /// One line for the log.
        detail: String,
    },
    /// The request was certainly not executed: no connection.
    Unsent {
        /// One line for the log.
        detail: String,
    },
    /// The server serves no such kind: discovery was read anew, completely, and lacks it.
    NotServed,
    /// The kind is served, and its objects live elsewhere than the key says: nothing was asked.
    WrongScope {
        /// Whether its objects live in namespaces.
        namespaced: bool,
    },
    /// Discovery could not be read, or says `Stale` for the group: whether the kind is served is not
    /// known.
    DiscoveryFailed {
        /// One line for the log.
        detail: String,
    },
}

/// An answer that is not 2xx.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refused {
    /// HTTP status.
    pub code: u16,
    /// The body where it is a JSON `Status` object; `Null` for plain text.
    pub status: Value,
    /// The plain text where it is not JSON, cut to 1 KiB.
    pub text: String,
    /// Header `Retry-After` in milliseconds.
    pub retry_after_ms: Option<u64>,
}
