//! `Session.Connect`: one stream per cluster, both ways, bounded both ways.

use std::sync::Arc;
use std::time::Duration;

use capstan_hub_core::session::{Close, CloseReason};
use capstan_proto::wire::session_server::Session;
use capstan_proto::wire::{self, FromHub, FromSpoke, from_hub, from_spoke};
use capstan_proto::{ClusterName, limits};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::hello::{self, Greeting};
use super::{Shared, status};
use crate::ca::Identity;
use crate::ca::enrolment::{Admitted, Refusal};
use crate::clock;
use crate::engine::event::{Event, Opening, Said, SessionId};
use crate::engine::out::{self, Outbox, Outgoing};
use crate::ledger::records::{Batch, SessionOwner, keys};
use crate::ledger::{Outcome, WriteError};
use crate::telemetry::chain;
use crate::tls::{ConnectionId, Peer};

/// How long a spoke may take to say Hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Messages between us and HTTP/2's own window: 4 x 8 KiB.
const READY_MAX: usize = 4;

/// When a spoke that was refused for a reason that only a person can end may ask again.
const RETRY_LATER_MS: u32 = 60_000;

type Sending = mpsc::Sender<Result<FromHub, Status>>;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    shared: Arc<Shared>,
}

impl Service {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }
}

#[tonic::async_trait]
impl Session for Service {
    type ConnectStream = ReceiverStream<Result<FromHub, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<FromSpoke>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let peer = peer(&request)?;
        let identity = peer.identity.clone().ok_or_else(status::no_certificate)?;
        let admission = self
            .shared
            .enrolment
            .open_session(&identity, clock::now())
            .await;
        let admission = admission.map_err(|failure| status::bookkeeping(&failure))?;
        let (sending, stream) = mpsc::channel(READY_MAX);
        match admission {
            Ok(admitted) => {
                let spoke = Spoke {
                    shared: Arc::clone(&self.shared),
                    admitted,
                    identity,
                    connection: peer.connection,
                };
                tokio::spawn(spoke.run(request.into_inner(), sending));
            }
            Err(refusal) => {
                tracing::info!(address = %peer.address, reason = %refusal, "a spoke was refused");
                for message in out::close(&close_of(&refusal)).messages() {
                    // The channel is new and has room.
                    drop(sending.try_send(Ok(message)));
                }
            }
        }
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// The connection's other end.
pub(super) fn peer<T>(request: &Request<T>) -> Result<Peer, Status> {
    request
        .extensions()
        .get::<Peer>()
        .cloned()
        .ok_or_else(status::no_certificate)
}

fn close_of(refusal: &Refusal) -> Close {
    let reason = match refusal {
        Refusal::Retired { .. } => CloseReason::Retired,
        Refusal::Banned { .. } | Refusal::Unknown { .. } => CloseReason::Banned,
        Refusal::Expired { .. } => CloseReason::Expired,
    };
    Close {
        reason,
        detail: refusal.to_string(),
        retry_after_ms: RETRY_LATER_MS,
    }
}

/// One spoke's stream.
struct Spoke {
    shared: Arc<Shared>,
    admitted: Admitted,
    identity: Identity,
    connection: ConnectionId,
}

impl Spoke {
    /// Hears Hello, becomes the cluster's session, and passes on what both sides say until one ends.
    async fn run(self, mut incoming: Streaming<FromSpoke>, sending: Sending) {
        let greeting = match self.hello(&mut incoming).await {
            Ok(greeting) => greeting,
            Err(detail) => {
                let close = Close {
                    reason: CloseReason::Protocol,
                    detail,
                    retry_after_ms: 0,
                };
                for message in out::close(&close).messages() {
                    drop(sending.send(Ok(message)).await);
                }
                return;
            }
        };
        let session = match self.own(&greeting).await {
            Ok(session) => session,
            Err(error) => {
                drop(sending.send(Err(status::failed(&error))).await);
                return;
            }
        };
        let cluster = self.admitted.name.clone();
        let events = self.shared.events.clone();
        let (outbox, outgoing) = Outbox::new();
        let opening = self.opening(session, greeting, outbox);
        if events.send(Event::Opened(Box::new(opening))).await.is_err() {
            drop(sending.send(Err(status::stopping())).await);
            return;
        }
        let writing = tokio::spawn(write(outgoing, sending));
        let reading = read(&mut incoming, &cluster, session, &events);
        let aborting = writing.abort_handle();
        tokio::select! {
            () = reading => aborting.abort(),
            _ = writing => {}
        }
        if events
            .send(Event::Closed { cluster, session })
            .await
            .is_err()
        {
            tracing::debug!("a session ended after the engine");
        }
    }

