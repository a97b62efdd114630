//! Owns the table of the built-in resources and the conversions between their versions.

use serde_json::Value;

use super::{Generation, Resource, ScalePaths, Served, Shape, Version};
use crate::object;
use crate::schema;

/// One built-in resource. Versions are listed with the preferred (and stored) one first.
struct Row {
    group: &'static str,
    versions: &'static [&'static str],
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    short: &'static [&'static str],
    categories: &'static [&'static str],
    subresources: &'static [&'static str],
    generation: Generation,
}

const ALL: &[&str] = &["all"];
const NONE: &[&str] = &[];
const EXTENSIONS: &[&str] = &["api-extensions"];
const STATUS: &[&str] = &["status"];
const SCALED: &[&str] = &["scale", "status"];
const V1: &[&str] = &["v1"];

const VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const NAMESPACE_VERBS: &[&str] = &[
    "create", "delete", "get", "list", "patch", "update", "watch",
];

const fn row(
    gvr: (&'static str, &'static [&'static str], &'static str),
    kind: &'static str,
    namespaced: bool,
    names: (&'static [&'static str], &'static [&'static str]),
    rest: (&'static [&'static str], Generation),
) -> Row {
    let (group, versions, plural) = gvr;
    let (short, categories) = names;
    let (subresources, generation) = rest;
    Row {
        group,
        versions,
        plural,
        kind,
        namespaced,
        short,
        categories,
        subresources,
        generation,
    }
}

