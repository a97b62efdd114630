//! Limits that both sides keep, each with its arithmetic.

/// Largest encoded piece of an offer, in bytes.
///
/// A gRPC stream keeps the buffer of its largest message for life; with 8 KiB pieces a connected
/// spoke costs the hub 42 KB, with 64 KiB pieces 106 KB.
pub const PIECE_BYTES_MAX: usize = 8 * 1024;

/// Largest `data` of one content chunk, in bytes. Content travels on short-lived calls, whose
/// buffers go with them, so that larger chunks than pieces cost nothing that stays.
pub const CHUNK_BYTES_MAX: usize = 32 * 1024;

/// Most digests asked for in one content call: 1,000 x 34 bytes = 34 KB of request.
pub const WANTS_MAX: usize = 1_000;

/// Largest canonical object, in bytes: etcd's default request limit is 1.5 MiB, and an object that
/// does not fit there can never be applied.
pub const OBJECT_BYTES_MAX: usize = 1_536 * 1024;

/// Most objects in one cluster's snapshot: 100,000 entries x ~150 B = 15 MB in either process.
pub const SNAPSHOT_OBJECTS_MAX: usize = 100_000;

/// Largest report, in bytes: 256 KiB, as far as a spoke may make the hub allocate at once.
pub const REPORT_BYTES_MAX: usize = 256 * 1024;

/// Most objects and drifts listed in one bundle state. 20 lines are what a person reads.
pub const ATTENTION_MAX: usize = 20;

/// Most health checks of one bundle: an object that all of them are about costs 100 x 0.25 ms when it
/// changes. A bundle has a handful of kinds whose health is not known without one.
pub const HEALTH_CHECKS_MAX: usize = 100;

/// Heartbeat of either side of a session, in milliseconds. Two may be lost before a cluster
/// is `Stale` (30 s), six before it is `Offline` (90 s).
pub const HEARTBEAT_MS: u64 = 15_000;

/// Longest first-line message that a peer may send us to show to people, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2_048;
