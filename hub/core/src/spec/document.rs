//! One document to what it declares.

use capstan_proto::policy::RemovalPolicy;
use capstan_proto::policy::{Adopt, DriftMode, DriftPolicy, IgnoreRule, OnConflict, Removal};
use capstan_proto::{BundleName, ClusterName, Revision};

use super::decode;
use super::fields::{Fields, Reader, Schema};
use super::{Bundle, Cluster, Document, Group, Override, Placement};
use crate::problem::Code;
use crate::yaml::{Node, Value};

/// The kinds of fleet files that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Cluster,
    Group,
    Bundle,
    Placement,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Cluster, Self::Group, Self::Bundle, Self::Placement];

    /// Kinds that later versions will know.
    pub(super) const LATER: [&'static str; 3] = ["ClusterTemplate", "Rollout", "Hold"];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Group => "ClusterGroup",
            Self::Bundle => "Bundle",
            Self::Placement => "Placement",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a document declares.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Cluster(Cluster),
    Group(Group),
    Bundle(Box<Bundle>),
    Placement(Box<Placement>),
}

impl Body {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Cluster(_) => Kind::Cluster,
            Self::Group(_) => Kind::Group,
            Self::Bundle(_) => Kind::Bundle,
            Self::Placement(_) => Kind::Placement,
        }
    }
}

const DOCUMENT: Schema = Schema {
    known: &["apiVersion", "kind", "metadata", "spec"],
    later: &["status"],
};
const METADATA: Schema = Schema {
    known: &["name", "labels", "annotations"],
    later: &[],
};
const CLUSTER: Schema = Schema {
    known: &["variables"],
    later: &["templates", "taints", "mode", "renamedFrom"],
};
const GROUP: Schema = Schema {
    known: &["clusters", "except"],
    later: &[],
};
const BUNDLE: Schema = Schema {
    known: &[
        "path",
        "defaultNamespace",
        "createNamespace",
        "substitute",
        "variables",
        "dependsOn",
        "removal",
        "adopt",
        "conflict",
        "drift",
        "health",
    ],
    later: &["helm", "overrides", "patches", "serviceAccount", "replace"],
};
const REMOVAL: Schema = Schema {
    known: &["object", "bundle"],
    later: &[],
};
const ADOPT: Schema = Schema {
    known: &["mode"],
    later: &["from"],
};
const DRIFT: Schema = Schema {
    known: &["mode", "ignore"],
    later: &[],
};
const IGNORE: Schema = Schema {
    known: &["group", "kind", "namespace", "name", "fields", "managers"],
    later: &[],
};
const HEALTH: Schema = Schema {
    known: &["timeout"],
    later: &["checks"],
};
const PLACEMENT: Schema = Schema {
    known: &[
        "priority",
        "bundles",
        "clusters",
        "except",
        "suspend",
        "overrides",
    ],
    later: &[
        "revision",
        "tolerations",
        "count",
        "prefer",
        "spread",
        "safety",
    ],
};
const OVERRIDE: Schema = Schema {
    known: &["clusters", "bundles", "variables"],
    later: &["revision", "helm", "patches"],
};

/// Whether a document without our `apiVersion` looks as if it were meant to be of a kind of ours.
pub(super) fn resembles(kind: Kind, node: &Node) -> bool {
    let schema = match kind {
        Kind::Cluster => &CLUSTER,
        Kind::Group => &GROUP,
        Kind::Bundle => &BUNDLE,
        Kind::Placement => &PLACEMENT,
    };
    let ours = |text: &str| schema.known.contains(&text) || schema.later.contains(&text);
    match node.get("spec").map_or(&Value::Null, |spec| &spec.value) {
        Value::Null => kind == Kind::Cluster && node.at(&["metadata", "name"]).is_some(),
        Value::Map(members) => members.iter().any(|(key, _)| ours(&key.text)),
        _ => false,
    }
}

