//! The schema and the reader accept the same documents; the reference is up to date.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::{expect, expect_file};
use serde_json::{Value, json};

use super::{Format, json_schema, limits, reference};
use crate::fixture::{revision, source};
use crate::problem::Problem;
use crate::spec::document::{Kind, decode};
use crate::spec::fields::Reader;
use crate::yaml::{Dialect, read};

/// A document of every kind with every field.
fn whole() -> Vec<Value> {
    let term = json!({
        "matchLabels": {"env": "prod"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["gold"]}],
        "names": ["a*"], "groups": ["g", "other/g"], "cel": "true",
        "facts": [{"key": "nodes", "operator": "Gte", "values": ["3"]}],
    });
    let patches = json!([
        {"target": {"group": "apps", "version": "v1", "kind": "Deployment", "name": "web",
            "namespace": "x", "labelSelector": {"matchLabels": {"a": "b"}, "matchExpressions": []}},
         "merge": {"spec": {"replicas": "${replicas}"}}},
        {"json": [{"op": "move", "path": "/a", "from": "/b"}, {"op": "add", "path": "/c", "value": null}]},
    ]);
    let taints = json!([{"key": "k", "value": "v", "effect": "NoExecute"}]);
    let variables = json!({"a": "x", "b": 1, "c": true});
    let overriding = json!({"clusters": [term], "variables": {"a": "y"}, "helm": {"values": {"a": 1}}, "patches": patches});
    let mut pinned = overriding.clone();
    pinned["revision"] = json!("v1");
    pinned["bundles"] = json!(["b"]);
    let mut preference = term.clone();
    preference["weight"] = json!(-5);
    let specs = [
        (
            "Cluster",
            json!({"templates": ["t"], "variables": variables, "taints": taints, "mode": "Observe", "renamedFrom": "old"}),
        ),
        (
            "ClusterTemplate",
            json!({"variables": variables, "taints": taints}),
        ),
        ("ClusterGroup", json!({"clusters": [term], "except": [{}]})),
        (
            "Bundle",
            json!({
                "path": "apps/web", "defaultNamespace": "web", "createNamespace": true, "substitute": true,
                "variables": variables, "overrides": [overriding], "patches": patches, "dependsOn": ["b"],
                "helm": {"releaseName": "web", "valuesFiles": ["a.yaml", {"path": "b.yaml", "optional": true}], "values": {"a": 1}},
                "removal": {"object": "orphan", "bundle": "delete"}, "adopt": {"mode": "never"}, "conflict": "force",
                "drift": {"mode": "report", "ignore": [{"group": "", "kind": "X", "namespace": "n", "name": "x", "fields": ["a"], "managers": ["m"]}]},
                "health": {"timeout": "1h30m", "checks": [{"group": "example.io", "kind": "Tenant", "healthy": "self.status.phase == 'Ready'"}]},
            }),
        ),
        (
            "Bundle",
            json!({"helm": {"chart": {"repo": "https://charts.example", "name": "web", "version": "1",
                "digest": format!("sha256:{}", "0".repeat(64))}}}),
        ),
        (
            "Bundle",
            json!({"helm": {"chart": {"oci": "registry.example/charts/web", "version": "1"}}}),
        ),
        (
            "Placement",
            json!({
                "priority": -1, "bundles": ["b"], "clusters": [term, {}], "except": [term], "revision": "v1", "suspend": false,
                "tolerations": [{"key": "k", "operator": "Exists", "value": "v", "effect": "NoExecute"}],
                "count": "25%", "prefer": [preference], "spread": [{"by": "region", "maxSkew": 2, "whenUnsatisfiable": "SelectAnyway"}],
                "safety": {"maxRemovedClusters": "20%"}, "overrides": [pinned],
            }),
        ),
    ];
    specs
        .into_iter()
        .map(|(kind, spec)| {
            json!({"apiVersion": "capstan.dev/v1alpha1", "kind": kind, "spec": spec,
                "metadata": {"name": "x", "labels": {"a": "b"}, "annotations": {"a": "b"}}})
        })
        .collect()
}

