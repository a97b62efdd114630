//! `metadata.managedFields`: who owns which field, as sets of paths.
//!
//! Entries are compared as sets, never as bytes: an API server writes the same set in different
//! ways. An entry says what somebody declared, not what is stored, so that values are compared by
//! projection onto a set.

use std::collections::BTreeMap;
use std::fmt;

use capstan_proto::{Digest, Moment, canonical};
use serde_json::{Map, Value};

use crate::effect::MANAGER;
use crate::timestamp;

mod declared;
mod excerpt;

pub use declared::declares;
pub use excerpt::excerpt;

/// The manager of an entry that an API server invents.
pub const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// One step of a field path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Member of a map.
    Field(String),
    /// Item of a keyed list, by the canonical JSON of its keys.
    Key(String),
    /// Member of a set, by its canonical JSON.
    Item(String),
    /// Position in a list.
    Index(usize),
}

/// `.name`, `[name="web"]`, `[="item"]`, `[3]`, as the API server writes them.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(text) => {
                f.write_str("[")?;
                for (index, (name, value)) in keys(text).iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma}{name}={value}")?;
                }
                f.write_str("]")
            }
            Self::Item(text) => write!(f, "[={text}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A set of field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Whether the path that leads here is in the set itself.
    owned: bool,
    below: BTreeMap<Step, FieldSet>,
}

impl FieldSet {
    /// Reads `fieldsV1`. What it does not understand it leaves out.
    #[must_use]
    pub fn parse(fields: &Value) -> Self {
        let Some(members) = fields.as_object() else {
            return Self::default();
        };
        let mut set = Self {
            owned: members.is_empty(),
            below: BTreeMap::new(),
        };
        for (name, value) in members {
            if name == "." {
                set.owned = true;
            } else if let Some(step) = step(name) {
                set.below.insert(step, Self::parse(value));
            }
        }
        set
    }

