//! Owns the wire: accepting connections, TLS, HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::app::{App, stopped};
use crate::{api, auth};

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod reply;

/// A handshake that takes longer is given up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams per HTTP/2 connection: every watch of one client holds one.
const STREAMS_MAX: u32 = 2_000;
/// How long to wait after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `listener` until `stop` says so, then closes every connection.
pub(crate) async fn serve(listener: TcpListener, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let acceptor = TlsAcceptor::from(Arc::clone(&app.identity.tls));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&app)));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, app: Arc<App>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await
    else {
        tracing::debug!("a TLS handshake failed");
        return;
    };
    let (_, session) = stream.get_ref();
    let user = session
        .peer_certificates()
        .and_then(|chain| auth::user_of_certificate(chain.first()?))
        .map(Arc::new);
    let service = service_fn(move |request| {
        let (app, user) = (Arc::clone(&app), user.clone());
        async move { api::handle(app, user, request).await }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX);
    if let Err(error) = builder
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection ended");
    }
}

/// The error of a body that cannot fail.
pub(crate) type Never = Infallible;
