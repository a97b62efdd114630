//! What the agent may do in its cluster: never escalate, bind or impersonate, and nothing without a name.

use serde_json::{Value, json};

use super::ACCOUNT;
use super::manifests::{AgentRuns, metadata};
use crate::kube::{lease, progress};
use crate::runtime::LIMITS;

/// What the agent may install.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// The built-in namespaced kinds, in namespaces that exist.
    #[default]
    Namespaced,
    /// Every kind, CRDs, webhooks, cluster roles and namespaces too. Whoever may do that is the cluster's
    /// administrator in effect, though `escalate`, `bind` and `impersonate` are not among the verbs.
    Platform,
}

impl Rights {
    /// Reads `--rights`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "namespaced" => Some(Self::Namespaced),
            "platform" => Some(Self::Platform),
            _ => None,
        }
    }

    /// What a ClusterRole of ours grants. Without our annotation its rules tell.
    #[must_use]
    pub fn of(cluster_role: &Value) -> Self {
        let said = cluster_role.pointer("/metadata/annotations/capstan.dev~1rights");
        let said = said.and_then(Value::as_str).and_then(Self::parse);
        let everything = |rule: &Value| {
            let groups = rule.get("apiGroups").and_then(Value::as_array);
            groups.is_some_and(|groups| groups.iter().any(|group| group == "*"))
        };
        let rules = cluster_role.get("rules").and_then(Value::as_array);
        said.unwrap_or_else(
            || match rules.is_some_and(|rules| rules.iter().any(everything)) {
                true => Self::Platform,
                false => Self::Namespaced,
            },
        )
    }

    /// The word of `--rights`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespaced => "namespaced",
            Self::Platform => "platform",
        }
    }
}

const KEEP: [&str; 6] = ["get", "list", "watch", "create", "patch", "delete"];

/// Roles and bindings, in order.
pub(super) fn manifests(namespace: &str, rights: Rights, agent: &AgentRuns) -> Vec<Value> {
    // One name for either: another `--rights` replaces the rules instead of adding to them. The namespace is part of
    // it, because cluster-wide names are shared.
    let cluster = format!("{namespace}:{ACCOUNT}");
    let rules = match rights {
        Rights::Namespaced => namespaced(),
        Rights::Platform => platform(),
    };
    let mut role_metadata = metadata(&cluster, None);
    role_metadata["annotations"] = json!({"capstan.dev/rights": rights.as_str()});
    vec![
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": role_metadata,
            "rules": rules,
        }),
        binding("ClusterRoleBinding", "ClusterRole", &cluster, namespace),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": metadata(ACCOUNT, Some(namespace)),
            "rules": own(agent),
        }),
        binding("RoleBinding", "Role", ACCOUNT, namespace),
    ]
}

fn binding(kind: &str, role_kind: &str, role: &str, namespace: &str) -> Value {
    let scope = (kind == "RoleBinding").then_some(namespace);
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": metadata(role, scope),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    })
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn named(mut rule: Value, names: &[&str]) -> Value {
    rule["resourceNames"] = json!(names);
    rule
}

/// What the agent needs for itself, in its own namespace: nothing that it does not call. A creation has no name that
/// a rule could ask for.
fn own(agent: &AgentRuns) -> Vec<Value> {
    let mut rules = vec![
        // Identity, accepted state, contents and inventories; their names have digests in them.
        rule(
            "",
            &["secrets"],
            &["get", "list", "create", "update", "delete"],
        ),
        // The limits of the cluster's administrator are read, and only the agent's own status is written.
        named(
            rule("", &["configmaps"], &["get", "watch"]),
            &[LIMITS, progress::NAME],
        ),
        rule("", &["configmaps"], &["create"]),
        named(rule("", &["configmaps"], &["patch"]), &[progress::NAME]),
        named(
            rule("coordination.k8s.io", &["leases"], &["get", "update"]),
            &[lease::NAME],
        ),
        rule("coordination.k8s.io", &["leases"], &["create"]),
    ];
    if *agent == AgentRuns::Outside {
        // It renews its own token with itself, so that nobody else's credentials are used again.
        let token = rule("", &["serviceaccounts/token"], &["create"]);
        rules.push(named(token, &[ACCOUNT]));
    }
    rules
}

/// Reading what every agent reads.
fn reading() -> Vec<Value> {
    vec![
        rule("", &["namespaces"], &["get", "list", "watch"]),
        rule(
            "apiextensions.k8s.io",
            &["customresourcedefinitions"],
            &["get", "list", "watch"],
        ),
        // About an object, beside it.
        rule("events.k8s.io", &["events"], &["create"]),
    ]
}

/// What bundles may hold. Their ConfigMaps and Secrets are why the agent may write those in every namespace; RBAC has
/// no rule for all namespaces but one.
fn namespaced() -> Vec<Value> {
    let mut rules = vec![
        rule(
            "",
            &[
                "configmaps",
                "limitranges",
                "persistentvolumeclaims",
                "pods",
                "podtemplates",
                "replicationcontrollers",
                "resourcequotas",
                // Whoever may patch every Secret may read them too: the answer to a patch holds the object.
                "secrets",
                "serviceaccounts",
                "services",
            ],
            &KEEP,
        ),
        rule(
            "apps",
            &["daemonsets", "deployments", "replicasets", "statefulsets"],
            &KEEP,
        ),
        rule("autoscaling", &["horizontalpodautoscalers"], &KEEP),
        rule("batch", &["cronjobs", "jobs"], &KEEP),
        rule(
            "networking.k8s.io",
            &["ingresses", "networkpolicies"],
            &KEEP,
        ),
        rule("policy", &["poddisruptionbudgets"], &KEEP),
    ];
    rules.extend(reading());
    rules
}

/// A role can only be installed by somebody who holds everything in it, therefore `update` and `deletecollection`.
fn platform() -> Vec<Value> {
    vec![
        json!({
            "apiGroups": ["*"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"],
        }),
        json!({"nonResourceURLs": ["*"], "verbs": ["get"]}),
    ]
}
