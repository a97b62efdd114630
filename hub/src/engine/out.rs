//! The way to one spoke: bounded, never waited for.

use capstan_hub_core::session::{Close, CloseReason};
use capstan_proto::Triple;
use capstan_proto::convert::offer::piece_to_wire;
use capstan_proto::convert::triple_to_wire;
use capstan_proto::delta::Piece;
use capstan_proto::wire;
use capstan_proto::wire::from_hub::Message;
use tokio::sync::mpsc;

/// Messages that may wait for one spoke. A session has one offer under way at most, and levels; a spoke that lets this
/// many pile up does not read, and is dropped.
const WAITING_MAX: usize = 64;

/// Something for a spoke.
#[derive(Debug)]
pub(crate) enum Out {
    /// One message.
    Message(Message),
    /// An offer, turned into messages one by one.
    Offer(Vec<Piece>),
}

impl Out {
    /// The messages, made when they are sent.
    pub(crate) fn messages(self) -> Box<dyn Iterator<Item = wire::FromHub> + Send> {
        let wrap = |message| wire::FromHub {
            message: Some(message),
        };
        match self {
            Self::Message(message) => Box::new(std::iter::once(wrap(message))),
            Self::Offer(pieces) => Box::new(
                pieces
                    .into_iter()
                    .map(move |piece| wrap(Message::OfferPiece(piece_to_wire(&piece)))),
            ),
        }
    }
}

/// Where what a spoke is told is put; dropping it ends the session after what was put before.
#[derive(Debug)]
pub(crate) struct Outbox(mpsc::Sender<Out>);

/// The other end.
pub(crate) type Outgoing = mpsc::Receiver<Out>;

/// The spoke does not read, or is gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled;

impl Outbox {
    /// A way to one spoke.
    pub(crate) fn new() -> (Self, Outgoing) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Puts something in.
    pub(crate) fn put(&self, out: Out) -> Result<(), Stalled> {
        self.0.try_send(out).map_err(|_| Stalled)
    }
}

/// A triple with its receipt, as `InSync`.
pub(crate) fn in_sync(triple: Triple, receipt: Vec<u8>) -> Out {
    Out::Message(Message::InSync(wire::InSync {
        snapshot: Some(triple_to_wire(triple)),
        receipt,
    }))
}

/// A triple with its receipt.
pub(crate) fn receipt(triple: Triple, mac: Vec<u8>) -> Out {
    Out::Message(Message::Receipt(wire::Receipt {
        snapshot: Some(triple_to_wire(triple)),
        mac,
    }))
}

/// The permission to prune by a snapshot.
pub(crate) fn prune_permit(triple: Triple) -> Out {
    Out::Message(Message::PrunePermit(wire::PrunePermit {
        snapshot: Some(triple_to_wire(triple)),
    }))
}

/// Nothing is known.
pub(crate) fn no_opinion(reason: String) -> Out {
    Out::Message(Message::NoOpinion(wire::NoOpinion { reason }))
}

/// The end of a session.
pub(crate) fn close(close: &Close) -> Out {
    let reason = match close.reason {
        CloseReason::ShuttingDown => wire::CloseReason::ShuttingDown,
        CloseReason::Replaced => wire::CloseReason::Replaced,
        CloseReason::Banned => wire::CloseReason::Banned,
        CloseReason::Retired => wire::CloseReason::Retired,
        CloseReason::Expired => wire::CloseReason::Expired,
        CloseReason::Quarantined => wire::CloseReason::Quarantined,
        CloseReason::Protocol => wire::CloseReason::Protocol,
    };
    Out::Message(Message::Close(wire::Close {
        reason: reason.into(),
        detail: close.detail.clone(),
        retry_after_ms: close.retry_after_ms,
    }))
}
