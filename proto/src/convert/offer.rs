//! Pieces of offers, refusals and approvals, to the wire and from it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Malformed, digest, key, key_to_wire, required_triple, triple, triple_to_wire};
use crate::delta::receiver::{Reason, Refusal};
use crate::delta::snapshot::Entry;
use crate::delta::{Approval, Delta, Header, Piece};
use crate::ids::{BundleName, Revision, SourceName};
use crate::moment::Moment;
use crate::policy::Mode;
use crate::wire;

/// A piece, to the wire.
#[must_use]
pub fn piece_to_wire(piece: &Piece) -> wire::OfferPiece {
    let bundle_entry = |(bundle, digest): (&BundleName, &crate::Digest)| wire::BundleEntry {
        bundle: bundle.to_string(),
        policy_digest: digest.as_bytes().to_vec(),
    };
    let object_entry = |(key, entry): (&crate::ObjectKey, &Entry)| wire::ObjectEntry {
        key: Some(key_to_wire(key)),
        bundle: entry.bundle.to_string(),
        digest: entry.digest.as_bytes().to_vec(),
    };
    wire::OfferPiece {
        snapshot: Some(triple_to_wire(piece.snapshot)),
        index: piece.index,
        last: piece.last,
        header: piece.header.as_ref().map(header_to_wire),
        set_bundles: piece.part.set_bundles.iter().map(bundle_entry).collect(),
        removed_bundles: piece
            .part
            .removed_bundles
            .iter()
            .map(ToString::to_string)
            .collect(),
        set_objects: piece.part.set_objects.iter().map(object_entry).collect(),
        removed_objects: piece.part.removed_objects.iter().map(key_to_wire).collect(),
    }
}

/// A piece, from the wire.
///
/// # Errors
/// When a name, number or digest is malformed, or a piece names something twice.
pub fn piece(piece: &wire::OfferPiece) -> Result<Piece, Malformed> {
    Ok(Piece {
        snapshot: required_triple(piece.snapshot.as_ref())?,
        index: piece.index,
        last: piece.last,
        header: piece.header.as_ref().map(header).transpose()?,
        part: Delta {
            set_bundles: unique("bundle", piece.set_bundles.iter().map(bundle_entry))?,
            removed_bundles: piece
                .removed_bundles
                .iter()
                .map(|name| bundle_name(name))
                .collect::<Result<_, _>>()?,
            set_objects: unique("object", piece.set_objects.iter().map(object_entry))?,
            removed_objects: piece
                .removed_objects
                .iter()
                .map(key)
                .collect::<Result<_, _>>()?,
        },
    })
}

fn header_to_wire(header: &Header) -> wire::OfferHeader {
    let stamp = |(source, revision): (&SourceName, &Revision)| wire::Stamp {
        source: source.to_string(),
        revision: revision.to_string(),
    };
    wire::OfferHeader {
        follows: header.follows.map(triple_to_wire),
        full: header.full,
        required_features: header.required_features.iter().cloned().collect(),
        approvals: header.approvals.iter().map(approval_to_wire).collect(),
        stamps: header.stamps.iter().map(stamp).collect(),
        mode: mode_to_wire(header.mode).into(),
    }
}

fn header(header: &wire::OfferHeader) -> Result<Header, Malformed> {
    Ok(Header {
        follows: header.follows.as_ref().map(triple).transpose()?,
        full: header.full,
        required_features: header
            .required_features
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>(),
        approvals: header
            .approvals
            .iter()
            .map(approval)
            .collect::<Result<_, _>>()?,
        stamps: unique("stamp", header.stamps.iter().map(stamp))?,
        mode: mode(header.mode)?,
    })
}

const fn mode_to_wire(mode: Option<Mode>) -> wire::ClusterMode {
    match mode {
        None => wire::ClusterMode::Unspecified,
        Some(Mode::Enforce) => wire::ClusterMode::Enforce,
        Some(Mode::Observe) => wire::ClusterMode::Observe,
        Some(Mode::Paused) => wire::ClusterMode::Paused,
        Some(Mode::Release) => wire::ClusterMode::Release,
    }
}

