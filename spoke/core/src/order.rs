//! In which order the objects of a bundle are applied; the reverse is the order of removal.

use capstan_proto::ObjectKey;
use serde_json::Value;

use crate::health::is_builtin_group;

/// A place in the order: all objects of a lower rank are tried before one of a higher rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The wave that an annotation gives; 0 without one. Waves wait for health.
    pub wave: i32,
    /// What kind of thing it is.
    pub stage: Stage,
}

/// What has to be there before what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Definitions and namespaces, in which the rest lives.
    Foundation,
    /// Who may do what, and how much.
    Access,
    /// Who gets which role: the API server refuses a binding whose role it does not know.
    Binding,
    /// What others read or mount.
    Config,
    /// Everything else.
    #[default]
    Rest,
    /// Objects of kinds that no API server has by itself.
    Custom,
    /// What stands between everybody and the API server.
    Interception,
}

impl Stage {
    /// The lowest.
    pub const FIRST: Self = Self::Foundation;
}

/// The rank of an object by its key and declaration.
#[must_use]
pub fn rank(key: &ObjectKey, manifest: &Value) -> Rank {
    Rank {
        wave: wave(manifest),
        stage: stage(key),
    }
}

/// The stage of an object by its key alone, as far as the order of removal needs it.
#[must_use]
pub fn stage(key: &ObjectKey) -> Stage {
    match (key.group.as_str(), key.kind.as_str()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("", "Namespace") => {
            Stage::Foundation
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => Stage::Binding,
        ("rbac.authorization.k8s.io", _)
        | ("", "ServiceAccount" | "ResourceQuota" | "LimitRange")
        | ("scheduling.k8s.io" | "node.k8s.io", _) => Stage::Access,
        ("", "ConfigMap" | "Secret" | "PersistentVolume" | "PersistentVolumeClaim")
        | ("storage.k8s.io", _) => Stage::Config,
        ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Stage::Interception,
        (group, _) if !is_builtin_group(group) => Stage::Custom,
        _ => Stage::Rest,
    }
}

/// The wave of a declaration: `capstan.dev/wave`, else `argocd.argoproj.io/sync-wave`, else 0.
#[must_use]
pub fn wave(manifest: &Value) -> i32 {
    let annotation = |name: &str| {
        let value = manifest.pointer("/metadata/annotations")?.get(name)?;
        value.as_str()?.trim().parse().ok()
    };
    annotation("capstan.dev/wave")
        .or_else(|| annotation("argocd.argoproj.io/sync-wave"))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
