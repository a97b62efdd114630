//! Owns the life of a pod as a kubelet would tell it: scheduled at once, ready after a delay,
//! finished when it is meant to finish, gone a moment after its deletion.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::events::{self, Note};
use super::{Again, Memory};
use crate::bootstrap::NODE;
use crate::store::Key;
use crate::world::World;
use crate::{clock, object, write};

/// An annotation on a pod that keeps it from becoming ready when it says `"false"`.
const READY: &str = "simkube.capstan.dev/ready";
const PODS: &str = "pods";
/// The first address of the pods' network, 10.244.0.0/16, that a pod gets.
const BASE: u32 = u32::from_be_bytes([10, 244, 0, 10]);
const ADDRESSES: u64 = 65_000;

/// How a pod turns out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Ready,
    /// Its image cannot be pulled.
    NeverStarts,
    /// It runs and its probe keeps failing.
    NeverReady,
    Crashes,
    Succeeds,
    Fails,
}

pub(super) fn reconcile(world: &mut World, memory: &mut Memory, pod: &Value) -> Again {
    let uid = object::uid(pod).to_owned();
    if object::is_terminating(pod) {
        let wait = memory.remaining(&format!("{uid} end"), world.options.termination_delay);
        if wait.is_none() {
            finish_deletion(world, pod);
        }
        return wait;
    }
    if matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    ) {
        return None;
    }
    let fate = fate(pod);
    if pod["status"]["conditions"].is_null() {
        schedule(world, pod, fate);
        return memory.remaining(&uid, world.options.ready_delay);
    }
    let wait = memory.remaining(&uid, world.options.ready_delay);
    if wait.is_some() {
        return wait;
    }
    let finishing = matches!(fate, Fate::Succeeds | Fate::Fails);
    let ready = finishing || fate == Fate::Ready;
    // A pod whose annotation changed is told anew.
    let started = pod["status"]["phase"] == "Running" && is_ready(pod) == ready;
    if !started && fate != Fate::NeverStarts {
        set_status(
            world,
            pod,
            running(world, pod, if finishing { Fate::Ready } else { fate }),
        );
    }
    if finishing {
        let wait = memory.remaining(&format!("{uid} done"), world.options.ready_delay);
        if wait.is_none() {
            set_status(world, pod, finished(pod, fate));
        }
        return wait;
    }
    None
}

fn fate(pod: &Value) -> Fate {
    let marked = |marker: &str| {
        object::items(&pod["spec"]["containers"]).any(|container| {
            container["image"]
                .as_str()
                .is_some_and(|image| image.contains(marker))
        })
    };
    let once = matches!(
        pod["spec"]["restartPolicy"].as_str(),
        Some("Never" | "OnFailure")
    );
    if marked(":never-ready") {
        Fate::NeverStarts
    } else if pod["metadata"]["annotations"][READY] == "false" {
        Fate::NeverReady
    } else if marked(":crash-loop") {
        Fate::Crashes
    } else if once && marked(":fail") {
        Fate::Fails
    } else if once {
        Fate::Succeeds
    } else {
        Fate::Ready
    }
}

/// Gives the pod its node, and the status that a kubelet reports first.
fn schedule(world: &mut World, pod: &Value, fate: Fate) {
    let mut bound = pod.clone();
    let stored = if bound["spec"]["nodeName"].is_null() {
        object::set_at(&mut bound, "spec.nodeName", json!(NODE));
        world.store.put(PODS, bound)
    } else {
        Arc::new(bound)
    };
    let reason = if fate == Fate::NeverStarts {
        "ErrImagePull"
    } else {
        "ContainerCreating"
    };
    let message = match fate {
        Fate::NeverStarts => "the simulation never pulls this image",
        _ => "",
    };
    let now = clock::now();
    let mut status = stored["status"].clone();
    status["phase"] = json!("Pending");
    status["hostIP"] = json!("127.0.0.1");
    status["hostIPs"] = json!([{"ip": "127.0.0.1"}]);
    status["startTime"] = json!(now);
    status["conditions"] = conditions(&now, "False", object::generation(pod));
    status["containerStatuses"] = statuses(pod, &|_| {
        let mut waiting = json!({"reason": reason});
        if !message.is_empty() {
            waiting["message"] = json!(message);
        }
        (json!({"waiting": waiting}), false, 0)
    });
    set_status(world, &stored, status);
    if fate == Fate::NeverStarts {
        let note = Note::warning(
            "kubelet",
            "Failed",
            format!("Error: ErrImagePull: {message}"),
        );
        events::record(world, pod, &note);
    }
}

