//! Owns the default roles and their bindings.

use serde_json::{Value, json};

const ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// The default roles and bindings, with their collections.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&'static str, Value)> =
        roles().into_iter().map(|role| (ROLES, role)).collect();
    let groups = |names: &[&str]| -> Vec<Value> { names.iter().map(|name| group(name)).collect() };
    all.push((
        BINDINGS,
        binding("cluster-admin", &groups(&["system:masters"])),
    ));
    all.push((
        BINDINGS,
        binding("system:basic-user", &groups(&["system:authenticated"])),
    ));
    all.push((
        BINDINGS,
        binding("system:discovery", &groups(&["system:authenticated"])),
    ));
    let public = groups(&["system:authenticated", "system:unauthenticated"]);
    all.push((BINDINGS, binding("system:public-info-viewer", &public)));
    let accounts = groups(&["system:serviceaccounts"]);
    all.push((
        BINDINGS,
        binding("system:service-account-issuer-discovery", &accounts),
    ));
    all
}

fn group(name: &str) -> Value {
    json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": name})
}

fn binding(role: &str, subjects: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": metadata(role, &[]),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

fn metadata(name: &str, aggregated_to: &[&str]) -> Value {
    let mut labels = json!({"kubernetes.io/bootstrapping": "rbac-defaults"});
    for role in aggregated_to {
        labels[format!("{AGGREGATE}{role}")] = json!("true");
    }
    json!({
        "name": name,
        "labels": labels,
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
    })
}

fn role(name: &str, aggregated_to: &[&str], rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": metadata(name, aggregated_to),
        "rules": rules,
    })
}

/// A role that takes its rules from the roles labelled for it.
fn aggregate(name: &str, aggregated_to: &[&str]) -> Value {
    let mut role = role(name, aggregated_to, &[]);
    let label = format!("{AGGREGATE}{name}");
    role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
    role
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
}

fn urls(urls: &[&str]) -> Value {
    json!({"nonResourceURLs": urls, "verbs": ["get"]})
}

fn roles() -> Vec<Value> {
    let mut roles = vec![
        role(
            "cluster-admin",
            &[],
            &[
                rule(&["*"], &["*"], &["*"]),
                json!({"nonResourceURLs": ["*"], "verbs": ["*"]}),
            ],
        ),
        aggregate("admin", &[]),
        aggregate("edit", &["admin"]),
        aggregate("view", &["edit"]),
        role("system:aggregate-to-admin", &["admin"], &admin_rules()),
        role("system:aggregate-to-edit", &["edit"], &edit_rules()),
        role("system:aggregate-to-view", &["view"], &view_rules()),
    ];
    roles.extend(public_roles());
    roles
}

/// What everybody, or every account, may do.
#[rustfmt::skip]
fn public_roles() -> Vec<Value> {
    const HEALTH: &[&str] = &["/healthz", "/livez", "/readyz", "/version", "/version/"];
    const DISCOVERY: &[&str] =
        &["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];
    const ISSUER: &[&str] = &["/.well-known/openid-configuration",
        "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/"];
    vec![
        role("system:discovery", &[], &[urls(&[DISCOVERY, HEALTH].concat())]),
        role("system:public-info-viewer", &[], &[urls(HEALTH)]),
        role("system:service-account-issuer-discovery", &[], &[urls(ISSUER)]),
        role("system:basic-user", &[], &rules(&[
            ("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
            ("authentication.k8s.io", &["selfsubjectreviews"], &["create"]),
        ])),
        role("system:auth-delegator", &[], &rules(&[
            ("authentication.k8s.io", &["tokenreviews"], &["create"]),
            ("authorization.k8s.io", &["subjectaccessreviews"], &["create"]),
        ])),
    ]
}

fn admin_rules() -> Vec<Value> {
    let all = [READ, WRITE].concat();
    let group = "rbac.authorization.k8s.io";
    vec![
        rule(
            &["authorization.k8s.io"],
            &["localsubjectaccessreviews"],
            &["create"],
        ),
        rule(&[group], &["rolebindings", "roles"], &all),
    ]
}

/// A group, its resources, and what may be done with them.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn rules(rows: &[Row]) -> Vec<Value> {
    rows.iter()
        .map(|(group, resources, verbs)| rule(&[group], resources, verbs))
        .collect()
}

#[rustfmt::skip]
fn edit_rules() -> Vec<Value> {
    let mut all = rules(&[
        ("", &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"], READ),
        ("", &["serviceaccounts"], &["impersonate"]),
        ("", &["pods", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy"], WRITE),
        ("", &["pods/eviction"], &["create"]),
        ("", &["configmaps", "events", "persistentvolumeclaims", "replicationcontrollers",
            "replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy"], WRITE),
        ("", &["serviceaccounts/token"], &["create"]),
        ("apps", &["daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets",
            "replicasets/scale", "statefulsets", "statefulsets/scale"], WRITE),
        ("autoscaling", &["horizontalpodautoscalers"], WRITE),
        ("batch", &["cronjobs", "jobs"], WRITE),
        ("policy", &["poddisruptionbudgets"], WRITE),
        ("networking.k8s.io", &["ingresses", "networkpolicies"], WRITE),
    ]);
    all.push(rule(&["coordination.k8s.io"], &["leases"], &[READ, WRITE].concat()));
    all
}

#[rustfmt::skip]
fn view_rules() -> Vec<Value> {
    rules(&[
        ("", &["configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status", "pods",
            "replicationcontrollers", "replicationcontrollers/scale", "serviceaccounts", "services",
            "services/status"], READ),
        ("", &["bindings", "events", "limitranges", "namespaces", "namespaces/status", "pods/log", "pods/status",
            "replicationcontrollers/status", "resourcequotas", "resourcequotas/status"], READ),
        ("discovery.k8s.io", &["endpointslices"], READ),
        ("apps", &["controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale",
            "deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets",
            "statefulsets/scale", "statefulsets/status"], READ),
        ("autoscaling", &["horizontalpodautoscalers", "horizontalpodautoscalers/status"], READ),
        ("batch", &["cronjobs", "cronjobs/status", "jobs", "jobs/status"], READ),
        ("policy", &["poddisruptionbudgets", "poddisruptionbudgets/status"], READ),
        ("networking.k8s.io", &["ingresses", "ingresses/status", "networkpolicies"], READ),
    ])
}
