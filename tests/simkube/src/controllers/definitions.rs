//! Owns the life of a CustomResourceDefinition: established after a moment, served while it
//! lasts, and its instances gone before it goes.

use serde_json::{Value, json};

use super::{Again, Memory, garbage};
use crate::kinds;
use crate::store::Key;
use crate::world::{DEFINITIONS, World};
use crate::{clock, object, write};

const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

pub(super) fn reconcile(world: &mut World, memory: &mut Memory, definition: &Value) -> Again {
    if object::is_terminating(definition) {
        clean_up(world, definition);
        return None;
    }
    let names = &definition["spec"]["names"];
    if object::condition(definition, "NamesAccepted") != "True" {
        let mut accepted = definition.clone();
        object::set_at(&mut accepted, "status.acceptedNames", names.clone());
        set_condition(
            &mut accepted,
            "NamesAccepted",
            ("NoConflicts", "no conflicts found"),
        );
        let message = ("Installing", "the initial names have been accepted");
        set_condition_status(&mut accepted, "Established", "False", message);
        write::controller_update(world, DEFINITIONS, accepted, "status");
        return memory.remaining(object::uid(definition), world.options.crd_delay);
    }
    if !kinds::established(definition) {
        let wait = memory.remaining(object::uid(definition), world.options.crd_delay);
        if wait.is_some() {
            return wait;
        }
    }
    serve(world, definition);
    None
}

fn serve(world: &mut World, definition: &Value) {
    let resource = match kinds::resource_of(definition) {
        Ok(resource) => resource,
        Err(error) => {
            let mut refused = definition.clone();
            set_condition(&mut refused, "NonStructuralSchema", ("Violations", &error));
            write::controller_update(world, DEFINITIONS, refused, "status");
            return;
        }
    };
    let known = world.kinds.get(&resource.group, &resource.plural);
    if resource.versions.is_empty() {
        world.kinds.remove(&resource.group, &resource.plural);
    } else if known.is_none_or(|known| known.source != resource.source) {
        world.kinds.insert(resource);
    }
    let mut established = definition.clone();
    let storage =
        object::items(&definition["spec"]["versions"]).find(|version| version["storage"] == true);
    let storage = storage
        .map(|version| version["name"].clone())
        .unwrap_or_default();
    let mut stored: Vec<Value> = object::items(&definition["status"]["storedVersions"])
        .cloned()
        .collect();
    if !stored.contains(&storage) {
        stored.push(storage);
    }
    object::set_at(&mut established, "status.storedVersions", json!(stored));
    object::set_at(
        &mut established,
        "status.acceptedNames",
        definition["spec"]["names"].clone(),
    );
    let message = (
        "InitialNamesAccepted",
        "the initial names have been accepted",
    );
    set_condition(&mut established, "Established", message);
    if established != *definition {
        write::controller_update(world, DEFINITIONS, established, "status");
    }
}

fn clean_up(world: &mut World, definition: &Value) {
    let name = object::name(definition).to_owned();
    stop_taking(world, definition);
    let keys: Vec<Key> = world
        .store
        .list(&name, None)
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        let terminating = world
            .store
            .get(&name, &key)
            .is_none_or(|object| object::is_terminating(object));
        if !terminating {
            garbage::remove(world, &name, &key);
        }
    }
    if world.store.list(&name, None).next().is_some() {
        return;
    }
    let (plural, group) = name.split_once('.').unwrap_or((name.as_str(), ""));
    world.kinds.remove(group, plural);
    // Wakes the watches, which then see that the kind is no longer served.
    world.store.poke(&name);
    garbage::drop_finalizer(world, DEFINITIONS, &Key::new("", &name), CLEANUP);
}

/// From now on the kind takes nothing new, and discovery says so.
fn stop_taking(world: &mut World, definition: &Value) {
    let mut terminating = definition.clone();
    let message = (
        "InstanceDeletionInProgress",
        "CustomResource deletion is in progress",
    );
    if object::condition(definition, "Terminating") != "True" {
        set_condition(&mut terminating, "Terminating", message);
        write::controller_update(world, DEFINITIONS, terminating, "status");
    }
    let spec = &definition["spec"];
    let [group, plural] = [&spec["group"], &spec["names"]["plural"]];
    let known = world.kinds.get(
        group.as_str().unwrap_or_default(),
        plural.as_str().unwrap_or_default(),
    );
    if let Some(known) = known.filter(|known| known.takes_new()) {
        let mut leaving = kinds::Resource::clone(known);
        leaving.verbs = kinds::LEAVING_VERBS;
        world.kinds.insert(leaving);
    }
}

fn set_condition(object: &mut Value, kind: &str, why: (&str, &str)) {
    set_condition_status(object, kind, "True", why);
}

fn set_condition_status(object: &mut Value, kind: &str, status: &str, why: (&str, &str)) {
    let (reason, message) = why;
    super::set_condition(
        object,
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": clock::now(),
        }),
    );
}
