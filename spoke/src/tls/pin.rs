//! The hash of the hub CA's public key, which proves the hub before anything is entrusted to it.

use std::fmt;

use capstan_proto::Digest;

/// What `--ca-pin` carries: SHA-256 of a root's `SubjectPublicKeyInfo`, written `sha256:<64 hexadecimal digits>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(Digest);

/// Why a text is no pin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no pin; write sha256:<64 hexadecimal digits>, as `hub token create` printed it"
)]
pub struct PinError {
    /// The text given.
    pub text: String,
}

impl Pin {
    /// Reads a pin; the prefix may be left out.
    ///
    /// # Errors
    /// When the text is not 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        Digest::parse(digits).map(Self).map_err(|_| PinError {
            text: text.to_owned(),
        })
    }

    /// The pin of a public key.
    #[must_use]
    pub fn of_spki(der: &[u8]) -> Self {
        Self(Digest::of(der))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}
