//! Owns the four patch formats of an object: JSON, merge, strategic merge, apply.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Call, encode};
use crate::auth::escalation;
use crate::http::body;
use crate::http::reply::Reply;
use crate::merge::{self, ApplyOptions};
use crate::status::{ApiError, Cause, Named, Result};
use crate::world::World;
use crate::{clock, errors, kinds, object, write};

/// How a patch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Format {
    pub(super) fn read(call: &Call) -> Result<Self> {
        let custom = call.served.resource.custom;
        let media = body::media_type(&call.headers);
        match media.as_str() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" if !custom => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            _ if custom => Err(ApiError::unsupported_media_type(
                &media,
                &[
                    "application/json-patch+json",
                    "application/merge-patch+json",
                    "application/apply-patch+yaml",
                ],
            )),
            _ => {
                let message = "415: Unsupported Media Type";
                Err(ApiError::new(415, "UnsupportedMediaType", message).with_details(json!({})))
            }
        }
    }
}

/// Patches an object, or its status.
pub(super) fn patch(call: &Call, bytes: &[u8]) -> Result<Reply> {
    match Format::read(call)? {
        Format::Apply => apply(call, bytes),
        _ if call.target.query.has("force") => {
            let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
            Err(ApiError::invalid(
                "meta.k8s.io",
                "PatchOptions",
                "",
                &[cause],
            ))
        }
        format => edit(call, bytes, format),
    }
}

/// Changes `target` as a patch of `format` says.
pub(super) fn change(call: &Call, format: Format, target: &Value, patch: &Value) -> Result<Value> {
    let mapped = |error| errors::from_engine(error, &call.served, &call.path.name);
    match (format, call.served.schema()) {
        (Format::Json, _) => merge::json_patch(target, patch).map_err(mapped),
        (Format::Strategic, Some(schema)) => {
            merge::strategic_merge_patch(schema, target, patch).map_err(mapped)
        }
        _ => {
            if !patch.is_object() {
                return Err(ApiError::bad_request("the patch is no object"));
            }
            let mut changed = target.clone();
            merge::json_merge_patch(&mut changed, patch);
            Ok(changed)
        }
    }
}

fn edit(call: &Call, bytes: &[u8], format: Format) -> Result<Reply> {
    let document = body::parse_json(bytes).map_err(|error| {
        ApiError::bad_request(format!("error decoding patch: {}", error.message))
    })?;
    let mut warnings = call.check_duplicates(&document.duplicates)?;
    let writer = call.writer()?;
    let key = call.key();
    let stored = call.app.shared.with(|world| {
        let live = Arc::clone(world.get(&call.served, &key)?);
        let old = kinds::convert(&call.served, &live);
        let changed = change(call, format, &old, &document.value)?;
        check_identity(call, &old, &changed)?;
        let echoed = (format == Format::Strategic).then_some(&document.value);
        let input = call.decode_patched(changed, echoed)?;
        warnings.extend(input.warnings);
        escalation::check(
            &world.store,
            &call.user,
            &call.served,
            Some(&old),
            &input.object,
        )?;
        write::update(world, &call.served, &key, input.object, &writer)
    })?;
    Ok(encode::object(&call.served, call.form, 200, &stored).warn(&warnings))
}

/// A patch cannot make an object another one.
fn check_identity(call: &Call, old: &Value, new: &Value) -> Result<()> {
    for (field, refused) in [("apiVersion", "API version"), ("kind", "kind")] {
        if new[field] != old[field] {
            return Err(ApiError::bad_request(format!(
                "the {refused} in the data ({}) does not match the expected {refused} ({})",
                new[field].as_str().unwrap_or_default(),
                old[field].as_str().unwrap_or_default()
            )));
        }
    }
    call.check_place_of(new)?;
    immutable_uid(call, old, object::uid(new))
}

/// Refuses to change the UID; the real server finds that twice.
fn immutable_uid(call: &Call, old: &Value, wanted: &str) -> Result<()> {
    if wanted.is_empty() || wanted == object::uid(old) {
        return Ok(());
    }
    let cause = Cause::invalid("metadata.uid", &json!(wanted), "field is immutable");
    let group = &call.served.resource.group;
    let causes = [cause.clone(), cause];
    Err(ApiError::invalid(
        group,
        call.served.kind(),
        object::name(old),
        &causes,
    ))
}

fn apply(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let document = body::parse_yaml(bytes)?;
    let mut warnings = call.check_duplicates(&document.duplicates)?;
    let config = document.value;
    check_apply(call, &config)?;
    let (code, stored) = call
        .app
        .shared
        .with(|world| apply_locked(call, world, &config, &mut warnings))?;
    Ok(encode::object(&call.served, call.form, code, &stored).warn(&warnings))
}

