//! Owns the rule that nobody hands out more rights than he has: writes of roles and bindings.

use serde_json::Value;

use super::User;
use super::rbac::{self, Attributes, GROUP};
use crate::kinds::Served;
use crate::object;
use crate::status::{ApiError, Named, Result};
use crate::store::Store;

/// A write of a role or a binding.
struct Grant<'a> {
    store: &'a Store,
    user: &'a User,
    served: &'a Served,
    old: Option<&'a Value>,
    new: &'a Value,
}

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
    let grant = Grant {
        store,
        user,
        served,
        old,
        new,
    };
    let rules = match served.resource.plural.as_str() {
        "roles" | "clusterroles" => grant.of_role(),
        _ => grant.of_binding()?,
    };
    let Some(rules) = rules else { return Ok(()) };
    let mine = rbac::rules_of(store, user, object::namespace(new));
    if grant.gathers() && !covered(&mine, &everything()) {
        let why = "must have cluster-admin privileges to use the aggregationRule";
        return Err(ApiError::forbidden(served.named(), object::name(new), why));
    }
    let missing: Vec<String> = object::items(rules)
        .filter(|rule| !covered(&mine, rule))
        .map(describe)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!(
        "user {:?} (groups={:?}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        user.groups,
        missing.join("\n")
    );
    Err(ApiError::forbidden(served.named(), object::name(new), &why))
}

impl<'a> Grant<'a> {
    /// Whether it is a role that gathers the rules of others, whatever they will be.
    fn gathers(&self) -> bool {
        let gathers = |role: &Value| role["aggregationRule"].is_object();
        gathers(self.new) || self.old.is_some_and(gathers)
    }

    /// The rules that a role hands out; `None` when it changes none, or the user may anyway.
    fn of_role(&self) -> Option<&'a Value> {
        let same = |old: &Value| old["rules"] == self.new["rules"];
        let unchanged = self.old.is_some_and(same) && !self.gathers();
        let plural = &self.served.resource.plural;
        let free = unchanged || self.may("escalate", plural, object::name(self.new));
        (!free).then_some(&self.new["rules"])
    }

    /// The rules that a binding hands out; `None` when it changes nothing, or the user may anyway.
    fn of_binding(&self) -> Result<Option<&'a Value>> {
        let role = &self.new["roleRef"];
        let name = role["name"].as_str().unwrap_or_default();
        let same = |old: &Value, field: &str| old[field] == self.new[field];
        let unchanged = |old: &Value| same(old, "roleRef") && same(old, "subjects");
        let resource = match role["kind"].as_str() {
            Some("ClusterRole") => "clusterroles",
            _ => "roles",
        };
        if self.old.is_some_and(unchanged) || self.may("bind", resource, name) {
            return Ok(None);
        }
        match rbac::role_rules(self.store, role, object::namespace(self.new)) {
            Some(rules) => Ok(Some(rules)),
            None => Err(ApiError::not_found(
                Named {
                    resource,
                    group: GROUP,
                },
                name,
            )),
        }
    }

    fn may(&self, verb: &str, resource: &str, name: &str) -> bool {
        let asked = Attributes {
            verb,
            group: GROUP,
            resource,
            namespace: object::namespace(self.new),
            name,
            ..Attributes::default()
        };
        rbac::allows(self.store, self.user, &asked)
    }
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

/// The right to everything.
fn everything() -> Value {
    serde_json::json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
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
