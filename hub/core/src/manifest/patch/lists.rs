//! Which kinds are known, and by which keys their lists merge, as the OpenAPI of Kubernetes 1.36
//! publishes them (`x-kubernetes-patch-merge-key`). Status is left out: it is never declared.

/// What is known of a value: the rules of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Fields without rules: maps merge, lists replace.
    Plain,
    /// The whole object of this kind.
    Object(&'static [Field]),
    /// A value with these fields.
    Fields(&'static [Field]),
}

/// A field whose value has rules, or leads to one that has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    name: &'static str,
    rule: Rule,
}

/// How a field merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// A map whose fields have these rules; a list replaces.
    Inside(Shape),
    /// A list whose items are told apart by a key.
    Items(Keys, Shape),
    /// A list of scalars to which scalars are added.
    Set,
}

/// The fields that tell the items of a list apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// The merge key.
    pub(super) first: &'static str,
    /// What tells items with the same merge key apart, and its value where it is absent.
    pub(super) second: Option<(&'static str, &'static str)>,
}

const fn by(first: &'static str) -> Keys {
    Keys {
        first,
        second: None,
    }
}

const fn inside(name: &'static str, fields: &'static [Field]) -> Field {
    Field {
        name,
        rule: Rule::Inside(Shape::Fields(fields)),
    }
}

const fn items(name: &'static str, key: &'static str, of: &'static [Field]) -> Field {
    Field {
        name,
        rule: Rule::Items(by(key), Shape::Fields(of)),
    }
}

const fn pair(
    name: &'static str,
    first: &'static str,
    second: (&'static str, &'static str),
) -> Field {
    let keys = Keys {
        first,
        second: Some(second),
    };
    Field {
        name,
        rule: Rule::Items(keys, Shape::Plain),
    }
}

const METADATA: &[Field] = &[
    Field {
        name: "finalizers",
        rule: Rule::Set,
    },
    items("ownerReferences", "uid", &[]),
];

const CONTAINER: &[Field] = &[
    items("env", "name", &[]),
    pair("ports", "containerPort", ("protocol", "TCP")),
    items("volumeDevices", "devicePath", &[]),
    items("volumeMounts", "mountPath", &[]),
];

const VOLUME: &[Field] = &[inside(
    "ephemeral",
    &[inside(
        "volumeClaimTemplate",
        &[inside("metadata", METADATA)],
    )],
)];

const POD: &[Field] = &[
    items("containers", "name", CONTAINER),
    items("ephemeralContainers", "name", CONTAINER),
    items("hostAliases", "ip", &[]),
    items("imagePullSecrets", "name", &[]),
    items("initContainers", "name", CONTAINER),
    items("resourceClaims", "name", &[]),
    items("schedulingGates", "name", &[]),
    pair(
        "topologySpreadConstraints",
        "topologyKey",
        ("whenUnsatisfiable", ""),
    ),
    items("volumes", "name", VOLUME),
];

const POD_TEMPLATE: &[Field] = &[inside("metadata", METADATA), inside("spec", POD)];

const WORKLOAD: &[Field] = &[inside("spec", &[inside("template", POD_TEMPLATE)])];

const JOB_TEMPLATE: &[Field] = &[
    inside("metadata", METADATA),
    inside("spec", &[inside("template", POD_TEMPLATE)]),
];

const CRON_JOB: &[Field] = &[inside("spec", &[inside("jobTemplate", JOB_TEMPLATE)])];

const WEBHOOKS: &[Field] = &[items(
    "webhooks",
    "name",
    &[items("matchConditions", "name", &[])],
)];

const ADMISSION_POLICY: &[Field] = &[inside(
    "spec",
    &[
        items("matchConditions", "name", &[]),
        items("variables", "name", &[]),
    ],
)];

const MUTATING_POLICY: &[Field] = &[inside("spec", &[items("matchConditions", "name", &[])])];

/// Kinds with rules besides those of metadata.
const KINDS: &[(&str, &str, &[Field])] = &[
    ("", "Pod", &[inside("spec", POD)]),
    ("", "PodTemplate", &[inside("template", POD_TEMPLATE)]),
    ("", "ReplicationController", WORKLOAD),
    (
        "",
        "Node",
        &[inside(
            "spec",
            &[Field {
                name: "podCIDRs",
                rule: Rule::Set,
            }],
        )],
    ),
    (
        "",
        "Service",
        &[inside(
            "spec",
            &[pair("ports", "port", ("protocol", "TCP"))],
        )],
    ),
    ("", "ServiceAccount", &[items("secrets", "name", &[])]),
    ("apps", "DaemonSet", WORKLOAD),
    ("apps", "Deployment", WORKLOAD),
    ("apps", "ReplicaSet", WORKLOAD),
    ("apps", "StatefulSet", WORKLOAD),
    ("batch", "CronJob", CRON_JOB),
    ("batch", "Job", WORKLOAD),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicy",
        MUTATING_POLICY,
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        WEBHOOKS,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        ADMISSION_POLICY,
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        WEBHOOKS,
    ),
    (
        "storage.k8s.io",
        "CSINode",
        &[inside("spec", &[items("drivers", "name", &[])])],
    ),
];

/// The API groups that Kubernetes itself serves.
const GROUPS: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// The shape of a kind; `None` for one that Kubernetes itself does not serve.
pub(super) fn shape(group: &str, kind: &str) -> Option<Shape> {
    if !GROUPS.contains(&group) {
        return None;
    }
    let known = KINDS.iter().find(|(g, k, _)| (*g, *k) == (group, kind));
    Some(Shape::Object(known.map_or(&[], |(_, _, fields)| fields)))
}

impl Shape {
    /// How a field merges.
    pub(super) fn field(self, name: &str) -> Rule {
        let find = |fields: &[Field]| fields.iter().find(|f| f.name == name).map(|f| f.rule);
        match self {
            Self::Plain => Rule::Inside(Self::Plain),
            Self::Object(_) if name == "metadata" => Rule::Inside(Self::Fields(METADATA)),
            Self::Object(fields) | Self::Fields(fields) => {
                find(fields).unwrap_or(Rule::Inside(Self::Plain))
            }
        }
    }
}

#[cfg(test)]
mod tests;
