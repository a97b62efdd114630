//! The language of fleet files, described once: the reader, the JSON Schema and the reference all
//! come from these tables, so that they cannot disagree.
//!
//! Deliberately absent: what no table can say (a term with `facts` names labels too, two clusters
//! cannot have one old name). The decoders and `load` check that, and each field's sentence says it.

mod bundle;
mod cluster;
mod common;
pub(super) mod habits;
mod limits;
mod placement;
mod reference;
mod schema;

use super::document::Kind;

/// A map: the fields that it may have.
pub(super) struct Map {
    /// What it is called in the schema and the reference.
    pub(super) title: &'static str,
    /// One sentence or more.
    pub(super) doc: &'static str,
    /// Its fields, in the order of the reference.
    pub(super) fields: &'static [Field],
    /// Which of them depend on each other.
    pub(super) choice: Choice,
}

/// A field of a map.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it is when it is not there, as it would be written; empty: nothing.
    pub(super) default: &'static str,
    /// One sentence or more.
    pub(super) doc: &'static str,
    /// Whether only a later version obeys it: until then it is refused.
    pub(super) later: bool,
}

/// Fields of a map that depend on each other.
#[derive(Clone, Copy)]
pub(super) enum Choice {
    /// None.
    Free,
    /// Exactly one of these must be there.
    OneOf(&'static [&'static str]),
    /// At least one of these must be there, and say something.
    AnyOf(&'static [&'static str]),
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// A text.
    Text(Format),
    /// `true` or `false`.
    Bool,
    /// A whole number within these bounds.
    Integer { min: i64, max: i64 },
    /// One of some words, each with what it means.
    Word(&'static [(&'static str, &'static str)]),
    /// A map with these fields.
    Map(&'static Map),
    /// A list that must have items.
    List(&'static Shape),
    /// A list that may be empty or hold nothing.
    Loose(&'static Shape),
    /// A map of texts of a format.
    Strings(Format),
    /// A map of variables.
    Variables,
    /// A map of anything, in whose texts `${...}` is substituted.
    Object,
    /// Anything at all, in whose texts `${...}` is substituted.
    Any,
    /// What is checked elsewhere.
    Opaque,
    /// A value of any of these shapes; no two of them fit the same type.
    Either(&'static [Shape]),
}

/// What a text may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Anything at all, read by nobody here.
    Note,
    /// Anything in which nothing is to be substituted: no `${`.
    Any,
    /// The same, but for nothing.
    Something,
    /// A DNS-1123 label.
    Label,
    /// A text in which `${...}` is substituted for each cluster.
    Template,
    /// The same, but for nothing.
    Filled,
    /// `0%` to `100%`.
    Percent,
    /// `90s`, `5m`, `1h30m`.
    Duration,
    /// A path to a field of an object.
    Field,
    /// A tag or commit.
    Revision,
}

impl Map {
    /// The field of a name that this version obeys.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.known().find(|field| field.name == name)
    }

    /// The fields that this version obeys.
    pub(super) fn known(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().filter(|field| !field.later)
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.known().map(|field| field.name).collect()
    }

    /// Whether nothing at all is a good value of it.
    pub(super) fn may_be_empty(&self) -> bool {
        matches!(self.choice, Choice::Free) && self.known().all(|field| !field.required)
    }
}

impl Field {
    const fn new(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            required: false,
            default: "",
            doc,
            later: false,
        }
    }

    const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    const fn later(name: &'static str, doc: &'static str) -> Self {
        Self {
            later: true,
            ..Self::new(name, Shape::Any, doc)
        }
    }
}

impl Shape {
    /// What it is, as it stands after "must be".
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Text(Format::Percent) => "a percentage such as `25%`".to_owned(),
            Self::Text(Format::Duration) => "a duration such as `90s`".to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer { .. } => "a whole number".to_owned(),
            Self::Word(_) => "a string".to_owned(),
            Self::Map(_) | Self::Strings(_) | Self::Variables | Self::Object => "a map".to_owned(),
            Self::List(_) | Self::Loose(_) => "a list".to_owned(),
            Self::Any | Self::Opaque => "a value".to_owned(),
            Self::Either(shapes) => {
                let nouns: Vec<_> = shapes.iter().map(Self::noun).collect();
                nouns.join(" or ")
            }
        }
    }
}

/// `spec` of a kind.
pub(super) fn spec_of(kind: Kind) -> &'static Map {
    match kind {
        Kind::Cluster => &cluster::CLUSTER,
        Kind::Template => &cluster::TEMPLATE,
        Kind::Group => &cluster::GROUP,
        Kind::Bundle => &bundle::BUNDLE,
        Kind::Placement => &placement::PLACEMENT,
    }
}

/// A document of any kind, its metadata, and selection terms.
pub(super) use bundle::HEALTH_CHECK;
pub(super) use common::{DOCUMENT, METADATA, TERM, TERMS};

/// The JSON Schema (draft-07) of fleet files, for editors. A file that it accepts has no problem
/// that one document alone can have, except those that a schema cannot say.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    schema::json_schema()
}

/// Every kind and field in Markdown.
#[must_use]
pub fn reference() -> String {
    reference::reference()
}

/// How much of everything there may be, in Markdown.
#[must_use]
pub fn limits() -> String {
    limits::limits()
}

#[cfg(test)]
mod tests;
