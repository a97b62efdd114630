//! The contract that a hub and its spokes sign: wire messages, ids, digests and the delta rules.
//!
//! A thing belongs here only if hub and spoke must agree on it bit for bit. Deliberately absent:
//! clocks, randomness, files, sockets, an async runtime, and any deciding or judging. Generated
//! messages are always built; generated service stubs sit behind the feature `rpc`, because they
//! bring tokio.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod canonical;
pub mod convert;
pub mod delta;
pub mod digest;
pub mod drift;
pub mod feature;
pub mod health;
pub mod ids;
pub mod limits;
pub mod moment;
pub mod object;
pub mod policy;
pub mod removal;
pub mod state;
pub mod wire;

pub use delta::snapshot::{Entry, Snapshot};
pub use digest::Digest;
pub use health::{Health, Sync};
pub use ids::{
    BundleName, ClusterName, Generation, Incarnation, Number, PlacementName, Revision, SourceName,
    Triple,
};
pub use moment::Moment;
pub use object::ObjectKey;
