//! Bytes of any size in Secrets: compressed, cut into shards, named by their content.
//!
//! A blob never changes: writing it again is harmless, and whoever points to it points to exactly these bytes.

use std::collections::BTreeSet;

use capstan_proto::Digest;
use serde::{Deserialize, Serialize};

use super::secret::{Secret, SecretError, Secrets};

/// Data of one shard, in bytes: a Secret takes 1,048,576 in all, and its own frame needs a few hundred.
pub const SHARD_BYTES: usize = 1_000_000;

/// Uncompressed bytes of one blob: 100,000 objects of 5 KB. A blob that claims more is none of ours.
const BLOB_BYTES_MAX: usize = 512 * 1024 * 1024;

/// zstd's default; higher levels gain a few percent for several times the processor time.
const LEVEL: i32 = 3;

const STATE: &str = "blob";
const KEY: &str = "bytes";

/// Where a blob is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlobRef {
    /// Common beginning of its Secrets' names.
    pub name: String,
    /// How many shards.
    pub shards: u32,
    /// Digest of the compressed bytes.
    pub digest: Digest,
}

impl BlobRef {
    fn shard(&self, index: u32) -> String {
        format!("{}-{index}", self.name)
    }

    /// The names of its Secrets.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.shards).map(|index| self.shard(index))
    }
}

/// Compresses.
#[must_use]
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, LEVEL).expect("compressing memory into memory cannot fail")
}

/// Decompresses; `None` for what [`compress`] did not make, or what is too large.
#[must_use]
pub fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let decoder = zstd::stream::read::Decoder::new(bytes).ok()?;
    let limit = u64::try_from(BLOB_BYTES_MAX).ok()?;
    let mut out = Vec::new();
    decoder.take(limit + 1).read_to_end(&mut out).ok()?;
    (out.len() <= BLOB_BYTES_MAX).then_some(out)
}

/// Writes a blob; all its shards are stored when this returns well.
///
/// # Errors
/// When a shard could not be written.
pub async fn write(secrets: &Secrets, prefix: &str, bytes: &[u8]) -> Result<BlobRef, SecretError> {
    let compressed = compress(bytes);
    let digest = Digest::of(&compressed);
    let shards: Vec<&[u8]> = compressed.chunks(SHARD_BYTES).collect();
    let blob = BlobRef {
        name: format!("{prefix}-{}", &digest.to_string()[..16]),
        shards: u32::try_from(shards.len()).expect("a blob has few shards"),
        digest,
    };
    for (name, shard) in blob.secrets().zip(shards) {
        let mut secret = Secret::state(&name, STATE);
        secret.data.insert(KEY.to_owned(), shard.to_vec());
        match secrets.write(&secret).await {
            Ok(_) => {}
            // It is named by its content: whoever wrote it wrote the same, as long as it still says so.
            Err(SecretError::Conflict { .. }) => {
                let found = secrets.get(&name).await?;
                if found
                    .and_then(|found| found.data.get(KEY).cloned())
                    .as_deref()
                    != Some(shard)
                {
                    return Err(SecretError::Garbled { name });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(blob)
}

/// Reads a blob.
///
/// # Errors
/// When a shard is not there, or the bytes are not those that were written.
pub async fn read(secrets: &Secrets, blob: &BlobRef) -> Result<Vec<u8>, SecretError> {
    let garbled = || SecretError::Garbled {
        name: blob.name.clone(),
    };
    let mut compressed = Vec::new();
    for name in blob.secrets() {
        let shard = secrets.get(&name).await?.ok_or_else(garbled)?;
        compressed.extend_from_slice(shard.data.get(KEY).ok_or_else(garbled)?);
    }
    if Digest::of(&compressed) != blob.digest {
        return Err(garbled());
    }
    decompress(&compressed).ok_or_else(garbled)
}

/// Deletes a blob. Call it only after what does not point to it any more is durable.
///
/// # Errors
/// When a shard may be left; [`sweep`] finds it.
pub async fn delete(secrets: &Secrets, blob: &BlobRef) -> Result<(), SecretError> {
    for name in blob.secrets() {
        secrets.delete(&name).await?;
    }
    Ok(())
}

/// Deletes every blob whose name begins with one of `prefixes` and that is not in `keep`: what a process that was
/// killed left behind.
///
/// # Errors
/// When one could not be deleted; the next start tries again.
pub async fn sweep(
    secrets: &Secrets,
    prefixes: &[&str],
    keep: &BTreeSet<String>,
) -> Result<(), SecretError> {
    for name in secrets.names(STATE).await? {
        let ours = prefixes.iter().any(|prefix| name.starts_with(prefix));
        if ours && !keep.contains(&name) {
            secrets.delete(&name).await?;
        }
    }
    Ok(())
}
