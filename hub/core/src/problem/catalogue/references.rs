//! E02xx: names of other documents, and what selections come to.

use super::{CLUSTER, CONTENT, Entry, Example, PLACED, WEB, document};
use crate::problem::Code;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: Code::UnknownGroup,
        about: "A group is named that is not declared. In `except` a group without members would let everything in, so the whole document is bad and its last good version stays. A group that is removed while something names it stays until nothing does.",
        example: Example::Files(&[(
            "groups.yaml",
            document!(
                "ClusterGroup",
                "metadata: {name: canary}",
                "spec: {clusters: [{groups: [erope]}]}"
            ),
        )]),
        mend: "Take the name that the hint gives, or declare the ClusterGroup.",
    },
    Entry {
        code: Code::GroupCycle,
        about: "Groups name each other in a circle, so that their members cannot be found. The last good versions of all of them stay.",
        example: Example::Files(&[(
            "groups.yaml",
            concat!(
                document!(
                    "ClusterGroup",
                    "metadata: {name: europe}",
                    "spec: {clusters: [{groups: [north]}]}"
                ),
                "---\n",
                document!(
                    "ClusterGroup",
                    "metadata: {name: north}",
                    "spec: {clusters: [{groups: [europe]}]}"
                ),
            ),
        )]),
        mend: "Let one of them name labels or clusters instead.",
    },
    Entry {
        code: Code::UnknownBundle,
        about: "A bundle is named that is not declared, or that a pinned revision does not declare. On each cluster, what is there of it stays.",
        example: Example::Files(&[CLUSTER, PLACED]),
        mend: "Take the name that the hint gives, declare the Bundle, or remove its name.",
    },
    Entry {
        code: Code::DependencyCycle,
        about: "Bundles wait for each other, so that none of them could ever be applied. Their last good versions stay.",
        example: Example::Files(&[
            (
                "bundles.yaml",
                concat!(
                    document!(
                        "Bundle",
                        "metadata: {name: web}",
                        "spec: {path: web, dependsOn: [db]}"
                    ),
                    "---\n",
                    document!(
                        "Bundle",
                        "metadata: {name: db}",
                        "spec: {path: web, dependsOn: [web]}"
                    ),
                ),
            ),
            CONTENT,
        ]),
        mend: "Remove one of the names from `dependsOn`.",
    },
    Entry {
        code: Code::EmptyBundle,
        about: "Nothing is below the directory that `path` names. An empty directory is never taken for a wish to remove everything: what is on the clusters stays.",
        example: Example::Files(&[WEB]),
        mend: "Mend the path; it begins at the source's path, or with `./` at the file's directory. To take a bundle away from clusters, change the placement.",
    },
    Entry {
        code: Code::DependencyNotPlaced,
        about: "A bundle waits on a cluster for one that is not placed there, so that it would never be applied.",
        example: Example::Files(&[
            CLUSTER,
            (
                "bundles.yaml",
                concat!(
                    document!(
                        "Bundle",
                        "metadata: {name: web}",
                        "spec: {path: web, dependsOn: [db]}"
                    ),
                    "---\n",
                    document!("Bundle", "metadata: {name: db}", "spec: {path: db}"),
                ),
            ),
            CONTENT,
            (
                "db/settings.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: db}\n",
            ),
            PLACED,
        ]),
        mend: "Place the other bundle on the same clusters, or remove it from `dependsOn`.",
    },
    Entry {
        code: Code::UnknownCluster,
        about: "A name stands in `names`, or a glob such as `edge-*`, and no declared cluster is called so. It matches nothing, which is all that happens.",
        example: Example::Files(&[
            CLUSTER,
            (
                "groups.yaml",
                document!(
                    "ClusterGroup",
                    "metadata: {name: canary}",
                    "spec: {clusters: [{names: [prod-eu-l]}]}"
                ),
            ),
        ]),
        mend: "Take the name that the hint gives, or declare the Cluster.",
    },
    Entry {
        code: Code::SelectsNothing,
        about: "A placement selects no cluster. Where it selected some before, what is there is held until somebody approves the removal.",
        example: Example::Files(&[
            CLUSTER,
            (
                "clusters/dev-us-1.yaml",
                document!(
                    "Cluster",
                    "metadata: {name: dev-us-1, labels: {env: dev, region: us}}"
                ),
            ),
            WEB,
            CONTENT,
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: web}",
                    "spec: {bundles: [web], clusters: [{matchLabels: {env: prod, region: us}}]}"
                ),
            ),
        ]),
        mend: "`hub explain CLUSTER BUNDLE` says of one cluster which condition does not hold.",
    },
    Entry {
        code: Code::UnknownTemplate,
        about: "A cluster names a ClusterTemplate that its source does not declare. The cluster's last good version stays. A template that is removed while clusters name it stays until none does.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec: {templates: [shop]}"
            ),
        )]),
        mend: "Take the name that the hint gives, or declare the ClusterTemplate in the same source.",
    },
    Entry {
        code: Code::NotExported,
        about: "A name such as `platform/europe` is a group or bundle of another source. It can be named where the hub's configuration exports it. The document's last good version stays. Commands without a hub look at one source, so that such a name is not known to them.",
        example: Example::Words(
            "```yaml\nspec: {bundles: [platform/ingress], clusters: [{}]}\n```\n\nwhere `hub.yaml` says nothing of `ingress` in `exports: {bundles: [...]}` of the source `platform`.",
        ),
        mend: "Ask those who run the hub to export it; the hint lists what is exported.",
    },
    Entry {
        code: Code::UnknownRevision,
        about: "A tag or commit that a placement pins is not in the source of its bundles, or it is the name of a branch: a branch moves by itself, so that it pins nothing, and the hint says which commit it leads to now. What is on the clusters stays.",
        example: Example::Words(
            "```yaml\nspec: {bundles: [web], clusters: [{}], revision: web/v1.42.0}\n```\n\nbefore the tag `web/v1.42.0` was pushed.",
        ),
        mend: "Push the tag, or name another one. A clone without tags gets them with `git fetch --tags --unshallow`; a tag from before the source's folder existed has no bundles. A commit must be one that the source's branch or a tag reaches. To follow the branch that the hub reads, leave `revision` out.",
    },
    Entry {
        code: Code::BadRename,
        about: "`renamedFrom` moves the identity of a cluster to a new name. That is refused while the old name is still declared, when two clusters have one old name, or when it is the cluster's own: which cluster is meant would be a guess.",
        example: Example::Files(&[(
            "clusters.yaml",
            concat!(
                document!("Cluster", "metadata: {name: shop-1}"),
                "---\n",
                document!(
                    "Cluster",
                    "metadata: {name: shop-es-1}",
                    "spec: {renamedFrom: shop-1}"
                ),
            ),
        )]),
        mend: "Remove the document of the old name in the commit that adds `renamedFrom`. Once the cluster reports under its new name, `renamedFrom` can go.",
    },
    Entry {
        code: Code::NoDirectory,
        about: "With the values of a cluster, a bundle's `path` leads to no directory with files. What is there of the bundle stays on that cluster.",
        example: Example::Files(&[
            CLUSTER,
            (
                "bundles.yaml",
                document!(
                    "Bundle",
                    "metadata: {name: web}",
                    "spec: {path: \"web/${cluster.labels.region}\"}"
                ),
            ),
            ("web/us/settings.yaml", super::MAP),
            PLACED,
        ]),
        mend: "Add the directory, or place the bundle only where there is one.",
    },
    Entry {
        code: Code::NamesBroken,
        about: "What is named here is declared in a document that is broken and has no good version. The broken document has a problem of its own; this one says what follows from it: of a broken Bundle nothing is placed, and a document that names a broken ClusterGroup or ClusterTemplate is bad, too. It is told once, where the name stands first. `hub lint` leaves it out: there the broken document is what is to be mended.",
        example: Example::Words(
            "```yaml\nkind: Bundle\nmetadata: {name: web}\nspec: {path: 7}\n---\nkind: Placement\nmetadata: {name: web}\nspec: {bundles: [web], clusters: [{}]}\n```\n\nThe bundle is broken, and the placement places nothing.",
        ),
        mend: "Mend the document that the sentence leads to.",
    },
    Entry {
        code: Code::UnreachableTerm,
        about: "What a term asks for cannot hold at once, so that no cluster can ever match it.",
        example: Example::Files(&[(
            "groups.yaml",
            document!(
                "ClusterGroup",
                "metadata: {name: gold}",
                "spec:",
                "  clusters:",
                "  - matchLabels: {tier: gold}",
                "    matchExpressions: [{key: tier, operator: NotIn, values: [gold]}]",
            ),
        )]),
        mend: "A list of terms is *or*: conditions that are alternatives belong into terms of their own.",
    },
    Entry {
        code: Code::CoveredTerm,
        about: "Every cluster that matches this term matches an earlier one of the list, too. A list of terms is *or*, so that this one adds nothing; where it was meant to narrow the selection, it does not.",
        example: Example::Files(&[(
            "groups.yaml",
            document!(
                "ClusterGroup",
                "metadata: {name: prod}",
                "spec: {clusters: [{matchLabels: {env: prod}}, {matchLabels: {env: prod, tier: gold}}]}"
            ),
        )]),
        mend: "Remove one of the two. To narrow, write both conditions into one term, or use `except`.",
    },
    Entry {
        code: Code::NoEffect,
        about: "`prefer` and `spread` say which clusters are chosen. Without `count` every eligible one is, so that there is nothing to choose.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            CONTENT,
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: web}",
                    "spec: {bundles: [web], clusters: [{}], spread: [{by: region}]}"
                ),
            ),
        ]),
        mend: "Say with `count` how many clusters are wanted, or leave it out.",
    },
    Entry {
        code: Code::ShadowedOverride,
        about: "All overrides that match apply, in order, and later ones win. A later one that matches every cluster sets everything that this one sets, so that this one never has an effect.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            CONTENT,
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: web}",
                    "spec:",
                    "  bundles: [web]",
                    "  clusters: [{}]",
                    "  overrides:",
                    "  - {clusters: [{matchLabels: {region: eu}}], variables: {replicas: 10}}",
                    "  - {variables: {replicas: 2}}",
                ),
            ),
        ]),
        mend: "Move the general one above the special ones.",
    },
    Entry {
        code: Code::DuplicateTaint,
        about: "Two taints of one document have the same key and effect. The last one counts.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec:",
                "  taints:",
                "  - {key: maintenance, value: rack-7, effect: NoSchedule}",
                "  - {key: maintenance, value: rack-8, effect: NoSchedule}",
            ),
        )]),
        mend: "Remove the others.",
    },
    Entry {
        code: Code::UnusedTemplate,
        about: "No cluster names this ClusterTemplate, so that nothing of it takes effect.",
        example: Example::Files(&[
            CLUSTER,
            (
                "templates.yaml",
                document!(
                    "ClusterTemplate",
                    "metadata: {name: shop, labels: {kind: shop}}"
                ),
            ),
        ]),
        mend: "Name it in `spec.templates` of a Cluster, or remove it.",
    },
    Entry {
        code: Code::UnknownLabel,
        about: "A selection asks for a label, or for a value of one, that no declared cluster has; or `spread` goes by a label that no eligible cluster has. It matches nobody, which is all that happens. Clusters have the labels of their documents and of their templates, and no others. Of conditions that leave clusters out (`except`, NotIn, DoesNotExist) it is told only where a label is called nearly so: that nobody is left out may be just the present state.",
        example: Example::Files(&[
            CLUSTER,
            (
                "groups.yaml",
                document!(
                    "ClusterGroup",
                    "metadata: {name: canary}",
                    "spec: {clusters: [{matchLabels: {evn: prod}}]}"
                ),
            ),
        ]),
        mend: "Take the label or the value that the hint names, or declare a cluster that has it.",
    },
    Entry {
        code: Code::NeverMatches,
        about: "An override of a placement matches none of the clusters that the placement may select, an override of a bundle none that the bundle is placed on, or a `prefer` entry none that is eligible: it changes nothing. What hangs on facts is not told, because no file says what clusters report.",
        example: Example::Files(&[
            CLUSTER,
            (
                "clusters/dev-us-1.yaml",
                document!(
                    "Cluster",
                    "metadata: {name: dev-us-1, labels: {env: dev, region: us}}"
                ),
            ),
            WEB,
            CONTENT,
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: web}",
                    "spec:",
                    "  bundles: [web]",
                    "  clusters: [{matchLabels: {env: prod}}]",
                    "  overrides: [{clusters: [{matchLabels: {env: dev}}], variables: {replicas: 1}}]",
                ),
            ),
        ]),
        mend: "Compare its terms with the placement's `clusters`: an override changes what is selected, and selects nothing itself.",
    },
    Entry {
        code: Code::Shortfall,
        about: "A placement selects fewer clusters than its `count`, because one more would break a `spread` constraint that says DoNotSelect. The sentence names the first constraint that the next cluster in rank would break; where that one says SelectAnyway, the hint names those that do not.",
        example: Example::Files(&[
            (
                "clusters.yaml",
                concat!(
                    document!("Cluster", "metadata: {name: eu-1, labels: {region: eu}}"),
                    "---\n",
                    document!("Cluster", "metadata: {name: eu-2, labels: {region: eu}}"),
                    "---\n",
                    document!("Cluster", "metadata: {name: eu-3, labels: {region: eu}}"),
                    "---\n",
                    document!("Cluster", "metadata: {name: us-1, labels: {region: us}}"),
                ),
            ),
            WEB,
            CONTENT,
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: web}",
                    "spec: {bundles: [web], clusters: [{}], count: 4, spread: [{by: region}]}"
                ),
            ),
        ]),
        mend: "Raise `maxSkew`, write `whenUnsatisfiable: SelectAnyway`, want fewer clusters, or declare more in the domain that lacks them.",
    },
    Entry {
        code: Code::CelFails,
        about: "A CEL expression cannot be evaluated on a cluster: it reads a label that the cluster does not have, or takes a text for a number. The cluster is not matched. In `except` that means that it is not excepted.",
        example: Example::Files(&[
            CLUSTER,
            WEB,
            CONTENT,
            (
                "placements.yaml",
                document!(
                    "Placement",
                    "metadata: {name: web}",
                    "spec: {bundles: [web], clusters: [{names: [prod-eu-1]}, {cel: 'int(cluster.labels.region) > 4'}]}"
                ),
            ),
        ]),
        mend: "Ask first whether the label is there, as in `has(cluster.labels.size) && int(cluster.labels.size) > 4`. In `except` say which way it goes where the label is not there: `!has(cluster.labels.size) || int(cluster.labels.size) > 4` excepts the cluster.",
    },
];
