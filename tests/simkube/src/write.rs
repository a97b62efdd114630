//! Owns the one way an object gets into the store, shared by requests and controllers:
//! bookkeeping of `managedFields`, admission, metadata, validation, no-op detection, finalizers.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kinds::{self, Generation, Served};
use crate::merge::{self, UpdateOptions};
use crate::schema;
use crate::status::{ApiError, Cause, Result};
use crate::store::Key;
use crate::world::World;
use crate::{clock, errors, object, rules};

/// Who writes, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    /// `status`, `scale`, ...; empty for the object itself.
    pub(crate) subresource: String,
    /// Answer as if, store nothing.
    pub(crate) dry_run: bool,
    /// `managedFields` are already right: a server-side apply made them.
    pub(crate) applied: bool,
    /// What mutating webhooks make of the object, as merge patches.
    pub(crate) mutations: Vec<Value>,
}

impl Writer {
    pub(crate) fn new(manager: &str, subresource: &str) -> Self {
        Self {
            manager: manager.to_owned(),
            subresource: subresource.to_owned(),
            ..Self::default()
        }
    }

    /// Admission changes what is written after its fields got their owners.
    fn mutate(&self, object: &mut Value) {
        for patch in &self.mutations {
            merge::json_merge_patch(object, patch);
        }
    }

    /// A stand-in of the controller manager that writes `subresource`.
    pub(crate) fn controller(subresource: &str) -> Self {
        Self::new("kube-controller-manager", subresource)
    }
}

/// Adds a new object, given at the version of `served` and already decoded.
pub(crate) fn create(
    world: &mut World,
    served: &Served,
    mut new: Value,
    writer: &Writer,
) -> Result<Arc<Value>> {
    new["apiVersion"] = Value::String(served.api_version());
    new["kind"] = Value::String(served.kind().to_owned());
    name_it(&mut new);
    let name = object::name(&new).to_owned();
    world.check_namespace(served, object::namespace(&new), &name)?;
    if served.resource.custom && !served.resource.takes_new() {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(ApiError::forbidden(served.named(), &name, why));
    }
    clean_new_metadata(&mut new);
    rules::fold(served, &mut new);
    new = track(served, None, new, writer);
    if let Some(schema) = served.schema() {
        schema::prepare_create(schema, &mut new, served.version().status);
    }
    object::set_meta(
        &mut new,
        "uid",
        Some(Value::String(uuid::Uuid::new_v4().to_string())),
    );
    object::set_meta(
        &mut new,
        "creationTimestamp",
        Some(Value::String(clock::now())),
    );
    if has_generation(served) {
        object::set_meta(&mut new, "generation", Some(json!(1)));
    }
    rules::admit(world, served, None, &mut new)?;
    writer.mutate(&mut new);
    rules::quota::check(world, served, &new)?;
    validate(served, None, &new)?;
    let stored = served.stored();
    let new = if stored.api_version() == served.api_version() {
        new
    } else {
        kinds::convert(&stored, &new)
    };
    if world
        .store
        .get(served.collection(), &Key::of(&new))
        .is_some()
    {
        return Err(ApiError::already_exists(served.named(), &name));
    }
    if writer.dry_run {
        return Ok(Arc::new(new));
    }
    Ok(world.store.put(served.collection(), new))
}

