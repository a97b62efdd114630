//! From errors of ours to what a peer reads; the only place where a status is made.
//!
//! A peer is told what it can act upon. What went wrong inside is logged, and the peer is told where to look.

use std::error::Error;

use tonic::{Code, Status};

use crate::ca::enrolment::{EnrolError, Failure, Refusal, RenewError, TokenError};
use crate::ca::{BadRequest, enrolment::BanError};
use crate::telemetry::chain;

/// The call needs a client certificate.
pub(super) fn no_certificate() -> Status {
    let text = "this call needs the cluster's certificate (enrol first: `spoke bootstrap`)";
    Status::new(Code::Unauthenticated, text)
}

/// The certificate lets nobody in.
pub(super) fn refused(refusal: &Refusal) -> Status {
    let code = match refusal {
        Refusal::Expired { .. } | Refusal::Retired { .. } => Code::Unauthenticated,
        Refusal::Banned { .. } | Refusal::Unknown { .. } => Code::PermissionDenied,
    };
    Status::new(code, refusal.to_string())
}

/// The hub failed; the peer can only try again.
pub(super) fn failed(error: &dyn Error) -> Status {
    tracing::error!(error = chain(error), "a call failed");
    Status::new(
        Code::Internal,
        "the hub could not do this; its log says why (try again later)",
    )
}

/// A call cannot be written down, and so is not carried out.
pub(super) fn unrecorded(error: &dyn Error) -> Status {
    tracing::error!(error = chain(error), "the audit log cannot be written");
    Status::new(
        Code::Unavailable,
        "the audit log cannot be written, so nothing was done (the hub's log says why; make room, or \
         correct the file's permissions, and try again)",
    )
}

/// A failure of the bookkeeping.
pub(super) fn bookkeeping(failure: &Failure) -> Status {
    match failure {
        Failure::Contended { .. } => Status::new(Code::Aborted, failure.to_string()),
        other => failed(other),
    }
}

/// A cluster may not join.
pub(super) fn enrol(error: &EnrolError) -> Status {
    match error {
        EnrolError::Failed(failure) => bookkeeping(failure),
        other => Status::new(Code::PermissionDenied, other.to_string()),
    }
}

/// A certificate is not renewed.
pub(super) fn renew(error: &RenewError) -> Status {
    match error {
        RenewError::Refused(refusal) => refused(refusal),
        RenewError::Failed(failure) => bookkeeping(failure),
        other => Status::new(Code::FailedPrecondition, other.to_string()),
    }
}

/// A signing request cannot be used.
pub(super) fn request(error: &BadRequest) -> Status {
    Status::new(Code::InvalidArgument, chain(error))
}

/// No token was made.
pub(super) fn token(error: &TokenError) -> Status {
    match error {
        TokenError::Failed(failure) => bookkeeping(failure),
        other => Status::new(Code::FailedPrecondition, other.to_string()),
    }
}

/// A ban was not changed.
pub(super) fn ban(error: &BanError) -> Status {
    match error {
        BanError::Failed(failure) => bookkeeping(failure),
        other => Status::new(Code::NotFound, other.to_string()),
    }
}

/// The request makes no sense.
pub(super) fn invalid(text: impl Into<String>) -> Status {
    Status::new(Code::InvalidArgument, text)
}

/// There is no such thing.
pub(super) fn not_found(text: impl Into<String>) -> Status {
    Status::new(Code::NotFound, text)
}

/// It cannot be done now.
pub(super) fn precondition(text: impl Into<String>) -> Status {
    Status::new(Code::FailedPrecondition, text)
}

/// The caller may not.
pub(super) fn denied(text: impl Into<String>) -> Status {
    Status::new(Code::PermissionDenied, text)
}

/// Too much at once.
pub(super) fn busy(text: impl Into<String>) -> Status {
    Status::new(Code::ResourceExhausted, text)
}

/// The hub stops.
pub(super) fn stopping() -> Status {
    Status::new(Code::Unavailable, "the hub stops (connect again)")
}

/// Whether a stream ended because the peer went away, which is no news.
pub(super) fn is_gone(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Cancelled | Code::Unknown | Code::Unavailable
    )
}