/// Every document that differs from a good one in one place.
fn mutants(document: &Value) -> Vec<Value> {
    let values = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(0),
        json!(1.5),
        json!("prod"),
        json!(""),
        json!("25%"),
        json!("${x}"),
        json!("a$b$"),
        json!([]),
        json!({}),
        json!([null]),
        json!(["x"]),
        json!({"zzz": 1}),
        json!([{}]),
    ];
    let mut found = Vec::new();
    for pointer in pointers(document, "") {
        if matches!(pointer.as_str(), "/kind" | "/apiVersion") {
            continue;
        }
        for value in &values {
            let mut mutant = document.clone();
            *mutant.pointer_mut(&pointer).unwrap() = value.clone();
            found.push(mutant);
        }
        let (above, key) = pointer.rsplit_once('/').unwrap();
        let mut mutant = document.clone();
        if let Value::Object(object) = mutant.pointer_mut(above).unwrap() {
            object.remove(key);
            found.push(mutant.clone());
            if let Value::Object(object) = mutant.pointer_mut(above).unwrap() {
                object.insert("zzz".to_owned(), json!("x"));
            }
            found.push(mutant);
        }
    }
    found
}

fn pointers(value: &Value, at: &str) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    inner
        .into_iter()
        .flat_map(|(key, value)| {
            let here = format!("{at}/{key}");
            let mut all = pointers(value, &here);
            all.push(here);
            all
        })
        .collect()
}

fn problems(document: &Value) -> Vec<Problem> {
    let text = document.to_string();
    let node = read(text.as_bytes(), Dialect::Fleet).remove(0).unwrap();
    let (source, path) = (source(), Arc::from("x.yaml"));
    let mut reader = Reader::new(&source, &path);
    let kind = Kind::parse(document["kind"].as_str().unwrap()).unwrap();
    decode(&mut reader, &node, kind, &revision(1));
    reader.end_document(false);
    reader.finish()
}

/// What no schema sees: sentences have these words.
const UNSEEN: [&str; 11] = [
    "`healthy`",
    "live Secret",
    "in a circle",
    "says nothing",
    "name of a variable",
    "`cel`",
    "is declared already",
    "must be relative",
    "moved into itself",
    "does not place",
    "cannot go up",
];

fn is_unseen(problem: &Problem) -> bool {
    UNSEEN.iter().any(|words| problem.message.contains(words))
}

/// What the reader refuses, the schema refuses too, where a schema can say it; it refuses nothing
/// else. In words, where that is not so.
fn disagreement(schema: &Value, document: &Value) -> Option<String> {
    let found = problems(document);
    let answer = validate(schema, schema, document);
    let alike = found.is_empty() == answer.is_ok() || answer.is_ok() && found.iter().all(is_unseen);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    (!alike).then(|| format!("{document}\nreader: {found:?}\nschema: {answer:?}"))
}

