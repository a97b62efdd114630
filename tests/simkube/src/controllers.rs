//! Owns the stand-ins for a cluster's controllers: one task that wakes when objects change and
//! when something it waits for is due, and otherwise costs nothing.
//!
//! Every stand-in is level-triggered: it looks at the object as it is now and says when it wants
//! to look again, if at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use self::events::Note;
use crate::app::{App, stopped};
use crate::object;
use crate::store::{Key, Reference};
use crate::world::{DEFINITIONS, NAMESPACES, World};
use crate::write;

mod aggregation;
mod budgets;
mod daemon_sets;
mod definitions;
mod deployments;
mod events;
mod garbage;
mod jobs;
mod namespaces;
mod pods;
mod progress;
mod replica_sets;
mod services;
mod stateful_sets;
mod volumes;

/// Objects looked at before others get the lock.
const BATCH: usize = 8;
/// Events live for an hour, as on the real server.
const EVENT_LIFETIME: Duration = Duration::from_secs(3600);

/// When an object wants to be looked at again.
type Again = Option<Duration>;

/// What the stand-ins remember between two looks; none of it must survive a restart.
#[derive(Debug, Default)]
struct Memory {
    queue: BTreeSet<Reference>,
    timers: BTreeMap<Instant, BTreeSet<Reference>>,
    /// When a step of an object (by UID and step) began.
    began: BTreeMap<String, Instant>,
}

impl Memory {
    fn later(&mut self, reference: Reference, delay: Duration) {
        self.timers
            .entry(Instant::now() + delay)
            .or_default()
            .insert(reference);
    }

    /// Moves what is due into the queue.
    fn collect_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry()
            && *entry.key() <= now
        {
            self.queue.extend(entry.remove());
        }
    }

    /// How long until `delay` has passed since this was first asked for `step`; `None` when it has.
    fn remaining(&mut self, step: &str, delay: Duration) -> Again {
        let began = *self
            .began
            .entry(step.to_owned())
            .or_insert_with(Instant::now);
        let passed = began.elapsed();
        (passed < delay).then(|| delay - passed)
    }

    fn forget(&mut self, uid: &str) {
        let steps: Vec<String> = self
            .began
            .range(uid.to_owned()..)
            .take_while(|(step, _)| step.starts_with(uid))
            .map(|(step, _)| step.clone())
            .collect();
        for step in steps {
            self.began.remove(&step);
        }
    }
}

