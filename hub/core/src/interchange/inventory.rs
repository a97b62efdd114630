//! The inventory file: what decisions use that does not stand in Git.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName, SourceName};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::inventory::{Facts, Inventory};
use crate::limits::FILE_PROBLEMS_MAX;
use crate::problem::{bounded, did_you_mean};
use crate::yaml::{self, Dialect, Fault, Key, Node, Value};

/// What decisions use that does not stand in Git: facts, and what placements selected last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryFile {
    /// What clusters say of themselves. One that is not listed has no facts.
    pub clusters: BTreeMap<ClusterName, Facts>,
    /// What placements selected last, by name; `source.name` where there are several sources.
    pub previous: BTreeMap<String, BTreeSet<ClusterName>>,
}

/// One mistake in an inventory file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            hint,
        } = self;
        write!(f, "{line}:{column}: {message} ({hint})")
    }
}

/// The shape, for hints.
const SHAPE: &str = "{\"clusters\": {\"NAME\": {\"facts\": {\"KEY\": \"VALUE\"}}}, \
                     \"previous\": {\"PLACEMENT\": [\"CLUSTER\"]}}";

impl InventoryFile {
    /// Reads the text of a file, JSON or YAML.
    ///
    /// # Errors
    /// With the mistakes in it, each with its place, the first [`FILE_PROBLEMS_MAX`] of many; never
    /// an empty list.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader::default();
        let mut documents = yaml::read(bytes, Dialect::Fleet).into_iter();
        match (documents.next(), documents.next()) {
            (None, _) => {}
            (Some(Ok(root)), None) => reader.root(&root),
            (Some(Err(fault)), _) | (Some(Ok(_)), Some(Err(fault))) => reader.fault(fault),
            (Some(Ok(_)), Some(Ok(second))) => {
                reader.wrong((second.line, second.column), "a second document", SHAPE);
            }
        }
        if reader.mistakes.is_empty() {
            Ok(reader.file)
        } else {
            reader.mistakes.sort();
            Err(reader.mistakes)
        }
    }

    /// What is known of clusters besides their documents.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        Inventory {
            enrolled: self.clusters.keys().cloned().collect(),
            facts: self.clusters.clone(),
        }
    }

    /// What the placements of a source selected last.
    #[must_use]
    pub fn previous(&self, source: &SourceName) -> BTreeMap<PlacementName, BTreeSet<ClusterName>> {
        let mine = |(name, clusters): (&String, &BTreeSet<ClusterName>)| {
            let name = match name.split_once('.') {
                Some((of, name)) if of == source.as_str() => name,
                Some(_) => return None,
                None => name,
            };
            let name = PlacementName::try_new(source.clone(), name).ok()?;
            Some((name, clusters.clone()))
        };
        self.previous.iter().filter_map(mine).collect()
    }
}

/// As [`InventoryFile::parse`] reads it.
impl Serialize for InventoryFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        let clusters: BTreeMap<&str, Entry<'_>> = self
            .clusters
            .iter()
            .map(|(name, facts)| (name.as_str(), Entry::of(facts)))
            .collect();
        map.serialize_entry("clusters", &clusters)?;
        let previous: BTreeMap<&str, Vec<&str>> = self
            .previous
            .iter()
            .map(|(name, clusters)| {
                let clusters = clusters.iter().map(ClusterName::as_str);
                (name.as_str(), clusters.collect())
            })
            .collect();
        map.serialize_entry("previous", &previous)?;
        map.end()
    }
}

#[derive(serde::Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unknown: bool,
}

impl<'a> Entry<'a> {
    fn of(facts: &'a Facts) -> Self {
        Self {
            facts: match facts {
                Facts::Reported(facts) => Some(facts.as_ref()),
                Facts::Never | Facts::Unknown => None,
            },
            unknown: *facts == Facts::Unknown,
        }
    }
}

/// Longest key of a fact, in bytes: that of a label. A longer one could not be read back from where
/// this is written, because YAML has an end to keys without `?`.
const FACT_KEY_BYTES_MAX: usize = 253 + 1 + 63;