fn check_apply(call: &Call, config: &Value) -> Result<()> {
    if call.target.query.get("fieldManager").is_empty() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(ApiError::invalid(
            "meta.k8s.io",
            "PatchOptions",
            "",
            &[cause],
        ));
    }
    if !config.is_object() {
        return Err(ApiError::bad_request(
            "the applied configuration is no object",
        ));
    }
    let (version, kind) = (call.served.api_version(), call.served.kind());
    let got = (
        config["apiVersion"].as_str().unwrap_or_default(),
        config["kind"].as_str().unwrap_or_default(),
    );
    if got != (version.as_str(), kind) {
        let (group, version) = got.0.split_once('/').unwrap_or(("", got.0));
        let message = format!("invalid object type: {group}/{version}, Kind={}", got.1);
        return Err(ApiError::bad_request(message));
    }
    call.check_place_of(config)?;
    Ok(())
}

fn apply_locked(
    call: &Call,
    world: &mut World,
    config: &Value,
    warnings: &mut Vec<String>,
) -> Result<(u16, Arc<Value>)> {
    let key = call.key();
    let live = world.store.get(call.served.collection(), &key).cloned();
    let old = live.as_ref().map(|live| kinds::convert(&call.served, live));
    check_applied_uid(call, config, old.as_ref())?;
    if old.is_none() {
        if !call.path.subresource.is_empty() {
            return Err(call.served.not_found(&key.name));
        }
        world.check_namespace(&call.served, &key.namespace, &key.name)?;
    }
    let mut new = applied(call, old.as_ref(), config)?;
    call.check_place(&mut new.object)?;
    warnings.extend(std::mem::take(&mut new.warnings));
    escalation::check(
        &world.store,
        &call.user,
        &call.served,
        old.as_ref(),
        &new.object,
    )?;
    let mut writer = call.writer()?;
    writer.applied = true;
    match old {
        Some(_) => Ok((
            200,
            write::update(world, &call.served, &key, new.object, &writer)?,
        )),
        None => {
            may_create(call, world)?;
            Ok((
                201,
                write::create(world, &call.served, new.object, &writer)?,
            ))
        }
    }
}

/// What the apply makes of the object, defaulted.
fn applied(call: &Call, old: Option<&Value>, config: &Value) -> Result<super::input::Input> {
    let Some(schema) = call.served.schema() else {
        let mut merged = old.cloned().unwrap_or_else(|| json!({}));
        merge::json_merge_patch(&mut merged, config);
        return Ok(super::input::Input {
            object: merged,
            warnings: Vec::new(),
        });
    };
    let options = ApplyOptions {
        manager: call.target.query.get("fieldManager"),
        force: call.target.query.flag("force"),
        api_version: &call.served.api_version(),
        subresource: &call.path.subresource,
        now: &clock::now(),
    };
    let merged = merge::apply(schema, old, config, &options)
        .map_err(|error| errors::from_engine(error, &call.served, &call.path.name))?;
    let managed = merged["metadata"]["managedFields"].clone();
    let mut input = call.decode(merged)?;
    object::set_meta(
        &mut input.object,
        "managedFields",
        Some(managed).filter(|value| !value.is_null()),
    );
    Ok(input)
}

fn check_applied_uid(call: &Call, config: &Value, old: Option<&Value>) -> Result<()> {
    let wanted = object::uid(config);
    match old {
        _ if wanted.is_empty() => Ok(()),
        None => {
            let why = format!(
                "uid mismatch: the provided object specified uid {wanted}, and no existing object was found"
            );
            Err(ApiError::conflict(
                call.served.named(),
                &call.path.name,
                &why,
            ))
        }
        Some(old) => immutable_uid(call, old, wanted),
    }
}

/// An apply that creates needs the right to create, too.
fn may_create(call: &Call, world: &World) -> Result<()> {
    use crate::auth::rbac::{self, Attributes};
    let asked = Attributes {
        verb: "create",
        group: &call.path.group,
        resource: &call.path.resource,
        namespace: &call.path.namespace,
        name: &call.path.name,
        ..Attributes::default()
    };
    if rbac::allows(&world.store, &call.user, &asked) {
        return Ok(());
    }
    let named = Named {
        resource: &call.path.resource,
        group: &call.path.group,
    };
    Err(ApiError::forbidden(
        named,
        &call.path.name,
        &rbac::refusal(&call.user, &asked),
    ))
}
