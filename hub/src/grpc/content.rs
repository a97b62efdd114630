//! `Content.Fetch`: objects and policies by digest, for the one cluster that the certificate names.

use std::collections::BTreeSet;
use std::sync::Arc;

use capstan_proto::wire::content_server::Content;
use capstan_proto::wire::{Chunk, Encoding, FetchRequest, Want};
use capstan_proto::{ClusterName, Digest, convert, limits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::session::peer;
use super::{Shared, status};
use crate::clock;
use crate::engine::event::Event;

/// Chunks between us and HTTP/2's own window: 4 x 32 KiB.
const READY_MAX: usize = 4;

/// Content shorter than this is not compressed: a frame's own 20 bytes would eat the gain.
const COMPRESS_BYTES_MIN: usize = 256;

/// zstd's level; 3 is its own default, and the same everywhere, so that an interrupted transfer can go on.
const LEVEL: i32 = 3;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    shared: Shared,
    room: Arc<Semaphore>,
}

/// One wanted piece of content.
struct Wanted {
    digest: Digest,
    offset: u64,
    readable: bool,
}

impl Service {
    pub(crate) fn new(shared: Shared, room: usize) -> Self {
        Self {
            shared,
            room: Arc::new(Semaphore::new(room)),
        }
    }

    /// The digests that a cluster may read now.
    async fn readable(&self, cluster: ClusterName) -> Result<BTreeSet<Digest>, Status> {
        let (reply, answer) = oneshot::channel();
        let event = Event::Readable { cluster, reply };
        self.shared
            .events
            .send(event)
            .await
            .map_err(|_| status::stopping())?;
        let snapshots = answer.await.map_err(|_| status::stopping())?;
        Ok(snapshots
            .iter()
            .flat_map(|snapshot| snapshot.contents())
            .collect())
    }
}

#[tonic::async_trait]
impl Content for Service {
    type FetchStream = ReceiverStream<Result<Chunk, Status>>;

    async fn fetch(
        &self,
        request: Request<FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let identity = peer(&request)?
            .identity
            .ok_or_else(status::no_certificate)?;
        let admission = self.shared.enrolment.admit(&identity, clock::now()).await;
        let admitted = admission
            .map_err(|failure| status::bookkeeping(&failure))?
            .map_err(|refusal| status::refused(&refusal))?;
        let FetchRequest { wants } = request.into_inner();
        if wants.len() > limits::WANTS_MAX {
            return Err(status::invalid(format!(
                "more than {} digests",
                limits::WANTS_MAX
            )));
        }
        let permit = Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(|_| status::busy("too many transfers (try again)"))?;
        let readable = self.readable(admitted.name).await?;
        let wanted = wants
            .iter()
            .map(|Want { digest, offset }| {
                let digest = convert::digest("digest", digest)
                    .map_err(|error| status::invalid(error.to_string()))?;
                let readable = readable.contains(&digest);
                Ok(Wanted {
                    digest,
                    offset: *offset,
                    readable,
                })
            })
            .collect::<Result<Vec<_>, Status>>()?;
        let (sending, stream) = mpsc::channel(READY_MAX);
        tokio::spawn(send(self.shared.clone(), wanted, sending, permit));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn send(
    shared: Shared,
    wanted: Vec<Wanted>,
    sending: mpsc::Sender<Result<Chunk, Status>>,
    permit: OwnedSemaphorePermit,
) {
    for Wanted {
        digest,
        offset,
        readable,
    } in wanted
    {
        let shelf = shared.shelf.clone();
        let encoding = tokio::task::spawn_blocking(move || match readable {
            true => shelf
                .get(digest)
                .map(|found| found.map(|bytes| encode(&bytes))),
            false => Ok(None),
        });
        let encoded = match encoding.await {
            Ok(Ok(encoded)) => encoded,
            Ok(Err(error)) => {
                drop(sending.send(Err(status::failed(&error))).await);
                return;
            }
            Err(error) => {
                drop(sending.send(Err(status::failed(&error))).await);
                return;
            }
        };
        let chunks = match encoded {
            Some((encoding, bytes)) => {
                shared.metrics.objects_sent.inc();
                let sent = (bytes.len() as u64).saturating_sub(offset);
                shared.metrics.content_bytes_sent.inc_by(sent);
                chunks(digest, encoding, &bytes, offset)
            }
            None => vec![denied(digest)],
        };
        for chunk in chunks {
            if sending.send(Ok(chunk)).await.is_err() {
                return;
            }
        }
    }
    drop(permit);
}

fn encode(bytes: &[u8]) -> (Encoding, Vec<u8>) {
    if bytes.len() >= COMPRESS_BYTES_MIN
        && let Ok(compressed) = zstd::bulk::compress(bytes, LEVEL)
        && compressed.len() < bytes.len()
    {
        return (Encoding::Zstd, compressed);
    }
    (Encoding::Identity, bytes.to_vec())
}

/// The encoded bytes from an offset on, in pieces; at least one, so that the total is said.
fn chunks(digest: Digest, encoding: Encoding, bytes: &[u8], offset: u64) -> Vec<Chunk> {
    let start = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(bytes.len());
    let chunk = |offset: usize, data: &[u8]| Chunk {
        digest: digest.as_bytes().to_vec(),
        encoding: encoding.into(),
        offset: offset as u64,
        total: bytes.len() as u64,
        data: data.to_vec(),
        denied: false,
    };
    let rest = &bytes[start..];
    if rest.is_empty() {
        return vec![chunk(start, rest)];
    }
    rest.chunks(limits::CHUNK_BYTES_MAX)
        .enumerate()
        .map(|(index, data)| chunk(start + index * limits::CHUNK_BYTES_MAX, data))
        .collect()
}

fn denied(digest: Digest) -> Chunk {
    Chunk {
        digest: digest.as_bytes().to_vec(),
        denied: true,
        ..Chunk::default()
    }
}

#[cfg(test)]
mod tests;
