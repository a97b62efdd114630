//! Makes state durable beside the owner's loop: the accepted snapshot in one task, each inventory in its own order.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::BundleName;
use capstan_spoke_core::Event;
use capstan_spoke_core::effect::Store;
use capstan_spoke_core::head::Head;
use capstan_spoke_core::inventory::Rows;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::owner::Input;
use crate::kube::accepted::Accepted;
use crate::kube::inventory::Inventory;
use crate::kube::secret::{SecretError, Secrets};
use crate::telemetry::chain;

enum Order {
    Store(Box<Store>),
    Head(Box<Head>),
}

/// Stores accepted snapshots, one after the other.
#[derive(Debug)]
pub(super) struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
    _task: AbortOnDropHandle<()>,
}

impl Keeper {
    pub(super) fn start(accepted: Accepted, inputs: mpsc::Sender<Input>) -> Self {
        // Unbounded, yet small: the core waits for an answer before it stores the same snapshot again, and what
        // piles up is folded into one write.
        let (orders, queue) = mpsc::unbounded_channel();
        Self {
            orders,
            _task: AbortOnDropHandle::new(tokio::spawn(keep(accepted, queue, inputs))),
        }
    }

    pub(super) fn store(&self, store: Box<Store>) {
        // The task ends only with us.
        drop(self.orders.send(Order::Store(store)));
    }

    pub(super) fn head(&self, head: Box<Head>) {
        drop(self.orders.send(Order::Head(head)));
    }
}

async fn keep(
    mut accepted: Accepted,
    mut queue: mpsc::UnboundedReceiver<Order>,
    inputs: mpsc::Sender<Input>,
) {
    if let Err(error) = accepted.sweep().await {
        tracing::debug!(error = %chain(&error), "what an earlier process left behind was not deleted");
    }
    let mut left_over = None;
    while let Some(first) = queue.recv().await {
        let (store, head) = fold(first, &mut queue, left_over.take());
        if let Some(store) = store {
            let triple = store.head.triple;
            let event = match accepted.store(&store).await {
                Ok(()) => Event::Stored(triple),
                Err(error @ SecretError::Conflict { .. }) => {
                    drop(inputs.send(Input::Stale(chain(&error))).await);
                    return;
                }
                Err(error) => {
                    // Its contents go with the next attempt, which may only name what came since.
                    left_over = Some(store);
                    Event::StoreFailed {
                        triple,
                        problem: chain(&error),
                    }
                }
            };
            drop(inputs.send(event.into()).await);
            if let Err(error) = accepted.tidy().await {
                tracing::debug!(error = %chain(&error), "old stored state was not deleted");
            }
        } else if let Some(head) = head
            && let Err(error) = accepted.store_head(&head).await
        {
            tracing::warn!(error = %chain(&error), "which snapshot is accepted could not be stored");
        }
    }
}

/// The newest store, with the contents of those it replaces; a head alone counts when it came after.
fn fold(
    first: Order,
    queue: &mut mpsc::UnboundedReceiver<Order>,
    left_over: Option<Box<Store>>,
) -> (Option<Box<Store>>, Option<Box<Head>>) {
    let mut store: Option<Box<Store>> = None;
    let mut head = None;
    let mut order = Some(first);
    while let Some(next) = order {
        match next {
            Order::Store(mut newer) => {
                if let Some(older) = store.take() {
                    inherit(&mut newer, *older);
                }
                store = Some(newer);
                head = None;
            }
            Order::Head(newer) => match &mut store {
                Some(store) if store.head.triple == newer.triple => store.head = *newer,
                _ => head = Some(newer),
            },
        }
        order = queue.try_recv().ok();
    }
    if let (Some(store), Some(older)) = (&mut store, left_over) {
        inherit(store, *older);
    }
    (store, head)
}

fn inherit(newer: &mut Store, older: Store) {
    let wanted: std::collections::BTreeSet<_> = newer.snapshot.contents().collect();
    for (digest, bytes) in older.contents {
        if wanted.contains(&digest) {
            newer.contents.entry(digest).or_insert(bytes);
        }
    }
}

/// Writes inventories: several bundles at once, each bundle in order.
#[derive(Debug)]
pub(super) struct Inventories {
    secrets: Secrets,
    inputs: mpsc::Sender<Input>,
    stored: BTreeMap<BundleName, Arc<Mutex<Inventory>>>,
}

impl Inventories {
    pub(super) fn new(
        secrets: Secrets,
        stored: Vec<Inventory>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        let stored = stored
            .into_iter()
            .map(|inventory| (inventory.bundle().clone(), Arc::new(Mutex::new(inventory))))
            .collect();
        Self {
            secrets,
            inputs,
            stored,
        }
    }

    /// The write, to be run as a task. Its place in the bundle's order is taken when it first waits for the lock,
    /// which is fair; the core has one write per bundle under way.
    pub(super) fn write(
        &mut self,
        bundle: BundleName,
        version: u64,
        rows: Rows,
    ) -> impl Future<Output = ()> + Send + use<> {
        let inventory = self.stored.entry(bundle.clone()).or_insert_with(|| {
            Arc::new(Mutex::new(Inventory::new(
                self.secrets.clone(),
                bundle.clone(),
            )))
        });
        let inventory = inventory.clone();
        let inputs = self.inputs.clone();
        async move {
            let event = match inventory.lock().await.write(&rows).await {
                Ok(()) => Event::InventoryWritten { bundle, version },
                Err(error @ SecretError::Conflict { .. }) => {
                    drop(inputs.send(Input::Stale(chain(&error))).await);
                    return;
                }
                Err(error) => Event::InventoryFailed {
                    bundle,
                    version,
                    problem: chain(&error),
                },
            };
            drop(inputs.send(event.into()).await);
        }
    }
}

#[cfg(test)]
mod tests;
