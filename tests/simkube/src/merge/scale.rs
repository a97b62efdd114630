//! Owns the ownership of `replicas` across the scale subresource, whose object is of another kind.

use serde_json::Value;

use crate::merge::managed::{Managed, Owned};
use crate::merge::path::{Element, Path};
use crate::merge::set::Set;

const SCALE_VERSION: &str = "autoscaling/v1";

fn plain_path(fields: &[&str]) -> Path {
    fields.iter().map(|name| Element::field(*name)).collect()
}

fn only(path: &[Element], api_version: &str, applied: bool) -> Owned {
    let mut set = Set::default();
    set.insert(path);
    Owned {
        set,
        api_version: api_version.to_owned(),
        applied,
    }
}

/// The `managedFields` of the Scale object of `parent`: the owners of its replicas.
///
/// `replicas_path` is where the parent keeps them, such as `["spec", "replicas"]`.
pub fn scale_from_parent(parent: &Value, replicas_path: &[&str]) -> Vec<Value> {
    let path = plain_path(replicas_path);
    let Ok(managed) = Managed::of(Some(parent)) else {
        return Vec::new();
    };
    let mut scale = Managed::default();
    for (id, owned) in managed.owners {
        if !owned.set.has(&path) {
            continue;
        }
        if let Some(time) = managed.times.get(&id) {
            scale.times.insert(id.clone(), time.clone());
        }
        let replicas = plain_path(&["spec", "replicas"]);
        scale
            .owners
            .insert(id, only(&replicas, SCALE_VERSION, owned.applied));
    }
    scale.encode()
}

/// Writes the ownership that a write to the Scale object left into the parent.
///
/// Entries keep the times of the parent; a manager that only scales has none, as on the server.
pub fn scale_to_parent(
    parent: &mut Value,
    scale_entries: &[Value],
    api_version: &str,
    replicas_path: &[&str],
) {
    let path = plain_path(replicas_path);
    let in_scale = plain_path(&["spec", "replicas"]);
    let (Ok(managed), Ok(mut scale)) = (Managed::of(Some(parent)), Managed::decode(scale_entries))
    else {
        return;
    };
    let mut merged = Managed {
        owners: managed.owners,
        times: managed.times,
    };
    for (id, owned) in &mut merged.owners {
        if owned.set.has(&path) && scale.owners.remove(id).is_none() {
            let mut stolen = Set::default();
            stolen.insert(&path);
            owned.set = owned.set.difference(&stolen);
        }
    }
    merged.owners.retain(|_, owned| !owned.set.is_empty());
    for (id, owned) in scale.owners {
        if owned.set.has(&in_scale) {
            merged
                .owners
                .insert(id, only(&path, api_version, owned.applied));
        }
    }
    merged.store(parent);
}