fn running(world: &World, pod: &Value, fate: Fate) -> Value {
    let now = clock::now();
    let ready = fate == Fate::Ready;
    let mut status = pod["status"].clone();
    status["phase"] = json!("Running");
    let address = BASE + u32::try_from(world.store.revision() % ADDRESSES).unwrap_or(0);
    let address = Ipv4Addr::from(address).to_string();
    status["podIP"] = json!(address);
    status["podIPs"] = json!([{"ip": address}]);
    let verdict = if ready { "True" } else { "False" };
    status["conditions"] = conditions(&now, verdict, object::generation(pod));
    status["containerStatuses"] = statuses(pod, &|_| match fate {
        Fate::Crashes => {
            let waiting = json!({
                "reason": "CrashLoopBackOff",
                "message": "back-off 5m0s restarting failed container",
            });
            (json!({"waiting": waiting}), false, 5)
        }
        _ => (json!({"running": {"startedAt": now}}), ready, 0),
    });
    status
}

fn finished(pod: &Value, fate: Fate) -> Value {
    let now = clock::now();
    let failed = fate == Fate::Fails;
    let (phase, reason, code) = if failed {
        ("Failed", "Error", 1)
    } else {
        ("Succeeded", "Completed", 0)
    };
    let mut status = pod["status"].clone();
    status["phase"] = json!(phase);
    status["conditions"] = conditions(&now, "False", object::generation(pod));
    status["containerStatuses"] = statuses(pod, &|_| {
        let end = json!({"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now});
        (json!({"terminated": end}), false, 0)
    });
    status
}

fn conditions(now: &str, ready: &str, generation: i64) -> Value {
    let condition = |kind: &str, status: &str| {
        let mut condition = json!({
            "type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": now,
        });
        if generation > 0 {
            condition["observedGeneration"] = json!(generation);
        }
        if status == "False" {
            condition["reason"] = json!("ContainersNotReady");
            condition["message"] = json!("containers are not ready");
        }
        condition
    };
    json!([
        condition("PodReadyToStartContainers", "True"),
        condition("Initialized", "True"),
        condition("Ready", ready),
        condition("ContainersReady", ready),
        condition("PodScheduled", "True"),
    ])
}

/// The status of each container, by what `state` says: state, ready, restarts.
fn statuses(pod: &Value, state: &dyn Fn(&Value) -> (Value, bool, i64)) -> Value {
    object::items(&pod["spec"]["containers"])
        .map(|container| {
            let (now, ready, restarts) = state(container);
            json!({
                "name": container["name"], "image": container["image"], "imageID": "",
                "state": now, "lastState": {}, "ready": ready, "started": ready,
                "restartCount": restarts,
            })
        })
        .collect()
}

fn set_status(world: &mut World, pod: &Value, mut status: Value) {
    if object::generation(pod) > 0 {
        status["observedGeneration"] = json!(object::generation(pod));
    }
    write::update_status(world, PODS, &Key::of(pod), status, "kubelet");
}

/// The last step of a graceful deletion.
fn finish_deletion(world: &mut World, pod: &Value) {
    let key = Key::of(pod);
    if object::finalizers(pod).next().is_none() {
        world.store.remove(PODS, &key);
    } else if pod["metadata"]["deletionGracePeriodSeconds"] != 0 {
        let mut ended = pod.clone();
        object::set_meta(&mut ended, "deletionGracePeriodSeconds", Some(json!(0)));
        world.store.put(PODS, ended);
    }
}

/// Whether a pod is ready to serve.
pub(super) fn is_ready(pod: &Value) -> bool {
    !object::is_terminating(pod) && object::condition(pod, "Ready") == "True"
}

/// Whether a pod still counts for the one who made it.
pub(super) fn is_active(pod: &Value) -> bool {
    !object::is_terminating(pod)
        && !matches!(
            pod["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        )
}
