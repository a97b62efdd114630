//! Every limit of the deciding core, each with its arithmetic.

/// Largest file read as YAML or JSON, in bytes. A Kubernetes object cannot pass 1.5 MiB (etcd's
/// request limit); a file of several objects gets room for twenty such.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most YAML nodes in one file: 32 MiB of `a: b` lines are 13 million nodes, a generated manifest
/// of 1.5 MiB about 150,000; a million is far above any honest file and costs 100 MB at worst.
pub const YAML_NODES_MAX: usize = 1_000_000;

/// Deepest nesting of YAML. A CRD's schema reaches 60; every level costs stack when walked.
pub const YAML_DEPTH_MAX: usize = 128;

/// Most nodes that aliases may add to one file: an alias bomb multiplies by ten a level.
pub const YAML_ALIAS_NODES_MAX: usize = 100_000;

/// Deepest chain of variables that use variables. Twenty are more than a person can follow; it
/// bounds the stack.
pub const VARIABLE_DEPTH_MAX: usize = 32;

/// Longest value of a variable after substitution, in bytes: a ConfigMap's value may be 1 MiB.
pub const VARIABLE_BYTES_MAX: usize = 1024 * 1024;

/// Share of a placement's clusters that may be lost within the window, in percent.
pub const REMOVED_CLUSTERS_PERCENT: usize = 20;

/// Clusters of a placement that may be lost within the window whatever their share: one cluster
/// can always be taken out without asking.
pub const REMOVED_CLUSTERS_MIN: usize = 1;

/// Share of a cluster's objects that may be removed within the window, in percent.
pub const REMOVED_OBJECTS_PERCENT: usize = 20;

/// Objects of a cluster that may be removed within the window whatever their share: a small bundle
/// has about ten objects.
pub const REMOVED_OBJECTS_MIN: usize = 10;

/// The window in which removals add up, in milliseconds: 24 h, so that what an evening's small
/// steps took away is noticed before the next day's.
pub const REMOVAL_WINDOW_MS: u64 = 24 * 60 * 60 * 1000;

/// How long an approval counts, in milliseconds: 7 days, longer than a cluster that is switched
/// off over a long weekend.
pub const APPROVAL_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Silence after which a cluster is `Stale`, in milliseconds: two heartbeats of 15 s.
pub const STALE_MS: u64 = 2 * capstan_proto::limits::HEARTBEAT_MS;

/// Silence after which a cluster is `Offline`, in milliseconds: six heartbeats of 15 s.
pub const OFFLINE_MS: u64 = 6 * capstan_proto::limits::HEARTBEAT_MS;

/// Within this time two instances that take one cluster's session from each other, A-B-A-B, are
/// two agents with one identity, in milliseconds. A pod that is replaced makes one change.
pub const FLIP_WINDOW_MS: u64 = 10 * 60 * 1000;

/// Least similarity of a misspelt word to a known one for a hint, in hundredths of Jaro-Winkler:
/// `matchLables` / `matchLabels` has 98, `foo` / `path` 0.
pub const SIMILAR_MIN: f64 = 0.80;

/// Most things that are listed as wrong of one cluster. A spoke may report 1,000 bundles with 20
/// objects each; a hundred are more than a person reads of one cluster, a page of 1,000 has room for
/// ten clusters that are all wrong, and 10,000 of them cost 300 MB at worst and not 60 GB.
pub const CLUSTER_TROUBLES_MAX: usize = 100;

/// Most problems listed for one bundle's content; a broken template repeats itself in every file.
pub const CONTENT_PROBLEMS_MAX: usize = 100;

/// Claimed generations from here on were given by no ledger: at a thousand snapshots a second, 2^62
/// is 146 million years away. Numbers are raised above smaller ones alone, on a record or a receipt;
/// as many again are left above them.
pub const CLAIMED_GENERATION_MAX: u64 = 1 << 62;

/// Claimed counters of incarnations from here on were made by no ledger. A counter is the larger of
/// the seconds since 1970 and the one before it plus one: seconds reach 2^40 in the year 36,812, and
/// a ledger that is restored once a second only keeps pace with them. No clock is asked, because one
/// that was wrong once made an honest counter. 16 million times as many are left above it.
pub const CLAIMED_COUNTER_MAX: u64 = 1 << 40;
