//! The hub's calls, over TLS of our own.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use capstan_proto::delta::sender::{Say, Sender};
use capstan_proto::wire::content_server::{Content, ContentServer};
use capstan_proto::wire::enrollment_server::{Enrollment, EnrollmentServer};
use capstan_proto::wire::from_hub::Message as ToSpoke;
use capstan_proto::wire::from_spoke::Message as FromSpoke;
use capstan_proto::wire::session_server::{Session, SessionServer};
use capstan_proto::{Digest, Triple, convert, limits, wire};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use super::Shared;

type Answer<T> = Result<Response<T>, Status>;

/// A connection that tells whether it showed a certificate.
struct Io(TlsStream<TcpStream>);

#[derive(Clone)]
struct Peer {
    certified: bool,
}

impl Connected for Io {
    type ConnectInfo = Peer;
    fn connect_info(&self) -> Peer {
        Peer {
            certified: self.0.get_ref().1.peer_certificates().is_some(),
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

pub(super) async fn serve(shared: Shared, address: &str) -> (SocketAddr, AbortOnDropHandle<()>) {
    let mut roots = RootCertStore::empty();
    roots.add(shared.authority.root_der()).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let (chain, key) = shared.authority.server();
    let mut config =
        rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, incoming) = mpsc::channel::<std::io::Result<Io>>(16);
    let accept = async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, connections) = (acceptor.clone(), connections.clone());
            tokio::spawn(async move {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    drop(connections.send(Ok(Io(tls))).await);
                }
            });
        }
    };
    let hub = Service(shared);
    let serve = tonic::transport::Server::builder()
        .add_service(EnrollmentServer::new(hub.clone()))
        .add_service(ContentServer::new(hub.clone()))
        .add_service(SessionServer::new(hub))
        .serve_with_incoming(ReceiverStream::new(incoming));
    // Both in one task, so that dropping it closes the port and every connection.
    let task = tokio::spawn(async move {
        tokio::select! {
            () = accept => {}
            _ = serve => {}
        }
    });
    (address, AbortOnDropHandle::new(task))
}

#[derive(Clone)]
struct Service(Shared);

fn certified<T>(request: &Request<T>) -> Result<(), Status> {
    match request.extensions().get::<Peer>() {
        Some(Peer { certified: true }) => Ok(()),
        _ => Err(Status::unauthenticated("no client certificate")),
    }
}

#[tonic::async_trait]
impl Enrollment for Service {
    async fn check_token(
        &self,
        request: Request<wire::CheckTokenRequest>,
    ) -> Answer<wire::CheckTokenResponse> {
        let token = request.into_inner().token;
        let state = self.0.lock();
        let name = match state.token_name.as_str() {
            "" => "edge-1",
            name => name,
        };
        match state.tokens.get(&token) {
            None => Err(Status::unauthenticated("the token is not known")),
            // A token that this cluster used already will do: its agent has what it was for.
            Some(_) => Ok(Response::new(wire::CheckTokenResponse {
                cluster_name: name.to_owned(),
            })),
        }
    }

    async fn enroll(&self, request: Request<wire::EnrollRequest>) -> Answer<wire::EnrollResponse> {
        let wire::EnrollRequest { token, csr, .. } = request.into_inner();
        let used = match self.0.lock().tokens.get(&token) {
            None => return Err(Status::unauthenticated("the token is not known")),
            Some(used) => *used,
        };
        let Some(chain) = self.0.authority.sign(&csr, self.0.cluster) else {
            return Err(Status::invalid_argument("the signing request is none"));
        };
        let key = capstan_spoke::tls::Leaf::parse(&chain[0]).unwrap().key;
        let key = Digest::of(key.to_string().as_bytes());
        if used.is_some_and(|used| used != key) {
            return Err(Status::unauthenticated("the token was used already"));
        }
        self.0.change(|state| {
            state.enrolments += 1;
            state.tokens.insert(token, Some(key));
        });
        Ok(Response::new(wire::EnrollResponse {
            certificate_chain: chain,
            ca_bundle: self.0.authority.roots(),
            cluster_name: "edge-1".to_owned(),
            fleet_id: self.0.authority.fleet.to_string(),
        }))
    }

    async fn renew(&self, request: Request<wire::RenewRequest>) -> Answer<wire::RenewResponse> {
        certified(&request)?;
        let csr = request.into_inner().csr;
        self.0.change(|state| state.renewals += 1);
        Ok(Response::new(wire::RenewResponse {
            certificate_chain: self.0.authority.sign(&csr, self.0.cluster).unwrap(),
            ca_bundle: self.0.authority.roots(),
        }))
    }
}

#[tonic::async_trait]
impl Content for Service {
    type FetchStream = ReceiverStream<Result<wire::Chunk, Status>>;

