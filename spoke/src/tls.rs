//! Who the hub is, and who we are: keys, signing requests, pins and the TLS settings towards the hub.
//!
//! TLS 1.3 only, ring only, no resumption. The hub is not proven by a DNS name but by its certificate's URI
//! `spiffe://<fleet>/hub`, signed by the pinned root (before enrolment) or by the fleet's CA bundle (after it).

mod certificate;
mod identity;
mod pin;
mod verify;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub use certificate::{BadCertificate, Leaf};
pub use identity::{Identity, IdentityError, Key, KeyError};
pub use pin::{Pin, PinError};
pub use verify::{HubSeen, NotTheHub, Trust};

/// Why TLS settings cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The provider or the key does not fit.
    #[error("cannot set up TLS towards the hub")]
    Setup(#[source] rustls::Error),
}

/// The one provider of cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Makes ring the process's provider, for libraries that ask for a default. Doing it twice is harmless.
pub fn install_provider() {
    // An error only says that somebody installed one before.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// TLS settings for a connection to the hub. The second value tells, after a handshake, whom we met.
///
/// # Errors
/// When the identity's key and certificate do not belong together.
pub fn client_config(
    trust: Trust,
    identity: Option<&Identity>,
) -> Result<(rustls::ClientConfig, HubSeen), TlsError> {
    let provider = provider();
    let seen = HubSeen::default();
    let verifier = verify::Verifier::new(trust, &provider, seen.clone());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain: Vec<CertificateDer<'static>> = identity
                .chain()
                .iter()
                .map(|der| CertificateDer::from(der.clone()))
                .collect();
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key().to_der()));
            builder
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Setup)?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok((config, seen))
}
