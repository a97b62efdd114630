//! A spoke made of the wire's stubs: it enrols, connects, accepts and fetches, and does nothing with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use capstan_proto::delta::receiver::{Received, Receiver};
use capstan_proto::wire::content_client::ContentClient;
use capstan_proto::wire::enrollment_client::EnrollmentClient;
use capstan_proto::wire::from_hub::Message;
use capstan_proto::wire::session_client::SessionClient;
use capstan_proto::wire::{self, FromSpoke, from_spoke};
use capstan_proto::{Digest, Snapshot, Triple, convert, feature, limits};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// How long the hub may take to say something on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster's key and certificate.
#[derive(Debug)]
pub(crate) struct Identity {
    key: KeyPair,
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
    cluster_uid: String,
}

impl Identity {
    /// Enrols with a token.
    pub(crate) async fn enrol(hub: SocketAddr, data: &Path, token: &str) -> Result<Self, Status> {
        let roots = vec![CertificateDer::from_pem_file(data.join("ca/root.crt")).unwrap()];
        let cluster_uid = format!("uid-{}", &token[..8]);
        let key = KeyPair::generate().unwrap();
        let channel = channel(hub, &roots, None).await;
        let request = wire::EnrollRequest {
            token: token.to_owned(),
            csr: request(&key),
            cluster_uid: cluster_uid.clone(),
            agent_version: "0.0.0".to_owned(),
        };
        let answer = EnrollmentClient::new(channel)
            .enroll(request)
            .await?
            .into_inner();
        let chain = answer
            .certificate_chain
            .into_iter()
            .map(CertificateDer::from)
            .collect();
        Ok(Self {
            key,
            chain,
            roots,
            cluster_uid,
        })
    }

    /// Another key and certificate for the same cluster.
    pub(crate) async fn renewed(&self, hub: SocketAddr) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut client = EnrollmentClient::new(self.channel(hub).await);
        let answer = client
            .renew(wire::RenewRequest { csr: request(&key) })
            .await
            .unwrap();
        let chain = answer.into_inner().certificate_chain;
        Self {
            key,
            chain: chain.into_iter().map(CertificateDer::from).collect(),
            roots: self.roots.clone(),
            cluster_uid: self.cluster_uid.clone(),
        }
    }

    /// A connection with this certificate.
    pub(crate) async fn channel(&self, hub: SocketAddr) -> Channel {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        channel(hub, &self.roots, Some((self.chain.clone(), key))).await
    }
}

fn request(key: &KeyPair) -> Vec<u8> {
    assert!(!key.der_bytes().is_empty());
    CertificateParams::default()
        .serialize_request(key)
        .unwrap()
        .der()
        .to_vec()
}

type Client = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

