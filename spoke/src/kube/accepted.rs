//! The accepted snapshot in the cluster: packs of content first, the list of entries, the head pointer last.
//!
//! Contents are appended in packs, so that one changed object writes one small pack; when packs become many or mostly
//! dead, the next store writes one that holds everything. Nothing is deleted before a head that does not need it
//! is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{Digest, Snapshot, Triple};
use capstan_spoke_core::effect::Store;
use capstan_spoke_core::head::{Head, snapshot_from_bytes, snapshot_to_bytes};
use serde::{Deserialize, Serialize};

use super::blob::{self, BlobRef};
use super::secret::{Secret, SecretError, Secrets};

/// The head pointer's name.
pub const HEAD: &str = "capstan-spoke-head";

const PACK: &str = "capstan-spoke-pack";
const ENTRIES: &str = "capstan-spoke-entries";

/// Packs that may be live at once. Reading them all at a start costs one request each: 16 are one round of calls.
const PACKS_MAX: usize = 16;

/// What the head's Secret says besides the head.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Index {
    entries: BlobRef,
    packs: Vec<BlobRef>,
}

#[derive(Clone, Debug)]
struct Pack {
    blob: BlobRef,
    digests: BTreeSet<Digest>,
}

/// What was found in the cluster.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The head pointer.
    pub head: Option<Head>,
    /// Its entries.
    pub snapshot: Option<Snapshot>,
    /// Contents, verified.
    pub contents: BTreeMap<Digest, Arc<[u8]>>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

/// The stored state of one cluster. One owner; it remembers versions and packs between writes.
#[derive(Debug)]
pub struct Accepted {
    secrets: Secrets,
    version: Option<String>,
    /// What the stored head names; content that is lacking there is mended in parts.
    held: Option<Triple>,
    entries: Option<BlobRef>,
    packs: Vec<Pack>,
    /// What no head needs any more.
    dead: Vec<BlobRef>,
}

impl Accepted {
    /// Reads what is stored. What cannot be read is lacking in the result, and said.
    ///
    /// # Errors
    /// When the API server does not answer: that is no empty state.
    pub async fn load(secrets: Secrets) -> Result<(Self, Loaded), SecretError> {
        let mut accepted = Self {
            secrets,
            version: None,
            held: None,
            entries: None,
            packs: Vec::new(),
            dead: Vec::new(),
        };
        let mut loaded = Loaded::default();
        let Some(secret) = accepted.secrets.get(HEAD).await? else {
            return Ok((accepted, loaded));
        };
        accepted.version.clone_from(&secret.version);
        let index = secret.data.get("index");
        let index = index.and_then(|bytes| serde_json::from_slice::<Index>(bytes).ok());
        let head = secret.data.get("head").map(|bytes| Head::from_bytes(bytes));
        let (Some(index), Some(Ok(head))) = (index, head) else {
            loaded
                .problems
                .push("the head pointer cannot be read".to_owned());
            return Ok((accepted, loaded));
        };
        accepted.load_packs(&index.packs, &mut loaded).await?;
        match accepted.load_entries(&index.entries, &head).await? {
            Some(snapshot) => {
                accepted.entries = Some(index.entries);
                accepted.held = Some(head.triple);
                loaded.snapshot = Some(snapshot);
                loaded.head = Some(head);
            }
            None => loaded
                .problems
                .push("the list of entries cannot be read".to_owned()),
        }
        Ok((accepted, loaded))
    }

