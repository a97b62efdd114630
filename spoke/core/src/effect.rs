//! What the core wants done. Effects are executed in the order given; none holds up the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use capstan_proto::delta::receiver::Refusal;
use capstan_proto::state::BundleState;
use capstan_proto::{BundleName, Digest, Moment, ObjectKey, Snapshot, Triple};
use serde_json::Value;

use crate::head::Head;
use crate::inventory::Rows;
use crate::kind::Kind;

/// Field manager of everything that a snapshot declares.
pub const MANAGER: &str = "capstan";

/// Field manager of namespaces that are made because a bundle asks for one (K9).
pub const NAMESPACE_MANAGER: &str = "capstan-namespace";

/// Field manager that keeps the value of a field which we stop declaring (K6).
pub const RELEASED_MANAGER: &str = "capstan-released";

/// Names the one answer to a call. Unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a message to the hub, in order. Dropped silently when there is no session: what it says
    /// is state, and said again by the next session.
    Send(ToHub),

    /// Fetch content by digest, over its own call, as many at once as `WANTS_MAX` allows. Answered
    /// by one [`crate::Event::Content`] for each that arrived, then exactly one
    /// [`crate::Event::ContentEnded`] when the call or calls are over, well or not. A new
    /// `FetchContent` replaces one that is under way (cancel it; its `ContentEnded` is not wanted).
    /// An empty set only cancels. Never sent without a session.
    FetchContent {
        /// What is lacking.
        digests: BTreeSet<Digest>,
    },

    /// Store an accepted snapshot durably in the cluster and in the local cache: first the contents
    /// that are new, then the entries, **last** the head pointer, with a resourceVersion
    /// precondition; flush before answering. Contents that `snapshot` does not name may be deleted
    /// once the head is written, never before. Answered by [`crate::Event::Stored`] or
    /// [`crate::Event::StoreFailed`] with the same triple. A newer `Store` may come before the answer:
    /// execute them one after the other; skipping to the newest is fine, its answer is enough.
    Store(Box<Store>),

    /// Write the head pointer alone (a receipt arrived). Best effort, no answer; when it fails it is
    /// written with the next one.
    StoreHead(Box<Head>),

    /// Replace the inventory of a bundle in the cluster, with a resourceVersion precondition; empty
    /// rows: delete it. Answered by [`crate::Event::InventoryWritten`] or
    /// [`crate::Event::InventoryFailed`] with the same version. One at a time per bundle.
    WriteInventory {
        /// Whose.
        bundle: BundleName,
        /// Counts the writes of this bundle's inventory within the process.
        version: u64,
        /// All of it.
        rows: Rows,
    },

    /// Call the API server. Answered by exactly one [`crate::Event::Answered`] with the same ticket,
    /// whatever happens: every call has a deadline of the shell's own (10 s). The core bounds how
    /// many are under way. No retry in the shell: trying again is the core's decision.
    Call {
        /// For the answer.
        ticket: Ticket,
        /// What to do.
        request: Request,
    },

    /// Watch exactly these kinds: open what is new, close what is not named, change what differs.
    /// Each watch begins with a list, handed over as one [`crate::Event::Listed`]; then
    /// [`crate::Event::Observed`] and [`crate::Event::Vanished`] in the server's order. After a 410 or
    /// any gap the shell lists again (another `Listed`). When a watch cannot be opened or kept:
    /// [`crate::Event::WatchFailed`], once per change of the reason, and the shell goes on trying with
    /// its own back-off. Bookmarks, the silence limit and the check for a restored server (K4) are
    /// the shell's; a restore is told by [`crate::Event::ClusterRestored`]. Watch at the version
    /// discovery prefers (the storage version where it is served).
    Watch(BTreeMap<Kind, Watch>),

    /// List this kind anew, as its watch says, though its watch is fine. Answered by
    /// [`crate::Event::Listed`] or [`crate::Event::WatchFailed`].
    Relist {
        /// Which.
        kind: Kind,
    },

    /// Read discovery anew and answer for exactly these kinds with [`crate::Event::Discovered`].
    Discover {
        /// Which.
        kinds: BTreeSet<Kind>,
    },

    /// Write a Kubernetes Event, best effort, at the shell's own bounded rate.
    Emit(Notice),

    /// A decision to log, with its fields; `Display` is the sentence. Nothing else to do.
    Log(Decision),
}

/// How a kind is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Every object with the label `capstan.dev/bundle` (existence), metadata only.
    Metadata,
    /// Every object with the label `capstan.dev/bundle` (existence), whole, because health needs its
    /// status.
    Full,
    /// These objects, as (namespace, name), each by a metadata-only watch with a field selector on
    /// its name; used for Secrets, whose list would return data (K23). Where the administrator grants
    /// list, one labelled metadata watch may stand for all. `Listed` is handed over for the kind once
    /// every name was answered, with those that exist.
    Named(BTreeSet<(String, String)>),
}

/// An accepted snapshot to make durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// To be written last.
    pub head: Head,
    /// The entries ([`crate::head::snapshot_to_bytes`]); also says which contents stay.
    pub snapshot: Snapshot,
    /// Contents that were not stored before.
    pub contents: BTreeMap<Digest, Arc<[u8]>>,
}

