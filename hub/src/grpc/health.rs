//! `grpc.health.v1`: what `/readyz` says, for the whole server and for each service by name.

use std::sync::Arc;
use std::time::Duration;

use capstan_proto::wire::admin_server::AdminServer;
use capstan_proto::wire::query_server::QueryServer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::{admin, query};
use crate::engine::picture::Picture;
use crate::store::Store;

/// How often it is looked whether the hub is ready: a probe asks every few seconds.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Names that are reported; the empty one is the whole server.
const NAMES: [&str; 3] = [
    "",
    <QueryServer<query::Service> as NamedService>::NAME,
    <AdminServer<admin::Service> as NamedService>::NAME,
];

/// Whether the hub does its work: the one source of `/readyz` and of `grpc.health.v1`.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    /// From the engine.
    pub(crate) pictures: watch::Receiver<Arc<Picture>>,
    /// Which may have failed by itself.
    pub(crate) store: Arc<Store>,
}

impl Readiness {
    /// Why the hub is not ready; `None` when it is.
    pub(crate) fn unready(&self) -> Option<String> {
        let broken = self.pictures.borrow().broken.clone();
        let failed = || self.store.read_only();
        broken.or_else(|| failed().map(|why| format!("the store failed: {why}")))
    }
}

/// The service, kept up to date until the hub stops.
pub(super) async fn service(
    readiness: Readiness,
    stop: CancellationToken,
) -> HealthServer<impl Health> {
    let (reporter, service) = tonic_health::server::health_reporter();
    let ready = readiness.unready().is_none();
    report(&reporter, ready).await;
    tokio::spawn(follow(reporter, (ready, move || readiness.unready()), stop));
    service
}

async fn follow(
    reporter: HealthReporter,
    (mut said, unready): (bool, impl Fn() -> Option<String>),
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let ready = unready().is_none();
        // Who watches is told of changes only.
        if ready != said {
            report(&reporter, ready).await;
            said = ready;
        }
    }
    // Whoever still watches is to go elsewhere.
    report(&reporter, false).await;
}

async fn report(reporter: &HealthReporter, ready: bool) {
    let status = match ready {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    };
    for name in NAMES {
        reporter.set_service_status(name, status).await;
    }
}

#[cfg(test)]
mod tests;
