//! Bundle.

use super::common::{
    OVERRIDE_CLUSTERS, OVERRIDE_HELM, OVERRIDE_PATCHES, OVERRIDE_VARIABLES, PATCHES,
};
use super::{Choice, Field, Format, Map, Shape};

static CHART: Map = Map {
    title: "Chart",
    doc: "A chart that is not in the tree: `{oci, version}` or `{repo, name, version}`.",
    fields: &[
        Field::new(
            "oci",
            Shape::Text(Format::Template),
            "Registry and repository, without a scheme: `registry.example/charts/web`.",
        ),
        Field::new(
            "repo",
            Shape::Text(Format::Template),
            "Address of a chart repository: `https://charts.example`.",
        ),
        Field::new(
            "name",
            Shape::Text(Format::Template),
            "The chart's name; with `repo` only.",
        ),
        Field::new("version", Shape::Text(Format::Template), "The version.").required(),
        Field::new(
            "digest",
            Shape::Text(Format::Template),
            "The digest that it must have: `sha256:` and 64 hexadecimal digits.",
        ),
    ],
    choice: Choice::OneOf(&["oci", "repo"]),
};

static VALUES_FILE: Map = Map {
    title: "ValuesFile",
    doc: "A file with values that may be absent.",
    fields: &[
        Field::new("path", Shape::Text(Format::Template), "Where it is.").required(),
        Field::new("optional", Shape::Bool, "Whether it may be absent.").default("false"),
    ],
    choice: Choice::Free,
};

static HELM: Map = Map {
    title: "Helm",
    doc: "How a chart is rendered.",
    fields: &[
        Field::new(
            "chart",
            Shape::Map(&CHART),
            "A chart that is not in the tree, instead of `path`.",
        ),
        Field::new(
            "releaseName",
            Shape::Text(Format::Template),
            "Absent: the bundle's name.",
        ),
        Field::new(
            "valuesFiles",
            Shape::List(&Shape::Either(&[
                Shape::Text(Format::Template),
                Shape::Map(&VALUES_FILE),
            ])),
            "Files with values, in order; later ones win. Relative to the bundle's directory; with `chart`, to the source's path, or `./` to this file.",
        ),
        Field::new(
            "values",
            Shape::Object,
            "Values that win over those of the files.",
        ),
    ],
    choice: Choice::Free,
};

const REMOVALS: &[(&str, &str)] = &[
    ("delete", "it is deleted"),
    ("orphan", "it stays, without our marks"),
];

static REMOVAL: Map = Map {
    title: "Removal",
    doc: "What happens to what is not wanted any more.",
    fields: &[
        Field::new(
            "object",
            Shape::Word(REMOVALS),
            "An object leaves the bundle.",
        )
        .default("delete"),
        Field::new(
            "bundle",
            Shape::Word(REMOVALS),
            "The bundle leaves the cluster.",
        )
        .default("delete"),
    ],
    choice: Choice::Free,
};

static ADOPT: Map = Map {
    title: "Adopt",
    doc: "What happens to an object of our name that somebody else made.",
    fields: &[
        Field::new(
            "mode",
            Shape::Word(&[
                ("ifIdentical", "taken over when it says already what we say"),
                ("never", "never taken over"),
                ("always", "always taken over"),
            ]),
            "When it is taken over.",
        )
        .default("ifIdentical"),
        Field::later("from", "Managers whose fields are taken over."),
    ],
    choice: Choice::Free,
};

static IGNORE: Map = Map {
    title: "IgnoreRule",
    doc: "Which drift is nobody's business. What is absent matches everything; one key must be there.",
    fields: &[
        Field::new(
            "group",
            Shape::Text(Format::Any),
            "API group; `\"\"` is the core group.",
        ),
        Field::new("kind", Shape::Text(Format::Any), "Kind."),
        Field::new("namespace", Shape::Text(Format::Any), "Namespace."),
        Field::new("name", Shape::Text(Format::Any), "Name."),
        Field::new(
            "fields",
            Shape::List(&Shape::Text(Format::Field)),
            "Paths, with everything below: `spec.replicas`, `spec.containers[name=web].image` (items with that value), `webhooks[*].caBundle` (every item), `metadata.annotations[\"a.b/c\"]` (a name with other characters).",
        ),
        Field::new(
            "managers",
            Shape::List(&Shape::Text(Format::Something)),
            "Only what these field managers wrote.",
        ),
    ],
    choice: Choice::Free,
};