/// Runs the stand-ins until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut memory = Memory::default();
    let mut stop = app.stop.clone();
    loop {
        memory.collect_due();
        app.shared.with(|world| collect_changes(world, &mut memory));
        if memory.queue.is_empty() {
            let next = memory.timers.first_key_value().map(|(moment, _)| *moment);
            tokio::select! {
                () = app.shared.bell.notified() => {}
                () = sleep_until(next) => {}
                () = stopped(&mut stop) => return,
            }
            continue;
        }
        let batch: Vec<Reference> = std::iter::from_fn(|| memory.queue.pop_first())
            .take(BATCH)
            .collect();
        app.shared.with(|world| {
            for reference in batch {
                if let Some(delay) = reconcile(world, &mut memory, &reference) {
                    memory.later(reference, delay);
                }
            }
            world.store.condense();
        });
        tokio::task::yield_now().await;
        if *stop.borrow() {
            return;
        }
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Queues what changed, and whoever such changes matter to.
fn collect_changes(world: &mut World, memory: &mut Memory) {
    let touched = world.store.take_touched();
    for (resource, object) in &touched.removed {
        memory.forget(object::uid(object));
        if resource == services::SERVICES && world.options.workloads {
            services::forget(world, object);
        }
        memory
            .queue
            .extend(world.store.dependents(object::uid(object)));
        memory.queue.extend(interested(world, resource, object));
    }
    for (resource, key) in touched.changed {
        if let Some(object) = world.store.get(&resource, &key) {
            let object = Arc::clone(object);
            memory.queue.extend(interested(world, &resource, &object));
            memory.queue.insert((resource, key));
        }
    }
}

/// The objects whose state follows from this one.
fn interested(world: &World, resource: &str, object: &Value) -> Vec<Reference> {
    let mut references: Vec<Reference> = object::owner_uids(object)
        .filter_map(|uid| world.store.by_uid(uid).cloned())
        .collect();
    if let Some(volume) = object["spec"]["volumeName"]
        .as_str()
        .filter(|_| resource == "persistentvolumeclaims")
    {
        references.push(("persistentvolumes".to_owned(), Key::new("", volume)));
    }
    let namespace = object::namespace(object);
    if !namespace.is_empty()
        && world
            .find(NAMESPACES, "", namespace)
            .is_some_and(|namespace| object::is_terminating(namespace))
    {
        references.push((NAMESPACES.to_owned(), Key::new("", namespace)));
    }
    if resource == "pods" {
        references.extend(services::of_pod(world, object));
        references.extend(budgets::of_pod(world, object));
    }
    if resource == aggregation::ROLES {
        references.extend(aggregation::aggregated(world));
    }
    let custom = world
        .kinds
        .by_collection(resource)
        .is_none_or(|served| served.resource.custom);
    if custom && world.find(DEFINITIONS, "", resource).is_some() {
        references.push((DEFINITIONS.to_owned(), Key::new("", resource)));
    }
    references
}

fn reconcile(world: &mut World, memory: &mut Memory, reference: &Reference) -> Again {
    let (resource, key) = reference;
    let object = Arc::clone(world.store.get(resource, key)?);
    if garbage::reconcile(world, resource, key, &object) {
        return None;
    }
    let workloads = world.options.workloads;
    match resource.as_str() {
        NAMESPACES => namespaces::reconcile(world, &object),
        DEFINITIONS => return definitions::reconcile(world, memory, &object),
        aggregation::ROLES => aggregation::reconcile(world, &object),
        "events" => return expire(world, key, &object),
        "persistentvolumeclaims" | "persistentvolumes" => {
            volumes::reconcile(world, resource, &object)
        }
        "pods" if workloads => return pods::reconcile(world, memory, &object),
        "replicasets.apps" | "replicationcontrollers" if workloads => {
            replica_sets::reconcile(world, resource, &object);
        }
        services::SERVICES if workloads => services::reconcile(world, &object),
        "ingresses.networking.k8s.io" if workloads => {
            services::balance(world, resource, &object);
        }
        budgets::BUDGETS if workloads => budgets::reconcile(world, &object),
        "deployments.apps" if workloads => return deployments::reconcile(world, &object),
        "statefulsets.apps" if workloads => stateful_sets::reconcile(world, &object),
        "daemonsets.apps" if workloads => daemon_sets::reconcile(world, &object),
        "jobs.batch" if workloads => return jobs::reconcile(world, &object),
        _ => {}
    }
    None
}

fn expire(world: &mut World, key: &Key, event: &Value) -> Again {
    let age = crate::clock::since(object::meta(event, "creationTimestamp"))?;
    let age = Duration::try_from(age).unwrap_or_default();
    if age < EVENT_LIFETIME {
        return Some(EVENT_LIFETIME - age);
    }
    world.store.remove("events", key);
    None
}

/// Puts a condition into `status.conditions`; an equal one keeps its times.
fn set_condition(object: &mut Value, condition: Value) {
    let status = object::child_mut(object::root_mut(object), "status");
    let list = status
        .entry("conditions")
        .or_insert_with(|| Value::Array(Vec::new()));
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    let conditions = list.as_array_mut().expect("made a list just above");
    let Some(known) = conditions
        .iter_mut()
        .find(|known| known["type"] == condition["type"])
    else {
        conditions.push(condition);
        return;
    };
    let mut fresh = condition;
    if known["status"] == fresh["status"] {
        fresh["lastTransitionTime"] = known["lastTransitionTime"].clone();
        if known["reason"] == fresh["reason"] && known["message"] == fresh["message"] {
            for field in ["lastUpdateTime", "lastProbeTime"] {
                if let Some(time) = known.get(field) {
                    fresh[field] = time.clone();
                }
            }
        }
    }
    *known = fresh;
}

/// The objects of a resource that `owner` controls.
fn owned(world: &World, resource: &str, owner: &Value) -> Vec<Arc<Value>> {
    let uid = object::uid(owner);
    world
        .store
        .dependents(uid)
        .into_iter()
        .filter(|(of, _)| of == resource)
        .filter_map(|(of, key)| world.store.get(&of, &key).cloned())
        .filter(|object| object::controller_of(object).is_some_and(|owner| owner["uid"] == uid))
        .collect()
}

/// Makes a pod of a workload's template; `extra` adds labels, annotations and parts of the spec.
fn make_pod(world: &mut World, owner: &Value, name: &str, extra: &Value) {
    let template = &owner["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": format!("{}-", object::name(owner)),
            "namespace": object::namespace(owner),
            "ownerReferences": [object::controller_reference(owner)],
        },
        "spec": template["spec"],
    });
    for part in ["labels", "annotations"] {
        let texts = template["metadata"][part].as_object().into_iter().flatten();
        for (key, value) in texts.chain(extra[part].as_object().into_iter().flatten()) {
            object::child_mut(object::metadata_mut(&mut pod), part)
                .insert(key.clone(), value.clone());
        }
    }
    for (key, value) in extra["spec"].as_object().into_iter().flatten() {
        if !value.is_null() {
            object::child_mut(object::root_mut(&mut pod), "spec")
                .insert(key.clone(), value.clone());
        }
    }
    if write::controller_create(world, "pods", pod).is_some() {
        let source = format!(
            "{}-controller",
            owner["kind"].as_str().unwrap_or_default().to_lowercase()
        );
        let note = Note::normal(&source, "SuccessfulCreate", format!("Created pod: {name}"));
        events::record(world, owner, &note);
    }
}

