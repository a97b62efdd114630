//! What hub and spoke may require of each other, by name, and the protocol's version range.

/// Protocol version that this build speaks.
pub const PROTOCOL: u32 = 1;

/// Oldest protocol version that this build still speaks.
pub const PROTOCOL_OLDEST: u32 = 1;

/// Policies of bundles, as this version writes them.
pub const POLICY: &str = "policy-v1";

/// The cluster's mode in a snapshot. An agent that does not know it would take another digest for the right one.
pub const MODE: &str = "mode-v1";

/// Features of an agent that an offer may require. A spoke refuses an offer that requires
/// a feature it does not know; a hub does not send one.
pub const KNOWN: &[&str] = &[POLICY, MODE];
