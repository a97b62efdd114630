//! Content on its way to the disk: readable at once, durable a moment later.
//!
//! Nothing derived is synced before an offer leaves, so a spoke may ask for content that is not on the disk yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use capstan_proto::Digest;
use tokio::sync::watch;

use crate::content::{Content, ContentError};

type Fresh = BTreeMap<Digest, Arc<[u8]>>;

/// What is known to be on the disk. Shared with the readers, because they are who finds out that it is not.
type Kept = Arc<Mutex<BTreeSet<Digest>>>;

/// Reads content, wherever it is.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    fresh: watch::Receiver<Arc<Fresh>>,
    content: Arc<Content>,
    kept: Kept,
}

impl Shelf {
    /// The bytes with this digest. What is missing or damaged is written again when it is shelved next. Blocks.
    pub(crate) fn get(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, ContentError> {
        let fresh = self.fresh.borrow().get(&digest).cloned();
        if let Some(bytes) = fresh {
            return Ok(Some(bytes));
        }
        let found = self.content.get(digest)?;
        if found.is_none() && locked(&self.kept).remove(&digest) {
            tracing::warn!(%digest, "content was lost from the disk; the next pass writes it again");
        }
        Ok(found)
    }
}

/// Takes content in; owned by the loop.
#[derive(Debug)]
pub(crate) struct Shelving {
    fresh: watch::Sender<Arc<Fresh>>,
    content: Arc<Content>,
    kept: Kept,
}

fn locked(kept: &Kept) -> std::sync::MutexGuard<'_, BTreeSet<Digest>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelving {
    /// An empty shelf before this store.
    pub(crate) fn new(content: Arc<Content>) -> (Self, Shelf) {
        let (fresh, reader) = watch::channel(Arc::default());
        let kept = Kept::default();
        let shelf = Shelf {
            fresh: reader,
            content: Arc::clone(&content),
            kept: Arc::clone(&kept),
        };
        (
            Self {
                fresh,
                content,
                kept,
            },
            shelf,
        )
    }

    /// What is on the disk.
    pub(crate) fn content(&self) -> Arc<Content> {
        Arc::clone(&self.content)
    }

    /// Makes content readable; gives back what is still to be written, if anything.
    pub(crate) fn add(&mut self, content: Fresh) -> Option<Writing> {
        let new: Fresh = {
            let kept = locked(&self.kept);
            let content = content.into_iter();
            content
                .filter(|(digest, _)| !kept.contains(digest))
                .collect()
        };
        if new.is_empty() {
            return None;
        }
        let mut fresh = Fresh::clone(&self.fresh.borrow());
        fresh.extend(new.clone());
        self.fresh.send_replace(Arc::new(fresh));
        Some(Writing {
            bytes: new,
            content: Arc::clone(&self.content),
        })
    }

    /// Gives content up that nobody needs; gives back what removes it.
    pub(crate) fn give_up(&mut self, digests: &BTreeSet<Digest>) -> Arc<Content> {
        // In this order: what is wanted again from now on is written again, and thereby saved.
        self.content.doom(digests);
        locked(&self.kept).retain(|digest| !digests.contains(digest));
        Arc::clone(&self.content)
    }

    /// Content reached the disk.
    pub(crate) fn kept(&mut self, digests: BTreeSet<Digest>) {
        let mut fresh = Fresh::clone(&self.fresh.borrow());
        fresh.retain(|digest, _| !digests.contains(digest));
        self.fresh.send_replace(Arc::new(fresh));
        locked(&self.kept).extend(digests);
    }
}

/// Content to be written beside the loop.
#[derive(Debug)]
pub(crate) struct Writing {
    bytes: Fresh,
    content: Arc<Content>,
}

impl Writing {
    /// Writes it; says what is on the disk now. Blocks.
    pub(crate) fn write(self) -> BTreeSet<Digest> {
        let mut written = BTreeSet::new();
        for (digest, bytes) in &self.bytes {
            match self.content.put(bytes) {
                Ok(_) => {
                    written.insert(*digest);
                }
                Err(error) => {
                    let error = crate::telemetry::chain(&error);
                    tracing::warn!(%digest, error, "content stays in memory, because the disk refuses it");
                }
            }
        }
        written
    }
}

#[cfg(test)]
mod tests;
