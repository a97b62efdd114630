//! From a file's bytes to the ledger's state: what a crash explains is cut, anything else is damage in words. Pure.
//!
//! Only the last frame can be unfinished, because a frame is written only after the one before it was synced. It is cut
//! when it is short, when it is zero, or when a whole disk sector's share of it is zero (the sector was never written).
//! A frame that is complete and wrong was acknowledged and then changed: no crash does that.

use std::collections::BTreeMap;

use super::ModRevision;
use super::codec::{
    self, ALIGNMENT, HEAD_BYTES, HEADER_BYTES, Head, Item, Kind, PAYLOAD_BYTES_MAX, SnapshotEnd,
};
use super::state::State;

/// The smallest unit that a disk writes or loses.
const SECTOR_BYTES: usize = 512;

/// Bytes of a snapshot's frames; small enough to be written in steps, large enough to need few.
const SNAPSHOT_PART_BYTES: usize = PAYLOAD_BYTES_MAX / 4;

/// What was cut from the end of the file: an unfinished write that nobody was told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the unfinished frame began.
    pub offset: u64,
    /// How many bytes it had.
    pub bytes: u64,
}

/// What is wrong with a ledger file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Not the beginning that we write.
    #[error("it does not begin as a ledger of this version does ({found} bytes long)")]
    NotALedger {
        /// The file's length.
        found: u64,
    },
    /// The snapshot at the beginning has no end.
    #[error("its snapshot breaks off at byte {offset}")]
    SnapshotUnfinished {
        /// Where.
        offset: u64,
    },
    /// The snapshot has not what its end says.
    #[error("its snapshot has {found} records where it says {expected}")]
    SnapshotCount {
        /// Counted.
        found: u64,
        /// Said.
        expected: u64,
    },
    /// A frame's head does not verify.
    #[error("the record head at byte {offset} does not match its checksum")]
    Head {
        /// Where.
        offset: u64,
    },
    /// A frame's content does not verify.
    #[error("the record at byte {offset} does not match its checksum")]
    Checksum {
        /// Where.
        offset: u64,
    },
    /// A frame verifies but cannot be read.
    #[error(
        "the record at byte {offset} cannot be understood (was it written by a newer version?)"
    )]
    Content {
        /// Where.
        offset: u64,
    },
    /// Zeros, and then something.
    #[error("a hole of zeros begins at byte {offset}")]
    Hole {
        /// Where.
        offset: u64,
    },
    /// The numbering jumps.
    #[error("the record at byte {offset} has revision {found} where {expected} is due")]
    Sequence {
        /// Where.
        offset: u64,
        /// Found.
        found: ModRevision,
        /// Due.
        expected: ModRevision,
    },
}

/// A recovered ledger.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) state: State,
    /// Bytes of the file that are good; everything behind is to be cut off.
    pub(super) length: u64,
    pub(super) cut: Option<Cut>,
}

/// Reads a whole ledger file.
pub(super) fn recover(bytes: &[u8]) -> Result<Recovered, Damage> {
    if bytes.get(..HEADER_BYTES) != Some(codec::header().as_slice()) {
        return Err(Damage::NotALedger {
            found: bytes.len() as u64,
        });
    }
    let (mut state, mut offset) = snapshot(bytes)?;
    loop {
        match next(bytes, offset)? {
            Next::End => {
                return Ok(Recovered {
                    state,
                    length: offset as u64,
                    cut: None,
                });
            }
            Next::Torn => {
                let cut = Cut {
                    offset: offset as u64,
                    bytes: (bytes.len() - offset) as u64,
                };
                return Ok(Recovered {
                    state,
                    length: offset as u64,
                    cut: Some(cut),
                });
            }
            Next::Frame(head, payload) => {
                commits(&mut state, head.kind, payload, offset as u64)?;
                offset += head.frame_bytes();
            }
        }
    }
}

/// The bytes of a whole file that holds `state` and nothing else, in pieces to be written one after the other.
pub(super) fn snapshot_of(state: &State) -> Vec<Vec<u8>> {
    let mut pieces = vec![codec::header().to_vec()];
    let mut payload = Vec::new();
    let mut items = 0_u64;
    let leases = state.leases.iter().map(|(id, lease)| Item::Lease {
        lease: *id,
        ttl: lease.ttl,
    });
    let entries = state.entries.values().cloned().map(Item::Entry);
    for item in leases.chain(entries) {
        codec::encode_item(&mut payload, &item);
        items += 1;
        if payload.len() >= SNAPSHOT_PART_BYTES {
            pieces.push(framed(Kind::SnapshotPart, &std::mem::take(&mut payload)));
        }
    }
    if !payload.is_empty() {
        pieces.push(framed(Kind::SnapshotPart, &payload));
    }
    let end = SnapshotEnd {
        revision: state.revision,
        items,
    };
    pieces.push(framed(Kind::SnapshotEnd, &codec::encode_end(end)));
    pieces
}

