//! Owns the field manager: the steps around an ownership change that a request goes through.
//!
//! In order: the client's own `managedFields`, the entry for fields from before the first apply, the
//! ownership rules, the fields that nobody owns, the cap on entries, and leaving an object alone that
//! did not change.

use serde_json::Value;

use crate::merge::managed::{Managed, ManagerId, Operation, entries_of, is_reset, take_entries};
use crate::merge::path::{Path, path_text};
use crate::merge::set::Set;
use crate::merge::typed::check;
use crate::merge::updater::{Failure, Force, Updater};
use crate::merge::{ApplyOptions, UpdateOptions, last_applied};
use crate::schema::{Cause, Schema, StatusError};

/// Entries of updates that an object keeps; older ones are merged into one.
const MAX_UPDATE_MANAGERS: usize = 10;

/// Manager of the merged oldest entries.
const ANCIENT: &str = "ancient-changes";

/// Manager of the fields that an object had before anybody applied.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Stands for the writer while ownership is worked out; no client can send this name.
const CURRENT: &str = "\0current-operation";

/// One request at one endpoint.
struct Request<'a> {
    schema: &'a Schema,
    manager: &'a str,
    ignored: Set,
    api_version: &'a str,
    subresource: &'a str,
    now: &'a str,
}

pub(super) fn update(
    schema: &Schema,
    old: Option<&Value>,
    mut new: Value,
    options: &UpdateOptions<'_>,
) -> Value {
    let request = Request {
        schema,
        manager: options.manager,
        ignored: schema.ignored_fields(options.subresource),
        api_version: options.api_version,
        subresource: options.subresource,
        now: options.now,
    };
    let managed = sent_or_live(old, &new, options.subresource);
    take_entries(&mut new);
    if let Ok(stored) = schema.retype(new.clone()) {
        new = stored;
    }
    let untracked = managed.owners.is_empty() && old.is_some();
    if !untracked {
        let empty = schema.empty_object();
        let live = without_entries(old.unwrap_or(&empty));
        // Ownership that cannot be worked out is forgotten rather than kept wrong.
        if let Ok(mut managed) = request.update(&live, &new, managed, request.manager) {
            request.cap(&mut managed);
            managed.store(&mut new);
        }
    }
    schema.store(&mut new);
    keep_times(old, &mut new);
    new
}

/// The entries that the client sent, or those of the stored object when it sent none or nonsense.
fn sent_or_live(old: Option<&Value>, new: &Value, subresource: &str) -> Managed {
    let live = || Managed::of(old).unwrap_or_default();
    if !subresource.is_empty() {
        return live();
    }
    match entries_of(new) {
        Some(entries) if is_reset(entries) => Managed::default(),
        Some(entries) => match Managed::decode(entries) {
            Ok(managed) if !managed.owners.is_empty() => managed,
            _ => live(),
        },
        None => live(),
    }
}

fn without_entries(object: &Value) -> Value {
    let mut object = object.clone();
    take_entries(&mut object);
    object
}

/// Keeps the old times when nothing but times changed, so that a write without effect is none.
fn keep_times(old: Option<&Value>, new: &mut Value) {
    let Some(old) = old else { return };
    let timeless = |object: &Value| {
        let mut object = object.clone();
        let entries = take_entries(&mut object)?;
        let entries = entries.into_iter().map(|mut entry| {
            if let Some(fields) = entry.as_object_mut() {
                fields.remove("time");
            }
            entry
        });
        Some((entries.collect::<Vec<_>>(), object))
    };
    let (Some(before), Some(after)) = (timeless(old), timeless(new)) else {
        return;
    };
    if before == after {
        *new = old.clone();
    }
}

