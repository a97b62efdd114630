//! The ledger file's bytes: a header, then frames, each with its length and checksums. Pure.
//!
//! A frame is 16 bytes of head and a payload padded to 16, so a head never crosses a disk sector: after a power cut it
//! is there or it is zero. All numbers are little-endian. One frame holds one group commit, so that a torn frame can
//! only be one that nobody was told about.

use std::sync::Arc;
use std::time::Duration;

use super::{Entry, Key, LeaseId, ModRevision, VALUE_BYTES_MAX};

/// First bytes of the file; the last two are the format's version.
const MAGIC: [u8; 12] = *b"CAPLEDGER\0\0\x01";

/// Bytes before the first frame: the magic and its CRC32C.
pub(super) const HEADER_BYTES: usize = 16;

/// Bytes of a frame before its payload: length, payload checksum, kind, head checksum.
pub(super) const HEAD_BYTES: usize = 16;

/// Frames begin at multiples of this.
pub(super) const ALIGNMENT: usize = 16;

/// Bytes of a payload. A group commit takes new transactions until it has 1 MiB; the last one may add 128 x (8 KiB +
/// 256 B + 16 B) = 1.1 MiB. A lease with 10,000 keys of 256 B that ends at once writes 2.6 MB. 4 MiB holds each.
pub(super) const PAYLOAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Entries and leases of a snapshot.
    SnapshotPart,
    /// The end of the snapshot: its revision and how much it has.
    SnapshotEnd,
    /// Commits after the snapshot.
    Commits,
}

impl Kind {
    fn tag(self) -> u8 {
        match self {
            Self::SnapshotPart => 1,
            Self::SnapshotEnd => 2,
            Self::Commits => 3,
        }
    }

    fn from_tag(tag: u8) -> Option<Self> {
        [Self::SnapshotPart, Self::SnapshotEnd, Self::Commits]
            .into_iter()
            .find(|kind| kind.tag() == tag)
    }
}

/// One durable change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Put {
        key: Key,
        value: Arc<[u8]>,
        lease: Option<LeaseId>,
    },
    Delete {
        key: Key,
    },
    Grant {
        lease: LeaseId,
        ttl: Duration,
    },
    Revoke {
        lease: LeaseId,
    },
}

/// The changes of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) revision: ModRevision,
    pub(super) changes: Vec<Change>,
}

/// One thing in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Entry(Entry),
    Lease { lease: LeaseId, ttl: Duration },
}

/// The end of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SnapshotEnd {
    pub(super) revision: ModRevision,
    pub(super) items: u64,
}

/// The file's first bytes.
pub(super) fn header() -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..12].copy_from_slice(&MAGIC);
    header[12..].copy_from_slice(&crc32c::crc32c(&MAGIC).to_le_bytes());
    header
}

/// A frame's head, read and verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) length: usize,
    checksum: u32,
}

impl Head {
    /// Bytes of the whole frame.
    pub(super) fn frame_bytes(self) -> usize {
        HEAD_BYTES + self.length.next_multiple_of(ALIGNMENT)
    }

    /// Whether `payload` is what was written.
    pub(super) fn verifies(self, payload: &[u8]) -> bool {
        crc32c::crc32c(payload) == self.checksum
    }

    /// Reads a head; `None` when its own checksum does not verify or its fields make no sense.
    pub(super) fn decode(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let mut reader = Reader { bytes };
        let length = reader.u32()? as usize;
        let checksum = reader.u32()?;
        let tag = reader.u32()?;
        let own = reader.u32()?;
        let kind = Kind::from_tag(u8::try_from(tag).ok()?)?;
        let valid = own == crc32c::crc32c(&bytes[..12]) && length <= PAYLOAD_BYTES_MAX;
        valid.then_some(Self {
            kind,
            length,
            checksum,
        })
    }
}

/// Appends a frame to `out`.
pub(super) fn frame(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a payload is at most PAYLOAD_BYTES_MAX");
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    out.extend_from_slice(&u32::from(kind.tag()).to_le_bytes());
    let own = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&own.to_le_bytes());
    out.extend_from_slice(payload);
    out.resize(
        start + HEAD_BYTES + payload.len().next_multiple_of(ALIGNMENT),
        0,
    );
}

