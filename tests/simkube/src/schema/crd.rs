//! Owns custom resources: the node types of an `openAPIV3Schema`, pruning and defaulting by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::types::{
    Arena, Field, List, Map as MapType, Node, Part, Patch, Presence, Prune, Relation, Rules,
    Scalar, Type, TypeId,
};
use super::{Gvk, Origin, Schema, StatusError, builtin, decode, table};

/// Builds the schema of one CRD version from its `openAPIV3Schema`; null stands for a version that
/// has none and keeps everything.
///
/// # Errors
/// 422 when the schema cannot be served: a list of maps without keys, an unknown list or map type.
pub fn from_crd(gvk: Gvk, open_api_v3_schema: &Value) -> Result<Schema, StatusError> {
    let pod = builtin("", "v1", "Pod").expect("the table has the core kinds");
    let metadata = pod
        .root()
        .ty()
        .map
        .as_ref()
        .and_then(|m| m.type_of("metadata"));
    let mut builder = Builder {
        arena: Arena::over(Arc::clone(&pod.arena)),
        metadata: metadata.expect("every kind has metadata"),
    };
    let keep_all = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let source = if open_api_v3_schema.is_object() {
        open_api_v3_schema
    } else {
        &keep_all
    };
    let root = builder
        .node(source, Keep::No)
        .map_err(|text| StatusError::new(422, "Invalid", text))?;
    builder.embed(root);
    Ok(Schema {
        gvk,
        arena: Arc::new(builder.arena),
        root,
        origin: Origin::Custom,
        siblings: Arc::default(),
    })
}

/// Whether an ancestor keeps unknown fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

struct Builder {
    arena: Arena,
    metadata: TypeId,
}

impl Builder {
    fn node(&mut self, source: &Value, keep: Keep) -> Result<TypeId, String> {
        let flag = |name: &str| source.get(name).and_then(Value::as_bool) == Some(true);
        let text = |name: &str| source.get(name).and_then(Value::as_str);
        let preserves = flag("x-kubernetes-preserve-unknown-fields");
        let keep = if preserves { Keep::Yes } else { keep };
        let mut ty = Type::default();
        let any = flag("x-kubernetes-int-or-string");
        match text("type").filter(|_| !any) {
            Some("object") => ty.map = Some(self.map(source, keep)?),
            Some("array") => ty.list = Some(self.list(source, keep)?),
            Some("integer") => ty.scalar = Some(Scalar::Int64),
            Some("number") => ty.scalar = Some(Scalar::Number),
            Some("boolean") => ty.scalar = Some(Scalar::Boolean),
            Some("string") => {
                ty.scalar = Some(match text("format") {
                    None | Some("byte") => Scalar::String,
                    Some(_) => Scalar::Untyped,
                });
            }
            _ => {
                ty.scalar = Some(Scalar::Untyped);
                ty.map = Some(self.map(source, keep)?);
                ty.list = Some(self.list(source, keep)?);
            }
        }
        ty.rules = Some(Box::new(Rules {
            nullable: flag("nullable"),
            prune: if preserves {
                Prune::Nothing
            } else {
                Prune::Unknown
            },
            embedded: flag("x-kubernetes-embedded-resource"),
            default: source.get("default").cloned(),
            source: source.clone(),
        }));
        let embedded = flag("x-kubernetes-embedded-resource");
        let id = self.arena.add(ty);
        if embedded {
            self.embed(id);
        }
        Ok(id)
    }

    fn map(&mut self, source: &Value, keep: Keep) -> Result<MapType, String> {
        let required = source.get("required").and_then(Value::as_array);
        let mut fields = BTreeMap::new();
        let properties = source.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let field = Field {
                ty: self.node(property, keep)?,
                presence: Presence::DropNull,
                required: required.is_some_and(|r| r.iter().any(|x| x == name)),
                default: property.get("default").cloned(),
                patch: Patch::default(),
            };
            fields.insert(name.clone(), field);
        }
        let element = match source.get("additionalProperties") {
            Some(schema @ Value::Object(_)) => Some(self.node(schema, keep)?),
            Some(Value::Bool(true)) => Some(table::untyped_deduced(&mut self.arena)),
            Some(_) => None,
            None if keep == Keep::Yes || fields.is_empty() => {
                Some(table::untyped_deduced(&mut self.arena))
            }
            None => None,
        };
        let atomic = match source.get("x-kubernetes-map-type").and_then(Value::as_str) {
            Some("atomic") => true,
            None | Some("granular") => false,
            Some(other) => return Err(format!("unknown map type {other}")),
        };
        Ok(MapType {
            fields,
            element,
            atomic,
        })
    }

    fn list(&mut self, source: &Value, keep: Keep) -> Result<List, String> {
        let element = match source.get("items") {
            Some(items @ Value::Object(_)) => self.node(items, keep)?,
            _ => table::untyped_atomic(&mut self.arena),
        };
        let keys = || -> Vec<String> {
            let keys = source.get("x-kubernetes-list-map-keys");
            let keys = keys.and_then(Value::as_array).into_iter().flatten();
            keys.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let relation = match source.get("x-kubernetes-list-type").and_then(Value::as_str) {
            None | Some("atomic") => Relation::Atomic,
            Some("set") => Relation::Set,
            Some("map") if keys().is_empty() => return Err("missing map keys".to_owned()),
            Some("map") => Relation::Keyed(keys()),
            Some(other) => return Err(format!("unknown list type {other}")),
        };
        Ok(List { element, relation })
    }

    /// Adds what every whole object has.
    fn embed(&mut self, id: TypeId) {
        let mut ty = self.arena.get(id).clone();
        let text = self.arena.add(Type {
            scalar: Some(Scalar::String),
            ..Type::default()
        });
        let field = |ty| Field {
            ty,
            presence: Presence::DropNull,
            required: false,
            default: None,
            patch: Patch::default(),
        };
        let map = ty.map.get_or_insert_default();
        map.fields.insert("apiVersion".to_owned(), field(text));
        map.fields.insert("kind".to_owned(), field(text));
        map.fields
            .insert("metadata".to_owned(), field(self.metadata));
        let rules = ty.rules.get_or_insert_default();
        rules.embedded = true;
        self.arena.replace(id, ty);
    }
}

