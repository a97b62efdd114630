//! The open connections, so that a ban can close those of a cluster at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::ca::{ClusterId, Identity, Serial};

/// Names a connection for the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// All open connections. Cheap to clone; all clones are the same registry.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    open: BTreeMap<ConnectionId, Open>,
    /// Those without an identity, the oldest first; being asked to close, they are not among them any more.
    strangers: BTreeSet<ConnectionId>,
}

#[derive(Debug)]
struct Open {
    identity: Option<(ClusterId, Serial)>,
    close: CancellationToken,
}

/// One connection's place among the open ones; dropping it leaves.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: ConnectionId,
    close: CancellationToken,
    connections: Connections,
}

impl Place {
    /// Resolves when the connection is to be closed.
    pub(super) fn closed(&self) -> WaitForCancellationFutureOwned {
        self.close.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.connections.locked();
        inner.open.remove(&self.id);
        inner.strangers.remove(&self.id);
    }
}

impl Connections {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many connections are open.
    pub fn count(&self) -> usize {
        self.locked().open.len()
    }

    /// The connections of a cluster that are open now.
    pub fn of_cluster(&self, cluster: ClusterId) -> Vec<ConnectionId> {
        let is_of = |open: &Open| open.identity.is_some_and(|(of, _)| of == cluster);
        let inner = self.locked();
        let open = inner.open.iter().filter(|(_, open)| is_of(open));
        open.map(|(connection, _)| *connection).collect()
    }

    /// Closes every connection of a cluster; says how many there were.
    pub fn close_cluster(&self, cluster: ClusterId) -> usize {
        self.close_where(|of, _| of == cluster)
    }

    /// Closes the connections that were opened with other serials of a cluster than the one given.
    pub fn close_other_serials(&self, cluster: ClusterId, current: Serial) -> usize {
        self.close_where(|of, serial| of == cluster && serial != current)
    }

    /// Closes one connection.
    pub fn close(&self, connection: ConnectionId) {
        if let Some(open) = self.locked().open.get(&connection) {
            open.close.cancel();
        }
    }

    fn close_where(&self, matches: impl Fn(ClusterId, Serial) -> bool) -> usize {
        let inner = self.locked();
        let of = |open: &&Open| {
            open.identity
                .is_some_and(|(of, serial)| matches(of, serial))
        };
        inner
            .open
            .values()
            .filter(of)
            .inspect(|open| open.close.cancel())
            .count()
    }

    /// Takes a connection in; where it is one without an identity too many, the oldest of those is closed.
    pub(super) fn enter(&self, identity: Option<&Identity>, strangers_max: usize) -> Place {
        let close = CancellationToken::new();
        let identity = identity.map(|identity| (identity.cluster, identity.serial));
        let mut inner = self.locked();
        inner.last += 1;
        let id = ConnectionId(inner.last);
        inner.open.insert(
            id,
            Open {
                identity,
                close: close.clone(),
            },
        );
        if identity.is_none() {
            if inner.strangers.len() >= strangers_max
                && let Some(oldest) = inner.strangers.pop_first()
                && let Some(open) = inner.open.get(&oldest)
            {
                open.close.cancel();
            }
            inner.strangers.insert(id);
        }
        drop(inner);
        Place {
            id,
            close,
            connections: self.clone(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no panic happens while the registry is held")
    }
}
