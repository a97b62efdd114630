//! Every rule about API servers has a row in docs/api-server.md, with tests that exist.

use std::collections::{BTreeMap, BTreeSet};

use capstan_tidy::{files, root, shown, text};

/// How many rules there are.
const RULES: usize = 25;

/// What a row says of a rule that nothing obeys yet.
const NOT_BUILT: &str = "**not built**";

/// The rows of the page, by rule.
fn rows() -> BTreeMap<String, String> {
    let page = text(&root().join("docs/api-server.md"));
    let rows = page.lines().filter_map(|line| {
        let rule = line.strip_prefix("| K")?.split(' ').next()?;
        Some((format!("K{rule}"), line.to_owned()))
    });
    rows.collect()
}

/// The names of all test functions of the tree.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for path in files(&["rs"]) {
        let mut marked = false;
        for line in text(&path).lines().map(str::trim) {
            marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let name = line.strip_prefix("async ").unwrap_or(line);
            if let Some((name, _)) = name.strip_prefix("fn ").and_then(|n| n.split_once('(')) {
                if marked {
                    tests.insert(name.to_owned());
                }
                marked = false;
            }
        }
    }
    tests
}

/// `K` with a number, as a word of its own.
fn rules_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_word(c));
    let is_rule = |word: &&str| {
        let number = word.strip_prefix('K').unwrap_or_default();
        (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    words.filter(is_rule).map(str::to_owned).collect()
}

#[test]
fn every_rule_has_a_row_with_a_test_that_exists() {
    let (rows, tests) = (rows(), tests());
    let mut found = Vec::new();
    for number in 1..=RULES {
        let rule = format!("K{number}");
        let Some(row) = rows.get(&rule) else {
            found.push(format!("{rule} has no row"));
            continue;
        };
        let cell = row.trim_end_matches(['|', ' ']).rsplit(" | ").next();
        let named: Vec<_> = cell
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        for name in named.iter().filter(|name| !tests.contains(**name)) {
            found.push(format!("{rule} names `{name}`, which is no test"));
        }
        if named.is_empty() && !row.contains(NOT_BUILT) {
            found.push(format!("{rule} names no test"));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_failure_of_the_page_names_a_test_that_exists() {
    let tests = tests();
    let page = text(&root().join("docs/api-server.md"));
    let (_, table) = page
        .split_once("## When it fails")
        .expect("the page says what fails");
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut found = Vec::new();
    for row in rows {
        let cell = row.trim_end_matches(['|', ' ']).rsplit(" | ").next();
        let name = cell.unwrap_or_default().trim_matches('`');
        if !tests.contains(name) {
            found.push(format!("`{name}` is no test"));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_rule_that_the_code_names_has_a_row() {
    let rows = rows();
    let mut found = Vec::new();
    for path in files(&["rs"]) {
        for rule in rules_in(&text(&path)) {
            if !rows.contains_key(&rule) {
                found.push(format!("{}: {rule}", shown(&path)));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
