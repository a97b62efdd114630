//! Owns what follows from owner references: dependents go with their owners, or are let go.

use serde_json::{Value, json};

use crate::delete::{self, DeleteOptions, FOREGROUND, ORPHAN};
use crate::object;
use crate::store::{Key, Reference};
use crate::world::World;
use crate::write::is_released;

/// Looks after one object; the answer says whether it is on its way out for good.
pub(super) fn reconcile(world: &mut World, resource: &str, key: &Key, object: &Value) -> bool {
    if object::is_terminating(object) {
        let holds = |name: &str| object::finalizers(object).any(|finalizer| finalizer == name);
        if holds(ORPHAN) {
            release_dependents(world, object::uid(object));
            drop_finalizer(world, resource, key, ORPHAN);
        } else if holds(FOREGROUND) && delete_dependents(world, object::uid(object)) {
            drop_finalizer(world, resource, key, FOREGROUND);
        }
        return world.store.get(resource, key).is_none();
    }
    let owners: Vec<&str> = object::owner_uids(object).collect();
    if owners.is_empty() {
        return false;
    }
    let living = owners
        .iter()
        .filter(|uid| world.store.by_uid(uid).is_some())
        .count();
    if living > 0 {
        return false;
    }
    remove(world, resource, key)
}

/// Deletes an object in the background; the answer says whether that worked.
pub(super) fn remove(world: &mut World, resource: &str, key: &Key) -> bool {
    let Some(served) = world.kinds.by_collection(resource) else {
        return false;
    };
    delete::delete(world, &served, key, &DeleteOptions::background()).is_ok()
}

/// Deletes the dependents of an owner; true when none that block it are left.
fn delete_dependents(world: &mut World, uid: &str) -> bool {
    let mut blocked = false;
    for (resource, key) in world.store.dependents(uid) {
        let Some(served) = world.kinds.by_collection(&resource) else {
            continue;
        };
        let options = DeleteOptions {
            propagation: Some("Foreground".to_owned()),
            ..DeleteOptions::default()
        };
        let Some(live) = world.store.get(&resource, &key) else {
            continue;
        };
        let blocking = object::items(&live["metadata"]["ownerReferences"])
            .any(|owner| owner["uid"] == uid && owner["blockOwnerDeletion"] == true);
        if !object::is_terminating(live)
            && let Err(error) = delete::delete(world, &served, &key, &options)
        {
            tracing::debug!(resource, name = key.name, %error, "a dependent was not deleted");
        }
        blocked |= blocking && world.store.get(&resource, &key).is_some();
    }
    !blocked
}

/// Takes the owner out of its dependents' references.
fn release_dependents(world: &mut World, uid: &str) {
    let dependents: Vec<Reference> = world.store.dependents(uid);
    for (resource, key) in dependents {
        let Some(live) = world.store.get(&resource, &key) else {
            continue;
        };
        let mut freed = Value::clone(live);
        let rest: Vec<Value> = object::items(&freed["metadata"]["ownerReferences"])
            .filter(|owner| owner["uid"] != uid)
            .cloned()
            .collect();
        let rest = (!rest.is_empty()).then(|| json!(rest));
        object::set_meta(&mut freed, "ownerReferences", rest);
        world.store.put(&resource, freed);
    }
}

/// Takes a finalizer away, and the object with its last one.
pub(super) fn drop_finalizer(world: &mut World, resource: &str, key: &Key, finalizer: &str) {
    let Some(live) = world.store.get(resource, key) else {
        return;
    };
    let Some(served) = world.kinds.by_collection(resource) else {
        return;
    };
    let mut freed = Value::clone(live);
    let rest: Vec<String> = object::finalizers(&freed)
        .filter(|name| *name != finalizer)
        .map(str::to_owned)
        .collect();
    let rest = (!rest.is_empty()).then(|| json!(rest));
    object::set_meta(&mut freed, "finalizers", rest);
    if object::is_terminating(&freed) && is_released(&served, &freed) {
        world.store.remove(resource, key);
    } else {
        world.store.put(resource, freed);
    }
}
