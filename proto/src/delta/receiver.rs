//! The spoke's half: collects pieces, verifies, and refuses in words what is not complete, not
//! newer, not what it claims to be, or not understood.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::diff::apply;
use super::snapshot::Snapshot;
use super::{Approval, Delta, Header, Piece};
use crate::feature;
use crate::ids::{Revision, SourceName, Triple};
use crate::limits;
use crate::policy::Mode;

/// Why a spoke keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The number is not newer than the accepted one.
    Regressed,
    /// The delta does not start from what the spoke holds.
    Gap,
    /// Entries or content do not have the digest that was named.
    BadDigest,
    /// Pieces or content are missing.
    Incomplete,
    /// More than the spoke takes.
    TooLarge,
    /// A feature, or a field of a policy, that this build does not know.
    UnknownFeature,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regressed => "Regressed",
            Self::Gap => "Gap",
            Self::BadDigest => "BadDigest",
            Self::Incomplete => "Incomplete",
            Self::TooLarge => "TooLarge",
            Self::UnknownFeature => "UnknownFeature",
        })
    }
}

/// A refusal, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is refused.
    pub snapshot: Triple,
    /// The kind of reason.
    pub reason: Reason,
    /// One sentence.
    pub detail: String,
}

/// A complete offer whose entries have the digest that it names. Its content is still to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number and digest.
    pub triple: Triple,
    /// The entries.
    pub snapshot: Snapshot,
    /// Whether the offer follows exactly what the spoke holds. Where it does not, the snapshot
    /// is applied and nothing is pruned.
    pub follows_held: bool,
    /// The mode, as the offer said it; `None` where it did not.
    pub mode: Option<Mode>,
    /// Approved removal sets.
    pub approvals: Vec<Approval>,
    /// The commits that the snapshot was resolved from.
    pub stamps: BTreeMap<SourceName, Revision>,
}

/// What a piece led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// More pieces are to come.
    More,
    /// The offer is complete and verified.
    Complete(Box<Verified>),
    /// The offer is refused; the rest of its pieces is ignored.
    Refused(Refusal),
    /// A piece of an offer that was refused already, or whose beginning was lost with a connection.
    Ignored,
}

#[derive(Clone, Debug)]
struct Incoming {
    triple: Triple,
    header: Header,
    next: u32,
    delta: Delta,
}

/// The receiving end of one spoke. It outlives sessions; call [`Receiver::reconnected`] between.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    held: Option<(Triple, Snapshot)>,
    incoming: Option<Incoming>,
    refused: Option<Triple>,
}

impl Receiver {
    /// A receiver that holds what was accepted before, if anything.
    #[must_use]
    pub fn new(held: Option<(Triple, Snapshot)>) -> Self {
        Self {
            held,
            incoming: None,
            refused: None,
        }
    }

    /// What is held.
    #[must_use]
    pub fn held(&self) -> Option<&(Triple, Snapshot)> {
        self.held.as_ref()
    }

    /// Forgets what arrived over a connection that is gone.
    pub fn reconnected(&mut self) {
        self.incoming = None;
        self.refused = None;
    }

    /// A verified snapshot and its content are stored durably: it is held from now on.
    pub fn commit(&mut self, triple: Triple, snapshot: Snapshot) {
        self.held = Some((triple, snapshot));
    }

