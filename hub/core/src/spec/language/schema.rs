//! The language as a JSON Schema (draft-07), in the form that YAML editors complete best: one
//! definition a map, the kinds told apart by `kind`.

mod rules;

use serde_json::{Map as Object, Value, json};

use super::{Choice, DOCUMENT, Field, Format, Map, Shape, spec_of};
use crate::spec::document::Kind;
use crate::yaml;

/// The schema of a whole document.
pub(super) fn json_schema() -> Value {
    let mut definitions = Object::new();
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        let name = kind.as_str();
        let schema = document(kind, &mut definitions);
        definitions.insert(name.to_owned(), schema);
        kinds.push(json!({
            "if": { "properties": { "kind": { "const": name } }, "required": ["kind"] },
            "then": reference(name),
        }));
    }
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Capstan fleet file",
        "description": "A document of a fleet: a Cluster, ClusterTemplate, ClusterGroup, Bundle or Placement.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": { "kind": { "type": "string", "enum": names } },
        "allOf": kinds,
        "definitions": definitions,
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn document(kind: Kind, definitions: &mut Object<String, Value>) -> Value {
    let spec = spec_of(kind);
    let mut schema = map(&DOCUMENT, definitions);
    let title = format!("{}Spec", kind.as_str());
    let body = map(spec, definitions);
    definitions.insert(title.clone(), body);
    let properties = &mut schema["properties"];
    properties["kind"] =
        json!({ "type": "string", "enum": [kind.as_str()], "description": spec.doc });
    properties["spec"] = reference(&title);
    if (!spec.may_be_empty() || kind == Kind::Bundle)
        && let Some(required) = schema["required"].as_array_mut()
    {
        required.push(json!("spec"));
    }
    schema["description"] = json!(spec.doc);
    schema
}

fn map(map: &Map, definitions: &mut Object<String, Value>) -> Value {
    let mut properties = Object::new();
    for field in map.known() {
        properties.insert(field.name.to_owned(), property(field, definitions));
    }
    let required: Vec<&str> = map.known().filter(|f| f.required).map(|f| f.name).collect();
    let mut schema = json!({
        "type": if map.may_be_empty() { json!(["object", "null"]) } else { json!("object") },
        "description": map.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    let mut rules = rules::rules(map.title);
    if let Choice::OneOf(names) | Choice::AnyOf(names) = map.choice {
        let each = names.iter().map(|name| json!({ "required": [name] }));
        schema["anyOf"] = each.collect();
    }
    if let Choice::OneOf([first, others @ ..]) = map.choice {
        let others = others.iter().map(|name| ((*name).to_owned(), json!(false)));
        let others: Object<String, Value> = others.collect();
        rules.push(json!({ "if": { "required": [first] }, "then": { "properties": others } }));
    }
    if !rules.is_empty() {
        schema["allOf"] = json!(rules);
    }
    schema
}

fn property(field: &Field, definitions: &mut Object<String, Value>) -> Value {
    let mut schema = shape(&field.shape, definitions);
    if schema.get("$ref").is_some() {
        // Draft-07 ignores what stands beside a `$ref`.
        schema = json!({ "allOf": [schema] });
    }
    let words = match &field.shape {
        Shape::Word(words) => words
            .iter()
            .map(|(word, doc)| format!("\n{word}: {doc}"))
            .collect(),
        _ => String::new(),
    };
    schema["description"] = json!(format!("{}{words}", field.doc));
    if !field.default.is_empty() {
        schema["default"] = match yaml::plain(field.default) {
            yaml::Value::Bool(value) => json!(value),
            yaml::Value::Number(number) => json!(number.number()),
            _ => json!(field.default.trim_matches('"')),
        };
    }
    schema
}

fn shape(of: &Shape, definitions: &mut Object<String, Value>) -> Value {
    match of {
        Shape::Text(format) => text(*format),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer { min, max } => integer(*min, *max),
        Shape::Word(words) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            json!({ "type": "string", "enum": words })
        }
        Shape::Map(inner) => {
            if !definitions.contains_key(inner.title) {
                // Taken before it is known, for a map that holds itself.
                definitions.insert(inner.title.to_owned(), Value::Null);
                let schema = map(inner, definitions);
                definitions.insert(inner.title.to_owned(), schema);
            }
            reference(inner.title)
        }
        Shape::List(of) => {
            json!({ "type": "array", "minItems": 1, "items": item(of, definitions) })
        }
        Shape::Loose(of) => json!({ "type": ["array", "null"], "items": item(of, definitions) }),
        Shape::Strings(format) => json!({
            "type": ["object", "null"],
            "additionalProperties": text(*format),
        }),
        Shape::Variables => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$" },
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
        Shape::Object => json!({ "type": ["object", "null"] }),
        Shape::Any | Shape::Opaque => json!({}),
        Shape::Either(shapes) => {
            let shapes: Vec<Value> = shapes.iter().map(|of| item(of, definitions)).collect();
            json!({ "anyOf": shapes })
        }
    }
}

/// An item of a list is never nothing.
fn item(of: &Shape, definitions: &mut Object<String, Value>) -> Value {
    let schema = shape(of, definitions);
    match of {
        Shape::Map(inner) if inner.may_be_empty() => {
            json!({ "allOf": [schema], "type": "object" })
        }
        _ => schema,
    }
}

fn text(format: Format) -> Value {
    match format.pattern() {
        Some(pattern) => json!({ "type": "string", "pattern": pattern }),
        None => json!({ "type": "string" }),
    }
}

fn integer(min: i64, max: i64) -> Value {
    let mut schema = json!({ "type": "integer" });
    if min != i64::MIN {
        schema["minimum"] = json!(min);
    }
    if max != i64::MAX {
        schema["maximum"] = json!(max);
    }
    schema
}
