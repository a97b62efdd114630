//! Owns whether a user may do something: Roles, ClusterRoles and their bindings.

use serde_json::{Value, json};

use super::User;
use crate::object;
use crate::store::{Key, Store};

pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";
const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const ROLES: &str = "roles.rbac.authorization.k8s.io";

/// What somebody wants to do. `path` is set, and everything but the verb empty, for requests
/// that name no resource.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
}

/// Whether `user` may.
pub(crate) fn allows(store: &Store, user: &User, asked: &Attributes<'_>) -> bool {
    decide(store, user, asked).is_some()
}

/// Why `user` may, or `None` when nothing says so.
pub(crate) fn decide(store: &Store, user: &User, asked: &Attributes<'_>) -> Option<String> {
    if user.is_master() {
        return Some(String::new());
    }
    let mut reason = None;
    each_rule(store, user, asked.namespace, &mut |rule, source| {
        if reason.is_none() && rule_allows(rule, asked) {
            reason = Some(format!("RBAC: allowed by {source}"));
        }
        reason.is_none()
    });
    reason
}

/// The rules that hold for `user` in `namespace` (cluster-wide ones alone when empty).
pub(crate) fn rules_of(store: &Store, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    if user.is_master() {
        rules.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        rules.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
    }
    each_rule(store, user, namespace, &mut |rule, _| {
        rules.push(rule.clone());
        true
    });
    rules
}

/// The rules of a role reference; `None` when the role does not exist.
pub(crate) fn role_rules<'a>(store: &'a Store, role: &Value, namespace: &str) -> Option<&'a Value> {
    let name = role["name"].as_str().unwrap_or_default();
    let object = match role["kind"].as_str() {
        Some("ClusterRole") => store.get(CLUSTER_ROLES, &Key::new("", name)),
        _ => store.get(ROLES, &Key::new(namespace, name)),
    };
    object.map(|object| &object["rules"])
}

/// The sentence of a refusal.
pub(crate) fn refusal(user: &User, asked: &Attributes<'_>) -> String {
    let name = &user.name;
    if !asked.path.is_empty() {
        return format!("User {name:?} cannot {} path {:?}", asked.verb, asked.path);
    }
    let resource = match asked.subresource {
        "" => asked.resource.to_owned(),
        subresource => format!("{}/{subresource}", asked.resource),
    };
    let scope = match asked.namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    format!(
        "User {name:?} cannot {} resource {resource:?} in API group {:?} {scope}",
        asked.verb, asked.group
    )
}

/// Calls `visit` with every rule of `user` and where it comes from, until it says stop.
fn each_rule(
    store: &Store,
    user: &User,
    namespace: &str,
    visit: &mut dyn FnMut(&Value, &str) -> bool,
) {
    let cluster = store
        .list(CLUSTER_BINDINGS, None)
        .map(|entry| (entry, "ClusterRoleBinding"));
    let local = store
        .list(BINDINGS, Some(namespace))
        .filter(|_| !namespace.is_empty())
        .map(|entry| (entry, "RoleBinding"));
    for ((key, binding), kind) in cluster.chain(local) {
        let mine = object::items(&binding["subjects"])
            .find(|subject| is_subject(subject, user, &key.namespace));
        let Some(subject) = mine else { continue };
        let role = &binding["roleRef"];
        let Some(rules) = role_rules(store, role, &key.namespace) else {
            continue;
        };
        let path = match key.namespace.as_str() {
            "" => key.name.clone(),
            namespace => format!("{}/{namespace}", key.name),
        };
        let who = match subject["kind"].as_str() {
            Some("ServiceAccount") => format!(
                "ServiceAccount \"{}/{}\"",
                subject["name"].as_str().unwrap_or_default(),
                subject["namespace"].as_str().unwrap_or_default()
            ),
            other => format!("{} {}", other.unwrap_or_default(), subject["name"]),
        };
        let source = format!(
            "{kind} {path:?} of {} {} to {who}",
            role["kind"].as_str().unwrap_or_default(),
            role["name"]
        );
        for rule in object::items(rules) {
            if !visit(rule, &source) {
                return;
            }
        }
    }
}

fn is_subject(subject: &Value, user: &User, binding_namespace: &str) -> bool {
    let name = subject["name"].as_str().unwrap_or_default();
    match subject["kind"].as_str() {
        Some("User") => user.name == name,
        Some("Group") => user.groups.iter().any(|group| group == name),
        Some("ServiceAccount") => {
            let namespace = subject["namespace"].as_str().unwrap_or(binding_namespace);
            user.name
                .strip_prefix("system:serviceaccount:")
                .and_then(|rest| rest.split_once(':'))
                == Some((namespace, name))
        }
        _ => false,
    }
}

/// Whether one rule allows what is asked.
pub(crate) fn rule_allows(rule: &Value, asked: &Attributes<'_>) -> bool {
    let has = |field: &str, wanted: &str| {
        object::texts(&rule[field]).any(|value| value == "*" || value == wanted)
    };
    if !has("verbs", asked.verb) {
        return false;
    }
    if !asked.path.is_empty() {
        return object::texts(&rule["nonResourceURLs"]).any(|url| match url.strip_suffix('*') {
            Some(prefix) => asked.path.starts_with(prefix),
            None => url == asked.path,
        });
    }
    has("apiGroups", asked.group)
        && resource_matches(&rule["resources"], asked.resource, asked.subresource)
        && name_matches(&rule["resourceNames"], asked.name)
}

fn resource_matches(resources: &Value, resource: &str, subresource: &str) -> bool {
    object::texts(resources).any(|pattern| match (pattern.split_once('/'), subresource) {
        _ if pattern == "*" => true,
        (None, "") => pattern == resource,
        (None, _) => false,
        (Some(("*", tail)), _) => !subresource.is_empty() && tail == subresource,
        (Some((head, tail)), _) => {
            head == resource && !subresource.is_empty() && tail == subresource
        }
    })
}

fn name_matches(names: &Value, name: &str) -> bool {
    let mut names = object::texts(names).peekable();
    names.peek().is_none() || (!name.is_empty() && names.any(|allowed| allowed == name))
}