/// Replaces an object by `new`, given at the version of `served` and already decoded.
///
/// The answer is the stored object (its last state when this write let it go for good).
pub(crate) fn update(
    world: &mut World,
    served: &Served,
    key: &Key,
    mut new: Value,
    writer: &Writer,
) -> Result<Arc<Value>> {
    let live = Arc::clone(world.get(served, key)?);
    let old = kinds::convert(served, &live);
    check_preconditions(served, key, &old, &new)?;
    keep_metadata(&old, &mut new);
    rules::fold(served, &mut new);
    new = track(served, Some(&old), new, writer);
    if let Some(schema) = served.schema() {
        let part = if writer.subresource == "approval" {
            "status"
        } else {
            &writer.subresource
        };
        schema::prepare_update(schema, &old, &mut new, part, served.version().status);
        if part == "status" && served.is("apps", "deployments") {
            let labels = old["metadata"].get("labels").cloned();
            object::set_meta(&mut new, "labels", labels);
        }
    }
    rules::admit(world, served, Some(&old), &mut new)?;
    writer.mutate(&mut new);
    if object::is_terminating(&old) {
        refuse_new_finalizers(served, &old, &new)?;
    }
    if writer.subresource != "status" && raises_generation(served, &old, &new) {
        let next = object::generation(&old).max(0) + 1;
        object::set_meta(&mut new, "generation", Some(json!(next)));
    }
    validate(served, Some(&old), &new)?;
    let stored = served.stored();
    let mut new = if stored.api_version() == served.api_version() {
        new
    } else {
        kinds::convert(&stored, &new)
    };
    if same(&live, &new) {
        return Ok(live);
    }
    if writer.dry_run {
        object::set_revision(&mut new, object::revision(&live));
        return Ok(Arc::new(new));
    }
    if object::is_terminating(&new) && is_released(served, &new) {
        // The write that lets an object go is the deletion itself.
        object::set_revision(&mut new, object::revision(&live));
        world.store.remove(served.collection(), key);
        return Ok(Arc::new(new));
    }
    Ok(world.store.put(served.collection(), new))
}

/// Whether nothing holds a terminating object any more.
pub(crate) fn is_released(served: &Served, object: &Value) -> bool {
    let graceful = object["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0)
        > 0;
    object::finalizers(object).next().is_none()
        && !(served.is("", "pods") && graceful)
        && !(served.is("", "namespaces")
            && object::items(&object["spec"]["finalizers"])
                .next()
                .is_some())
}

/// Stores what a controller made of an object; a refusal is logged, because the next change of
/// the object brings the controller back anyway.
pub(crate) fn controller_update(
    world: &mut World,
    collection: &str,
    new: Value,
    subresource: &str,
) {
    let Some(served) = world.kinds.by_collection(collection) else {
        return;
    };
    let key = Key::of(&new);
    if let Err(error) = update(world, &served, &key, new, &Writer::controller(subresource)) {
        tracing::debug!(collection, name = key.name, %error, "a controller's write was refused");
    }
}

/// Sets the status of an object under a manager's name.
pub(crate) fn update_status(
    world: &mut World,
    collection: &str,
    key: &Key,
    status: Value,
    manager: &str,
) {
    let Some(served) = world.kinds.by_collection(collection) else {
        return;
    };
    let Some(live) = world.store.get(collection, key) else {
        return;
    };
    let mut new = Value::clone(live);
    object::set_root(&mut new, "status", Some(status));
    if let Err(error) = update(world, &served, key, new, &Writer::new(manager, "status")) {
        tracing::debug!(collection, name = key.name, %error, "a status was refused");
    }
}

/// Adds an object that a controller made; an object that is already there is left alone.
pub(crate) fn controller_create(
    world: &mut World,
    collection: &str,
    new: Value,
) -> Option<Arc<Value>> {
    let served = world.kinds.by_collection(collection)?;
    let mut new = new;
    if let Some(schema) = served.schema() {
        schema::defaults(schema, &mut new);
    }
    match create(world, &served, new, &Writer::controller("")) {
        Ok(stored) => Some(stored),
        Err(error) => {
            tracing::debug!(collection, %error, "a controller's object was refused");
            None
        }
    }
}

fn track(served: &Served, old: Option<&Value>, new: Value, writer: &Writer) -> Value {
    if writer.applied {
        return new;
    }
    let Some(schema) = served.schema() else {
        return new;
    };
    let options = UpdateOptions {
        manager: &writer.manager,
        api_version: &served.api_version(),
        subresource: &writer.subresource,
        now: &clock::now(),
    };
    merge::update(schema, old, new, &options)
}

/// Gives an object with only a `generateName` its name.
fn name_it(object: &mut Value) {
    let prefix = object::meta(object, "generateName").to_owned();
    if object::name(object).is_empty() && !prefix.is_empty() {
        object::set_meta(object, "name", Some(Value::String(generated(&prefix))));
    }
}

/// `prefix` and five random letters of the alphabet that Kubernetes uses.
pub(crate) fn generated(prefix: &str) -> String {
    let prefix: String = prefix.chars().take(58).collect();
    format!("{prefix}{}", random_suffix(5))
}

/// `count` random letters of the alphabet that Kubernetes uses.
pub(crate) fn random_suffix(count: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..count)
        .map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]))
        .collect()
}

