//! E01xx: one document alone.

use super::{CLUSTER, Entry, Example, document};
use crate::problem::Code;

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        code: Code::NotYaml,
        about: "A document of a fleet file cannot be parsed: a bracket is not closed, a key stands twice, aliases stand for too many values, or the file is no UTF-8. What the file declared before stays as it was, and documents after the broken one are read. A file that does not parse matters only where it mentions `capstan.dev/` or was a fleet file before: templates of charts do not parse either.",
        example: Example::Files(&[(
            "clusters.yaml",
            "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {name: prod-eu-1\n",
        )]),
        mend: "Go to the line and column; what is missing is often on the line before.",
    },
    Entry {
        code: Code::UnknownField,
        about: "Unknown fields are refused: a field that looks active and does nothing is worse than an error. The document's last good version stays. Where it is clear which field was meant, as for a slip or for what another tool calls it, that field counts as there: what follows from the slip alone is not told beside it.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec: {variabels: {replicas: 2}}"
            ),
        )]),
        mend: "Take the field that the hint names, or the list of fields in the [reference](../fleet-files.md). `hub schema` prints a JSON Schema with which editors complete and check fleet files.",
    },
    Entry {
        code: Code::WrongType,
        about: "A value has another type than its field. YAML decides types by how a value is written: `12` is a number, `true` a truth value, `\"12\"` a string. Nothing is guessed, because `0012` and `12` would be the same number and different names.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1, labels: {store: 12}}"
            ),
        )]),
        mend: "Write what the hint says in place of what is underlined: a hint that says *write* was tried, and the field takes it. For a string, put it into quotes. `yes`, `no`, `on` and `off` are strings in YAML 1.2: write `true` or `false`. A field with nothing behind its colon is no value either: leave the whole field out.",
    },
    Entry {
        code: Code::MissingField,
        about: "A field that must be there is not, or one that needs another one stands alone: a Bundle without `path`, an override that says nothing, a toleration with the operator Equal and without a key, a term with facts that names neither labels, names nor groups.",
        example: Example::Files(&[(
            "bundles.yaml",
            document!(
                "Bundle",
                "metadata: {name: web}",
                "spec: {defaultNamespace: web}"
            ),
        )]),
        mend: "Add what the sentence names.",
    },
    Entry {
        code: Code::BadName,
        about: "A name is no DNS-1123 label: lower-case letters, digits and `-`, beginning and ending with a letter or digit, at most 63 characters. Names of variables are letters, digits, `_` and `-`. Names become parts of digests, of marks on objects and of file names, so that every other character would have to be escaped somewhere.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!("Cluster", "metadata: {name: Prod_EU_1}"),
        )]),
        mend: "Rename it. For a cluster that has joined, `renamedFrom` moves its identity along.",
    },
    Entry {
        code: Code::DuplicateName,
        about: "Two documents of one kind have one name in a source (clusters: in the fleet). The first path in byte order counts, so that the answer does not depend on when a file was added. While the first is broken it counts as it was last good, and the second does not take its place; only one that was in force before stays so. A name that a list names twice is told with the same code, and counts once.",
        example: Example::Files(&[(
            "clusters.yaml",
            concat!(
                document!("Cluster", "metadata: {name: prod-eu-1}"),
                "---\n",
                document!("Cluster", "metadata: {name: prod-eu-1}"),
            ),
        )]),
        mend: "Rename or remove one of them.",
    },
    Entry {
        code: Code::UnknownKind,
        about: "The document has our `apiVersion` and a `kind` that no version knows.",
        example: Example::Files(&[(
            "fleet.yaml",
            document!("Clutser", "metadata: {name: prod-eu-1}"),
        )]),
        mend: "Take the kind that the hint names.",
    },
    Entry {
        code: Code::UnknownVersion,
        about: "An `apiVersion` that begins with `capstan.` is meant for us, so it is never silently ignored. A document of a kind of ours whose group is ours but for a slip, such as `capstn.dev/v1alpha1`, is a warning: it may be somebody else's, and it is not read.",
        example: Example::Files(&[(
            "fleet.yaml",
            "apiVersion: capstan.dev/v1\nkind: Cluster\nmetadata: {name: prod-eu-1}\n",
        )]),
        mend: "Write `apiVersion: capstan.dev/v1alpha1`.",
    },
    Entry {
        code: Code::EmptyList,
        about: "A list that must name something is empty, or nothing stands behind its colon. Whether nobody or everybody was meant cannot be known, and one of the two would be a fleet-wide mistake. Only `matchExpressions` may be empty: no condition holds.",
        example: Example::Files(&[(
            "placements.yaml",
            document!(
                "Placement",
                "metadata: {name: web}",
                "spec: {bundles: [web], clusters: []}"
            ),
        )]),
        mend: "Leave the field out, or name something. Every cluster is `[{}]`.",
    },
    Entry {
        code: Code::BadValue,
        about: "The value has the right type and is none that the field takes: another word, a number outside the bounds, a path that goes up, a tag that Git could not have, a JSON pointer that is none.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec: {mode: enforce}"
            ),
        )]),
        mend: "Take what the hint names; words are written as in the [reference](../fleet-files.md).",
    },
    Entry {
        code: Code::Unsupported,
        about: "The language has this field or kind, and this version does not obey it yet. It is refused rather than ignored.",
        example: Example::Files(&[(
            "bundles.yaml",
            document!(
                "Bundle",
                "metadata: {name: web}",
                "spec: {path: web, replace: never}"
            ),
        )]),
        mend: "Leave it out until a version obeys it.",
    },
    Entry {
        code: Code::Unreadable,
        about: "Something stands at this path that is not read: a symbolic link, a submodule, a file that is too large, or a name that is no UTF-8. What is behind it is unknown, not absent: what was declared there before stays, and a bundle with such an entry in its directory keeps its last good content.",
        example: Example::Words("```sh\nln -s ../shared/clusters.yaml clusters.yaml\n```"),
        mend: "Put a file or directory of its own in its place. Files may have 32 MiB.",
    },
    Entry {
        code: Code::NoLongerOurs,
        about: "A document was a fleet document in the last revision, and its `apiVersion` is another one now. It stays as it was: a mistyped line never removes anything.",
        example: Example::Change(
            "clusters.yaml",
            document!("Cluster", "metadata: {name: prod-eu-1}"),
            "apiVersion: v1\nkind: Cluster\nmetadata: {name: prod-eu-1}\n",
        ),
        mend: "Write `apiVersion: capstan.dev/v1alpha1`, or remove the document.",
    },
    Entry {
        code: Code::MissingVersion,
        about: "A document looks like one of ours, has no `apiVersion` and is no content of a bundle. It declares nothing.",
        example: Example::Files(&[(
            "clusters.yaml",
            "kind: Cluster\nmetadata: {name: prod-eu-1}\nspec: {mode: Paused}\n",
        )]),
        mend: "Write `apiVersion: capstan.dev/v1alpha1` above it.",
    },
    Entry {
        code: Code::Restricted,
        about: "The hub's configuration restricts what a source may do, and the source does more: it declares a Cluster or ClusterTemplate, or a bundle of it has an object of another kind or in another namespace than it may use. Or a term of a placement matches clusters that the source may not use (`{}` means those that it may). There is no partial apply: a bundle that reaches further keeps its last good content, and of a placement that does, nothing changes anywhere: it stays where it was, as it was, and a new one places nothing.",
        example: Example::Words(
            "In `hub.yaml`:\n\n```yaml\nsources:\n- name: team-a\n  restrict: {namespaces: [\"team-a-*\"]}\n```\n\nand in that source, a bundle with an object in the namespace `kube-system`.",
        ),
        mend: "Stay within the restriction, which the hint names, or ask those who run the hub to widen it.",
    },
    Entry {
        code: Code::TooMuch,
        about: "More of something than a limit allows: documents in one file or source, items or terms of a list, objects or bytes of a bundle, the length of a variable's value. The sentence names the limit, and `docs/fleet-files.md` lists all of them. What is not read is unknown, not absent: nothing of it is removed. Of a file with more than 100 problems the rest is counted and not listed.",
        example: Example::Words("A `clusters` list with 1,001 terms."),
        mend: "Write several files, name a ClusterGroup instead of many terms, or a label instead of many names; make several bundles of a large one, and keep long texts in manifests.",
    },
    Entry {
        code: Code::BadExpression,
        about: "The text of `cel` is no expression, names what no cluster has, or is larger than what is evaluated. Expressions see `cluster.name`, `cluster.labels`, `cluster.variables` and `cluster.facts`.",
        example: Example::Files(&[(
            "groups.yaml",
            document!(
                "ClusterGroup",
                "metadata: {name: gold}",
                "spec: {clusters: [{cel: 'cluster.labels.tier =='}]}"
            ),
        )]),
        mend: "The sentence says at which character reading ended.",
    },
    Entry {
        code: Code::NumberNotKept,
        about: "Kubernetes has whole numbers of 64 bits (-9223372036854775808 to 9223372036854775807) and doubles. A number that is neither would silently become the nearest one that is, as it does with `kubectl apply`. It is refused instead, in fleet documents and in manifests, in YAML and in JSON. `1.50`, `1e3` and `0.1` are kept.",
        example: Example::Files(&[(
            "clusters.yaml",
            document!(
                "Cluster",
                "metadata: {name: prod-eu-1}",
                "spec: {variables: {account: 123456789012345678901}}"
            ),
        )]),
        mend: "Write it in quotes where a string is meant, such as an account's number; else write the number that the hint gives.",
    },
    Entry {
        code: Code::MixedTypes,
        about: "A CEL expression compares, joins or calls something with values whose types never go together. Labels, facts and `cluster.name` are strings, also where they look like numbers: `cluster.labels.tier == 3` is false on every cluster, and `cluster.facts.nodes > 3` fails on every cluster, which it then does not match. Kubernetes refuses such an expression when it is checked; here it stays what it is, and this warning says why nothing matches. Variables keep their declared types, so comparisons with them are not told.",
        example: Example::Files(&[
            CLUSTER,
            (
                "groups.yaml",
                document!(
                    "ClusterGroup",
                    "metadata: {name: gold}",
                    "spec: {clusters: [{cel: 'cluster.labels.env != 3'}]}"
                ),
            ),
        ]),
        mend: "Compare a string with a string in quotes: `cluster.labels.tier == \"3\"`. To compare as numbers, convert: `int(cluster.facts.nodes) > 3`. Where a key may be missing, ask first: `\"nodes\" in cluster.facts && int(cluster.facts.nodes) > 3`.",
    },
];
