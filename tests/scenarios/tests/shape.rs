//! `hub resolve -o json` has the shape of the interchange: fields may be added, none is removed. And it is
//! the same, whatever file a document stands in.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use std::sync::Mutex;

use capstan_scenarios::play;
use serde_json::{Value, json};

/// The documents, and the inventory that they are decided with.
const DOCUMENTS: [&str; 10] = [
    "@Cluster {name: prod-eu-1, labels: {env: prod, region: eu, tier: gold}} {variables: {domain: eu.shop.example}}",
    "@Cluster {name: prod-eu-2, labels: {env: prod, region: eu}} {}",
    "@Cluster {name: prod-us-1, labels: {env: prod, region: us}} {}",
    "@Cluster {name: tainted, labels: {env: prod, region: us}} {taints: [{key: x, effect: NoExecute}]}",
    "@Cluster {name: other, labels: {env: test}} {}",
    "@Bundle {name: checkout} {path: apps/checkout, defaultNamespace: checkout, variables: {replicas: 2}}",
    "@Placement {name: checkout-prod} {bundles: [checkout], clusters: [{matchLabels: {env: prod}}], except: [{names: [prod-eu-2]}], count: 2, prefer: [{weight: 50, matchLabels: {tier: gold}}], overrides: [{variables: {replicas: 10}}]}",
    "@Placement {name: also} {bundles: [checkout], clusters: [{names: [prod-eu-1]}], priority: -1}",
    "@Placement {name: even} {bundles: [nowhere], clusters: [{matchLabels: {env: prod}}], tolerations: [{operator: Exists}], count: 4, spread: [{by: region}]}",
    "@Placement {name: few} {bundles: [checkout], clusters: [{names: [\"prod-*\"]}], count: 1, priority: -2}",
];

/// Scripts are played one after the other: a process has one working directory.
static STAGE: Mutex<()> = Mutex::new(());

/// A fleet with the documents in these files, in this order.
fn resolved(files: &[(&str, Vec<&str>)]) -> (String, Value) {
    let mut script =
        "-- apps/checkout/a.yaml\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n\
                      -- ../inventory.json\n\
                      {\"clusters\": {\"prod-eu-1\": {\"facts\": {\"nodes\": \"12\"}}}, \
                      \"previous\": {\"checkout-prod\": [\"prod-eu-1\"]}}\n"
            .to_owned();
    for (path, documents) in files {
        script.push_str(&format!("-- {path}\n{}\n", documents.join("\n")));
    }
    script.push_str("$ hub resolve -o json --inventory ../inventory.json\n");
    let stage = STAGE.lock().unwrap();
    let said = play(&script).unwrap();
    drop(stage);
    let json = &said[said.find("\n{").unwrap()..said.rfind("\n}").unwrap() + 2];
    (json.to_owned(), serde_json::from_str(json).unwrap())
}

/// Every member of `shape` is in `value`, with a value of the same kind; of a list, in every item.
fn has_shape(path: &str, value: &Value, shape: &Value) {
    match (shape, value) {
        (Value::Object(shape), Value::Object(value)) => {
            for (name, shape) in shape {
                let value = value.get(name);
                let value = value.unwrap_or_else(|| panic!("{path}.{name} is missing"));
                has_shape(&format!("{path}.{name}"), value, shape);
            }
        }
        (Value::Array(shape), Value::Array(items)) => {
            for item in items {
                has_shape(&format!("{path}[]"), item, &shape[0]);
            }
        }
        (shape, value) => {
            let same = std::mem::discriminant(shape) == std::mem::discriminant(value);
            assert!(same, "{path}: {value}, not as {shape}");
        }
    }
}

