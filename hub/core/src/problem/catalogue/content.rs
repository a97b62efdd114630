//! E03xx and E04xx: variables, and what bundles render to.

use super::{CLUSTER, CONTENT, Entry, Example, PLACED, WEB, document};
use crate::problem::Code;

const SUBSTITUTING: (&str, &str) = (
    "bundles/web.yaml",
    document!(
        "Bundle",
        "metadata: {name: web}",
        "spec: {path: web, substitute: true}"
    ),
);

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: Code::UnknownVariable,
        about: "A variable is used that nothing defines for a cluster, and it has no default. The bundle keeps its last good state on the clusters that the problem names, and goes on elsewhere.",
        example: Example::Files(&[
            CLUSTER,
            SUBSTITUTING,
            (
                "web/settings.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {domain: \"${domain}\"}\n",
            ),
            PLACED,
        ]),
        mend: "The hint names the variable that is nearest on the first cluster, where one is near; a label is written `${cluster.labels.region}`. Else define it in the Bundle, a ClusterTemplate, the Cluster or an override, or give it a default: `${domain:-example.org}`. For a literal `${` write `$${`.",
    },
    Entry {
        code: Code::VariableCycle,
        about: "Values of variables may use variables, and these use each other in a circle.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec: {variables: {host: \"${domain}\", domain: \"${host}\"}}"
            ),
        )]),
        mend: "Give one of them a value of its own.",
    },
    Entry {
        code: Code::BadSubstitution,
        about: "A `${` does not begin a variable: it is not closed, or no name stands in it. Or it stands where nothing is substituted: labels, taints, selection terms and names of other documents say where things go, before any variable has a value.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec: {variables: {domain: \"${domain\"}}"
            ),
        )]),
        mend: "Close it, or write `$${` for a literal `${`. In a label, a taint or a term write the value itself; `cel` can compare variables: `cluster.variables.tier == \"gold\"`.",
    },
    Entry {
        code: Code::ForgottenSubstitute,
        about: "A text in a bundle's files uses a variable that the bundle would have, such as `${cluster.name}`, and the bundle does not say `substitute: true`: clusters get the text as it stands. Other uses of `${...}`, as in shell scripts, are not told.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            (
                "web/settings.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {cluster: \"${cluster.name}\"}\n",
            ),
            PLACED,
        ]),
        mend: "Write `substitute: true` in the Bundle. Then every `${` in its files begins a variable: a literal one is written `$${`.",
    },
    Entry {
        code: Code::BadManifest,
        about: "A manifest of a bundle is no YAML or JSON. The bundle keeps its last good content on every cluster.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            ("web/settings.yaml", "apiVersion: v1\nkind: [\n"),
            PLACED,
        ]),
        mend: "Go to the line and column. A template of a chart does not belong into a bundle of plain manifests.",
    },
    Entry {
        code: Code::IncompleteManifest,
        about: "An object cannot be named without `apiVersion`, `kind` and `metadata.name`.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            ("web/settings.yaml", "apiVersion: v1\nkind: ConfigMap\n"),
            PLACED,
        ]),
        mend: "Add what the sentence names.",
    },
    Entry {
        code: Code::ServerField,
        about: "`managedFields`, `uid`, `resourceVersion`, `generateName` and the like are given by a server. In a manifest they come from an export of a live object, and would make every apply fail or name another object each time.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            (
                "web/settings.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, uid: 5f1c}\n",
            ),
            PLACED,
        ]),
        mend: "Remove the field.",
    },
    Entry {
        code: Code::DuplicateKey,
        about: "Two items of a list have the same key. An API server would refuse the object, or keep one of them.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            (
                "web/service.yaml",
                "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n  - {port: 80}\n  - {port: 80}\n",
            ),
            PLACED,
        ]),
        mend: "Remove or rename one of them.",
    },
    Entry {
        code: Code::DuplicateObject,
        about: "A bundle declares one object twice; which one was meant would be a guess.",
        example: Example::Files(&[CLUSTER, WEB, CONTENT, ("web/more.yaml", super::MAP), PLACED]),
        mend: "Remove or rename one of them.",
    },
    Entry {
        code: Code::ObjectConflict,
        about: "Two bundles declare one object on one cluster. The bundle that has it today keeps it, else the one with the lower name; the other one applies the rest.",
        example: Example::Files(&[
            CLUSTER,
            (
                "bundles.yaml",
                concat!(
                    document!("Bundle", "metadata: {name: web}", "spec: {path: web}"),
                    "---\n",
                    document!("Bundle", "metadata: {name: shop}", "spec: {path: shop}"),
                ),
            ),
            CONTENT,
            ("shop/settings.yaml", super::MAP),
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: all}",
                    "spec: {bundles: [web, shop], clusters: [{}]}"
                ),
            ),
        ]),
        mend: "Let one bundle declare it, or give it another name or namespace.",
    },
    Entry {
        code: Code::ObjectTooLarge,
        about: "An object is larger than what any API server takes (1.5 MiB).",
        example: Example::Words("A ConfigMap with a file of 2 MiB in it."),
        mend: "Split it, or keep the data elsewhere.",
    },
    Entry {
        code: Code::NamespaceNotAllowed,
        about: "A cluster-scoped object names a namespace. API servers ignore that for some kinds and refuse others; it is always a mistake.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            (
                "web/namespace.yaml",
                "apiVersion: v1\nkind: Namespace\nmetadata: {name: web, namespace: web}\n",
            ),
            PLACED,
        ]),
        mend: "Remove `metadata.namespace`.",
    },
    Entry {
        code: Code::UnsupportedContent,
        about: "The directory needs a renderer that this version does not have: it holds a `kustomization.yaml` or a `Chart.yaml`. What is on the clusters stays.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            CONTENT,
            ("web/kustomization.yaml", "resources: [settings.yaml]\n"),
            PLACED,
        ]),
        mend: "Render it in a build, and commit the manifests.",
    },
    Entry {
        code: Code::SnapshotTooLarge,
        about: "A cluster would have more objects than one snapshot can carry. The cluster keeps what it has.",
        example: Example::Words("A bundle of a hundred thousand objects."),
        mend: "Place fewer or smaller bundles on the cluster.",
    },
    Entry {
        code: Code::PatchMatchesNothing,
        about: "A patch is for no object of its bundle, so that what it was written for does not happen.",
        example: Example::Files(&[
            CLUSTER,
            (
                "bundles/web.yaml",
                document!(
                    "Bundle",
                    "metadata: {name: web}",
                    "spec:",
                    "  path: web",
                    "  patches: [{target: {kind: Deployment}, merge: {spec: {replicas: 3}}}]",
                ),
            ),
            CONTENT,
            PLACED,
        ]),
        mend: "Mend the `target`; what is absent in it matches everything.",
    },
    Entry {
        code: Code::BadPatch,
        about: "A patch cannot be carried out, or what it makes cannot be declared: a JSON patch removes what is not there, or a test of it fails. The bundle keeps its last good state on the clusters concerned.",
        example: Example::Files(&[
            CLUSTER,
            (
                "bundles/web.yaml",
                document!(
                    "Bundle",
                    "metadata: {name: web}",
                    "spec:",
                    "  path: web",
                    "  patches: [{target: {kind: ConfigMap}, json: [{op: remove, path: /data/domain}]}]",
                ),
            ),
            CONTENT,
            PLACED,
        ]),
        mend: "Mend the pointer, or use `merge`, which adds what is missing.",
    },
    Entry {
        code: Code::ScopesDisagree,
        about: "Two CustomResourceDefinitions in the fleet say different things of one kind: that it lives in a namespace, and that it does not. What was in force stays in force; else the definition of a source without restrictions counts before one of a restricted source, and the branch before pinned revisions. Otherwise every object of the kind would become another one. Definitions of sources that may not place any do not count.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            (
                "web/walls.yaml",
                "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: walls.example.com}\nspec: {group: example.com, scope: Cluster, names: {kind: Wall}}\n",
            ),
            (
                "web/wall.yaml",
                "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: wall.example.com}\nspec: {group: example.com, scope: Namespaced, names: {kind: Wall}}\n",
            ),
            PLACED,
        ]),
        mend: "Define a kind in one place. Where its scope shall change, change every definition, pinned ones too.",
    },
    Entry {
        code: Code::PatchChangesType,
        about: "A patch replaces a value by one of another type: a map by a text, a list by a map, a number by a string. API servers refuse most of these, on the cluster and late. Fields that take numbers and strings, such as ports, shares and quantities, are not told.",
        example: Example::Files(&[
            CLUSTER,
            (
                "bundles/web.yaml",
                document!(
                    "Bundle",
                    "metadata: {name: web}",
                    "spec:",
                    "  path: web",
                    "  patches: [{target: {kind: Deployment}, merge: {spec: {replicas: \"3\"}}}]",
                ),
            ),
            (
                "web/deployment.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n",
            ),
            PLACED,
        ]),
        mend: "Write a value of the type that the object has. A variable keeps the type with which it is declared where the whole text is the variable: `\"${replicas}\"`.",
    },
];
