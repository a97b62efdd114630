//! Owns the admission of namespaces, pods, secrets, volumes and jobs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::object;
use crate::status::{ApiError, Cause, Result};
use crate::world::World;

pub(super) fn namespace(new: &mut Value, old: Option<&Value>) {
    let name = object::name(new).to_owned();
    let labels = object::child_mut(object::metadata_mut(new), "labels");
    labels.insert("kubernetes.io/metadata.name".into(), Value::String(name));
    if let Some(old) = old {
        // Only the finalize subresource changes these; it writes them before it comes here.
        if new["spec"]["finalizers"].is_null() && !object::is_terminating(old) {
            object::set_at(new, "spec.finalizers", old["spec"]["finalizers"].clone());
        }
    } else {
        object::set_at(new, "spec.finalizers", json!(["kubernetes"]));
        object::set_at(new, "status.phase", json!("Active"));
    }
}

/// Moves `stringData` into `data`.
pub(super) fn fold_string_data(object: &mut Value) {
    let Some(texts) = object::root_mut(object).remove("stringData") else {
        return;
    };
    let data = object::child_mut(object::root_mut(object), "data");
    for (key, text) in texts.as_object().into_iter().flatten() {
        let encoded = STANDARD.encode(text.as_str().unwrap_or_default());
        data.insert(key.clone(), Value::String(encoded));
    }
}

pub(super) fn secret(new: &mut Value, old: Option<&Value>) -> Result<()> {
    let root = object::root_mut(new);
    root.entry("type").or_insert_with(|| json!("Opaque"));
    if let Some(old) = old
        && old["immutable"] == true
        && old["data"] != new["data"]
    {
        let cause = Cause::forbidden("data", "field is immutable when `immutable` is set");
        return Err(ApiError::invalid("", "Secret", object::name(new), &[cause]));
    }
    Ok(())
}

pub(super) fn pod(new: &mut Value, old: Option<&Value>) {
    if old.is_some() {
        return;
    }
    let spec = object::child_mut(object::root_mut(new), "spec");
    let account = spec
        .get("serviceAccountName")
        .cloned()
        .unwrap_or_else(|| json!("default"));
    spec.insert("serviceAccountName".into(), account.clone());
    spec.insert("serviceAccount".into(), account);
    spec.entry("priority").or_insert_with(|| json!(0));
    spec.entry("preemptionPolicy")
        .or_insert_with(|| json!("PreemptLowerPriority"));
    spec.entry("enableServiceLinks")
        .or_insert_with(|| json!(true));
    spec.entry("tolerations").or_insert_with(|| {
        let toleration = |key: &str| {
            json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300})
        };
        json!([toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")])
    });
    let quality = quality(&new["spec"]);
    object::set_root(
        new,
        "status",
        Some(json!({"phase": "Pending", "qosClass": quality})),
    );
}

/// The quality-of-service class of a pod.
fn quality(spec: &Value) -> &'static str {
    let mut any = false;
    let mut guaranteed = true;
    for container in object::items(&spec["containers"]) {
        let resources = &container["resources"];
        let filled = |value: &Value| value.as_object().is_some_and(|map| !map.is_empty());
        any |= filled(&resources["limits"]) || filled(&resources["requests"]);
        guaranteed &= ["cpu", "memory"].iter().all(|name| {
            let limit = &resources["limits"][*name];
            let request = &resources["requests"][*name];
            !limit.is_null() && (request.is_null() || request == limit)
        });
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// An event is in the namespace of what it is about.
pub(super) fn event(new: &Value) -> Result<()> {
    let (field, about) = match &new["involvedObject"] {
        Value::Null => ("regarding.namespace", &new["regarding"]),
        about => ("involvedObject.namespace", about),
    };
    let about = about["namespace"].as_str().unwrap_or_default();
    let own = object::namespace(new);
    if about == own || (about.is_empty() && own == "default") {
        return Ok(());
    }
    let cause = Cause::invalid(field, &json!(about), "does not match event.namespace");
    Err(ApiError::invalid("", "Event", object::name(new), &[cause]))
}

pub(super) fn claim(world: &World, new: &mut Value, old: Option<&Value>) {
    if old.is_some() {
        return;
    }
    add_finalizer(new, "kubernetes.io/pvc-protection");
    object::set_root(new, "status", Some(json!({"phase": "Pending"})));
    if new["spec"]["storageClassName"].is_null() {
        let default = "storageclass.kubernetes.io/is-default-class";
        let class = world
            .store
            .list("storageclasses.storage.k8s.io", None)
            .find(|(_, class)| class["metadata"]["annotations"][default] == "true")
            .map(|(key, _)| key.name.clone());
        if let Some(class) = class {
            object::set_at(new, "spec.storageClassName", Value::String(class));
        }
    }
}

pub(super) fn volume(new: &mut Value, old: Option<&Value>) {
    if old.is_none() {
        add_finalizer(new, "kubernetes.io/pv-protection");
        let now = crate::clock::now();
        let status = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
        object::set_root(new, "status", Some(status));
    }
}

/// A Job selects its own pods by its UID unless its author took that over.
pub(super) fn job(new: &mut Value, old: Option<&Value>) {
    if old.is_some() || new["spec"]["manualSelector"] == true {
        return;
    }
    let (name, uid) = (object::name(new).to_owned(), object::uid(new).to_owned());
    let spec = object::child_mut(object::root_mut(new), "spec");
    let selector = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    spec.insert("selector".into(), selector);
    let template = object::child_mut(spec, "template");
    let labels = object::child_mut(object::child_mut(template, "metadata"), "labels");
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        labels.insert(key.to_owned(), Value::String(value.clone()));
    }
    let labels = Value::Object(labels.clone());
    object::metadata_mut(new).entry("labels").or_insert(labels);
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let mut names: Vec<String> = object::finalizers(object).map(str::to_owned).collect();
    if names.iter().all(|name| name != finalizer) {
        names.push(finalizer.to_owned());
    }
    object::set_meta(object, "finalizers", Some(json!(names)));
}
