//! From an address to a proven HTTP/2 connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::Address;
use crate::tls::{self, Identity, NotTheHub, TlsError, Trust};

/// Time for the TCP connection and the TLS handshake together; the hub itself gives a handshake 5 s.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP/2 PING finds a dead path in KEEPALIVE + KEEPALIVE_TIMEOUT, before the hub calls us `Stale` at 30 s.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Nobody answers there.
    #[error("cannot reach the hub at {address}")]
    Unreachable {
        /// Where it was sought.
        address: Address,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nobody answered in time.
    #[error("the hub at {address} does not answer within {} s", DIAL_TIMEOUT.as_secs())]
    Timeout {
        /// Where it was sought.
        address: Address,
    },
    /// Somebody answers who is not the hub that was meant.
    #[error("what answers at {address} is not the hub that was meant")]
    NotTheHub {
        /// Where it was sought.
        address: Address,
        /// What was wrong.
        source: NotTheHub,
    },
    /// The handshake failed otherwise.
    #[error("the TLS handshake with {address} failed")]
    Handshake {
        /// Where it was sought.
        address: Address,
        /// What TLS said.
        source: std::io::Error,
    },
    /// Our own settings.
    #[error("cannot use our own identity")]
    Settings(#[from] TlsError),
    /// HTTP/2 did not come up.
    #[error("the connection to {address} did not become HTTP/2")]
    Http {
        /// Where it was sought.
        address: Address,
        /// What the transport said.
        source: tonic::transport::Error,
    },
}

impl DialError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => {
                "check the address, and that this machine and the cluster may reach it over TCP"
            }
            Self::NotTheHub { .. } => {
                "compare --ca-pin with what `hub token create` prints, and the address with the hub's `advertise`"
            }
            Self::Handshake { .. } | Self::Http { .. } => {
                "check that the address is the hub's port for spokes (7443), and that no proxy opens the TLS connection"
            }
            Self::Settings(_) => "run `spoke bootstrap` again with a new token",
        }
    }
}

/// A connection to a hub that is proven.
#[derive(Clone, Debug)]
pub struct Dialled {
    /// For every call.
    pub channel: Channel,
    /// The fleet that the hub's certificate names.
    pub fleet: Uuid,
}

/// Connects, and proves the hub.
///
/// # Errors
/// When nobody answers, or somebody else.
pub async fn dial(
    address: &Address,
    trust: Trust,
    identity: Option<&Identity>,
) -> Result<Dialled, DialError> {
    let (config, seen) = tls::client_config(trust, identity)?;
    let connect = async {
        let tcp = TcpStream::connect((address.host(), address.port()))
            .await
            .map_err(|source| DialError::Unreachable {
                address: address.clone(),
                source,
            })?;
        // Nagle would hold back small messages; failing to switch it off is no reason not to talk.
        drop(tcp.set_nodelay(true));
        handshake(address, config, tcp).await
    };
    let stream = tokio::time::timeout(DIAL_TIMEOUT, connect)
        .await
        .map_err(|_| DialError::Timeout {
            address: address.clone(),
        })??;
    let fleet = seen
        .fleet()
        .expect("a handshake that succeeded went through the verifier");
    let channel = channel(address, stream).await?;
    Ok(Dialled { channel, fleet })
}

async fn handshake(
    address: &Address,
    config: rustls::ClientConfig,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, DialError> {
    // The name only travels as SNI; the hub is proven by its URI.
    let name = ServerName::try_from(address.host().to_owned())
        .unwrap_or_else(|_| ServerName::try_from("hub").expect("`hub` is a DNS name"));
    let result = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await;
    result.map_err(|source| match not_the_hub(&source) {
        Some(why) => DialError::NotTheHub {
            address: address.clone(),
            source: why,
        },
        None => DialError::Handshake {
            address: address.clone(),
            source,
        },
    })
}

/// Finds our verifier's words inside the error of a handshake.
fn not_the_hub(error: &std::io::Error) -> Option<NotTheHub> {
    let rustls::Error::InvalidCertificate(certificate) = error.get_ref()?.downcast_ref()? else {
        return None;
    };
    match certificate {
        rustls::CertificateError::Other(other) => other.0.downcast_ref().cloned(),
        other => Some(NotTheHub::Untrusted {
            reason: format!("{other:?}"),
        }),
    }
}

/// HTTP/2 over a stream that is already there. When it is gone the channel is gone too.
async fn channel(address: &Address, stream: TlsStream<TcpStream>) -> Result<Channel, DialError> {
    let once = Arc::new(Mutex::new(Some(stream)));
    let connector = tower::service_fn(move |_: http::Uri| {
        let stream = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            stream
                .map(TokioIo::new)
                .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected))
        }
    });
    let http_error = |source| DialError::Http {
        address: address.clone(),
        source,
    };
    Endpoint::from_shared(format!("http://{address}"))
        .map_err(http_error)?
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(http_error)
}
