//! What fields of one map say of each other, as a JSON Schema can: the decoders check the same.

use serde_json::{Value, json};

/// The pattern of a name in a list of references, with its source or without.
const REFERENCE: &str =
    "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
/// A name, or a text with variables.
const LITERAL: &str = "\\$\\{|^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const POINTER: &str = "^(/([^~]|~[01])*)?$";

/// Rules for the map of a title, all of which must hold.
pub(super) fn rules(title: &str) -> Vec<Value> {
    match title {
        "Expression" => operators(&[]),
        "FactExpression" => operators(&["Gt", "Gte", "Lt", "Lte"]),
        "Term" | "Preference" => vec![anchored(), references(&["groups"])],
        "Toleration" => vec![json!({
            "if": when("operator", &["Exists"]), "else": { "required": ["key"] },
        })],
        "Operation" => operations(),
        "IgnoreRule" => vec![json!({ "minProperties": 1 })],
        "Chart" => chart(),
        "Bundle" => {
            let mut rules = vec![
                json!({ "type": "object" }),
                json!({ "properties": { "defaultNamespace": { "pattern": LITERAL } } }),
                references(&["dependsOn"]),
            ];
            rules.extend(bundle());
            rules
        }
        "Helm" => vec![json!({ "properties": { "releaseName": { "pattern": LITERAL } } })],
        "Cluster" => vec![json!({
            "properties": { "templates": { "items": { "pattern": LABEL } } },
        })],
        "Placement" | "PlacementOverride" => vec![references(&["bundles"])],
        _ => Vec::new(),
    }
}

/// That a field has one of some values.
fn when(field: &str, values: &[&str]) -> Value {
    json!({ "properties": { field: { "enum": values } }, "required": [field] })
}

fn references(fields: &[&str]) -> Value {
    let rule = json!({ "items": { "pattern": REFERENCE } });
    let rules = fields
        .iter()
        .map(|field| ((*field).to_owned(), rule.clone()));
    json!({ "properties": rules.collect::<serde_json::Map<_, _>>() })
}

/// Which operators take values, and how many.
fn operators(comparing: &[&str]) -> Vec<Value> {
    let some = json!({ "required": ["values"], "properties": { "values": { "type": "array", "minItems": 1 } } });
    let mut rules = vec![
        json!({ "if": when("operator", &["In", "NotIn"]), "then": some }),
        json!({
            "if": when("operator", &["Exists", "DoesNotExist"]),
            "then": { "properties": { "values": { "maxItems": 0 } } },
        }),
    ];
    if !comparing.is_empty() {
        let one = json!({ "type": "array", "minItems": 1, "maxItems": 1, "items": { "pattern": "^[+-]?[0-9]+(\\.[0-9]+)?$" } });
        rules.push(json!({
            "if": when("operator", comparing),
            "then": { "required": ["values"], "properties": { "values": one } },
        }));
    }
    rules
}

/// A term that hangs on facts alone would move with what spokes say of themselves.
fn anchored() -> Value {
    let names = ["matchLabels", "matchExpressions", "names", "groups"];
    let names: Vec<Value> = names
        .iter()
        .map(|name| json!({ "required": [name] }))
        .collect();
    json!({ "if": { "required": ["facts"] }, "then": { "anyOf": names } })
}

fn operations() -> Vec<Value> {
    let rule = |verbs: &[&str], needs: Option<&str>, never: &[&str]| {
        let never = never
            .iter()
            .map(|field| ((*field).to_owned(), json!(false)));
        let mut then = json!({ "properties": never.collect::<serde_json::Map<_, _>>() });
        if let Some(needs) = needs {
            then["required"] = json!([needs]);
        }
        json!({ "if": when("op", verbs), "then": then })
    };
    vec![
        json!({ "properties": { "path": { "pattern": POINTER }, "from": { "pattern": POINTER } } }),
        rule(&["add", "replace", "test"], Some("value"), &["from"]),
        rule(&["move", "copy"], Some("from"), &["value"]),
        rule(&["remove"], None, &["value", "from"]),
        json!({
            "if": when("op", &["remove", "move"]),
            "then": { "properties": { "path": { "minLength": 1 } } },
        }),
    ]
}

fn chart() -> Vec<Value> {
    vec![
        json!({
            "if": { "required": ["oci"] },
            "then": { "properties": { "name": false, "oci": { "pattern": "^([^:]|:[^/]|:/[^/])*$" } } },
        }),
        json!({
            "if": { "required": ["repo"] },
            "then": { "required": ["name"], "properties": { "repo": { "pattern": "^(https?://|\\$\\{)" } } },
        }),
        json!({ "properties": { "digest": { "pattern": "\\$\\{|^sha256:[0-9a-f]{64}$" } } }),
    ]
}

fn bundle() -> Vec<Value> {
    let elsewhere = json!({
        "properties": { "helm": { "type": "object", "required": ["chart"] } }, "required": ["helm"],
    });
    vec![
        json!({
            "if": elsewhere,
            "then": { "properties": { "path": false } },
            "else": { "required": ["path"] },
        }),
        json!({
            "if": { "properties": { "createNamespace": { "const": true } }, "required": ["createNamespace"] },
            "then": { "required": ["defaultNamespace"] },
        }),
    ]
}
