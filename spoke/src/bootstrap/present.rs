//! What is installed already: it stays as it is unless something else is asked for, and either is said.

use capstan_proto::ObjectKey;
use serde_json::Value;

use super::manifests::{AgentRuns, Install};
use super::{ACCOUNT, BootstrapError, Rights};
use crate::kube::{Call, Kube, Place};
use crate::link::Address;
use crate::tls::Pin;

/// What one run asks for. What it leaves out stays as it is installed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The agent's namespace.
    pub namespace: String,
    /// Where the hub is.
    pub hub: Address,
    /// Its CA's key.
    pub pin: Pin,
    /// The token; not needed by a cluster that is enrolled already.
    pub token: Option<String>,
    /// What the agent may install.
    pub rights: Option<Rights>,
    /// How the agent runs.
    pub agent: Option<AgentRuns>,
}

/// What is installed; `None` where nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) rights: Option<Rights>,
    pub(super) agent: Option<AgentRuns>,
    /// Whether there is a Deployment, whatever the agent was said to run as.
    pub(super) deployment: bool,
    pub(super) hub: Option<Address>,
}

impl Present {
    /// Reads it from the roles and the Deployment.
    pub(super) async fn read(
        kube: &Kube,
        namespace: &str,
        hub: Option<Address>,
    ) -> Result<Self, BootstrapError> {
        let access = "rbac.authorization.k8s.io";
        let cluster_role = key(access, "ClusterRole", "", &format!("{namespace}:{ACCOUNT}"));
        let role = key(access, "Role", namespace, ACCOUNT);
        let deployment = key("apps", "Deployment", namespace, ACCOUNT);
        let cluster_role = get(kube, &cluster_role).await?;
        let role = get(kube, &role).await?;
        let deployment = get(kube, &deployment).await?;
        Ok(Self {
            rights: cluster_role.as_ref().map(Rights::of),
            agent: agent(role.as_ref(), deployment.as_ref()),
            deployment: deployment.is_some(),
            hub,
        })
    }
}

impl Asked {
    /// What is to be installed over what is there.
    pub(super) fn over(&self, present: &Present) -> Install {
        let agent = self.agent.clone().or_else(|| present.agent.clone());
        Install {
            namespace: self.namespace.clone(),
            hub: self.hub.clone(),
            pin: self.pin,
            token: self.token.clone(),
            rights: self.rights.or(present.rights).unwrap_or_default(),
            agent: agent.unwrap_or_else(|| AgentRuns::Inside {
                image: crate::config::default_image(),
            }),
        }
    }

    /// What is installed and what changes, a sentence each.
    pub(super) fn settings(&self, present: &Present, install: &Install) -> Vec<String> {
        let before = present.rights.map(Rights::as_str);
        let rights = install.rights.as_str();
        let mut said = vec![setting("rights", before, rights, self.rights.is_some())];
        let before = present.agent.as_ref().map(AgentRuns::words);
        let runs = install.agent.words();
        let given = self.agent.is_some();
        said.push(setting("agent", before.as_deref(), &runs, given));
        let before = present.hub.as_ref().map(Address::to_string);
        let hub = install.hub.to_string();
        said.push(setting("hub", before.as_deref(), &hub, true));
        if present.deployment && install.agent == AgentRuns::Outside {
            said.push(format!(
                "the Deployment {ACCOUNT} is still there, and only one of two agents works; delete it: \
                 kubectl --namespace {} delete deployment {ACCOUNT}",
                install.namespace
            ));
        }
        said
    }
}

fn setting(what: &str, before: Option<&str>, now: &str, given: bool) -> String {
    match before {
        Some(before) if before != now => format!("{what}: {before} -> {now}"),
        Some(_) if !given => format!("{what}: {now}, as installed"),
        _ => format!("{what}: {now}"),
    }
}

/// The Role says it: only an agent outside makes tokens for itself. The Deployment may be of another time.
fn agent(role: Option<&Value>, deployment: Option<&Value>) -> Option<AgentRuns> {
    let makes_tokens = |rule: &Value| {
        let resources = rule.get("resources").and_then(Value::as_array);
        let mut resources = resources.into_iter().flatten();
        resources.any(|resource| resource == "serviceaccounts/token")
    };
    let rules = role.and_then(|role| role.get("rules")?.as_array());
    if rules.into_iter().flatten().any(makes_tokens) {
        return Some(AgentRuns::Outside);
    }
    let image = deployment?.pointer("/spec/template/spec/containers/0/image");
    Some(AgentRuns::Inside {
        image: image?.as_str()?.to_owned(),
    })
}

fn key(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(group, kind, namespace, name)
}

async fn get(kube: &Kube, key: &ObjectKey) -> Result<Option<Value>, BootstrapError> {
    let path = super::install::resource(key).path(Place {
        namespace: &key.namespace,
        name: &key.name,
    });
    match kube.call(Call::get(path)).await?.success() {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.status.code == 404 => Ok(None),
        Err(source) => Err(BootstrapError::Unread {
            what: key.to_string(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests;
