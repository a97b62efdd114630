//! What inventory files mean, and what is said of broken ones.

use expect_test::{Expect, expect};

use super::InventoryFile;
use crate::fixture::{cluster, source};
use crate::inventory::Facts;

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
