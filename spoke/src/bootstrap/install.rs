//! Applies the manifests: first as a dry run, then for real.

use std::io::Write;

use capstan_proto::ObjectKey;
use serde_json::Value;

use super::check::Checked;
use super::{ACCOUNT, BootstrapError, Install};
use crate::kube::progress;
use crate::kube::{ApiError, Call, CallError, Kube, Place, Resource};

/// Field manager of what is installed here. The agent's own writes have another.
const MANAGER: &str = "capstan-bootstrap";

/// What was there before, so that waiting knows what to wait for.
pub(super) struct Installed {
    /// Which process of the agent wrote its progress last, before this installation.
    pub(super) instance_before: Option<String>,
    /// Whether a new pod is to be expected.
    pub(super) pod_changes: bool,
}

/// Asks the API server whether it would take everything. What lives in a namespace that is not there yet cannot be
/// asked for.
pub(super) async fn dry_run(kube: &Kube, install: &Install) -> Result<(), BootstrapError> {
    for manifest in install.manifests() {
        match apply(kube, &manifest, "&dryRun=All").await? {
            Ok(_) => {}
            Err(error) if error.status.code == 404 && error.status.kind == "namespaces" => {}
            Err(source) => return Err(refused(&manifest, false, source)),
        }
    }
    Ok(())
}

/// Applies everything.
pub(super) async fn run(
    checked: &Checked,
    out: &mut (dyn Write + Send),
) -> Result<Installed, BootstrapError> {
    let namespace = &checked.install.namespace;
    let before = progress::read(&checked.kube, namespace).await?;
    let generation_before = generation(&checked.kube, namespace).await?;
    let mut halfway = false;
    for manifest in checked.install.manifests() {
        apply(&checked.kube, &manifest, "")
            .await?
            .map_err(|source| refused(&manifest, halfway, source))?;
        halfway = true;
        writeln!(out, "  {} applied", name(&manifest))?;
    }
    Ok(Installed {
        instance_before: before.map(|progress| progress.instance),
        pod_changes: generation(&checked.kube, namespace).await? != generation_before,
    })
}

/// The Deployment's generation; it moves when its pod changes.
async fn generation(kube: &Kube, namespace: &str) -> Result<Option<i64>, CallError> {
    let path = deployments().path(Place {
        namespace,
        name: ACCOUNT,
    });
    let answer = kube.call(Call::get(path)).await?;
    let generation = answer.body.pointer("/metadata/generation");
    Ok(generation.and_then(Value::as_i64))
}

pub(super) fn deployments() -> Resource {
    Resource {
        group: "apps".to_owned(),
        version: "v1".to_owned(),
        plural: "deployments".to_owned(),
        kind: "Deployment".to_owned(),
        namespaced: true,
    }
}

async fn apply(
    kube: &Kube,
    manifest: &Value,
    query: &str,
) -> Result<Result<Value, ApiError>, CallError> {
    let key = ObjectKey::of(manifest).expect("every manifest has a kind and a name");
    let path = resource(&key).path(Place {
        namespace: &key.namespace,
        name: &key.name,
    });
    let target = format!("{path}?fieldManager={MANAGER}&force=true{query}");
    Ok(kube.call(Call::apply(target, manifest)).await?.success())
}

/// Where our own manifests live: built-in kinds, whose plurals are regular but for one.
pub(super) fn resource(key: &ObjectKey) -> Resource {
    let plural = match key.kind.as_str() {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        kind => format!("{}s", kind.to_ascii_lowercase()),
    };
    Resource {
        group: key.group.clone(),
        version: "v1".to_owned(),
        plural,
        kind: key.kind.clone(),
        namespaced: !key.namespace.is_empty(),
    }
}

fn refused(manifest: &Value, halfway: bool, source: ApiError) -> BootstrapError {
    BootstrapError::Refused {
        what: name(manifest),
        halfway,
        source,
    }
}

fn name(manifest: &Value) -> String {
    ObjectKey::of(manifest).map_or_else(String::new, |key| key.to_string())
}