/// Appends one commit to a `Commits` payload.
pub(super) fn encode_commit(out: &mut Vec<u8>, commit: &Commit) {
    put_u64(out, commit.revision.0);
    put_u32(out, commit.changes.len());
    for change in &commit.changes {
        match change {
            Change::Put { key, value, lease } => {
                out.push(1);
                put_key(out, key);
                put_u32(out, value.len());
                out.extend_from_slice(value);
                put_u64(out, lease.map_or(0, |lease| lease.0));
            }
            Change::Delete { key } => {
                out.push(2);
                put_key(out, key);
            }
            Change::Grant { lease, ttl } => {
                out.push(3);
                put_lease(out, *lease, *ttl);
            }
            Change::Revoke { lease } => {
                out.push(4);
                put_u64(out, lease.0);
            }
        }
    }
}

/// Reads a `Commits` payload; `None` when it is malformed or something is left over.
pub(super) fn decode_commits(bytes: &[u8]) -> Option<Vec<Commit>> {
    let mut reader = Reader { bytes };
    let mut commits = Vec::new();
    while !reader.bytes.is_empty() {
        let revision = ModRevision(reader.u64()?);
        let count = reader.u32()?;
        let mut changes = Vec::new();
        for _ in 0..count {
            changes.push(reader.change()?);
        }
        commits.push(Commit { revision, changes });
    }
    Some(commits)
}

/// Appends one item to a `SnapshotPart` payload.
pub(super) fn encode_item(out: &mut Vec<u8>, item: &Item) {
    match item {
        Item::Entry(entry) => {
            out.push(1);
            put_key(out, &entry.key);
            put_u32(out, entry.value.len());
            out.extend_from_slice(&entry.value);
            put_u64(out, entry.created.0);
            put_u64(out, entry.modified.0);
            put_u64(out, entry.lease.map_or(0, |lease| lease.0));
        }
        Item::Lease { lease, ttl } => {
            out.push(2);
            put_lease(out, *lease, *ttl);
        }
    }
}

/// Reads a `SnapshotPart` payload.
pub(super) fn decode_items(bytes: &[u8]) -> Option<Vec<Item>> {
    let mut reader = Reader { bytes };
    let mut items = Vec::new();
    while !reader.bytes.is_empty() {
        let item = match reader.u8()? {
            1 => Item::Entry(Entry {
                key: reader.key()?,
                value: reader.value()?,
                created: ModRevision(reader.u64()?),
                modified: ModRevision(reader.u64()?),
                lease: reader.lease()?,
            }),
            2 => Item::Lease {
                lease: reader.lease().flatten()?,
                ttl: reader.ttl()?,
            },
            _ => return None,
        };
        items.push(item);
    }
    Some(items)
}

/// The payload of a `SnapshotEnd`.
pub(super) fn encode_end(end: SnapshotEnd) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, end.revision.0);
    put_u64(&mut out, end.items);
    out
}

/// Reads the payload of a `SnapshotEnd`.
pub(super) fn decode_end(bytes: &[u8]) -> Option<SnapshotEnd> {
    let mut reader = Reader { bytes };
    let end = SnapshotEnd {
        revision: ModRevision(reader.u64()?),
        items: reader.u64()?,
    };
    reader.bytes.is_empty().then_some(end)
}

fn put_u32(out: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).expect("lengths are bounded far below 4 GiB");
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_key(out: &mut Vec<u8>, key: &Key) {
    put_u32(out, key.as_str().len());
    out.extend_from_slice(key.as_str().as_bytes());
}

fn put_lease(out: &mut Vec<u8>, lease: LeaseId, ttl: Duration) {
    put_u64(out, lease.0);
    put_u64(out, u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
}

/// Takes values from the front of a payload.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn key(&mut self) -> Option<Key> {
        let length = self.u32()? as usize;
        Key::try_new(std::str::from_utf8(self.take(length)?).ok()?).ok()
    }

    fn value(&mut self) -> Option<Arc<[u8]>> {
        let length = self.u32()? as usize;
        (length <= VALUE_BYTES_MAX)
            .then(|| self.take(length))
            .flatten()
            .map(Arc::from)
    }

    /// An optional lease: zero is none.
    fn lease(&mut self) -> Option<Option<LeaseId>> {
        self.u64().map(|id| (id != 0).then_some(LeaseId(id)))
    }

    fn ttl(&mut self) -> Option<Duration> {
        self.u64().map(Duration::from_millis)
    }

    fn change(&mut self) -> Option<Change> {
        Some(match self.u8()? {
            1 => Change::Put {
                key: self.key()?,
                value: self.value()?,
                lease: self.lease()?,
            },
            2 => Change::Delete { key: self.key()? },
            3 => Change::Grant {
                lease: self.lease().flatten()?,
                ttl: self.ttl()?,
            },
            4 => Change::Revoke {
                lease: self.lease().flatten()?,
            },
            _ => return None,
        })
    }
}
