//! Owns ReplicaSets and ReplicationControllers: as many pods as asked for.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{garbage, owned, pods};
use crate::store::Key;
use crate::world::World;
use crate::{object, write};

const CONTROLLERS: &str = "replicationcontrollers";

pub(super) fn reconcile(world: &mut World, resource: &str, set: &Value) {
    if object::is_terminating(set) {
        return;
    }
    let active: Vec<Arc<Value>> = owned(world, "pods", set)
        .into_iter()
        .filter(|pod| pods::is_active(pod))
        .collect();
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    for _ in active.len()..wanted {
        let name = write::generated(&format!("{}-", object::name(set)));
        super::make_pod(world, set, &name, &json!({}));
    }
    if active.len() > wanted {
        shrink(world, active, wanted);
    }
    status(world, resource, set);
}

/// Removes the pods that are missed least: those not ready, then the youngest.
fn shrink(world: &mut World, mut pods: Vec<Arc<Value>>, wanted: usize) {
    pods.sort_by_key(|pod| (pods::is_ready(pod), Reverse(object::revision(pod))));
    let surplus = pods.len() - wanted;
    for pod in &pods[..surplus] {
        garbage::remove(world, "pods", &Key::of(pod));
    }
}

fn status(world: &mut World, resource: &str, set: &Value) {
    let active: Vec<Arc<Value>> = owned(world, "pods", set)
        .into_iter()
        .filter(|pod| pods::is_active(pod))
        .collect();
    let ready = active.iter().filter(|pod| pods::is_ready(pod)).count();
    let terminating = owned(world, "pods", set)
        .iter()
        .filter(|pod| object::is_terminating(pod))
        .count();
    let mut status = json!({
        "terminatingReplicas": terminating,
        "replicas": active.len(),
        "observedGeneration": object::generation(set),
    });
    for (field, count) in [
        ("fullyLabeledReplicas", active.len()),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
    ] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    if resource == CONTROLLERS {
        object::root_mut(&mut status).remove("terminatingReplicas");
    }
    super::put_status(world, resource, &Key::of(set), status);
}