/// Reads a document of a known kind. Problems go to the reader; with errors the document is bad,
/// even where something is returned.
pub(super) fn decode(
    reader: &mut Reader<'_>,
    node: &Node,
    kind: Kind,
    revision: &Revision,
) -> Option<Document<Body>> {
    let top = reader.fields(node, kind.as_str(), &DOCUMENT)?;
    let Some(metadata) = node.get("metadata") else {
        reader.missing(top, "metadata");
        return None;
    };
    let metadata = reader.fields(metadata, "metadata", &METADATA)?;
    decode::name(reader, metadata);
    let labels = reader.strings(metadata, "labels");
    let annotations = reader.strings(metadata, "annotations");
    let nothing = Node {
        line: node.line,
        column: node.column,
        value: Value::Null,
    };
    let spec = node.get("spec").unwrap_or(&nothing);
    let spec = match kind {
        Kind::Cluster => Body::Cluster(cluster(reader, spec)?),
        Kind::Group => Body::Group(group(reader, spec)?),
        Kind::Bundle => Body::Bundle(Box::new(bundle(reader, spec)?)),
        Kind::Placement => Body::Placement(Box::new(placement(reader, spec)?)),
    };
    let at = reader.at(node);
    Some(Document {
        at,
        revision: revision.clone(),
        kept: false,
        labels,
        annotations,
        spec,
    })
}

fn cluster(reader: &mut Reader<'_>, node: &Node) -> Option<Cluster> {
    let spec = reader.fields(node, "spec", &CLUSTER)?;
    Some(Cluster {
        variables: decode::variables(reader, spec),
        ..Cluster::default()
    })
}

fn group(reader: &mut Reader<'_>, node: &Node) -> Option<Group> {
    let spec = reader.fields(node, "spec", &GROUP)?;
    let clusters = decode::required_terms(reader, spec, "clusters")?;
    let except = decode::terms(reader, spec, "except").unwrap_or_default();
    Some(Group { clusters, except })
}

fn bundle(reader: &mut Reader<'_>, node: &Node) -> Option<Bundle> {
    let spec = reader.fields(node, "spec", &BUNDLE)?;
    let (path, path_at) = decode::path(reader, spec)?;
    let default_namespace = decode::namespace(reader, spec);
    let create_namespace = reader.bool(spec, "createNamespace");
    if create_namespace && default_namespace.is_none() {
        let at = node.get("createNamespace").unwrap_or(node);
        let message = "`spec.createNamespace` needs a `spec.defaultNamespace`".to_owned();
        reader.error(
            at,
            Code::MissingField,
            message,
            "name the namespace to make",
        );
    }
    Some(Bundle {
        path,
        path_at,
        helm: None,
        overrides: Vec::new(),
        patches: Vec::new(),
        default_namespace,
        create_namespace,
        substitute: reader.bool(spec, "substitute"),
        variables: decode::variables(reader, spec),
        depends_on: decode::references(reader, spec, "dependsOn", bundle_name),
        removal: removal(reader, spec),
        adopt: adopt(reader, spec),
        conflict: reader.word(
            spec,
            "conflict",
            &[("fail", OnConflict::Fail), ("force", OnConflict::Force)],
        ),
        drift: drift(reader, spec),
        health_timeout_ms: health(reader, spec),
    })
}

fn bundle_name(reader: &Reader<'_>, text: &str) -> Result<BundleName, String> {
    BundleName::try_new(reader.source.clone(), text).map_err(|error| error.to_string())
}

fn removal(reader: &mut Reader<'_>, spec: Fields<'_>) -> RemovalPolicy {
    let words = [("delete", Removal::Delete), ("orphan", Removal::Orphan)];
    let Some(node) = spec.node.get("removal") else {
        return RemovalPolicy::default();
    };
    match reader.fields(node, "spec.removal", &REMOVAL) {
        Some(fields) => RemovalPolicy {
            object: reader.word(fields, "object", &words),
            bundle: reader.word(fields, "bundle", &words),
        },
        None => RemovalPolicy::default(),
    }
}

fn adopt(reader: &mut Reader<'_>, spec: Fields<'_>) -> Adopt {
    let words = [
        ("ifIdentical", Adopt::IfIdentical),
        ("never", Adopt::Never),
        ("always", Adopt::Always),
    ];
    let Some(node) = spec.node.get("adopt") else {
        return Adopt::default();
    };
    match reader.fields(node, "spec.adopt", &ADOPT) {
        Some(fields) => reader.word(fields, "mode", &words),
        None => Adopt::default(),
    }
}

