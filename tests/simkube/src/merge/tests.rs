//! Tests of ownership and patches that the recorded table does not show, and laws that always hold.

use serde_json::{Value, json};

use super::{ApplyOptions, UpdateOptions, apply, json_merge_patch, json_patch, update};
use crate::schema::{Gvk, Schema, StatusError, builtin, from_crd};

mod laws;

const MORNING: &str = "2026-01-01T08:00:00Z";
const NOON: &str = "2026-01-01T12:00:00Z";

/// One object and the clients that write it.
struct Desk {
    schema: Schema,
    live: Option<Value>,
    now: &'static str,
}

impl Desk {
    fn new(schema: &Schema) -> Self {
        Self {
            schema: schema.clone(),
            live: None,
            now: MORNING,
        }
    }

    fn config_maps() -> Self {
        Self::new(builtin("", "v1", "ConfigMap").unwrap())
    }

    fn apply(&mut self, manager: &str, config: &Value) -> Result<&Value, StatusError> {
        self.send(manager, config, false)
    }

    fn force(&mut self, manager: &str, config: &Value) -> Result<&Value, StatusError> {
        self.send(manager, config, true)
    }

    fn send(&mut self, manager: &str, config: &Value, force: bool) -> Result<&Value, StatusError> {
        let api_version = self.schema.api_version();
        let options = ApplyOptions {
            manager,
            force,
            api_version: &api_version,
            subresource: "",
            now: self.now,
        };
        let new = apply(&self.schema, self.live.as_ref(), config, &options)?;
        Ok(self.store(new))
    }

    fn write(&mut self, manager: &str, new: Value) -> &Value {
        let api_version = self.schema.api_version();
        let options = UpdateOptions {
            manager,
            api_version: &api_version,
            subresource: "",
            now: self.now,
        };
        let new = update(&self.schema, self.live.as_ref(), new, &options);
        self.store(new)
    }

    fn patch(&mut self, manager: &str, patch: &Value) -> &Value {
        let mut new = self.live.clone().unwrap();
        json_merge_patch(&mut new, patch);
        self.write(manager, new)
    }

    /// Stores an object as the server does, with an identity.
    fn store(&mut self, mut new: Value) -> &Value {
        new["metadata"]["uid"] = json!("1");
        self.live.insert(new)
    }

    fn live(&self) -> &Value {
        self.live.as_ref().unwrap()
    }

    /// Manager, operation and fields of every entry.
    fn owners(&self) -> Vec<(String, String, Value)> {
        let entries = self.live()["metadata"]["managedFields"].as_array();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        entries
            .into_iter()
            .flatten()
            .map(|e| {
                (
                    text(&e["manager"]),
                    text(&e["operation"]),
                    e["fieldsV1"].clone(),
                )
            })
            .collect()
    }
}

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

fn widget(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

fn widgets(version: &str, list: Value) -> Schema {
    let gvk = Gvk::new("example.com", version, "Widget");
    let spec = json!({"type": "object", "properties": {"list": list, "size": {"type": "integer"}}});
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    from_crd(gvk, &schema).unwrap()
}

fn keyed_list() -> Value {
    json!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {"type": "object", "properties": {"name": {"type": "string"}, "v": {"type": "string"}}},
    })
}

#[test]
fn an_apply_without_effect_keeps_the_time() {
    let mut desk = Desk::config_maps();
    let first = desk
        .apply("one", &config_map(json!({"a": "1"})))
        .unwrap()
        .clone();
    desk.now = NOON;
    let second = desk.apply("one", &config_map(json!({"a": "1"}))).unwrap();
    assert_eq!(first, *second);
}

#[test]
fn a_co_owner_of_the_same_value_has_no_time() {
    let mut desk = Desk::config_maps();
    desk.apply("one", &config_map(json!({"a": "1"}))).unwrap();
    desk.now = NOON;
    desk.apply("two", &config_map(json!({"a": "1"}))).unwrap();
    let entries = &desk.live()["metadata"]["managedFields"];
    assert_eq!(entries[0]["manager"], "two");
    assert_eq!(entries[0].get("time"), None);
    assert_eq!(entries[1]["time"], MORNING);
}

#[test]
fn forced_values_leave_their_former_owner() {
    let mut desk = Desk::config_maps();
    desk.apply("one", &config_map(json!({"a": "1", "b": "1"})))
        .unwrap();
    let conflict = desk
        .apply("two", &config_map(json!({"a": "2"})))
        .unwrap_err();
    assert_eq!(
        conflict.message,
        "Apply failed with 1 conflict: conflict with \"one\": .data.a"
    );
    desk.force("two", &config_map(json!({"a": "2"}))).unwrap();
    let owned = |name: &str| json!({"f:data": {format!("f:{name}"): {}}});
    let one = ("one".to_owned(), "Apply".to_owned(), owned("b"));
    let two = ("two".to_owned(), "Apply".to_owned(), owned("a"));
    assert_eq!(desk.owners(), [one, two]);
}

