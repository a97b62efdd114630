//! SHA-256 digests, and the exact bytes that are hashed.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// Why bytes or text are not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not 32 bytes.
    #[error("a digest has 32 bytes, not {0}")]
    Length(usize),
    /// Not hexadecimal.
    #[error("a digest is written as 64 hexadecimal digits")]
    NotHexadecimal,
}

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Takes 32 bytes as a digest.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a digest from the wire.
    ///
    /// # Errors
    /// When there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, DigestError> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| DigestError::Length(bytes.len()))
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the text has another length or other characters.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(DigestError::NotHexadecimal);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |d: u8| {
                char::from(d)
                    .to_digit(16)
                    .ok_or(DigestError::NotHexadecimal)
            };
            let value = nibble(pair[0])? << 4 | nibble(pair[1])?;
            *byte = u8::try_from(value).map_err(|_| DigestError::NotHexadecimal)?;
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        Self::parse(&text)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

/// Hashes a sequence of fields so that no two different sequences give the same bytes: every
/// field goes in after its length as eight big-endian bytes.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// An empty sequence.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one field.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        let length = u64::try_from(bytes.len()).expect("a slice is shorter than 2^64 bytes");
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Appends one field that is written in pieces.
    pub fn field_of(&mut self, pieces: &[&str]) -> &mut Self {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let length = u64::try_from(length).expect("a text is shorter than 2^64 bytes");
        self.0.update(length.to_be_bytes());
        pieces.iter().for_each(|piece| self.0.update(piece));
        self
    }

    /// The digest of everything appended.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests;
