//! `Enrollment`: how a cluster gets, and renews, its certificate.

use std::net::SocketAddr;
use std::time::Instant;

use capstan_proto::wire::enrollment_server::Enrollment;
use capstan_proto::wire::{
    CheckTokenRequest, CheckTokenResponse, EnrollRequest, EnrollResponse, RenewRequest,
    RenewResponse,
};
use tonic::{Request, Response, Status};

use super::pace::Pace;
use super::session::peer;
use super::{Shared, status};
use crate::ca::enrolment::{self, Entropy};
use crate::ca::{Issued, PublicKey};
use crate::clock;
use crate::engine::event::Event;
use crate::ledger::records::keys;
use crate::metrics::Result as Ended;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    shared: Shared,
    pace: Pace,
}

fn entropy() -> Entropy {
    Entropy {
        cluster: uuid::Uuid::new_v4(),
        serial: rand::random(),
    }
}

impl Service {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared,
            pace: Pace::default(),
        }
    }

    /// Where a call without a certificate comes from; an address that calls too often is refused.
    fn paced<T>(&self, request: &Request<T>) -> Result<SocketAddr, Status> {
        let address = peer(request)?.address;
        match self.pace.admits(address.ip(), Instant::now()) {
            true => Ok(address),
            false => Err(status::busy(
                "too many attempts to enrol from this address (try again in some seconds)",
            )),
        }
    }

    /// The certificate with its issuers, leaf first.
    fn chain(&self, issued: &Issued) -> Vec<Vec<u8>> {
        let issuers = self.shared.enrolment.authority().chain();
        std::iter::once(&issued.certificate)
            .chain(issuers)
            .map(|der| der.to_vec())
            .collect()
    }

    fn bundle(&self) -> Vec<Vec<u8>> {
        let roots = self.shared.enrolment.authority().roots();
        roots.iter().map(|der| der.to_vec()).collect()
    }

    /// Tells the engine what the ledger now says of a cluster.
    async fn tell(&self, cluster: &capstan_proto::ClusterName) -> Result<(), Status> {
        let records = self.shared.enrolment.records();
        let read = records.get(&keys::registration(cluster)).await;
        let Some(read) = read.map_err(|error| status::failed(&error))? else {
            return Ok(());
        };
        let registration = Box::new(read.value);
        let event = Event::Enrolled {
            cluster: cluster.clone(),
            registration,
        };
        self.shared
            .events
            .send(event)
            .await
            .map_err(|_| status::stopping())
    }

    async fn enrolled(&self, request: EnrollRequest) -> Result<EnrollResponse, Status> {
        let EnrollRequest {
            token,
            csr,
            cluster_uid,
            agent_version: _,
        } = request;
        let key = PublicKey::from_request(&csr).map_err(|error| status::request(&error))?;
        let request = enrolment::Request {
            token,
            key,
            cluster_uid,
        };
        let enrolled = self
            .shared
            .enrolment
            .enrol(&request, entropy(), clock::now())
            .await
            .map_err(|error| status::enrol(&error))?;
        tracing::info!(cluster = %enrolled.name, again = enrolled.again, "a cluster enrolled");
        self.tell(&enrolled.name).await?;
        Ok(EnrollResponse {
            certificate_chain: self.chain(&enrolled.issued),
            ca_bundle: self.bundle(),
            cluster_name: enrolled.name.to_string(),
            fleet_id: self.shared.enrolment.authority().fleet().to_string(),
        })
    }
}

#[tonic::async_trait]
impl Enrollment for Service {
    async fn check_token(
        &self,
        request: Request<CheckTokenRequest>,
    ) -> Result<Response<CheckTokenResponse>, Status> {
        let address = self.paced(&request)?;
        let CheckTokenRequest { token, cluster_uid } = request.into_inner();
        let checked = self
            .shared
            .enrolment
            .check(&token, &cluster_uid, clock::now())
            .await;
        let name = checked
            .map_err(|error| status::enrol(&error))
            .inspect_err(|status| {
                tracing::warn!(%address, reason = status.message(), "a token would not do");
            })?;
        Ok(Response::new(CheckTokenResponse {
            cluster_name: name.to_string(),
        }))
    }

    async fn enroll(
        &self,
        request: Request<EnrollRequest>,
    ) -> Result<Response<EnrollResponse>, Status> {
        let address = self.paced(&request)?;
        let answer = self.enrolled(request.into_inner()).await;
        let ended = if answer.is_ok() {
            Ended::Ok
        } else {
            Ended::Error
        };
        self.shared.metrics.certified(ended);
        if let Err(status) = &answer {
            tracing::warn!(%address, reason = status.message(), "an enrolment was refused");
        }
        answer.map(Response::new)
    }

    async fn renew(
        &self,
        request: Request<RenewRequest>,
    ) -> Result<Response<RenewResponse>, Status> {
        let identity = peer(&request)?
            .identity
            .ok_or_else(status::no_certificate)?;
        let key = PublicKey::from_request(&request.get_ref().csr)
            .map_err(|error| status::request(&error))?;
        let issued = self
            .shared
            .enrolment
            .renew(&identity, &key, entropy(), clock::now())
            .await
            .map_err(|error| status::renew(&error));
        self.shared.metrics.certified(if issued.is_ok() {
            Ended::Ok
        } else {
            Ended::Error
        });
        let issued = issued?;
        tracing::info!(cluster = %identity.cluster, serial = %issued.serial, "a certificate was renewed");
        Ok(Response::new(RenewResponse {
            certificate_chain: self.chain(&issued),
            ca_bundle: self.bundle(),
        }))
    }
}
