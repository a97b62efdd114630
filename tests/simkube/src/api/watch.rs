//! Owns watches: where they start, what they say, when they end.
//!
//! A watch keeps no queue. It sleeps until its collection says that something changed and then
//! reads the bounded history from where it stands; when the history no longer reaches that far,
//! it says 410 and ends.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::Call;
use super::encode::{self, Shown};
use super::read::{Scope, bad_version, check_not_future};
use crate::app::{App, stopped};
use crate::http::accept::Form;
use crate::http::reply::Reply;
use crate::kinds::Served;
use crate::object;
use crate::status::{ApiError, Cause, Result};
use crate::store::{Change, ChangeKind};
use crate::table;

/// Chunks that may wait for a slow reader; what comes later waits in the history.
const CHUNKS_MAX: usize = 16;
/// Without `timeoutSeconds` a watch lives between this and twice as long.
const LIFETIME_MIN_S: u64 = 1800;
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// A running watch.
struct Watch {
    app: Arc<App>,
    served: Served,
    form: Form,
    scope: Scope,
    cursor: u64,
    bookmarks: bool,
    /// Whether a Table was already sent with its column definitions.
    headed: bool,
    /// Whether a fault tells every event twice.
    repeat: bool,
    deadline: Instant,
    sender: mpsc::Sender<Bytes>,
}

/// Opens a watch.
pub(super) fn start(call: &Call) -> Result<Reply> {
    let query = &call.target.query;
    let scope = Scope::read(call)?;
    let streaming = query.flag("sendInitialEvents");
    check_streaming(call)?;
    let seconds = query
        .get("timeoutSeconds")
        .parse()
        .ok()
        .filter(|seconds| *seconds > 0);
    let lifetime = Duration::from_secs(
        seconds.unwrap_or_else(|| LIFETIME_MIN_S + rand::random_range(0..LIFETIME_MIN_S)),
    );
    let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
    let version = query.get("resourceVersion");
    let from: u64 = match version {
        "" => 0,
        version => version
            .parse()
            .map_err(|_| ApiError::new(500, "", bad_version(version)))?,
    };
    let collection = call.served.collection().to_owned();
    let (initial, cursor, changed) = call.app.shared.with(|world| {
        let changed = world.store.subscribe(&collection);
        if streaming {
            check_not_future(&world.store, version)?;
        } else if from > 0 {
            world
                .store
                .changes_after(&collection, from)
                .map_err(|expired| ApiError::expired(from, expired.oldest))?;
            return Ok((None, from, changed));
        }
        let wanted = !query.has("sendInitialEvents") || streaming;
        let objects = wanted.then(|| scope.current(&world.store, &collection));
        Ok::<_, ApiError>((objects, world.store.revision(), changed))
    })?;
    let watch = Watch {
        app: Arc::clone(&call.app),
        served: call.served.clone(),
        form: call.form,
        scope,
        cursor,
        bookmarks: query.flag("allowWatchBookmarks"),
        headed: false,
        repeat: call.suffers.repeat,
        deadline: Instant::now() + lifetime,
        sender,
    };
    tokio::spawn(watch.run(initial, streaming, changed));
    Ok(Reply::stream(receiver))
}

