//! The spokes' port: TLS 1.3 with resumption off, a client certificate that is optional to TLS, and connections that can
//! be closed from outside.
//!
//! tonic's own TLS settings are deliberately not used: a resumed session skips the verification of the client's
//! certificate, and tonic offers no way to turn resumption off. Give [`listen`]'s stream to `serve_with_incoming`;
//! each request then has a [`Peer`] among its extensions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::watch;

use crate::ca::{Authority, Identity, ServerCredential};

mod connections;
mod incoming;
mod stream;

#[cfg(test)]
mod tests;

pub use connections::{ConnectionId, Connections};
pub use incoming::{Incoming, listen};
pub use stream::Stream;

/// How long a handshake may take from the accepted connection on.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes that may be unfinished; the oldest makes room for the next. Each holds a socket and about 20 KB, so this
/// is 80 MB at worst. Their computing runs on the runtime's workers and so is never on more than all cores at once.
pub const HANDSHAKES_MAX: usize = 4096;

/// Connections without a certificate that may be open; the oldest makes room for the next. Only enrolling needs one, for
/// about a second, so these are 1,000 enrolments in the same moment. Each holds a socket, about 40 KB of TLS and HTTP/2
/// buffers, and at worst a window of 1 MiB that its 16 KiB messages never fill: 40 MB usual.
pub const STRANGERS_MAX: usize = 1_024;

/// How long a connection without a certificate lives: an enrolment is two calls.
pub const STRANGER_LIFE: Duration = Duration::from_secs(60);

/// How long a connection with a certificate lives, at least: half of the certificate's own 24 hours, so that none outlives
/// what it was opened with.
pub const LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// What chance adds to [`LIFE`], at most: 10,000 connections that were opened together end at 3 a second.
pub const LIFE_JITTER: Duration = Duration::from_secs(60 * 60);

/// Finished connections that wait for the server to take them.
const READY_MAX: usize = 64;

/// Who is at the other end of a connection; among the extensions of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who the certificate says it is, when one was shown. Bans and expiry are for the caller to check on every call.
    pub identity: Option<Identity>,
    /// The certificate itself, in DER.
    pub certificate: Option<CertificateDer<'static>>,
    /// Where it comes from.
    pub address: SocketAddr,
    /// Which connection this is.
    pub connection: ConnectionId,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority's certificates cannot be used to verify clients.
    #[error("cannot verify clients with the authority's certificates")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    /// An authority's certificate is none.
    #[error("cannot trust one of the authority's certificates")]
    Root(#[source] rustls::Error),
    /// The hub's certificate or key is not usable.
    #[error("cannot use the hub's own certificate")]
    Credential(#[source] rustls::Error),
}

/// The settings in force; exchanged whole when a certificate is renewed or a root is added.
#[derive(Clone, Debug)]
pub struct ServerTls {
    current: watch::Sender<Arc<ServerConfig>>,
    fleet: crate::ca::FleetId,
}

impl ServerTls {
    /// Settings for this authority's clients and this certificate.
    pub fn new(authority: &Authority, credential: ServerCredential) -> Result<Self, TlsError> {
        let config = Arc::new(config(authority, credential)?);
        Ok(Self {
            current: watch::Sender::new(config),
            fleet: authority.fleet(),
        })
    }

    /// Takes new settings for the handshakes to come; connections that are open go on.
    pub fn replace(
        &self,
        authority: &Authority,
        credential: ServerCredential,
    ) -> Result<(), TlsError> {
        self.current
            .send_replace(Arc::new(config(authority, credential)?));
        Ok(())
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.current.borrow().clone()
    }
}

/// TLS 1.3 only, resumption off, ALPN h2, client certificates of our own authority or none.
fn config(authority: &Authority, credential: ServerCredential) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    // The issuer too, so that a spoke need not send it with every handshake.
    for certificate in authority.roots().iter().chain(authority.chain()) {
        roots.add(certificate.clone()).map_err(TlsError::Root)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(TlsError::Verifier)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Credential)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(credential.chain, credential.key)
        .map_err(TlsError::Credential)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
