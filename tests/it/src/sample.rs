//! Small fleet files for tests.

/// A cluster with an environment.
#[must_use]
pub fn cluster(name: &str, env: &str) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\n\
         metadata: {{name: {name}, labels: {{env: {env}}}}}\nspec: {{}}\n"
    )
}

/// A bundle of the files below `apps/NAME`, in a namespace of its name.
#[must_use]
pub fn bundle(name: &str) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {{name: {name}}}\n\
         spec: {{path: apps/{name}, defaultNamespace: {name}, createNamespace: true}}\n"
    )
}

/// A placement of bundles on every cluster.
#[must_use]
pub fn placement(name: &str, bundles: &[&str]) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {{name: {name}}}\n\
         spec: {{bundles: [{}], clusters: [{{}}]}}\n",
        bundles.join(", ")
    )
}

/// A Deployment with some replicas.
#[must_use]
pub fn deployment(name: &str, replicas: u32) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\n\
         spec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n\
         \x20 template:\n    metadata: {{labels: {{app: {name}}}}}\n\
         \x20   spec: {{containers: [{{name: main, image: \"registry.example/{name}:1\"}}]}}\n"
    )
}

/// A ConfigMap with one value.
#[must_use]
pub fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: \"{value}\"}}\n"
    )
}