static DRIFT: Map = Map {
    title: "Drift",
    doc: "What happens when a live object stops saying what is declared.",
    fields: &[
        Field::new(
            "mode",
            Shape::Word(&[
                ("correct", "it is put back and reported"),
                ("report", "it is reported"),
                ("ignore", "nothing happens"),
            ]),
            "What happens.",
        )
        .default("correct"),
        Field::new(
            "ignore",
            Shape::List(&Shape::Map(&IGNORE)),
            "Drift that does not count.",
        ),
    ],
    choice: Choice::Free,
};

pub(in crate::spec) static HEALTH_CHECK: Map = Map {
    title: "HealthCheck",
    doc: "When objects of a kind are Healthy.",
    fields: &[
        Field::new(
            "group",
            Shape::Text(Format::Any),
            "API group; `\"\"` is the core group. Absent: the kind of that name in any group.",
        ),
        Field::new("kind", Shape::Text(Format::Something), "Kind.").required(),
        Field::new(
            "healthy",
            Shape::Text(Format::Something),
            "A CEL expression over `self`, the live object: `self.status.phase == \"Ready\"`. True is Healthy. False is Progressing, and Degraded after the timeout; so is an expression that fails because something is not there yet.",
        )
        .required(),
    ],
    choice: Choice::Free,
};

static HEALTH: Map = Map {
    title: "Health",
    doc: "When an object counts as healthy.",
    fields: &[
        Field::new(
            "timeout",
            Shape::Text(Format::Duration),
            "How long an object may be Progressing before it counts as Degraded: `90s`, `5m`, `1h30m`.",
        )
        .default("5m"),
        Field::new(
            "checks",
            Shape::List(&Shape::Map(&HEALTH_CHECK)),
            "What must hold of objects of some kinds, instead of what is known of these kinds. All that are about an object must hold.",
        ),
    ],
    choice: Choice::Free,
};

static OVERRIDE: Map = Map {
    title: "BundleOverride",
    doc: "What differs on some clusters, whatever placement brings the bundle there. All that match apply, in order; later wins, and a placement's overrides win over these.",
    fields: &[
        OVERRIDE_CLUSTERS,
        OVERRIDE_VARIABLES,
        OVERRIDE_HELM,
        OVERRIDE_PATCHES,
    ],
    choice: Choice::AnyOf(&["variables", "helm", "patches"]),
};

pub(super) static BUNDLE: Map = Map {
    title: "Bundle",
    doc: "Objects that belong together. Its identity is its name: moving its directory never uninstalls it.",
    fields: &[
        Field::new(
            "path",
            Shape::Text(Format::Template),
            "A directory below the source's path, or `./` relative to this file; `..` is refused. Required, unless `helm.chart` is there. What is in it is found by looking: `kustomization.yaml`, `Chart.yaml`, else plain manifests, read recursively.",
        ),
        Field::new("helm", Shape::Map(&HELM), "How a chart is rendered."),
        Field::new(
            "defaultNamespace",
            Shape::Text(Format::Template),
            "Given to namespaced objects that name none.",
        ),
        Field::new(
            "createNamespace",
            Shape::Bool,
            "Makes `defaultNamespace` where it is missing; it is no object of the bundle, and never pruned.",
        )
        .default("false"),
        Field::new(
            "substitute",
            Shape::Bool,
            "Substitutes `${...}` in plain and Kustomize files; chart output never.",
        )
        .default("false"),
        Field::new("variables", Shape::Variables, "Defaults of variables."),
        Field::new("overrides", Shape::List(&Shape::Map(&OVERRIDE)), "What differs on some clusters."),
        Field::new("patches", PATCHES, "Changes to its objects on every cluster, before those of overrides."),
        Field::new(
            "dependsOn",
            Shape::List(&Shape::Text(Format::Any)),
            "Bundles that must be Healthy on a cluster, at the version it is to have, before this one is applied there; no circle.",
        ),
        Field::later("serviceAccount", "Who is impersonated."),
        Field::new("removal", Shape::Map(&REMOVAL), "What happens to what is not wanted any more."),
        Field::new("adopt", Shape::Map(&ADOPT), "What happens to objects that somebody else made."),
        Field::new(
            "conflict",
            Shape::Word(&[
                ("fail", "the object waits as `Conflict`, naming the other"),
                ("force", "the field is taken"),
            ]),
            "Another manager owns a field that we declare.",
        )
        .default("fail"),
        Field::later("replace", "What happens when an immutable field changes."),
        Field::new("drift", Shape::Map(&DRIFT), "What happens to drift."),
        Field::new("health", Shape::Map(&HEALTH), "When objects count as healthy."),
    ],
    choice: Choice::Free,
};
