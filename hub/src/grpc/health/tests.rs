//! Tests of the health service.

use futures::StreamExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health as _;
use tonic_health::server::{HealthReporter, HealthService};

use super::{NAMES, follow};

#[tokio::test]
async fn every_name_follows_what_readyz_says() {
    let reporter = HealthReporter::new();
    let service = HealthService::from_health_reporter(reporter.clone());
    let (why, unready) = watch::channel(None);
    let stop = CancellationToken::new();
    super::report(&reporter, true).await;
    let following = follow(
        reporter,
        (true, move || unready.borrow().clone()),
        stop.clone(),
    );
    let following = tokio::spawn(following);
    let mut watching = Vec::new();
    for name in NAMES {
        let service_name = name.to_owned();
        let request = HealthCheckRequest {
            service: service_name,
        };
        let watched = service.watch(Request::new(request)).await.unwrap();
        watching.push(watched.into_inner());
    }
    for (reason, expected) in [
        (None, ServingStatus::Serving),
        (Some("the ledger failed"), ServingStatus::NotServing),
        (None, ServingStatus::Serving),
    ] {
        why.send_replace(reason.map(str::to_owned));
        for watched in &mut watching {
            let said = watched.next().await.unwrap().unwrap();
            assert_eq!(said.status(), expected);
        }
    }
    stop.cancel();
    following.await.unwrap();
    for watched in &mut watching {
        let said = watched.next().await.unwrap().unwrap();
        assert_eq!(said.status(), ServingStatus::NotServing);
    }
}
