//! Owns the scale subresource.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Call;
use super::patch::Format;
use crate::http::body;
use crate::http::reply::Reply;
use crate::merge::{self, ApplyOptions, UpdateOptions};
use crate::schema::Schema;
use crate::status::{ApiError, Cause, Result};
use crate::write::Writer;
use crate::{clock, errors, kinds, object, schema, write};

pub(super) fn get(call: &Call) -> Result<Reply> {
    let object = call
        .app
        .shared
        .with(|world| world.get(&call.served, &call.key()).cloned())?;
    Ok(Reply::json(200, &scale_of(call, &object)))
}

pub(super) fn update(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let asked = body::parse(&call.headers, bytes)?.value;
    write(call, &|before| owned(call, before, asked.clone()))
}

pub(super) fn patch(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let format = Format::read(call)?;
    let patch = body::parse_yaml(bytes)?.value;
    write(call, &|before| match format {
        Format::Json => {
            let changed = merge::json_patch(before, &patch)
                .map_err(|error| errors::from_engine(error, &call.served, &call.path.name))?;
            owned(call, before, changed)
        }
        Format::Apply => apply(call, before, &patch),
        Format::Merge | Format::Strategic => {
            let mut changed = before.clone();
            merge::json_merge_patch(&mut changed, &patch);
            owned(call, before, changed)
        }
    })
}

fn write(call: &Call, change: &dyn Fn(&Value) -> Result<Value>) -> Result<Reply> {
    let writer = Writer {
        applied: true,
        ..call.writer()?
    };
    let key = call.key();
    let Some(paths) = call.served.version().scale.clone() else {
        return Err(ApiError::no_such_resource());
    };
    let parts: Vec<&str> = paths.spec_replicas.split('.').collect();
    let stored = call.app.shared.with(|world| {
        let live = Arc::clone(world.get(&call.served, &key)?);
        let mut before = scale_of(call, &live);
        before["metadata"]["managedFields"] = json!(merge::scale_from_parent(&live, &parts));
        let scale = change(&before)?;
        let replicas = replicas(&scale)?;
        let mut new = kinds::convert(&call.served, &live);
        for field in ["uid", "resourceVersion"] {
            let given = scale["metadata"].get(field).cloned();
            if given.as_ref().is_some_and(Value::is_string) {
                object::set_meta(&mut new, field, given);
            }
        }
        object::set_at(&mut new, &paths.spec_replicas, json!(replicas));
        let entries = object::items(&scale["metadata"]["managedFields"]).cloned();
        let entries: Vec<Value> = entries.collect();
        merge::scale_to_parent(&mut new, &entries, &call.served.api_version(), &parts);
        write::update(world, &call.served, &key, new, &writer)
    })?;
    Ok(Reply::json(200, &scale_of(call, &stored)))
}

fn replicas(scale: &Value) -> Result<i64> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas >= 0 {
        return Ok(replicas);
    }
    let why = "must be greater than or equal to 0";
    let cause = Cause::invalid("spec.replicas", &json!(replicas), why);
    Err(ApiError::invalid(
        "autoscaling",
        "Scale",
        object::name(scale),
        &[cause],
    ))
}

fn scale_schema() -> &'static Schema {
    schema::builtin("autoscaling", "v1", "Scale").expect("the Scale kind is built in")
}

/// The changed Scale, with the writer among the owners of its replicas.
fn owned(call: &Call, before: &Value, after: Value) -> Result<Value> {
    let options = UpdateOptions {
        manager: &call.manager(),
        api_version: SCALE_VERSION,
        subresource: &call.path.subresource,
        now: &clock::now(),
    };
    Ok(merge::update(scale_schema(), Some(before), after, &options))
}

fn apply(call: &Call, before: &Value, config: &Value) -> Result<Value> {
    let options = ApplyOptions {
        manager: call.target.query.get("fieldManager"),
        force: call.target.query.flag("force"),
        api_version: SCALE_VERSION,
        subresource: &call.path.subresource,
        now: &clock::now(),
    };
    merge::apply(scale_schema(), Some(before), config, &options)
        .map_err(|error| errors::from_engine(error, &call.served, &call.path.name))
}

const SCALE_VERSION: &str = "autoscaling/v1";

/// The Scale that shows an object.
fn scale_of(call: &Call, object: &Value) -> Value {
    let Some(paths) = &call.served.version().scale else {
        return Value::Null;
    };
    let number = |path: &str| object::at(object, path).as_i64().unwrap_or(0);
    let mut metadata = json!({});
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        if let Some(value) = object["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    let spec = match number(&paths.spec_replicas) {
        0 => json!({}),
        replicas => json!({"replicas": replicas}),
    };
    let mut status = json!({"replicas": number(&paths.status_replicas)});
    let selector = match &paths.selector {
        Some(path) => object::at(object, path)
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        None => selector_text(&object["spec"]["selector"]),
    };
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    })
}

/// A selector object as the text that a list takes.
pub(crate) fn selector_text(selector: &Value) -> String {
    let mut parts = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", text(value)));
    }
    for expression in object::items(&selector["matchExpressions"]) {
        let key = text(&expression["key"]);
        let values: Vec<&str> = object::texts(&expression["values"]).collect();
        parts.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key,
        });
    }
    parts.join(",")
}