    async fn fetch(&self, request: Request<wire::FetchRequest>) -> Answer<Self::FetchStream> {
        certified(&request)?;
        let (chunks, stream) = mpsc::channel(16);
        let shared = self.0.clone();
        tokio::spawn(async move {
            for want in request.into_inner().wants {
                for chunk in chunks_of(&shared, &want) {
                    drop(chunks.send(Ok(chunk)).await);
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn chunks_of(shared: &Shared, want: &wire::Want) -> Vec<wire::Chunk> {
    let digest = Digest::from_slice(&want.digest).unwrap();
    let content = shared.change(|state| {
        state.served += 1;
        state.contents.get(&digest).cloned()
    });
    let denied = wire::Chunk {
        digest: want.digest.clone(),
        denied: true,
        ..wire::Chunk::default()
    };
    let Some(content) = content else {
        return vec![denied];
    };
    let encoded = zstd::bulk::compress(&content, 3).unwrap();
    let total = u64::try_from(encoded.len()).unwrap();
    let offset = usize::try_from(want.offset).unwrap();
    let mut at = want.offset;
    encoded[offset..]
        .chunks(limits::CHUNK_BYTES_MAX)
        .map(|data| {
            let offset = at;
            at += u64::try_from(data.len()).unwrap();
            wire::Chunk {
                digest: want.digest.clone(),
                encoding: wire::Encoding::Zstd.into(),
                offset,
                total,
                data: data.to_vec(),
                denied: false,
            }
        })
        .collect()
}

#[tonic::async_trait]
impl Session for Service {
    type ConnectStream = ReceiverStream<Result<wire::FromHub, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<wire::FromSpoke>>,
    ) -> Answer<Self::ConnectStream> {
        certified(&request)?;
        let (out, stream) = mpsc::channel(64);
        let shared = self.0.clone();
        tokio::spawn(async move {
            shared.change(|state| {
                state.sessions += 1;
                state.open += 1;
            });
            converse(&shared, request.into_inner(), &out).await;
            shared.change(|state| state.open -= 1);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

type Out = mpsc::Sender<Result<wire::FromHub, Status>>;

async fn say(out: &Out, message: ToSpoke) {
    let message = wire::FromHub {
        message: Some(message),
    };
    drop(out.send(Ok(message)).await);
}

async fn converse(shared: &Shared, mut incoming: Streaming<wire::FromSpoke>, out: &Out) {
    let mut changes = shared.changes();
    let mut sender: Option<Sender> = None;
    let mut aimed = None;
    loop {
        let target = shared.lock().target.clone();
        if let (Some(sender), Some(target)) = (&mut sender, target)
            && aimed != Some(target.triple)
        {
            aimed = Some(target.triple);
            let said = sender.aim(target);
            tell(said, out).await;
        }
        tokio::select! {
            message = incoming.message() => match message {
                Ok(Some(message)) => hear(shared, message, &mut sender, out).await,
                Ok(None) | Err(_) => return,
            },
            _ = changes.changed() => {}
        }
    }
}

async fn tell(said: Say, out: &Out) {
    match said {
        Say::Nothing => {}
        Say::InSync(triple) => {
            let snapshot = Some(convert::triple_to_wire(triple));
            let receipt = b"receipt".to_vec();
            say(out, ToSpoke::InSync(wire::InSync { snapshot, receipt })).await;
            permit(triple, out).await;
        }
        Say::Offer(pieces) => {
            for piece in &pieces {
                say(
                    out,
                    ToSpoke::OfferPiece(convert::offer::piece_to_wire(piece)),
                )
                .await;
            }
        }
    }
}

async fn permit(triple: Triple, out: &Out) {
    let snapshot = Some(convert::triple_to_wire(triple));
    say(out, ToSpoke::PrunePermit(wire::PrunePermit { snapshot })).await;
}

async fn hear(shared: &Shared, message: wire::FromSpoke, sender: &mut Option<Sender>, out: &Out) {
    match message.message {
        Some(FromSpoke::Hello(hello)) => {
            let accepted = hello
                .accepted
                .as_ref()
                .map(|triple| convert::triple(triple).unwrap());
            let known = accepted.and_then(|triple| shared.lock().known.get(&triple).cloned());
            *sender = Some(Sender::new(accepted, known));
        }
        Some(FromSpoke::Accept(accept)) => {
            let triple = convert::required_triple(accept.snapshot.as_ref()).unwrap();
            shared.change(|state| state.accepted = Some(triple));
            let receipt = wire::Receipt {
                snapshot: accept.snapshot,
                mac: b"receipt".to_vec(),
            };
            say(out, ToSpoke::Receipt(receipt)).await;
            permit(triple, out).await;
            if let Some(sender) = sender {
                tell(sender.accepted(triple), out).await;
            }
        }
        Some(FromSpoke::Refuse(refuse)) => shared.change(|state| {
            state
                .refusals
                .push(format!("{:?}: {}", refuse.reason(), refuse.detail));
        }),
        Some(FromSpoke::Report(report)) => shared.change(|state| {
            if report.full {
                state.states.clear();
            }
            for bundle in &report.bundles {
                let bundle = convert::state::from_wire(bundle).unwrap();
                state.states.insert(bundle.bundle.clone(), bundle);
            }
            state
                .states
                .retain(|name, _| !report.gone.contains(&name.to_string()));
        }),
        Some(FromSpoke::Heartbeat(_)) => {
            say(out, ToSpoke::Heartbeat(wire::Heartbeat {})).await;
        }
        Some(FromSpoke::Facts(_) | FromSpoke::RefreshDone(_)) | None => {}
    }
}
