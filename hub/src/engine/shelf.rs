//! Content on its way to the disk: readable at once, durable a moment later.
//!
//! Nothing derived is synced before an offer leaves, so a spoke may ask for content that is not on the disk yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::Digest;
use tokio::sync::watch;

use crate::content::{Content, ContentError};

type Fresh = BTreeMap<Digest, Arc<[u8]>>;

/// Reads content, wherever it is.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    fresh: watch::Receiver<Arc<Fresh>>,
    content: Arc<Content>,
}

impl Shelf {
    /// The bytes with this digest. Blocks.
    pub(crate) fn get(&self, digest: Digest) -> Result<Option<Arc<[u8]>>, ContentError> {
        let fresh = self.fresh.borrow().get(&digest).cloned();
        match fresh {
            Some(bytes) => Ok(Some(bytes)),
            None => self.content.get(digest),
        }
    }
}

/// Takes content in; owned by the loop.
#[derive(Debug)]
pub(crate) struct Shelving {
    fresh: watch::Sender<Arc<Fresh>>,
    content: Arc<Content>,
    /// What is known to be on the disk.
    kept: BTreeSet<Digest>,
}

impl Shelving {
    /// An empty shelf before this store.
    pub(crate) fn new(content: Arc<Content>) -> (Self, Shelf) {
        let (fresh, reader) = watch::channel(Arc::default());
        let shelf = Shelf {
            fresh: reader,
            content: Arc::clone(&content),
        };
        (
            Self {
                fresh,
                content,
                kept: BTreeSet::new(),
            },
            shelf,
        )
    }

    /// Makes content readable; gives back what is still to be written, if anything.
    pub(crate) fn add(&mut self, content: Fresh) -> Option<Writing> {
        let new: Fresh = content
            .into_iter()
            .filter(|(digest, _)| !self.kept.contains(digest))
            .collect();
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

    /// Content reached the disk.
    pub(crate) fn kept(&mut self, digests: BTreeSet<Digest>) {
        let mut fresh = Fresh::clone(&self.fresh.borrow());
        fresh.retain(|digest, _| !digests.contains(digest));
        self.fresh.send_replace(Arc::new(fresh));
        self.kept.extend(digests);
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
