//! What inventory files mean, and what is said of broken ones.

use std::sync::Arc;

use expect_test::{Expect, expect};

use super::{InventoryFile, Only, Resolved};
use crate::fixture::{cluster, load_all, source};
use crate::inventory::{Facts, Inventory};
use crate::placement::{Decisions, resolve};

fn check(text: &str, expected: Expect) {
    let said = match InventoryFile::parse(text.as_bytes()) {
        Ok(file) => serde_json::to_string(&file).unwrap() + "\n",
        Err(mistakes) => mistakes.iter().map(|m| format!("{m}\n")).collect(),
    };
    expected.assert_eq(&said);
}

#[test]
fn what_is_written_is_what_is_read() {
    check(
        r#"{"previous": {"shop": ["b", "a"]}, "clusters": {"b": {}, "a": {"facts": {"nodes": "12"}}, "c": {"unknown": true}}}"#,
        expect![[r#"
            {"clusters":{"a":{"facts":{"nodes":"12"}},"b":{},"c":{"unknown":true}},"previous":{"shop":["a","b"]}}
        "#]],
    );
}

#[test]
fn every_mistake_is_said_with_its_place() {
    check(
        "clusters:\n  a: {fakts: {}}\n  b: {facts: {nodes: 12}}\n  C: {}\nprevious:\n  shop: a\nmore: 1\n",
        expect![[r#"
            2:7: unknown field `fakts` (did you mean `facts`?)
            3:22: fact `nodes` is a number (facts are strings: put it in quotes)
            4:3: `C` must consist of a-z, 0-9 and -, and start and end with a letter or digit (a cluster's name, as its document declares it)
            6:9: `shop` is a string, not a list (the names of the clusters that the placement selected last)
            7:1: unknown field `more` (allowed: clusters, previous)
        "#]],
    );
}

#[test]
fn keys_that_could_not_be_read_back_are_mistakes() {
    let long = "x".repeat(318);
    for text in [
        format!("previous: {{{}: [a]}}", "x".repeat(1_000)),
        "previous: {a_b: [a]}".to_owned(),
        "previous: {a.b.c: [a]}".to_owned(),
        format!("clusters: {{a: {{facts: {{{long}: '1'}}}}}}"),
        "clusters: {a: {facts: {\"a\\tb\": '1'}}}".to_owned(),
    ] {
        assert!(InventoryFile::parse(text.as_bytes()).is_err(), "{text}");
    }
    // Bytes count, of which each of these letters has two.
    let text = format!("clusters: {{a: {{facts: {{{}: '1'}}}}}}", "é".repeat(159));
    let mistakes = InventoryFile::parse(text.as_bytes()).unwrap_err();
    assert!(format!("{mistakes:?}").contains("at most 317 bytes"));
    let longest = format!("clusters: {{a: {{facts: {{{}: '1'}}}}}}", &long[1..]);
    let file = InventoryFile::parse(longest.as_bytes()).unwrap();
    let written = serde_json::to_vec(&file).unwrap();
    assert_eq!(InventoryFile::parse(&written), Ok(file));
}

#[test]
fn names_of_other_sources_are_theirs() {
    let text = r#"{"previous": {"main.shop": ["a"], "other.shop": ["b"], "web": ["c"]}}"#;
    let previous = InventoryFile::parse(text.as_bytes())
        .unwrap()
        .previous(&source());
    let names: Vec<_> = previous.keys().map(|name| name.name()).collect();
    assert_eq!(names, ["shop", "web"]);
}

#[test]
fn a_cluster_that_is_not_listed_has_no_facts() {
    let file = InventoryFile::parse(b"").unwrap();
    assert_eq!(file.inventory().facts(&cluster("a")), &Facts::Never);
}

#[test]
fn of_many_mistakes_the_first_are_said_in_few_words() {
    let mut text = format!("{}: 1\n", "x".repeat(1_000));
    text.extend((0..10_000).map(|n| format!("m{n}: 1\n")));
    let mistakes = InventoryFile::parse(text.as_bytes()).unwrap_err();
    assert_eq!(mistakes.len(), crate::limits::FILE_PROBLEMS_MAX);
    assert!(mistakes.iter().all(|m| m.to_string().len() < 2_000));
}

#[test]
fn placements_that_do_not_own_a_bundle_are_listed_by_name() {
    let placements = [("a", 1), ("b", 3), ("c", 2), ("d", 9)];
    let placements = placements.map(|(name, priority)| {
        format!(
            "@Placement {name}\nspec: {{bundles: [web], clusters: [{{}}], priority: {priority}}}\n"
        )
    });
    let text = "@Cluster x\n@Bundle web\nspec: {path: w}\n".to_owned() + &placements.concat();
    let spec = Arc::new(load_all(&[&text]).0);
    let decisions = resolve(&spec, &Inventory::default(), &Decisions::default());
    let resolved = Resolved {
        revision: "",
        problems: &[],
        decisions: &decisions,
        holds: &[],
        only: Only::default(),
        help: None,
        notes: &[],
    };
    let answer = serde_json::to_value(resolved).unwrap();
    let bundle = &answer["clusters"][0]["bundles"][0];
    assert_eq!(bundle["placement"], "d");
    assert_eq!(bundle["shadowed"], serde_json::json!(["a", "b", "c"]));
}