fn clean_new_metadata(object: &mut Value) {
    let metadata = object::metadata_mut(object);
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        metadata.remove(field);
    }
}

/// `uid` and `resourceVersion` in the body must be those of the live object.
fn check_preconditions(served: &Served, key: &Key, old: &Value, new: &Value) -> Result<()> {
    let wanted = object::uid(new);
    if !wanted.is_empty() && wanted != object::uid(old) {
        let prefix = match served.resource.custom {
            true => format!("{}/{}", served.resource.group, served.resource.plural),
            false => served.resource.plural.clone(),
        };
        let place = match key.namespace.as_str() {
            "" => key.name.clone(),
            namespace => format!("{namespace}/{}", key.name),
        };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{prefix}/{place}, \
             ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: \
             {wanted}, UID in object meta: {}",
            object::uid(old)
        );
        return Err(ApiError::conflict(served.named(), &key.name, &why));
    }
    let wanted = object::meta(new, "resourceVersion");
    if wanted.is_empty() && served.resource.custom {
        // Custom resources do not allow a replacement without a version; patches carry it along.
        let why = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", &json!(0), why);
        let (group, plural) = (&served.resource.group, &served.resource.plural);
        return Err(ApiError::invalid(group, plural, &key.name, &[cause]));
    }
    if wanted.is_empty() || wanted == object::meta(old, "resourceVersion") {
        return Ok(());
    }
    if wanted.parse::<u64>().is_err() {
        let message = format!("strconv.ParseUint: parsing {wanted:?}: invalid syntax");
        return Err(ApiError::new(500, "", message));
    }
    Err(ApiError::stale(served.named(), &key.name))
}

/// Takes from the live object the metadata that no client decides.
fn keep_metadata(old: &Value, new: &mut Value) {
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "name",
        "namespace",
        "generateName",
    ] {
        let value = old["metadata"].get(field).cloned();
        object::set_meta(new, field, value);
    }
    for field in ["apiVersion", "kind"] {
        new[field] = old[field].clone();
    }
}

fn refuse_new_finalizers(served: &Served, old: &Value, new: &Value) -> Result<()> {
    let fresh: Vec<&str> = object::finalizers(new)
        .filter(|name| object::finalizers(old).all(|known| known != *name))
        .collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = fresh.iter().map(|name| format!("{name:?}")).collect();
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        list.join(", ")
    );
    let cause = Cause::forbidden("metadata.finalizers", &why);
    Err(ApiError::invalid(
        &served.resource.group,
        served.kind(),
        object::name(new),
        &[cause.clone(), cause],
    ))
}

/// Whether objects of a kind count their changes.
pub(crate) fn has_generation(served: &Served) -> bool {
    served.resource.generation != Generation::Never
        || served.schema().is_some_and(schema::Schema::has_generation)
}

fn raises_generation(served: &Served, old: &Value, new: &Value) -> bool {
    if let Some(schema) = served.schema()
        && schema.is_builtin()
    {
        return schema::generation_changes(schema, old, new);
    }
    let relevant = |value: &Value| {
        let mut value = value.clone();
        let root = object::root_mut(&mut value);
        root.remove("metadata");
        if served.resource.generation == Generation::Spec {
            root.remove("status");
        }
        value
    };
    served.resource.generation != Generation::Never && relevant(old) != relevant(new)
}

fn validate(served: &Served, old: Option<&Value>, new: &Value) -> Result<()> {
    let Some(schema) = served.schema() else {
        return Ok(());
    };
    let problems = schema::validate(schema, old, new);
    if problems.is_empty() {
        return Ok(());
    }
    let error = schema::invalid(schema.gvk(), object::name(new), &problems);
    Err(errors::from_engine(error, served, object::name(new)))
}

/// Whether a write changes nothing but the times in `managedFields`.
fn same(live: &Value, new: &Value) -> bool {
    if live == new {
        return true;
    }
    let timeless = |value: &Value| {
        let mut value = value.clone();
        if let Some(entries) = value["metadata"]["managedFields"].as_array_mut() {
            for entry in entries {
                object::root_mut(entry).remove("time");
            }
        }
        object::metadata_mut(&mut value).remove("resourceVersion");
        value
    };
    timeless(live) == timeless(new)
}
