//! Every code has an entry, every example causes its code, every page is up to date.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use expect_test::expect_file;

use super::{Example, entries};
use crate::desired::{Running, desired};
use crate::fixture::trees;
use crate::inventory::Inventory;
use crate::manifest::{Rendered, render};
use crate::placement::{Decisions, resolve};
use crate::problem::Code;
use crate::spec::load;

/// The codes of everything that is found in these files, one revision after another.
fn codes(revisions: &[&[(&str, &str)]]) -> BTreeSet<Code> {
    let mut spec = None;
    let mut found = BTreeSet::new();
    for (n, files) in (1..).zip(revisions) {
        let mut text = String::new();
        for (path, content) in *files {
            writeln!(text, "== {path}\n{content}").unwrap();
        }
        let trees = trees(n, &text);
        let (loaded, problems) = load(&trees, spec.as_ref());
        let shared = Arc::new(loaded.clone());
        let decisions = resolve(&shared, &Inventory::default(), &Decisions::default());
        let rendered = render(&shared, &trees, &decisions, &Rendered::default());
        let desired = desired(&decisions, &rendered, &Running::default());
        found = problems.iter().map(|problem| problem.code).collect();
        found.extend(decisions.problems.iter().map(|problem| problem.code));
        found.extend(decisions.odd().iter().map(|problem| problem.code));
        found.extend(rendered.problems().map(|problem| problem.code));
        found.extend(desired.problems.iter().map(|problem| problem.code));
        spec = Some(loaded);
    }
    found
}

#[test]
fn every_code_has_one_entry_in_order() {
    let listed: Vec<Code> = entries().map(|entry| entry.code).collect();
    assert_eq!(listed, Code::ALL);
    let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), Code::ALL.len(), "two codes have one text");
}

#[test]
fn every_example_causes_exactly_its_code() {
    let mut wrong = Vec::new();
    for entry in entries() {
        let found = match &entry.example {
            Example::Files(files) => codes(&[files]),
            Example::Change(path, before, after) => codes(&[&[(path, before)], &[(path, after)]]),
            Example::Words(_) => continue,
        };
        if found != BTreeSet::from([entry.code]) {
            wrong.push(format!("{:?}: {found:?}", entry.code));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_page_is_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/codes");
    let mut index = "# Codes of problems\n\nWhat each code means, what causes it and how it is mended. `hub lint --explain E0102` prints the\nsame. These pages are generated from `hub/core/src/problem/catalogue.rs`.\n\n| code | meaning |\n|---|---|\n".to_owned();
    for code in Code::ALL {
        let page = directory.join(format!("{code}.md"));
        expect_file![page].assert_eq(&code.explain());
        writeln!(index, "| [{code}]({code}.md) | {} |", code.title().trim()).unwrap();
    }
    expect_file![directory.join("README.md")].assert_eq(&index);
    let pages = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(pages, Code::ALL.len() + 1, "a page of no code");
}

#[test]
fn a_code_is_found_by_its_text() {
    assert_eq!(Code::parse("e0102"), Some(Code::UnknownField));
    assert_eq!(Code::parse("E9999"), None);
}
