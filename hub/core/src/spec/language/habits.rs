//! What people who know other tools write, and what stands for it here. Hints are made of it; what
//! it says is never read as if it were right.

use super::{Map, Shape};

/// How a map is written.
struct Form {
    title: &'static str,
    /// What a single text would say, with `$` for the text; empty: nothing.
    short: &'static str,
    /// One that is right.
    example: &'static str,
}

const fn form(title: &'static str, short: &'static str, example: &'static str) -> Form {
    Form {
        title,
        short,
        example,
    }
}

const FORMS: &[Form] = &[
    form("Term", "{names: [$]}", "{matchLabels: {env: prod}}"),
    form("Preference", "", "{weight: 50, matchLabels: {env: prod}}"),
    form("Expression", "", "{key: env, operator: In, values: [prod]}"),
    form(
        "LabelExpression",
        "",
        "{key: app, operator: In, values: [web]}",
    ),
    form(
        "FactExpression",
        "",
        "{key: nodes, operator: Gte, values: [\"3\"]}",
    ),
    form("LabelSelector", "", "{matchLabels: {app: web}}"),
    form(
        "Toleration",
        "{key: $, operator: Exists}",
        "{key: maintenance, operator: Exists}",
    ),
    form("Spread", "{by: $}", "{by: region, maxSkew: 1}"),
    form(
        "Safety",
        "{maxRemovedClusters: $}",
        "{maxRemovedClusters: 20%}",
    ),
    form(
        "Taint",
        "{key: $, effect: NoSchedule}",
        "{key: maintenance, effect: NoSchedule}",
    ),
    form(
        "Patch",
        "",
        "{target: {kind: Deployment}, merge: {spec: {replicas: 3}}}",
    ),
    form(
        "Operation",
        "",
        "{op: replace, path: /spec/replicas, value: 3}",
    ),
    form("Target", "{kind: $}", "{kind: Deployment, name: web}"),
    form(
        "Chart",
        "",
        "{oci: registry.example/charts/web, version: 1.2.3}",
    ),
    form("Helm", "{valuesFiles: [$]}", "{valuesFiles: [values.yaml]}"),
    form("HelmOverride", "", "{values: {replicas: 3}}"),
    form(
        "Removal",
        "{object: $, bundle: $}",
        "{object: delete, bundle: orphan}",
    ),
    form("Adopt", "{mode: $}", "{mode: ifIdentical}"),
    form("Drift", "{mode: $}", "{mode: report}"),
    form("IgnoreRule", "{fields: [$]}", "{fields: [spec.replicas]}"),
    form("Health", "{timeout: $}", "{timeout: 5m}"),
    form(
        "HealthCheck",
        "",
        "{kind: Tenant, healthy: self.status.phase == \"Ready\"}",
    ),
    form(
        "PlacementOverride",
        "",
        "{clusters: [{matchLabels: {env: prod}}], variables: {replicas: 3}}",
    ),
    form(
        "BundleOverride",
        "",
        "{clusters: [{matchLabels: {env: prod}}], variables: {replicas: 3}}",
    ),
    form("metadata", "{name: $}", "{name: web}"),
    form("Bundle", "{path: $}", "{path: apps/web}"),
    form("Cluster", "", "{variables: {replicas: 3}}"),
    form("ClusterTemplate", "", "{variables: {replicas: 3}}"),
    form(
        "ClusterGroup",
        "",
        "{clusters: [{matchLabels: {env: prod}}]}",
    ),
    form(
        "Placement",
        "",
        "{bundles: [web], clusters: [{matchLabels: {env: prod}}]}",
    ),
];

/// A word of other tools.
struct Habit {
    /// The maps in which people write it.
    titles: &'static [&'static str],
    words: &'static [&'static str],
    meant: Meant,
}

/// What a word of other tools stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::spec) enum Meant {
    /// This field.
    Field(&'static str),
    /// No field: in words, what to do.
    Otherwise(&'static str),
}

use Meant::{Field, Otherwise};

const OVERRIDES: &[&str] = &["PlacementOverride", "BundleOverride"];
const CONDITIONS: &[&str] = &["Expression", "LabelExpression", "FactExpression"];
const SELECTORS: &[&str] = &[
    "clusterSelector",
    "clusterNames",
    "clusterAffinity",
    "selector",
    "targets",
    "predicates",
    "match",
    "members",
];

const fn habit(
    titles: &'static [&'static str],
    words: &'static [&'static str],
    meant: Meant,
) -> Habit {
    Habit {
        titles,
        words,
        meant,
    }
}

