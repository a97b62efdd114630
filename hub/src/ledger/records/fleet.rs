//! Records of which there is one: who the fleet is, and how far its numbers go.

use capstan_proto::{Incarnation, Moment};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::ca::{FleetId, KeyHash};

/// Who the fleet is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// Its id, made once.
    pub id: FleetId,
    /// When, in milliseconds since 1970.
    pub made_unix_ms: i64,
}

impl Record for Fleet {
    const KIND: &'static str = "fleet";
    const VERSION: u32 = 1;
}

/// Which life of the ledger this is; it changes only when the ledger is made anew or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncarnationRecord {
    /// The number.
    pub incarnation: Incarnation,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
}

impl IncarnationRecord {
    /// The incarnation after `previous`, begun at `now`. Seconds since 1970 as the counter's floor let a ledger that was
    /// lost altogether still number above the one before it.
    pub fn after(previous: Option<Incarnation>, now: Moment, random: u64) -> Self {
        let floor = u64::try_from(now.unix_ms() / 1000).unwrap_or(0);
        let next = previous.map_or(0, |previous| previous.counter.saturating_add(1));
        let incarnation = Incarnation {
            counter: next.max(floor),
            random,
        };
        Self {
            incarnation,
            since_unix_ms: now.unix_ms(),
        }
    }
}

impl Record for IncarnationRecord {
    const KIND: &'static str = "incarnation";
    const VERSION: u32 = 1;
}

/// Which generations are given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generations {
    /// The first generation that nobody reserved.
    pub next: u64,
}

impl Record for Generations {
    const KIND: &'static str = "generations";
    const VERSION: u32 = 1;
}

/// The state of the certificate authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityState {
    /// The hash of the root's key: what the fleet's pins say.
    pub root: KeyHash,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
}

impl Record for AuthorityState {
    const KIND: &'static str = "authority";
    const VERSION: u32 = 1;
}
