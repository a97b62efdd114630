//! Names and numbers that cannot be wrong: parsed once at the edge, or refused.
//!
//! A name is in many places at once (a bundle on 10,000 clusters), so copies share its text.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Longest DNS-1123 label, in bytes (RFC 1123).
pub const LABEL_BYTES_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// More than 63 bytes.
    #[error("`{name}` is longer than {LABEL_BYTES_MAX} bytes")]
    TooLong {
        /// The text given.
        name: String,
    },
    /// A byte that a DNS-1123 label cannot have at that place.
    #[error("`{name}` must consist of a-z, 0-9 and -, and start and end with a letter or digit")]
    NotALabel {
        /// The text given.
        name: String,
    },
    /// Not `<source>.<name>`.
    #[error("`{name}` must have the form <source>.<name>")]
    NotQualified {
        /// The text given.
        name: String,
    },
    /// Not 40 or 64 lower-case hexadecimal digits.
    #[error("`{name}` is not a full commit id")]
    NotARevision {
        /// The text given.
        name: String,
    },
}

fn check_label(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > LABEL_BYTES_MAX {
        return Err(NameError::TooLong {
            name: name.to_owned(),
        });
    }
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let inner = bytes.iter().all(|&b| alphanumeric(b) || b == b'-');
    let ends = alphanumeric(bytes[0]) && alphanumeric(bytes[bytes.len() - 1]);
    if inner && ends {
        Ok(())
    } else {
        Err(NameError::NotALabel {
            name: name.to_owned(),
        })
    }
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a DNS-1123 label.
            ///
            /// # Errors
            /// When the text is empty, too long, or not a label.
            pub fn try_new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                check_label(&name)?;
                Ok(Self(name.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::try_new(name)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::try_new(name)
            }
        }
    };
}

label! {
    /// A cluster's declared name, unique in the fleet.
    ClusterName
}
label! {
    /// The name of a Git source, given in the hub's configuration.
    SourceName
}

macro_rules! qualified {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            source: SourceName,
            name: Arc<str>,
        }

        impl $name {
            /// The thing called `name` that `source` declares.
            ///
            /// # Errors
            /// When `name` is not a DNS-1123 label, or `<source>.<name>` is longer than a
            /// Kubernetes label value may be (63 bytes).
            pub fn try_new(source: SourceName, name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                check_label(&name)?;
                let name = name.into();
                let qualified = Self { source, name };
                let text = qualified.to_string();
                if text.len() > LABEL_BYTES_MAX {
                    return Err(NameError::TooLong { name: text });
                }
                Ok(qualified)
            }

            /// Parses `<source>.<name>`.
            ///
            /// # Errors
            /// When the text has another form.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let (source, name) = text
                    .split_once('.')
                    .ok_or_else(|| NameError::NotQualified { name: text.to_owned() })?;
                Self::try_new(SourceName::try_new(source)?, name)
            }

            /// The source that declares it.
            #[must_use]
            pub fn source(&self) -> &SourceName {
                &self.source
            }

            /// The name inside its source.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}.{}", self.source, self.name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

qualified! {
    /// A bundle, by the source that declares it: `<source>.<name>`, which is also the value of
    /// the label `capstan.dev/bundle` on its objects.
    BundleName
}
qualified! {
    /// A placement, by the source that declares it: `<source>.<name>`.
    PlacementName
}

/// A full Git commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(Arc<str>);

impl Revision {
    /// Parses a full commit id.
    ///
    /// # Errors
    /// When the text is abbreviated or not hexadecimal.
    pub fn try_new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let hex = text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && (text.len() == 40 || text.len() == 64) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::NotARevision { name: text })
        }
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Revision {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::try_new(text)
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> String {
        revision.as_str().to_owned()
    }
}

/// Which life of the hub's ledger numbered a snapshot.
///
/// It changes only when a ledger is made anew or restored. The counter is
/// `max(previous + 1, seconds since 1970)`, so that a ledger that was lost altogether still numbers
/// above the one before it; the random part tells apart two ledgers with one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// Grows with every incarnation.
    pub counter: u64,
    /// Drawn once.
    pub random: u64,
}

/// Position in the fleet-wide sequence of snapshots; gaps are normal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Generation(pub u64);

/// A snapshot's number; ordered by incarnation, then generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Number {
    /// Which ledger gave the number.
    pub incarnation: Incarnation,
    /// Where it stands in that ledger's sequence.
    pub generation: Generation,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.incarnation.counter, self.generation.0)
    }
}

/// A snapshot, named: its number and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Triple {
    /// When it was resolved, relative to others.
    pub number: Number,
    /// What it says.
    pub digest: Digest,
}

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.number, self.digest.short())
    }
}

#[cfg(test)]
mod tests;