/// Writes a status if it says something new.
fn put_status(world: &mut World, resource: &str, key: &Key, status: Value) {
    if world
        .store
        .get(resource, key)
        .is_some_and(|live| live["status"] != status)
    {
        write::update_status(world, resource, key, status, "kube-controller-manager");
    }
}

/// The revision of a set's template, kept as an object, as by the real controllers.
fn ensure_revision(world: &mut World, owner: &Value, name: &str) {
    const REVISIONS: &str = "controllerrevisions.apps";
    let revisions = owned(world, REVISIONS, owner);
    let newest = revisions
        .iter()
        .filter_map(|revision| revision["revision"].as_i64())
        .max()
        .unwrap_or(0);
    match revisions
        .iter()
        .find(|revision| object::name(revision) == name)
    {
        Some(revision) if revision["revision"] == newest => {}
        Some(revision) => {
            let mut again = Value::clone(revision);
            again["revision"] = json!(newest + 1);
            write::controller_update(world, REVISIONS, again, "");
        }
        None => {
            write::controller_create(
                world,
                REVISIONS,
                json!({
                    "apiVersion": "apps/v1", "kind": "ControllerRevision",
                    "metadata": {
                        "name": name,
                        "namespace": object::namespace(owner),
                        "labels": owner["spec"]["template"]["metadata"]["labels"],
                        "ownerReferences": [object::controller_reference(owner)],
                    },
                    "data": {"spec": {"template": owner["spec"]["template"]}},
                    "revision": newest + 1,
                }),
            );
        }
    }
}

/// A short hash of a template, in the alphabet of generated names.
fn template_hash(template: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(template.to_string());
    digest
        .iter()
        .take(9)
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}
