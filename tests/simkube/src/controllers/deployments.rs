//! Owns Deployments: one ReplicaSet per template, rolled over within the bounds of the strategy.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::events::{self, Note};
use super::progress::{self, Rollout};
use super::{Again, garbage, owned};
use crate::store::Key;
use crate::world::World;
use crate::{object, write};

const DEPLOYMENTS: &str = "deployments.apps";
const REPLICA_SETS: &str = "replicasets.apps";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

/// How many pods a Deployment may have, and must keep, during a rollout.
struct Bounds {
    wanted: i64,
    most: i64,
    least: i64,
}

pub(super) fn reconcile(world: &mut World, deployment: &Value) -> Again {
    if object::is_terminating(deployment) {
        return None;
    }
    let sets = owned(world, REPLICA_SETS, deployment);
    let hash = super::template_hash(&deployment["spec"]["template"]);
    let mut current = sets
        .iter()
        .find(|set| object::at(set, "metadata.labels")[HASH] == hash)
        .cloned();
    let paused = deployment["spec"]["paused"] == true;
    if current.is_none() && !paused {
        current = make_set(world, deployment, &sets, &hash);
    }
    let old: Vec<Arc<Value>> = sets
        .into_iter()
        .filter(|set| {
            current
                .as_ref()
                .is_none_or(|current| object::uid(current) != object::uid(set))
        })
        .collect();
    let mut number = revision(deployment);
    if let Some(current) = &current {
        number = mark_revision(world, current, &old);
        roll(world, deployment, current, &old);
        clean_up(world, deployment, &old);
    }
    status(world, deployment, &hash, number)
}

fn make_set(
    world: &mut World,
    deployment: &Value,
    sets: &[Arc<Value>],
    hash: &str,
) -> Option<Arc<Value>> {
    let bounds = bounds(deployment);
    let total: i64 = sets.iter().map(|set| replicas(set)).sum();
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let first = if recreate && total > 0 {
        0
    } else {
        (bounds.most - total).clamp(0, bounds.wanted)
    };
    let mut template = deployment["spec"]["template"].clone();
    let mut selector = deployment["spec"]["selector"].clone();
    object::set_at(
        &mut template,
        &format!("metadata.labels.{HASH}"),
        json!(hash),
    );
    object::set_at(&mut selector, &format!("matchLabels.{HASH}"), json!(hash));
    let mut annotations = object::at(deployment, "metadata.annotations").clone();
    object::root_mut(&mut annotations).remove("kubectl.kubernetes.io/last-applied-configuration");
    annotations[REVISION] = json!(next_revision(sets).to_string());
    annotations["deployment.kubernetes.io/desired-replicas"] = json!(bounds.wanted.to_string());
    annotations["deployment.kubernetes.io/max-replicas"] = json!(bounds.most.to_string());
    let made = write::controller_create(
        world,
        REPLICA_SETS,
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": format!("{}-{hash}", object::name(deployment)),
                "namespace": object::namespace(deployment),
                "labels": template["metadata"]["labels"],
                "annotations": annotations,
                "ownerReferences": [object::controller_reference(deployment)],
            },
            "spec": {"replicas": first, "selector": selector, "template": template},
        }),
    )?;
    if first > 0 {
        announce(world, &made, 0, first);
    }
    Some(made)
}

