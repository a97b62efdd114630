//! Owns StatefulSets: numbered pods with claims of their own, made in order and updated from the
//! last to the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{garbage, owned, pods};
use crate::store::Key;
use crate::world::World;
use crate::{object, write};

const STATEFUL_SETS: &str = "statefulsets.apps";
const REVISION: &str = "controller-revision-hash";

pub(super) fn reconcile(world: &mut World, set: &Value) {
    if object::is_terminating(set) {
        return;
    }
    let hash = super::template_hash(&set["spec"]["template"]);
    let update = format!("{}-{hash}", object::name(set));
    super::ensure_revision(world, set, &update);
    let wanted = set["spec"]["replicas"].as_i64().unwrap_or(1).max(0);
    let start = set["spec"]["ordinals"]["start"].as_i64().unwrap_or(0);
    let pods: BTreeMap<i64, Arc<Value>> = owned(world, "pods", set)
        .into_iter()
        .filter_map(|pod| Some((ordinal(set, object::name(&pod))?, pod)))
        .collect();
    step(world, set, &update, (start..start + wanted, &pods));
    status(world, set, &update, wanted);
}

fn ordinal(set: &Value, pod: &str) -> Option<i64> {
    pod.strip_prefix(object::name(set))?
        .strip_prefix('-')?
        .parse()
        .ok()
}

type Pods<'a> = (std::ops::Range<i64>, &'a BTreeMap<i64, Arc<Value>>);

/// Does what may be done now; every change of a pod brings the next step.
fn step(world: &mut World, set: &Value, update: &str, (range, pods): Pods<'_>) {
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    for number in range.clone() {
        match pods.get(&number) {
            None => {
                make(world, set, number, update);
                if !parallel {
                    return;
                }
            }
            Some(pod) if !parallel && !pods::is_ready(pod) && !is_outdated(set, pod, update) => {
                return;
            }
            Some(_) => {}
        }
    }
    for (_, pod) in pods
        .iter()
        .rev()
        .filter(|(number, _)| !range.contains(number))
    {
        if !object::is_terminating(pod) {
            garbage::remove(world, "pods", &Key::of(pod));
        }
        if !parallel {
            return;
        }
    }
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return;
    }
    let partition = set["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
        .as_i64()
        .unwrap_or(0);
    for (_, pod) in pods
        .iter()
        .rev()
        .filter(|(number, _)| **number >= partition)
    {
        if is_outdated(set, pod, update) {
            if !object::is_terminating(pod) {
                garbage::remove(world, "pods", &Key::of(pod));
            }
            return;
        }
        if !pods::is_ready(pod) {
            return;
        }
    }
}

fn is_outdated(_set: &Value, pod: &Value, update: &str) -> bool {
    object::at(pod, "metadata.labels")[REVISION] != update
}

fn make(world: &mut World, set: &Value, number: i64, update: &str) {
    let name = format!("{}-{number}", object::name(set));
    let mut volumes = set["spec"]["template"]["spec"]["volumes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for template in object::items(&set["spec"]["volumeClaimTemplates"]) {
        let kind = object::name(template);
        let claim = format!("{kind}-{name}");
        if world
            .find("persistentvolumeclaims", object::namespace(set), &claim)
            .is_none()
        {
            let mut labels = set["spec"]["selector"]["matchLabels"].clone();
            object::root_mut(&mut labels);
            write::controller_create(
                world,
                "persistentvolumeclaims",
                json!({
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {"name": claim, "namespace": object::namespace(set), "labels": labels},
                    "spec": template["spec"],
                }),
            );
        }
        volumes.push(json!({"name": kind, "persistentVolumeClaim": {"claimName": claim}}));
    }
    let labels = json!({
        REVISION: update,
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": number.to_string(),
    });
    let spec = json!({
        "hostname": name, "subdomain": set["spec"]["serviceName"], "volumes": volumes,
    });
    super::make_pod(world, set, &name, &json!({"labels": labels, "spec": spec}));
}

fn status(world: &mut World, set: &Value, update: &str, wanted: i64) {
    let pods: Vec<Arc<Value>> = owned(world, "pods", set)
        .into_iter()
        .filter(|pod| pods::is_active(pod))
        .collect();
    let ready = pods.iter().filter(|pod| pods::is_ready(pod)).count();
    let updated = pods
        .iter()
        .filter(|pod| !is_outdated(set, pod, update))
        .count();
    let complete =
        i64::try_from(updated).ok() == Some(wanted) && ready == updated && pods.len() == updated;
    let before = set["status"]["currentRevision"].as_str().unwrap_or(update);
    let current = if complete { update } else { before };
    let on_current = pods
        .iter()
        .filter(|pod| object::at(pod, "metadata.labels")[REVISION] == current)
        .count();
    let mut status = json!({
        "observedGeneration": object::generation(set),
        "replicas": pods.len(),
        "availableReplicas": ready,
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": 0,
    });
    for (field, count) in [
        ("readyReplicas", ready),
        ("currentReplicas", on_current),
        ("updatedReplicas", updated),
    ] {
        if count > 0 {
            status[field] = json!(count);
        }
    }
    super::put_status(world, STATEFUL_SETS, &Key::of(set), status);
}