    /// Whether there is no path in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.owned && self.below.values().all(Self::is_empty)
    }

    /// Whether a path ends here, and stands for everything below.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.owned && self.below.is_empty()
    }

    /// What is in the set of one member of a map.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        if self.is_leaf() {
            return Some(self);
        }
        self.below.get(&Step::Field(name.to_owned()))
    }

    /// What is in the set of one item of a list, which may leave out keys that have defaults.
    #[must_use]
    pub fn item(&self, item: &Value) -> Option<&Self> {
        if self.is_leaf() {
            return Some(self);
        }
        let found = self.below.iter().find(|(step, _)| match step {
            Step::Key(text) => matches_keys(item, &keys(text), Absent::Matches),
            Step::Item(text) => *text == text_of(item),
            Step::Field(_) | Step::Index(_) => false,
        });
        found.map(|(_, set)| set)
    }

    /// Whether this path, or one above it that stands for everything below, is in the set.
    #[must_use]
    pub fn covers(&self, path: &[Step]) -> bool {
        match path.split_first() {
            None => self.owned,
            Some(_) if self.owned && self.below.is_empty() => true,
            Some((step, rest)) => self.below.get(step).is_some_and(|set| set.covers(rest)),
        }
    }

    /// Whether a path at or below this one is in the set.
    #[must_use]
    pub fn touches(&self, path: &[Step]) -> bool {
        match path.split_first() {
            None => !self.is_empty(),
            Some(_) if self.owned && self.below.is_empty() => true,
            Some((step, rest)) => self.below.get(step).is_some_and(|set| set.touches(rest)),
        }
    }

    /// The paths of this set that `other` does not have, in order.
    #[must_use]
    pub fn without(&self, other: &Self) -> Vec<Vec<Step>> {
        let mut paths = Vec::new();
        self.collect_without(Some(other), &mut Vec::new(), &mut paths);
        paths
    }

    fn collect_without(
        &self,
        other: Option<&Self>,
        path: &mut Vec<Step>,
        out: &mut Vec<Vec<Step>>,
    ) {
        if self.owned && !path.is_empty() && other.is_none_or(|other| !other.owned) {
            out.push(path.clone());
        }
        for (step, set) in &self.below {
            path.push(step.clone());
            set.collect_without(other.and_then(|o| o.below.get(step)), path, out);
            path.pop();
        }
    }

    /// The paths of this set that `keep` wants.
    #[must_use]
    pub fn filter(&self, keep: &dyn Fn(&[Step]) -> bool) -> Self {
        self.filtered(keep, &mut Vec::new())
    }

    fn filtered(&self, keep: &dyn Fn(&[Step]) -> bool, path: &mut Vec<Step>) -> Self {
        let mut set = Self {
            owned: self.owned,
            below: BTreeMap::new(),
        };
        for (step, below) in &self.below {
            path.push(step.clone());
            if keep(path) {
                set.below.insert(step.clone(), below.filtered(keep, path));
            }
            path.pop();
        }
        // What lost everything below must not stand for everything below.
        set.owned &= !set.below.is_empty() || self.below.is_empty();
        set
    }

    /// The values that `live` has at the paths of this set, by written path. A path that is gone is
    /// absent. The order of keyed lists is kept as a value of its own, `path[]`.
    #[must_use]
    pub fn project(&self, live: &Value) -> BTreeMap<String, Value> {
        let mut out = BTreeMap::new();
        self.collect_values(live, &mut String::new(), &mut out);
        out
    }

    fn collect_values(&self, live: &Value, path: &mut String, out: &mut BTreeMap<String, Value>) {
        if self.below.is_empty() {
            if self.owned {
                out.insert(path.clone(), live.clone());
            }
            return;
        }
        let mut order = Vec::new();
        for (step, set) in &self.below {
            let Some((position, value)) = find(live, step) else {
                continue;
            };
            let written = step.to_string();
            if matches!(step, Step::Key(_)) {
                order.push((position, Value::String(written.clone())));
            }
            let length = path.len();
            path.push_str(&written);
            set.collect_values(value, path, out);
            path.truncate(length);
        }
        if order.len() > 1 {
            order.sort_by_key(|(position, _)| *position);
            let order = order.into_iter().map(|(_, key)| key).collect();
            out.insert(format!("{path}[]"), Value::Array(order));
        }
    }

    /// Whether everything that `declared` says is in this set. Needs no schema: the set itself says
    /// which lists are keyed. Names, namespace and type are never in a set and not asked for.
    #[must_use]
    pub fn covers_manifest(&self, declared: &Value) -> bool {
        let Some(members) = declared.as_object() else {
            return false;
        };
        members.iter().all(|(name, value)| match name.as_str() {
            "apiVersion" | "kind" => true,
            "metadata" => self.covers_metadata(value),
            _ => self.covers_member(name, value),
        })
    }

    fn covers_metadata(&self, metadata: &Value) -> bool {
        let below = self.below.get(&Step::Field("metadata".to_owned()));
        let declared = metadata.as_object().into_iter().flatten();
        let mut asked =
            declared.filter(|(name, _)| !matches!(name.as_str(), "name" | "namespace" | "uid"));
        asked.all(|(name, value)| {
            let empty = value.as_object().is_some_and(Map::is_empty);
            empty || below.is_some_and(|set| set.covers_member(name, value))
        })
    }

    fn covers_member(&self, name: &str, value: &Value) -> bool {
        if value.is_null() {
            return true;
        }
        let step = Step::Field(name.to_owned());
        self.below
            .get(&step)
            .is_some_and(|set| set.covers_value(value))
    }

    fn covers_value(&self, value: &Value) -> bool {
        if self.below.is_empty() {
            return self.owned;
        }
        match value {
            Value::Object(members) => members
                .iter()
                .all(|(name, value)| self.covers_member(name, value)),
            Value::Array(items) => items.iter().all(|item| self.covers_item(item)),
            _ => self.owned,
        }
    }

    fn covers_item(&self, item: &Value) -> bool {
        self.below.iter().any(|(step, set)| match step {
            Step::Key(text) => {
                matches_keys(item, &keys(text), Absent::Matches) && set.covers_value(item)
            }
            Step::Item(text) => *text == text_of(item),
            Step::Field(_) | Step::Index(_) => false,
        })
    }
}

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// `status`, `scale`, or empty.
    pub subresource: String,
    /// When, where the server says.
    pub time: Option<Moment>,
    /// What.
    pub fields: FieldSet,
}

impl Entry {
    fn parse(entry: &Value) -> Self {
        let text = |name: &str| {
            let value = entry.get(name).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        Self {
            manager: text("manager"),
            operation: text("operation"),
            subresource: text("subresource"),
            time: timestamp::parse(&text("time")),
            fields: FieldSet::parse(&entry["fieldsV1"]),
        }
    }

    /// Whether this is what we declared.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.manager == MANAGER && self.operation == "Apply" && self.subresource.is_empty()
    }
}

/// Every entry of an object or a `PartialObjectMetadata`.
#[must_use]
pub fn entries(body: &Value) -> Vec<Entry> {
    raw(body).map(Entry::parse).collect()
}

