//! What the engine knows of one cluster, and its session.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use capstan_hub_core::desired::{Given, Last};
use capstan_hub_core::rollup::Observed;
use capstan_hub_core::session::{self, Opened, Session, Standing};
use capstan_proto::delta::Approval;
use capstan_proto::policy::Mode;
use capstan_proto::state::{BundleState, states_digest};
use capstan_proto::{BundleName, Digest, Moment, Snapshot, Triple};

use super::event::SessionId;
use super::memory::Remembered;
use super::out::Outbox;
use super::settling::Ticket;
use crate::ca::{ClusterId, Identity, Serial};
use crate::ledger::records::Registration;
use crate::tls::ConnectionId;

/// Openings that are remembered to tell a moved agent from a copied one: A-B-A-B needs four.
const OPENINGS_MAX: usize = 8;

/// Bundles that nobody knows of and that a cluster may report all the same: people see them while the hub recovers.
const UNKNOWN_BUNDLES_MAX: usize = 1_000;

/// A cluster's membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: ClusterId,
    /// UID of its `kube-system` namespace.
    pub(crate) uid: String,
    /// The certificate in use.
    pub(crate) serial: Serial,
    /// When that ends.
    pub(crate) expires_at: Moment,
    /// Why it is banned.
    pub(crate) banned: Option<String>,
    /// Why it is quarantined.
    pub(crate) quarantined: Option<String>,
}

impl Member {
    /// What the ledger says.
    pub(crate) fn new(registration: &Registration, banned: Option<String>) -> Self {
        Self {
            id: registration.id,
            uid: registration.cluster_uid.clone(),
            serial: registration.current.serial,
            expires_at: Moment::from_unix_ms(registration.current.not_after_unix_ms),
            banned,
            quarantined: registration.quarantine.as_ref().map(|q| q.reason.clone()),
        }
    }

    /// Whether it may not connect.
    pub(crate) const fn is_banned(&self) -> bool {
        self.banned.is_some()
    }

    /// Its standing at a moment.
    pub(crate) fn standing(&self, now: Moment) -> Standing {
        match (&self.banned, &self.quarantined) {
            (Some(_), _) => Standing::Banned,
            (None, Some(_)) => Standing::Quarantined,
            (None, None) if now >= self.expires_at => Standing::NeedsToken,
            (None, None) => Standing::Enrolled,
        }
    }
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Live {
    /// Which one.
    pub(crate) id: SessionId,
    /// The state machine.
    pub(crate) session: Session,
    /// Where what is said goes.
    pub(crate) outbox: Outbox,
    /// The certificate shown.
    pub(crate) identity: Identity,
    /// The connection.
    pub(crate) connection: ConnectionId,
    /// Whether every bundle state was asked for and did not come yet.
    pub(crate) report_wanted: bool,
    /// Whether it holds what is not on record: it may report what nobody knows of.
    pub(crate) off_record: bool,
    /// Whether something is being recorded that must be durable before anything else is said.
    pub(crate) recording: bool,
    /// What is said after that.
    pub(crate) pending: VecDeque<session::Effect>,
}

/// Whether it is known what a cluster ran before the hub started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is on record, or it never ran anything.
    #[default]
    OnRecord,
    /// The record is lost, and it did not say it yet.
    Awaited,
    /// The record is lost, and it said it.
    Said,
}

/// What is known of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    /// Its membership; `None` when it never enrolled.
    pub(crate) member: Option<Member>,
    /// What it was last given.
    pub(crate) given: Option<Remembered>,
    /// Whether it was given something of which nobody knows what.
    pub(crate) forgotten: bool,
    /// What was approved of what it was last given.
    pub(crate) approvals: Vec<Approval>,
    /// The newest removals of what it is given: see [`Settling`](super::settling::Settling).
    pub(crate) removal: Ticket,
    /// What it holds, as far as is known.
    pub(crate) held: Option<Remembered>,
    /// Snapshots that sessions were aimed at and that it may have accepted: the outstanding and the latest.
    pub(crate) aimed: BTreeMap<Triple, Remembered>,
    /// Its session.
    pub(crate) live: Option<Live>,
    /// What is shown of it.
    pub(crate) observed: Observed,
    /// The states as queries read them, made anew after a report.
    pub(crate) shown: Option<Arc<BTreeMap<BundleName, BundleState>>>,
    /// When it was last written down that it was heard.
    pub(crate) remembered_at: Option<Moment>,
    /// What it says of itself.
    pub(crate) facts: Arc<BTreeMap<String, String>>,
    /// Whether it said that since the hub started.
    pub(crate) facts_said: bool,
    /// Whether it is known what it ran before the hub started.
    pub(crate) heard: Heard,
    /// Sessions opened with its identity, the oldest first.
    pub(crate) openings: VecDeque<Opened>,
    /// In recovery: the digest that it claimed when that began.
    pub(crate) recovering: Option<Digest>,
    /// How often somebody asked for a refresh.
    pub(crate) refresh_wanted: u64,
    /// Up to which of these it caught up.
    pub(crate) refresh_done: u64,
}

