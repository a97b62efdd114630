//! The authority itself: a root that can stay offline, and the issuer that signs for it.

use capstan_proto::{Digest, Moment};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::identity::{self, Identity};
use super::{
    BACKDATE_MS, BadIdentity, FleetId, ISSUER_LIFE_MS, KeyHash, Pin, ROOT_LIFE_MS, asn1_time,
};

/// Certificates in a bundle or a chain: two roots during a rotation, two issuers, and as many again.
const CERTIFICATES_MAX: usize = 8;

/// An authority that can sign.
pub struct Authority {
    pub(super) fleet: FleetId,
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) issuer_not_after: Moment,
    /// The issuer and what leads from it towards a root.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) roots: Vec<CertificateDer<'static>>,
    pin: Pin,
}

/// A new authority as text, to be written to files.
pub struct MadeAuthority {
    /// The root's certificate.
    pub root_certificate: String,
    /// The root's key: may be moved offline once the issuer is made.
    pub root_key: Zeroizing<String>,
    /// The issuer's certificate.
    pub issuer_certificate: String,
    /// The issuer's key.
    pub issuer_key: Zeroizing<String>,
}

/// Why an authority cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A PEM text has no usable certificate.
    #[error("the {what} is not one to {CERTIFICATES_MAX} certificates in PEM")]
    NotCertificates {
        /// Which text.
        what: &'static str,
    },
    /// A certificate in a bundle or chain cannot be one of a CA.
    #[error("the {what} holds a certificate that is not a CA's")]
    NotAnAuthority {
        /// Which text.
        what: &'static str,
    },
    /// The issuer's key does not belong to its certificate.
    #[error("the issuer's key does not belong to its certificate (give the matching pair)")]
    KeyMismatch,
    /// The issuer does not lead to the root.
    #[error(
        "the issuer's certificate is not signed by the root or by the chain given (check that the files belong together)"
    )]
    NotSignedByRoot,
    /// The issuer has expired.
    #[error(
        "the issuer's certificate is valid from {from} to {to} only (renew it, or correct the clock)"
    )]
    NotValid {
        /// Its beginning.
        from: Moment,
        /// Its end.
        to: Moment,
    },
    /// A certificate could not be made.
    #[error("cannot {action}")]
    Make {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
}

pub(super) fn making(action: &'static str) -> impl FnOnce(rcgen::Error) -> AuthorityError {
    move |source| AuthorityError::Make { action, source }
}

impl Authority {
    /// Makes the keys and certificates of a new authority.
    pub fn make(fleet: FleetId, now: Moment) -> Result<MadeAuthority, AuthorityError> {
        let root_key = new_key()?;
        let root = params(fleet, "root", now, ROOT_LIFE_MS, 1);
        let root_certificate = root
            .self_signed(&root_key)
            .map_err(making("sign the root"))?;
        let signer = Issuer::from_params(&root, &root_key);
        let issuer_key = new_key()?;
        let issuer = params(fleet, "issuer", now, ISSUER_LIFE_MS, 0);
        let issuer_certificate = issuer
            .signed_by(&issuer_key, &signer)
            .map_err(making("sign the issuer"))?;
        Ok(MadeAuthority {
            root_certificate: root_certificate.pem(),
            root_key: Zeroizing::new(root_key.serialize_pem()),
            issuer_certificate: issuer_certificate.pem(),
            issuer_key: Zeroizing::new(issuer_key.serialize_pem()),
        })
    }

    /// Takes an authority from PEM: the roots, the issuer's certificate with what leads from it to a root, its key.
    pub fn from_pem(
        fleet: FleetId,
        roots: &str,
        chain: &str,
        key: &str,
        now: Moment,
    ) -> Result<Self, AuthorityError> {
        let roots = certificates(roots, "root bundle")?;
        let chain = certificates(chain, "issuer chain")?;
        let key = KeyPair::from_pem(key).map_err(making("read the issuer's key"))?;
        let (from, to) = check_chain(&chain, &roots, &key)?;
        if now < from || now >= to {
            return Err(AuthorityError::NotValid { from, to });
        }
        let pin = Pin(spki_hash(&roots[0], "root bundle")?);
        let issuer = Issuer::from_ca_cert_der(&chain[0], key)
            .map_err(making("use the issuer's certificate"))?;
        Ok(Self {
            fleet,
            issuer,
            issuer_not_after: to,
            chain,
            roots,
            pin,
        })
    }