    /// Takes one piece.
    pub fn piece(&mut self, piece: Piece) -> Received {
        let triple = piece.snapshot;
        let last = piece.last;
        match self.take(piece) {
            Ok(false) if !last => Received::More,
            Ok(true) => Received::Ignored,
            Ok(false) => match self.finish() {
                Ok(verified) => Received::Complete(Box::new(verified)),
                Err(refusal) => self.refuse(refusal),
            },
            Err((reason, detail)) => self.refuse(Refusal {
                snapshot: triple,
                reason,
                detail,
            }),
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Received {
        self.incoming = None;
        self.refused = Some(refusal.snapshot);
        Received::Refused(refusal)
    }

    /// Adds a piece to the incoming offer; true when it belongs to one that is ignored.
    fn take(&mut self, piece: Piece) -> Result<bool, (Reason, String)> {
        if piece.index == 0 {
            let header = piece.header.ok_or_else(|| {
                (
                    Reason::Incomplete,
                    "the first piece has no header".to_owned(),
                )
            })?;
            self.check_header(piece.snapshot, &header)?;
            self.refused = None;
            self.incoming = Some(Incoming {
                triple: piece.snapshot,
                header,
                next: 1,
                delta: piece.part,
            });
            return self.check_size().map(|()| false);
        }
        if self.refused == Some(piece.snapshot) {
            return Ok(true);
        }
        let Some(incoming) = self
            .incoming
            .as_mut()
            .filter(|i| i.triple == piece.snapshot)
        else {
            return Err((
                Reason::Incomplete,
                format!("piece {} came without those before it", piece.index),
            ));
        };
        if piece.index != incoming.next {
            let detail = format!("piece {} came where {} was due", piece.index, incoming.next);
            return Err((Reason::Incomplete, detail));
        }
        incoming.next += 1;
        incoming.delta.set_bundles.extend(piece.part.set_bundles);
        incoming
            .delta
            .removed_bundles
            .extend(piece.part.removed_bundles);
        incoming.delta.set_objects.extend(piece.part.set_objects);
        incoming
            .delta
            .removed_objects
            .extend(piece.part.removed_objects);
        self.check_size().map(|()| false)
    }

    fn check_header(&self, triple: Triple, header: &Header) -> Result<(), (Reason, String)> {
        let unknown: Vec<_> = header
            .required_features
            .iter()
            .filter(|name| !feature::KNOWN.contains(&name.as_str()))
            .map(String::as_str)
            .collect();
        if !unknown.is_empty() {
            let detail = format!("this agent does not know {}", unknown.join(", "));
            return Err((Reason::UnknownFeature, detail));
        }
        let Some((held, _)) = &self.held else {
            return match header.full {
                true => Ok(()),
                false => Err((
                    Reason::Gap,
                    "a change was sent, and nothing is held".to_owned(),
                )),
            };
        };
        if triple.number <= held.number {
            let detail = format!("{} is not newer than {}", triple.number, held.number);
            return Err((Reason::Regressed, detail));
        }
        if !header.full && header.follows != Some(*held) {
            let follows = header
                .follows
                .map_or("nothing".to_owned(), |f| f.to_string());
            let detail = format!("the change starts from {follows}, and {held} is held");
            return Err((Reason::Gap, detail));
        }
        Ok(())
    }

    fn check_size(&self) -> Result<(), (Reason, String)> {
        let entries = self.incoming.as_ref().map_or(0, |incoming| {
            incoming.delta.set_objects.len() + incoming.delta.removed_objects.len()
        });
        // A delta may remove a whole snapshot and set another.
        if entries > 2 * limits::SNAPSHOT_OBJECTS_MAX {
            return Err((Reason::TooLarge, format!("{entries} entries and more")));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Verified, Refusal> {
        let Incoming {
            triple,
            header,
            delta,
            ..
        } = self
            .incoming
            .take()
            .expect("finish follows a piece that was taken");
        let refuse = |reason, detail| Refusal {
            snapshot: triple,
            reason,
            detail,
        };
        let empty = Snapshot::default();
        let base = match &self.held {
            Some((_, held)) if !header.full => held,
            _ => &empty,
        };
        let snapshot = apply(base, &delta).map_err(|gap| refuse(Reason::Gap, gap.to_string()))?;
        let snapshot = snapshot.with_mode(header.mode.unwrap_or_default());
        let digest = snapshot.digest();
        if digest != triple.digest {
            let detail = format!(
                "the entries have digest {}, not {}",
                digest.short(),
                triple.digest.short()
            );
            return Err(refuse(Reason::BadDigest, detail));
        }
        let follows_held = header.follows == self.held.as_ref().map(|(held, _)| *held);
        Ok(Verified {
            triple,
            snapshot,
            follows_held,
            mode: header.mode,
            approvals: header.approvals,
            stamps: header.stamps,
        })
    }
}

/// The digests of a snapshot that are not in `have`.
#[must_use]
pub fn lacking(snapshot: &Snapshot, have: &BTreeSet<crate::Digest>) -> BTreeSet<crate::Digest> {
    snapshot
        .contents()
        .filter(|digest| !have.contains(digest))
        .collect()
}