#[test]
fn fields_from_before_the_first_apply_get_an_owner() {
    let mut desk = Desk::config_maps();
    desk.store(config_map(json!({"old": "1"})));
    desk.apply("one", &config_map(json!({"new": "1"}))).unwrap();
    let names: Vec<String> = desk.owners().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["one", "before-first-apply"]);
    assert_eq!(desk.live()["data"], json!({"old": "1", "new": "1"}));
}

#[test]
fn a_list_that_becomes_atomic_belongs_to_its_owner_as_a_whole() {
    let mut desk = Desk::new(&widgets("v1", keyed_list()));
    let list = json!([{"name": "a", "v": "1"}]);
    desk.apply("one", &widget(json!({"list": list}))).unwrap();
    assert!(
        desk.owners()[0].2["f:spec"]["f:list"]
            .get("k:{\"name\":\"a\"}")
            .is_some()
    );
    let mut atomic = keyed_list();
    atomic["x-kubernetes-list-type"] = json!("atomic");
    desk.schema = widgets("v1", atomic);
    desk.patch("two", &json!({"metadata": {"annotations": {"a": "b"}}}));
    assert_eq!(desk.owners()[0].2, json!({"f:spec": {"f:list": {}}}));
}

#[test]
fn a_custom_version_that_is_gone_forgets_every_owner() {
    let v2 = widgets("v2", keyed_list());
    let v1 = widgets("v1", keyed_list()).with_versions(vec![v2.clone()]);
    let mut desk = Desk::new(&v2.with_versions(vec![v1.clone()]));
    let mut config = widget(json!({"size": 1}));
    config["apiVersion"] = json!("example.com/v2");
    desk.apply("one", &config).unwrap();
    desk.live.as_mut().unwrap()["apiVersion"] = json!("example.com/v1");
    desk.schema = v1;
    desk.patch("two", &json!({"spec": {"size": 2}}));
    let names: Vec<String> = desk.owners().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["two"]);
    desk.write("two", desk.live().clone());
    desk.schema = widgets("v3", keyed_list());
    desk.live.as_mut().unwrap()["apiVersion"] = json!("example.com/v3");
    desk.patch("two", &json!({"spec": {"size": 3}}));
    assert_eq!(desk.owners(), []);
}

#[test]
fn the_oldest_of_many_updaters_are_merged() {
    let mut desk = Desk::config_maps();
    desk.write("m00", config_map(json!({"k00": "1"})));
    for index in 1..=12 {
        let key = format!("k{index:02}");
        desk.patch(&format!("m{index:02}"), &json!({"data": {key: "1"}}));
    }
    let names: Vec<String> = desk.owners().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), 10);
    assert_eq!(names[0], "ancient-changes");
    assert_eq!(names[9], "m12");
}

#[test]
fn a_json_patch_works_on_lists_from_both_ends() {
    let target = json!({"list": ["a", "b"]});
    let patch = json!([
        {"op": "add", "path": "/list/-", "value": "c"},
        {"op": "add", "path": "/list/0", "value": "z"},
        {"op": "remove", "path": "/list/2"},
        {"op": "copy", "from": "/list/0", "path": "/first"},
        {"op": "move", "from": "/list/1", "path": "/second"},
    ]);
    let result = json_patch(&target, &patch).unwrap();
    assert_eq!(
        result,
        json!({"list": ["z", "c"], "first": "z", "second": "a"})
    );
}

#[test]
fn a_json_patch_that_does_not_apply_is_refused_whole() {
    let target = json!({"a": 1});
    for operation in [
        json!({"op": "test", "path": "/a", "value": 2}),
        json!({"op": "remove", "path": "/b"}),
        json!({"op": "add", "path": "/b/c", "value": 1}),
        json!({"op": "explode", "path": "/a"}),
    ] {
        let error = json_patch(&target, &json!([operation])).unwrap_err();
        assert_eq!((error.code, error.reason), (422, "Invalid"));
    }
}

#[test]
fn renaming_entries_adopts_their_fields() {
    let mut desk = Desk::config_maps();
    desk.write("helm", config_map(json!({"a": "1", "b": "1"})));
    let mut adopted = desk.live().clone();
    let entry = &mut adopted["metadata"]["managedFields"][0];
    entry["manager"] = json!("capstan");
    entry["operation"] = json!("Apply");
    desk.write("helm", adopted);
    desk.apply("capstan", &config_map(json!({"a": "1"})))
        .unwrap();
    assert_eq!(desk.live()["data"], json!({"a": "1"}));
}