pub(super) fn apply(
    schema: &Schema,
    live: Option<&Value>,
    config: &Value,
    options: &ApplyOptions<'_>,
) -> Result<Value, StatusError> {
    let request = Request {
        schema,
        manager: options.manager,
        ignored: schema.ignored_fields(options.subresource),
        api_version: options.api_version,
        subresource: options.subresource,
        now: options.now,
    };
    check_config(schema, config)?;
    let mut managed = Managed::of(live)
        .map_err(|e| StatusError::internal(format!("failed to decode managed fields: {e}")))?;
    let empty = schema.empty_object();
    let object = without_entries(live.unwrap_or(&empty));
    if managed.owners.is_empty() {
        managed = request
            .update(&empty, &object, managed, BEFORE_FIRST_APPLY)
            .map_err(|failure| {
                let text = failure_text(failure);
                StatusError::internal(format!(
                    "failed to create manager for existing fields: {text}"
                ))
            })?;
        request.cap(&mut managed);
    }
    let force = if options.force { Force::Yes } else { Force::No };
    let attempt = |force| request.apply(&object, config, managed.clone(), force);
    let outcome = match attempt(force) {
        Err(Failure::Conflicts(conflicts)) if options.manager == last_applied::MANAGER => {
            match last_applied::remaining_conflicts(schema, &object, conflicts) {
                none if none.is_empty() => attempt(Force::Yes),
                some => Err(Failure::Conflicts(some)),
            }
        }
        outcome => outcome,
    };
    let (mut new, managed) = outcome.map_err(apply_error)?;
    if options.manager == last_applied::MANAGER {
        last_applied::sync(&mut new, config);
    }
    managed.store(&mut new);
    schema.store(&mut new);
    keep_times(live, &mut new);
    Ok(new)
}

fn check_config(schema: &Schema, config: &Value) -> Result<(), StatusError> {
    let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    let gvk = crate::schema::Gvk::new(group, version, text("kind"));
    if gvk != *schema.gvk() {
        return Err(StatusError::bad_request(format!(
            "invalid object type: {}",
            gvk.text()
        )));
    }
    if entries_of(config).is_some() {
        return Err(StatusError::bad_request(
            "metadata.managedFields must be nil",
        ));
    }
    check(schema.root(), config)
        .into_result()
        .map_err(|misfits| {
            let (namespace, name) = (meta(config, "namespace"), meta(config, "name"));
            StatusError::internal(format!(
                "failed to create typed patch object ({namespace}/{name}; {}): {misfits}",
                gvk.text()
            ))
        })
}

fn meta<'v>(object: &'v Value, key: &str) -> &'v str {
    let metadata = object.get("metadata");
    let text = metadata.and_then(|m| m.get(key)).and_then(Value::as_str);
    text.unwrap_or_default()
}

fn failure_text(failure: Failure) -> String {
    match failure {
        Failure::Conversion(text) => text,
        Failure::Conflicts(conflicts) => conflict_message(&conflicts),
    }
}

fn apply_error(failure: Failure) -> StatusError {
    match failure {
        Failure::Conversion(text) => StatusError::internal(text),
        Failure::Conflicts(conflicts) => StatusError {
            code: 409,
            reason: "Conflict",
            message: conflict_message(&conflicts),
            causes: conflicts
                .iter()
                .map(|(manager, path)| Cause {
                    reason: "FieldManagerConflict".to_owned(),
                    message: format!("conflict with {}", manager.text()),
                    field: path_text(path),
                })
                .collect(),
        },
    }
}

fn conflict_message(conflicts: &[(ManagerId, Path)]) -> String {
    if let [(manager, path)] = conflicts {
        return format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            manager.text(),
            path_text(path)
        );
    }
    let mut lines = Vec::new();
    let mut previous = None;
    for (manager, path) in conflicts {
        if previous != Some(manager) {
            lines.push(format!("conflicts with {}:", manager.text()));
            previous = Some(manager);
        }
        lines.push(format!("- {}", path_text(path)));
    }
    format!(
        "Apply failed with {} conflicts: {}",
        conflicts.len(),
        lines.join("\n")
    )
}

