//! A connection after its handshake: bytes, who sends them, and an end that can come from outside.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::Peer;
use super::connections::Place;

/// A connection that the server reads requests from.
pub struct Stream {
    tls: TlsStream<TcpStream>,
    peer: Peer,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    aged: Pin<Box<Sleep>>,
    _place: Place,
}

impl Stream {
    pub(super) fn new(tls: TlsStream<TcpStream>, peer: Peer, place: Place, life: Duration) -> Self {
        Self {
            tls,
            peer,
            closed: Box::pin(place.closed()),
            aged: Box::pin(tokio::time::sleep(life)),
            _place: place,
        }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Fails once the connection is to be closed or has lived its time; registers the task to be woken by that.
    fn poll_open(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let aborted = |why| Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        if self.closed.as_mut().poll(context).is_ready() {
            return aborted("closed by the hub");
        }
        if self.aged.as_mut().poll(context).is_ready() {
            return aborted("the connection has lived its time");
        }
        Ok(())
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

impl Connected for Stream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_open(context)?;
        Pin::new(&mut self.tls).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_open(context)?;
        Pin::new(&mut self.tls).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_open(context)?;
        Pin::new(&mut self.tls).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(context)
    }
}