    async fn load_packs(
        &mut self,
        packs: &[BlobRef],
        loaded: &mut Loaded,
    ) -> Result<(), SecretError> {
        for blob in packs {
            let bytes = match blob::read(&self.secrets, blob).await {
                Ok(bytes) => bytes,
                Err(SecretError::Garbled { name }) => {
                    loaded
                        .problems
                        .push(format!("the pack {name} cannot be read"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(contents) = unpack(&bytes) else {
                loaded
                    .problems
                    .push(format!("the pack {} cannot be read", blob.name));
                continue;
            };
            self.packs.push(Pack {
                blob: blob.clone(),
                digests: contents.keys().copied().collect(),
            });
            loaded.contents.extend(contents);
        }
        Ok(())
    }

    async fn load_entries(
        &self,
        entries: &BlobRef,
        head: &Head,
    ) -> Result<Option<Snapshot>, SecretError> {
        let bytes = match blob::read(&self.secrets, entries).await {
            Ok(bytes) => bytes,
            Err(SecretError::Garbled { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let snapshot = snapshot_from_bytes(&bytes).ok();
        Ok(snapshot.filter(|snapshot| snapshot.digest() == head.triple.digest))
    }

    /// Makes a snapshot durable.
    ///
    /// # Errors
    /// When it is not; what was stored before still counts.
    pub async fn store(&mut self, store: &Store) -> Result<(), SecretError> {
        let wanted: BTreeSet<Digest> = store.snapshot.contents().collect();
        let entry_bytes = snapshot_to_bytes(&store.snapshot);
        let (pack, entries) = tokio::join!(
            self.new_pack(&store.contents, &wanted),
            blob::write(&self.secrets, ENTRIES, &entry_bytes),
        );
        let (pack, entries) = (pack?, entries?);
        let mut packs = match &pack {
            NewPack::Nothing => self.packs.clone(),
            NewPack::Added(pack) => self.packs.iter().chain([pack]).cloned().collect(),
            NewPack::Instead(pack) => vec![pack.clone()],
        };
        packs.retain(|pack| !pack.digests.is_disjoint(&wanted));
        if self.held != Some(store.head.triple) {
            check_complete(&wanted, &packs)?;
        }
        self.write_head(&store.head, &entries, &packs).await?;
        let live: BTreeSet<BlobRef> = packs.iter().map(|pack| pack.blob.clone()).collect();
        let old_packs = self.packs.drain(..).map(|pack| pack.blob);
        let old = old_packs.chain(self.entries.take());
        self.dead
            .extend(old.filter(|blob| !live.contains(blob) && *blob != entries));
        self.dead
            .retain(|blob| !live.contains(blob) && *blob != entries);
        self.entries = Some(entries);
        self.packs = packs;
        self.held = Some(store.head.triple);
        Ok(())
    }

    /// Writes the head alone.
    ///
    /// # Errors
    /// When nothing was stored before, or the write fails.
    pub async fn store_head(&mut self, head: &Head) -> Result<(), SecretError> {
        let Some(entries) = self.entries.clone() else {
            return Ok(());
        };
        let packs = self.packs.clone();
        self.write_head(head, &entries, &packs).await
    }

    async fn write_head(
        &mut self,
        head: &Head,
        entries: &BlobRef,
        packs: &[Pack],
    ) -> Result<(), SecretError> {
        let index = Index {
            entries: entries.clone(),
            packs: packs.iter().map(|pack| pack.blob.clone()).collect(),
        };
        let index = serde_json::to_vec(&index).expect("an index has only text keys");
        let mut secret = Secret::state(HEAD, "head");
        secret.data.insert("head".to_owned(), head.to_bytes());
        secret.data.insert("index".to_owned(), index);
        secret.version.clone_from(&self.version);
        self.version = Some(self.secrets.write(&secret).await?);
        Ok(())
    }

    /// Deletes what the head does not need any more; best effort, after [`Accepted::store`].
    ///
    /// # Errors
    /// When something is left; [`Accepted::sweep`] finds it.
    pub async fn tidy(&mut self) -> Result<(), SecretError> {
        while let Some(blob) = self.dead.last() {
            blob::delete(&self.secrets, blob).await?;
            self.dead.pop();
        }
        Ok(())
    }

    /// Deletes what a process that was killed left behind; once, at the start.
    ///
    /// # Errors
    /// When something is left; the next start tries again.
    pub async fn sweep(&self) -> Result<(), SecretError> {
        if self.entries.is_none() {
            // Without a head that can be read nothing is known to be dead.
            return Ok(());
        }
        let live = self
            .packs
            .iter()
            .map(|pack| &pack.blob)
            .chain(&self.entries);
        let keep = live.flat_map(BlobRef::secrets).collect();
        blob::sweep(&self.secrets, &[PACK, ENTRIES], &keep).await
    }

    /// Whether one pack with everything is better than one more.
    fn crowded(&self, wanted: &BTreeSet<Digest>) -> bool {
        let stored: usize = self.packs.iter().map(|pack| pack.digests.len()).sum();
        self.packs.len() >= PACKS_MAX || stored > 2 * wanted.len().max(64)
    }

    async fn new_pack(
        &self,
        contents: &BTreeMap<Digest, Arc<[u8]>>,
        wanted: &BTreeSet<Digest>,
    ) -> Result<NewPack, SecretError> {
        if contents.is_empty() {
            return Ok(NewPack::Nothing);
        }
        if !self.crowded(wanted) {
            return Ok(NewPack::Added(self.write_pack(contents).await?));
        }
        let mut all = contents.clone();
        for pack in &self.packs {
            let bytes = blob::read(&self.secrets, &pack.blob).await?;
            let old = unpack(&bytes).ok_or_else(|| SecretError::Garbled {
                name: pack.blob.name.clone(),
            })?;
            all.extend(
                old.into_iter()
                    .filter(|(digest, _)| wanted.contains(digest)),
            );
        }
        Ok(NewPack::Instead(self.write_pack(&all).await?))
    }

    async fn write_pack(
        &self,
        contents: &BTreeMap<Digest, Arc<[u8]>>,
    ) -> Result<Pack, SecretError> {
        Ok(Pack {
            blob: blob::write(&self.secrets, PACK, &pack(contents)).await?,
            digests: contents.keys().copied().collect(),
        })
    }
}

/// A head is written only where all that its snapshot names can be read after a restart.
fn check_complete(wanted: &BTreeSet<Digest>, packs: &[Pack]) -> Result<(), SecretError> {
    let is_packed = |digest: &Digest| packs.iter().any(|pack| pack.digests.contains(digest));
    match wanted.iter().filter(|digest| !is_packed(digest)).count() {
        0 => Ok(()),
        lacking => Err(SecretError::Lacking { lacking }),
    }
}

enum NewPack {
    Nothing,
    Added(Pack),
    Instead(Pack),
}

/// Contents one after the other, each after its length as eight big-endian bytes; their digests follow from them.
fn pack(contents: &BTreeMap<Digest, Arc<[u8]>>) -> Vec<u8> {
    let mut out = Vec::new();
    for bytes in contents.values() {
        let length = u64::try_from(bytes.len()).expect("a slice is shorter than 2^64 bytes");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

/// Reads [`pack`]; the digests are computed anew, so that what is read is verified.
fn unpack(mut bytes: &[u8]) -> Option<BTreeMap<Digest, Arc<[u8]>>> {
    let mut contents = BTreeMap::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let content = rest.get(..length)?;
        contents.insert(Digest::of(content), Arc::from(content));
        bytes = &rest[length..];
    }
    bytes.is_empty().then_some(contents)
}

#[cfg(test)]
mod tests;
