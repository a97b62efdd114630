//! Owns claims and volumes: a claim is bound at once to a volume made for it.

use serde_json::{Value, json};

use super::garbage;
use crate::object;
use crate::store::Key;
use crate::world::World;
use crate::write;

const CLAIMS: &str = "persistentvolumeclaims";
const VOLUMES: &str = "persistentvolumes";
const CLASSES: &str = "storageclasses.storage.k8s.io";

pub(super) fn reconcile(world: &mut World, resource: &str, object: &Value) {
    if resource == CLAIMS {
        claim(world, object)
    } else {
        volume(world, object)
    }
}

fn claim(world: &mut World, claim: &Value) {
    let key = Key::of(claim);
    if object::is_terminating(claim) {
        garbage::drop_finalizer(world, CLAIMS, &key, "kubernetes.io/pvc-protection");
        return;
    }
    if claim["status"]["phase"] == "Bound" {
        return;
    }
    let name = match claim["spec"]["volumeName"].as_str() {
        Some(name) => name.to_owned(),
        None => match provision(world, claim) {
            Some(name) => name,
            None => return,
        },
    };
    let mut named = claim.clone();
    object::set_at(&mut named, "spec.volumeName", json!(name));
    write::controller_update(world, CLAIMS, named, "");
    let Some(live) = world.store.get(CLAIMS, &key) else {
        return;
    };
    let mut bound = Value::clone(live);
    object::set_root(
        &mut bound,
        "status",
        Some(json!({
            "phase": "Bound",
            "accessModes": claim["spec"]["accessModes"],
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        })),
    );
    write::controller_update(world, CLAIMS, bound, "status");
}

/// Makes a volume for a claim whose class exists.
fn provision(world: &mut World, claim: &Value) -> Option<String> {
    let class = claim["spec"]["storageClassName"].as_str()?.to_owned();
    let provisioner = world.store.get(CLASSES, &Key::new("", &class))?["provisioner"].clone();
    let name = format!("pvc-{}", object::uid(claim));
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": provisioner}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": class,
            "hostPath": {"path": format!("/simkube/{name}")},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": object::namespace(claim), "name": object::name(claim),
                "uid": object::uid(claim),
            },
        },
    });
    write::controller_create(world, VOLUMES, volume)?;
    Some(name)
}

fn volume(world: &mut World, volume: &Value) {
    let key = Key::of(volume);
    if object::is_terminating(volume) {
        garbage::drop_finalizer(world, VOLUMES, &key, "kubernetes.io/pv-protection");
        return;
    }
    let claim = &volume["spec"]["claimRef"];
    let text = |field: &str| claim[field].as_str().unwrap_or_default();
    let held = claim.is_object()
        && world
            .find(CLAIMS, text("namespace"), text("name"))
            .is_some_and(|live| text("uid").is_empty() || object::uid(live) == text("uid"));
    let was_bound = volume["status"]["phase"] == "Bound";
    let phase = match (claim.is_object(), held, was_bound) {
        (false, _, _) => "Available",
        (true, true, _) => "Bound",
        (true, false, true) => "Released",
        (true, false, false) => "Available",
    };
    if phase == "Released" && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
        garbage::remove(world, VOLUMES, &key);
        return;
    }
    if volume["status"]["phase"] != phase {
        let mut changed = volume.clone();
        object::set_at(&mut changed, "status.phase", json!(phase));
        write::controller_update(world, VOLUMES, changed, "status");
    }
}
