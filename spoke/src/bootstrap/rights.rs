//! What the agent may do in its cluster: never escalate, bind or impersonate, and nothing without a name.

use serde_json::{Value, json};

use super::ACCOUNT;
use super::manifests::{AgentRuns, metadata};
use crate::kube::progress;

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

    const fn as_str(self) -> &'static str {
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

/// What the agent needs for itself, in its own namespace.
fn own(agent: &AgentRuns) -> Vec<Value> {
    let state = [
        "get", "list", "watch", "create", "update", "patch", "delete",
    ];
    let mut status = rule("", &["configmaps"], &["patch"]);
    status["resourceNames"] = json!([progress::NAME]);
    let mut rules = vec![
        rule("", &["secrets"], &state),
        // The limits of the cluster's administrator are read here, and only the agent's own status is written.
        rule("", &["configmaps"], &["get", "list", "watch", "create"]),
        status,
        rule("coordination.k8s.io", &["leases"], &state),
    ];
    if *agent == AgentRuns::Outside {
        // It renews its own token with itself, so that nobody else's credentials are used again.
        let mut token = rule("", &["serviceaccounts/token"], &["create"]);
        token["resourceNames"] = json!([ACCOUNT]);
        rules.push(token);
    }
    rules
}

/// Reading what every agent reads.
fn reading() -> Vec<Value> {
    vec![
        rule("", &["namespaces"], &["get", "list", "watch"]),
        rule("", &["nodes"], &["get", "list"]),
        rule(
            "apiextensions.k8s.io",
            &["customresourcedefinitions"],
            &["get", "list", "watch"],
        ),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ]
}

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