impl Request<'_> {
    fn updater<'a>(&'a self, manager: &'a ManagerId) -> Updater<'a> {
        Updater {
            schema: self.schema,
            ignored: &self.ignored,
            manager,
        }
    }

    fn update(
        &self,
        live: &Value,
        new: &Value,
        mut managed: Managed,
        manager: &str,
    ) -> Result<Managed, Failure> {
        let id = ManagerId::new(
            manager,
            Operation::Update,
            self.api_version,
            self.subresource,
        );
        let current = ManagerId::new(CURRENT, Operation::Update, "", "");
        let owners = std::mem::take(&mut managed.owners);
        managed.owners = self.updater(&current).update(live, new, owners)?;
        strip(&mut managed, &current);
        if let Some(mut owned) = managed.owners.remove(&current) {
            if let Some(previous) = managed.owners.get(&id) {
                owned.set.absorb(&previous.set);
            }
            managed.owners.insert(id.clone(), owned);
            managed.times.insert(id, self.now.to_owned());
        }
        Ok(managed)
    }

    fn apply(
        &self,
        live: &Value,
        config: &Value,
        mut managed: Managed,
        force: Force,
    ) -> Result<(Value, Managed), Failure> {
        let id = ManagerId::new(
            self.manager,
            Operation::Apply,
            self.api_version,
            self.subresource,
        );
        let owners = std::mem::take(&mut managed.owners);
        let (changed, owners) = self.updater(&id).apply(live, config, owners, force)?;
        managed.owners = owners;
        strip(&mut managed, &id);
        let Some(changed) = changed else {
            return Ok((live.clone(), managed));
        };
        managed.times.insert(id, self.now.to_owned());
        let object = self.schema.retype(changed).map_err(|text| {
            let (namespace, name) = (meta(config, "namespace"), meta(config, "name"));
            let gvk = self.schema.gvk().text();
            Failure::Conversion(format!(
                "failed to convert new object ({namespace}/{name}; {gvk}) to proper version: \
                 unable to convert unstructured object to {gvk}: {text}"
            ))
        })?;
        Ok((object, managed))
    }

    /// Merges the oldest update entries of a version until few enough are left.
    fn cap(&self, managed: &mut Managed) {
        let mut updaters: Vec<ManagerId> = managed
            .owners
            .iter()
            .filter(|(_, owned)| !owned.applied)
            .map(|(id, _)| id.clone())
            .collect();
        updaters.sort_by_key(|id| (managed.times.get(id).cloned(), id.clone()));
        let mut count = updaters.len();
        let mut first_of: Vec<(String, ManagerId)> = Vec::new();
        for id in updaters {
            if count <= MAX_UPDATE_MANAGERS {
                break;
            }
            let version = managed.owners[&id].api_version.clone();
            let Some((_, first)) = first_of.iter().find(|(v, _)| *v == version) else {
                first_of.push((version, id));
                continue;
            };
            let bucket = ManagerId::new(ANCIENT, Operation::Update, &version, "");
            if !managed.owners.contains_key(&bucket)
                && let Some(owned) = managed.owners.remove(first)
            {
                managed.owners.insert(bucket.clone(), owned);
            }
            let time = managed.times.get(&id).cloned();
            if let Some(owned) = managed.owners.remove(&id)
                && let Some(into) = managed.owners.get_mut(&bucket)
            {
                into.set.absorb(&owned.set);
            }
            if let Some(time) = time {
                managed.times.insert(bucket, time);
            }
            count -= 1;
        }
    }
}

/// Takes the fields that identify an object from a manager; they are nobody's.
fn strip(managed: &mut Managed, id: &ManagerId) {
    let nobodys = Set::of_fields(&[
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ]);
    if let Some(owned) = managed.owners.get_mut(id) {
        owned.set = owned.set.difference(&nobodys);
        if owned.set.is_empty() {
            managed.owners.remove(id);
        }
    }
}