const HABITS: &[Habit] = &[
    habit(&["Placement", "ClusterGroup"], SELECTORS, Field("clusters")),
    habit(OVERRIDES, SELECTORS, Field("clusters")),
    habit(
        &["Placement"],
        &["bundle", "manifests", "resources"],
        Field("bundles"),
    ),
    habit(
        &["Placement"],
        &["numberOfClusters", "replicas"],
        Field("count"),
    ),
    habit(
        &["Placement"],
        &[
            "topologySpreadConstraints",
            "spreadConstraints",
            "spreadPolicy",
        ],
        Field("spread"),
    ),
    habit(
        &["Placement"],
        &["affinity", "preferences", "prioritizerPolicy"],
        Field("prefer"),
    ),
    habit(&["Placement"], &["paused", "suspended"], Field("suspend")),
    habit(
        &["Placement"],
        &["tag", "ref", "version", "targetRevision"],
        Field("revision"),
    ),
    habit(
        &["Placement"],
        &["path"],
        Otherwise("a Bundle has the `path`; a placement names bundles"),
    ),
    habit(
        &["Placement"],
        &["namespace", "targetNamespace"],
        Otherwise("a Bundle names the namespace of its objects, as `defaultNamespace`"),
    ),
    habit(
        &["Term"],
        &["labels", "labelSelector", "selector"],
        Field("matchLabels"),
    ),
    habit(&["Term"], &["clusterNames"], Field("names")),
    habit(&["Term"], &["clusterGroup"], Field("groups")),
    habit(
        &["Preference"],
        &["preference"],
        Otherwise("its keys stand beside `weight`: {weight: 50, matchLabels: {env: prod}}"),
    ),
    habit(CONDITIONS, &["op"], Field("operator")),
    habit(CONDITIONS, &["label", "name", "fact"], Field("key")),
    habit(&["Spread"], &["topologyKey", "key", "label"], Field("by")),
    habit(
        &["Toleration"],
        &["tolerationSeconds"],
        Otherwise("leave it out: a taint of NoExecute that is not tolerated counts at once"),
    ),
    habit(
        &["Patch"],
        &["patch"],
        Otherwise("write `merge` with a map, or `json` with a list of operations"),
    ),
    habit(
        &["Patch"],
        &["strategicMerge", "patchStrategicMerge"],
        Field("merge"),
    ),
    habit(&["Patch"], &["json6902", "jsonPatch"], Field("json")),
    habit(&["Patch"], &["selector"], Field("target")),
    habit(
        &["Bundle"],
        &["namespace", "targetNamespace"],
        Field("defaultNamespace"),
    ),
    habit(
        &["Bundle"],
        &["directory", "dir", "folder", "source"],
        Field("path"),
    ),
    habit(
        &["Bundle"],
        &["clusters", "targets", "placement"],
        Otherwise("a Placement says which clusters get the bundle"),
    ),
    habit(
        &["Bundle"],
        &["prune"],
        Otherwise("what leaves a bundle is deleted, unless it says `removal: {object: orphan}`"),
    ),
    habit(
        &["Bundle"],
        &["interval"],
        Otherwise("the hub follows its sources by itself, as `poll` in hub.yaml says"),
    ),
    habit(
        &["Cluster", "ClusterTemplate"],
        &["labels"],
        Otherwise("labels stand in `metadata`: metadata: {name: ..., labels: {env: prod}}"),
    ),
    habit(
        &["Cluster"],
        &["server", "url", "kubeconfig", "credentials", "secretRef"],
        Otherwise("spokes dial the hub: `hub token create NAME` makes a cluster a member"),
    ),
    habit(
        &["Document"],
        &["labels", "annotations", "name"],
        Otherwise("write it below `metadata:`, indented"),
    ),
    habit(
        &["Helm"],
        &[
            "repo",
            "repository",
            "oci",
            "name",
            "version",
            "chartVersion",
        ],
        Otherwise(
            "it stands in `chart`: {repo: https://charts.example, name: web, version: 1.2.3}",
        ),
    ),
    habit(
        &["metadata"],
        &["namespace"],
        Otherwise(
            "remove it: fleet documents have no namespace; a Bundle names that of its objects, as \
             `spec.defaultNamespace`",
        ),
    ),
];

/// Values of other tools, each with what stands for it here.
const VALUES: &[(&[&str], Meant)] = &[
    (&["=", "==", "Equals", "Equal"], Field("In")),
    (&["!=", "NotEquals", "NotEqual"], Field("NotIn")),
    (&[">"], Field("Gt")),
    (&[">="], Field("Gte")),
    (&["<"], Field("Lt")),
    (&["<="], Field("Lte")),
    (
        &["PreferNoSchedule"],
        Otherwise(
            "write NoSchedule or NoExecute; a negative weight in a placement's `prefer` only makes \
             a cluster less wanted",
        ),
    ),
    (&["ScheduleAnyway"], Field("SelectAnyway")),
    (&["DoNotSchedule"], Field("DoNotSelect")),
];

/// What is said of a value that is none of some words, where another tool has it.
pub(in crate::spec) fn value(text: &str, known: &[&str]) -> Option<String> {
    let mut values = VALUES.iter().filter(|(words, _)| words.contains(&text));
    values.find_map(|(_, meant)| match meant {
        Field(word) => known.contains(word).then(|| format!("write {word}")),
        Otherwise(words) => known.contains(&"NoSchedule").then(|| (*words).to_owned()),
    })
}

/// What a word of other tools stands for in a map.
pub(in crate::spec) fn meant(map: &Map, word: &str) -> Option<Meant> {
    let mut habits = HABITS.iter();
    let habit = habits.find(|h| h.titles.contains(&map.title) && h.words.contains(&word))?;
    Some(habit.meant)
}

/// What a single text would say in place of a map, with `$` for the text.
pub(in crate::spec) fn short(map: &Map) -> Option<&'static str> {
    let form = FORMS.iter().find(|form| form.title == map.title)?;
    (!form.short.is_empty()).then_some(form.short)
}

/// A value of a shape that is right, where one says more than a noun.
pub(in crate::spec) fn example(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Map(map) => {
            let form = FORMS.iter().find(|form| form.title == map.title)?;
            Some(form.example.to_owned())
        }
        Shape::List(of) | Shape::Loose(of) => Some(format!("[{}]", example(of)?)),
        Shape::Strings(_) => Some("{env: prod}".to_owned()),
        Shape::Variables => Some("{replicas: 3}".to_owned()),
        Shape::Integer { .. } => Some("10".to_owned()),
        Shape::Word(words) => words.first().map(|(word, _)| (*word).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
