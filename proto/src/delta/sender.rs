//! The hub's half of a session's delivery: one target, at most one offer under way.
//!
//! State, not a queue: a newer target replaces the older one while an offer is under way, and is
//! offered once that was answered. Whether a snapshot *may* be sent, and whether it may prune, is
//! decided by the caller.

use std::sync::Arc;

use super::diff::diff;
use super::snapshot::Snapshot;
use super::{Delta, Header, Piece};
use crate::ids::Triple;
use crate::limits;

/// A snapshot to bring to a spoke, with what its offer shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Number and digest.
    pub triple: Triple,
    /// The entries.
    pub snapshot: Arc<Snapshot>,
    /// Header of its offer; `follows`, `full` and `mode` are the sender's and ignored here.
    pub header: Header,
}

/// What a sender knows of what the spoke holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    triple: Triple,
    /// `None` where the hub cannot tell the entries any more: the next offer is a full list.
    snapshot: Option<Arc<Snapshot>>,
}

/// What to tell the spoke now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// Nothing.
    Nothing,
    /// The spoke holds what the target says.
    InSync(Triple),
    /// An offer in pieces.
    Offer(Vec<Piece>),
}

/// The delivery to one spoke over one session.
#[derive(Clone, Debug)]
pub struct Sender {
    held: Option<Held>,
    outstanding: Option<Target>,
    target: Option<Target>,
    refused: Option<Triple>,
}

impl Sender {
    /// A session with a spoke that says it holds `accepted`; `snapshot` are the entries of that
    /// snapshot where the hub knows them.
    #[must_use]
    pub fn new(accepted: Option<Triple>, snapshot: Option<Arc<Snapshot>>) -> Self {
        let held = accepted.map(|triple| {
            let snapshot = snapshot.filter(|snapshot| snapshot.digest() == triple.digest);
            Held { triple, snapshot }
        });
        Self {
            held,
            outstanding: None,
            target: None,
            refused: None,
        }
    }

    /// What the spoke holds, as far as it said.
    #[must_use]
    pub fn held(&self) -> Option<Triple> {
        self.held.as_ref().map(|held| held.triple)
    }

    /// The target, if there is one.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    /// Whether the spoke holds what the target says.
    #[must_use]
    pub fn in_sync(&self) -> bool {
        match (&self.held, &self.target) {
            (Some(held), Some(target)) => held.triple.digest == target.triple.digest,
            _ => false,
        }
    }

    /// The snapshots whose content the spoke may read: accepted, outstanding and latest.
    pub fn readable(&self) -> impl Iterator<Item = &Arc<Snapshot>> {
        let held = self.held.iter().filter_map(|held| held.snapshot.as_ref());
        let offered = self
            .outstanding
            .iter()
            .chain(&self.target)
            .map(|target| &target.snapshot);
        held.chain(offered)
    }

    /// The cluster shall run `target` from now on.
    pub fn aim(&mut self, target: Target) -> Say {
        self.target = Some(target);
        self.next()
    }

    /// The spoke accepted `triple`. An answer to anything but the outstanding offer is ignored.
    pub fn accepted(&mut self, triple: Triple) -> Say {
        match self.outstanding.take_if(|offer| offer.triple == triple) {
            Some(offer) => {
                self.held = Some(Held {
                    triple,
                    snapshot: Some(offer.snapshot),
                });
                self.refused = None;
                self.next()
            }
            None => Say::Nothing,
        }
    }

    /// The spoke refused `triple`. The same offer is not repeated in this session until `retry`;
    /// a newer target is offered at once, as a full list.
    pub fn refused(&mut self, triple: Triple) -> Say {
        if self
            .outstanding
            .take_if(|offer| offer.triple == triple)
            .is_none()
        {
            return Say::Nothing;
        }
        if let Some(held) = &mut self.held {
            held.snapshot = None;
        }
        self.refused = Some(triple);
        self.next()
    }

    /// Offers a refused target again.
    pub fn retry(&mut self) -> Say {
        self.refused = None;
        self.next()
    }

