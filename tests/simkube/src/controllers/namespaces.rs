//! Owns the life of a namespace: what every one contains, and how one is emptied.

use serde_json::{Value, json};

use super::garbage;
use crate::object;
use crate::store::Key;
use crate::world::{NAMESPACES, World};
use crate::write;

pub(super) fn reconcile(world: &mut World, namespace: &Value) {
    let name = object::name(namespace).to_owned();
    if object::is_terminating(namespace) {
        empty(world, &name);
    } else {
        furnish(world, &name);
    }
}

/// Every namespace has a default account and the CA of the server.
fn furnish(world: &mut World, name: &str) {
    if world.find("serviceaccounts", name, "default").is_none() {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name},
        });
        write::controller_create(world, "serviceaccounts", account);
    }
    if world.find("configmaps", name, "kube-root-ca.crt").is_none() {
        let text = "Contains a CA bundle that can be used to verify the kube-apiserver when using \
                    internal endpoints such as the internal service IP or kubernetes.default.svc. \
                    No other usage is guaranteed across distributions of Kubernetes clusters.";
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "kube-root-ca.crt", "namespace": name,
                "annotations": {"kubernetes.io/description": text},
            },
            "data": {"ca.crt": world.ca_pem},
        });
        write::controller_create(world, "configmaps", map);
    }
}

/// Deletes everything inside; the namespace goes when nothing is left.
fn empty(world: &mut World, name: &str) {
    let mut left = false;
    for collection in world.store.resources() {
        let served = world.kinds.by_collection(&collection);
        if served.is_none_or(|served| !served.resource.namespaced) {
            continue;
        }
        let keys: Vec<Key> = world
            .store
            .list(&collection, Some(name))
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            let live = world.store.get(&collection, &key);
            if live.is_some_and(|object| !object::is_terminating(object)) {
                garbage::remove(world, &collection, &key);
            }
            left |= world.store.get(&collection, &key).is_some();
        }
    }
    if left {
        return;
    }
    let key = Key::new("", name);
    let Some(live) = world.store.get(NAMESPACES, &key) else {
        return;
    };
    let mut freed = Value::clone(live);
    let rest: Vec<Value> = object::items(&freed["spec"]["finalizers"])
        .filter(|finalizer| *finalizer != "kubernetes")
        .cloned()
        .collect();
    let free = rest.is_empty() && object::finalizers(&freed).next().is_none();
    if free {
        world.store.remove(NAMESPACES, &key);
    } else if freed["spec"]["finalizers"] != json!(rest) {
        object::set_at(&mut freed, "spec.finalizers", json!(rest));
        world.store.put(NAMESPACES, freed);
    }
}
