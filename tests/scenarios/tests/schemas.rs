//! What the commands print has the shape that `docs/schemas` promises, and every member of a schema
//! is printed somewhere.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use capstan_scenarios::play;
use serde_json::Value;

fn schema(name: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
    let text = fs::read_to_string(root.join(format!("{name}.schema.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The part of JSON Schema that our schemas use.
struct Checking<'a> {
    root: &'a Value,
    wrong: Vec<String>,
    seen: BTreeSet<String>,
}

impl Checking<'_> {
    fn check(&mut self, path: &str, value: &Value, schema: &Value) {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            let target = self.root.pointer(pointer).unwrap().clone();
            return self.check(path, value, &target);
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let is_null = value.is_null();
            let fits = any.iter().find(|one| (one["type"] == "null") == is_null);
            return self.check(path, value, &fits.unwrap().clone());
        }
        if !is_of_type(value, &schema["type"]) {
            self.wrong
                .push(format!("{path}: {value} is no {}", schema["type"]));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            self.wrong
                .push(format!("{path}: {value} is none of {words:?}"));
        }
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check(&format!("{path}[{number}]"), item, &schema["items"]);
        }
        if let Some(members) = value.as_object() {
            self.members(path, members, schema);
        }
    }

    fn members(&mut self, path: &str, members: &serde_json::Map<String, Value>, schema: &Value) {
        let nothing = Value::Null;
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                self.wrong.push(format!("{path}: {name} is missing"));
            }
        }
        for (name, value) in members {
            let known = schema["properties"].get(name);
            let other = schema.get("additionalProperties").unwrap_or(&nothing);
            let path = format!("{path}.{name}");
            match (known, other) {
                (Some(schema), _) => {
                    let filled = !value.is_null() && value.as_array().is_none_or(|a| !a.is_empty());
                    if filled {
                        self.seen.insert(schema.to_string());
                    }
                    self.check(&path, value, &schema.clone());
                }
                (None, Value::Object(_)) => self.check(&path, value, &other.clone()),
                // What is below a value of any kind is not described.
                (None, Value::Null) => {}
                (None, _) => self.wrong.push(format!("{path} is not described")),
            }
        }
    }
}

fn is_of_type(value: &Value, kind: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str().unwrap_or_default() {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    match kind {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    }
}

/// Every description of a member.
fn members(schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        found.extend(properties.values().map(Value::to_string));
    }
    match schema {
        Value::Object(all) => all.values().for_each(|value| members(value, found)),
        Value::Array(all) => all.iter().for_each(|value| members(value, found)),
        _ => {}
    }
}

/// Checks answers of one command; gives back the members that none of them fills.
fn check(name: &str, answers: &[Value]) -> BTreeSet<String> {
    let schema = schema(name);
    let mut checking = Checking {
        root: &schema,
        wrong: Vec::new(),
        seen: BTreeSet::new(),
    };
    for answer in answers {
        checking.check("", answer, &schema);
    }
    assert!(checking.wrong.is_empty(), "{}", checking.wrong.join("\n"));
    let mut all = BTreeSet::new();
    members(&schema, &mut all);
    all.difference(&checking.seen).cloned().collect()
}

/// The answers of a transcript, by the command's word.
fn answers(transcript: &str, command: &str) -> Vec<Value> {
    let calls = transcript.split("\n$ hub ").skip(1);
    calls
        .filter(|call| call.starts_with(command))
        .map(|call| {
            let (_, answer) = call.split_once('\n').unwrap();
            let end = answer.find("\n}").unwrap() + 2;
            serde_json::from_str(&answer[..end]).unwrap()
        })
        .collect()
}