impl Cluster {
    /// What it was given, as decisions see it.
    pub(crate) fn given(&self) -> Given {
        match (&self.given, self.forgotten) {
            (Some(given), _) => Given::Known(Last {
                snapshot: Arc::clone(&given.snapshot),
                owners: given.owners.clone(),
                certain: given.certain,
            }),
            (None, true) => Given::Unknown,
            (None, false) => Given::Nothing,
        }
    }

    /// The entries of a snapshot that the cluster says it holds, where they are known.
    pub(crate) fn entries(&self, triple: Triple) -> Option<&Remembered> {
        self.records()
            .find(|known| known.triple.digest == triple.digest)
    }

    /// The mode in what it holds, where that is on record.
    pub(crate) fn held_mode(&self) -> Option<Mode> {
        let held = self.entries(self.observed.session.held?)?;
        Some(held.snapshot.mode())
    }

    /// Everything on record that it was given and may hold.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Remembered> {
        [&self.held, &self.given]
            .into_iter()
            .flatten()
            .chain(self.aimed.values())
    }

    /// Whether it was ever given anything, as far as anybody can tell.
    pub(crate) const fn given_before(&self) -> bool {
        self.forgotten || self.given.is_some() || self.held.is_some()
    }

    /// Whether it can have anything to say of a bundle: one that it was given, or that it spoke of before. A cluster of
    /// which it is not known what it runs may speak of more, until it would have spoken of so many `bundles`.
    pub(crate) fn may_report(&self, bundle: &BundleName, bundles: usize) -> bool {
        let states = &self.observed.states;
        let known = |on_record: &Remembered| on_record.snapshot.bundles().contains_key(bundle);
        if states.contains_key(bundle) || self.records().any(known) {
            return true;
        }
        let off_record = self.live.as_ref().is_some_and(|live| live.off_record);
        let unknown = off_record || self.recovering.is_some() || self.given.is_none();
        unknown && bundles <= UNKNOWN_BUNDLES_MAX
    }

    /// Bundles that it says it runs, and that are not in what it was last given.
    pub(crate) fn unrecorded(&self) -> BTreeSet<BundleName> {
        let given = self.given.as_ref().map(|given| given.snapshot.bundles());
        let is_given =
            |bundle: &&BundleName| given.is_some_and(|given| given.contains_key(*bundle));
        let said = self.observed.states.keys();
        said.filter(|bundle| !is_given(bundle)).cloned().collect()
    }

    /// Notes an opening; old ones are forgotten.
    pub(crate) fn opened(&mut self, opened: Opened) {
        if self.openings.len() == OPENINGS_MAX {
            self.openings.pop_front();
        }
        self.openings.push_back(opened);
    }

    /// Digest of the bundle states that are known.
    pub(crate) fn states(&self) -> Option<Digest> {
        let states = &self.observed.states;
        (!states.is_empty()).then(|| states_digest(states.values()))
    }

    /// The snapshots whose content the cluster may read.
    pub(crate) fn readable(&self) -> Vec<Arc<Snapshot>> {
        let Some(live) = &self.live else {
            return Vec::new();
        };
        live.session.readable().cloned().collect()
    }

    /// The states, shared with queries.
    pub(crate) fn shown(&mut self) -> Arc<BTreeMap<BundleName, BundleState>> {
        let states = &self.observed.states;
        Arc::clone(self.shown.get_or_insert_with(|| Arc::new(states.clone())))
    }
}
