//! Owns what the server itself adds to an object on its way in: admission and the parts of a
//! kind's strategy that are more than a schema.

use serde_json::{Value, json};

use crate::kinds::Served;
use crate::object;
use crate::status::Result;
use crate::world::World;

mod core;
pub(crate) mod quota;
mod services;

/// Folds the write-only forms of an object into the stored ones, before fields get owners.
pub(crate) fn fold(served: &Served, object: &mut Value) {
    if served.is("", "secrets") {
        core::fold_string_data(object);
    }
}

/// Completes or refuses an object; `old` is the live object of an update.
pub(crate) fn admit(
    world: &World,
    served: &Served,
    old: Option<&Value>,
    new: &mut Value,
) -> Result<()> {
    match (
        served.resource.group.as_str(),
        served.resource.plural.as_str(),
    ) {
        ("", "namespaces") => core::namespace(new, old),
        ("" | "events.k8s.io", "events") => core::event(new)?,
        ("", "pods") => core::pod(new, old),
        ("", "secrets") => core::secret(new, old)?,
        ("", "services") => services::service(world, new, old)?,
        ("", "persistentvolumeclaims") => core::claim(world, new, old),
        ("", "persistentvolumes") => core::volume(new, old),
        ("batch", "jobs") => core::job(new, old),
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition(new, old)?,
        _ => {}
    }
    Ok(())
}

fn definition(new: &mut Value, old: Option<&Value>) -> Result<()> {
    const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let expected = format!(
        "{}.{}",
        text(&new["spec"]["names"]["plural"]),
        text(&new["spec"]["group"])
    );
    if object::name(new) != expected {
        let cause = crate::status::Cause::invalid(
            "metadata.name",
            &json!(object::name(new)),
            "must be spec.names.plural+\".\"+spec.group",
        );
        let name = object::name(new);
        let error = crate::status::ApiError::invalid(
            "apiextensions.k8s.io",
            "CustomResourceDefinition",
            name,
            &[cause],
        );
        return Err(error);
    }
    let kind = text(&new["spec"]["names"]["kind"]);
    let names = object::child_mut(object::child_mut(object::root_mut(new), "spec"), "names");
    names
        .entry("singular")
        .or_insert_with(|| json!(kind.to_lowercase()));
    names
        .entry("listKind")
        .or_insert_with(|| json!(format!("{kind}List")));
    let spec = object::child_mut(object::root_mut(new), "spec");
    spec.entry("conversion")
        .or_insert_with(|| json!({"strategy": "None"}));
    if old.is_none() {
        object::set_meta(new, "finalizers", Some(json!([FINALIZER])));
        let storage: Vec<Value> = object::items(&new["spec"]["versions"])
            .filter(|version| version["storage"] == true)
            .map(|version| version["name"].clone())
            .collect();
        let status = json!({
            "conditions": [],
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": storage,
        });
        object::set_root(new, "status", Some(status));
    }
    Ok(())
}
