//! Merge patches of any shape: the examples of RFC 7386, and that nothing stops them.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::lists::shape;
use super::{json, strategic};
use crate::yaml::{Dialect, Node, read};

fn node(text: &str) -> Node {
    read(text.as_bytes(), Dialect::Fleet).remove(0).unwrap()
}

#[test]
fn json_merge_patches_do_what_the_standard_shows() {
    for (original, patch, result) in [
        (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
        (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
        (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
        (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
        (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
        (
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":{"b":"d","c":null}}"#,
            r#"{"a":{"b":"d"}}"#,
        ),
        (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
        (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
        (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
        (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
        (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
        (r#"[1,2]"#, r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
        ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
    ] {
        let mut target: Json = serde_json::from_str(original).unwrap();
        json(&mut target, &node(patch));
        let result: Json = serde_json::from_str(result).unwrap();
        assert_eq!(target, result, "{original} with {patch}");
    }
}

/// A value that resembles a part of a Pod, or nothing sensible at all.
fn value() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        (0..3_u8).prop_map(Json::from),
        proptest::sample::select(vec!["a", "delete", "replace", "TCP"]).prop_map(Json::from),
    ];
    let keys = vec![
        "spec",
        "containers",
        "name",
        "ports",
        "containerPort",
        "protocol",
        "$patch",
        "$retainKeys",
        "metadata",
        "finalizers",
        "$deleteFromPrimitiveList/finalizers",
    ];
    scalar.prop_recursive(6, 48, 4, move |inner| {
        let key = proptest::sample::select(keys.clone()).prop_map(ToOwned::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            proptest::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn nothing_merged_with_nothing_stays_the_same_however_often() {
    let shape = shape("", "Pod").unwrap();
    let mut once = Json::Null;
    strategic(&mut once, &node(r#"{"spec":null}"#), shape).unwrap();
    let mut twice = once.clone();
    strategic(&mut twice, &node(r#"{"spec":null}"#), shape).unwrap();
    assert_eq!(once, serde_json::json!({}));
    assert_eq!(twice, once);
}

#[test]
fn an_item_whose_merge_key_is_null_has_none() {
    let shape = shape("", "Pod").unwrap();
    let mut pod = serde_json::json!({"spec": {}});
    let patch = node(r#"{"spec":{"containers":[{"name":null}]}}"#);
    let fault = strategic(&mut pod, &patch, shape).unwrap_err();
    assert_eq!(
        fault.message,
        "this list merges by `name`, which the item lacks"
    );
}

fn has_directive(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(has_directive),
        Json::Object(map) => map
            .iter()
            .any(|(k, v)| k.starts_with('$') || has_directive(v)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Nothing panics, no directive is left behind, and merging twice is merging once.
    #[test]
    fn no_shape_stops_a_strategic_merge(original in value(), patch in value()) {
        prop_assume!(!has_directive(&original));
        let shape = shape("", "Pod").unwrap();
        let patch = node(&serde_json::json!({"spec": patch}).to_string());
        let mut once = original;
        if strategic(&mut once, &patch, shape).is_ok() {
            prop_assert!(!has_directive(&once), "{once}");
            let mut twice = once.clone();
            if strategic(&mut twice, &patch, shape).is_ok() {
                prop_assert_eq!(twice, once);
            }
        }
    }
}
