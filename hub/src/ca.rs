//! The fleet's certificate authority: who is the hub, who is which cluster, and the rules by which that is renewed.
//!
//! Certificates are ECDSA P-256. A cluster's identity is one URI in its certificate and nothing else; from a signing
//! request only the public key is taken. Time is always an argument. What is remembered about identities lives in the
//! ledger, through [`enrolment`].

use capstan_proto::{Digest, Moment};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod authority;
mod csr;
pub mod enrolment;
mod files;
mod identity;
mod issue;

#[cfg(test)]
pub(crate) mod tests;

pub use authority::{Authority, AuthorityError, MadeAuthority};
pub use csr::{BadRequest, PublicKey};
pub use files::{AuthorityFiles, FilesError};
pub use identity::{BadIdentity, Identity};
pub use issue::{HubName, Issued, ServerCredential};

/// How long a spoke's certificate lives.
pub const SPOKE_LIFE_MS: u64 = 24 * 60 * 60 * 1000;

/// How long the hub's own server certificate lives; renewed at half of it.
pub const SERVER_LIFE_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// How long an issuer lives: five years, less than its root.
pub const ISSUER_LIFE_MS: u64 = 5 * 365 * 24 * 60 * 60 * 1000;

/// How long a root lives: ten years. Its key is used only to make issuers.
pub const ROOT_LIFE_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// Certificates begin this much before they are made: clocks differ, and 5 minutes is what Kerberos allows too.
pub const BACKDATE_MS: u64 = 5 * 60 * 1000;

/// The fleet's own id, made once by `hub init`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FleetId(pub Uuid);

/// A cluster's id; its name is only metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(pub Uuid);

impl std::fmt::Display for FleetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::fmt::Display for ClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Why a text is no id or serial of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}")]
pub struct BadText {
    text: String,
    what: &'static str,
}

macro_rules! as_text {
    ($name:ident, $what:literal, $parse:expr) => {
        impl TryFrom<String> for $name {
            type Error = BadText;
            fn try_from(text: String) -> Result<Self, BadText> {
                let parse: fn(&str) -> Option<Self> = $parse;
                match parse(&text) {
                    Some(parsed) if parsed.to_string() == text => Ok(parsed),
                    _ => Err(BadText { text, what: $what }),
                }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(FleetId, "fleet id", |text| Uuid::try_parse(text)
    .ok()
    .map(FleetId));
as_text!(ClusterId, "cluster id", |text| Uuid::try_parse(text)
    .ok()
    .map(ClusterId));
as_text!(Serial, "serial number", Serial::parse);

/// SHA-256 of a public key's `SubjectPublicKeyInfo` in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyHash(pub Digest);

impl KeyHash {
    /// Hashes a `SubjectPublicKeyInfo`.
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Digest::of(der))
    }
}

impl std::fmt::Display for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What `--ca-pin` carries: the hash of the root's public key, written `sha256:<64 hexadecimal digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub KeyHash);

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

/// A spoke certificate's serial number: eight bytes of renewal number, then eight random ones. The first byte of the
/// renewal number is 0x01, so that the whole is positive and keeps its length in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(pub [u8; 16]);

/// The largest renewal number: seven bytes. One renewal every second for two billion years.
pub const RENEWAL_MAX: u64 = (1 << 56) - 1;

impl Serial {
    /// The serial of renewal `renewal` with this random part.
    pub fn new(renewal: u64, random: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(renewal.min(RENEWAL_MAX) | 1 << 56).to_be_bytes());
        bytes[8..].copy_from_slice(&random.to_be_bytes());
        Self(bytes)
    }

    /// How many times the identity had been renewed when this was issued; the first certificate has 1.
    pub fn renewal(self) -> u64 {
        let mut bytes = [0; 8];
        bytes[1..].copy_from_slice(&self.0[1..8]);
        u64::from_be_bytes(bytes)
    }

    /// Reads a certificate's serial; `None` when we cannot have made it.
    pub fn from_der(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        (bytes[0] == 1).then_some(Self(bytes))
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Self::from_der(&bytes)
    }
}

impl std::fmt::Display for Serial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The time in a certificate, which has whole seconds.
fn asn1_time(moment: Moment) -> time::OffsetDateTime {
    let seconds = moment.unix_ms().div_euclid(1000);
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