/// One call of the API server.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Server-side apply: PATCH with `application/apply-patch+yaml`, at the version in `manifest`.
    /// For a Secret ask for `PartialObjectMetadata` back (its answer must not be read); else for the
    /// whole object.
    Apply {
        /// Which object.
        key: ObjectKey,
        /// The body, exactly as sent. Carries `metadata.uid` for an object that is known (K10).
        manifest: Arc<Value>,
        /// Field manager.
        manager: &'static str,
        /// Takes fields from other managers.
        force: bool,
        /// `dryRun=All`.
        dry_run: bool,
    },
    /// GET the object by its key: at `api_version` where that is served, else as discovery prefers.
    /// Secrets as `PartialObjectMetadata`.
    Get {
        /// Which object.
        key: ObjectKey,
        /// Such as `apps/v1`; may be empty.
        api_version: String,
    },
    /// DELETE with a UID precondition, never with a resourceVersion one, and with
    /// `propagationPolicy: Background` (K21).
    Delete {
        /// Which object.
        key: ObjectKey,
        /// Such as `apps/v1`; may be empty.
        api_version: String,
        /// The only object that may be deleted.
        uid: String,
    },
    /// PATCH with `application/json-patch+json` (clean-up of `managedFields`), as manager `capstan`.
    /// The patch carries its own preconditions. Secrets: ask for `PartialObjectMetadata` back.
    Patch {
        /// Which object.
        key: ObjectKey,
        /// Such as `apps/v1`; may be empty.
        api_version: String,
        /// RFC 6902.
        patch: Value,
    },
}

impl Request {
    /// Which object it is about.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Apply { key, .. }
            | Self::Get { key, .. }
            | Self::Delete { key, .. }
            | Self::Patch { key, .. } => key,
        }
    }
}

/// A message to the hub.
#[derive(Clone, Debug, PartialEq)]
pub enum ToHub {
    /// The first message of a session; the shell adds agent version, protocol range, features
    /// (`capstan_proto::feature::KNOWN`), instance, cluster UID, CA bundle digest and facts.
    Hello(Hello),
    /// The snapshot is verified and durable.
    Accept(Triple),
    /// The snapshot is refused; what is held stays.
    Refuse(Refusal),
    /// Bundle states that changed.
    Report(Report),
    /// Catches up with `RefreshWanted`.
    RefreshDone(u64),
}

/// What Hello says of the accepted state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// What is held durably.
    pub accepted: Option<Triple>,
    /// The hub's receipt for it; empty when it never arrived.
    pub receipt: Vec<u8>,
    /// Over the states last reported; `None` before the first report of this process.
    pub states_digest: Option<Digest>,
}

/// Bundle states that changed since the last report of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Complete: what it lacks is gone.
    pub full: bool,
    /// The states.
    pub bundles: Vec<BundleState>,
    /// Bundles that left the cluster.
    pub gone: BTreeSet<BundleName>,
    /// Over all states after this report.
    pub states_digest: Digest,
}

/// A Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The object it is about; `None`: the agent's own Deployment or namespace.
    pub regarding: Option<ObjectKey>,
    /// `Warning` instead of `Normal`.
    pub warning: bool,
    /// One CamelCase word.
    pub reason: String,
    /// One sentence; values of Secrets never stand in it.
    pub message: String,
}

/// A decision worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A snapshot was verified and is being brought about.
    Taken {
        /// Which.
        snapshot: Triple,
        /// How many objects it names.
        objects: usize,
        /// How many of them are new or changed.
        changed: usize,
    },
    /// A snapshot was refused.
    Refused(Refusal),
    /// Nothing is deleted for the held snapshot, though it lacks objects that we own.
    NotPruning {
        /// How many objects would go.
        objects: usize,
        /// Why they stay.
        reason: String,
    },
    /// An object is deleted.
    Pruned(ObjectKey),
    /// An object is let go without deleting it.
    Released(ObjectKey),
    /// Drift was found.
    Drifted {
        /// Which object.
        object: ObjectKey,
        /// Who wrote; empty when unknown.
        manager: String,
        /// When it was seen.
        seen_at: Moment,
    },
    /// Drift was put back.
    Healed(ObjectKey),
    /// An object is left alone, because somebody keeps writing it.
    Fought {
        /// Which object.
        object: ObjectKey,
        /// Who; empty when unknown.
        manager: String,
        /// One sentence: who does what, and until when it is left alone.
        words: String,
    },
    /// An object cannot be brought about now.
    Failing {
        /// Which object.
        object: ObjectKey,
        /// One CamelCase word.
        reason: String,
        /// One sentence, without values.
        message: String,
    },
    /// Something durable could not be written.
    NotStored {
        /// What.
        what: String,
        /// One line.
        problem: String,
    },
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken {
                snapshot,
                objects,
                changed,
            } => write!(
                f,
                "snapshot {snapshot}: {changed} of {objects} objects change"
            ),
            Self::Refused(refusal) => write!(
                f,
                "snapshot {} refused: {}: {}",
                refusal.snapshot, refusal.reason, refusal.detail
            ),
            Self::NotPruning { objects, reason } => write!(
                f,
                "{objects} objects that the snapshot lacks are not deleted: {reason}"
            ),
            Self::Pruned(object) => write!(f, "{object} is deleted: the snapshot lacks it"),
            Self::Released(object) => write!(f, "{object} is let go"),
            Self::Drifted {
                object, manager, ..
            } if manager.is_empty() => {
                write!(f, "{object} drifted")
            }
            Self::Drifted {
                object, manager, ..
            } => write!(f, "{object} drifted: {manager} wrote it"),
            Self::Healed(object) => write!(f, "{object} is as declared again"),
            Self::Fought { object, words, .. } => write!(f, "{object}: {words}"),
            Self::Failing {
                object,
                reason,
                message,
            } => write!(f, "{object}: {reason}: {message}"),
            Self::NotStored { what, problem } => write!(f, "{what} was not stored: {problem}"),
        }
    }
}
