//! Records about clusters: who they are, what they may, and who talks to them.

use capstan_proto::{ClusterName, Digest};
use serde::{Deserialize, Serialize};

use super::Record;
use crate::ca::{ClusterId, KeyHash, Serial};

/// A certificate that a cluster uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Its serial.
    pub serial: Serial,
    /// The hash of its key.
    pub key: KeyHash,
    /// When it ends, in milliseconds since 1970.
    pub not_after_unix_ms: i64,
}

/// A certificate that was given and not yet used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// What it is.
    pub credential: Credential,
    /// The certificate in DER and base 64, to be given again when the answer was lost.
    pub certificate: String,
}

/// Why a cluster gets no offers although it is enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// Why, in a sentence.
    pub reason: String,
}

/// An enrolled cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Its id.
    pub id: ClusterId,
    /// When it enrolled first, in milliseconds since 1970.
    pub enrolled_unix_ms: i64,
    /// The UID of its `kube-system` namespace.
    pub cluster_uid: String,
    /// The certificate in use.
    pub current: Credential,
    /// The one given after it.
    pub pending: Option<Pending>,
    /// The highest renewal number given.
    pub renewals: u64,
    /// Set while it is quarantined.
    pub quarantine: Option<Quarantine>,
}

impl Record for Registration {
    const KIND: &'static str = "registration";
    const VERSION: u32 = 1;
}

/// From a cluster's id to its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identified {
    /// The name.
    pub name: ClusterName,
}

impl Record for Identified {
    const KIND: &'static str = "identity";
    const VERSION: u32 = 1;
}

/// From the UID of a `kube-system` namespace to the name of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByUid {
    /// The name.
    pub name: ClusterName,
}

impl Record for ByUid {
    const KIND: &'static str = "uid";
    const VERSION: u32 = 1;
}

/// A cluster that may not connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// Its name when it was banned.
    pub name: ClusterName,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
    /// Who banned it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Record for Ban {
    const KIND: &'static str = "ban";
    const VERSION: u32 = 1;
}

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenRight {
    /// Enrol a name that is not enrolled.
    Enrol,
    /// Give the same cluster (by its `kube-system` UID) a new certificate.
    ReEnrol,
    /// Let another cluster take the name; the one before loses it.
    Replace,
}

/// Who used a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenUse {
    /// The hash of the key that was enrolled.
    pub key: KeyHash,
    /// The serial that it got.
    pub serial: Serial,
    /// The certificate in DER and base 64, to be given again when the answer was lost.
    pub certificate: String,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: i64,
}

/// A join token. Its secret half is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// SHA-256 of the secret half.
    pub secret: Digest,
    /// The one name it may enrol.
    pub cluster: ClusterName,
    /// What it may do with that name.
    pub right: TokenRight,
    /// Who made it.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub made_unix_ms: i64,
    /// Its end, in milliseconds since 1970.
    pub expires_unix_ms: i64,
    /// Its one use.
    pub used: Option<TokenUse>,
    /// Attempts with another key after that: each is worth an alert.
    pub refused: u32,
}

impl Record for Token {
    const KIND: &'static str = "token";
    const VERSION: u32 = 1;
}

/// Who holds a cluster's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionOwner {
    /// The agent's process, as it names itself: hexadecimal.
    pub instance: String,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
}

impl Record for SessionOwner {
    const KIND: &'static str = "owner";
    const VERSION: u32 = 1;
}