/// The rules of `sendInitialEvents`.
fn check_streaming(call: &Call) -> Result<()> {
    let query = &call.target.query;
    let matching = query.get("resourceVersionMatch");
    let (field, why) = match (query.has("sendInitialEvents"), matching) {
        (false, "") => return Ok(()),
        (false, _) => (
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (true, "NotOlderThan") => return Ok(()),
        (true, _) => (
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
    };
    Err(ApiError::invalid(
        "meta.k8s.io",
        "ListOptions",
        "",
        &[Cause::forbidden(field, why)],
    ))
}

impl Watch {
    async fn run(
        mut self,
        initial: Option<Vec<Arc<Value>>>,
        streaming: bool,
        mut changed: watch::Receiver<u64>,
    ) {
        let mut first = Vec::new();
        for object in initial.into_iter().flatten() {
            self.event(&mut first, "ADDED", &object);
        }
        if streaming && self.bookmarks {
            self.bookmark(&mut first, true);
        }
        if !self.send(first).await {
            return;
        }
        let mut stop = self.app.stop.clone();
        let mut drops = self.app.faults.drops();
        let period = self.app.options.bookmark_interval;
        let mut bookmarks = tokio::time::interval_at(Instant::now() + period, period);
        bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            changed.mark_unchanged();
            let (chunk, alive) = self.pending();
            if !self.send(chunk).await || !alive {
                return;
            }
            tokio::select! {
                result = changed.changed() => if result.is_err() { return },
                () = tokio::time::sleep_until(self.deadline) => {
                    let mut chunk = Vec::new();
                    if self.bookmarks {
                        self.bookmark(&mut chunk, false);
                    }
                    self.send(chunk).await;
                    return;
                }
                _ = bookmarks.tick(), if self.bookmarks => {
                    let (mut chunk, alive) = self.pending();
                    self.bookmark(&mut chunk, false);
                    if !self.send(chunk).await || !alive {
                        return;
                    }
                }
                result = drops.changed() => {
                    let hit = result.is_ok() && {
                        let (_, which) = &*drops.borrow_and_update();
                        which.is_empty() || *which == self.served.resource.collection
                    };
                    if hit {
                        return;
                    }
                }
                () = stopped(&mut stop) => return,
                () = self.sender.closed() => return,
            }
        }
    }

    async fn send(&self, chunk: Vec<u8>) -> bool {
        chunk.is_empty() || self.sender.send(Bytes::from(chunk)).await.is_ok()
    }

    /// The events since the cursor, and whether the watch goes on after them.
    fn pending(&mut self) -> (Vec<u8>, bool) {
        let collection = self.served.collection().to_owned();
        let resource = &self.served.resource;
        let (changes, revision, served) = self.app.shared.with(|world| {
            let changes = world.store.changes_after(&collection, self.cursor);
            let served = world.kinds.get(&resource.group, &resource.plural).is_some();
            (changes, world.store.revision(), served)
        });
        let mut chunk = Vec::new();
        let changes = match changes {
            Ok(changes) => changes,
            Err(expired) => {
                let status = ApiError::expired(self.cursor, expired.oldest).to_value();
                line(&mut chunk, "ERROR", &status);
                return (chunk, false);
            }
        };
        for change in &changes {
            self.change(&mut chunk, change);
        }
        self.cursor = self.cursor.max(revision);
        (chunk, served)
    }

    /// What a change looks like to somebody who only sees the selected objects.
    fn change(&mut self, chunk: &mut Vec<u8>, change: &Change) {
        let before = change
            .previous
            .as_ref()
            .is_some_and(|object| self.scope.selects(&change.key, object));
        let after =
            change.kind != ChangeKind::Deleted && self.scope.selects(&change.key, &change.object);
        match (before, after) {
            (false, false) => {}
            (false, true) => self.event(chunk, "ADDED", &change.object),
            (true, true) => self.event(chunk, "MODIFIED", &change.object),
            (true, false) => {
                // The last state that the watcher could see, under the revision of the change.
                let mut last = change.previous.as_deref().cloned().unwrap_or_default();
                object::set_revision(&mut last, change.revision);
                self.event(chunk, "DELETED", &Arc::new(last));
            }
        }
    }

    fn event(&mut self, chunk: &mut Vec<u8>, kind: &str, object: &Arc<Value>) {
        let from = chunk.len();
        let shown = Shown::of(&self.served, object);
        match self.form {
            Form::Object => line(chunk, kind, shown.value()),
            Form::Metadata => line(chunk, kind, &encode::metadata(shown.value())),
            Form::Table => {
                let table = table::render(&self.served, &[shown.value()], !self.headed);
                self.headed = true;
                line(chunk, kind, &table);
            }
        }
        if self.repeat {
            chunk.extend_from_within(from..);
        }
    }

    fn bookmark(&self, chunk: &mut Vec<u8>, initial: bool) {
        let mut metadata = json!({"resourceVersion": self.cursor.to_string()});
        if initial {
            metadata["annotations"] = json!({INITIAL_EVENTS_END: "true"});
        }
        let object = match self.form {
            Form::Object => json!({
                "kind": self.served.kind(),
                "apiVersion": self.served.api_version(),
                "metadata": metadata,
            }),
            Form::Metadata => json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
            }),
            Form::Table => json!({
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": null,
                "rows": [],
            }),
        };
        line(chunk, "BOOKMARK", &object);
    }
}

fn line(chunk: &mut Vec<u8>, kind: &str, object: &Value) {
    chunk.extend_from_slice(b"{\"type\":\"");
    chunk.extend_from_slice(kind.as_bytes());
    chunk.extend_from_slice(b"\",\"object\":");
    serde_json::to_writer(&mut *chunk, object).expect("a vector takes every byte");
    chunk.extend_from_slice(b"}\n");
}
