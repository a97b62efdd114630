//! Owns aggregated ClusterRoles: their rules are those of the roles that they select.

use serde_json::{Value, json};

use crate::merge::{self, ApplyOptions};
use crate::selector::Labels;
use crate::store::{Key, Reference};
use crate::world::World;
use crate::write::{self, Writer};
use crate::{clock, object};

pub(super) const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";

/// The roles that take their rules from others.
pub(super) fn aggregated(world: &World) -> Vec<Reference> {
    world
        .store
        .list(ROLES, None)
        .filter(|(_, role)| role["aggregationRule"].is_object())
        .map(|(key, _)| (ROLES.to_owned(), key.clone()))
        .collect()
}

pub(super) fn reconcile(world: &mut World, role: &Value) {
    if !role["aggregationRule"].is_object() {
        return;
    }
    let selectors: Vec<Labels> = object::items(&role["aggregationRule"]["clusterRoleSelectors"])
        .map(Labels::from_object)
        .collect();
    let mut rules: Vec<Value> = Vec::new();
    for (key, other) in world.store.list(ROLES, None) {
        if key.name != object::name(role)
            && selectors.iter().any(|selector| selector.matches(other))
        {
            for rule in object::items(&other["rules"]) {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    if role["rules"] == json!(rules) || (rules.is_empty() && role["rules"].is_null()) {
        return;
    }
    store(world, role, &rules);
}

/// Applies the rules under the name of the real controller.
fn store(world: &mut World, role: &Value, rules: &[Value]) {
    let served = world.builtin(ROLES);
    let config = json!({
        "apiVersion": served.api_version(), "kind": served.kind(),
        "metadata": {"name": object::name(role)},
        "rules": rules,
    });
    let options = ApplyOptions {
        manager: "clusterrole-aggregation-controller",
        force: true,
        api_version: &served.api_version(),
        subresource: "",
        now: &clock::now(),
    };
    let merged = match served
        .schema()
        .map(|schema| merge::apply(schema, Some(role), &config, &options))
    {
        Some(Ok(merged)) => merged,
        _ => return,
    };
    let writer = Writer {
        applied: true,
        ..Writer::new(options.manager, "")
    };
    let key = Key::new("", object::name(role));
    if let Err(error) = write::update(world, &served, &key, merged, &writer) {
        tracing::debug!(role = key.name, %error, "an aggregated role was not updated");
    }
}
