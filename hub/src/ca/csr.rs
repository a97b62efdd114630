//! What is taken from a signing request: the public key, proven to be the sender's. Everything else in it is ignored.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::KeyHash;

/// Bytes of a request. One with a P-256 key and nothing else has about 250; 4 KiB leaves room for what tools add.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// A P-256 public key whose owner has proven to hold the private one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

/// Why a signing request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Too many bytes.
    #[error("the signing request is larger than {REQUEST_BYTES_MAX} bytes")]
    TooLarge,
    /// Not PKCS#10 in DER, or something is behind it.
    #[error("the signing request is not PKCS#10 in DER")]
    Malformed,
    /// Not ECDSA on P-256.
    #[error("the signing request has no P-256 key; the fleet uses no other")]
    WrongKey,
    /// Its signature does not verify.
    #[error("the signing request does not prove possession of its key")]
    NotProven,
}

impl PublicKey {
    /// Takes the key from a signing request in DER.
    pub fn from_request(der: &[u8]) -> Result<Self, BadRequest> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(BadRequest::TooLarge);
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| BadRequest::Malformed)?;
        if !rest.is_empty() {
            return Err(BadRequest::Malformed);
        }
        let key = &request.certification_request_info.subject_pki;
        if !is_p256(key) {
            return Err(BadRequest::WrongKey);
        }
        request
            .verify_signature()
            .map_err(|_| BadRequest::NotProven)?;
        Ok(Self {
            spki: key.raw.to_vec(),
        })
    }

    /// The key's hash, by which the ledger remembers it.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of_spki(&self.spki)
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }
}

/// Whether a key is an uncompressed or compressed point on P-256.
pub(super) fn is_p256(key: &SubjectPublicKeyInfo<'_>) -> bool {
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.as_oid().ok());
    key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256)
}
