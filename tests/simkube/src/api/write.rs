//! Owns create, update, delete and delete-collection.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::read::Scope;
use super::{Call, encode};
use crate::auth::escalation;
use crate::delete::{self, DeleteOptions, Deleted};
use crate::http::body;
use crate::http::reply::Reply;
use crate::status::{ApiError, Cause, Result};
use crate::store::Key;
use crate::world::World;
use crate::{object, write};

/// Adds an object.
pub(super) fn create(call: &Call, bytes: &[u8]) -> Result<Reply> {
    if call.served.resource.namespaced && call.path.namespace.is_empty() {
        return Err(ApiError::method_not_allowed());
    }
    let input = call.input(bytes)?;
    check_named(call, &input.object)?;
    if !object::meta(&input.object, "resourceVersion").is_empty() {
        let message = "resourceVersion should not be set on objects to be created";
        return Err(ApiError::new(500, "", message));
    }
    let writer = call.writer()?;
    let stored = call.app.shared.with(|world| {
        escalation::check(&world.store, &call.user, &call.served, None, &input.object)?;
        write::create(world, &call.served, input.object, &writer)
    })?;
    Ok(encode::object(&call.served, call.form, 201, &stored).warn(&input.warnings))
}

fn check_named(call: &Call, object: &Value) -> Result<()> {
    if !object::name(object).is_empty() || !object::meta(object, "generateName").is_empty() {
        return Ok(());
    }
    let cause = Cause::required("metadata.name", "name or generateName is required");
    Err(ApiError::invalid(
        &call.served.resource.group,
        call.served.kind(),
        "",
        &[cause],
    ))
}

/// Replaces an object, or its status.
pub(super) fn update(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let input = call.input(bytes)?;
    let writer = call.writer()?;
    let key = call.key();
    let (code, stored) = call.app.shared.with(|world| {
        let live = world.store.get(call.served.collection(), &key).cloned();
        escalation::check(
            &world.store,
            &call.user,
            &call.served,
            live.as_deref(),
            &input.object,
        )?;
        if live.is_none() && makes_by_update(call) {
            world.check_namespace(&call.served, &key.namespace, &key.name)?;
            return Ok((
                201,
                write::create(world, &call.served, input.object, &writer)?,
            ));
        }
        Ok::<_, ApiError>((
            200,
            write::update(world, &call.served, &key, input.object, &writer)?,
        ))
    })?;
    Ok(encode::object(&call.served, call.form, code, &stored).warn(&input.warnings))
}

/// The kinds that an update of an absent object makes.
fn makes_by_update(call: &Call) -> bool {
    let kind = call.served.kind();
    call.path.subresource.is_empty()
        && !call.served.resource.custom
        && matches!(
            kind,
            "Lease"
                | "Event"
                | "Endpoints"
                | "LimitRange"
                | "RuntimeClass"
                | "Role"
                | "RoleBinding"
                | "ClusterRole"
                | "ClusterRoleBinding"
                | "APIService"
        )
}

/// Deletes one object.
pub(super) fn delete(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let options = options(call, bytes)?;
    let deleted = call
        .app
        .shared
        .with(|world| delete::delete(world, &call.served, &call.key(), &options))?;
    let defaulted = options.propagation.is_none() && call.served.is("batch", "jobs");
    let warnings = if defaulted {
        vec![JOB_WARNING.to_owned()]
    } else {
        Vec::new()
    };
    let reply = match deleted {
        Deleted::Gone(object) if returns_deleted(call) => {
            encode::object(&call.served, call.form, 200, &object)
        }
        Deleted::Gone(object) => Reply::json(200, &success(call, &object)),
        Deleted::Terminating(object) => encode::object(&call.served, call.form, 200, &object),
    };
    Ok(reply.warn(&warnings))
}

/// The kinds whose deletion answers with the object instead of a Status.
fn returns_deleted(call: &Call) -> bool {
    const PLURALS: &[&str] = &[
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ];
    call.served.resource.group.is_empty() && PLURALS.contains(&call.served.resource.plural.as_str())
}

const JOB_WARNING: &str = "child pods are preserved by default when jobs are deleted; set \
                           propagationPolicy=Background to remove them or set \
                           propagationPolicy=Orphan to suppress this warning";

fn options(call: &Call, bytes: &[u8]) -> Result<DeleteOptions> {
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        body::parse(&call.headers, bytes)?.value
    };
    DeleteOptions::read(&body, &call.target.query)
}

fn success(call: &Call, object: &Value) -> Value {
    let mut details = Map::new();
    details.insert("name".into(), json!(object::name(object)));
    if !call.served.resource.group.is_empty() {
        details.insert("group".into(), json!(call.served.resource.group));
    }
    details.insert("kind".into(), json!(call.served.resource.plural));
    details.insert("uid".into(), json!(object::uid(object)));
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Success", "details": details,
    })
}

/// Deletes every selected object of a collection.
pub(super) fn delete_collection(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let options = options(call, bytes)?;
    let scope = Scope::read(call)?;
    let (objects, revision) = call.app.shared.with(|world| {
        let objects = scope.current(&world.store, call.served.collection());
        let deleted = each(world, call, &objects, &options)?;
        Ok::<_, ApiError>((deleted, world.store.revision()))
    })?;
    let meta = encode::ListMeta {
        revision,
        ..encode::ListMeta::default()
    };
    Ok(encode::list(&call.served, call.form, &objects, &meta))
}

fn each(
    world: &mut World,
    call: &Call,
    objects: &[Arc<Value>],
    options: &DeleteOptions,
) -> Result<Vec<Arc<Value>>> {
    let mut deleted = Vec::new();
    for object in objects {
        match delete::delete(world, &call.served, &Key::of(object), options)? {
            Deleted::Gone(object) | Deleted::Terminating(object) => deleted.push(object),
        }
    }
    Ok(deleted)
}
