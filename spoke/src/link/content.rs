//! Fetching objects and policies by digest: decoded, verified, and resumed where it broke off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capstan_proto::wire::content_client::ContentClient;
use capstan_proto::{Digest, limits, wire};
use tonic::transport::Channel;

use super::{DECODE_BYTES_MAX, first_line};

/// Longest silence within a fetch; the hub reads from its own disk.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(20);

/// zstd may make incompressible input larger: by 64 bytes and 1/256, after its own bound.
const ENCODED_BYTES_MAX: usize = limits::OBJECT_BYTES_MAX + limits::OBJECT_BYTES_MAX / 256 + 64;

/// Why content is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The call broke off; what arrived is kept, and the next call goes on from there.
    #[error("the hub's answer broke off: {reason}")]
    Broken {
        /// What the connection said.
        reason: String,
    },
    /// What arrived is not what its digest names.
    #[error("content {digest} does not have its digest")]
    BadDigest {
        /// The digest asked for.
        digest: Digest,
    },
    /// More than an object may have.
    #[error("content {digest} is larger than {} bytes", limits::OBJECT_BYTES_MAX)]
    TooLarge {
        /// The digest asked for.
        digest: Digest,
    },
}

/// What one call gave.
#[derive(Debug, Default)]
pub struct FetchedContent {
    /// Complete and verified.
    pub contents: BTreeMap<Digest, Vec<u8>>,
    /// Not readable for this cluster now: await the next offer.
    pub denied: BTreeSet<Digest>,
}

#[derive(Debug, Default)]
struct Partial {
    encoding: i32,
    total: u64,
    bytes: Vec<u8>,
}

/// A fetch that survives broken connections: keep it, and call again with a new channel.
#[derive(Debug, Default)]
pub struct Fetch {
    partial: BTreeMap<Digest, Partial>,
}

impl Fetch {
    /// Asks for `wanted` (at most [`limits::WANTS_MAX`] at once; the rest is left for the next call).
    ///
    /// # Errors
    /// When the call breaks off, or content is not what was asked for. What arrived before is in `into`.
    pub async fn call(
        &mut self,
        channel: Channel,
        wanted: &BTreeSet<Digest>,
        into: &mut FetchedContent,
    ) -> Result<(), FetchError> {
        self.partial.retain(|digest, _| wanted.contains(digest));
        let wants = wanted
            .iter()
            .take(limits::WANTS_MAX)
            .map(|digest| wire::Want {
                digest: digest.as_bytes().to_vec(),
                offset: self.partial.get(digest).map_or(0, Partial::offset),
            })
            .collect();
        let mut client = ContentClient::new(channel).max_decoding_message_size(DECODE_BYTES_MAX);
        let call = client.fetch(wire::FetchRequest { wants });
        let mut stream = tokio::time::timeout(CHUNK_TIMEOUT, call)
            .await
            .map_err(|_| silent())?
            .map_err(|status| broken(&status))?
            .into_inner();
        loop {
            let next = tokio::time::timeout(CHUNK_TIMEOUT, stream.message());
            match next.await.map_err(|_| silent())?.map_err(|s| broken(&s))? {
                None => return Ok(()),
                Some(chunk) => self.take(chunk, wanted, into)?,
            }
        }
    }

    /// Takes one chunk; a complete and verified content goes into `into`.
    fn take(
        &mut self,
        chunk: wire::Chunk,
        wanted: &BTreeSet<Digest>,
        into: &mut FetchedContent,
    ) -> Result<(), FetchError> {
        let unasked = || FetchError::Broken {
            reason: "it contains what was not asked for".to_owned(),
        };
        let digest = Digest::from_slice(&chunk.digest).map_err(|_| unasked())?;
        if !wanted.contains(&digest) {
            return Err(unasked());
        }
        if chunk.denied {
            self.partial.remove(&digest);
            into.denied.insert(digest);
            return Ok(());
        }
        let partial = self.partial.entry(digest).or_default();
        if chunk.offset == 0 || partial.total != chunk.total || partial.encoding != chunk.encoding {
            *partial = Partial {
                encoding: chunk.encoding,
                total: chunk.total,
                bytes: Vec::new(),
            };
        }
        if partial.offset() != chunk.offset {
            self.partial.remove(&digest);
            return Err(FetchError::Broken {
                reason: "a chunk does not follow the one before it".to_owned(),
            });
        }
        let too_large = usize::try_from(chunk.total).map_or(true, |t| t > ENCODED_BYTES_MAX);
        if too_large || partial.bytes.len() + chunk.data.len() > ENCODED_BYTES_MAX {
            self.partial.remove(&digest);
            return Err(FetchError::TooLarge { digest });
        }
        partial.bytes.extend_from_slice(&chunk.data);
        if partial.offset() < chunk.total {
            return Ok(());
        }
        let partial = self.partial.remove(&digest).unwrap_or_default();
        into.contents.insert(digest, partial.decode(digest)?);
        Ok(())
    }
}

impl Partial {
    fn offset(&self) -> u64 {
        u64::try_from(self.bytes.len()).expect("a buffer is shorter than 2^64 bytes")
    }

    /// The decoded bytes, which must have the digest.
    fn decode(self, digest: Digest) -> Result<Vec<u8>, FetchError> {
        let bad = FetchError::BadDigest { digest };
        let bytes = match wire::Encoding::try_from(self.encoding) {
            Ok(wire::Encoding::Identity) => self.bytes,
            Ok(wire::Encoding::Zstd) => {
                zstd::bulk::decompress(&self.bytes, limits::OBJECT_BYTES_MAX)
                    .map_err(|_| bad.clone())?
            }
            Ok(wire::Encoding::Unspecified) | Err(_) => return Err(bad),
        };
        if bytes.len() > limits::OBJECT_BYTES_MAX {
            return Err(FetchError::TooLarge { digest });
        }
        match Digest::of(&bytes) == digest {
            true => Ok(bytes),
            false => Err(bad),
        }
    }
}

fn silent() -> FetchError {
    FetchError::Broken {
        reason: format!("nothing came for {} s", CHUNK_TIMEOUT.as_secs()),
    }
}

fn broken(status: &tonic::Status) -> FetchError {
    FetchError::Broken {
        reason: match first_line(status.message()) {
            empty if empty.is_empty() => status.code().description().to_owned(),
            message => message,
        },
    }
}

#[cfg(test)]
mod tests;
