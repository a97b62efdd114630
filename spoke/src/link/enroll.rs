//! How an identity is asked for, and what refusals mean to a person.

use std::time::Duration;

use capstan_proto::wire;
use capstan_proto::wire::enrollment_client::EnrollmentClient;
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

use super::{DECODE_BYTES_MAX, Dialled, first_line};
use crate::tls::{Identity, IdentityError, Key, KeyError};

/// The hub writes its ledger before it answers; ten seconds are a hundred times what that takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// The hub does not take the token.
    #[error("the hub does not take the token: {reason}")]
    Token {
        /// What the hub said.
        reason: String,
    },
    /// The hub refuses this cluster.
    #[error("the hub refuses: {reason}")]
    Refused {
        /// What the hub said.
        reason: String,
    },
    /// The hub cannot answer now.
    #[error("the hub cannot answer now: {reason}")]
    Unavailable {
        /// What the hub, or the connection, said.
        reason: String,
    },
    /// The answer is no identity.
    #[error("the hub's answer cannot be used")]
    Answer(#[source] IdentityError),
    /// The hub's CA bundle lacks the pinned key.
    #[error("the CA bundle that the hub sent does not contain the pinned key")]
    BundleWithoutPin,
    /// Our own key.
    #[error("our own key cannot be used")]
    Key(#[from] KeyError),
}

impl EnrollError {
    /// Whether the same request may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            // The hub's own sentence says what to do.
            Self::Token { reason } if reason.contains("hub token create") => "",
            Self::Token { .. } => {
                "make a new token with `hub token create <cluster>` and run the line that it prints"
            }
            Self::Refused { .. } => {
                "ask whoever runs the hub; `hub get clusters` shows this cluster's state"
            }
            Self::Unavailable { .. } => "look at the hub's log; the same line can be run again",
            Self::Answer(_) | Self::BundleWithoutPin | Self::Key(_) => {
                "compare the versions of hub and spoke; nothing was changed"
            }
        }
    }
}

/// What enrolment gives.
#[derive(Debug)]
pub struct Enrolled {
    /// Key, certificate and CA bundle.
    pub identity: Identity,
    /// The name under which the hub knows this cluster.
    pub cluster_name: String,
}

/// What the hub says of a token.
#[derive(Debug)]
pub enum TokenCheck {
    /// It will do.
    Usable {
        /// The name that it is bound to.
        cluster: String,
    },
    /// The hub does not take it.
    Refused(EnrollError),
    /// The hub could not say.
    Unknown(EnrollError),
}

fn client(channel: Channel) -> EnrollmentClient<Channel> {
    EnrollmentClient::new(channel)
        .max_decoding_message_size(DECODE_BYTES_MAX)
        .max_encoding_message_size(DECODE_BYTES_MAX)
}

fn request<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

async fn timed<T>(
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, tonic::Status> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(tonic::Status::deadline_exceeded("no answer in time")),
    }
}

fn error(status: &tonic::Status) -> EnrollError {
    let reason = match first_line(status.message()) {
        empty if empty.is_empty() => status.code().description().to_owned(),
        message => message,
    };
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::NotFound | Code::AlreadyExists => {
            EnrollError::Token { reason }
        }
        Code::FailedPrecondition | Code::InvalidArgument | Code::OutOfRange => {
            EnrollError::Refused { reason }
        }
        _ => EnrollError::Unavailable { reason },
    }
}

/// Exchanges a token for an identity. Asking again with the same key is harmless.
///
/// # Errors
/// When the hub refuses, cannot answer, or answers what is not an identity of ours.
pub async fn enroll(
    hub: &Dialled,
    token: &str,
    key: Key,
    cluster_uid: &str,
) -> Result<Enrolled, EnrollError> {
    let message = wire::EnrollRequest {
        token: token.to_owned(),
        csr: key.signing_request()?,
        cluster_uid: cluster_uid.to_owned(),
        agent_version: crate::VERSION.to_owned(),
    };
    let mut client = client(hub.channel.clone());
    let answer = timed(client.enroll(request(message)))
        .await
        .map_err(|status| error(&status))?;
    let wire::EnrollResponse {
        certificate_chain,
        ca_bundle,
        cluster_name,
        fleet_id: _,
    } = answer;
    let identity = Identity::try_new(key, certificate_chain, ca_bundle, Some(hub.fleet))
        .map_err(EnrollError::Answer)?;
    Ok(Enrolled {
        identity,
        cluster_name,
    })
}

/// Whether the hub would take a token, without using it.
pub async fn check_token(hub: &Dialled, token: &str, cluster_uid: &str) -> TokenCheck {
    let message = wire::CheckTokenRequest {
        token: token.to_owned(),
        cluster_uid: cluster_uid.to_owned(),
    };
    let mut client = client(hub.channel.clone());
    match timed(client.check_token(request(message))).await {
        Ok(answer) => TokenCheck::Usable {
            cluster: answer.cluster_name,
        },
        Err(status) => match error(&status) {
            transient if transient.is_transient() => TokenCheck::Unknown(transient),
            refused => TokenCheck::Refused(refused),
        },
    }
}

/// Asks for a new certificate for `key` over a connection made with the present identity.
///
/// # Errors
/// When the hub refuses, cannot answer, or answers what is not an identity of ours.
pub async fn renew(channel: Channel, key: Key, fleet: Uuid) -> Result<Identity, EnrollError> {
    let message = wire::RenewRequest {
        csr: key.signing_request()?,
    };
    let mut client = client(channel);
    let answer = timed(client.renew(request(message)))
        .await
        .map_err(|status| error(&status))?;
    let wire::RenewResponse {
        certificate_chain,
        ca_bundle,
    } = answer;
    Identity::try_new(key, certificate_chain, ca_bundle, Some(fleet)).map_err(EnrollError::Answer)
}
