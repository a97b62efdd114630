//! The spokes' port on real sockets: who gets in, who does not, and how a connection ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capstan_proto::Moment;
use futures::StreamExt as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use uuid::Uuid;

use super::incoming::{Bounds, listen_within};
use super::{Connections, Incoming, ServerTls};
use crate::ca::tests::{authority_of, new_key, public};
use crate::ca::{Authority, ClusterId, FleetId, HubName, SPOKE_LIFE_MS, Serial};

const FLEET: FleetId = FleetId(Uuid::from_u128(1));
const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(2));

/// Certificates are verified against the machine's clock.
fn now() -> Moment {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Moment::from_unix_ms(i64::try_from(since.as_millis()).unwrap())
}

struct Hub {
    authority: Authority,
    tls: ServerTls,
    connections: Connections,
    incoming: Incoming,
    address: SocketAddr,
}

async fn hub(bounds: Bounds) -> Hub {
    let authority = authority_of(FLEET, now());
    let tls = ServerTls::new(&authority, credential(&authority)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Connections::new();
    let incoming = listen_within(listener, tls.clone(), connections.clone(), bounds);
    Hub {
        authority,
        tls,
        connections,
        incoming,
        address,
    }
}

fn credential(authority: &Authority) -> crate::ca::ServerCredential {
    authority
        .issue_server(&[HubName::Ip("127.0.0.1".parse().unwrap())], now())
        .unwrap()
}

/// A client with a certificate that `signer` issued at `issued`, or with none.
fn client(hub: &Hub, certificate: Option<(&Authority, Moment)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    hub.authority
        .roots()
        .iter()
        .for_each(|root| roots.add(root.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some((signer, issued)) => {
            let key = new_key();
            let serial = Serial::new(1, 1);
            let certificate = signer
                .issue_spoke(&public(&key), CLUSTER, serial, issued)
                .unwrap();
            let chain: Vec<CertificateDer<'static>> = vec![certificate.certificate];
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

async fn connect(hub: &Hub, config: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(hub.address).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(config.clone())
        .connect(name, socket)
        .await
}

/// Whether the server keeps the connection: in TLS 1.3 a client learns of its refusal only when it reads.
async fn is_refused(hub: &Hub, config: &Arc<ClientConfig>) -> bool {
    match connect(hub, config).await {
        Ok(mut stream) => stream.read_u8().await.is_err(),
        Err(_) => true,
    }
}

#[tokio::test]
async fn a_client_that_could_resume_makes_two_full_handshakes() {
    let mut hub = hub(Bounds::default()).await;
    let config = client(&hub, Some((&hub.authority, now())));
    for _ in 0..2 {
        let mut stream = connect(&hub, &config).await.unwrap();
        let mut served = hub.incoming.next().await.unwrap().unwrap();
        assert_eq!(served.peer().identity.as_ref().unwrap().cluster, CLUSTER);
        // Tickets would arrive with the first bytes.
        served.write_all(b"x").await.unwrap();
        served.flush().await.unwrap();
        stream.read_u8().await.unwrap();
        assert_eq!(
            stream.get_ref().1.handshake_kind(),
            Some(HandshakeKind::Full)
        );
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let version = stream.get_ref().1.protocol_version();
        assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3));
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_nobody() {
    let mut hub = hub(Bounds::default()).await;
    let config = client(&hub, None);
    let _stream = connect(&hub, &config).await.unwrap();
    let served = hub.incoming.next().await.unwrap().unwrap();
    assert!(served.peer().identity.is_none());
    assert!(served.peer().certificate.is_none());
    assert_eq!(hub.connections.count(), 1);
    drop(served);
    assert_eq!(hub.connections.count(), 0);
}

#[tokio::test]
async fn certificates_of_another_authority_and_expired_ones_are_refused() {
    let hub = hub(Bounds::default()).await;
    let stranger = authority_of(FLEET, now());
    assert!(is_refused(&hub, &client(&hub, Some((&stranger, now())))).await);
    let long_ago = now().minus_ms(SPOKE_LIFE_MS + 60_000);
    let old = client(&hub, Some((&hub.authority, long_ago)));
    assert!(is_refused(&hub, &old).await);
    assert_eq!(hub.connections.count(), 0);
}

#[tokio::test]
async fn our_own_server_certificate_is_no_identity() {
    let hub = hub(Bounds::default()).await;
    let credential = credential(&hub.authority);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    hub.authority
        .roots()
        .iter()
        .for_each(|root| roots.add(root.clone()).unwrap());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(credential.chain, credential.key)
        .unwrap();
    assert!(is_refused(&hub, &Arc::new(config)).await);
}

#[tokio::test]
async fn a_silent_client_is_dropped_after_the_time_limit() {
    let hub = hub(Bounds {
        handshakes: 10,
        timeout: Duration::from_millis(50),
        ..Bounds::default()
    })
    .await;
    let mut silent = TcpStream::connect(hub.address).await.unwrap();
    let mut bytes = Vec::new();
    assert!(matches!(
        silent.read_to_end(&mut bytes).await,
        Ok(0) | Err(_)
    ));
}

#[tokio::test]
async fn the_oldest_unfinished_handshake_makes_room() {
    let mut hub = hub(Bounds {
        handshakes: 3,
        timeout: Duration::from_secs(600),
        ..Bounds::default()
    })
    .await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut socket = TcpStream::connect(hub.address).await.unwrap();
        socket.write_all(&[22, 3, 1]).await.unwrap();
        stalled.push(socket);
    }
    let mut bytes = Vec::new();
    assert!(matches!(
        stalled[0].read_to_end(&mut bytes).await,
        Ok(0) | Err(_)
    ));
    // Somebody real still gets in, at the cost of the next oldest.
    let config = client(&hub, None);
    let _stream = connect(&hub, &config).await.unwrap();
    assert!(hub.incoming.next().await.unwrap().is_ok());
    assert!(matches!(
        stalled[1].read_to_end(&mut bytes).await,
        Ok(0) | Err(_)
    ));
}

#[tokio::test]
async fn the_oldest_connection_without_a_certificate_makes_room_and_no_clusters_does() {
    let mut hub = hub(Bounds {
        strangers: 3,
        ..Bounds::default()
    })
    .await;
    let (named, nobody) = (
        client(&hub, Some((&hub.authority, now()))),
        client(&hub, None),
    );
    let mut open = Vec::new();
    for config in [&named, &nobody, &nobody, &nobody, &nobody, &nobody] {
        let theirs = connect(&hub, config).await.unwrap();
        open.push((theirs, hub.incoming.next().await.unwrap().unwrap()));
    }
    let mut alive = Vec::new();
    for (_, served) in &mut open {
        alive.push(served.write_all(b"still here").await.is_ok());
    }
    assert_eq!(alive, [true, false, false, true, true, true]);
    open.drain(1..3);
    assert_eq!(hub.connections.count(), 4);
}

#[tokio::test]
async fn connections_end_when_they_have_lived_their_time() {
    let mut hub = hub(Bounds {
        stranger_life: Duration::from_millis(50),
        ..Bounds::default()
    })
    .await;
    let (named, nobody) = (
        client(&hub, Some((&hub.authority, now()))),
        client(&hub, None),
    );
    let _theirs = connect(&hub, &named).await.unwrap();
    let mut cluster = hub.incoming.next().await.unwrap().unwrap();
    let mut stream = connect(&hub, &nobody).await.unwrap();
    let mut stranger = hub.incoming.next().await.unwrap().unwrap();
    let ended = stranger.read_u8().await.unwrap_err().kind();
    assert_eq!(ended, std::io::ErrorKind::ConnectionAborted);
    drop(stranger);
    assert!(stream.read_u8().await.is_err());
    assert!(cluster.write_all(b"still here").await.is_ok());
}

#[tokio::test]
async fn garbage_does_not_stop_the_door() {
    let mut hub = hub(Bounds::default()).await;
    for _ in 0..20 {
        let mut socket = TcpStream::connect(hub.address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    }
    let config = client(&hub, None);
    let _stream = connect(&hub, &config).await.unwrap();
    assert!(hub.incoming.next().await.unwrap().is_ok());
}

#[tokio::test]
async fn closing_a_cluster_ends_its_connections_at_once_and_no_others() {
    let mut hub = hub(Bounds::default()).await;
    let (named, nobody) = (
        client(&hub, Some((&hub.authority, now()))),
        client(&hub, None),
    );
    let mut theirs = connect(&hub, &named).await.unwrap();
    let mut served = hub.incoming.next().await.unwrap().unwrap();
    let _other = connect(&hub, &nobody).await.unwrap();
    let mut other = hub.incoming.next().await.unwrap().unwrap();
    let reading = tokio::spawn(async move { (served.read_u8().await.unwrap_err().kind(), served) });
    assert_eq!(
        hub.connections
            .close_cluster(ClusterId(Uuid::from_u128(77))),
        0
    );
    assert_eq!(hub.connections.close_cluster(CLUSTER), 1);
    let ended = tokio::time::timeout(Duration::from_secs(1), reading)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ended.0, std::io::ErrorKind::ConnectionAborted);
    drop(ended);
    assert!(theirs.read_u8().await.is_err());
    assert!(other.write_all(b"still here").await.is_ok());
    assert_eq!(hub.connections.count(), 1);
}

#[tokio::test]
async fn connections_of_retired_serials_can_be_closed_alone() {
    let mut hub = hub(Bounds::default()).await;
    let config = client(&hub, Some((&hub.authority, now())));
    let _stream = connect(&hub, &config).await.unwrap();
    let served = hub.incoming.next().await.unwrap().unwrap();
    let serial = served.peer().identity.as_ref().unwrap().serial;
    assert_eq!(hub.connections.close_other_serials(CLUSTER, serial), 0);
    assert_eq!(
        hub.connections
            .close_other_serials(CLUSTER, Serial::new(2, 2)),
        1
    );
}

#[tokio::test]
async fn a_new_server_certificate_serves_the_next_handshake() {
    let mut hub = hub(Bounds::default()).await;
    let config = client(&hub, None);
    let shown =
        |stream: &TlsStream<TcpStream>| stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    let before = connect(&hub, &config).await.unwrap();
    let mut kept = hub.incoming.next().await.unwrap().unwrap();
    hub.tls
        .replace(&hub.authority, credential(&hub.authority))
        .unwrap();
    let after = connect(&hub, &config).await.unwrap();
    assert_ne!(shown(&before), shown(&after));
    assert!(kept.write_all(b"goes on").await.is_ok());
}

#[tokio::test]
async fn dropping_the_stream_stops_listening() {
    let hub = hub(Bounds::default()).await;
    drop(hub.incoming);
    while TcpStream::connect(hub.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// A gRPC server behind the port, whose every call is refused unless its [`super::Peer`] is a cluster.
async fn serve_clusters_only(hub: Hub) -> (FleetHub, tokio::task::JoinHandle<()>) {
    let Hub {
        authority,
        tls,
        connections,
        incoming,
        address,
    } = hub;
    let (_reporter, health) = tonic_health::server::health_reporter();
    let check = |request: tonic::Request<()>| {
        let peer = request.extensions().get::<super::Peer>();
        match peer.and_then(|peer| peer.identity.as_ref()) {
            Some(identity) if identity.cluster == CLUSTER => Ok(request),
            _ => Err(tonic::Status::unauthenticated("no certificate")),
        }
    };
    let layer = tonic::service::InterceptorLayer::new(check);
    let server = tonic::transport::Server::builder()
        .layer(layer)
        .add_service(health);
    let serving = tokio::spawn(async move { server.serve_with_incoming(incoming).await.unwrap() });
    (
        FleetHub {
            authority,
            tls,
            connections,
            address,
        },
        serving,
    )
}

/// A hub whose connections a server takes.
struct FleetHub {
    authority: Authority,
    tls: ServerTls,
    connections: Connections,
    address: SocketAddr,
}

/// A gRPC channel over our own client settings.
async fn channel(hub: &FleetHub, config: Arc<ClientConfig>) -> tonic::transport::Channel {
    let address = hub.address;
    let connector = tower::service_fn(move |_: http::Uri| {
        let config = config.clone();
        async move {
            let socket = TcpStream::connect(address).await?;
            let name = ServerName::try_from("127.0.0.1").unwrap();
            let stream = TlsConnector::from(config).connect(name, socket).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let endpoint = tonic::transport::Endpoint::from_static("http://hub.example");
    endpoint.connect_with_connector(connector).await.unwrap()
}

#[tokio::test]
async fn calls_carry_their_peer_and_a_ban_ends_a_live_stream_within_a_second() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    let hub = hub(Bounds::default()).await;
    let (named, nobody) = (
        client(&hub, Some((&hub.authority, now()))),
        client(&hub, None),
    );
    let (hub, serving) = serve_clusters_only(hub).await;
    let request = || HealthCheckRequest {
        service: String::new(),
    };

    let mut stranger = HealthClient::new(channel(&hub, nobody).await);
    let refused = stranger.check(request()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);

    let mut spoke = HealthClient::new(channel(&hub, named).await);
    let mut stream = spoke.watch(request()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    assert_eq!(hub.connections.close_cluster(CLUSTER), 1);
    let ended = tokio::time::timeout(Duration::from_secs(1), stream.message())
        .await
        .unwrap();
    assert!(ended.is_err());
    assert!(
        stranger
            .check(request())
            .await
            .is_err_and(|status| status.code() == refused.code())
    );
    assert_eq!(hub.authority.fleet(), hub.tls.fleet);
    serving.abort();
}