fn is_fact_key(text: &str) -> bool {
    text.len() <= FACT_KEY_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Whether a placement may be called so: by its name, or with its source before it.
fn is_placement(text: &str) -> bool {
    match text.split_once('.') {
        Some(_) => PlacementName::parse(text).is_ok(),
        None => ClusterName::try_new(text).is_ok(),
    }
}

#[derive(Default)]
struct Reader {
    file: InventoryFile,
    mistakes: Vec<Mistake>,
}

impl Reader {
    fn wrong(&mut self, (line, column): (u32, u32), message: impl Into<String>, hint: &str) {
        if self.mistakes.len() == FILE_PROBLEMS_MAX {
            return;
        }
        self.mistakes.push(Mistake {
            line,
            column,
            message: bounded(message.into()),
            hint: hint.to_owned(),
        });
    }

    fn fault(&mut self, fault: Fault) {
        self.wrong((fault.line, fault.column), fault.message, SHAPE);
    }

    /// The members of a map; a mistake for anything else.
    fn members<'n>(&mut self, node: &'n Node, what: &str) -> &'n [(Key, Node)] {
        if !matches!(node.value, Value::Map(_)) {
            let message = format!("{what} is {}, not a map", node.type_name());
            self.wrong((node.line, node.column), message, SHAPE);
        }
        node.members()
    }

    fn unknown(&mut self, key: &Key, known: &[&str]) {
        let message = format!("unknown field `{}`", key.text);
        let hint = did_you_mean(&key.text, known);
        self.wrong((key.line, key.column), message, &hint);
    }

    fn cluster_name(&mut self, text: &str, at: (u32, u32)) -> Option<ClusterName> {
        match ClusterName::try_new(text) {
            Ok(name) => Some(name),
            Err(error) => {
                let hint = "a cluster's name, as its document declares it";
                self.wrong(at, error.to_string(), hint);
                None
            }
        }
    }

    fn root(&mut self, root: &Node) {
        for (key, node) in self.members(root, "the inventory") {
            match key.text.as_str() {
                "clusters" => self.clusters(node),
                "previous" => self.previous(node),
                _ => self.unknown(key, &["clusters", "previous"]),
            }
        }
    }

    fn clusters(&mut self, node: &Node) {
        for (key, node) in self.members(node, "`clusters`") {
            let facts = self.cluster(node);
            if let Some(name) = self.cluster_name(&key.text, (key.line, key.column)) {
                self.file.clusters.insert(name, facts);
            }
        }
    }

    fn cluster(&mut self, node: &Node) -> Facts {
        let mut found = Facts::Never;
        for (key, node) in self.members(node, "a cluster") {
            match (key.text.as_str(), &node.value) {
                ("facts", _) => found = Facts::Reported(Arc::new(self.facts(node))),
                ("unknown", Value::Bool(true)) => found = Facts::Unknown,
                ("unknown", Value::Bool(false)) => {}
                ("unknown", _) => {
                    let message = format!("`unknown` is {}", node.type_name());
                    let hint = "true: it enrolled and has not reported its facts yet";
                    self.wrong((node.line, node.column), message, hint);
                }
                _ => self.unknown(key, &["facts", "unknown"]),
            }
        }
        found
    }

    fn facts(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        for (key, node) in self.members(node, "`facts`") {
            match node.text() {
                Some(_) if !is_fact_key(&key.text) => {
                    let message = "this is no key of a fact".to_owned();
                    let hint = "keys have at most 317 bytes, none of which is a control character";
                    self.wrong((key.line, key.column), message, hint);
                }
                Some(text) => {
                    facts.insert(key.text.clone(), text.to_owned());
                }
                None => {
                    let message = format!("fact `{}` is {}", key.text, node.type_name());
                    let hint = "facts are strings: put it in quotes";
                    self.wrong((node.line, node.column), message, hint);
                }
            }
        }
        facts
    }

    fn previous(&mut self, node: &Node) {
        for (key, node) in self.members(node, "`previous`") {
            if !is_placement(&key.text) {
                let message = format!("`{}` is no name of a placement", key.text);
                let hint = "as its document declares it, or `<source>.<name>` for another source's";
                self.wrong((key.line, key.column), message, hint);
            }
            if !matches!(node.value, Value::List(_)) {
                let message = format!("`{}` is {}, not a list", key.text, node.type_name());
                let hint = "the names of the clusters that the placement selected last";
                self.wrong((node.line, node.column), message, hint);
            }
            let mut clusters = BTreeSet::new();
            for item in node.items() {
                let at = (item.line, item.column);
                match item.text() {
                    Some(text) => clusters.extend(self.cluster_name(text, at)),
                    None => {
                        let message = format!("a cluster's name is {}", item.type_name());
                        self.wrong(at, message, "put it in quotes");
                    }
                }
            }
            self.file.previous.insert(key.text.clone(), clusters);
        }
    }
}