fn drift(reader: &mut Reader<'_>, spec: Fields<'_>) -> DriftPolicy {
    let words = [
        ("correct", DriftMode::Correct),
        ("report", DriftMode::Report),
        ("ignore", DriftMode::Ignore),
    ];
    let Some(node) = spec.node.get("drift") else {
        return DriftPolicy::default();
    };
    let Some(fields) = reader.fields(node, "spec.drift", &DRIFT) else {
        return DriftPolicy::default();
    };
    let mode = reader.word(fields, "mode", &words);
    let items = reader.list(fields, "ignore").unwrap_or_default();
    let ignore = items
        .iter()
        .filter_map(|item| ignore_rule(reader, item))
        .collect();
    DriftPolicy { mode, ignore }
}

fn ignore_rule(reader: &mut Reader<'_>, node: &Node) -> Option<IgnoreRule> {
    let fields = reader.fields(node, "spec.drift.ignore", &IGNORE)?;
    if node.members().is_empty() {
        let message = "an ignore rule without any key would ignore everything".to_owned();
        reader.error(
            node,
            Code::MissingField,
            message,
            "use `drift: {mode: ignore}` for that",
        );
    }
    let mut one = |key: &str| {
        let value = node.get(key)?;
        reader
            .text(value, &format!("spec.drift.ignore.{key}"))
            .map(ToOwned::to_owned)
    };
    let (group, kind, namespace, name) = (one("group"), one("kind"), one("namespace"), one("name"));
    let mut many = |key: &str| {
        let items = reader.list(fields, key).unwrap_or_default();
        reader
            .string_set(items, &format!("spec.drift.ignore.{key}"))
            .into_iter()
            .collect()
    };
    let (fields, managers) = (many("fields"), many("managers"));
    Some(IgnoreRule {
        group,
        kind,
        namespace,
        name,
        fields,
        managers,
    })
}

fn health(reader: &mut Reader<'_>, spec: Fields<'_>) -> Option<u64> {
    let fields = reader.fields(spec.node.get("health")?, "spec.health", &HEALTH)?;
    decode::duration(reader, fields, "timeout")
}

fn placement(reader: &mut Reader<'_>, node: &Node) -> Option<Placement> {
    let spec = reader.fields(node, "spec", &PLACEMENT)?;
    if spec.node.get("bundles").is_none() {
        reader.missing(spec, "bundles");
    }
    let bundles = decode::references(reader, spec, "bundles", bundle_name);
    let clusters = decode::required_terms(reader, spec, "clusters");
    let except = decode::terms(reader, spec, "except").unwrap_or_default();
    let items = reader.list(spec, "overrides").unwrap_or_default();
    let overrides: Vec<Override> = items
        .iter()
        .filter_map(|item| override_of(reader, item))
        .collect();
    let placed = |bundle: &BundleName| bundles.iter().any(|b| b.name == *bundle);
    for (entry, item) in overrides.iter().zip(items) {
        for bundle in entry
            .bundles
            .iter()
            .flatten()
            .filter(|bundle| !placed(bundle))
        {
            let message = format!("the placement does not place `{}`", bundle.name());
            let at = item.get("bundles").unwrap_or(item);
            reader.error(at, Code::BadValue, message, "name it in `spec.bundles` too");
        }
    }
    let priority = decode::integer(reader, spec, "priority");
    let suspend = reader.bool(spec, "suspend");
    Some(Placement {
        priority,
        bundles,
        clusters: clusters?,
        except,
        suspend,
        revision: None,
        tolerations: Vec::new(),
        count: None,
        prefer: Vec::new(),
        spread: Vec::new(),
        safety: None,
        overrides,
    })
}

fn override_of(reader: &mut Reader<'_>, node: &Node) -> Option<Override> {
    let path = "spec.overrides";
    let fields = reader.fields(node, path, &OVERRIDE)?;
    if node
        .get("variables")
        .is_none_or(|variables| variables.members().is_empty())
    {
        reader.missing(Fields { node, path }, "variables");
    }
    let clusters = decode::terms(reader, fields, "clusters");
    let named = decode::references(reader, fields, "bundles", bundle_name);
    let bundles = fields
        .node
        .get("bundles")
        .map(|_| named.into_iter().map(|r| r.name).collect());
    let variables = decode::variables(reader, fields);
    Some(Override {
        at: reader.at(node),
        clusters,
        bundles,
        revision: None,
        helm_values: None,
        patches: Vec::new(),
        variables,
    })
}

/// Refuses a document whose name is no DNS-1123 label; the shape of names is the same for all.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    ClusterName::try_new(text)
        .map(|_| ())
        .map_err(|error| error.to_string())
}
