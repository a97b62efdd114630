//! What the engine wants done: values, carried out by the loop and by nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::desired::Removal;
use capstan_hub_core::placement::Selected;
use capstan_proto::{BundleName, ClusterName, Digest, Moment, Number, PlacementName};

use super::event::SessionId;
use super::memory::{Remembered, Which};
use super::pass::Input;
use super::picture::Picture;
use super::pins;
use super::rename::Rename;
use super::settling::Ticket;
use super::spokes::Changes;
use crate::ca::ClusterId;
use crate::tls::ConnectionId;

/// What to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Remove content files that were not put or wanted again within this time.
    GiveUp(BTreeSet<Digest>, Duration),
    /// Run a pass beside the loop.
    Pass(Box<Input>),
    /// Show readers what is known now.
    Show(Box<Picture>),
    /// Let this content be read, and bring it to the disk.
    Shelve(BTreeMap<Digest, Arc<[u8]>>),
    /// Keep a snapshot over a restart.
    Remember(Which, ClusterName, Remembered),
    /// Keep what placements selected.
    RememberSelected(BTreeMap<PlacementName, Selected>),
    /// Keep where pins led first.
    RememberPins(pins::Changes),
    /// Keep the time at which a cluster was last heard, and its agent's version.
    RememberSeen(ClusterName, Moment, String),
    /// Keep that the hub lived at this moment.
    RememberLife(Moment),
    /// Keep bundle states, and forget those that are gone.
    RememberStates(ClusterName, Changes),
    /// Reserve the next block of generations.
    Reserve,
    /// Reserve generations above this number.
    Raise(Number),
    /// Record that a cluster is in recovery, with the digest that it claimed, or is not any more; the session that this
    /// comes from waits for it.
    Recovering(ClusterName, Option<Digest>, Option<SessionId>),
    /// Record that a cluster is called otherwise.
    Rename(Rename),
    /// Forget what is kept over a restart under a name, with the states of these bundles.
    Forget(ClusterName, BTreeSet<BundleName>),
    /// Record why a cluster is quarantined.
    Quarantine(ClusterName, String),
    /// Bring what clusters are given to the disk, record removals that nobody had to approve, and forget those from before
    /// this moment.
    LogRemovals(Ticket, Vec<Removal>, Moment),
    /// Close a connection, soon: what was put into its outbox goes first.
    CloseConnection(ConnectionId),
    /// Close all connections of a cluster, soon.
    CloseCluster(ClusterId),
}