/// Our own entry, if there is one.
#[must_use]
pub fn ours(body: &Value) -> Option<Entry> {
    raw(body).nth(our_position(body)?).map(Entry::parse)
}

/// The hash of our own entry, fields and time: cheap to compare, and equal for equal sets.
#[must_use]
pub fn our_hash(body: &Value) -> Option<Digest> {
    let entry = raw(body).nth(our_position(body)?)?;
    let hashed = serde_json::json!([entry["time"], entry["fieldsV1"]]);
    Some(canonical::digest(&hashed))
}

/// When the status subresource was written last, as far as the server says.
#[must_use]
pub fn status_time(body: &Value) -> Option<Moment> {
    raw(body)
        .filter(|entry| entry["subresource"] == "status")
        .filter_map(|entry| timestamp::parse(entry["time"].as_str()?))
        .max()
}

/// Position in `managedFields` of our own entry.
#[must_use]
pub fn our_position(body: &Value) -> Option<usize> {
    raw(body).position(is_raw_ours)
}

/// Position in `managedFields` of the entry that an API server invents for an object that was made
/// without server-side apply, or whose list of managers was emptied.
#[must_use]
pub fn before_first_apply(body: &Value) -> Option<usize> {
    raw(body).position(|entry| entry["manager"] == BEFORE_FIRST_APPLY)
}

/// Who holds `path` now, the newest first; failing that, who wrote last besides us and the status.
#[must_use]
pub fn taker<'a>(entries: &'a [Entry], path: &[Step]) -> Option<&'a Entry> {
    let others = || entries.iter().filter(|entry| !entry.is_ours());
    let newest = |a: &&Entry, b: &&Entry| a.time.cmp(&b.time);
    others()
        .filter(|entry| entry.fields.covers(path))
        .max_by(newest)
        .or_else(|| {
            let wrote = others().filter(|entry| entry.subresource != "status");
            let since = ours_time(entries);
            wrote.filter(|entry| entry.time >= since).max_by(newest)
        })
}

fn ours_time(entries: &[Entry]) -> Option<Moment> {
    entries.iter().find(|entry| entry.is_ours())?.time
}

/// A path as the API server writes it.
#[must_use]
pub fn written(path: &[Step]) -> String {
    path.iter().map(ToString::to_string).collect()
}

fn raw(body: &Value) -> impl Iterator<Item = &Value> {
    body.pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn is_raw_ours(entry: &Value) -> bool {
    let subresource = entry.get("subresource").and_then(Value::as_str);
    entry["manager"] == MANAGER
        && entry["operation"] == "Apply"
        && subresource.is_none_or(str::is_empty)
}

fn step(name: &str) -> Option<Step> {
    let (tag, rest) = name.split_once(':')?;
    let json = || serde_json::from_str::<Value>(rest).ok();
    match tag {
        "f" => Some(Step::Field(rest.to_owned())),
        "k" => Some(Step::Key(text_of(&json()?))),
        "v" => Some(Step::Item(text_of(&json()?))),
        "i" => rest.parse().ok().map(Step::Index),
        _ => None,
    }
}

fn text_of(value: &Value) -> String {
    String::from_utf8(canonical::to_bytes(value)).expect("canonical JSON is UTF-8")
}

pub(crate) fn keys(text: &str) -> Map<String, Value> {
    match serde_json::from_str(text) {
        Ok(Value::Object(keys)) => keys,
        _ => Map::new(),
    }
}

/// What a key that an item does not have counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// A declaration may leave a key out that has a default.
    Matches,
    /// A live item has all keys, defaults included.
    Differs,
}

fn matches_keys(item: &Value, keys: &Map<String, Value>, absent: Absent) -> bool {
    keys.iter().all(|(name, key)| match item.get(name) {
        Some(value) => value == key,
        None => absent == Absent::Matches,
    })
}

/// What a step leads to, with its position where it leads into a list.
fn find<'a>(value: &'a Value, step: &Step) -> Option<(usize, &'a Value)> {
    let mut items = value.as_array().into_iter().flatten().enumerate();
    match step {
        Step::Field(name) => value.get(name).map(|value| (0, value)),
        Step::Index(index) => value.get(index).map(|value| (*index, value)),
        Step::Item(text) => items.find(|(_, item)| text_of(item) == *text),
        Step::Key(text) => {
            let keys = keys(text);
            items.find(|(_, item)| matches_keys(item, &keys, Absent::Differs))
        }
    }
}

#[cfg(test)]
mod tests;
