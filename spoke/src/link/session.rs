//! The one long stream: what goes out and what comes in, and how it ended.

use std::time::Duration;

use capstan_proto::wire;
use capstan_proto::wire::session_client::SessionClient;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;

use super::{DECODE_BYTES_MAX, first_line};

/// Messages on their way out: a report of every bundle state comes in a handful of messages, and a writer that
/// finds the queue full waits, so that a stalled hub slows us down instead of filling memory.
const OUTBOUND_MAX: usize = 32;

/// Time in which the hub answers the first message.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// The hub sends a heartbeat every 15 s; after six of them without a sign the session is dead, whatever TCP says.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The connection is gone.
    Lost {
        /// What it said.
        reason: String,
    },
    /// The hub closed it, in words.
    Closed {
        /// Why.
        reason: wire::CloseReason,
        /// A sentence.
        detail: String,
        /// How long to wait, where the hub said.
        retry_after: Option<Duration>,
    },
    /// The hub does not accept our certificate.
    Unauthorized {
        /// What it said.
        reason: String,
    },
}

impl Ended {
    /// Whether an operator of the hub can take it back, without anybody doing anything here.
    #[must_use]
    pub fn can_be_lifted(&self) -> bool {
        use wire::CloseReason::{Banned, Quarantined};
        matches!(
            self,
            Self::Closed {
                reason: Banned | Quarantined,
                ..
            }
        )
    }

    /// What a person can do about it; empty where nothing has to be done.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.can_be_lifted() {
            true => {
                "an administrator of the fleet can lift it; the agent then comes back within 15 seconds"
            }
            false => "",
        }
    }

    /// How long the hub asked us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Closed { retry_after, .. } => *retry_after,
            Self::Lost { .. } | Self::Unauthorized { .. } => None,
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost { reason } => write!(f, "the connection to the hub is lost: {reason}"),
            Self::Closed { reason, detail, .. } => {
                let words = close_words(*reason);
                match detail.is_empty() {
                    true => write!(f, "{words}"),
                    false => write!(f, "{words}: {detail}"),
                }
            }
            Self::Unauthorized { reason } => {
                write!(f, "the hub does not accept our certificate: {reason}")
            }
        }
    }
}

fn close_words(reason: wire::CloseReason) -> &'static str {
    use wire::CloseReason as Reason;
    match reason {
        Reason::Unspecified => "the hub closed the session",
        Reason::ShuttingDown => "the hub shuts down",
        Reason::Replaced => "another session of this cluster took over",
        Reason::Banned => "the hub refuses this cluster",
        Reason::Retired | Reason::Expired => "the hub does not accept our certificate any more",
        Reason::Quarantined => "the hub keeps this cluster in quarantine",
        Reason::Protocol => "the hub closed the session, because we broke the protocol",
    }
}

/// One message of the hub.
pub type Inbound = wire::from_hub::Message;

/// An open stream.
#[derive(Debug)]
pub struct Session {
    outbound: mpsc::Sender<wire::FromSpoke>,
    inbound: tonic::Streaming<wire::FromHub>,
}

impl Session {
    /// Opens the stream with a Hello.
    ///
    /// # Errors
    /// When the hub refuses it or does not answer.
    pub async fn open(channel: Channel, hello: wire::Hello) -> Result<Self, Ended> {
        let (outbound, queue) = mpsc::channel(OUTBOUND_MAX);
        let first = wrap(wire::from_spoke::Message::Hello(hello));
        let sent = outbound.try_send(first);
        debug_assert!(sent.is_ok(), "a new queue takes one message");
        let mut client = SessionClient::new(channel).max_decoding_message_size(DECODE_BYTES_MAX);
        let call = client.connect(ReceiverStream::new(queue));
        let answer = tokio::time::timeout(OPEN_TIMEOUT, call)
            .await
            .map_err(|_| Ended::Lost {
                reason: format!("no answer within {} s", OPEN_TIMEOUT.as_secs()),
            })?;
        let inbound = answer.map_err(|status| ended(&status))?.into_inner();
        Ok(Self { outbound, inbound })
    }

    /// The way out; it can be kept beside [`Session::next`].
    #[must_use]
    pub fn outbound(&self) -> Outbound {
        Outbound(self.outbound.clone())
    }

    /// The next message of the hub; never call it again after it failed.
    ///
    /// # Errors
    /// With the way in which the session ended.
    pub async fn next(&mut self) -> Result<Inbound, Ended> {
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, self.inbound.next()).await;
            let message = match next {
                Err(_) => {
                    return Err(Ended::Lost {
                        reason: format!("silence for {} s", SILENCE_MAX.as_secs()),
                    });
                }
                Ok(None) => {
                    return Err(Ended::Lost {
                        reason: "the hub ended the stream".to_owned(),
                    });
                }
                Ok(Some(Err(status))) => return Err(ended(&status)),
                Ok(Some(Ok(message))) => message.message,
            };
            match message {
                // A message of a later version: its sender knows from Hello that we may not know it.
                None => {}
                Some(Inbound::Close(close)) => return Err(closed(&close)),
                Some(message) => return Ok(message),
            }
        }
    }
}

/// Sends to the hub, in order.
#[derive(Clone, Debug)]
pub struct Outbound(mpsc::Sender<wire::FromSpoke>);

impl Outbound {
    /// Sends one message; false when the session is over, which [`Session::next`] reports.
    pub async fn send(&self, message: wire::from_spoke::Message) -> bool {
        self.0.send(wrap(message)).await.is_ok()
    }
}

fn wrap(message: wire::from_spoke::Message) -> wire::FromSpoke {
    wire::FromSpoke {
        message: Some(message),
    }
}

fn closed(close: &wire::Close) -> Ended {
    let wire::Close {
        reason: _,
        detail,
        retry_after_ms,
    } = close;
    Ended::Closed {
        reason: close.reason(),
        detail: first_line(detail),
        retry_after: (*retry_after_ms > 0)
            .then(|| Duration::from_millis(u64::from(*retry_after_ms))),
    }
}

fn ended(status: &tonic::Status) -> Ended {
    let reason = match first_line(status.message()) {
        empty if empty.is_empty() => status.code().description().to_owned(),
        message => message,
    };
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => Ended::Unauthorized { reason },
        _ => Ended::Lost { reason },
    }
}