#[test]
fn decisions_have_the_shape_of_the_interchange() {
    let (_, answer) = resolved(&[("fleet.yaml", DOCUMENTS.to_vec())]);
    has_shape(
        "",
        &answer,
        &json!({
            "revision": "...",
            "problems": [{"code": "E0102", "path": "fleet.yaml", "line": 7, "column": 5, "message": "..."}],
            "placements": [{
                "name": "checkout-prod", "eligible": ["..."],
                "selected": [{"cluster": "prod-eu-1", "score": 50, "step": "kept"}],
                "rejected": [{"cluster": "...", "reason": "NotMatched", "detail": "..."}],
            }],
            "clusters": [{"name": "prod-eu-1", "bundles": [
                {"name": "checkout", "placement": "checkout-prod", "variables": {}, "shadowed": ["..."]},
            ]}],
        }),
    );
    let placements = answer["placements"].as_array().unwrap();
    let names: Vec<&str> = placements
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["also", "checkout-prod", "even", "few"]);
    for placement in placements {
        let members = placement.as_object().unwrap();
        assert!(members.contains_key("shortfall") && members["held"].is_null());
    }
    let checkout = &placements[1];
    let of = |member: &str, what: &str| -> Vec<Value> {
        let items = checkout[member].as_array().unwrap();
        items.iter().map(|item| item[what].clone()).collect()
    };
    assert_eq!(checkout["eligible"], json!(["prod-eu-1", "prod-us-1"]));
    assert_eq!(of("selected", "step"), ["kept", "ranked"]);
    assert_eq!(of("selected", "score"), [50, 0]);
    assert_eq!(of("rejected", "cluster"), ["other", "prod-eu-2", "tainted"]);
    assert_eq!(
        of("rejected", "reason"),
        ["NotMatched", "Excepted", "Tainted"]
    );
    assert_eq!(checkout["shortfall"], Value::Null);
    let few = placements[3]["rejected"].as_array().unwrap();
    assert_eq!(few.iter().filter(|r| r["reason"] == "OutRanked").count(), 2);
    let clusters = answer["clusters"].as_array().unwrap();
    let names: Vec<&str> = clusters
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["other", "prod-eu-1", "prod-eu-2", "prod-us-1", "tainted"]
    );
    let bundle = &clusters[1]["bundles"][0];
    assert_eq!(
        bundle["variables"],
        json!({"domain": "eu.shop.example", "replicas": 10})
    );
    assert_eq!(bundle["placement"], "checkout-prod");
    assert!(
        bundle["shadowed"]
            .as_array()
            .unwrap()
            .contains(&json!("also"))
    );
}

#[test]
fn a_shortfall_names_the_constraint() {
    let mut documents = DOCUMENTS.to_vec();
    documents
        .retain(|document| !document.contains("name: tainted") && !document.contains("name: few"));
    documents.push("@Cluster {name: prod-eu-3, labels: {env: prod, region: eu}} {}");
    let (_, answer) = resolved(&[("fleet.yaml", documents)]);
    let placements = answer["placements"].as_array().unwrap();
    let even = placements.iter().find(|p| p["name"] == "even").unwrap();
    let shortfall = &even["shortfall"];
    assert_eq!(shortfall["wanted"], 4);
    assert_eq!(shortfall["selected"], 3);
    assert_eq!(shortfall["constraint"]["by"], "region");
}

/// The same without places, which are where documents stand.
fn without_places(value: &Value) -> Value {
    let is_place = |word: &str| {
        let word = word.trim_matches(['(', ')', ',', ';', '.']);
        let mut parts = word.rsplitn(3, ':');
        let numbers = [parts.next(), parts.next()];
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        numbers.iter().all(|part| part.is_some_and(digits)) && parts.next().is_some()
    };
    match value {
        Value::String(text) => {
            let words = text
                .split(' ')
                .map(|word| if is_place(word) { "HERE" } else { word });
            Value::String(words.collect::<Vec<_>>().join(" "))
        }
        Value::Array(items) => items.iter().map(without_places).collect(),
        Value::Object(members) => {
            let members = members
                .iter()
                .filter(|(name, _)| !["path", "line", "column"].contains(&name.as_str()));
            Value::Object(
                members
                    .map(|(name, value)| (name.clone(), without_places(value)))
                    .collect(),
            )
        }
        value => value.clone(),
    }
}

#[test]
fn neither_files_nor_their_order_change_anything() {
    let one = [("fleet.yaml", DOCUMENTS.to_vec())];
    let (bytes, answer) = resolved(&one);
    assert_eq!(bytes, resolved(&one).0, "the same input, the same bytes");
    let halves = |first: &'static str, second: &'static str| {
        let (one, other) = DOCUMENTS.split_at(4);
        [(first, one.to_vec()), (second, other.to_vec())]
    };
    let mut turned = halves("a.yaml", "b/c.yaml");
    let (bytes, _) = resolved(&turned);
    turned.reverse();
    assert_eq!(
        bytes,
        resolved(&turned).0,
        "files are written in another order"
    );
    let mut backwards = DOCUMENTS.to_vec();
    backwards.reverse();
    for files in [
        vec![("fleet.yaml", backwards)],
        halves("z.yaml", "a.yaml").to_vec(),
    ] {
        assert_eq!(without_places(&resolved(&files).1), without_places(&answer));
    }
}
