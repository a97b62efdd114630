//! Accepting connections: a bounded number of handshakes at once, each with a time limit, the oldest giving way.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Connections, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, LIFE, LIFE_JITTER, Peer, READY_MAX,
    STRANGER_LIFE, STRANGERS_MAX, ServerTls, Stream,
};
use crate::ca::Identity;

/// Finished connections, in the order in which they finished. Dropping it stops listening.
pub type Incoming = ReceiverStream<io::Result<Stream>>;

/// How long to wait before accepting again when the process has no file descriptor left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Limits of an accepting loop, other than the usual ones in tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) handshakes: usize,
    pub(super) timeout: Duration,
    /// Connections without a certificate.
    pub(super) strangers: usize,
    /// How long one of those lives.
    pub(super) stranger_life: Duration,
    /// How long one with a certificate lives.
    pub(super) life: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshakes: HANDSHAKES_MAX,
            timeout: HANDSHAKE_TIMEOUT,
            strangers: STRANGERS_MAX,
            stranger_life: STRANGER_LIFE,
            life: LIFE,
        }
    }
}

/// Accepts connections until the stream is dropped.
pub fn listen(listener: TcpListener, tls: ServerTls, connections: Connections) -> Incoming {
    listen_within(listener, tls, connections, Bounds::default())
}

pub(super) fn listen_within(
    listener: TcpListener,
    tls: ServerTls,
    connections: Connections,
    bounds: Bounds,
) -> Incoming {
    let (ready, taken) = mpsc::channel(READY_MAX);
    tokio::spawn(accept(
        listener,
        Door {
            tls,
            connections,
            ready,
            bounds,
        },
    ));
    ReceiverStream::new(taken)
}

/// What a handshake needs.
#[derive(Clone)]
struct Door {
    tls: ServerTls,
    connections: Connections,
    ready: mpsc::Sender<io::Result<Stream>>,
    bounds: Bounds,
}

async fn accept(listener: TcpListener, door: Door) {
    let bounds = door.bounds;
    let mut running = JoinSet::new();
    let mut order: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            () = door.ready.closed() => return,
            Some(_) = running.join_next() => {
                order.retain(|handshake| !handshake.is_finished());
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, address)) => {
                    if order.len() >= bounds.handshakes && let Some(oldest) = order.pop_front() {
                        oldest.abort();
                    }
                    let handshake = shake(door.clone(), socket, address, bounds.timeout);
                    order.push_back(running.spawn(handshake));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }
}

/// One handshake; a connection that does not finish it is dropped without a word to anybody but the log.
async fn shake(door: Door, socket: TcpStream, address: SocketAddr, timeout: Duration) {
    let finished = tokio::time::timeout(timeout, secure(&door, socket, address)).await;
    match finished {
        Ok(Ok(stream)) => drop(door.ready.send(Ok(stream)).await),
        Ok(Err(error)) => tracing::debug!(%address, error = %error, "a handshake failed"),
        Err(_) => tracing::debug!(%address, "a handshake took too long"),
    }
}

async fn secure(door: &Door, socket: TcpStream, address: SocketAddr) -> io::Result<Stream> {
    socket.set_nodelay(true)?;
    let tls = TlsAcceptor::from(door.tls.current()).accept(socket).await?;
    let certificate = tls
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first)
        .cloned();
    let certificate = certificate.map(|certificate| certificate.into_owned());
    let identity = certificate
        .as_ref()
        .map(|certificate| Identity::from_certificate(certificate, door.tls.fleet))
        .transpose()
        .map_err(io::Error::other)?;
    let bounds = door.bounds;
    let place = door.connections.enter(identity.as_ref(), bounds.strangers);
    let life = match &identity {
        Some(_) => bounds.life + LIFE_JITTER.mul_f64(rand::random()),
        None => bounds.stranger_life,
    };
    let peer = Peer {
        identity,
        certificate,
        address,
        connection: place.id,
    };
    Ok(Stream::new(tls, peer, place, life))
}