    fn next(&mut self) -> Say {
        let Some(target) = &self.target else {
            return Say::Nothing;
        };
        if self.outstanding.is_some() || self.refused == Some(target.triple) {
            return Say::Nothing;
        }
        if let Some(held) = &mut self.held
            && held.triple.digest == target.triple.digest
        {
            held.snapshot = Some(Arc::clone(&target.snapshot));
            return Say::InSync(held.triple);
        }
        let target = target.clone();
        let pieces = offer(self.held.as_ref(), &target);
        self.outstanding = Some(target);
        Say::Offer(pieces)
    }
}

fn offer(held: Option<&Held>, target: &Target) -> Vec<Piece> {
    let base = held.and_then(|held| held.snapshot.as_deref());
    let delta = diff(base.unwrap_or(&Snapshot::default()), &target.snapshot);
    let header = Header {
        follows: held.map(|held| held.triple),
        full: base.is_none(),
        mode: Some(target.snapshot.mode()),
        ..target.header.clone()
    };
    cut(target.triple, header, delta)
}

/// Cuts an offer into pieces that stay below [`limits::PIECE_BYTES_MAX`] when encoded.
fn cut(snapshot: Triple, header: Header, delta: Delta) -> Vec<Piece> {
    let mut cutter = Cutter {
        parts: vec![Delta::default()],
        bytes: header_bytes(&header),
    };
    for (bundle, digest) in delta.set_bundles {
        let size = size_of_name(bundle.to_string().len()) + DIGEST_BYTES;
        cutter.room_for(size).set_bundles.insert(bundle, digest);
    }
    for (key, entry) in delta.set_objects {
        let size = key_bytes(&key) + size_of_name(entry.bundle.to_string().len()) + DIGEST_BYTES;
        cutter.room_for(size).set_objects.insert(key, entry);
    }
    for key in delta.removed_objects {
        cutter.room_for(key_bytes(&key)).removed_objects.insert(key);
    }
    for bundle in delta.removed_bundles {
        let size = size_of_name(bundle.to_string().len());
        cutter.room_for(size).removed_bundles.insert(bundle);
    }
    let last = cutter.parts.len() - 1;
    let mut header = Some(header);
    cutter
        .parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| Piece {
            snapshot,
            index: u32::try_from(index).expect("fewer pieces than entries, and those are bounded"),
            last: index == last,
            header: header.take(),
            part,
        })
        .collect()
}

/// A protobuf tag and length, a digest, and the entry message's own tag and length.
const DIGEST_BYTES: usize = 2 + 32 + 4;

/// Tag, length and bytes of a text field. Texts here are shorter than 2^14 bytes.
const fn size_of_name(length: usize) -> usize {
    3 + length
}

fn key_bytes(key: &crate::object::ObjectKey) -> usize {
    let texts = [&key.group, &key.kind, &key.namespace, &key.name];
    4 + texts
        .iter()
        .map(|text| size_of_name(text.len()))
        .sum::<usize>()
}

fn header_bytes(header: &Header) -> usize {
    let stamps: usize = header
        .stamps
        .iter()
        .map(|(s, r)| 12 + s.as_str().len() + r.as_str().len())
        .sum();
    let approvals: usize = header.approvals.iter().map(|a| 64 + a.approver.len()).sum();
    let features: usize = header
        .required_features
        .iter()
        .map(|f| size_of_name(f.len()))
        .sum();
    200 + stamps + approvals + features
}

struct Cutter {
    parts: Vec<Delta>,
    bytes: usize,
}

impl Cutter {
    /// The piece that the next entry of `size` bytes goes into.
    fn room_for(&mut self, size: usize) -> &mut Delta {
        // 128 bytes stay free for the piece's own fields: triple, index, last.
        if self.bytes + size + 128 > limits::PIECE_BYTES_MAX {
            self.parts.push(Delta::default());
            self.bytes = 0;
        }
        self.bytes += size;
        self.parts.last_mut().expect("there is always a piece")
    }
}
