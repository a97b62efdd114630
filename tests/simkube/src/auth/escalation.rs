//! Owns the rule that nobody hands out more rights than he has: writes of roles and bindings.

use serde_json::Value;

use super::User;
use super::rbac::{self, Attributes, GROUP};
use crate::kinds::Served;
use crate::object;
use crate::status::{ApiError, Result};
use crate::store::Store;

/// Refuses a role or binding (about to be stored as `new`) that gives more than `user` has.
pub(crate) fn check(
    store: &Store,
    user: &User,
    served: &Served,
    old: Option<&Value>,
    new: &Value,
) -> Result<()> {
    if served.resource.group != GROUP || user.is_master() {
        return Ok(());
    }
    let namespace = object::namespace(new);
    let name = object::name(new);
    let may = |verb: &str, resource: &str, name: &str| {
        let asked = Attributes {
            verb,
            group: GROUP,
            resource,
            namespace,
            name,
            ..Attributes::default()
        };
        rbac::allows(store, user, &asked)
    };
    let plural = served.resource.plural.as_str();
    let rules = match plural {
        "roles" | "clusterroles" => {
            if old.is_some_and(|old| old["rules"] == new["rules"]) || may("escalate", plural, name)
            {
                return Ok(());
            }
            Some(&new["rules"])
        }
        _ => {
            let role = &new["roleRef"];
            let unchanged = |old: &Value| {
                old["roleRef"] == new["roleRef"] && old["subjects"] == new["subjects"]
            };
            let resource = if role["kind"] == "ClusterRole" {
                "clusterroles"
            } else {
                "roles"
            };
            if old.is_some_and(unchanged)
                || may("bind", resource, role["name"].as_str().unwrap_or_default())
            {
                return Ok(());
            }
            let rules = rbac::role_rules(store, role, namespace);
            if rules.is_none() {
                return Err(ApiError::not_found(
                    crate::status::Named {
                        resource,
                        group: GROUP,
                    },
                    role["name"].as_str().unwrap_or_default(),
                ));
            }
            rules
        }
    };
    let mine = rbac::rules_of(store, user, namespace);
    let missing: Vec<&Value> = object::items(rules.unwrap_or(&Value::Null))
        .filter(|rule| !covered(&mine, rule))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(|rule| describe(rule)).collect();
    let why = format!(
        "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        user.groups,
        list.join("\n")
    );
    Err(ApiError::forbidden(served.named(), name, &why))
}

/// Whether every single permission of `rule` is in `mine`.
fn covered(mine: &[Value], rule: &Value) -> bool {
    let texts = |field: &str| object::texts(&rule[field]).collect::<Vec<_>>();
    let names = texts("resourceNames");
    let names = if names.is_empty() { vec![""] } else { names };
    for verb in texts("verbs") {
        for url in texts("nonResourceURLs") {
            let asked = Attributes {
                verb,
                path: url,
                ..Attributes::default()
            };
            if !mine.iter().any(|have| rbac::rule_allows(have, &asked)) {
                return false;
            }
        }
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
                for name in &names {
                    let asked = Attributes {
                        verb,
                        group,
                        resource,
                        subresource,
                        name,
                        ..Attributes::default()
                    };
                    if !mine.iter().any(|have| rbac::rule_allows(have, &asked)) {
                        return false;
                    }
                }
            }
        }
    }
    true
}

/// A rule as the refusal lists it.
fn describe(rule: &Value) -> String {
    let mut parts = Vec::new();
    for (title, field) in [
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    ] {
        let texts: Vec<String> = object::texts(&rule[field])
            .map(|text| format!("{text:?}"))
            .collect();
        if !texts.is_empty() {
            parts.push(format!("{title}:[{}]", texts.join(" ")));
        }
    }
    format!("{{{}}}", parts.join(", "))
}
