//! Everything that `spoke bootstrap` installs, made in one place: applied, printed and tested from here.

use serde_json::{Value, json};

use super::rights::Rights;
use super::{ACCOUNT, HTTP_PORT};
use crate::kube::identity::{BOOTSTRAP, token_id};
use crate::kube::lease::POD_UID;
use crate::link::Address;
use crate::tls::Pin;

/// What the manifests depend on.
#[derive(Clone, Debug)]
pub struct Install {
    /// The agent's namespace.
    pub namespace: String,
    /// Where the hub is.
    pub hub: Address,
    /// Its CA's key.
    pub pin: Pin,
    /// The token; `None` when a cluster that is enrolled already is only repaired.
    pub token: Option<String>,
    /// What the agent may install.
    pub rights: Rights,
    /// How the agent runs.
    pub agent: AgentRuns,
}

/// How the agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentRuns {
    /// As a Deployment with this image.
    Inside {
        /// The image.
        image: String,
    },
    /// Outside the cluster, started by somebody as `spoke run --kubeconfig`.
    Outside,
}

impl AgentRuns {
    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Inside { image } => format!("Deployment with image {image}"),
            Self::Outside => "outside the cluster".to_owned(),
        }
    }
}

impl Install {
    /// The manifests, in the order in which they are applied.
    #[must_use]
    pub fn manifests(&self) -> Vec<Value> {
        let mut manifests = vec![self.namespace(), self.account()];
        manifests.extend(super::rights::manifests(
            &self.namespace,
            self.rights,
            &self.agent,
        ));
        manifests.push(self.secret());
        if let AgentRuns::Inside { image } = &self.agent {
            manifests.push(self.network_policy());
            manifests.push(self.deployment(image));
        }
        manifests
    }

    /// The same for people and their tools: what the Secret says is plain text.
    #[must_use]
    pub fn printed(&self) -> Vec<Value> {
        let mut manifests = self.manifests();
        for manifest in &mut manifests {
            if manifest["kind"] == "Secret"
                && let Some(secret) = manifest.as_object_mut()
            {
                secret.remove("data");
                secret.insert("stringData".to_owned(), self.secret_text());
            }
        }
        manifests
    }

    fn namespace(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.namespace,
                "labels": {
                    "app.kubernetes.io/part-of": "capstan",
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
            },
        })
    }

    fn account(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(ACCOUNT, Some(&self.namespace)),
        })
    }

    fn secret(&self) -> Value {
        let mut data = self.secret_text();
        for value in data.as_object_mut().into_iter().flatten().map(|(_, v)| v) {
            *value = Value::from(base64(value.as_str().unwrap_or_default()));
        }
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": metadata(BOOTSTRAP, Some(&self.namespace)),
            "data": data,
        })
    }

    fn secret_text(&self) -> Value {
        let mut text = json!({"hub": self.hub.to_string(), "ca-pin": self.pin.to_string()});
        if let Some(token) = &self.token {
            text["token"] = Value::from(token.as_str());
        }
        text
    }

    /// Nobody may connect to the agent; it connects to the API server and the hub, wherever they are.
    fn network_policy(&self) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(ACCOUNT, Some(&self.namespace)),
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": ACCOUNT}},
                "policyTypes": ["Ingress"],
                "ingress": [],
            },
        })
    }

    fn deployment(&self, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(ACCOUNT, Some(&self.namespace)),
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"app.kubernetes.io/name": ACCOUNT}},
                "template": {
                    "metadata": {
                        "labels": {"app.kubernetes.io/name": ACCOUNT, "app.kubernetes.io/part-of": "capstan"},
                        // A new token, hub or pin starts a new pod, which then uses it.
                        "annotations": {"capstan.dev/bootstrap": self.fingerprint()},
                    },
                    "spec": self.pod(image),
                },
            },
        })
    }

    fn pod(&self, image: &str) -> Value {
        let probe =
            |path: &str| json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 10});
        json!({
            "serviceAccountName": ACCOUNT,
            "terminationGracePeriodSeconds": 30,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "spoke",
                "image": image,
                "args": ["run", "--namespace", self.namespace, "--http", format!("0.0.0.0:{HTTP_PORT}")],
                // By which a container that is started again knows that the one before has ended.
                "env": [{"name": POD_UID, "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
                "ports": [{"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"}],
                "livenessProbe": probe("/livez"),
                "readinessProbe": probe("/readyz"),
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        })
    }

    fn fingerprint(&self) -> String {
        let mut hasher = capstan_proto::digest::Hasher::new();
        hasher
            .field(self.hub.to_string().as_bytes())
            .field(self.pin.to_string().as_bytes());
        // The part before the dot is the token's name; the secret part has no business in an annotation's hash.
        if let Some(token) = &self.token {
            hasher.field(token_id(token).as_bytes());
        }
        hasher.finish().short()
    }
}

/// Name, namespace and the label by which everything of the agent is found.
pub(super) fn metadata(name: &str, namespace: Option<&str>) -> Value {
    let mut metadata = json!({"name": name, "labels": {"app.kubernetes.io/part-of": "capstan"}});
    if let Some(namespace) = namespace {
        metadata["namespace"] = Value::from(namespace);
    }
    metadata
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[cfg(test)]
pub(super) mod tests;