use Generation::{Never, Spec};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row(("", V1, "configmaps"), "ConfigMap", true, (&["cm"], NONE), (NONE, Never)),
    row(("", V1, "endpoints"), "Endpoints", true, (&["ep"], NONE), (NONE, Never)),
    row(("", V1, "events"), "Event", true, (&["ev"], NONE), (NONE, Never)),
    row(("", V1, "limitranges"), "LimitRange", true, (&["limits"], NONE), (NONE, Never)),
    row(("", V1, "namespaces"), "Namespace", false, (&["ns"], NONE), (&["finalize", "status"], Never)),
    row(("", V1, "nodes"), "Node", false, (&["no"], NONE), (STATUS, Never)),
    row(("", V1, "persistentvolumeclaims"), "PersistentVolumeClaim", true, (&["pvc"], NONE), (STATUS, Never)),
    row(("", V1, "persistentvolumes"), "PersistentVolume", false, (&["pv"], NONE), (STATUS, Never)),
    row(("", V1, "pods"), "Pod", true, (&["po"], ALL), (&["eviction", "log", "status"], Spec)),
    row(("", V1, "podtemplates"), "PodTemplate", true, (NONE, NONE), (NONE, Spec)),
    row(("", V1, "replicationcontrollers"), "ReplicationController", true, (&["rc"], ALL), (SCALED, Spec)),
    row(("", V1, "resourcequotas"), "ResourceQuota", true, (&["quota"], NONE), (STATUS, Never)),
    row(("", V1, "secrets"), "Secret", true, (NONE, NONE), (NONE, Never)),
    row(("", V1, "serviceaccounts"), "ServiceAccount", true, (&["sa"], NONE), (&["token"], Never)),
    row(("", V1, "services"), "Service", true, (&["svc"], ALL), (STATUS, Never)),
    row(("admissionregistration.k8s.io", V1, "mutatingwebhookconfigurations"), "MutatingWebhookConfiguration", false, (NONE, EXTENSIONS), (NONE, Spec)),
    row(("admissionregistration.k8s.io", V1, "validatingadmissionpolicies"), "ValidatingAdmissionPolicy", false, (NONE, EXTENSIONS), (STATUS, Spec)),
    row(("admissionregistration.k8s.io", V1, "validatingadmissionpolicybindings"), "ValidatingAdmissionPolicyBinding", false, (NONE, EXTENSIONS), (NONE, Spec)),
    row(("admissionregistration.k8s.io", V1, "validatingwebhookconfigurations"), "ValidatingWebhookConfiguration", false, (NONE, EXTENSIONS), (NONE, Spec)),
    row(("apiextensions.k8s.io", V1, "customresourcedefinitions"), "CustomResourceDefinition", false, (&["crd", "crds"], EXTENSIONS), (STATUS, Spec)),
    row(("apiregistration.k8s.io", V1, "apiservices"), "APIService", false, (NONE, EXTENSIONS), (STATUS, Never)),
    row(("apps", V1, "controllerrevisions"), "ControllerRevision", true, (NONE, NONE), (NONE, Never)),
    row(("apps", V1, "daemonsets"), "DaemonSet", true, (&["ds"], ALL), (STATUS, Spec)),
    row(("apps", V1, "deployments"), "Deployment", true, (&["deploy"], ALL), (SCALED, Spec)),
    row(("apps", V1, "replicasets"), "ReplicaSet", true, (&["rs"], ALL), (SCALED, Spec)),
    row(("apps", V1, "statefulsets"), "StatefulSet", true, (&["sts"], ALL), (SCALED, Spec)),
    row(("autoscaling", &["v2", "v1"], "horizontalpodautoscalers"), "HorizontalPodAutoscaler", true, (&["hpa"], ALL), (STATUS, Never)),
    row(("batch", V1, "cronjobs"), "CronJob", true, (&["cj"], ALL), (STATUS, Spec)),
    row(("batch", V1, "jobs"), "Job", true, (NONE, ALL), (STATUS, Spec)),
    row(("certificates.k8s.io", V1, "certificatesigningrequests"), "CertificateSigningRequest", false, (&["csr"], NONE), (&["approval", "status"], Never)),
    row(("coordination.k8s.io", V1, "leases"), "Lease", true, (NONE, NONE), (NONE, Never)),
    row(("discovery.k8s.io", V1, "endpointslices"), "EndpointSlice", true, (NONE, NONE), (NONE, Spec)),
    row(("events.k8s.io", V1, "events"), "Event", true, (&["ev"], NONE), (NONE, Never)),
    row(("networking.k8s.io", V1, "ingressclasses"), "IngressClass", false, (NONE, NONE), (NONE, Spec)),
    row(("networking.k8s.io", V1, "ingresses"), "Ingress", true, (&["ing"], NONE), (STATUS, Spec)),
    row(("networking.k8s.io", V1, "networkpolicies"), "NetworkPolicy", true, (&["netpol"], NONE), (NONE, Spec)),
    row(("node.k8s.io", V1, "runtimeclasses"), "RuntimeClass", false, (NONE, NONE), (NONE, Never)),
    row(("policy", V1, "poddisruptionbudgets"), "PodDisruptionBudget", true, (&["pdb"], NONE), (STATUS, Spec)),
    row(("rbac.authorization.k8s.io", V1, "clusterrolebindings"), "ClusterRoleBinding", false, (NONE, NONE), (NONE, Never)),
    row(("rbac.authorization.k8s.io", V1, "clusterroles"), "ClusterRole", false, (NONE, NONE), (NONE, Never)),
    row(("rbac.authorization.k8s.io", V1, "rolebindings"), "RoleBinding", true, (NONE, NONE), (NONE, Never)),
    row(("rbac.authorization.k8s.io", V1, "roles"), "Role", true, (NONE, NONE), (NONE, Never)),
    row(("scheduling.k8s.io", V1, "priorityclasses"), "PriorityClass", false, (&["pc"], NONE), (NONE, Spec)),
    row(("storage.k8s.io", V1, "csidrivers"), "CSIDriver", false, (NONE, NONE), (NONE, Never)),
    row(("storage.k8s.io", V1, "csinodes"), "CSINode", false, (NONE, NONE), (NONE, Never)),
    row(("storage.k8s.io", V1, "storageclasses"), "StorageClass", false, (&["sc"], NONE), (NONE, Never)),
    row(("storage.k8s.io", V1, "volumeattachments"), "VolumeAttachment", false, (NONE, NONE), (STATUS, Never)),
];

