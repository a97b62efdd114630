//! From getting the Lease to losing it: loads what is stored, runs the core, and puts everything down in order.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use capstan_proto::BundleName;
use capstan_spoke_core::event::Started;
use capstan_spoke_core::inventory::Rows;
use capstan_spoke_core::{Event, Kind};
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::hub::Hub;
use super::keeper::{self, Kept};
use super::owner::{Input, Owner, Parts, Stop};
use super::writers::{Inventories, Keeper};
use super::{Context, limits};
use crate::kube::AskError;
use crate::kube::accepted::Accepted;
use crate::kube::inventory;
use crate::kube::lease::Lease;
use crate::kube::secret::{SecretError, Secrets};
use crate::shutdown::Shutdown;
use crate::telemetry::chain;

/// Events on their way to the core. Whoever finds it full waits: watches and calls slow down instead of filling
/// memory, and 1,024 small events are what a burst of a thousand writes makes.
const INPUTS_MAX: usize = 1_024;

/// How a tenure ended.
pub(super) enum End {
    /// We were told to stop; everything is put down.
    Stopped,
    /// The Lease is not ours any more.
    LeaseLost,
    /// What is stored is not what we think it is.
    Stale(String),
}

/// Why a tenure could not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum TenureError {
    #[error("the accepted state or the inventory cannot be read")]
    State(#[from] SecretError),
    #[error("the cluster administrator's limits cannot be read")]
    Limits(#[from] limits::LimitsError),
    #[error("the namespace kube-system cannot be read, by whose UID the cluster is known")]
    Cluster(#[from] AskError),
}

/// Runs one tenure.
pub(super) async fn run(context: &Context, mut shutdown: Shutdown) -> Result<End, TenureError> {
    let instance = context.instance.to_string();
    let mut lease = Lease::new(context.kube.clone(), &context.namespace, &instance)
        .traced(context.process.clone());
    let acquired = tokio::select! {
        () = keeper::acquire(&mut lease) => true,
        () = shutdown.wait() => false,
    };
    if !acquired {
        // The attempt that was given up may have succeeded.
        release(lease).await;
        return Ok(End::Stopped);
    }
    context.metrics.leading.set(1);
    let (stop_keeping, stop) = oneshot::channel();
    let mut kept = AbortOnDropHandle::new(tokio::spawn(keeper::keep(lease, stop)));

    let result = tokio::select! {
        result = work(context, shutdown) => result,
        _ = &mut kept => Ok(End::LeaseLost),
    };
    context.ready.store(false, Ordering::Relaxed);
    context.metrics.leading.set(0);
    if matches!(result, Ok(End::LeaseLost)) {
        return result;
    }
    // Everything that writes has ended or was given up: the successor may begin at once.
    drop(stop_keeping);
    if let Ok(Kept::Stopped(lease)) = kept.await {
        release(*lease).await;
    }
    result
}

/// Gives the Lease up where it is ours.
async fn release(mut lease: Lease) {
    if let Err(error) = lease.release(OffsetDateTime::now_utc()).await {
        tracing::warn!(error = %chain(&error), "the Lease was not given up; it ends by itself");
    }
}

/// Loads, and runs the core until the shutdown.
async fn work(context: &Context, shutdown: Shutdown) -> Result<End, TenureError> {
    let instance = context.instance.to_string();
    let secrets = Secrets::new(context.kube.clone(), &context.namespace, &instance);
    let cluster_uid = crate::kube::cluster_uid(&context.kube).await?;
    let limits = limits::load(&context.kube, &context.namespace).await?;
    let (accepted, loaded) = Accepted::load(secrets.clone()).await?;
    for problem in &loaded.problems {
        tracing::warn!(
            problem,
            "the stored state is not complete; what is lacking is fetched from the hub"
        );
    }
    let mut rows = BTreeMap::new();
    let mut inventories = Vec::new();
    for (stored, its_rows) in inventory::load(&secrets).await? {
        rows.insert(stored.bundle().clone(), its_rows);
        inventories.push(stored);
    }
    let started = Started {
        seed: rand::random(),
        head: loaded.head,
        snapshot: loaded.snapshot,
        contents: loaded.contents,
        inventory: rows,
        limits,
    };
    tracing::info!(
        accepted = started.head.as_ref().map(|head| head.triple.to_string()),
        objects = started
            .snapshot
            .as_ref()
            .map(|snapshot| snapshot.objects().len()),
        "the stored state is loaded"
    );
    if let Some(head) = &started.head {
        let generation = i64::try_from(head.triple.number.generation.0);
        context
            .metrics
            .generation
            .set(generation.unwrap_or(i64::MAX));
    }
    context.ready.store(true, Ordering::Relaxed);

    let (inputs, queue) = mpsc::channel(INPUTS_MAX);
    let hub = Hub::new(context, secrets.clone(), cluster_uid, inputs.clone());
    let hub = AbortOnDropHandle::new(tokio::spawn(hub.run()));
    let follow = limits::follow(
        context.kube.clone(),
        context.namespace.clone(),
        started.limits.clone(),
        inputs.clone(),
    );
    let _limits = AbortOnDropHandle::new(tokio::spawn(follow));
    let parts = Parts {
        keeper: Keeper::start(accepted, inputs.clone()),
        inventories: Inventories::new(secrets, inventories, inputs.clone()),
        inputs,
        queue,
        seen: seen(&started.inventory),
    };
    let mut owner = Owner::new(context, parts);
    owner.handle(Event::Started(Box::new(started)));
    let stop = owner.run(shutdown).await;
    // Before the owner, whose end would look to it like a hub that does not read.
    drop(hub);
    Ok(match stop {
        Stop::Asked => End::Stopped,
        Stop::Stale(problem) => End::Stale(problem),
    })
}

/// The highest resource version that an earlier process saw of each kind.
fn seen(inventory: &BTreeMap<BundleName, Rows>) -> BTreeMap<Kind, u64> {
    let mut seen = BTreeMap::new();
    for (key, row) in inventory.values().flatten() {
        let highest = seen.entry(Kind::of(key)).or_insert(0);
        *highest = row.resource_version.max(*highest);
    }
    seen
}

impl From<Event> for Input {
    fn from(event: Event) -> Self {
        Self::Core(Box::new(event))
    }
}
