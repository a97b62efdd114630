//! Owns the Events that the stand-ins write about what they do, as far as somebody looks for them.

use serde_json::{Value, json};

use crate::store::Key;
use crate::world::World;
use crate::{clock, object, write};

/// What an Event says.
pub(super) struct Note<'a> {
    pub(super) warning: bool,
    pub(super) reason: &'a str,
    pub(super) message: String,
    /// Who says it, such as `deployment-controller`.
    pub(super) source: &'a str,
}

impl<'a> Note<'a> {
    pub(super) fn normal(source: &'a str, reason: &'a str, message: String) -> Self {
        Self {
            warning: false,
            reason,
            message,
            source,
        }
    }

    pub(super) fn warning(source: &'a str, reason: &'a str, message: String) -> Self {
        Self {
            warning: true,
            reason,
            message,
            source,
        }
    }
}

/// Writes an Event about an object. It goes straight into the store: nobody applies Events, so
/// nobody needs to know who owns their fields.
pub(super) fn record(world: &mut World, about: &Value, note: &Note<'_>) {
    let namespace = object::namespace(about);
    let name = format!("{}.{}", object::name(about), write::random_suffix(16));
    if world
        .store
        .get("events", &Key::new(namespace, &name))
        .is_some()
    {
        return;
    }
    let now = clock::now();
    world.store.put(
        "events",
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {
                "name": name, "namespace": namespace,
                "uid": uuid::Uuid::new_v4().to_string(), "creationTimestamp": now,
            },
            "involvedObject": {
                "apiVersion": about["apiVersion"], "kind": about["kind"],
                "namespace": namespace, "name": object::name(about), "uid": object::uid(about),
                "resourceVersion": object::meta(about, "resourceVersion"),
            },
            "reason": note.reason,
            "message": note.message,
            "type": if note.warning { "Warning" } else { "Normal" },
            "source": {"component": note.source},
            "reportingComponent": note.source,
            "reportingInstance": "",
            "firstTimestamp": now, "lastTimestamp": now, "eventTime": null, "count": 1,
        }),
    );
}
