//! One spoke's life as a state machine: what it says, what it is told, and what must be recorded.
//!
//! Events in, effects out; the shell owns the stream, the clock, the ledger and the receipts' key.
//! What a spoke may read, and whether it may prune, is decided here and nowhere else.

mod claim;
mod connection;
mod flip;
mod machine;

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::delta::sender::Target;
use capstan_proto::delta::{Piece, receiver};
use capstan_proto::{Digest, Incarnation, Number, Revision, SourceName, Triple};

pub use claim::is_plausible;
pub use connection::{Connection, Hearing, Standing, awaited, connection};
pub use flip::{Opened, Quarantine, quarantine};
pub use machine::Session;

use crate::desired::Prune;

/// What a spoke says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Version of the agent, for people.
    pub agent_version: String,
    /// Oldest protocol version it speaks.
    pub protocol_min: u32,
    /// Newest protocol version it speaks.
    pub protocol_max: u32,
    /// Features it knows.
    pub features: BTreeSet<String>,
    /// What it last accepted.
    pub accepted: Option<Triple>,
    /// Whether it has our receipt for that.
    pub receipt: Receipt,
    /// Digest of the bundle states it last reported.
    pub states: Option<Digest>,
}

/// What came with a claimed triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing.
    Absent,
    /// A receipt that this hub's key made for this cluster and triple.
    Valid,
    /// Something else.
    Invalid,
}

/// What the hub knows when a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The incarnation of the ledger.
    pub incarnation: Incarnation,
    /// The highest number that was ever reserved: a claim above it was not made by this ledger.
    pub reserved: Number,
    /// The highest number that was ever given: a claim above it was made by a later life of a ledger
    /// that was restored since.
    pub issued: Number,
    /// What the hub has on record that it gave this cluster. Nothing else is known to be its own,
    /// however likely its number is.
    pub recorded: BTreeSet<Triple>,
    /// Whether what it is given removes something that is not written down yet.
    pub unsettled: bool,
    /// Why the hub cannot write down what it gives: what it does not know after a restart, it must
    /// not have removed anything by. Says nothing of what this cluster runs.
    pub unkept: Option<String>,
    /// Whether the cluster was ever given anything, as far as anybody can tell: a spoke that says it
    /// has nothing may have lost its own record.
    pub given_before: bool,
    /// The snapshot that the spoke says it holds, where the hub has its entries.
    pub snapshot: Option<std::sync::Arc<capstan_proto::Snapshot>>,
    /// Digest of the bundle states that the hub has of this cluster.
    pub states: Option<Digest>,
    /// Where the cluster is in recovery: the digest that it claimed when that began.
    pub recovering: Option<Digest>,
    /// How often somebody asked for a refresh of this cluster.
    pub refresh_wanted: u64,
    /// Up to which of these the spoke caught up.
    pub refresh_done: u64,
}

/// What the cluster should run, as far as a session is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// This snapshot, which may or may not be pruned by.
    Target(Target, Prune),
    /// Keep everything.
    NoOpinion(String),
}

/// What happens to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The spoke's first message.
    Hello(Hello),
    /// What the cluster should run changed, or is known for the first time.
    Aim(Aim),
    /// The spoke stored a snapshot.
    Accept(Triple),
    /// The spoke keeps what it has.
    Refuse {
        /// What it refused.
        snapshot: Triple,
        /// Why.
        reason: receiver::Reason,
        /// In words.
        detail: String,
    },
    /// The spoke caught up with a refresh.
    RefreshDone(u64),
    /// Somebody asked for a refresh; the count is a level.
    RefreshWanted(u64),
    /// Somebody confirmed what the cluster runs: recovery ends.
    Confirm,
    /// What it is given removes something, which is being written down: nothing is pruned before.
    Unsettled,
    /// That is written down.
    Settled,
    /// The hub cannot write down any more what it gives: nothing is pruned until it starts anew.
    Unkept(String),
    /// The session must end.
    End(Close),
}

/// Why a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The one word.
    pub reason: CloseReason,
    /// For people.
    pub detail: String,
    /// When to come back, in milliseconds; 0 leaves it to the spoke's back-off.
    pub retry_after_ms: u32,
}

/// Why a session ends, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The hub stops.
    ShuttingDown,
    /// A newer session of the cluster took over.
    Replaced,
    /// The cluster was banned.
    Banned,
    /// Its certificate was renewed since.
    Retired,
    /// Its certificate ended.
    Expired,
    /// Two agents have one identity.
    Quarantined,
    /// The peer broke the protocol.
    Protocol,
}

/// What the shell has to do, in this order. What is to be recorded is recorded before the next
/// effect is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Say that the spoke holds what is wanted, with a receipt for it.
    InSync(Triple),
    /// Send an offer.
    Offer(Vec<Piece>),
    /// Record durably that the spoke holds this, and only then send the receipt.
    Receipt(Triple),
    /// Say that what this snapshot lacks may be deleted.
    PrunePermit(Triple),
    /// Say that nothing is known.
    NoOpinion(String),
    /// Say that the agent is too old: these features are missing.
    UpgradeNeeded(BTreeSet<String>),
    /// Ask for every bundle state.
    ReportWanted,
    /// Ask for a refresh.
    RefreshWanted(u64),
    /// End the stream with these words.
    Close(Close),
    /// Record durably that the cluster is in recovery, with the digest that it claimed; `None` when
    /// recovery ended.
    Recovering(Option<Digest>),
    /// Record that what the cluster was given is certain again: see `Given::confirmed`.
    Confirmed,
    /// Number every later snapshot above this one.
    RaiseNumbers(Number),
}

/// What a session can say of itself. A claim that this hub never made shows as `unknown_claim`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What the spoke holds.
    pub held: Option<Triple>,
    /// What it should hold.
    pub target: Option<Triple>,
    /// Features that its agent lacks for the target.
    pub upgrade_needed: BTreeSet<String>,
    /// The refused snapshot, with the spoke's words.
    pub refused: Option<(Triple, String)>,
    /// Whether the cluster is in recovery.
    pub recovering: bool,
    /// A claim that this hub never made and that has no receipt.
    pub unknown_claim: Option<Triple>,
    /// Whether it holds that claim still and its number moves none of the hub's: it is told nothing
    /// of what it claims, and keeps what it has until a higher number comes.
    pub claim_refused: bool,
    /// Why the target is not offered, where it is not.
    pub offer_withheld: Option<String>,
    /// Why nothing is pruned, where it is not.
    pub prune_withheld: Option<String>,
    /// The commits of the target.
    pub stamps: BTreeMap<SourceName, Revision>,
    /// Refreshes that the spoke still owes.
    pub refresh_owed: bool,
}

#[cfg(test)]
mod tests;
