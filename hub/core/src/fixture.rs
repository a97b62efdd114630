//! Small fleets for tests, written as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName, Revision, SourceName};

use crate::problem::Problem;
use crate::spec::{SourceState, Spec, Tree, Trees, load};

/// The one source of most tests.
pub(crate) fn source() -> SourceName {
    SourceName::try_new("main").unwrap()
}

pub(crate) fn revision(n: u32) -> Revision {
    Revision::try_new(format!("{n:040x}")).unwrap()
}

pub(crate) fn cluster(name: &str) -> ClusterName {
    ClusterName::try_new(name).unwrap()
}

pub(crate) fn bundle(name: &str) -> BundleName {
    BundleName::try_new(source(), name).unwrap()
}

pub(crate) fn placement(name: &str) -> PlacementName {
    PlacementName::try_new(source(), name).unwrap()
}

/// Files from a text: `== path` begins a file; `@Kind` and `@Kind name` stand for the lines that
/// every document begins with.
pub(crate) fn tree(n: u32, text: &str) -> Tree {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut path = "fleet.yaml".to_owned();
    for line in text.lines() {
        if let Some(next) = line.strip_prefix("== ") {
            path = next.trim().to_owned();
            files.entry(path.clone()).or_default();
            continue;
        }
        let file = files.entry(path.clone()).or_default();
        match line.strip_prefix('@') {
            Some(header) => {
                let (kind, name) = header.split_once(' ').unwrap_or((header, ""));
                writeln!(file, "---\napiVersion: capstan.dev/v1alpha1\nkind: {kind}").unwrap();
                if !name.is_empty() {
                    writeln!(file, "metadata: {{name: {name}}}").unwrap();
                }
            }
            None => writeln!(file, "{line}").unwrap(),
        }
    }
    Tree::new(
        revision(n),
        files
            .into_iter()
            .map(|(path, text)| (path, text.into_bytes())),
    )
}

/// One source at revision `n`.
pub(crate) fn trees(n: u32, text: &str) -> Trees {
    let read = SourceState::Read(Arc::new(tree(n, text)));
    Trees {
        sources: BTreeMap::from([(source(), read)]),
    }
}

/// Loads one revision after another; the last spec and its problems.
pub(crate) fn load_all(texts: &[&str]) -> (Spec, Vec<Problem>) {
    let mut spec = None;
    let mut problems = Vec::new();
    for (n, text) in (1..).zip(texts) {
        let (loaded, found) = load(&trees(n, text), spec.as_ref());
        spec = Some(loaded);
        problems = found;
    }
    (spec.unwrap_or_default(), problems)
}

/// Loads one revision that has no problem.
pub(crate) fn good(text: &str) -> Spec {
    let (spec, problems) = load_all(&[text]);
    assert_eq!(problems, [], "the fixture has problems");
    spec
}
