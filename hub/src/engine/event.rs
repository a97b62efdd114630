//! Everything that can happen to the engine: one closed list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::desired::Approval;
use capstan_hub_core::session::Hello;
use capstan_hub_core::spec::Tree;
use capstan_proto::delta::receiver::Reason;
use capstan_proto::state::BundleState;
use capstan_proto::{
    BundleName, ClusterName, Digest, Moment, Revision, Snapshot, SourceName, Triple,
};
use tokio::sync::oneshot;

use super::out::Outbox;
use super::pass::Outcome;
use super::rename::{Refusal, Rename};
use super::settling::Ticket;
use crate::ca::Identity;
use crate::git::Commit;
use crate::ledger::records::Registration;
use crate::tls::ConnectionId;

/// Names a session; a newer one has a larger id: the revision of its owner's record in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) u64);

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A source was asked, or its copy on disk read.
    Polled {
        /// Which one.
        source: SourceName,
        /// What came of it.
        answer: Polled,
    },
    /// Tags of a source came, moved or went.
    Tagged(SourceName),
    /// A pass from files to snapshots ended.
    Passed(Box<Outcome>),
    /// A spoke said Hello.
    Opened(Box<Opening>),
    /// A spoke said something else.
    Said {
        /// Which cluster.
        cluster: ClusterName,
        /// In which session.
        session: SessionId,
        /// What.
        said: Said,
    },
    /// A session's stream ended.
    Closed {
        /// Which cluster.
        cluster: ClusterName,
        /// Which session.
        session: SessionId,
    },
    /// A cluster enrolled, or has another certificate.
    Enrolled {
        /// Which one.
        cluster: ClusterName,
        /// Its record.
        registration: Box<Registration>,
    },
    /// A cluster was banned (with the reason), or its ban taken back.
    Standing {
        /// Which one.
        cluster: ClusterName,
        /// Why it is banned; `None` when it is not any more.
        banned: Option<String>,
    },
    /// A person approved a removal set.
    Approved(Box<Approval>),
    /// A person confirmed what clusters run.
    Confirmed {
        /// One, or all.
        cluster: Option<ClusterName>,
        /// The clusters that this changed something for.
        reply: oneshot::Sender<Vec<ClusterName>>,
    },
    /// Somebody wants a cluster's content: which snapshots may it read?
    Readable {
        /// The cluster.
        cluster: ClusterName,
        /// The snapshots.
        reply: oneshot::Sender<Vec<Arc<Snapshot>>>,
    },
    /// A block of generations was reserved: these, up to but without the end.
    Reserved {
        /// The first one.
        first: u64,
        /// The one after the last one.
        end: u64,
        /// In which incarnation.
        incarnation: capstan_proto::Incarnation,
    },
    /// What a session said is durable; it goes on.
    Recorded {
        /// Which cluster.
        cluster: ClusterName,
        /// Which session.
        session: SessionId,
    },
    /// A cluster has another name in the ledger.
    Renamed(Rename),
    /// It has not.
    NotRenamed(Rename, Refusal),
    /// Removals are written down.
    Settled(Ticket),
    /// A pass ended without an outcome; in words.
    PassFailed(String),
    /// The ledger refused something; in words.
    LedgerFailed(String),
    /// The store keeps nothing any more; in words.
    StoreFailed(String),
    /// Somebody looks for content that nobody needs: which snapshots need some? `None`: that is not known.
    Sweep(oneshot::Sender<Option<Vec<Arc<Snapshot>>>>),
    /// None of these needs such content, nor does an approval.
    Unneeded {
        /// Which content.
        digests: BTreeSet<Digest>,
        /// It goes unless it was put or wanted again within this time.
        age: Duration,
    },
    /// Content reached the disk.
    Shelved(BTreeSet<Digest>),
    /// A second went by.
    Tick,
    /// The hub stops: sessions are told.
    Stop(oneshot::Sender<()>),
}

/// What the picture that readers have lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lacks {
    /// Nothing.
    Nothing,
    /// That some clusters were heard again; nobody waits for that.
    Ages,
    /// Something that somebody may wait for.
    News,
}

impl Event {
    /// What readers lack after it.
    pub(super) const fn lacks(&self) -> Lacks {
        match self {
            Self::Tick
            | Self::Readable { .. }
            | Self::Reserved { .. }
            | Self::Sweep(_)
            | Self::Unneeded { .. }
            | Self::Shelved(_) => Lacks::Nothing,
            Self::Said {
                said: Said::Heartbeat,
                ..
            } => Lacks::Ages,
            _ => Lacks::News,
        }
    }
}

/// What came of asking a source.
#[derive(Debug)]
pub(crate) enum Polled {
    /// Its head, and the files there.
    Head {
        /// The commit.
        commit: Box<Commit>,
        /// The files.
        tree: Arc<Tree>,
        /// When the source answered; `None` when only the copy on disk was read.
        at: Option<Moment>,
    },
    /// Its head is the one that was read last.
    Same {
        /// When the source answered.
        at: Moment,
    },
    /// Its head does not contain the commit in force, which stays.
    Rewritten {
        /// When the source answered.
        at: Moment,
        /// Its head.
        head: Revision,
        /// The commit in force.
        in_force: Revision,
    },
    /// It cannot be followed now; what was read before stays.
    Failed {
        /// When.
        at: Moment,
        /// Why, and what to do.
        message: String,
    },
}

/// A session that begins.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Its registration, as it now is.
    pub(crate) registration: Registration,
    /// The certificate shown.
    pub(crate) identity: Identity,
    /// The connection that it came over.
    pub(crate) connection: ConnectionId,
    /// The session.
    pub(crate) session: SessionId,
    /// Random per agent process.
    pub(crate) instance: [u8; 16],
    /// UID of the `kube-system` namespace.
    pub(crate) cluster_uid: String,
    /// What the spoke said.
    pub(crate) hello: Hello,
    /// What the cluster says of itself.
    pub(crate) facts: BTreeMap<String, String>,
    /// Where answers go.
    pub(crate) outbox: Outbox,
}

/// What a spoke says after Hello.
#[derive(Debug)]
pub(crate) enum Said {
    /// It stored a snapshot.
    Accept(Triple),
    /// It keeps what it has.
    Refuse {
        /// What it refused.
        snapshot: Triple,
        /// Why.
        reason: Reason,
        /// In words.
        detail: String,
    },
    /// How its bundles are.
    Report {
        /// Whether this is everything.
        full: bool,
        /// States that changed.
        states: Vec<BundleState>,
        /// Bundles that are gone.
        gone: Vec<BundleName>,
        /// Digest over all states after this report.
        digest: Option<Digest>,
    },
    /// What the cluster says of itself.
    Facts(BTreeMap<String, String>),
    /// It is there.
    Heartbeat,
    /// It caught up with a refresh.
    RefreshDone(u64),
    /// It broke the protocol; in words.
    Nonsense(String),
}
