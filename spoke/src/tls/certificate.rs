//! Reading certificates strictly: the one URI, what it may be used for, how long it lives.

use capstan_proto::Moment;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::Pin;

/// Why a certificate is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// Not X.509 in DER, or something is behind it.
    #[error("the certificate is not X.509 in DER")]
    Malformed,
    /// Its names are not what they have to be.
    #[error("the certificate carries no {wanted}")]
    Name {
        /// The form of URI that is required.
        wanted: &'static str,
    },
    /// It may not be used for this.
    #[error("the certificate is not for {wanted}")]
    Usage {
        /// What it would have to be for.
        wanted: &'static str,
    },
    /// It belongs to a key that is not ours.
    #[error("the certificate is for another key than the one that we made")]
    OtherKey,
    /// It belongs to another fleet.
    #[error("the certificate belongs to fleet {found}, not {wanted}")]
    OtherFleet {
        /// The fleet that it names.
        found: String,
        /// The fleet that we talk to.
        wanted: String,
    },
}

/// A spoke's certificate, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The fleet that it belongs to.
    pub fleet: Uuid,
    /// The cluster that it names.
    pub cluster: Uuid,
    /// Its public key.
    pub key: Pin,
    /// From when it counts.
    pub not_before: Moment,
    /// Until when it counts.
    pub not_after: Moment,
}

/// Parses DER; nothing may follow.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, BadCertificate> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(BadCertificate::Malformed),
    }
}

impl Leaf {
    /// Reads a spoke's certificate.
    ///
    /// # Errors
    /// When it is not one: its only name must be `spiffe://<fleet>/cluster/<uuid>`, and it must be for clients.
    pub fn parse(der: &[u8]) -> Result<Self, BadCertificate> {
        let wanted = "spiffe://<fleet>/cluster/<uuid>";
        let certificate = parse(der)?;
        let uris = uris(&certificate);
        let [uri] = uris.as_slice() else {
            return Err(BadCertificate::Name { wanted });
        };
        let (fleet, cluster) = uri
            .strip_prefix("spiffe://")
            .and_then(|rest| rest.split_once("/cluster/"))
            .and_then(|(fleet, cluster)| Some((uuid(fleet)?, uuid(cluster)?)))
            .ok_or(BadCertificate::Name { wanted })?;
        let client = usage(&certificate).is_some_and(|usage| usage.client_auth);
        if !client {
            return Err(BadCertificate::Usage { wanted: "clients" });
        }
        let moment = |seconds: i64| Moment::from_unix_ms(seconds.saturating_mul(1000));
        Ok(Self {
            fleet,
            cluster,
            key: Pin::of_spki(certificate.public_key().raw),
            not_before: moment(certificate.validity().not_before.timestamp()),
            not_after: moment(certificate.validity().not_after.timestamp()),
        })
    }
}

/// The fleet that a hub's certificate names.
///
/// # Errors
/// When it has no URI `spiffe://<fleet>/hub`, or is not for servers.
pub(super) fn hub_fleet(der: &[u8]) -> Result<Uuid, BadCertificate> {
    let wanted = "spiffe://<fleet>/hub";
    let certificate = parse(der)?;
    let uris = uris(&certificate);
    let [uri] = uris.as_slice() else {
        return Err(BadCertificate::Name { wanted });
    };
    let fleet = uri
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.strip_suffix("/hub"))
        .and_then(uuid)
        .ok_or(BadCertificate::Name { wanted })?;
    match usage(&certificate) {
        Some(usage) if usage.server_auth => Ok(fleet),
        _ => Err(BadCertificate::Usage { wanted: "servers" }),
    }
}

/// The pin of a CA's certificate; `None` for one that is not a CA's.
pub(super) fn authority_pin(der: &[u8]) -> Option<Pin> {
    let certificate = parse(der).ok()?;
    certificate
        .is_ca()
        .then(|| Pin::of_spki(certificate.public_key().raw))
}

fn uris(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| names.value.general_names.as_slice());
    names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        })
        .collect()
}

fn usage<'a>(
    certificate: &'a X509Certificate<'a>,
) -> Option<&'a x509_parser::extensions::ExtendedKeyUsage<'a>> {
    Some(certificate.extended_key_usage().ok()??.value)
}

/// A UUID in its one usual writing.
fn uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.hyphenated().to_string() == text).then_some(uuid)
}
