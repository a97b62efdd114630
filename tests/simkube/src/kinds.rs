//! Owns which kinds are served: the built-in ones and those that CustomResourceDefinitions add.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::schema::{self, Schema};
use crate::status::{ApiError, Named};

mod builtin;
mod custom;

pub(crate) use custom::{LEAVING_VERBS, established, rank, resource_of};

/// When `metadata.generation` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The kind has no generation.
    Never,
    /// It starts at 1 and moves with everything outside of `metadata` and `status`.
    Spec,
    /// It starts at 1 and moves with everything outside of `metadata`.
    Everything,
}

/// Where the scale subresource of a kind reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) spec_replicas: String,
    pub(crate) status_replicas: String,
    /// Path of a selector text; built-in kinds render `spec.selector` instead.
    pub(crate) selector: Option<String>,
}

/// A printed column that a CustomResourceDefinition declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    pub(crate) json_path: String,
}

/// How the type of one version is known.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Builtin(&'static Schema),
    Custom(Arc<Schema>),
}

impl Shape {
    pub(crate) fn schema(&self) -> &Schema {
        match self {
            Self::Builtin(schema) => schema,
            Self::Custom(schema) => schema,
        }
    }
}

/// One served version of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) shape: Option<Shape>,
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    pub(crate) columns: Vec<Column>,
    /// Fields that a CustomResourceDefinition lets objects be selected by.
    pub(crate) selectable: Vec<String>,
    /// Text of the `Warning` header when the version is deprecated.
    pub(crate) deprecation: Option<String>,
}

/// A resource: what discovery calls an `APIResource`, with all of its versions.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) namespaced: bool,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) verbs: &'static [&'static str],
    pub(crate) subresources: &'static [&'static str],
    /// Preferred version first.
    pub(crate) versions: Vec<Version>,
    /// The version that objects are stored at.
    pub(crate) storage: String,
    /// The name of the collection in the store.
    pub(crate) collection: String,
    pub(crate) generation: Generation,
    pub(crate) custom: bool,
    /// UID and generation of the definition of a custom resource.
    pub(crate) source: String,
}

impl Resource {
    pub(crate) fn named(&self) -> Named<'_> {
        Named {
            resource: &self.plural,
            group: &self.group,
        }
    }

    /// Whether objects of it may be made.
    pub(crate) fn takes_new(&self) -> bool {
        self.verbs.contains(&"create")
    }

    pub(crate) fn version(&self, name: &str) -> Option<usize> {
        self.versions
            .iter()
            .position(|version| version.name == name)
    }

    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", self.group)
        }
    }
}

/// A resource at one of its versions.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    pub(crate) resource: Arc<Resource>,
    index: usize,
}

impl Served {
    pub(crate) fn version(&self) -> &Version {
        &self.resource.versions[self.index]
    }

    pub(crate) fn schema(&self) -> Option<&Schema> {
        self.version().shape.as_ref().map(Shape::schema)
    }

    /// `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        self.resource.api_version(&self.version().name)
    }

    pub(crate) fn collection(&self) -> &str {
        &self.resource.collection
    }

    pub(crate) fn kind(&self) -> &str {
        &self.resource.kind
    }

    pub(crate) fn named(&self) -> Named<'_> {
        self.resource.named()
    }

    pub(crate) fn is(&self, group: &str, plural: &str) -> bool {
        self.resource.group == group && self.resource.plural == plural
    }

    pub(crate) fn has_subresource(&self, subresource: &str) -> bool {
        match subresource {
            "status" => self.version().status,
            "scale" => self.version().scale.is_some(),
            other => self.resource.subresources.contains(&other),
        }
    }

    pub(crate) fn not_found(&self, name: &str) -> ApiError {
        ApiError::not_found(self.named(), name)
    }

    /// The same resource at the version it is stored at.
    pub(crate) fn stored(&self) -> Self {
        let index = self
            .resource
            .version(&self.resource.storage)
            .unwrap_or(self.index);
        Self {
            resource: Arc::clone(&self.resource),
            index,
        }
    }
}

/// Every kind that is served right now.
#[derive(Debug, Clone)]
pub(crate) struct Kinds {
    resources: BTreeMap<(String, String), Arc<Resource>>,
    /// Moves with every change; discovery answers are cached by it.
    pub(crate) revision: u64,
}

impl Kinds {
    pub(crate) fn builtin() -> Self {
        let mut kinds = Self {
            resources: BTreeMap::new(),
            revision: 1,
        };
        for resource in builtin::all() {
            kinds.insert(resource);
        }
        kinds
    }

    pub(crate) fn insert(&mut self, resource: Resource) {
        let key = (resource.group.clone(), resource.plural.clone());
        self.resources.insert(key, Arc::new(resource));
        self.revision += 1;
    }

    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        self.resources
            .remove(&(group.to_owned(), plural.to_owned()));
        self.revision += 1;
    }

    pub(crate) fn get(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(group.to_owned(), plural.to_owned()))
    }

    pub(crate) fn served(&self, group: &str, version: &str, plural: &str) -> Option<Served> {
        let resource = self.get(group, plural)?;
        let index = resource.version(version)?;
        Some(Served {
            resource: Arc::clone(resource),
            index,
        })
    }

    /// A resource by the name of its collection, at the version it is stored at.
    pub(crate) fn by_collection(&self, collection: &str) -> Option<Served> {
        let (plural, group) = collection.split_once('.').unwrap_or((collection, ""));
        let resource = self.get(group, plural)?;
        let index = resource.version(&resource.storage)?;
        Some(Served {
            resource: Arc::clone(resource),
            index,
        })
    }

    /// Whether a kind is served at a version.
    pub(crate) fn knows(&self, api_version: &str, kind: &str) -> bool {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.resources.values().any(|resource| {
            resource.group == group && resource.kind == kind && resource.version(version).is_some()
        })
    }

    /// Whether a group is part of the server itself.
    pub(crate) fn is_builtin_group(&self, group: &str) -> bool {
        self.resources
            .values()
            .any(|resource| resource.group == group && !resource.custom)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }
}

/// The object as another version of its kind shows it.
pub(crate) fn convert(served: &Served, object: &Value) -> Value {
    let from = object["apiVersion"].as_str().unwrap_or_default();
    let to = served.api_version();
    if from == to {
        return object.clone();
    }
    let (_, version) = from.split_once('/').unwrap_or(("", from));
    let resource = &served.resource;
    let other = resource.version(version).and_then(|index| {
        let shape = resource.versions[index].shape.as_ref()?;
        (resource.api_version(version) == from).then(|| shape.schema())
    });
    if let (Some(from), Some(schema)) = (other, served.schema())
        && let Ok(converted) = schema::convert(object, from, schema)
    {
        return converted;
    }
    let mut converted = object.clone();
    builtin::convert(served, from, &mut converted);
    converted["apiVersion"] = Value::String(to);
    converted
}
