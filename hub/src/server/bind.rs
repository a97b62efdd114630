//! Binding every address before anything is served; what cannot be bound is said all at once.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::{TcpListener, UnixListener};

use super::StartError;
use crate::addresses::Addresses;
use crate::config::Listen;
use crate::layout::Layout;
use crate::socket;

/// Everything bound.
pub(super) struct Bound {
    pub(super) spokes: TcpListener,
    pub(super) api: TcpListener,
    pub(super) socket: UnixListener,
    pub(super) http: TcpListener,
    pub(super) addresses: BoundAddresses,
}

/// Where that is.
pub(super) struct BoundAddresses {
    pub(super) spokes: SocketAddr,
    api: SocketAddr,
    socket: PathBuf,
    http: SocketAddr,
}

/// What cannot be bound: every one of them, one a line.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen: {}", .0.join("; "))]
pub struct BindError(Vec<String>);

/// Binds everything, or nothing.
pub(super) async fn bind(listen: &Listen) -> Result<Bound, BindError> {
    let mut wrong = Vec::new();
    let spokes = tcp("spokes", listen.spokes, &mut wrong).await;
    let api = tcp("api", listen.api, &mut wrong).await;
    let http = tcp("http", listen.http, &mut wrong).await;
    // Only when all else is well: a socket leaves a file behind.
    let socket = match wrong.is_empty() {
        true => {
            let path = listen.socket.display().to_string();
            kept("socket", &path, socket::listen(&listen.socket), &mut wrong)
        }
        false => None,
    };
    let (Some((spokes, spokes_at)), Some((api, api_at)), Some((http, http_at)), Some(socket)) =
        (spokes, api, http, socket)
    else {
        return Err(BindError(wrong));
    };
    let path = std::path::absolute(&listen.socket).unwrap_or_else(|_| listen.socket.clone());
    let addresses = BoundAddresses {
        spokes: spokes_at,
        api: api_at,
        socket: path,
        http: http_at,
    };
    Ok(Bound {
        spokes,
        api,
        socket,
        http,
        addresses,
    })
}

async fn tcp(
    name: &str,
    address: SocketAddr,
    wrong: &mut Vec<String>,
) -> Option<(TcpListener, SocketAddr)> {
    let bound = TcpListener::bind(address).await;
    let bound = bound.and_then(|listener| listener.local_addr().map(|at| (listener, at)));
    kept(name, &address.to_string(), bound, wrong)
}

fn kept<T>(name: &str, address: &str, bound: io::Result<T>, wrong: &mut Vec<String>) -> Option<T> {
    match bound {
        Ok(bound) => Some(bound),
        Err(error) => {
            wrong.push(format!("listen.{name} {address}: {error}"));
            None
        }
    }
}

impl BoundAddresses {
    /// Writes the addresses into the data directory.
    pub(super) fn written(
        &self,
        layout: &Layout,
        advertise: String,
    ) -> Result<Addresses, StartError> {
        let Self {
            spokes,
            api,
            socket,
            http,
        } = self;
        let addresses = Addresses {
            spokes: *spokes,
            advertise,
            api: *api,
            socket: socket.clone(),
            http: *http,
            pid: std::process::id(),
        };
        addresses
            .write(layout.root())
            .map_err(StartError::Addresses)?;
        Ok(addresses)
    }
}