/// Kinds that are created to ask a question and are never stored.
#[rustfmt::skip]
const QUESTIONS: &[(&str, &str, &str, bool)] = &[
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview", false),
    ("authentication.k8s.io", "tokenreviews", "TokenReview", false),
    ("authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview", true),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview", false),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview", false),
    ("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview", false),
];

/// The built-in resources.
pub(super) fn all() -> impl Iterator<Item = Resource> {
    ROWS.iter()
        .map(resource)
        .chain(QUESTIONS.iter().map(|(group, plural, kind, namespaced)| {
            let asked = row(
                (group, V1, plural),
                kind,
                *namespaced,
                (NONE, NONE),
                (NONE, Never),
            );
            let mut resource = resource(&asked);
            resource.collection.clear();
            resource.verbs = &["create"];
            resource
        }))
}

fn resource(row: &Row) -> Resource {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    // Both event resources show the same objects.
    let collection = match (row.group, row.plural) {
        ("" | "events.k8s.io", plural) => plural.to_owned(),
        (group, plural) => format!("{plural}.{group}"),
    };
    Resource {
        group: row.group.to_owned(),
        plural: row.plural.to_owned(),
        singular: row.kind.to_lowercase(),
        kind: row.kind.to_owned(),
        list_kind: format!("{}List", row.kind),
        namespaced: row.namespaced,
        short_names: owned(row.short),
        categories: owned(row.categories),
        verbs: if row.plural == "namespaces" {
            NAMESPACE_VERBS
        } else {
            VERBS
        },
        subresources: row.subresources,
        versions: row
            .versions
            .iter()
            .map(|version| served_version(row, version))
            .collect(),
        storage: row.versions[0].to_owned(),
        collection,
        generation: row.generation,
        custom: false,
        source: String::new(),
    }
}

fn served_version(row: &Row, version: &str) -> Version {
    let scale = row.subresources.contains(&"scale").then(|| ScalePaths {
        spec_replicas: "spec.replicas".to_owned(),
        status_replicas: "status.replicas".to_owned(),
        selector: None,
    });
    Version {
        name: version.to_owned(),
        shape: schema::builtin(row.group, version, row.kind).map(Shape::Builtin),
        status: row.subresources.contains(&"status"),
        scale,
        columns: Vec::new(),
        selectable: Vec::new(),
        deprecation: (row.plural == "endpoints").then(|| {
            "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned()
        }),
    }
}

/// Rewrites an object of version `from` into the version of `served`, but for `apiVersion`.
pub(super) fn convert(served: &Served, from: &str, object: &mut Value) {
    match (from, served.api_version().as_str()) {
        ("v1", "events.k8s.io/v1") => {
            rename(
                object,
                &[
                    ("involvedObject", "regarding"),
                    ("message", "note"),
                    ("source", "deprecatedSource"),
                    ("count", "deprecatedCount"),
                    ("firstTimestamp", "deprecatedFirstTimestamp"),
                    ("lastTimestamp", "deprecatedLastTimestamp"),
                    ("reportingComponent", "reportingController"),
                ],
            );
        }
        ("events.k8s.io/v1", "v1") => {
            rename(
                object,
                &[
                    ("regarding", "involvedObject"),
                    ("note", "message"),
                    ("deprecatedSource", "source"),
                    ("deprecatedCount", "count"),
                    ("deprecatedFirstTimestamp", "firstTimestamp"),
                    ("deprecatedLastTimestamp", "lastTimestamp"),
                    ("reportingController", "reportingComponent"),
                ],
            );
        }
        _ => {}
    }
}

fn rename(object: &mut Value, names: &[(&str, &str)]) {
    let root = object::root_mut(object);
    for (old, new) in names {
        if let Some(value) = root.remove(*old) {
            root.insert((*new).to_owned(), value);
        }
    }
}
