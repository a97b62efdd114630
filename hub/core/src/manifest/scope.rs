//! Which kinds live in a namespace.

use std::collections::BTreeMap;

use capstan_proto::object::group_version;
use capstan_proto::{ObjectKey, SourceName};

use super::directory::Name;
use super::{Content, restrict};
use crate::problem::{Code, Place, Problem};
use crate::spec::Restriction;
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
    found: BTreeMap<Kind, Found>,
}

/// A group and a kind of it.
type Kind = (String, String);

/// What is known of a kind that is not built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) scope: Scope,
    /// Whether a definition said it, rather than objects that are out there.
    pub(super) defined: bool,
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

/// The kinds of Kubernetes 1.36 that live in namespaces.
const NAMESPACED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    (
        "apps",
        &[
            "ControllerRevision",
            "DaemonSet",
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
        ],
    ),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("batch", &["CronJob", "Job"]),
    ("coordination.k8s.io", &["Lease", "LeaseCandidate"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("events.k8s.io", &["Event"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("policy", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io", &["Role", "RoleBinding"]),
    (
        "resource.k8s.io",
        &["ResourceClaim", "ResourceClaimTemplate"],
    ),
    ("storage.k8s.io", &["CSIStorageCapacity"]),
];

fn lists(known: &[(&str, &[&str])], group: &str, kind: &str) -> bool {
    known
        .iter()
        .any(|(of, kinds)| *of == group && kinds.contains(&kind))
}

/// A definition in the fleet, of a source that may place definitions.
struct Definition<'a> {
    scope: Scope,
    of: &'a Name,
    at: &'a Place,
}

impl Definition<'_> {
    /// Where it is, for people who see many sources.
    fn place(&self) -> String {
        let pin = self.of.pin.as_ref();
        let pin = pin.map_or(String::new(), |pin| format!(" at `{pin}`"));
        format!("{} of source `{}`{pin}", self.at, self.of.source)
    }
}

impl Scopes {
    /// The scopes that the definitions in these directories give, and what is wrong with them.
    ///
    /// A definition counts where its source may place definitions, wherever it is; those of
    /// unrestricted sources before those of restricted ones, the branch before pinned revisions.
    /// Where they disagree, the scope that was in force stays: another would give every object of
    /// the kind another identity, and remove the ones that are there.
    pub(super) fn of<'a>(
        directories: impl Iterator<Item = (&'a Name, &'a Content)>,
        restrictions: &BTreeMap<SourceName, Restriction>,
        before: &Self,
    ) -> (Self, Vec<Problem>) {
        let mut definitions: BTreeMap<Kind, Vec<Definition<'_>>> = BTreeMap::new();
        for (of, content) in directories {
            let restriction = restrictions.get(&of.source);
            if restriction.is_some_and(|restriction| !restrict::may_define(restriction)) {
                continue;
            }
            for manifest in &content.manifests {
                if let Some((kind, scope)) = definition(&manifest.node) {
                    let at = &manifest.at;
                    let entry = Definition { scope, of, at };
                    definitions.entry(kind).or_default().push(entry);
                }
            }
        }
        let mut scopes = Self::default();
        let mut problems = Vec::new();
        for (kind, mut all) in definitions {
            // Stable: else in the order of sources and directories.
            all.sort_by_key(|entry| {
                let restricted = restrictions.contains_key(&entry.of.source);
                (restricted, entry.of.pin.is_some())
            });
            let first = all[0].scope;
            let scope = if all.iter().all(|entry| entry.scope == first) {
                first
            } else {
                let before = before.found.get(&kind);
                let scope = before.map_or(first, |before| before.scope);
                problems.extend(disagreement(&kind, scope, &all));
                scope
            };
            let defined = true;
            scopes.found.insert(kind, Found { scope, defined });
        }
        (scopes, problems)
    }

    /// The scopes that objects which are out there have.
    pub(super) fn of_objects<'a>(objects: impl Iterator<Item = &'a ObjectKey>) -> Self {
        let found = |key: &ObjectKey| Found {
            scope: match key.namespace.as_str() {
                "" => Scope::Cluster,
                _ => Scope::Namespaced,
            },
            defined: false,
        };
        let found = objects
            .map(|key| ((key.group.clone(), key.kind.clone()), found(key)))
            .collect();
        Self { found }
    }

    /// Adds the scopes of kinds that are not defined here: while content is broken, a definition
    /// that is missed is not taken for one that is gone, which would move objects into a namespace.
    pub(super) fn fill(&mut self, before: &Self) {
        for (kind, found) in &before.found {
            self.found.entry(kind.clone()).or_insert(*found);
        }
    }

    /// Where objects of a kind live. A kind that nothing defines counts as namespaced.
    #[must_use]
    pub fn of_kind(&self, group: &str, kind: &str) -> Scope {
        if lists(CLUSTER_SCOPED, group, kind) {
            return Scope::Cluster;
        }
        let found = self.found.get(&(group.to_owned(), kind.to_owned()));
        found.map_or(Scope::Namespaced, |found| found.scope)
    }

    /// Whether it is known where objects of a kind live: it is built in, or defined in the fleet.
    pub(super) fn is_known(&self, group: &str, kind: &str) -> bool {
        let found = self.found.get(&(group.to_owned(), kind.to_owned()));
        lists(CLUSTER_SCOPED, group, kind)
            || lists(NAMESPACED, group, kind)
            || found.is_some_and(|found| found.defined)
    }

    /// Everything found.
    pub(super) fn found(&self) -> impl Iterator<Item = (&Kind, &Found)> {
        self.found.iter()
    }
}

/// One problem for definitions of a kind that do not say the same.
fn disagreement(kind: &Kind, scope: Scope, all: &[Definition<'_>]) -> Option<Problem> {
    let counts = all.iter().find(|entry| entry.scope == scope)?;
    let other = all.iter().find(|entry| entry.scope != scope)?;
    let message = format!(
        "{}.{} is {} here ({}), and {} at {}, which counts",
        kind.1,
        kind.0,
        words(other.scope),
        other.place(),
        words(scope),
        counts.place()
    );
    let problem = Problem::warning(other.at, Code::ScopesDisagree, message);
    Some(problem.hint("define a kind once; where its scope shall change, change every definition"))
}

const fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Cluster => "cluster-scoped",
        Scope::Namespaced => "namespaced",
    }
}

/// What a CustomResourceDefinition defines.
fn definition(node: &Node) -> Option<(Kind, Scope)> {
    let (group, _) = group_version(node.get("apiVersion")?.text()?);
    let kind = node.get("kind")?.text()?;
    if (group, kind) != ("apiextensions.k8s.io", "CustomResourceDefinition") {
        return None;
    }
    let text = |path: &[&str]| node.at(path).and_then(Node::text);
    let scope = match text(&["spec", "scope"])? {
        "Cluster" => Scope::Cluster,
        "Namespaced" => Scope::Namespaced,
        _ => return None,
    };
    let group = text(&["spec", "group"])?.to_owned();
    let kind = text(&["spec", "names", "kind"])?.to_owned();
    Some(((group, kind), scope))
}
