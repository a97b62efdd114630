//! Limits of a spoke, each with its arithmetic.

/// Writing calls to the API server under way at once. An apply costs the server ~4 ms of one core;
/// eight keep its queue for one client short and still hide the way there and back.
pub const CALLS_MAX: usize = 8;

/// Reading calls under way at once, besides the writing ones: a relist after a lost label asks for
/// every object that it lacks, and must not starve heals.
pub const READS_MAX: usize = 8;

/// How long reports are collected before one is sent, in milliseconds: a roll-out of ten objects
/// gives one report instead of twenty, and nobody notices a tenth of a second.
pub const REPORT_BATCH_MS: u64 = 100;

/// How long changes of an inventory that only add knowledge (UIDs) are collected, in milliseconds.
/// Intents never wait.
pub const INVENTORY_BATCH_MS: u64 = 250;

/// First and longest wait before an object is tried again, in milliseconds.
pub const RETRY_FIRST_MS: u64 = 1_000;
/// See [`RETRY_FIRST_MS`].
pub const RETRY_LONGEST_MS: u64 = 60_000;

/// Longest wait before a namespace is tried again, in milliseconds: a person who has just made it, or widened the
/// agent's rights, watches what happens. It costs two requests.
pub const NAMESPACE_RETRY_MS: u64 = 15_000;

/// Longest `Retry-After` that is honoured, in milliseconds: a broken proxy answers an hour.
pub const RETRY_AFTER_MAX_MS: u64 = 60_000;

/// First wait before discovery is asked again for a kind whose definition was just accepted, in
/// milliseconds. The API server needs 50 to 500 ms; the wait doubles up to the longest one.
pub const DISCOVER_FIRST_MS: u64 = 50;
/// See [`DISCOVER_FIRST_MS`].
pub const DISCOVER_LONGEST_MS: u64 = 5_000;

/// Window in which heals of one object are counted, in milliseconds.
pub const FLIP_WINDOW_MS: u64 = 600_000;

/// Heals of an object's fields within the window after which somebody is fighting us. Deletions are
/// counted on their own, see [`LOSSES_MAX`].
pub const FLIPS_MAX: usize = 3;

/// Deletions within the window after which somebody keeps deleting what we make: a person who tries
/// it a few times is never waited for, and a loop costs ten creations and not thousands.
pub const LOSSES_MAX: usize = 10;

/// How long a fought object is left alone at first, in milliseconds; doubles every time.
pub const FOUGHT_FIRST_MS: u64 = 60_000;
/// See [`FOUGHT_FIRST_MS`].
pub const FOUGHT_LONGEST_MS: u64 = 3_600_000;

/// Shortest time between two value checks of one object, in milliseconds: a controller that writes a
/// kind without generation ten times a second costs six reads a minute, not 600.
pub const VALUE_CHECK_MIN_MS: u64 = 10_000;

/// How often each kind is listed, in milliseconds, before jitter: what no watch told is found within
/// an hour.
pub const RELIST_EVERY_MS: u64 = 3_600_000;

/// How often what is only observed is compared anew, in milliseconds: two calls an object and round,
/// for objects that nothing watches.
pub const OBSERVE_EVERY_MS: u64 = 300_000;

/// Time in which each object's values are checked once, in milliseconds.
pub const VALUE_PASS_MS: u64 = 86_400_000;

/// How long objects may be Progressing before they count as Degraded, in milliseconds.
pub const HEALTH_TIMEOUT_MS: u64 = 300_000;

/// How long a custom resource may be without status, or say `Ready=False`, in milliseconds.
pub const SETTLE_MS: u64 = 30_000;

/// How long a pod may be unschedulable before it counts as Degraded, in milliseconds: a cluster
/// autoscaler needs most of a minute to add a node.
pub const UNSCHEDULABLE_MS: u64 = 60_000;

/// How long a deletion may take before it counts as Degraded, in milliseconds.
pub const TERMINATING_MS: u64 = 600_000;

/// Longest message about an object, in bytes: two lines of a terminal.
pub const MESSAGE_BYTES_MAX: usize = 300;

/// Longest value in a drift report, in bytes; more says nothing to a person.
pub const VALUE_BYTES_MAX: usize = 256;

/// Fields listed in one drift.
pub const DRIFT_FIELDS_MAX: usize = 20;

/// Fields named in the sentence about a fight: more do not fit two lines of a terminal.
pub const FOUGHT_FIELDS_MAX: usize = 3;

/// Fields named in the sentence about what others hold in an object, for each thing that they do.
pub const COMPANY_FIELDS_MAX: usize = 3;
