//! Where each record lives. A prefix ends in a slash; what follows is a name that cannot hold one.

use capstan_proto::{ClusterName, Digest, Moment, PlacementName};

use super::{
    Approval, AuthorityState, Ban, ByUid, Fleet, Generations, Identified, IncarnationRecord,
    Previous, ReceiptKey, RecordKey, RecordPrefix, Recovering, Registration, RemovalBatch,
    SessionOwner, Token,
};
use crate::ca::ClusterId;
use crate::ledger::Key;

fn key<R>(text: &str) -> RecordKey<R> {
    RecordKey::new(Key::try_new(text).expect("names, ids and digests are short visible ASCII"))
}

/// Who the fleet is.
pub fn fleet() -> RecordKey<Fleet> {
    key("fleet")
}

/// Which life of the ledger this is.
pub fn incarnation() -> RecordKey<IncarnationRecord> {
    key("incarnation")
}

/// Which generations are given.
pub fn generations() -> RecordKey<Generations> {
    key("generations")
}

/// The state of the certificate authority.
pub fn authority() -> RecordKey<AuthorityState> {
    key("authority")
}

/// A cluster's registration.
pub fn registration(name: &ClusterName) -> RecordKey<Registration> {
    key(&format!("clusters/{name}"))
}

/// All registrations, by cluster name.
pub fn registrations() -> RecordPrefix<Registration> {
    RecordPrefix::new("clusters/")
}

/// The name of the cluster with this id.
pub fn identified(id: ClusterId) -> RecordKey<Identified> {
    key(&format!("identities/{id}"))
}

/// The name of the cluster whose `kube-system` namespace has this UID; `None` when the text is no usable UID.
pub fn by_uid(uid: &str) -> Option<RecordKey<ByUid>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let usable = (1..=64).contains(&uid.len()) && uid.bytes().all(plain);
    usable.then(|| key(&format!("uids/{uid}")))
}

/// A cluster's ban.
pub fn ban(id: ClusterId) -> RecordKey<Ban> {
    key(&format!("bans/{id}"))
}

/// All bans, by cluster id.
pub fn bans() -> RecordPrefix<Ban> {
    RecordPrefix::new("bans/")
}

/// A token, by the public half of its text; `None` when that is no token's id.
pub fn token(id: &str) -> Option<RecordKey<Token>> {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let usable = id.len() == 16 && id.bytes().all(hexadecimal);
    usable.then(|| key(&format!("tokens/{id}")))
}

/// All tokens, by id.
pub fn tokens() -> RecordPrefix<Token> {
    RecordPrefix::new("tokens/")
}

/// Who holds a cluster's session; its revision is the session's id.
pub fn owner(name: &ClusterName) -> RecordKey<SessionOwner> {
    key(&format!("owners/{name}"))
}

/// All sessions' holders, by cluster name.
pub fn owners() -> RecordPrefix<SessionOwner> {
    RecordPrefix::new("owners/")
}

/// An approval, by the digest of its removal set.
pub fn approval(set: Digest) -> RecordKey<Approval> {
    key(&format!("approvals/{set}"))
}

/// All approvals, by the digest of their removal sets.
pub fn approvals() -> RecordPrefix<Approval> {
    RecordPrefix::new("approvals/")
}

/// What a placement had decided for a cluster.
pub fn previous(placement: &PlacementName, cluster: &ClusterName) -> RecordKey<Previous> {
    key(&format!("previous/{placement}/{cluster}"))
}

/// What a placement had decided, by cluster name.
pub fn previous_of(placement: &PlacementName) -> RecordPrefix<Previous> {
    RecordPrefix::new(format!("previous/{placement}/"))
}

/// A part of the removal log. Keys sort by time; `part` tells apart those of one moment.
pub fn removals(at: Moment, part: u32) -> RecordKey<RemovalBatch> {
    key(&format!("removals/{:020}-{part:06}", at.unix_ms().max(0)))
}

/// The part of the removal log that a list calls by this name; `None` when it is none of ours.
pub fn removals_named(name: &str) -> Option<RecordKey<RemovalBatch>> {
    let (at, part) = name.split_once('-')?;
    Some(removals(
        Moment::from_unix_ms(at.parse().ok()?),
        part.parse().ok()?,
    ))
}

/// The whole removal log, the oldest first.
pub fn removal_log() -> RecordPrefix<RemovalBatch> {
    RecordPrefix::new("removals/")
}

/// The key with which receipts are made.
pub fn receipts() -> RecordKey<ReceiptKey> {
    key("receipts")
}

/// The mark of a cluster in recovery.
pub fn recovering(name: &ClusterName) -> RecordKey<Recovering> {
    key(&format!("recovering/{name}"))
}

/// All clusters in recovery, by name.
pub fn all_recovering() -> RecordPrefix<Recovering> {
    RecordPrefix::new("recovering/")
}
