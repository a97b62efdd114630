//! Proving the hub: by the pinned root, or by the fleet's CA bundle; always by its URI and its purpose.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use uuid::Uuid;

use super::Pin;
use super::certificate::{authority_pin, hub_fleet};

/// By what a hub is proven.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Before enrolment: its chain must contain a CA with this public key.
    Pinned(Pin),
    /// After it: one of these roots (DER) must have signed, and the fleet must be this one.
    Bundle {
        /// The CA bundle.
        roots: Vec<Vec<u8>>,
        /// The fleet's id.
        fleet: Uuid,
    },
}

/// The fleet id of the hub that a handshake proved; empty before.
#[derive(Clone, Debug, Default)]
pub struct HubSeen(Arc<Mutex<Option<Uuid>>>);

impl HubSeen {
    /// The fleet that the hub's certificate names.
    #[must_use]
    pub fn fleet(&self) -> Option<Uuid> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a hub is not the one that was meant. Travels inside rustls' errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTheHub {
    /// No CA in the chain has the pinned key.
    #[error("none of the hub's CA keys has the pin {pin}")]
    Pin {
        /// The pin asked for.
        pin: Pin,
    },
    /// The certificate is no hub's.
    #[error("the server shows a certificate that is not a hub's")]
    NotAHub(#[source] super::BadCertificate),
    /// No root that we trust signed it, or its time is over.
    #[error("the hub's certificate cannot be trusted: {reason}")]
    Untrusted {
        /// What TLS said.
        reason: String,
    },
    /// It is the hub of another fleet.
    #[error("the server is the hub of fleet {found}, not of {wanted}")]
    OtherFleet {
        /// Whom we met.
        found: Uuid,
        /// Whom we wanted.
        wanted: Uuid,
    },
}

#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    seen: HubSeen,
}

impl Verifier {
    pub(super) fn new(trust: Trust, provider: &CryptoProvider, seen: HubSeen) -> Self {
        Self {
            trust,
            algorithms: provider.signature_verification_algorithms,
            seen,
        }
    }

    /// The roots by which this chain is to be verified.
    fn roots(&self, intermediates: &[CertificateDer<'_>]) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        match &self.trust {
            Trust::Pinned(pin) => {
                let pinned = intermediates
                    .iter()
                    .find(|der| authority_pin(der) == Some(*pin))
                    .ok_or_else(|| refused(NotTheHub::Pin { pin: *pin }))?;
                store.add(pinned.clone().into_owned())?;
            }
            Trust::Bundle { roots, .. } => {
                for root in roots {
                    store.add(CertificateDer::from(root.as_slice()).into_owned())?;
                }
            }
        }
        Ok(store)
    }
}

fn refused(why: NotTheHub) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = self.roots(intermediates)?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let found = hub_fleet(end_entity).map_err(|bad| refused(NotTheHub::NotAHub(bad)))?;
        if let Trust::Bundle { fleet, .. } = &self.trust
            && *fleet != found
        {
            let wanted = *fleet;
            return Err(refused(NotTheHub::OtherFleet { found, wanted }));
        }
        *self.seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
