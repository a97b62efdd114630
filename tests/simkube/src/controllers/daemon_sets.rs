//! Owns DaemonSets: one pod on every node that the selector allows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{garbage, owned, pods};
use crate::selector::Labels;
use crate::store::Key;
use crate::world::World;
use crate::{object, write};

const DAEMON_SETS: &str = "daemonsets.apps";
const REVISION: &str = "controller-revision-hash";

pub(super) fn reconcile(world: &mut World, set: &Value) {
    if object::is_terminating(set) {
        return;
    }
    let hash = super::template_hash(&set["spec"]["template"]);
    super::ensure_revision(world, set, &format!("{}-{hash}", object::name(set)));
    let selector = json!({"matchLabels": set["spec"]["template"]["spec"]["nodeSelector"]});
    let selector = Labels::from_object(&selector);
    let nodes: Vec<String> = world
        .store
        .list("nodes", None)
        .filter(|(_, node)| selector.matches(node))
        .map(|(key, _)| key.name.clone())
        .collect();
    let all = owned(world, "pods", set);
    let on = |node: &str| {
        all.iter()
            .find(|pod| pod_node(pod) == node && pods::is_active(pod))
            .cloned()
    };
    let rolling = set["spec"]["updateStrategy"]["type"] != "OnDelete";
    let mut missing = 0;
    for node in &nodes {
        match on(node) {
            None => {
                missing += 1;
                if !all.iter().any(|pod| pod_node(pod) == node) {
                    make(world, set, node, &hash);
                }
            }
            Some(pod) if rolling && missing == 0 && is_outdated(&pod, &hash) => {
                missing += 1;
                garbage::remove(world, "pods", &Key::of(&pod));
            }
            Some(_) => {}
        }
    }
    for pod in all
        .iter()
        .filter(|pod| !nodes.iter().any(|node| pod_node(pod) == node))
    {
        if !object::is_terminating(pod) {
            garbage::remove(world, "pods", &Key::of(pod));
        }
    }
    status(world, set, &hash, nodes.len());
}

/// The node that a pod is on.
fn pod_node(pod: &Value) -> &str {
    pod["spec"]["nodeName"].as_str().unwrap_or_default()
}

fn is_outdated(pod: &Value, hash: &str) -> bool {
    object::at(pod, "metadata.labels")[REVISION] != hash
}

fn make(world: &mut World, set: &Value, node: &str, hash: &str) {
    let name = write::generated(&format!("{}-", object::name(set)));
    let extra = json!({"labels": {REVISION: hash}, "spec": {"nodeName": node}});
    super::make_pod(world, set, &name, &extra);
}

fn status(world: &mut World, set: &Value, hash: &str, nodes: usize) {
    let pods: Vec<Arc<Value>> = owned(world, "pods", set)
        .into_iter()
        .filter(|pod| pods::is_active(pod))
        .collect();
    let ready = pods.iter().filter(|pod| pods::is_ready(pod)).count();
    let updated = pods.iter().filter(|pod| !is_outdated(pod, hash)).count();
    let mut status = json!({
        "observedGeneration": object::generation(set),
        "currentNumberScheduled": pods.len(),
        "desiredNumberScheduled": nodes,
        "numberMisscheduled": 0,
        "numberReady": ready,
    });
    for (field, count) in [
        ("updatedNumberScheduled", updated),
        ("numberAvailable", ready),
        ("numberUnavailable", nodes.saturating_sub(ready)),
    ] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    super::put_status(world, DAEMON_SETS, &Key::of(set), status);
}
