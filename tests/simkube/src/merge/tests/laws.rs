//! Laws of server-side apply, checked on generated objects.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Desk, config_map, widget};
use crate::merge::set::Set;
use crate::merge::typed::field_set;
use crate::schema::{Gvk, Schema, from_crd};

fn strings() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-e]", "[0-9]", 1..5)
        .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k, json!(v))).collect()))
}

fn rich_schema() -> Schema {
    let text = json!({"type": "string"});
    let item = json!({"type": "object", "properties": {"name": text, "v": text, "w": text}});
    let spec = json!({
        "type": "object",
        "properties": {
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
            "parts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": item,
            },
            "plain": {"type": "array", "items": text},
            "labels": {"type": "object", "additionalProperties": text},
            "atom": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": text}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        },
    });
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    from_crd(Gvk::new("example.com", "v1", "Widget"), &schema).unwrap()
}

prop_compose! {
    fn specs()(
        tags in prop::collection::btree_set("[a-d]", 0..4),
        parts in prop::collection::btree_map("[a-d]", prop::option::of("[0-9]"), 0..4),
        plain in prop::option::of(prop::collection::vec("[a-d]", 0..3)),
        labels in strings(),
        atom in prop::option::of("[0-9]"),
        free in strings(),
    ) -> Value {
        let mut spec = Map::new();
        spec.insert("tags".into(), json!(tags));
        let parts: Vec<Value> = parts
            .into_iter()
            .map(|(name, v)| match v {
                Some(v) => json!({"name": name, "v": v}),
                None => json!({"name": name}),
            })
            .collect();
        spec.insert("parts".into(), json!(parts));
        if let Some(plain) = plain {
            spec.insert("plain".into(), json!(plain));
        }
        spec.insert("labels".into(), labels);
        if let Some(atom) = atom {
            spec.insert("atom".into(), json!({"a": atom}));
        }
        spec.insert("free".into(), free);
        widget(Value::Object(spec))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_twice_is_applying_once(config in specs(), other in specs()) {
        let mut desk = Desk::new(&rich_schema());
        desk.apply("two", &other).unwrap();
        let once = desk.force("one", &config).unwrap().clone();
        let twice = desk.force("one", &config).unwrap();
        prop_assert_eq!(&once, twice);
    }

    #[test]
    fn an_empty_apply_releases_what_only_its_manager_had(
        first in strings(),
        second in strings(),
    ) {
        let mut desk = Desk::config_maps();
        desk.apply("one", &config_map(first)).unwrap();
        let before = desk.live()["data"].clone();
        let mut fresh = Map::new();
        for (key, value) in second.as_object().unwrap() {
            fresh.insert(format!("second-{key}"), value.clone());
        }
        desk.apply("two", &config_map(Value::Object(fresh))).unwrap();
        let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        desk.apply("two", &empty).unwrap();
        prop_assert_eq!(&before, &desk.live()["data"]);
        prop_assert!(desk.owners().iter().all(|(manager, ..)| manager != "two"));
    }

    #[test]
    fn an_applier_owns_what_it_applies(config in specs()) {
        let schema = rich_schema();
        let mut desk = Desk::new(&schema);
        desk.apply("one", &config).unwrap();
        let fields = &desk.owners().first().map(|(.., fields)| fields.clone());
        let spec = json!({"spec": config["spec"]});
        let wanted = field_set(schema.root(), &spec);
        let found = fields.as_ref().map(|f| Set::decode(f).unwrap()).unwrap_or_default();
        prop_assert_eq!(wanted, found);
    }

    #[test]
    fn field_sets_survive_their_text(config in specs()) {
        let set = field_set(rich_schema().root(), &config);
        prop_assert_eq!(Set::decode(&set.encode()).unwrap(), set);
    }
}
