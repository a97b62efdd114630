//! Which kinds live in a namespace.

use std::collections::BTreeMap;

use capstan_proto::ObjectKey;
use capstan_proto::object::group_version;

use super::Content;
use crate::yaml::Node;

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Outside namespaces.
    Cluster,
    /// In a namespace.
    Namespaced,
}

/// The scope of kinds: built-in ones, and those whose definitions are in the fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    /// (group, kind) of definitions found in the fleet.
    found: BTreeMap<(String, String), Scope>,
}

/// The kinds of Kubernetes 1.36 that live outside namespaces and can be applied.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    (
        "certificates.k8s.io",
        &["CertificateSigningRequest", "ClusterTrustBundle"],
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        &["FlowSchema", "PriorityLevelConfiguration"],
    ),
    (
        "networking.k8s.io",
        &["IPAddress", "IngressClass", "ServiceCIDR"],
    ),
    ("node.k8s.io", &["RuntimeClass"]),
    (
        "rbac.authorization.k8s.io",
        &["ClusterRole", "ClusterRoleBinding"],
    ),
    (
        "resource.k8s.io",
        &["DeviceClass", "DeviceTaintRule", "ResourceSlice"],
    ),
    ("scheduling.k8s.io", &["PriorityClass"]),
    (
        "storage.k8s.io",
        &[
            "CSIDriver",
            "CSINode",
            "StorageClass",
            "VolumeAttachment",
            "VolumeAttributesClass",
        ],
    ),
    ("storagemigration.k8s.io", &["StorageVersionMigration"]),
];

impl Scopes {
    /// The scopes that the definitions among these contents give.
    pub(super) fn of<'a>(contents: impl Iterator<Item = &'a Content>) -> Self {
        let manifests = contents.flat_map(|content| &content.manifests);
        let found = manifests
            .filter_map(|manifest| definition(&manifest.node))
            .collect();
        Self { found }
    }

    /// The scopes that objects which are out there have.
    pub(super) fn of_objects<'a>(objects: impl Iterator<Item = &'a ObjectKey>) -> Self {
        let scope = |key: &ObjectKey| match key.namespace.as_str() {
            "" => Scope::Cluster,
            _ => Scope::Namespaced,
        };
        let found = objects
            .map(|key| ((key.group.clone(), key.kind.clone()), scope(key)))
            .collect();
        Self { found }
    }

    /// Adds the scopes of kinds that are not defined here: while content is broken, a definition
    /// that is missed is not taken for one that is gone, which would move objects into a namespace.
    pub(super) fn fill(&mut self, before: &Self) {
        for (kind, scope) in &before.found {
            self.found.entry(kind.clone()).or_insert(*scope);
        }
    }

    /// Where objects of a kind live. A kind that nothing defines counts as namespaced.
    #[must_use]
    pub fn of_kind(&self, group: &str, kind: &str) -> Scope {
        let built_in = CLUSTER_SCOPED
            .iter()
            .any(|(g, kinds)| *g == group && kinds.contains(&kind));
        if built_in {
            return Scope::Cluster;
        }
        let key = (group.to_owned(), kind.to_owned());
        self.found.get(&key).copied().unwrap_or(Scope::Namespaced)
    }

    /// Every definition found.
    pub(super) fn found(&self) -> impl Iterator<Item = (&(String, String), &Scope)> {
        self.found.iter()
    }
}

/// What a CustomResourceDefinition defines.
fn definition(node: &Node) -> Option<((String, String), Scope)> {
    let (group, _) = group_version(node.get("apiVersion")?.text()?);
    let kind = node.get("kind")?.text()?;
    if (group, kind) != ("apiextensions.k8s.io", "CustomResourceDefinition") {
        return None;
    }
    let text = |path: &[&str]| node.at(path).and_then(Node::text);
    let scope = match text(&["spec", "scope"])? {
        "Cluster" => Scope::Cluster,
        _ => Scope::Namespaced,
    };
    let group = text(&["spec", "group"])?.to_owned();
    let kind = text(&["spec", "names", "kind"])?.to_owned();
    Some(((group, kind), scope))
}
