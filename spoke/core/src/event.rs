//! What the shell tells the core. One event at a time, in the order in which things happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::delta::Piece;
use capstan_proto::{BundleName, Digest, ObjectKey, Snapshot, Triple};

use crate::effect::Ticket;
use crate::head::Head;
use crate::inventory::Rows;
use crate::kind::Kind;
use crate::live::Observed;
use crate::outcome::Outcome;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first event, exactly once: what was stored.
    Started(Box<Started>),
    /// A session with the hub is open. Answered at once by `Send(Hello)`.
    HubConnected,
    /// The hub said something.
    FromHub(FromHub),
    /// The session is over. Everything local goes on.
    HubDisconnected,
    /// Content arrived. The core checks it against its digest.
    Content {
        /// What was asked for.
        digest: Digest,
        /// The decompressed bytes.
        bytes: Arc<[u8]>,
    },
    /// A content call is over.
    ContentEnded {
        /// Digests that this cluster may not read now: the next offer is awaited.
        denied: BTreeSet<Digest>,
        /// Why the rest did not arrive; `None` when all was answered.
        problem: Option<String>,
    },
    /// [`crate::Effect::Store`] is durable.
    Stored(Triple),
    /// [`crate::Effect::Store`] failed; the core tries again.
    StoreFailed {
        /// Which.
        triple: Triple,
        /// One line.
        problem: String,
    },
    /// [`crate::Effect::WriteInventory`] is durable.
    InventoryWritten {
        /// Whose.
        bundle: BundleName,
        /// Which write.
        version: u64,
    },
    /// [`crate::Effect::WriteInventory`] failed; the core tries again.
    InventoryFailed {
        /// Whose.
        bundle: BundleName,
        /// Which write.
        version: u64,
        /// One line.
        problem: String,
    },
    /// A call ended.
    Answered {
        /// Which.
        ticket: Ticket,
        /// How.
        outcome: Outcome,
    },
    /// A complete list of a kind, as its watch selects.
    Listed {
        /// Which kind.
        kind: Kind,
        /// Everything there is.
        objects: Vec<Observed>,
    },
    /// A watch said ADDED or MODIFIED.
    Observed(Box<Observed>),
    /// A watch said DELETED, which may only mean that the label is gone (K3).
    Vanished {
        /// Which object.
        key: ObjectKey,
        /// Its UID.
        uid: String,
        /// `metadata.resourceVersion` of the event; 0 where it is none.
        resource_version: u64,
    },
    /// A kind cannot be watched. An error is never an empty list.
    WatchFailed {
        /// Which kind.
        kind: Kind,
        /// Why.
        problem: WatchProblem,
    },
    /// Answer to [`crate::Effect::Discover`].
    Discovered {
        /// One entry for every kind asked for.
        kinds: BTreeMap<Kind, Served>,
    },
    /// The API server's storage went back in time (K4). Every watch lists anew after this event.
    ClusterRestored,
    /// The cluster's administrator changed the limits.
    Limited(LocalLimits),
    /// The moment of [`crate::Agent::poll_timeout`] has come. Harmless at any other time.
    Tick,
}

/// What a spoke knows when its process begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// A random number of this process, for jitter.
    pub seed: u64,
    /// The head pointer; `None` when nothing was ever accepted, or it cannot be read.
    pub head: Option<Head>,
    /// The entries that the head names; `None` as above.
    pub snapshot: Option<Snapshot>,
    /// Contents that are stored, by digest, already checked against it; some may be lacking.
    pub contents: BTreeMap<Digest, Arc<[u8]>>,
    /// The inventory of each bundle, from the cluster.
    pub inventory: BTreeMap<BundleName, Rows>,
    /// The cluster administrator's own limits.
    pub limits: LocalLimits,
}

/// What the cluster's administrator allows, whatever the hub says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalLimits {
    /// How many objects one snapshot may remove without an approval of the set; `None`: no limit of
    /// the cluster's own (the hub has one).
    pub removal_budget: Option<RemovalBudget>,
    /// Nothing is written at all; drift is only reported.
    pub frozen: bool,
    /// The agent's own namespace: nothing that a snapshot declares there is made. Empty: not known.
    pub own_namespace: String,
}

/// How much one snapshot may remove: the larger of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalBudget {
    /// Objects.
    pub count: usize,
    /// Percent of the objects that the inventory holds.
    pub percent: usize,
}

/// What the hub says, as model values ([`capstan_proto::convert`]). `Heartbeat` and `Close` are the
/// shell's; after `Close` comes [`Event::HubDisconnected`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromHub {
    /// A piece of an offer.
    Piece(Box<Piece>),
    /// The spoke holds exactly what is wanted.
    InSync {
        /// What is held.
        snapshot: Triple,
        /// Receipt for it.
        receipt: Vec<u8>,
    },
    /// The hub recorded an Accept.
    Receipt {
        /// Of what.
        snapshot: Triple,
        /// The receipt.
        mac: Vec<u8>,
    },
    /// What the named snapshot lacks may be deleted.
    PrunePermit(Triple),
    /// The hub does not know: keep everything.
    NoOpinion {
        /// One sentence.
        reason: String,
    },
    /// An offer is withheld, because this agent lacks features.
    UpgradeNeeded {
        /// Their names.
        features: BTreeSet<String>,
    },
    /// Check everything now, and answer `RefreshDone`.
    RefreshWanted(u64),
    /// Send every bundle state.
    ReportWanted,
}

/// Why a kind cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchProblem {
    /// Discovery was read completely and lacks the kind.
    NotServed,
    /// 403.
    Forbidden {
        /// One line, without values.
        detail: String,
    },
    /// Anything else: 429 "storage is (re)initializing", no connection, stale discovery.
    Unknown {
        /// One line.
        detail: String,
    },
}

/// What discovery says of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// It is served.
    Yes {
        /// Whether its objects live in namespaces.
        namespaced: bool,
        /// Versions it is served in, such as `v1`, preferred first.
        versions: Vec<String>,
    },
    /// It is served and takes nothing new: so says a definition that is being deleted (K19).
    ReadOnly,
    /// Discovery was read completely and lacks it.
    No,
    /// Discovery could not be read, or is stale for the group.
    Unknown,
}
