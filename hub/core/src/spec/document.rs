//! One document to what it declares.

use std::sync::Arc;

use capstan_proto::{ClusterName, Revision};

use super::fields::Reader;
use super::{Bundle, Cluster, Document, Group, Placement, Template};
use super::{check, decode, language};
use crate::yaml::{Node, Value};

/// The kinds of fleet files that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Cluster,
    Template,
    Group,
    Bundle,
    Placement,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::Cluster,
        Self::Template,
        Self::Group,
        Self::Bundle,
        Self::Placement,
    ];

    /// Kinds that later versions will know.
    pub(super) const LATER: [&'static str; 2] = ["Rollout", "Hold"];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Template => "ClusterTemplate",
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
    Template(Template),
    Group(Group),
    Bundle(Box<Bundle>),
    Placement(Arc<Placement>),
}

impl Body {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Cluster(_) => Kind::Cluster,
            Self::Template(_) => Kind::Template,
            Self::Group(_) => Kind::Group,
            Self::Bundle(_) => Kind::Bundle,
            Self::Placement(_) => Kind::Placement,
        }
    }
}

/// Whether a document without our `apiVersion` looks as if it were meant to be of a kind of ours.
pub(super) fn resembles(kind: Kind, node: &Node) -> bool {
    let fields = language::spec_of(kind).fields;
    let ours = |text: &str| fields.iter().any(|field| field.name == text);
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
    let nothing = nothing_at(node);
    check_tables(reader, node, kind);
    // What else is wrong is looked for in what was meant.
    let meant = reader.meant(node);
    let node = &*meant;
    let spec = node.get("spec").unwrap_or(&nothing);
    let is_spec = matches!(spec.value, Value::Map(_) | Value::Null);
    if !is_spec || reader.misplaced {
        return None;
    }
    let name = node.at(&["metadata", "name"]).and_then(Node::text);
    let body = match kind {
        Kind::Cluster => Body::Cluster(decode::cluster(reader, spec, name)?),
        Kind::Template => Body::Template(decode::template(reader, spec)?),
        Kind::Group => Body::Group(decode::group(reader, spec)?),
        Kind::Bundle => Body::Bundle(Box::new(decode::bundle(reader, spec)?)),
        Kind::Placement => Body::Placement(Arc::new(decode::placement(reader, spec)?)),
    };
    let metadata = node.get("metadata").unwrap_or(&nothing);
    Some(Document {
        at: reader.at(node),
        revision: revision.clone(),
        kept: false,
        labels: decode::strings(metadata, "labels"),
        annotations: decode::strings(metadata, "annotations"),
        spec: body,
    })
}

fn nothing_at(node: &Node) -> Node {
    Node {
        line: node.line,
        column: node.column,
        value: Value::Null,
    }
}

/// Checks a document against the tables of the language.
pub(super) fn check_tables(reader: &mut Reader<'_>, node: &Node, kind: Kind) {
    check::check_map(reader, node, kind.as_str(), &language::DOCUMENT);
    let spec = language::spec_of(kind);
    if reader.misplaced {
        return;
    }
    match reader.meant(node).get("spec") {
        Some(given) => check::check(reader, given, "spec", &language::Shape::Map(spec)),
        None => {
            let nothing = nothing_at(node);
            check::check_map(reader, &nothing, "spec", spec);
        }
    }
}

/// Refuses a document whose name is no DNS-1123 label; the shape of names is the same for all.
pub(super) fn check_name(text: &str) -> Result<(), String> {
    ClusterName::try_new(text)
        .map(|_| ())
        .map_err(|error| error.to_string())
}
