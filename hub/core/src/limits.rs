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

/// Most fleet documents in one file. A generated file of a fleet of 10,000 clusters has one each; a
/// person cannot find anything in a tenth of that.
pub const FILE_DOCUMENTS_MAX: usize = 20_000;

/// Most fleet documents of one source. 100,000 clusters, as many groups, bundles and placements
/// again, at about 1 KiB each: 200 MiB of memory at worst.
pub const SOURCE_DOCUMENTS_MAX: usize = 200_000;

/// Most problems listed of one file: a person mends them from the top, and a broken generator
/// repeats itself in every document.
pub const FILE_PROBLEMS_MAX: usize = 100;

/// Most entries of a list of terms, overrides or patches, and of one document's references. A list
/// of every cluster by name has as many entries as the fleet has clusters: 100,000.
pub const LIST_ITEMS_MAX: usize = 100_000;

/// Most selection terms in one list. Each is asked about each cluster: 1,000 terms about 100,000
/// clusters are 100 million questions, a second's work.
pub const TERMS_MAX: usize = 1_000;

/// Most replays of a placement's picks that are kept while its reasons are put into words: one for
/// each kind of domains, at most 10,000 picks of 32 bytes each, so 64 are 20 MB.
pub const REPLAYS_MAX: usize = 64;

/// Most comparisons of words for hints in one load, at about 0.5 us each: 100,000 are 50 ms. Past
/// that, problems have no `did you mean`.
pub const HINT_COMPARISONS_MAX: usize = 100_000;

/// Longest word that is compared with known ones, in bytes: a path may have 255 a part.
pub const HINT_WORD_BYTES_MAX: usize = 512;

/// Most known words that one hint lists: the longest list of fields has 17.
pub const HINT_WORDS_MAX: usize = 24;

/// Longest sentence of a problem, in bytes: twelve lines of a terminal.
pub const SENTENCE_BYTES_MAX: usize = 1_000;

/// Most comparisons of conditions of terms in one list: 150 terms of three conditions with each
/// other. Past that, terms that add nothing are not looked for.
pub const COVER_COMPARISONS_MAX: usize = 100_000;

/// Most members shown of a circle of documents.
pub const CIRCLE_SHOWN_MAX: usize = 8;

/// Deepest chain of variables that use variables. Twenty are more than a person can follow; it
/// bounds the stack.
pub const VARIABLE_DEPTH_MAX: usize = 32;

/// Longest value of a variable after substitution, in bytes: a ConfigMap's value may be 1 MiB.
pub const VARIABLE_BYTES_MAX: usize = 1024 * 1024;

/// Longest values of all variables of one bundle on one cluster together, in bytes: four of the
/// longest. Variables that use a long one multiply it: a thousand lines would be a gigabyte.
pub const VARIABLES_BYTES_MAX: usize = 4 * VARIABLE_BYTES_MAX;

/// Most clusters that a `count` may ask for, forty thousand times the largest fleet: what 32 bits
/// hold.
pub const COUNT_MAX: u32 = u32::MAX;

/// Largest weight of a preference, and least below zero: as many as a list may have, 100,000, add up
/// to 10^14, far within 64 bits.
pub const WEIGHT_MAX: i64 = 1_000_000_000;

/// Largest `maxSkew`: ten thousand times the largest fleet.
pub const SKEW_MAX: i64 = 1_000_000_000;

/// Most objects of one bundle on one cluster: a fifth of what a cluster may have. The largest set of
/// definitions that one provider publishes has a thousand.
pub const BUNDLE_OBJECTS_MAX: usize = 20_000;

/// Most bytes that the files of one bundle's directory, and its objects on one cluster, may have
/// together: 40 of the largest objects, or 1,000 definitions of 64 KiB. A spoke with 10 Mbit/s
/// fetches them within a minute. Values that are put in multiply: 20,000 objects with the longest
/// one would be 20 GB.
pub const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;

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