/// A mode that this build does not know is no reason to do anything.
fn mode(value: i32) -> Result<Option<Mode>, Malformed> {
    let mode = wire::ClusterMode::try_from(value).map_err(|_| Malformed::Value {
        field: "mode",
        value,
    })?;
    Ok(match mode {
        wire::ClusterMode::Unspecified => None,
        wire::ClusterMode::Enforce => Some(Mode::Enforce),
        wire::ClusterMode::Observe => Some(Mode::Observe),
        wire::ClusterMode::Paused => Some(Mode::Paused),
        wire::ClusterMode::Release => Some(Mode::Release),
    })
}

fn approval_to_wire(approval: &Approval) -> wire::Approval {
    wire::Approval {
        removal_set: approval.removal_set.as_bytes().to_vec(),
        approver: approval.approver.clone(),
        expires_at_ms: approval.expires_at.unix_ms(),
    }
}

fn approval(approval: &wire::Approval) -> Result<Approval, Malformed> {
    Ok(Approval {
        removal_set: digest("removal_set", &approval.removal_set)?,
        approver: approval.approver.clone(),
        expires_at: Moment::from_unix_ms(approval.expires_at_ms),
    })
}

fn stamp(stamp: &wire::Stamp) -> Result<(SourceName, Revision), Malformed> {
    let named = |field| move |source| Malformed::Name { field, source };
    Ok((
        SourceName::try_new(stamp.source.as_str()).map_err(named("stamp.source"))?,
        Revision::try_new(stamp.revision.as_str()).map_err(named("stamp.revision"))?,
    ))
}

fn bundle_name(name: &str) -> Result<BundleName, Malformed> {
    BundleName::parse(name).map_err(|source| Malformed::Name {
        field: "bundle",
        source,
    })
}

fn bundle_entry(entry: &wire::BundleEntry) -> Result<(BundleName, crate::Digest), Malformed> {
    Ok((
        bundle_name(&entry.bundle)?,
        digest("policy_digest", &entry.policy_digest)?,
    ))
}

fn object_entry(entry: &wire::ObjectEntry) -> Result<(crate::ObjectKey, Entry), Malformed> {
    let object = key(entry.key.as_ref().ok_or(Malformed::Missing("key"))?)?;
    let bundle = bundle_name(&entry.bundle)?;
    Ok((
        object,
        Entry {
            bundle,
            digest: digest("object.digest", &entry.digest)?,
        },
    ))
}

fn unique<K: Ord, V>(
    what: &'static str,
    entries: impl Iterator<Item = Result<(K, V), Malformed>>,
) -> Result<BTreeMap<K, V>, Malformed> {
    let mut map = BTreeMap::new();
    for entry in entries {
        let (key, value) = entry?;
        if map.insert(key, value).is_some() {
            return Err(Malformed::Twice(what));
        }
    }
    Ok(map)
}

/// A refusal, to the wire.
#[must_use]
pub fn refusal_to_wire(refusal: &Refusal) -> wire::Refuse {
    let reason = match refusal.reason {
        Reason::Regressed => wire::RefuseReason::Regressed,
        Reason::Gap => wire::RefuseReason::Gap,
        Reason::BadDigest => wire::RefuseReason::BadDigest,
        Reason::Incomplete => wire::RefuseReason::Incomplete,
        Reason::TooLarge => wire::RefuseReason::TooLarge,
        Reason::UnknownFeature => wire::RefuseReason::UnknownFeature,
    };
    wire::Refuse {
        snapshot: Some(triple_to_wire(refusal.snapshot)),
        reason: reason.into(),
        detail: refusal.detail.clone(),
    }
}

/// A refusal, from the wire.
///
/// # Errors
/// When the snapshot is malformed or the reason unknown.
pub fn refusal(refusal: &wire::Refuse) -> Result<Refusal, Malformed> {
    let reason = match refusal.reason() {
        wire::RefuseReason::Regressed => Reason::Regressed,
        wire::RefuseReason::Gap => Reason::Gap,
        wire::RefuseReason::BadDigest => Reason::BadDigest,
        wire::RefuseReason::Incomplete => Reason::Incomplete,
        wire::RefuseReason::TooLarge => Reason::TooLarge,
        wire::RefuseReason::UnknownFeature => Reason::UnknownFeature,
        wire::RefuseReason::Unspecified => {
            return Err(Malformed::Value {
                field: "reason",
                value: refusal.reason,
            });
        }
    };
    Ok(Refusal {
        snapshot: required_triple(refusal.snapshot.as_ref())?,
        reason,
        detail: refusal.detail.clone(),
    })
}