async fn channel(
    hub: SocketAddr,
    trusted: &[CertificateDer<'static>],
    client: Option<Client>,
) -> Channel {
    let mut roots = RootCertStore::empty();
    for root in trusted {
        roots.add(root.clone()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match client {
        Some((chain, key)) => config.with_client_auth_cert(chain, key).unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tls = TlsConnector::from(Arc::new(config));
    let connector = tower::service_fn(move |_: http::Uri| {
        let tls = tls.clone();
        async move {
            let stream = TcpStream::connect(hub).await?;
            let name = ServerName::try_from("localhost").unwrap();
            tls.connect(name, stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_static("http://hub.invalid");
    endpoint.connect_with_connector(connector).await.unwrap()
}

/// A spoke with an open session.
pub(crate) struct Spoke {
    to_hub: mpsc::Sender<FromSpoke>,
    from_hub: Streaming<wire::FromHub>,
    channel: Channel,
    receiver: Receiver,
    /// Content by digest.
    pub(crate) content: BTreeMap<Digest, Vec<u8>>,
    /// The newest receipt.
    pub(crate) receipt: Vec<u8>,
}

/// What the hub said, as far as tests look at it.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// In sync.
    InSync(Triple),
    /// A whole offer, verified: its triple, whether it was a full list, and how many objects it set.
    Offer {
        triple: Triple,
        full: bool,
        follows: Option<Triple>,
        set: usize,
        removed: usize,
    },
    /// A receipt.
    Receipt(Triple),
    /// Pruning is permitted.
    Permit(Triple),
    /// No opinion.
    NoOpinion(String),
    /// The end, with its reason.
    Close(wire::CloseReason),
    /// Every state is wanted.
    ReportWanted,
    /// The stream is over.
    End,
}

/// What a spoke keeps over its own restarts.
pub(crate) struct Cache {
    held: Option<(Triple, Snapshot)>,
    content: BTreeMap<Digest, Vec<u8>>,
    receipt: Vec<u8>,
}

impl Spoke {
    /// Connects for the first time.
    pub(crate) async fn connect(identity: &Identity, hub: SocketAddr) -> Self {
        let nothing = Cache {
            held: None,
            content: BTreeMap::new(),
            receipt: Vec::new(),
        };
        Self::again(identity, hub, nothing).await
    }

    /// Connects with what was accepted before.
    pub(crate) async fn again(identity: &Identity, hub: SocketAddr, cache: Cache) -> Self {
        Self::named(identity, hub, cache, 7).await
    }

    /// Connects as another process of the same agent.
    pub(crate) async fn named(
        identity: &Identity,
        hub: SocketAddr,
        cache: Cache,
        process: u8,
    ) -> Self {
        let Cache {
            held,
            content,
            receipt,
        } = cache;
        let channel = identity.channel(hub).await;
        let (to_hub, outgoing) = mpsc::channel(64);
        let hello = wire::Hello {
            agent_version: "0.0.0".to_owned(),
            protocol_min: feature::PROTOCOL_OLDEST,
            protocol_max: feature::PROTOCOL,
            features: feature::KNOWN
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            instance: vec![process; 16],
            cluster_uid: identity.cluster_uid.clone(),
            accepted: held
                .as_ref()
                .map(|(triple, _)| convert::triple_to_wire(*triple)),
            receipt: receipt.clone(),
            ..wire::Hello::default()
        };
        let hello = FromSpoke {
            message: Some(from_spoke::Message::Hello(hello)),
        };
        to_hub.send(hello).await.unwrap();
        let mut client = SessionClient::new(channel.clone());
        let from_hub = client
            .connect(ReceiverStream::new(outgoing))
            .await
            .unwrap()
            .into_inner();
        let receiver = Receiver::new(held);
        Self {
            to_hub,
            from_hub,
            channel,
            receiver,
            content,
            receipt,
        }
    }

    /// Ends the session; what the spoke keeps of it.
    pub(crate) fn disconnect(self) -> Cache {
        Cache {
            held: self.receiver.held().cloned(),
            content: self.content,
            receipt: self.receipt,
        }
    }

    /// The next thing that the hub says, heartbeats aside.
    pub(crate) async fn hear(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.next())
            .await
            .expect("the hub says something")
    }

    async fn next(&mut self) -> Heard {
        loop {
            let message = match self.from_hub.message().await {
                Ok(Some(message)) => message.message.unwrap(),
                Ok(None) | Err(_) => return Heard::End,
            };
            match message {
                Message::InSync(said) => {
                    self.receipt = said.receipt;
                    return Heard::InSync(convert::triple(&said.snapshot.unwrap()).unwrap());
                }
                Message::OfferPiece(piece) => {
                    if let Some(heard) = self.offer(piece).await {
                        return heard;
                    }
                }
                Message::Receipt(said) => {
                    self.receipt = said.mac;
                    return Heard::Receipt(convert::triple(&said.snapshot.unwrap()).unwrap());
                }
                Message::PrunePermit(said) => {
                    return Heard::Permit(convert::triple(&said.snapshot.unwrap()).unwrap());
                }
                Message::NoOpinion(said) => return Heard::NoOpinion(said.reason),
                Message::Close(close) => return Heard::Close(close.reason()),
                Message::ReportWanted(_) => return Heard::ReportWanted,
                Message::Heartbeat(_) | Message::RefreshWanted(_) | Message::UpgradeNeeded(_) => {}
            }
        }
    }

    /// Takes a piece; with the last one: fetches what is missing, accepts, and says what it was.
    async fn offer(&mut self, piece: wire::OfferPiece) -> Option<Heard> {
        let piece = convert::offer::piece(&piece).unwrap();
        let (mut full, mut follows) = (false, None);
        if let Some(header) = &piece.header {
            (full, follows) = (header.full, header.follows);
        }
        let (set, removed) = (
            piece.part.set_objects.len(),
            piece.part.removed_objects.len(),
        );
        match self.receiver.piece(piece) {
            Received::More => Some(()).and(None),
            Received::Complete(verified) => {
                let triple = verified.triple;
                self.fetch_for(&verified.snapshot).await;
                self.receiver.commit(triple, verified.snapshot);
                self.say(from_spoke::Message::Accept(wire::Accept {
                    snapshot: Some(convert::triple_to_wire(triple)),
                }))
                .await;
                Some(Heard::Offer {
                    triple,
                    full,
                    follows,
                    set,
                    removed,
                })
            }
            other => panic!("the offer is {other:?}"),
        }
    }

    async fn fetch_for(&mut self, snapshot: &Snapshot) {
        let missing: BTreeSet<Digest> = snapshot
            .contents()
            .filter(|digest| !self.content.contains_key(digest))
            .collect();
        let missing: Vec<Digest> = missing.into_iter().collect();
        for wants in missing.chunks(limits::WANTS_MAX) {
            for (digest, bytes) in self.fetch(wants).await.unwrap() {
                let bytes = bytes.expect("the hub gives what it offered");
                assert_eq!(Digest::of(&bytes), digest);
                self.content.insert(digest, bytes);
            }
        }
    }

    /// Fetches content; `None` for what is denied.
    pub(crate) async fn fetch(
        &mut self,
        digests: &[Digest],
    ) -> Result<BTreeMap<Digest, Option<Vec<u8>>>, Status> {
        let mut fetched = BTreeMap::new();
        if digests.is_empty() {
            return Ok(fetched);
        }
        let want = |digest: &Digest| wire::Want {
            digest: digest.as_bytes().to_vec(),
            offset: 0,
        };
        let request = wire::FetchRequest {
            wants: digests.iter().map(want).collect(),
        };
        let mut client = ContentClient::new(self.channel.clone());
        let mut chunks = client.fetch(request).await?.into_inner();
        let mut partial: BTreeMap<Digest, (wire::Encoding, Vec<u8>)> = BTreeMap::new();
        while let Some(chunk) = chunks.message().await? {
            let digest = Digest::from_slice(&chunk.digest).unwrap();
            if chunk.denied {
                fetched.insert(digest, None);
                continue;
            }
            let encoding = chunk.encoding();
            let entry = partial.entry(digest).or_insert((encoding, Vec::new()));
            assert_eq!(entry.1.len() as u64, chunk.offset);
            entry.1.extend(chunk.data);
        }
        for (digest, (encoding, bytes)) in partial {
            let bytes = match encoding {
                wire::Encoding::Zstd => zstd::stream::decode_all(bytes.as_slice()).unwrap(),
                _ => bytes,
            };
            fetched.insert(digest, Some(bytes));
        }
        Ok(fetched)
    }

    /// Says something.
    pub(crate) async fn say(&self, message: from_spoke::Message) {
        self.to_hub
            .send(FromSpoke {
                message: Some(message),
            })
            .await
            .unwrap();
    }

    /// What the spoke holds.
    pub(crate) fn held(&self) -> Option<&(Triple, Snapshot)> {
        self.receiver.held()
    }

    /// Hears an offer, its receipt and the permission to prune; gives back the offer.
    pub(crate) async fn takes_offer(&mut self) -> Heard {
        let offer = self.hear().await;
        let Heard::Offer { triple, .. } = offer else {
            panic!("an offer is due, not {offer:?}");
        };
        assert_eq!(self.hear().await, Heard::Receipt(triple));
        assert_eq!(self.hear().await, Heard::Permit(triple));
        offer
    }
}
