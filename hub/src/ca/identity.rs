//! Reading who somebody is from a certificate: strictly, and by equality.
//!
//! Trust in the certificate's signature and dates is TLS's affair (and [`super::Authority`]'s for expired ones); this
//! says what a trusted certificate means. The name inside its subject means nothing.

use capstan_proto::Moment;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::csr::is_p256;
use super::{ClusterId, FleetId, KeyHash, Serial};

/// Who a certificate says its holder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The fleet it belongs to.
    pub fleet: FleetId,
    /// The cluster it is.
    pub cluster: ClusterId,
    /// The certificate's serial, which begins with its renewal number.
    pub serial: Serial,
    /// When the certificate begins to be valid.
    pub not_before: Moment,
    /// When it ends.
    pub not_after: Moment,
    /// The hash of its public key.
    pub key: KeyHash,
}

/// Why a certificate names no cluster of this fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentity {
    /// Not X.509 in DER, or something is behind it.
    #[error("the certificate is not X.509 in DER")]
    Malformed,
    /// Not exactly one name, or not a URI.
    #[error("the certificate must carry exactly one name, a URI")]
    NotOneUri,
    /// The URI is of another shape.
    #[error("{uri:?} is not spiffe://<fleet id>/cluster/<cluster id>")]
    WrongShape {
        /// The URI found.
        uri: String,
    },
    /// Of another fleet.
    #[error("the certificate belongs to fleet {found}, not to this one")]
    OtherFleet {
        /// The fleet named.
        found: FleetId,
    },
    /// Not for clients, or for more than that.
    #[error("the certificate is not for client authentication alone")]
    WrongUse,
    /// A CA's certificate, or a key that we never sign.
    #[error("the certificate is not one that this fleet's authority makes")]
    NotOurs,
}

impl Identity {
    /// The one URI of a cluster's certificate.
    pub fn uri(fleet: FleetId, cluster: ClusterId) -> String {
        format!("spiffe://{fleet}/cluster/{cluster}")
    }

    /// Reads a certificate in DER.
    pub fn from_certificate(der: &[u8], fleet: FleetId) -> Result<Self, BadIdentity> {
        let certificate = parse(der)?;
        let uri = only_uri(&certificate)?;
        let (named, cluster) = split(uri).ok_or_else(|| BadIdentity::WrongShape {
            uri: uri.to_owned(),
        })?;
        if named != fleet {
            return Err(BadIdentity::OtherFleet { found: named });
        }
        client_only(&certificate)?;
        let serial = Serial::from_der(certificate.raw_serial()).ok_or(BadIdentity::NotOurs)?;
        if certificate.is_ca() || !is_p256(certificate.public_key()) {
            return Err(BadIdentity::NotOurs);
        }
        let moment = |seconds: i64| Moment::from_unix_ms(seconds.saturating_mul(1000));
        Ok(Self {
            fleet,
            cluster,
            serial,
            not_before: moment(certificate.validity().not_before.timestamp()),
            not_after: moment(certificate.validity().not_after.timestamp()),
            key: KeyHash::of_spki(certificate.public_key().raw),
        })
    }
}

pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, BadIdentity> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(BadIdentity::Malformed),
    }
}

fn only_uri<'a>(certificate: &'a X509Certificate<'_>) -> Result<&'a str, BadIdentity> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| BadIdentity::NotOneUri)?;
    match names.map(|names| names.value.general_names.as_slice()) {
        Some([GeneralName::URI(uri)]) => Ok(uri),
        _ => Err(BadIdentity::NotOneUri),
    }
}

/// Takes the URI apart; what is put together again must be the same text, so that there is one way to write an identity.
fn split(uri: &str) -> Option<(FleetId, ClusterId)> {
    let (fleet, cluster) = uri.strip_prefix("spiffe://")?.split_once("/cluster/")?;
    let fleet = FleetId(Uuid::try_parse(fleet).ok()?);
    let cluster = ClusterId(Uuid::try_parse(cluster).ok()?);
    (Identity::uri(fleet, cluster) == uri).then_some((fleet, cluster))
}

fn client_only(certificate: &X509Certificate<'_>) -> Result<(), BadIdentity> {
    let usage = certificate
        .extended_key_usage()
        .map_err(|_| BadIdentity::WrongUse)?;
    let usage = usage.ok_or(BadIdentity::WrongUse)?.value;
    let more = usage.any
        || usage.server_auth
        || usage.code_signing
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing
        || !usage.other.is_empty();
    if usage.client_auth && !more {
        Ok(())
    } else {
        Err(BadIdentity::WrongUse)
    }
}
