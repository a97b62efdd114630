//! Owns what a fresh cluster contains: namespaces, roles, a node, a storage class, the API's own
//! Service.

use serde_json::{Value, json};

use crate::object;
use crate::store::Key;
use crate::world::World;
use crate::write::{self, Writer};

mod roles;

/// The one node's name.
pub(crate) const NODE: &str = "node-1";

/// Adds what is missing of a fresh cluster; what is there is left alone.
pub(crate) fn run(world: &mut World) {
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        add(
            world,
            "namespaces",
            json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
            }),
        );
    }
    for (collection, object) in roles::all() {
        add(world, collection, object);
    }
    add(
        world,
        "services",
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "clusterIP": "10.96.0.1",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
        }),
    );
    add(
        world,
        "storageclasses.storage.k8s.io",
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "simkube.capstan.dev/volumes",
            "reclaimPolicy": "Delete",
            "volumeBindingMode": "Immediate",
        }),
    );
    for (name, value) in [
        ("system-cluster-critical", 2_000_000_000),
        ("system-node-critical", 2_000_001_000),
    ] {
        add(
            world,
            "priorityclasses.scheduling.k8s.io",
            json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                "metadata": {"name": name}, "value": value, "preemptionPolicy": "PreemptLowerPriority",
                "description": "Used for system critical pods.",
            }),
        );
    }
    if world.find("nodes", "", NODE).is_none() {
        add(world, "nodes", node());
        write::update_status(
            world,
            "nodes",
            &Key::new("", NODE),
            node()["status"].clone(),
            "kubelet",
        );
    }
}

fn add(world: &mut World, collection: &str, mut object: Value) {
    if world.store.get(collection, &Key::of(&object)).is_some() {
        return;
    }
    let served = world.builtin(collection);
    if let Some(schema) = served.schema() {
        crate::schema::defaults(schema, &mut object);
    }
    let manager = if collection == "nodes" {
        "kubelet"
    } else {
        "kube-apiserver"
    };
    if let Err(error) = write::create(world, &served, object.clone(), &Writer::new(manager, "")) {
        let name = object::name(&object);
        tracing::error!(collection, name, %error, "a part of the fresh cluster was refused");
    }
}

fn node() -> Value {
    let now = crate::clock::now();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let amounts = json!({
        "cpu": "64", "memory": "256Gi", "pods": "5000", "ephemeral-storage": "1Ti",
    });
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": NODE,
            "labels": {
                "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64", "node-role.kubernetes.io/control-plane": "",
            },
        },
        "spec": {"podCIDR": "10.244.0.0/16", "podCIDRs": ["10.244.0.0/16"]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": NODE},
            ],
            "capacity": amounts, "allocatable": amounts,
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "nodeInfo": {
                "architecture": "amd64", "bootID": "", "machineID": "", "systemUUID": "",
                "containerRuntimeVersion": "simkube://1.0", "kernelVersion": "simulated",
                "kubeProxyVersion": "", "kubeletVersion": "v1.36.0", "operatingSystem": "linux",
                "osImage": "simkube",
            },
        },
    })
}
