//! Owns what follows from Services: their endpoints, and the address of a load balancer.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pods;
use crate::selector::Labels;
use crate::store::{Key, Reference};
use crate::world::World;
use crate::{object, write};

pub(super) const SERVICES: &str = "services";
const SLICES: &str = "endpointslices.discovery.k8s.io";
const ENDPOINTS: &str = "endpoints";
/// Load balancers answer at an address that leads nowhere, 192.0.2.1.
const BALANCER: &str = "192.0.2.1";

/// The Services that select a pod.
pub(super) fn of_pod(world: &World, pod: &Value) -> Vec<Reference> {
    world
        .store
        .list(SERVICES, Some(object::namespace(pod)))
        .filter(|(_, service)| selector(service).is_some_and(|labels| labels.matches(pod)))
        .map(|(key, _)| (SERVICES.to_owned(), key.clone()))
        .collect()
}

fn selector(service: &Value) -> Option<Labels> {
    let wanted = service["spec"]["selector"].as_object()?;
    let labels = json!({"matchLabels": wanted});
    (!wanted.is_empty()).then(|| Labels::from_object(&labels))
}

pub(super) fn reconcile(world: &mut World, service: &Value) {
    if object::is_terminating(service) {
        return;
    }
    if service["spec"]["type"] == "LoadBalancer" {
        balance(world, SERVICES, service);
    }
    let Some(selector) = selector(service) else {
        return;
    };
    let ready: Vec<Arc<Value>> = world
        .store
        .list("pods", Some(object::namespace(service)))
        .filter(|(_, pod)| selector.matches(pod) && pods::is_ready(pod))
        .map(|(_, pod)| Arc::clone(pod))
        .collect();
    slice(world, service, &ready);
    endpoints(world, service, &ready);
}

/// Gives a Service or an Ingress the address of its load balancer.
pub(super) fn balance(world: &mut World, resource: &str, object: &Value) {
    let ingress = json!([{"ip": BALANCER}]);
    if object["status"]["loadBalancer"]["ingress"].is_null() {
        let mut balanced = object.clone();
        let mut entry = ingress;
        if resource == SERVICES {
            entry[0]["ipMode"] = json!("VIP");
        }
        object::set_at(&mut balanced, "status.loadBalancer.ingress", entry);
        write::controller_update(world, resource, balanced, "status");
    }
}

fn ports(service: &Value) -> Vec<Value> {
    object::items(&service["spec"]["ports"])
        .map(|port| {
            let number = port["targetPort"]
                .as_i64()
                .or(port["port"].as_i64())
                .unwrap_or(0);
            json!({
                "name": port["name"].as_str().unwrap_or_default(),
                "port": number,
                "protocol": port["protocol"].as_str().unwrap_or("TCP"),
            })
        })
        .collect()
}

fn reference(pod: &Value) -> Value {
    json!({
        "kind": "Pod", "namespace": object::namespace(pod),
        "name": object::name(pod), "uid": object::uid(pod),
    })
}

/// The labels of a Service and those that mark what was made for it.
fn labels(service: &Value, own: &[(&str, &str)]) -> Value {
    let mut labels = service["metadata"]["labels"].clone();
    let map = object::root_mut(&mut labels);
    for (key, value) in own {
        map.insert((*key).to_owned(), json!(value));
    }
    labels
}

fn slice(world: &mut World, service: &Value, ready: &[Arc<Value>]) {
    let name = object::name(service);
    let own = [
        ("kubernetes.io/service-name", name),
        (
            "endpointslice.kubernetes.io/managed-by",
            "endpointslice-controller.k8s.io",
        ),
    ];
    let addresses: Vec<Value> = ready
        .iter()
        .map(|pod| {
            json!({
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": true, "serving": true, "terminating": false},
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": reference(pod),
            })
        })
        .collect();
    let known = super::owned(world, SLICES, service).into_iter().next();
    let mut slice = known.as_ref().map_or_else(
        || {
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {
                    "name": write::generated(&format!("{name}-")),
                    "namespace": object::namespace(service),
                    "ownerReferences": [object::controller_reference(service)],
                },
                "addressType": "IPv4",
            })
        },
        |known| Value::clone(known),
    );
    object::set_meta(&mut slice, "labels", Some(labels(service, &own)));
    slice["endpoints"] = json!(addresses);
    slice["ports"] = json!(ports(service));
    match known {
        None => drop(write::controller_create(world, SLICES, slice)),
        Some(_) => write::controller_update(world, SLICES, slice, ""),
    }
}

fn endpoints(world: &mut World, service: &Value, ready: &[Arc<Value>]) {
    let key = Key::of(service);
    let addresses: Vec<Value> = ready
        .iter()
        .map(|pod| {
            json!({
                "ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"],
                "targetRef": reference(pod),
            })
        })
        .collect();
    let own = [("endpoints.kubernetes.io/managed-by", "endpoint-controller")];
    let known = world.store.get(ENDPOINTS, &key).cloned();
    let mut endpoints = known.as_ref().map_or_else(
        || {
            json!({
                "apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": key.name, "namespace": key.namespace},
            })
        },
        |known| Value::clone(known),
    );
    object::set_meta(&mut endpoints, "labels", Some(labels(service, &own)));
    let subsets =
        (!addresses.is_empty()).then(|| json!([{"addresses": addresses, "ports": ports(service)}]));
    object::set_root(&mut endpoints, "subsets", subsets);
    match known {
        None => drop(write::controller_create(world, ENDPOINTS, endpoints)),
        Some(_) => write::controller_update(world, ENDPOINTS, endpoints, ""),
    }
}

/// The Endpoints of a Service that is gone go, too.
pub(super) fn forget(world: &mut World, service: &Value) {
    super::garbage::remove(world, ENDPOINTS, &Key::of(service));
}
