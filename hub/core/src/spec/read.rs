//! One file to its documents.

use std::sync::Arc;

use capstan_proto::{Revision, SourceName};

use super::check::shown;
use super::document::{self, Body, Kind};
use super::doubt::{self, Doubt};
use super::fields::Reader;
use super::{API_VERSION, Document, File};
use crate::limits;
use crate::problem::{Code, Place, Problem, allowed, did_you_mean, nearest};
use crate::yaml::{Dialect, Node, Value, read_file};

/// What was found in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// Good documents, in order.
    pub(super) good: Vec<Found>,
    /// Documents that are ours and broken.
    pub(super) broken: Vec<Broken>,
    /// Documents that are not ours, by kind and name: one that was ours is missed.
    pub(super) foreign: Vec<(Place, String, String)>,
    /// Those of them that look as if they were meant to be ours.
    pub(super) strangers: Vec<Broken>,
    /// Whether some document could not be parsed at all, and where.
    pub(super) fault: Option<Place>,
    /// What the documents that could not be parsed may declare.
    pub(super) doubts: Vec<Doubt>,
    /// Documents without any `apiVersion` that look like ours.
    pub(super) unversioned: Vec<(Place, Kind)>,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
}

impl Contents {
    /// Whether no more documents are read.
    fn is_full(&self) -> bool {
        let ours = self.good.len() + self.broken.len();
        ours.max(self.foreign.len()) >= limits::FILE_DOCUMENTS_MAX
    }

    /// Whether something that was declared before may be missing although nobody removed it.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.broken.is_empty()
            || !self.foreign.is_empty()
            || !self.strangers.is_empty()
            || self.fault.is_some()
    }
}

/// A good document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) name_at: Place,
    pub(super) document: Document<Body>,
}

/// A document that is ours and broken: what is known of its identity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Broken {
    pub(super) at: Place,
    pub(super) kind: Option<Kind>,
    pub(super) name: Option<String>,
    /// What it says that it was called before.
    pub(super) former: Option<String>,
}

impl Broken {
    fn new(at: Place, kind: Option<Kind>, node: &Node) -> Self {
        let text = |path: &[&str]| node.at(path).and_then(Node::text).map(ToOwned::to_owned);
        Self {
            at,
            kind,
            name: text(&["metadata", "name"]),
            former: text(&["spec", "renamedFrom"]),
        }
    }
}

/// Whether a file can hold fleet documents, by its name.
pub(super) fn is_candidate(path: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| path.ends_with(ending))
}

/// Whether a file can hold fleet documents, by a look at its bytes.
pub(super) fn mentions_us(file: &File) -> bool {
    contains(file.bytes(), b"capstan.")
}

/// Reads a file. `was_ours` says whether it held a document of ours before.
pub(super) fn file(
    source: &SourceName,
    path: &Arc<str>,
    revision: &Revision,
    file: &File,
    was_ours: bool,
) -> Contents {
    let mut contents = Contents::default();
    let perhaps_ours = was_ours || mentions_us(file);
    if !perhaps_ours && !doubt::names_our_kind(file.bytes()) {
        return contents;
    }
    // Asked once a file: it may have a million broken documents.
    let tells = was_ours || contains(file.bytes(), b"capstan.dev/");
    let matters = was_ours || contains(file.bytes(), API_VERSION.as_bytes());
    let mut reader = Reader::new(source, path).of(file);
    for document in read_file(path, file.bytes(), Dialect::Fleet) {
        match document {
            Ok(node) if !perhaps_ours => {
                foreign(&mut reader, &node, &mut contents);
            }
            Ok(node) if contents.is_full() => {
                too_many(&mut reader, &node, &mut contents);
                break;
            }
            Ok(node) => one(&mut reader, &node, revision, &mut contents),
            Err(fault) if tells => {
                let at = reader.place(fault.line, fault.column);
                let says = |word| fault.message.contains(word);
                let hint = match says("alias") || says("anchor") {
                    true => format!("quote a text that begins with `*` or `&`; {STAYS}"),
                    false if says("tabs") => format!("indent with spaces; {STAYS}"),
                    false => STAYS.to_owned(),
                };
                let problem = Problem::error(&at, Code::NotYaml, fault.message);
                reader.push(problem, &hint);
                if matters && contents.fault.is_none() {
                    contents.fault = Some(at);
                }
            }
            Err(_) => {}
        }
    }
    if contents.fault.is_some() {
        contents.doubts = doubt::of_text(file.bytes());
    }
    contents.problems = reader.finish();
    contents
}

const STAYS: &str = "what this document declared before stays until it is mended";

