//! Owns how objects and lists are written in the form that a client asked for.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::http::accept::Form;
use crate::http::reply::Reply;
use crate::kinds::{Served, convert};
use crate::table;

/// An object at the version of `served`, without copying it when it is stored at that version.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    Stored(Arc<Value>),
    Converted(Value),
}

impl Shown {
    pub(crate) fn of(served: &Served, object: &Arc<Value>) -> Self {
        if object["apiVersion"] == served.api_version() {
            Self::Stored(Arc::clone(object))
        } else {
            Self::Converted(convert(served, object))
        }
    }

    pub(crate) fn value(&self) -> &Value {
        match self {
            Self::Stored(object) => object,
            Self::Converted(object) => object,
        }
    }
}

/// One object as a reply.
pub(crate) fn object(served: &Served, form: Form, code: u16, object: &Arc<Value>) -> Reply {
    let shown = Shown::of(served, object);
    match form {
        Form::Object => Reply::json(code, shown.value()),
        Form::Metadata => Reply::json(code, &metadata(shown.value())),
        Form::Table => Reply::json(code, &table::render(served, &[shown.value()], true)),
    }
}

/// The metadata of an object alone.
pub(crate) fn metadata(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

/// What a list says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListMeta {
    pub(crate) revision: u64,
    pub(crate) next: Option<String>,
    pub(crate) remaining: Option<usize>,
}

impl ListMeta {
    fn to_value(&self) -> Value {
        let mut meta = Map::new();
        meta.insert("resourceVersion".into(), json!(self.revision.to_string()));
        if let Some(next) = &self.next {
            meta.insert("continue".into(), json!(next));
        }
        if let Some(remaining) = self.remaining {
            meta.insert("remainingItemCount".into(), json!(remaining));
        }
        Value::Object(meta)
    }
}

/// A list of objects as a reply.
pub(crate) fn list(served: &Served, form: Form, objects: &[Arc<Value>], meta: &ListMeta) -> Reply {
    let shown: Vec<Shown> = objects
        .iter()
        .map(|object| Shown::of(served, object))
        .collect();
    match form {
        Form::Object => Reply::json(
            200,
            &List {
                api_version: served.api_version(),
                kind: &served.resource.list_kind,
                metadata: meta.to_value(),
                items: shown
                    .iter()
                    .map(|shown| Item {
                        object: shown.value(),
                        bare: !served.resource.custom,
                    })
                    .collect(),
            },
        ),
        Form::Metadata => Reply::json(
            200,
            &json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta.to_value(),
                "items": shown.iter().map(|shown| metadata(shown.value())).collect::<Vec<_>>(),
            }),
        ),
        Form::Table => {
            let values: Vec<&Value> = shown.iter().map(Shown::value).collect();
            let mut table = table::render(served, &values, true);
            table["metadata"] = meta.to_value();
            Reply::json(200, &table)
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    kind: &'a str,
    api_version: String,
    metadata: Value,
    items: Vec<Item<'a>>,
}

/// An item of a list; those of built-in kinds do not repeat their type.
struct Item<'a> {
    object: &'a Value,
    bare: bool,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(map) = self.object.as_object().filter(|_| self.bare) else {
            return self.object.serialize(serializer);
        };
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in map
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind"))
        {
            out.serialize_entry(key, value)?;
        }
        out.end()
    }
}
