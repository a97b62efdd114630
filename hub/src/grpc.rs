//! The gRPC services: spokes' on their TLS port, operators' on loopback and on a Unix socket.

pub(crate) mod admin;
pub(crate) mod content;
pub(crate) mod enroll;
pub(crate) mod health;
mod hello;
mod mode;
mod pace;
pub(crate) mod query;
pub(crate) mod session;
mod status;
pub(crate) mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use capstan_proto::wire;
use capstan_proto::wire::admin_server::AdminServer;
use capstan_proto::wire::content_server::ContentServer;
use capstan_proto::wire::enrollment_server::EnrollmentServer;
use capstan_proto::wire::query_server::QueryServer;
use capstan_proto::wire::session_server::SessionServer;
use capstan_proto::{SourceName, limits};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::audit::Audit;
use crate::ca::enrolment::Enrolment;
use crate::config::HostPort;
use crate::content::Content;
use crate::engine::event::Event;
use crate::engine::picture::Picture;
use crate::engine::receipt::Receipts;
use crate::engine::shelf::Shelf;
use crate::engine::waker::Waker;
use crate::metrics::Metrics;
use crate::tls::Incoming;
use health::Readiness;

/// Streams of one connection: a session, and a few content calls beside it.
const STREAMS_MAX: u32 = 16;

/// Bytes that a stream may have unread: a report of 256 KiB is split by HTTP/2 anyway, and 64 KiB is its own default.
const STREAM_WINDOW: u32 = 64 * 1024;

/// Bytes that a connection may have unread. h2 drops connections whose unread small frames spend half of it (or 25,600
/// bytes, whichever is more), so it must not be small.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// PINGs find dead peers; proxies' idle timers are reset by the application's own heartbeat.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);

/// How long a PING's answer may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Content calls served at once, over all spokes: 64 x 16 MiB of the largest files is 1 GiB at worst, 64 x 10 KB usual.
const FETCHES_MAX: usize = 64;

/// What every service works with.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    /// To the engine.
    pub(crate) events: mpsc::Sender<Event>,
    /// From the engine.
    pub(crate) pictures: watch::Receiver<Arc<Picture>>,
    /// Who may do what.
    pub(crate) enrolment: Enrolment,
    /// Objects by digest.
    pub(crate) shelf: Shelf,
    /// Where lists of approved removal sets are kept.
    pub(crate) content: Arc<Content>,
    /// Checks receipts.
    pub(crate) receipts: Receipts,
    /// Counts.
    pub(crate) metrics: Metrics,
    /// Writes down what changes something.
    pub(crate) audit: Arc<Audit>,
    /// Wakes the followers of Git.
    pub(crate) wakers: Arc<BTreeMap<SourceName, Arc<Waker>>>,
    /// What spokes dial.
    pub(crate) advertise: HostPort,
    /// Whether the hub does its work.
    pub(crate) readiness: Readiness,
    /// Set when the hub stops.
    pub(crate) stop: CancellationToken,
}

/// How a server ended.
pub(crate) type Ended = Result<(), tonic::transport::Error>;

/// Serves spokes until the hub stops.
pub(crate) async fn spokes(shared: Shared, incoming: Incoming) -> Ended {
    let stop = shared.stop.clone();
    let session = SessionServer::new(session::Service::new(shared.clone()))
        .max_decoding_message_size(limits::REPORT_BYTES_MAX + 4 * 1024);
    let enrolment = EnrollmentServer::new(enroll::Service::new(shared.clone()))
        .max_decoding_message_size(16 * 1024);
    let content = ContentServer::new(content::Service::new(shared, FETCHES_MAX))
        .max_decoding_message_size(64 * 1024);
    Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .add_service(session)
        .add_service(enrolment)
        .add_service(content)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
}

/// Serves operators over TCP, which proves nobody's identity: queries only.
pub(crate) async fn operators_tcp(shared: Shared, listener: TcpListener) -> Ended {
    let stop = shared.stop.clone();
    let router = operators(&shared).await;
    let admin = AdminServer::new(admin::Service::over_tcp(shared));
    let incoming = TcpListenerStream::new(listener);
    router
        .add_service(admin)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
}

/// Serves operators over the socket, whose file's permissions say who may.
pub(crate) async fn operators_socket(shared: Shared, listener: UnixListener) -> Ended {
    let stop = shared.stop.clone();
    let router = operators(&shared).await;
    let admin = AdminServer::new(admin::Service::over_socket(shared));
    let incoming = UnixListenerStream::new(listener);
    router
        .add_service(admin)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned())
        .await
}

async fn operators(shared: &Shared) -> tonic::transport::server::Router {
    let query = QueryServer::new(query::Service::new(shared.clone()));
    let current = descriptors().build_v1();
    let health = health::service(shared.readiness.clone(), shared.stop.clone()).await;
    // Older versions of grpcurl and other tools ask by the older name.
    let older = descriptors().build_v1alpha();
    Server::builder()
        .max_concurrent_streams(STREAMS_MAX * 8)
        .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
        .add_service(health)
        .add_service(current.expect("the descriptors were compiled with this build"))
        .add_service(older.expect("the descriptors were compiled with this build"))
        .add_service(query)
}

fn descriptors() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