/// What is behind the last document that is read is in doubt.
fn too_many(reader: &mut Reader<'_>, node: &Node, contents: &mut Contents) {
    let max = limits::FILE_DOCUMENTS_MAX;
    let message = format!("more than {max} documents of one file are not read");
    reader.error(node, Code::TooMuch, message, "write several files");
    let at = reader.at(node);
    contents.fault.get_or_insert(at);
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn one(reader: &mut Reader<'_>, node: &Node, revision: &Revision, contents: &mut Contents) {
    let text = |key: &str| node.get(key).and_then(Node::text).map(ToOwned::to_owned);
    let name_node = node.at(&["metadata", "name"]);
    let name = name_node.and_then(Node::text).map(ToOwned::to_owned);
    let at = reader.at(node);
    let version = text("apiVersion").unwrap_or_default();
    let kind_text = text("kind").unwrap_or_default();
    if version != API_VERSION {
        if let Some(problem) = misspelt(reader, node) {
            reader.push(problem, "");
            let kind = Kind::parse(&kind_text);
            contents.broken.push(Broken::new(at, kind, node));
            return;
        }
        if let Some(item) = listed(node) {
            let message = "fleet documents cannot stand in a list".to_owned();
            let hint = "write each as a document of its own, with `---` between them";
            reader.error(item, Code::WrongType, message, hint);
            contents.broken.push(Broken::new(at, None, node));
            return;
        }
        if !version.starts_with("capstan.") {
            foreign(reader, node, contents);
            contents
                .foreign
                .push((at, kind_text, name.unwrap_or_default()));
            return;
        }
        let wrong = node.get("apiVersion").unwrap_or(node);
        let message = format!("`{}` is no version of fleet files", shown(&version));
        reader.error(
            wrong,
            Code::UnknownVersion,
            message,
            &format!("write {API_VERSION}"),
        );
        let kind = Kind::parse(&kind_text);
        contents.broken.push(Broken::new(at, kind, node));
        return;
    }
    let Some(kind) = kind(reader, node, &kind_text) else {
        contents.broken.push(Broken::new(at, None, node));
        return;
    };
    let errors = reader.errors();
    let document = document::decode(reader, node, kind, revision);
    reader.end_document(document.is_some() && reader.errors() == errors);
    match (document, &name) {
        (Some(document), Some(name)) if reader.errors() == errors => {
            let name_at = reader.at(name_node.unwrap_or(node));
            contents.good.push(Found {
                name: name.clone(),
                name_at,
                document,
            });
        }
        _ => contents.broken.push(Broken::new(at, Some(kind), node)),
    }
}

/// The first document of ours in a list, or in a `List` as kubectl has it.
fn listed(node: &Node) -> Option<&Node> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => node.get("items").map_or(&[][..], Node::items),
    };
    let is_ours = |item: &&Node| {
        let version = item.get("apiVersion").and_then(Node::text);
        version.is_some_and(|version| version.starts_with("capstan."))
    };
    items.iter().find(is_ours)
}

/// Looks at a document that is not ours.
fn foreign(reader: &mut Reader<'_>, node: &Node, contents: &mut Contents) {
    contents.unversioned.extend(unversioned(reader, node));
    misspelt_group(reader, node);
    let kind = node.get("kind").and_then(Node::text).and_then(Kind::parse);
    if kind.is_some_and(|kind| document::resembles(kind, node)) {
        let at = reader.at(node);
        contents.strangers.push(Broken::new(at, kind, node));
    }
}

/// A document that has our version under another key than `apiVersion`.
fn misspelt(reader: &Reader<'_>, node: &Node) -> Option<Problem> {
    if node.get("apiVersion").is_some() {
        return None;
    }
    let (key, _) = node
        .members()
        .iter()
        .find(|(_, value)| value.text() == Some(API_VERSION))?;
    let message = format!("`{}` must be `apiVersion`", key.text);
    Some(Problem::error(
        &reader.at_key(key),
        Code::UnknownField,
        message,
    ))
}

/// Tells of a document of a kind of ours whose group is ours but for a slip.
fn misspelt_group(reader: &mut Reader<'_>, node: &Node) {
    /// More slips than that are another group.
    const SLIPS_MAX: usize = 2;
    let Some(at) = node.get("apiVersion") else {
        return;
    };
    let kind = node.get("kind").and_then(Node::text).and_then(Kind::parse);
    let (Some(kind), Some(version)) = (kind, at.text()) else {
        return;
    };
    let ours = API_VERSION.split('/').next().unwrap_or_default();
    let group = version.split('/').next().unwrap_or_default();
    let near = nearest(group, &[ours]).is_some();
    if !near || strsim::osa_distance(&group.to_lowercase(), ours) > SLIPS_MAX {
        return;
    }
    let message = format!(
        "`{}` is not ours, so this {} is not read",
        shown(version),
        kind.as_str()
    );
    let problem = Problem::warning(&reader.at(at), Code::UnknownVersion, message);
    reader.push(problem, &format!("did you mean `{API_VERSION}`?"));
}

/// A document that has no `apiVersion` at all and is of a kind of ours, as it looks.
fn unversioned(reader: &Reader<'_>, node: &Node) -> Option<(Place, Kind)> {
    let version = node.get("apiVersion").map(|version| &version.value);
    if version.is_some_and(|version| *version != Value::Null) {
        return None;
    }
    let kind = Kind::parse(node.get("kind").and_then(Node::text)?)?;
    document::resembles(kind, node).then(|| (reader.at(node), kind))
}

fn kind(reader: &mut Reader<'_>, node: &Node, text: &str) -> Option<Kind> {
    if let Some(kind) = Kind::parse(text) {
        return Some(kind);
    }
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    match node.get("kind") {
        Some(wrong) if Kind::LATER.contains(&text) => {
            let message = format!("this version does not know the kind `{text}` yet");
            let hint = allowed(&known);
            reader.error(wrong, Code::Unsupported, message, &hint);
        }
        Some(wrong) if wrong.value != Value::Null => {
            let message = format!("`{}` is no kind of fleet file", shown(text));
            reader.error(
                wrong,
                Code::UnknownKind,
                message,
                &did_you_mean(text, &known),
            );
        }
        _ => {
            let hint = allowed(&known);
            reader.error(
                node,
                Code::MissingField,
                "`kind` is missing".to_owned(),
                &hint,
            );
        }
    }
    None
}