fn revision(object: &Value) -> i64 {
    let text = object["metadata"]["annotations"][REVISION].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn next_revision(sets: &[Arc<Value>]) -> i64 {
    sets.iter().map(|set| revision(set)).max().unwrap_or(0) + 1
}

/// The newest template has the highest revision, also after a rollback to an old one.
fn mark_revision(world: &mut World, current: &Value, old: &[Arc<Value>]) -> i64 {
    let mut number = revision(current);
    if number < next_revision(old) {
        number = next_revision(old);
        let mut marked = current.clone();
        annotate(&mut marked, number);
        write::controller_update(world, REPLICA_SETS, marked, "");
    }
    number
}

fn annotate(object: &mut Value, number: i64) {
    object::child_mut(object::metadata_mut(object), "annotations")
        .insert(REVISION.to_owned(), json!(number.to_string()));
}

fn replicas(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn count(object: &Value, field: &str) -> i64 {
    object["status"][field].as_i64().unwrap_or(0)
}

fn bounds(deployment: &Value) -> Bounds {
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    let surge = share(&rolling["maxSurge"], wanted, true);
    let mut missing = share(&rolling["maxUnavailable"], wanted, false);
    if surge == 0 && missing == 0 {
        missing = 1;
    }
    Bounds {
        wanted,
        most: wanted + surge,
        least: (wanted - missing).max(0),
    }
}

/// A number or a percentage of `whole`; 25% when absent.
pub(super) fn share(value: &Value, whole: i64, up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent: i64 = value
        .as_str()
        .and_then(|text| text.trim_end_matches('%').parse().ok())
        .unwrap_or(25);
    if up {
        (whole * percent + 99) / 100
    } else {
        whole * percent / 100
    }
}

/// One step of a rollout; the change that it makes brings the next one.
fn roll(world: &mut World, deployment: &Value, current: &Value, old: &[Arc<Value>]) {
    let bounds = bounds(deployment);
    let old_total: i64 = old.iter().map(|set| replicas(set)).sum();
    if deployment["spec"]["strategy"]["type"] == "Recreate" {
        for set in old {
            scale(world, set, 0);
        }
        let pods_left = old.iter().any(|set| !owned(world, "pods", set).is_empty());
        if !pods_left {
            scale(world, current, bounds.wanted);
        }
        return;
    }
    let room = (bounds.most - old_total).clamp(0, bounds.wanted);
    let target = if replicas(current) > bounds.wanted {
        bounds.wanted
    } else {
        room.max(replicas(current).min(bounds.wanted))
    };
    scale(world, current, target);
    let available = count(current, "availableReplicas")
        + old
            .iter()
            .map(|set| count(set, "availableReplicas"))
            .sum::<i64>();
    let mut spare = available - bounds.least;
    for set in old {
        // Pods that are not available are missed by nobody.
        let broken = (replicas(set) - count(set, "availableReplicas")).max(0);
        let healthy = (replicas(set) - broken).min(spare.max(0));
        let gone = broken + healthy;
        if gone > 0 {
            scale(world, set, replicas(set) - gone);
            spare -= healthy;
        }
    }
}

fn scale(world: &mut World, set: &Value, to: i64) {
    let Some(live) = world.store.get(REPLICA_SETS, &Key::of(set)) else {
        return;
    };
    if replicas(live) == to {
        return;
    }
    let mut scaled = Value::clone(live);
    let from = replicas(live);
    object::set_at(&mut scaled, "spec.replicas", json!(to));
    write::controller_update(world, REPLICA_SETS, scaled, "");
    announce(world, set, from, to);
}

/// Says on the Deployment that one of its sets was scaled.
fn announce(world: &mut World, set: &Value, from: i64, to: i64) {
    let Some(owner) = object::controller_of(set) else {
        return;
    };
    let key = Key::new(
        object::namespace(set),
        owner["name"].as_str().unwrap_or_default(),
    );
    let Some(deployment) = world.store.get(DEPLOYMENTS, &key).cloned() else {
        return;
    };
    let way = if to > from { "up" } else { "down" };
    let message = format!(
        "Scaled {way} replica set {} from {from} to {to}",
        object::name(set)
    );
    let note = Note::normal("deployment-controller", "ScalingReplicaSet", message);
    events::record(world, &deployment, &note);
}

/// Removes old sets beyond the history limit.
fn clean_up(world: &mut World, deployment: &Value, old: &[Arc<Value>]) {
    let limit = deployment["spec"]["revisionHistoryLimit"]
        .as_u64()
        .unwrap_or(10);
    let mut idle: Vec<&Arc<Value>> = old
        .iter()
        .filter(|set| replicas(set) == 0 && count(set, "replicas") == 0)
        .collect();
    idle.sort_by_key(|set| revision(set));
    let surplus = idle
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    for set in &idle[..surplus] {
        garbage::remove(world, REPLICA_SETS, &Key::of(set));
    }
}

fn status(world: &mut World, deployment: &Value, hash: &str, number: i64) -> Again {
    let sets = owned(world, REPLICA_SETS, deployment);
    let sum = |field: &str| sets.iter().map(|set| count(set, field)).sum::<i64>();
    let updated = sets
        .iter()
        .find(|set| object::at(set, "metadata.labels")[HASH] == hash)
        .map_or(0, |set| count(set, "replicas"));
    let bounds = bounds(deployment);
    let available = sum("availableReplicas");
    let unavailable = (sets
        .iter()
        .map(|set| replicas(set))
        .sum::<i64>()
        .max(bounds.wanted)
        - available)
        .max(0);
    let terminating = sets
        .iter()
        .flat_map(|set| owned(world, "pods", set))
        .filter(|pod| object::is_terminating(pod))
        .count();
    let status = counted(
        deployment,
        terminating,
        &[
            ("replicas", sum("replicas")),
            ("updatedReplicas", updated),
            ("readyReplicas", sum("readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", unavailable),
        ],
    );
    let done = updated >= bounds.wanted && sum("replicas") == updated && available >= updated;
    let live = world.store.get(DEPLOYMENTS, &Key::of(deployment))?;
    let mut object = Value::clone(live);
    object::set_root(&mut object, "status", Some(status));
    let before = |field: &str| count(deployment, field);
    let old = |all: i64, new: i64| all - new;
    let moved = updated > before("updatedReplicas")
        || available > before("availableReplicas")
        || old(sum("replicas"), updated) < old(before("replicas"), before("updatedReplicas"));
    let limit = deployment["spec"]["progressDeadlineSeconds"].as_u64();
    let rollout = Rollout {
        set: &format!("{}-{hash}", object::name(deployment)),
        available: available >= bounds.least,
        done,
        moved,
        paused: deployment["spec"]["paused"] == true,
        limit: Duration::from_secs(limit.unwrap_or(600)),
    };
    let again = progress::conditions(&mut object, &rollout);
    if number > 0 {
        // Through the status, as the real controller does: the generation stays.
        annotate(&mut object, number);
    }
    if object != **live {
        write::controller_update(world, DEPLOYMENTS, object, "status");
    }
    again
}

/// The status with these counts; a count of nothing is left out.
fn counted(deployment: &Value, terminating: usize, counts: &[(&str, i64)]) -> Value {
    let mut status = deployment["status"].clone();
    object::root_mut(&mut status);
    status["observedGeneration"] = json!(object::generation(deployment));
    status["terminatingReplicas"] = json!(terminating);
    for (field, value) in counts {
        if *value == 0 {
            object::root_mut(&mut status).remove(*field);
        } else {
            status[*field] = json!(value);
        }
    }
    status
}