fn framed(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + payload.len() + ALIGNMENT);
    codec::frame(&mut out, kind, payload);
    out
}

/// Reads the snapshot with which every file begins. It was synced before the file got its name, so nothing in it can
/// be unfinished.
fn snapshot(bytes: &[u8]) -> Result<(State, usize), Damage> {
    let mut offset = HEADER_BYTES;
    let mut entries = BTreeMap::new();
    let mut leases = BTreeMap::new();
    loop {
        let at = offset as u64;
        let Next::Frame(head, payload) = next(bytes, offset)? else {
            return Err(Damage::SnapshotUnfinished { offset: at });
        };
        offset += head.frame_bytes();
        match head.kind {
            Kind::SnapshotPart => {
                let items = codec::decode_items(payload).ok_or(Damage::Content { offset: at })?;
                for item in items {
                    match item {
                        Item::Entry(entry) => {
                            entries.insert(entry.key.clone(), entry);
                        }
                        Item::Lease { lease, ttl } => {
                            leases.insert(lease, ttl);
                        }
                    }
                }
            }
            Kind::SnapshotEnd => {
                let end = codec::decode_end(payload).ok_or(Damage::Content { offset: at })?;
                let found = (entries.len() + leases.len()) as u64;
                if found != end.items {
                    return Err(Damage::SnapshotCount {
                        found,
                        expected: end.items,
                    });
                }
                return Ok((State::from_snapshot(end.revision, entries, leases), offset));
            }
            Kind::Commits => return Err(Damage::SnapshotUnfinished { offset: at }),
        }
    }
}

fn commits(state: &mut State, kind: Kind, payload: &[u8], offset: u64) -> Result<(), Damage> {
    let decoded = match kind {
        Kind::Commits => codec::decode_commits(payload),
        Kind::SnapshotPart | Kind::SnapshotEnd => None,
    };
    for commit in decoded.ok_or(Damage::Content { offset })? {
        let expected = state.revision.next();
        if commit.revision != expected {
            return Err(Damage::Sequence {
                offset,
                found: commit.revision,
                expected,
            });
        }
        state.apply(&commit);
    }
    Ok(())
}

/// What stands at an offset.
enum Next<'a> {
    /// Nothing: the file ends here.
    End,
    /// A write that was not finished.
    Torn,
    /// A frame that verifies.
    Frame(Head, &'a [u8]),
}

fn next(bytes: &[u8], offset: usize) -> Result<Next<'_>, Damage> {
    let at = offset as u64;
    let rest = &bytes[offset..];
    if rest.is_empty() {
        return Ok(Next::End);
    }
    let Some(head_bytes) = rest.first_chunk::<HEAD_BYTES>() else {
        return Ok(Next::Torn);
    };
    if head_bytes.iter().all(|byte| *byte == 0) {
        let only_zeros = rest.iter().all(|byte| *byte == 0);
        return if only_zeros {
            Ok(Next::Torn)
        } else {
            Err(Damage::Hole { offset: at })
        };
    }
    let head = Head::decode(head_bytes).ok_or(Damage::Head { offset: at })?;
    let Some(frame) = rest.get(..head.frame_bytes()) else {
        return Ok(Next::Torn);
    };
    let (payload, padding) = frame[HEAD_BYTES..].split_at(head.length);
    if head.verifies(payload) && padding.iter().all(|byte| *byte == 0) {
        return Ok(Next::Frame(head, payload));
    }
    let last = frame.len() == rest.len();
    if last && lost_sector(frame, offset) {
        return Ok(Next::Torn);
    }
    Err(Damage::Checksum { offset: at })
}

/// Whether a whole sector's share of the frame at `offset` is zero.
fn lost_sector(frame: &[u8], offset: usize) -> bool {
    let first = (SECTOR_BYTES - offset % SECTOR_BYTES).min(frame.len());
    let (head, tail) = frame.split_at(first);
    let zero = |share: &[u8]| share.iter().all(|byte| *byte == 0);
    (!head.is_empty() && zero(head)) || tail.chunks(SECTOR_BYTES).any(zero)
}
