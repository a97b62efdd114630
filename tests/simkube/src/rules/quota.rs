//! Owns what a ResourceQuota refuses: objects beyond the number that its status allows. The amounts of
//! what pods ask for are not counted.

use serde_json::Value;

use crate::kinds::Served;
use crate::object;
use crate::status::{ApiError, Result};
use crate::world::World;

const QUOTAS: &str = "resourcequotas";

/// Core kinds that a quota may name by their plural alone.
const SHORT: [&str; 7] = [
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

/// Refuses a new object where a quota of its namespace leaves no room. Only what the status says counts,
/// as on the real server, where a controller writes it.
pub(crate) fn check(world: &World, served: &Served, new: &Value) -> Result<()> {
    let namespace = object::namespace(new);
    if namespace.is_empty() {
        return Ok(());
    }
    let resource = &served.resource;
    let mut names = vec![match resource.group.as_str() {
        "" => format!("count/{}", resource.plural),
        group => format!("count/{}.{group}", resource.plural),
    }];
    if resource.group.is_empty() && SHORT.contains(&resource.plural.as_str()) {
        names.push(resource.plural.clone());
    }
    for (key, quota) in world.store.list(QUOTAS, Some(namespace)) {
        let hard = &quota["status"]["hard"];
        let used = world
            .store
            .list(served.collection(), Some(namespace))
            .count();
        for name in &names {
            let limit = hard[name.as_str()].as_str();
            let Some(limit) = limit.and_then(|limit| limit.parse::<usize>().ok()) else {
                continue;
            };
            if used + 1 > limit {
                let why = format!(
                    "exceeded quota: {}, requested: {name}=1, used: {name}={used}, limited: {name}={limit}",
                    key.name
                );
                return Err(ApiError::forbidden(served.named(), object::name(new), &why));
            }
        }
    }
    Ok(())
}
