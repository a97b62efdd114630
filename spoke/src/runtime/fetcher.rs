//! Fetches content beside the owner's loop; what is half there survives a broken connection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use capstan_proto::{Digest, limits};
use capstan_spoke_core::Event;
use tokio::sync::{Mutex, mpsc};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

use super::owner::Input;
use crate::link::{Fetch, FetchError, FetchedContent};
use crate::metrics::Metrics;

/// Calls that may break off in a row before the core is told: the session notices a dead connection by itself.
const BROKEN_MAX: u32 = 3;

/// Before a broken call is made again.
const AGAIN: Duration = Duration::from_millis(200);

/// Fetches for one tenure.
#[derive(Debug)]
pub(super) struct Fetcher {
    state: Arc<Mutex<Fetch>>,
    inputs: mpsc::Sender<Input>,
    metrics: Arc<Metrics>,
    running: Option<AbortOnDropHandle<()>>,
}

impl Fetcher {
    pub(super) fn new(inputs: mpsc::Sender<Input>, metrics: Arc<Metrics>) -> Self {
        Self {
            state: Arc::default(),
            inputs,
            metrics,
            running: None,
        }
    }

    /// Stops what is under way; its end is not told.
    pub(super) fn cancel(&mut self) {
        self.running = None;
    }

    /// Fetches these digests, instead of whatever was under way.
    pub(super) fn start(&mut self, channel: Channel, digests: BTreeSet<Digest>) {
        self.cancel();
        let state = self.state.clone();
        let inputs = self.inputs.clone();
        let metrics = self.metrics.clone();
        self.running = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let (denied, problem) = {
                let mut fetch = state.lock().await;
                fetch_all(&mut fetch, &channel, digests, (&inputs, &metrics)).await
            };
            drop(
                inputs
                    .send(Event::ContentEnded { denied, problem }.into())
                    .await,
            );
        })));
    }
}

async fn fetch_all(
    fetch: &mut Fetch,
    channel: &Channel,
    mut wanted: BTreeSet<Digest>,
    (inputs, metrics): (&mpsc::Sender<Input>, &Metrics),
) -> (BTreeSet<Digest>, Option<String>) {
    let mut denied = BTreeSet::new();
    let mut broken = 0;
    while !wanted.is_empty() {
        let batch: BTreeSet<Digest> = wanted.iter().copied().take(limits::WANTS_MAX).collect();
        let mut got = FetchedContent::default();
        let result = fetch.call(channel.clone(), &batch, &mut got).await;
        let progress = !got.contents.is_empty() || !got.denied.is_empty();
        for (digest, bytes) in got.contents {
            wanted.remove(&digest);
            metrics.contents.inc();
            metrics
                .content_bytes
                .inc_by(u64::try_from(bytes.len()).unwrap_or(0));
            let bytes = Arc::from(bytes);
            drop(inputs.send(Event::Content { digest, bytes }.into()).await);
        }
        for digest in got.denied {
            wanted.remove(&digest);
            denied.insert(digest);
        }
        broken = if progress { 0 } else { broken + 1 };
        match result {
            Err(error @ (FetchError::BadDigest { .. } | FetchError::TooLarge { .. })) => {
                return (denied, Some(error.to_string()));
            }
            Err(error) if broken >= BROKEN_MAX => return (denied, Some(error.to_string())),
            Ok(()) if broken >= BROKEN_MAX => {
                return (
                    denied,
                    Some("the hub leaves out content that was asked for".to_owned()),
                );
            }
            Ok(()) => {}
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
    (denied, None)
}