    fn opening(self, session: SessionId, greeting: Greeting, outbox: Outbox) -> Opening {
        let Self {
            admitted,
            identity,
            connection,
            ..
        } = self;
        let Greeting {
            hello,
            instance,
            cluster_uid,
            facts,
        } = greeting;
        let Admitted {
            name: cluster,
            registration,
        } = admitted;
        Opening {
            cluster,
            registration,
            identity,
            connection,
            session,
            instance,
            cluster_uid,
            hello,
            facts,
            outbox,
        }
    }

    async fn hello(&self, incoming: &mut Streaming<FromSpoke>) -> Result<Greeting, String> {
        let first = timeout(HELLO_TIMEOUT, incoming.message()).await;
        let Ok(first) = first else {
            return Err(format!("no Hello within {} s", HELLO_TIMEOUT.as_secs()));
        };
        match first {
            Ok(Some(FromSpoke {
                message: Some(from_spoke::Message::Hello(hello)),
            })) => hello::greeting(hello, &self.admitted.name, &self.shared.receipts)
                .map_err(|refused| chain(&refused)),
            Ok(_) => Err("the first message must be Hello".to_owned()),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    /// Writes down that this agent holds the cluster's session; the revision of that names the session.
    async fn own(&self, greeting: &Greeting) -> Result<SessionId, WriteError> {
        let owner = SessionOwner {
            instance: greeting
                .instance
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            since_unix_ms: clock::now().unix_ms(),
        };
        let batch = Batch::new().put(&keys::owner(&self.admitted.name), &owner);
        match self.shared.enrolment.records().commit(batch).await? {
            Outcome::Committed(revision) => Ok(SessionId(revision.0)),
            Outcome::Conflict { key, .. } => Err(WriteError::Malformed {
                reason: format!("{key} was compared with nothing"),
            }),
        }
    }
}

/// Passes on what the spoke says, until it ends or says nonsense.
async fn read(
    incoming: &mut Streaming<FromSpoke>,
    cluster: &ClusterName,
    session: SessionId,
    events: &mpsc::Sender<Event>,
) {
    loop {
        let said = match incoming.message().await {
            Ok(None) => return,
            Ok(Some(FromSpoke {
                message: Some(message),
            })) => hello::said(message).unwrap_or_else(|refused| Said::Nonsense(chain(&refused))),
            // A message of a later version, whose kind this build does not know.
            Ok(Some(FromSpoke { message: None })) => continue,
            Err(error) if status::is_gone(&error) => return,
            Err(error) => Said::Nonsense(error.message().to_owned()),
        };
        let over = matches!(said, Said::Nonsense(_));
        let cluster = cluster.clone();
        if events
            .send(Event::Said {
                cluster,
                session,
                said,
            })
            .await
            .is_err()
            || over
        {
            // After nonsense the engine closes the stream from the other side.
            return if over {
                std::future::pending().await
            };
        }
    }
}

/// Sends what the engine says, and a heartbeat when it says nothing, until the engine is done with this spoke.
async fn write(mut outgoing: Outgoing, sending: Sending) {
    let mut heartbeat = interval(Duration::from_millis(limits::HEARTBEAT_MS));
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    loop {
        let out = tokio::select! {
            out = outgoing.recv() => out,
            _ = heartbeat.tick() => {
                let message = Some(from_hub::Message::Heartbeat(wire::Heartbeat {}));
                if sending.send(Ok(FromHub { message })).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(out) = out else {
            return;
        };
        for message in out.messages() {
            if sending.send(Ok(message)).await.is_err() {
                return;
            }
        }
    }
}