const SCRIPT: &str = r#"
## Everything that can be said
-- fleet.yaml
@ClusterTemplate {name: base, labels: {env: prod}} {variables: {size: small, none: "${nothing}"}}
@Cluster {name: a, labels: {region: eu}} {templates: [base]}
@Cluster {name: b, labels: {region: eu}} {templates: [base]}
@Cluster {name: c, labels: {region: us}} {taints: [{key: x, effect: NoExecute}]}
@Cluster {name: late, labels: {region: us}}
@Cluster {name: more, labels: {region: eu}}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, overrides: [{clusters: [{matchLabels: {region: us}, facts: [{key: nodes, operator: Exists}]}], variables: {size: huge}}]}
@Bundle {name: api} {path: apps/web, defaultNamespace: api}
@Placement {name: short} {bundles: [api], clusters: [{}], count: 4, spread: [{by: region}]}
@Placement {name: zone} {bundles: [api], clusters: [{cel: 'cluster.labels.zone == "1"'}]}
@Placement {name: web} {bundles: [web], clusters: [{}], count: 3, prefer: [{weight: 5, matchLabels: {env: prod}}], spread: [{by: region}], overrides: [{variables: {size: large}}]}
@Placement {name: also} {bundles: [web], clusters: [{names: [a]}], except: [{names: [b]}]}
-- apps/web/a.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: "1"}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: "1"}}
commit
tag v1
-- ../inventory.json
{"clusters": {"late": {"unknown": true}, "a": {"facts": {"nodes": "1"}}}, "previous": {"web": ["a", "b", "late"], "also": ["a", "b"]}}
-- fleet.yaml
@ClusterTemplate {name: base, labels: {env: prod}} {variables: {size: small, none: "${nothing}"}}
@Cluster {name: a, labels: {region: eu}} {templates: [base]}
@Cluster {name: b, labels: {region: eu}} {templates: [base]}
@Cluster {name: c, labels: {region: us}} {mode: Paused, taints: [{key: x, effect: NoExecute}]}
@Cluster {name: later, labels: {region: us}} {renamedFrom: late}
@Bundle {name: web} {path: apps/web, defaultNamespace: web}
@Bundle {name: api} {path: apps/web, defaultNamespace: api}
@Placement {name: web} {bundles: [web], clusters: [{}], except: [{names: [a, b]}], revision: v1}
@Placement {name: wrong} {bundles: [wbe], clusters: [{names: [a]}]}
@Placement {name: more} {bundles: [api], clusters: [{}], suspend: true}
$ hub resolve -o json --inventory ../inventory.json
$ hub resolve -o json --rev v1 --inventory ../inventory.json
$ hub plan -o json --inventory ../inventory.json
commit
-- apps/web/a.yaml
{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: "2"}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: "2"}}
-- fleet.yaml
@Cluster {name: a, labels: {region: eu}}
@Cluster {name: later, labels: {region: us}}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, adopt: {mode: always}}
@Placement {name: web} {bundles: [web], clusters: [{}]}
$ hub plan -o json
$ hub plan -o json --from v1
commit
-- fleet.yaml
@Cluster {name: a, labels: {region: eu}}
@Cluster {name: later, labels: {region: us}}
@Bundle {name: other} {path: apps/web, defaultNamespace: web}
@Placement {name: web} {bundles: [other], clusters: [{names: [later]}]}
$ hub plan -o json
-- fleet.yaml
@Cluster {name: a, labels: {region: eu}}
@Cluster {name: later, labels: {region: us}}
@Bundle {name: other} {path: apps/web, defaultNamespace: web}
@Placement {name: web} {bundles: [other], clusters: [{names: [later]}], revision: v9}
$ hub plan -o json
-- fleet.yaml
@Cluster {name: a, labels: {region: eu}}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, variables: {one: 1}}
@Bundle {name: api} {path: apps/web, defaultNamespace: api}
@Placement {name: api} {bundles: [api], clusters: [{}], suspend: true}
@Placement {name: web} {bundles: [web], clusters: [{}]}
@Placement {name: zzz} {bundles: [web], clusters: [{}], overrides: [{variables: {one: 2, two: 2}}]}
commit
-- fleet.yaml
@Cluster {name: a, labels: {region: eu}}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, variables: {one: 1}, removal: {bundle: orphan}}
@Bundle {name: api} {path: apps/web, defaultNamespace: api}
@Placement {name: api} {bundles: [api], clusters: [{}]}
@Placement {name: web} {bundles: [web], clusters: [{}]}
@Placement {name: zzz} {bundles: [web], clusters: [{}], priority: 1, overrides: [{variables: {one: 2, two: 2}}]}
$ hub plan -o json
commit
-- fleet.yaml
@Cluster {name: a, labels: {region: eu}}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, variables: {one: 1}, removal: {bundle: orphan}}
@Bundle {name: api} {path: apps/web, defaultNamespace: api}
@Placement {name: api} {bundles: [api], clusters: [{}]}
@Placement {name: web} {bundles: [web], clusters: [{}]}
$ hub plan -o json
commit
-- fleet.yaml
@Cluster {name: b, labels: {region: eu}}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, helm: {values: {one: 1}}}
@Placement {name: web} {bundles: [web], clusters: [{}]}
@Placement {name: bad} {bundels: [web], clusters: [{}]}
$ hub plan -o json
$ hub resolve -o json
commit
shallow 1
-- fleet.yaml
@Cluster {name: b, labels: {region: eu}} {mode: Release}
@Bundle {name: web} {path: apps/web, defaultNamespace: web, helm: {values: {one: 1}}}
@Placement {name: web} {bundles: [web], clusters: [{}]}
$ hub plan -o json
"#;

#[test]
fn what_is_printed_has_the_shape_that_is_documented() {
    let transcript = play(SCRIPT).unwrap();
    let resolve = check("resolve", &answers(&transcript, "resolve"));
    assert_eq!(resolve, BTreeSet::new());
    let plan = check("plan", &answers(&transcript, "plan"));
    assert_eq!(plan, BTreeSet::new());
}

#[test]
fn an_inventory_has_the_shape_that_is_documented() {
    let mut text = SCRIPT
        .lines()
        .skip_while(|line| *line != "-- ../inventory.json");
    let file: Value = serde_json::from_str(text.nth(1).unwrap()).unwrap();
    assert_eq!(check("inventory", &[file]), BTreeSet::new());
}
