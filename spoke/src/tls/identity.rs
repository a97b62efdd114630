//! Our key, made in the cluster, and the identity that the hub signed for it.

use capstan_proto::{Digest, Moment};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Pin;
use super::certificate::{BadCertificate, Leaf};

/// Why a key cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} a P-256 key")]
pub struct KeyError {
    action: &'static str,
    source: rcgen::Error,
}

/// An ECDSA P-256 key. It is written nowhere but into the identity Secret, and shown nowhere.
pub struct Key {
    pair: KeyPair,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.pin())
    }
}

impl Key {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|source| KeyError {
            action: "make",
            source,
        })?;
        Ok(Self { pair })
    }

    /// Reads a key that was stored as PEM.
    ///
    /// # Errors
    /// When the text is not a P-256 key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256);
        let pair = pair.map_err(|source| KeyError {
            action: "read",
            source,
        })?;
        Ok(Self { pair })
    }

    /// The key as PEM, to be stored.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.pair.serialize_pem())
    }

    /// The key as PKCS#8 in DER.
    pub(super) fn to_der(&self) -> Vec<u8> {
        self.pair.serialize_der()
    }

    /// The hash of the public key.
    #[must_use]
    pub fn pin(&self) -> Pin {
        use rcgen::PublicKeyData as _;
        Pin::of_spki(&self.pair.subject_public_key_info())
    }

    /// A signing request that says nothing but the key, signed by it.
    ///
    /// # Errors
    /// When signing fails.
    pub fn signing_request(&self) -> Result<Vec<u8>, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let request = params
            .serialize_request(&self.pair)
            .map_err(|source| KeyError {
                action: "sign with",
                source,
            })?;
        Ok(request.der().to_vec())
    }
}

/// Why what the hub sent is not an identity of ours.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The chain is empty.
    #[error("the hub sent no certificate")]
    NoCertificate,
    /// The CA bundle is empty or holds something else than CA certificates.
    #[error("the hub sent no CA bundle that can be trusted")]
    BadBundle,
    /// The certificate is wrong.
    #[error("the hub's answer holds no certificate for us")]
    Certificate(#[source] BadCertificate),
}

/// Key, certificate and the roots to trust: who we are to the hub.
#[derive(Debug)]
pub struct Identity {
    key: Key,
    chain: Vec<Vec<u8>>,
    roots: Vec<Vec<u8>>,
    leaf: Leaf,
}

impl Identity {
    /// Puts together what was signed; refuses what is not for this key, or names another fleet than `fleet`.
    ///
    /// # Errors
    /// When the certificate is for another key or fleet, or the bundle cannot be trusted.
    pub fn try_new(
        key: Key,
        chain: Vec<Vec<u8>>,
        roots: Vec<Vec<u8>>,
        fleet: Option<Uuid>,
    ) -> Result<Self, IdentityError> {
        let first = chain.first().ok_or(IdentityError::NoCertificate)?;
        let leaf = Leaf::parse(first).map_err(IdentityError::Certificate)?;
        if leaf.key != key.pin() {
            return Err(IdentityError::Certificate(BadCertificate::OtherKey));
        }
        if let Some(wanted) = fleet.filter(|fleet| *fleet != leaf.fleet) {
            return Err(IdentityError::Certificate(BadCertificate::OtherFleet {
                found: leaf.fleet.to_string(),
                wanted: wanted.to_string(),
            }));
        }
        let authorities = roots
            .iter()
            .all(|root| super::certificate::authority_pin(root).is_some());
        if roots.is_empty() || !authorities {
            return Err(IdentityError::BadBundle);
        }
        Ok(Self {
            key,
            chain,
            roots,
            leaf,
        })
    }

    /// Our key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The certificate and its issuers, DER, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The roots to trust, DER.
    #[must_use]
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// What the certificate says.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Whether a root of the bundle has this public key.
    #[must_use]
    pub fn trusts(&self, pin: Pin) -> bool {
        self.roots
            .iter()
            .any(|root| super::certificate::authority_pin(root) == Some(pin))
    }

    /// SHA-256 over the bundle as the hub computes it too: the roots, one after the other.
    #[must_use]
    pub fn bundle_digest(&self) -> Digest {
        bundle_digest(&self.roots)
    }

    /// When to renew: at half of the life, moved by up to a tenth of the life either way. `random` is in 0..=1.
    #[must_use]
    pub fn renew_at(&self, random: f64) -> Moment {
        let life = self.leaf.not_after.since_ms(self.leaf.not_before);
        let tenths = 0.4 + 0.2 * random.clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a life in milliseconds is far below 2^53 and never negative"
        )]
        let after = (life as f64 * tenths) as u64;
        self.leaf.not_before.plus_ms(after)
    }
}

fn bundle_digest(roots: &[Vec<u8>]) -> Digest {
    let mut hasher = capstan_proto::digest::Hasher::new();
    for root in roots {
        hasher.field(root);
    }
    hasher.finish()
}
