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
                    "application/apply-patch+cbor",
                ],
            )),
            _ => Err(ApiError::unsupported_media_type(
                &media,
                &[
                    "application/json-patch+json",
                    "application/merge-patch+json",
                    "application/strategic-merge-patch+json",
                    "application/apply-patch+yaml",
                    "application/apply-patch+cbor",
                ],
            )),
        }
    }
}

/// Patches an object, or its status.
pub(super) fn patch(call: &Call, bytes: &[u8]) -> Result<Reply> {
    match Format::read(call)? {
        Format::Apply => apply(call, bytes),
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
    let document = body::parse_json(bytes)?;
    let mut warnings = call.check_duplicates(&document.duplicates)?;
    let writer = call.writer()?;
    let key = call.key();
    let stored = call.app.shared.with(|world| {
        let live = Arc::clone(world.get(&call.served, &key)?);
        let old = kinds::convert(&call.served, &live);
        let changed = change(call, format, &old, &document.value)?;
        check_identity(call, &old, &changed)?;
        let input = call.decode(changed)?;
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
    let causes: Vec<Cause> = ["name", "namespace", "uid"]
        .into_iter()
        .filter(|field| {
            let new = object::meta(new, field);
            !new.is_empty() && new != object::meta(old, field)
        })
        .map(|field| {
            let value = &new["metadata"][field];
            Cause::invalid(format!("metadata.{field}"), value, "field is immutable")
        })
        .collect();
    if causes.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(
        &call.served.resource.group,
        call.served.kind(),
        object::name(old),
        &causes,
    ))
}

fn apply(call: &Call, bytes: &[u8]) -> Result<Reply> {
    let document = body::parse_yaml(bytes)?;
    let mut warnings = call.check_duplicates(&document.duplicates)?;
    let mut config = document.value;
    check_apply(call, &mut config)?;
    let (code, stored) = call
        .app
        .shared
        .with(|world| apply_locked(call, world, &config, &mut warnings))?;
    Ok(encode::object(&call.served, call.form, code, &stored).warn(&warnings))
}

fn check_apply(call: &Call, config: &mut Value) -> Result<()> {
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
    if got.0.is_empty() || got.1.is_empty() {
        return Err(ApiError::bad_request(
            "Object 'Kind' is missing in the applied configuration; apiVersion and kind are required",
        ));
    }
    if got != (version.as_str(), kind) {
        return Err(ApiError::bad_request(format!(
            "incorrect version specified in apply patch. Specified patch type: {}, Kind={}, expected: {version}, Kind={kind}",
            got.0, got.1
        )));
    }
    call.check_place(config)?;
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
        Some(old) if object::uid(old) != wanted => {
            let cause = Cause::invalid("metadata.uid", &json!(wanted), "field is immutable");
            Err(ApiError::invalid(
                &call.served.resource.group,
                call.served.kind(),
                &call.path.name,
                &[cause],
            ))
        }
        Some(_) => Ok(()),
    }
}

/// An apply that creates needs the right to create, too.
fn may_create(call: &Call, world: &World) -> Result<()> {
    use crate::auth::rbac::{self, Attributes};
    let asked = Attributes {
        verb: "create",
        group: &call.path.group,
        version: &call.path.version,
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