/// Drops what the schema does not declare: the object and the unknown fields, as the server words
/// them.
///
/// # Errors
/// The server's text when the metadata of an object is malformed.
pub(super) fn prune(node: Node<'_>, document: Value) -> Result<(Value, Vec<String>), String> {
    let mut pruner = Pruner::default();
    let object = pruner.node(node, document)?;
    let unknown = pruner.unknown.iter();
    Ok((
        object,
        unknown
            .map(|path| format!("unknown field {path:?}"))
            .collect(),
    ))
}

#[derive(Default)]
struct Pruner {
    path: Vec<String>,
    unknown: Vec<String>,
}

impl Pruner {
    fn node(&mut self, node: Node<'_>, value: Value) -> Result<Value, String> {
        let Some(rules) = node.ty().rules.as_deref() else {
            return Ok(value);
        };
        match (value, &node.ty().map, &node.ty().list) {
            (Value::Object(fields), Some(map), _) => self.fields(node, map, rules, fields),
            (Value::Array(items), _, Some(list)) => {
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    self.path.push(format!("[{index}]"));
                    out.push(self.node(node.at(list.element), item)?);
                    self.path.pop();
                }
                Ok(Value::Array(out))
            }
            (value, _, _) => Ok(value),
        }
    }

    fn fields(
        &mut self,
        node: Node<'_>,
        map: &MapType,
        rules: &Rules,
        fields: Map<String, Value>,
    ) -> Result<Value, String> {
        let additional = rules.source.get("additionalProperties");
        let mut out = Map::new();
        for (key, value) in fields {
            self.path.push(format!(".{key}"));
            if key == "metadata" && rules.embedded {
                let metadata = self.metadata(node, map, value)?;
                out.insert(key, metadata);
            } else if let Some(field) = map.fields.get(&key) {
                let value = self.node(node.at(field.ty), value)?;
                out.insert(key, value);
            } else if let (Some(Value::Object(_)), Some(element)) = (additional, map.element) {
                let value = self.node(node.at(element), value)?;
                out.insert(key, value);
            } else if rules.prune == Prune::Nothing || additional == Some(&json!(true)) {
                out.insert(key, value);
            } else {
                self.unknown.push(self.text());
            }
            self.path.pop();
        }
        Ok(Value::Object(out))
    }

    fn metadata(&mut self, node: Node<'_>, map: &MapType, value: Value) -> Result<Value, String> {
        let Some(id) = map.type_of("metadata") else {
            return Ok(value);
        };
        let (metadata, unknown) = decode::decode(node.at(id), value, decode::Dialect::Json)?;
        let prefix = self.text();
        let unknown = unknown.iter().filter_map(|text| {
            let path = text.strip_prefix("unknown field \"")?.strip_suffix('"')?;
            Some(format!("{prefix}.{path}"))
        });
        self.unknown.extend(unknown);
        Ok(metadata)
    }

    fn text(&self) -> String {
        self.path.concat().trim_start_matches('.').to_owned()
    }
}

/// Fills in the defaults that a CRD schema declares.
pub(super) fn fill_defaults(node: Node<'_>, value: &mut Value) {
    let ty = node.ty();
    match (ty.part_for(Some(value)), value) {
        (Part::Map(map), Value::Object(fields)) => {
            for (name, field) in &map.fields {
                let child = node.at(field.ty);
                let Some(rules) = child.ty().rules.as_deref() else {
                    continue;
                };
                let missing = match fields.get(name) {
                    None => true,
                    Some(value) => value.is_null() && !rules.nullable,
                };
                if missing && let Some(default) = &rules.default {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in fields.iter_mut() {
                if let Some(id) = map.type_of(name) {
                    fill_defaults(node.at(id), value);
                }
            }
        }
        (Part::List(list), Value::Array(items)) => {
            for item in items {
                fill_defaults(node.at(list.element), item);
            }
        }
        _ => {}
    }
}