#[test]
fn the_schema_accepts_what_the_reader_accepts() {
    let schema = json_schema();
    let (mut compared, mut wrong) = (0, Vec::new());
    for document in whole() {
        assert_eq!(problems(&document), [], "{document}");
        assert_eq!(validate(&schema, &schema, &document), Ok(()), "{document}");
        for mutant in mutants(&document) {
            wrong.extend(disagreement(&schema, &mutant));
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(compared > 2_000, "{compared}");
}

/// The documents of the transcripts: their beginnings are written as `@Kind {metadata} {spec}`.
#[expect(clippy::disallowed_methods, reason = "transcripts are files")]
fn transcripts() -> Vec<Value> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/scripts");
    let mut found = Vec::new();
    for script in std::fs::read_dir(scripts).unwrap() {
        let path = script.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "fleet") {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let mut file = String::new();
        for line in text.lines() {
            match line.strip_prefix('@').and_then(|line| line.split_once(' ')) {
                Some((kind, rest)) => {
                    let end = rest.find('}').map_or(rest.len(), |end| end + 1);
                    let end = match rest[..end].matches('{').count() {
                        1 => end,
                        _ => end + rest[end..].find('}').unwrap() + 1,
                    };
                    let (metadata, spec) = rest.split_at(end);
                    let spec = spec.trim();
                    let spec = if spec.is_empty() { "null" } else { spec };
                    file.push_str(&format!(
                        "---\n{{apiVersion: capstan.dev/v1alpha1, kind: {kind}, metadata: {metadata}, spec: {spec}\n}}\n"
                    ));
                }
                None => file.push_str("---\n"),
            }
        }
        let documents = read(file.as_bytes(), Dialect::Fleet).into_iter().flatten();
        found.extend(documents.map(|node| node.to_json()));
    }
    found.retain(|document| document["kind"].as_str().and_then(Kind::parse).is_some());
    found
}

#[test]
fn the_schema_accepts_the_fleets_of_the_transcripts() {
    let schema = json_schema();
    let documents = transcripts();
    let good = documents.iter().filter(|d| problems(d).is_empty()).count();
    assert!(good > 150, "{good} of {}", documents.len());
    let wrong = documents.iter().filter_map(|d| disagreement(&schema, d));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_schema_refuses_what_is_bad() {
    let schema = json_schema();
    let of = |kind: &str, spec: Value| json!({"apiVersion": "capstan.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    let group = |term: Value| of("ClusterGroup", json!({"clusters": [term]}));
    let expression = |operator: &str, values: Value| {
        group(json!({"matchExpressions": [{"key": "a", "operator": operator, "values": values}]}))
    };
    let fact = |operator: &str, values: Value| {
        group(
            json!({"names": ["a"], "facts": [{"key": "a", "operator": operator, "values": values}]}),
        )
    };
    let bundle = |fields: Value| of("Bundle", fields);
    let patch = |patch: Value| bundle(json!({"path": "a", "patches": [patch]}));
    let operation = |operation: Value| patch(json!({"json": [operation]}));
    let placement = |field: &str, value: Value| {
        let mut document = of("Placement", json!({"bundles": ["a"], "clusters": [{}]}));
        document["spec"][field] = value;
        document
    };
    let chart = |chart: Value| bundle(json!({"helm": {"chart": chart}}));
    let bad = [
        json!({"kind": "Cluster", "metadata": {"name": "x"}}),
        json!({"apiVersion": "capstan.dev/v1alpha1", "kind": "Cluster"}),
        json!({"apiVersion": "capstan.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": "X"}}),
        of("Clutser", json!({})),
        of("Cluster", json!({"variabels": {}})),
        expression("In", json!([])),
        expression("In", json!(null)),
        expression("Exists", json!(["a"])),
        fact("Gt", json!(["1", "2"])),
        fact("Gt", json!(["x"])),
        fact("Gt", json!([])),
        group(json!({"facts": [{"key": "a", "operator": "Exists"}]})),
        group(json!({"groups": ["a/b/c"]})),
        group(json!({"names": []})),
        bundle(json!({})),
        bundle(json!({"path": "a", "helm": {"chart": {"oci": "a/b", "version": "1"}}})),
        bundle(json!({"path": "a", "createNamespace": true})),
        bundle(json!({"path": "a", "dependsOn": ["A"]})),
        bundle(json!({"path": "a", "drift": {"ignore": [{}]}})),
        bundle(json!({"path": "a", "drift": {"ignore": [{"fields": ["/spec/replicas"]}]}})),
        chart(json!({"oci": "oci://a/b", "version": "1"})),
        chart(json!({"oci": "a/b", "name": "b", "version": "1"})),
        chart(json!({"repo": "https://charts.example", "version": "1"})),
        chart(json!({"repo": "charts.example", "name": "a", "version": "1"})),
        chart(json!({"oci": "a/b", "version": "1", "digest": "sha256:0"})),
        patch(json!({"target": {"kind": "A"}})),
        patch(json!({"merge": {"a": 1}, "json": [{"op": "remove", "path": "/a"}]})),
        operation(json!({"op": "add", "path": "/a"})),
        operation(json!({"op": "remove", "path": "/a", "value": 1})),
        operation(json!({"op": "move", "path": "/a"})),
        operation(json!({"op": "remove", "path": ""})),
        operation(json!({"op": "remove", "path": "spec.a"})),
        placement("count", json!("3")),
        placement("count", json!("101%")),
        placement("tolerations", json!([{"value": "a"}])),
        placement("bundles", json!([])),
        placement("spread", json!([{"by": "a", "maxSkew": 0}])),
    ];
    for document in bad {
        assert!(validate(&schema, &schema, &document).is_err(), "{document}");
        if document["kind"].as_str().and_then(Kind::parse).is_some() {
            assert_ne!(problems(&document), [], "{document}");
        }
    }
}

#[test]
fn every_field_and_map_has_a_sentence() {
    let text = reference();
    assert!(!text.contains("|  |\n"), "a field without a sentence");
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let meaning = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(meaning.len() > 3, "{line}");
    }
}

#[test]
fn defaults_are_values_that_their_fields_accept() {
    let schema = json_schema();
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        for (field, property) in definition["properties"].as_object().into_iter().flatten() {
            if let Some(default) = property.get("default") {
                assert_eq!(
                    validate(&schema, property, default),
                    Ok(()),
                    "{name}.{field}"
                );
            }
        }
    }
}

/// What of JSON Schema the language uses.
fn validate(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Value::Bool(good) = schema {
        return good.then_some(()).ok_or_else(|| format!("never: {value}"));
    }
    for (keyword, rule) in schema.as_object().unwrap() {
        let good = match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix('#').unwrap();
                validate(root, root.pointer(name).unwrap(), value)?;
                true
            }
            "type" => types(rule).iter().any(|name| is_of(name, value)),
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => {
                let needs = |key: &Value| value.get(key.as_str().unwrap()).is_some();
                !value.is_object() || rule.as_array().unwrap().iter().all(needs)
            }
            "properties" => {
                for (key, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        validate(root, schema, value)?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let empty = serde_json::Map::new();
                let known = schema
                    .get("properties")
                    .and_then(Value::as_object)
                    .unwrap_or(&empty);
                let mut others = value
                    .as_object()
                    .unwrap_or(&empty)
                    .iter()
                    .filter(|(key, _)| !known.contains_key(*key));
                others.all(|(_, value)| rule.is_object() && validate(root, rule, value).is_ok())
            }
            "items" => value
                .as_array()
                .into_iter()
                .flatten()
                .all(|item| validate(root, rule, item).is_ok()),
            "const" => value == rule,
            "if" => {
                let branch = match validate(root, rule, value) {
                    Ok(()) => "then",
                    Err(_) => "else",
                };
                if let Some(schema) = schema.get(branch) {
                    validate(root, schema, value)?;
                }
                true
            }
            "propertyNames" | "then" | "else" => true,
            "minItems" | "maxItems" | "minProperties" | "minLength" | "minimum" | "maximum" => {
                is_within(keyword, rule.as_i64().unwrap(), value)
            }
            "pattern" => value
                .as_str()
                .is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "anyOf" => accepted(root, rule, value) > 0,
            "allOf" => accepted(root, rule, value) == rule.as_array().unwrap().len(),
            "$schema" | "title" | "description" | "default" | "definitions" => true,
            other => panic!("the schema uses {other}"),
        };
        if !good {
            return Err(format!("{keyword} {rule}: {value}"));
        }
    }
    Ok(())
}

