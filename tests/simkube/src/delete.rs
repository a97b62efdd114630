//! Owns how objects go away: preconditions, propagation, grace, finalizers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kinds::Served;
use crate::status::{ApiError, Named, Result};
use crate::store::Key;
use crate::world::World;
use crate::write::is_released;
use crate::{clock, object};

pub(crate) const ORPHAN: &str = "orphan";
pub(crate) const FOREGROUND: &str = "foregroundDeletion";

/// What a deletion asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    /// `Orphan`, `Background`, `Foreground`.
    pub(crate) propagation: Option<String>,
    pub(crate) grace_seconds: Option<i64>,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    /// Reads a `DeleteOptions` body and the query parameters that may stand in for it.
    pub(crate) fn read(body: &Value, query: &crate::path::Query) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let conditions = &body["preconditions"];
        let mut propagation = text(&body["propagationPolicy"]);
        if propagation.is_none() && query.has("propagationPolicy") {
            propagation = Some(query.get("propagationPolicy").to_owned());
        }
        let legacy = body["orphanDependents"].as_bool();
        if propagation.is_none() {
            propagation =
                legacy.map(|orphan| if orphan { "Orphan" } else { "Background" }.to_owned());
        }
        if let Some(policy) = &propagation
            && !matches!(policy.as_str(), "Orphan" | "Background" | "Foreground")
        {
            let why = format!(
                "Unsupported value: {policy:?}: supported values: \"Foreground\", \"Background\", \
                 \"Orphan\", \"nil\""
            );
            return Err(ApiError::unsupported_option(
                "DeleteOptions",
                "propagationPolicy",
                why,
            ));
        }
        let all = |values: &Value| object::texts(values).any(|value| value == "All");
        Ok(Self {
            uid: text(&conditions["uid"]),
            resource_version: text(&conditions["resourceVersion"]),
            propagation,
            grace_seconds: body["gracePeriodSeconds"]
                .as_i64()
                .or_else(|| query.get("gracePeriodSeconds").parse().ok()),
            dry_run: all(&body["dryRun"]) || query.get("dryRun") == "All",
        })
    }

    pub(crate) fn background() -> Self {
        Self {
            propagation: Some("Background".to_owned()),
            ..Self::default()
        }
    }
}

/// What became of a deletion.
#[derive(Debug, Clone)]
pub(crate) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Arc<Value>),
    /// The object waits for its finalizers or its grace period.
    Terminating(Arc<Value>),
}

/// Deletes one object.
pub(crate) fn delete(
    world: &mut World,
    served: &Served,
    key: &Key,
    options: &DeleteOptions,
) -> Result<Deleted> {
    let live = Arc::clone(world.get(served, key)?);
    check(served, key, &live, options)?;
    guard(served, key)?;
    let marked = mark(served, &live, options);
    let released = is_released(served, &marked);
    if options.dry_run {
        let marked = Arc::new(marked);
        return Ok(if released {
            Deleted::Gone(marked)
        } else {
            Deleted::Terminating(marked)
        });
    }
    if released {
        let gone = world.store.remove(served.collection(), key);
        return gone
            .map(Deleted::Gone)
            .ok_or_else(|| served.not_found(&key.name));
    }
    if marked == *live {
        return Ok(Deleted::Terminating(live));
    }
    Ok(Deleted::Terminating(
        world.store.put(served.collection(), marked),
    ))
}

/// The object as its deletion marks it.
fn mark(served: &Served, live: &Value, options: &DeleteOptions) -> Value {
    let mut marked = live.clone();
    set_propagation(served, &mut marked, options);
    let grace = grace(served, live, options);
    let granted = live["metadata"]["deletionGracePeriodSeconds"].as_i64();
    let namespace = served.is("", "namespaces");
    let mut set = |field: &str, value: Value| object::set_meta(&mut marked, field, Some(value));
    if !object::is_terminating(live) {
        let end = clock::after(Duration::from_secs(grace.unsigned_abs()));
        set("deletionTimestamp", json!(end));
        if !namespace {
            set("deletionGracePeriodSeconds", json!(grace));
        }
        if object::generation(live) > 0 {
            set("generation", json!(object::generation(live) + 1));
        }
    } else if grace < granted.unwrap_or(0) {
        set("deletionGracePeriodSeconds", json!(grace));
    }
    if namespace {
        object::set_at(&mut marked, "status.phase", json!("Terminating"));
    }
    marked
}

fn check(served: &Served, key: &Key, live: &Value, options: &DeleteOptions) -> Result<()> {
    // The real server names the kind here, not the resource.
    let named = Named {
        resource: served.kind(),
        group: &served.resource.group,
    };
    let fail = |what: &str, wanted: &str, got: &str, happened: &str| {
        let why = format!(
            "the {what} in the precondition ({wanted}) does not match the {what} in record ({got}). \
             The object might have been {happened}"
        );
        Err(ApiError::conflict(named, &key.name, &why))
    };
    let version = object::meta(live, "resourceVersion");
    match (&options.uid, &options.resource_version) {
        (Some(uid), _) if uid != object::uid(live) => {
            fail("UID", uid, object::uid(live), "deleted and then recreated")
        }
        (_, Some(wanted)) if wanted != version => {
            fail("ResourceVersion", wanted, version, "modified")
        }
        _ => Ok(()),
    }
}

/// The namespaces that a cluster cannot be without.
fn guard(served: &Served, key: &Key) -> Result<()> {
    let fixed = matches!(key.name.as_str(), "default" | "kube-system" | "kube-public");
    if served.is("", "namespaces") && fixed {
        return Err(ApiError::forbidden(
            served.named(),
            &key.name,
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}

fn set_propagation(served: &Served, marked: &mut Value, options: &DeleteOptions) {
    let default = if orphans_by_default(served) {
        "Orphan"
    } else {
        "Background"
    };
    let held = |name: &str| object::finalizers(marked).any(|finalizer| finalizer == name);
    let policy = match options.propagation.as_deref() {
        Some(policy) => policy,
        None if held(ORPHAN) => "Orphan",
        None if held(FOREGROUND) => "Foreground",
        None => default,
    };
    let mut finalizers: Vec<String> = object::finalizers(marked)
        .filter(|name| !matches!(*name, ORPHAN | FOREGROUND))
        .map(str::to_owned)
        .collect();
    match policy {
        "Orphan" => finalizers.push(ORPHAN.to_owned()),
        "Foreground" => finalizers.push(FOREGROUND.to_owned()),
        _ => {}
    }
    let value = (!finalizers.is_empty()).then(|| json!(finalizers));
    object::set_meta(marked, "finalizers", value);
}

/// The kinds whose dependents stay when nobody says otherwise.
pub(crate) fn orphans_by_default(served: &Served) -> bool {
    served.is("batch", "jobs") || served.is("", "replicationcontrollers")
}

fn grace(served: &Served, live: &Value, options: &DeleteOptions) -> i64 {
    if !served.is("", "pods") {
        return 0;
    }
    let idle = live["spec"]["nodeName"].is_null()
        || matches!(
            live["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        );
    let usual = live["spec"]["terminationGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(30);
    if idle {
        0
    } else {
        options.grace_seconds.unwrap_or(usual).max(0)
    }
}
