//! Owns the small subresources: tokens, evictions, namespace finalisation, logs.

use serde_json::{Value, json};

use super::{Call, encode};
use crate::auth::token;
use crate::delete::{self, DeleteOptions};
use crate::http::body;
use crate::http::reply::Reply;
use crate::kinds;
use crate::object;
use crate::status::Result;
use crate::write::{self, is_released};

/// A token of a ServiceAccount.
pub(super) fn token(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let asked = if bytes.is_empty() {
        json!({})
    } else {
        body::parse(&call.headers, bytes)?.value
    };
    let answer = call.app.shared.with(|world| {
        let account = world.get(&call.served, &call.key())?;
        token::request(&call.app.identity, &world.store, account, &asked)
    })?;
    Ok(Reply::json(201, &answer))
}

/// An eviction is a deletion; disruption budgets are not consulted.
pub(super) fn evict(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let asked = body::parse(&call.headers, bytes)?.value;
    let options = DeleteOptions::read(&asked["deleteOptions"], &call.target.query)?;
    call.app
        .shared
        .with(|world| delete::delete(world, &call.served, &call.key(), &options))?;
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(Reply::json(201, &status))
}

/// Sets the finalizers of a namespace's spec; without any, a terminating namespace goes.
pub(super) fn finalize(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let asked = body::parse(&call.headers, bytes)?.value;
    let writer = call.writer()?;
    let key = call.key();
    let stored = call.app.shared.with(|world| {
        let live = world.get(&call.served, &key)?.clone();
        let mut new = kinds::convert(&call.served, &live);
        let finalizers = asked["spec"]["finalizers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        object::set_at(&mut new, "spec.finalizers", Value::Array(finalizers));
        let stored = write::update(world, &call.served, &key, new, &writer)?;
        if !writer.dry_run && object::is_terminating(&stored) && is_released(&call.served, &stored)
        {
            return Ok(world
                .store
                .remove(call.served.collection(), &key)
                .unwrap_or(stored));
        }
        Ok::<_, crate::status::ApiError>(stored)
    })?;
    Ok(encode::object(&call.served, call.form, 200, &stored))
}

/// Simulated containers write nothing.
pub(super) fn log(call: &Call) -> Result<Reply> {
    call.app
        .shared
        .with(|world| world.get(&call.served, &call.key()).cloned())?;
    Ok(Reply::text(200, ""))
}