/// Whether a value keeps a bound; one of another type does.
fn is_within(keyword: &str, bound: i64, value: &Value) -> bool {
    let count = |count: usize| i64::try_from(count).unwrap();
    let measured = match keyword {
        "minItems" | "maxItems" => value.as_array().map(|items| count(items.len())),
        "minProperties" => value.as_object().map(|members| count(members.len())),
        "minLength" => value.as_str().map(|text| count(text.chars().count())),
        _ => value.as_i64(),
    };
    measured.is_none_or(|measured| match keyword.starts_with("min") {
        true => measured >= bound,
        false => measured <= bound,
    })
}

fn accepted(root: &Value, schemas: &Value, value: &Value) -> usize {
    let schemas = schemas.as_array().unwrap().iter();
    schemas
        .filter(|schema| validate(root, schema, value).is_ok())
        .count()
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_i64().is_some(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema uses the type {other}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static MADE: RefCell<BTreeMap<String, regex::Regex>> = RefCell::default();
    }
    MADE.with_borrow_mut(|made| {
        let make = || regex::Regex::new(pattern).unwrap();
        let made = made.entry(pattern.to_owned()).or_insert_with(make);
        made.is_match(text)
    })
}

#[test]
fn a_field_of_an_object_is_written_as_agents_read_it() {
    let pattern = regex::Regex::new(Format::Field.pattern().unwrap()).unwrap();
    let mut out = String::new();
    for text in [
        "spec.replicas",
        ".spec.replicas",
        "spec.containers[name=web].image",
        "spec.containers[name=\"web\"]",
        "webhooks[*].clientConfig.caBundle",
        "metadata.annotations[\"a.b/c\"]",
        "[\"a b\"]",
        "data['x.y']",
        "/spec/replicas",
        "/spec/containers/0/image",
        "/metadata/annotations/a.b~1c",
        "$.spec.replicas",
        "{.spec.replicas}",
        "spec.containers[0].image",
        "spec.containers.0.image",
        "spec.containers[].image",
        "spec.containers[name=web.image",
        "spec..replicas",
        "spec.replicas.",
        "metadata.annotations.a.b/c",
        "spec.containers[web]",
        ".",
        "",
        "a b",
        "[]",
    ] {
        let refused = Format::Field.refuse("fields", text);
        assert_eq!(pattern.is_match(text), refused.is_none(), "{text}");
        let words = refused.map_or("good".into(), |(_, _, hint)| hint);
        writeln!(out, "{text:?}: {words}").unwrap();
    }
    expect![[r#"
        "spec.replicas": good
        ".spec.replicas": good
        "spec.containers[name=web].image": good
        "spec.containers[name=\"web\"]": good
        "webhooks[*].clientConfig.caBundle": good
        "metadata.annotations[\"a.b/c\"]": good
        "[\"a b\"]": good
        "data['x.y']": good
        "/spec/replicas": write spec.replicas
        "/spec/containers/0/image": write spec.containers[*].image
        "/metadata/annotations/a.b~1c": write metadata.annotations["a.b/c"]
        "$.spec.replicas": write spec.replicas
        "{.spec.replicas}": write spec.replicas
        "spec.containers[0].image": write spec.containers[*].image
        "spec.containers.0.image": write spec.containers[*].image
        "spec.containers[].image": write spec.containers[*].image
        "spec.containers[name=web.image": write it as in `spec.replicas`, `spec.containers[name=web].image`, `webhooks[*].caBundle` or `metadata.annotations["a.b/c"]`
        "spec..replicas": write it as in `spec.replicas`, `spec.containers[name=web].image`, `webhooks[*].caBundle` or `metadata.annotations["a.b/c"]`
        "spec.replicas.": write it as in `spec.replicas`, `spec.containers[name=web].image`, `webhooks[*].caBundle` or `metadata.annotations["a.b/c"]`
        "metadata.annotations.a.b/c": write metadata.annotations.a["b/c"]
        "spec.containers[web]": write it as in `spec.replicas`, `spec.containers[name=web].image`, `webhooks[*].caBundle` or `metadata.annotations["a.b/c"]`
        ".": write it as in `spec.replicas`, `spec.containers[name=web].image`, `webhooks[*].caBundle` or `metadata.annotations["a.b/c"]`
        "": write it as in `spec.replicas`, `spec.containers[name=web].image`, `webhooks[*].caBundle` or `metadata.annotations["a.b/c"]`
        "a b": write ["a b"]
        "[]": write [*]
    "#]].assert_eq(&out);
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the page is hand-written around what is generated"
)]
fn the_reference_for_people_is_up_to_date() {
    let page = docs("fleet-files.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- reference: begin -->\n", "<!-- reference: end -->\n");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let whole = format!("{before}{begin}\n{}{end}{after}", reference());
    expect_file![page].assert_eq(&whole);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the page is hand-written around what is generated"
)]
fn the_limits_for_people_are_those_of_the_code() {
    let page = docs("fleet-files.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- limits: begin -->\n", "<!-- limits: end -->\n");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let whole = format!("{before}{begin}\n{}\n{end}{after}", limits());
    expect_file![page].assert_eq(&whole);
}

#[test]
fn the_schema_for_editors_is_up_to_date() {
    let text = serde_json::to_string_pretty(&json_schema()).unwrap();
    expect_file![docs("schemas/fleet-files.schema.json")].assert_eq(&format!("{text}\n"));
}
