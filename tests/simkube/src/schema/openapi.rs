//! Owns the OpenAPI v3 form of a schema, for discovery of fields by clients.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::types::{List, Map as MapType, Node, Part, Relation, Scalar, TypeId};
use super::{Gvk, Schema};

/// The component name of a schema's kind and every component that it refers to.
pub(super) fn components(schema: &Schema) -> (String, Value) {
    let mut writer = Writer::default();
    let root = schema.root();
    let name = root
        .ty()
        .name
        .clone()
        .unwrap_or_else(|| custom_name(schema.gvk()));
    let mut own = writer.body(root);
    let gvk = schema.gvk();
    if let Some(own) = own.as_object_mut() {
        own.insert(
            "x-kubernetes-group-version-kind".to_owned(),
            json!([{"group": gvk.group, "version": gvk.version, "kind": gvk.kind}]),
        );
    }
    writer.out.insert(name.clone(), own);
    while let Some(id) = writer.pending.pop_first() {
        let node = root.at(id);
        let Some(component) = node.ty().name.clone() else {
            continue;
        };
        if !writer.out.contains_key(&component) {
            let body = writer.body(node);
            writer.out.insert(component, body);
        }
    }
    (name, Value::Object(writer.out))
}

fn custom_name(gvk: &Gvk) -> String {
    let group: Vec<&str> = gvk.group.rsplit('.').collect();
    format!("{}.{}.{}", group.join("."), gvk.version, gvk.kind)
}

#[derive(Default)]
struct Writer {
    out: Map<String, Value>,
    pending: BTreeSet<TypeId>,
}

impl Writer {
    fn reference(&mut self, node: Node<'_>) -> Value {
        match &node.ty().name {
            Some(name) => {
                self.pending.insert(node.id);
                json!({"$ref": format!("#/components/schemas/{name}")})
            }
            None => self.body(node),
        }
    }

    fn body(&mut self, node: Node<'_>) -> Value {
        let ty = node.ty();
        let forms = [ty.scalar.is_some(), ty.list.is_some(), ty.map.is_some()];
        if let Some(rules) = ty.rules.as_deref()
            && !rules.embedded
        {
            return rules.source.clone();
        }
        if ty.rules.is_none() && forms.iter().filter(|f| **f).count() != 1 {
            return json!({"x-kubernetes-preserve-unknown-fields": true});
        }
        match ty.part_for(None) {
            Part::Scalar(scalar) => scalar_body(scalar),
            Part::Map(map) => self.map(node, map),
            Part::List(list) => self.list(node, list),
            Part::Nothing => json!({}),
        }
    }

    fn map(&mut self, node: Node<'_>, map: &MapType) -> Value {
        let mut out = Map::new();
        out.insert("type".to_owned(), json!("object"));
        if map.atomic {
            out.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
        }
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, field) in &map.fields {
            let mut body = self.reference(node.at(field.ty));
            if let Some(body) = body.as_object_mut() {
                if field.patch.merge || field.patch.retain_keys || field.patch.replace {
                    let flags = [
                        (field.patch.merge, "merge"),
                        (field.patch.retain_keys, "retainKeys"),
                        (field.patch.replace, "replace"),
                    ];
                    let names: Vec<&str> = flags
                        .iter()
                        .filter(|(on, _)| *on)
                        .map(|(_, n)| *n)
                        .collect();
                    body.insert(
                        "x-kubernetes-patch-strategy".to_owned(),
                        json!(names.join(",")),
                    );
                }
                if let Some(key) = &field.patch.merge_key {
                    body.insert("x-kubernetes-patch-merge-key".to_owned(), json!(key));
                }
            }
            properties.insert(name.clone(), body);
            if field.required {
                required.push(json!(name));
            }
        }
        match map.element {
            Some(element) if map.fields.is_empty() => {
                let body = self.reference(node.at(element));
                out.insert("additionalProperties".to_owned(), body);
            }
            _ => {
                out.insert("properties".to_owned(), Value::Object(properties));
            }
        }
        if !required.is_empty() {
            out.insert("required".to_owned(), Value::Array(required));
        }
        Value::Object(out)
    }

    fn list(&mut self, node: Node<'_>, list: &List) -> Value {
        let items = self.reference(node.at(list.element));
        match &list.relation {
            Relation::Atomic => {
                json!({"type": "array", "items": items, "x-kubernetes-list-type": "atomic"})
            }
            Relation::Set => {
                json!({"type": "array", "items": items, "x-kubernetes-list-type": "set"})
            }
            Relation::Keyed(keys) => json!({
                "type": "array",
                "items": items,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": keys,
            }),
        }
    }
}

fn scalar_body(scalar: Scalar) -> Value {
    match scalar {
        Scalar::String => json!({"type": "string"}),
        Scalar::Int32 => json!({"type": "integer", "format": "int32"}),
        Scalar::Int64 => json!({"type": "integer", "format": "int64"}),
        Scalar::Number => json!({"type": "number", "format": "double"}),
        Scalar::Boolean => json!({"type": "boolean"}),
        Scalar::Bytes => json!({"type": "string", "format": "byte"}),
        Scalar::Time | Scalar::MicroTime => json!({"type": "string", "format": "date-time"}),
        Scalar::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Scalar::IntOrString => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Scalar::Untyped => json!({"x-kubernetes-preserve-unknown-fields": true}),
    }
}
