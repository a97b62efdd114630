//! Owns `metadata.managedFields`: reading and writing its entries, and who a manager is.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::merge::set::Set;

/// Identity of an entry. An applier keeps its identity across API versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ManagerId {
    pub(crate) manager: String,
    pub(crate) operation: Operation,
    /// Empty for appliers.
    pub(crate) api_version: String,
    pub(crate) subresource: String,
}

/// How a manager writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn text(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

impl ManagerId {
    /// The identity of a write; a manager without a name is `unknown`.
    pub(crate) fn new(
        manager: &str,
        operation: Operation,
        api_version: &str,
        subresource: &str,
    ) -> Self {
        let manager = if manager.is_empty() {
            "unknown"
        } else {
            manager
        };
        Self {
            manager: manager.to_owned(),
            operation,
            api_version: match operation {
                Operation::Apply => String::new(),
                Operation::Update => api_version.to_owned(),
            },
            subresource: subresource.to_owned(),
        }
    }

    /// The manager as conflict messages name it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

/// What a manager owns, in the terms of an API version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) set: Set,
    pub(crate) api_version: String,
    pub(crate) applied: bool,
}

/// All entries of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Managed {
    pub(crate) owners: BTreeMap<ManagerId, Owned>,
    /// Time of the last change; an entry may have none.
    pub(crate) times: BTreeMap<ManagerId, String>,
}

impl Managed {
    /// The entries of an object; an object without any is not an error.
    pub(crate) fn of(object: Option<&Value>) -> Result<Self, String> {
        match object.and_then(entries_of) {
            Some(entries) => Self::decode(entries),
            None => Ok(Self::default()),
        }
    }

    /// Reads `managedFields`.
    pub(crate) fn decode(entries: &[Value]) -> Result<Self, String> {
        let mut managed = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
            let operation = match text("operation") {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return Err("operation must be `Apply` or `Update`".to_owned()),
            };
            if text("apiVersion").is_empty() {
                return Err("apiVersion must not be empty".to_owned());
            }
            match text("fieldsType") {
                "FieldsV1" => {}
                "" => {
                    return Err(format!(
                        "missing fieldsType in managed fields entry {index}"
                    ));
                }
                other => {
                    return Err(format!(
                        "invalid fieldsType {other:?} in managed fields entry {index}"
                    ));
                }
            }
            let id = ManagerId {
                manager: text("manager").to_owned(),
                operation,
                api_version: match operation {
                    Operation::Apply => String::new(),
                    Operation::Update => text("apiVersion").to_owned(),
                },
                subresource: text("subresource").to_owned(),
            };
            let fields = entry.get("fieldsV1").filter(|f| !f.is_null());
            let set = fields.map_or_else(|| Ok(Set::default()), Set::decode)?;
            if let Some(time) = entry.get("time").and_then(Value::as_str) {
                managed.times.insert(id.clone(), time.to_owned());
            }
            managed.owners.insert(
                id,
                Owned {
                    set,
                    api_version: text("apiVersion").to_owned(),
                    applied: operation == Operation::Apply,
                },
            );
        }
        Ok(managed)
    }

    /// The `managedFields` list in the order of the server: appliers first, then by time and name.
    pub(crate) fn encode(&self) -> Vec<Value> {
        let mut ids: Vec<&ManagerId> = self.owners.keys().collect();
        let operation = |id: &ManagerId| {
            if self.owners[id].applied {
                Operation::Apply
            } else {
                id.operation
            }
        };
        ids.sort_by_key(|id| {
            (
                operation(id),
                self.times.get(id).cloned().unwrap_or_default(),
                id.manager.clone(),
                self.owners[id].api_version.clone(),
                id.subresource.clone(),
            )
        });
        ids.into_iter()
            .map(|id| {
                let owned = &self.owners[id];
                let mut entry = Map::new();
                if !id.manager.is_empty() {
                    entry.insert("manager".to_owned(), json!(id.manager));
                }
                entry.insert("operation".to_owned(), json!(operation(id).text()));
                entry.insert("apiVersion".to_owned(), json!(owned.api_version));
                entry.insert("fieldsType".to_owned(), json!("FieldsV1"));
                entry.insert("fieldsV1".to_owned(), owned.set.encode());
                if let Some(time) = self.times.get(id) {
                    entry.insert("time".to_owned(), json!(time));
                }
                if !id.subresource.is_empty() {
                    entry.insert("subresource".to_owned(), json!(id.subresource));
                }
                Value::Object(entry)
            })
            .collect()
    }

    /// Writes the entries into an object; none at all removes the list.
    pub(crate) fn store(&self, object: &mut Value) {
        take_entries(object);
        if self.owners.is_empty() {
            return;
        }
        if let Some(metadata) = metadata_mut(object) {
            metadata.insert("managedFields".to_owned(), Value::Array(self.encode()));
        }
    }
}

fn metadata_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let object = object.as_object_mut()?;
    let metadata = object.entry("metadata").or_insert_with(|| json!({}));
    metadata.as_object_mut()
}

/// The list of an object, if it has one.
pub(crate) fn entries_of(object: &Value) -> Option<&[Value]> {
    object
        .get("metadata")?
        .get("managedFields")?
        .as_array()
        .map(Vec::as_slice)
}

/// Removes the list from an object and returns it.
pub(crate) fn take_entries(object: &mut Value) -> Option<Vec<Value>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    match metadata.remove("managedFields")? {
        Value::Array(entries) => Some(entries),
        _ => None,
    }
}

/// Whether a client asks for the list to be emptied: `[]` or one empty entry.
pub(crate) fn is_reset(entries: &[Value]) -> bool {
    match entries {
        [] => true,
        [one] => one.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}