    /// The fleet that this authority speaks for.
    pub fn fleet(&self) -> FleetId {
        self.fleet
    }

    /// What spokes compare the hub's root with before they have anything else.
    pub fn pin(&self) -> Pin {
        self.pin
    }

    /// The roots, which every spoke keeps.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// The issuer's certificate and what leads from it towards a root.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// A digest over the roots, in their order: Hello carries it.
    pub fn bundle_digest(&self) -> Digest {
        let mut hasher = capstan_proto::digest::Hasher::new();
        for root in &self.roots {
            hasher.field(root);
        }
        hasher.finish()
    }

    /// Reads a certificate whose time may be over, as `Recover` needs: its signature must be the issuer's.
    pub fn identify_expired(&self, der: &[u8]) -> Result<Identity, BadIdentity> {
        let certificate = identity::parse(der)?;
        let issuer = identity::parse(&self.chain[0])?;
        certificate
            .verify_signature(Some(issuer.public_key()))
            .map_err(|_| BadIdentity::NotOurs)?;
        Identity::from_certificate(der, self.fleet)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("fleet", &self.fleet)
            .field("pin", &self.pin)
            .finish_non_exhaustive()
    }
}

pub(super) fn new_key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(making("make a key"))
}

fn params(fleet: FleetId, role: &str, now: Moment, life_ms: u64, below: u8) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Capstan");
    name.push(
        DnType::CommonName,
        format!("fleet {fleet} {role} {}", now.unix_ms() / 1000),
    );
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    params.not_before = asn1_time(now.minus_ms(BACKDATE_MS));
    params.not_after = asn1_time(now.plus_ms(life_ms));
    params
}

fn certificates(
    pem: &str,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(found) if (1..=CERTIFICATES_MAX).contains(&found.len()) => Ok(found),
        Ok(_) | Err(_) => Err(AuthorityError::NotCertificates { what }),
    }
}

fn spki_hash(der: &[u8], what: &'static str) -> Result<KeyHash, AuthorityError> {
    let certificate = identity::parse(der).map_err(|_| AuthorityError::NotCertificates { what })?;
    Ok(KeyHash::of_spki(certificate.public_key().raw))
}

/// Verifies that each certificate of the chain is a CA's, signed by the next and the last by a root (or is one), and
/// that the key is the first one's. Returns when the issuer is valid.
fn check_chain(
    chain: &[CertificateDer<'static>],
    roots: &[CertificateDer<'static>],
    key: &KeyPair,
) -> Result<(Moment, Moment), AuthorityError> {
    let parsed = |der, what| {
        let certificate =
            identity::parse(der).map_err(|_| AuthorityError::NotCertificates { what })?;
        match certificate.is_ca() {
            true => Ok(certificate),
            false => Err(AuthorityError::NotAnAuthority { what }),
        }
    };
    let chain: Vec<_> = chain
        .iter()
        .map(|der| parsed(der, "issuer chain"))
        .collect::<Result<_, _>>()?;
    let roots: Vec<_> = roots
        .iter()
        .map(|der| parsed(der, "root bundle"))
        .collect::<Result<_, _>>()?;
    for (index, certificate) in chain.iter().enumerate() {
        let mut signers = chain.get(index + 1).into_iter().chain(&roots);
        if !signers.any(|by| certificate.verify_signature(Some(by.public_key())).is_ok()) {
            return Err(AuthorityError::NotSignedByRoot);
        }
    }
    if chain[0].public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
        return Err(AuthorityError::KeyMismatch);
    }
    let moment = |seconds: i64| Moment::from_unix_ms(seconds.saturating_mul(1000));
    let validity = chain[0].validity();
    Ok((
        moment(validity.not_before.timestamp()),
        moment(validity.not_after.timestamp()),
    ))
}
