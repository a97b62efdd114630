//! Wire messages to model types and back, one function a message. What arrives is checked here and
//! nowhere else: a model value cannot be wrong.

pub mod offer;
pub mod state;

use crate::digest::{Digest, DigestError};
use crate::health::{Health, Sync};
use crate::ids::{Generation, Incarnation, NameError, Number, Triple};
use crate::object::{ObjectKey, Parts};
use crate::wire;

/// Why a message of a peer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A digest of another length.
    #[error("{field} is not a digest")]
    Digest {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        source: DigestError,
    },
    /// A name that is none.
    #[error("{field} is not a name")]
    Name {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
    /// An enum value that this build does not know.
    #[error("{field} has the unknown value {value}")]
    Value {
        /// Which field.
        field: &'static str,
        /// The number on the wire.
        value: i32,
    },
    /// More than is allowed.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// Something named twice.
    #[error("{0} is named twice")]
    Twice(&'static str),
}

/// A digest field.
///
/// # Errors
/// When there are not 32 bytes.
pub fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, Malformed> {
    Digest::from_slice(bytes).map_err(|source| Malformed::Digest { field, source })
}

/// A snapshot's number, to the wire.
#[must_use]
pub fn number_to_wire(number: Number) -> wire::Number {
    let Incarnation { counter, random } = number.incarnation;
    wire::Number {
        incarnation: Some(wire::Incarnation { counter, random }),
        generation: number.generation.0,
    }
}

/// A snapshot's number, from the wire.
///
/// # Errors
/// When the incarnation is missing.
pub fn number(number: &wire::Number) -> Result<Number, Malformed> {
    let incarnation = number
        .incarnation
        .as_ref()
        .ok_or(Malformed::Missing("incarnation"))?;
    Ok(Number {
        incarnation: Incarnation {
            counter: incarnation.counter,
            random: incarnation.random,
        },
        generation: Generation(number.generation),
    })
}

/// A triple, to the wire.
#[must_use]
pub fn triple_to_wire(triple: Triple) -> wire::Triple {
    wire::Triple {
        number: Some(number_to_wire(triple.number)),
        digest: triple.digest.as_bytes().to_vec(),
    }
}

/// A triple, from the wire.
///
/// # Errors
/// When the number is missing or the digest is none.
pub fn triple(triple: &wire::Triple) -> Result<Triple, Malformed> {
    Ok(Triple {
        number: number(triple.number.as_ref().ok_or(Malformed::Missing("number"))?)?,
        digest: digest("triple.digest", &triple.digest)?,
    })
}

/// A triple that must be there, from the wire.
///
/// # Errors
/// When it is missing or malformed.
pub fn required_triple(field: Option<&wire::Triple>) -> Result<Triple, Malformed> {
    triple(field.ok_or(Malformed::Missing("snapshot"))?)
}

/// An object key, to the wire.
#[must_use]
pub fn key_to_wire(key: &ObjectKey) -> wire::ObjectKey {
    let Parts {
        group,
        kind,
        namespace,
        name,
    } = Parts::clone(key);
    wire::ObjectKey {
        group,
        kind,
        namespace,
        name,
    }
}

/// An object key, from the wire.
///
/// # Errors
/// When kind or name is empty.
pub fn key(key: &wire::ObjectKey) -> Result<ObjectKey, Malformed> {
    if key.kind.is_empty() {
        return Err(Malformed::Missing("kind"));
    }
    if key.name.is_empty() {
        return Err(Malformed::Missing("name"));
    }
    let wire::ObjectKey {
        group,
        kind,
        namespace,
        name,
    } = key.clone();
    Ok(ObjectKey::new(group, kind, namespace, name))
}

/// A sync word, to the wire.
#[must_use]
pub const fn sync_to_wire(sync: Sync) -> wire::Sync {
    match sync {
        Sync::Synced => wire::Sync::Synced,
        Sync::Applying => wire::Sync::Applying,
        Sync::Drifted => wire::Sync::Drifted,
        Sync::WaitingForDependency => wire::Sync::WaitingForDependency,
        Sync::WaitingForApproval => wire::Sync::WaitingForApproval,
        Sync::WaitingForWindow => wire::Sync::WaitingForWindow,
        Sync::BlockedByBudget => wire::Sync::BlockedByBudget,
        Sync::Held => wire::Sync::Held,
        Sync::Conflict => wire::Sync::Conflict,
        Sync::UpgradeNeeded => wire::Sync::UpgradeNeeded,
        Sync::Failed => wire::Sync::Failed,
        Sync::Unknown => wire::Sync::Unknown,
    }
}

/// A sync word, from the wire. A word from the future is `Unknown`: status must not fail on it.
#[must_use]
pub fn sync(value: i32) -> Sync {
    Sync::ALL
        .iter()
        .copied()
        .find(|sync| sync_to_wire(*sync) as i32 == value)
        .unwrap_or(Sync::Unknown)
}

/// A health word, to the wire.
#[must_use]
pub const fn health_to_wire(health: Health) -> wire::Health {
    match health {
        Health::Healthy => wire::Health::Healthy,
        Health::Progressing => wire::Health::Progressing,
        Health::Degraded => wire::Health::Degraded,
        Health::Suspended => wire::Health::Suspended,
        Health::Missing => wire::Health::Missing,
        Health::Unknown => wire::Health::Unknown,
    }
}

/// A health word, from the wire. A word from the future is `Unknown`.
#[must_use]
pub fn health(value: i32) -> Health {
    Health::ALL
        .iter()
        .copied()
        .find(|health| health_to_wire(*health) as i32 == value)
        .unwrap_or(Health::Unknown)
}

#[cfg(test)]
mod tests;
