//! What differs between two versions of an object, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

/// Fields that are listed of one object; more are counted. A Deployment that changes everywhere has
/// about thirty.
const FIELDS_MAX: usize = 50;

/// Members by which items of lists are told apart, the first that all items have.
const ITEM_KEYS: [&str; 5] = ["name", "key", "mountPath", "containerPort", "type"];

/// What differs between two versions of an object.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields {
    /// The first fields, in the order of their paths.
    pub fields: Vec<Field>,
    /// How many more there are.
    pub more_fields: usize,
}

/// One field that differs. As JSON, what is absent has no member, and what is redacted is told by
/// `redacted`.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its path: `.spec.template.spec.containers[name="web"].image`.
    pub path: String,
    /// What it was.
    pub old: Value,
    /// What it becomes.
    pub new: Value,
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &self.path)?;
        for (name, value) in [("old", &self.old), ("new", &self.new)] {
            if let Value::Shown(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if [&self.old, &self.new].contains(&&Value::Redacted) {
            map.serialize_entry("redacted", &true)?;
        }
        map.end()
    }
}

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// It is not there.
    Absent,
    /// It is there, and nobody is told what it is.
    Redacted,
    /// This.
    Shown(Json),
}

/// Compares two versions of an object. What a Secret holds is not told.
#[must_use]
pub fn fields(old: &Json, new: &Json) -> Fields {
    let is_secret = |object: &Json| {
        object["kind"] == "Secret" && object["apiVersion"].as_str().is_some_and(|v| v == "v1")
    };
    let mut comparing = Comparing {
        secret: is_secret(old) || is_secret(new),
        found: Fields::default(),
    };
    comparing.compare("", Some(old), Some(new));
    comparing.found
}

struct Comparing {
    secret: bool,
    found: Fields,
}

impl Comparing {
    fn compare(&mut self, path: &str, old: Option<&Json>, new: Option<&Json>) {
        match (old, new) {
            (old, new) if old == new => {}
            (Some(Json::Object(old)), Some(Json::Object(new))) => {
                let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
                for key in keys {
                    self.compare(&format!("{path}.{key}"), old.get(key), new.get(key));
                }
            }
            (Some(Json::Array(old)), Some(Json::Array(new))) => self.lists(path, old, new),
            (old, new) => self.differs(path, old, new),
        }
    }

    fn lists(&mut self, path: &str, old: &[Json], new: &[Json]) {
        let key = ITEM_KEYS
            .iter()
            .find_map(|key| Some((key, keyed(old, key)?, keyed(new, key)?)));
        match key {
            Some((key, before, after)) => {
                let items: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for item in items {
                    let path = format!("{path}[{key}={item}]");
                    let (old, new) = (before.get(item).copied(), after.get(item).copied());
                    self.compare(&path, old, new);
                }
                let order = |items: &[Json]| -> Vec<Json> {
                    items.iter().map(|item| item[*key].clone()).collect()
                };
                let same = before.keys().eq(after.keys());
                if same && order(old) != order(new) {
                    let order = |items| Some(Json::Array(order(items)));
                    self.differs(
                        &format!("{path}[order]"),
                        order(old).as_ref(),
                        order(new).as_ref(),
                    );
                }
            }
            None => {
                for index in 0..old.len().max(new.len()) {
                    let path = format!("{path}[{index}]");
                    self.compare(&path, old.get(index), new.get(index));
                }
            }
        }
    }

    fn differs(&mut self, path: &str, old: Option<&Json>, new: Option<&Json>) {
        if self.found.fields.len() == FIELDS_MAX {
            self.found.more_fields += 1;
            return;
        }
        let hidden = self.secret && !path.starts_with(".metadata") && path != ".type";
        let value = |value: Option<&Json>| match value {
            None => Value::Absent,
            Some(_) if hidden => Value::Redacted,
            Some(value) => Value::Shown(value.clone()),
        };
        self.found.fields.push(Field {
            path: path.to_owned(),
            old: value(old),
            new: value(new),
        });
    }
}

/// The items of a list by a member that all of them have and that differs in each.
fn keyed<'a>(items: &'a [Json], key: &str) -> Option<BTreeMap<String, &'a Json>> {
    let mut by_key = BTreeMap::new();
    for item in items {
        let value = item.get(key).filter(|v| v.is_string() || v.is_number())?;
        if by_key.insert(value.to_string(), item).is_some() {
            return None;
        }
    }
    Some(by_key)
}
