//! Reading trees: what is listed, what is refused, and where the limits are.

use std::collections::BTreeMap;

use git2::Oid;

use super::Origin;
use crate::git::{Files, Limits, Problem, Refusal};

/// The files of one commit with these entries, read below `path`.
fn read(entries: &[(&str, &str, i32)], path: &str, limits: Limits) -> Result<Files, Problem> {
    let origin = Origin::new();
    let entries: Vec<(&str, Oid, i32)> = entries
        .iter()
        .map(|(path, content, mode)| {
            (
                *path,
                origin.repository.blob(content.as_bytes()).unwrap(),
                *mode,
            )
        })
        .collect();
    let tree = origin.tree_of(&entries);
    let revision = origin.commit_tree(&[], "main", tree);
    origin.follow().poll(None)?;
    origin.tree(&revision, path, limits)?.files()
}

fn names(files: &Files) -> Vec<&str> {
    files.files.keys().map(String::as_str).collect()
}

const FILE: i32 = 0o100_644;

#[test]
fn files_below_the_path_are_listed_in_order_with_their_sizes() {
    let entries = [
        ("fleet/b.yaml", "bb", FILE),
        ("fleet/a/c.yaml", "ccc", FILE),
        ("fleet/run.sh", "", 0o100_755),
        ("other/d.yaml", "d", FILE),
        ("e.yaml", "e", FILE),
    ];
    let files = read(&entries, "fleet", Limits::default()).unwrap();
    assert_eq!(names(&files), ["a/c.yaml", "b.yaml", "run.sh"]);
    assert_eq!(files.files["a/c.yaml"].bytes, 3);
    assert!(files.files["run.sh"].executable && !files.files["b.yaml"].executable);
    assert_eq!(files.refused, BTreeMap::new());
    let all = read(&entries, "", Limits::default()).unwrap();
    assert_eq!(names(&all).len(), 5);
    let deeper = read(&entries, "fleet/a", Limits::default()).unwrap();
    assert_eq!(names(&deeper), ["c.yaml"]);
}

#[test]
fn a_missing_path_is_a_problem_and_not_an_empty_fleet() {
    let entries = [("fleet/a.yaml", "1", FILE)];
    for path in ["flet", "fleet/a.yaml", "fleet/b"] {
        let problem = read(&entries, path, Limits::default()).unwrap_err();
        assert!(matches!(problem, Problem::NoPath { .. }), "{problem}");
    }
}

#[test]
fn links_and_submodules_are_refused_by_name() {
    let origin = Origin::new();
    let blob = origin.repository.blob(b"/etc/passwd").unwrap();
    let commit = Oid::from_str("0123456789012345678901234567890123456789").unwrap();
    let tree = origin.tree_of(&[
        ("ok.yaml", blob, FILE),
        ("link.yaml", blob, 0o120_000),
        ("sub", commit, 0o160_000),
    ]);
    let revision = origin.commit_tree(&[], "main", tree);
    origin.follow().poll(None).unwrap();
    let files = origin
        .tree(&revision, "", Limits::default())
        .unwrap()
        .files()
        .unwrap();
    assert_eq!(names(&files), ["ok.yaml"]);
    assert_eq!(files.refused["link.yaml"], Refusal::SymbolicLink);
    assert_eq!(files.refused["sub"], Refusal::Submodule);
}

/// A tree object with any names at all, as a hostile server would send it.
fn hostile(origin: &Origin, entries: &[(&[u8], &str, Oid)]) -> Oid {
    let mut bytes = Vec::new();
    for (name, mode, oid) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(oid.as_bytes());
    }
    origin
        .repository
        .odb()
        .unwrap()
        .write(git2::ObjectType::Tree, &bytes)
        .unwrap()
}

#[test]
fn names_that_could_lead_astray_are_refused() {
    let origin = Origin::new();
    let blob = origin.repository.blob(b"x").unwrap();
    let inner = hostile(&origin, &[(b"evil.yaml", "100644", blob)]);
    let entries: [(&[u8], &str, Oid); 7] = [
        (b"..", "40000", inner),
        (b".GIT", "40000", inner),
        (b".git", "40000", inner),
        (b"a\\b.yaml", "100644", blob),
        (b"bell\x07.yaml", "100644", blob),
        (b"latin\xe9.yaml", "100644", blob),
        (b"ok.yaml", "100644", blob),
    ];
    let tree = hostile(&origin, &entries);
    let revision = origin.commit_tree(&[], "main", tree);
    // Past the fetch, whose own checks may refuse such a tree already.
    let source = origin.source();
    let read = crate::git::Tree::open(&origin.path(), &source, &revision, Limits::default());
    let files = read.unwrap().files().unwrap();
    assert_eq!(names(&files), ["ok.yaml"]);
    assert_eq!(files.refused.len(), 6);
    assert!(
        files
            .refused
            .values()
            .any(|refusal| *refusal == Refusal::NotUtf8)
    );
    let shown: String = files.refused.keys().cloned().collect();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}

#[test]
fn a_tree_that_names_itself_many_times_ends_at_a_limit() {
    let origin = Origin::new();
    let blob = origin.repository.blob(b"x").unwrap();
    let mut tree = hostile(&origin, &[(b"a.yaml", "100644", blob)]);
    for _ in 0..12 {
        let names: Vec<String> = (0..10).map(|at| format!("d{at}")).collect();
        let entries: Vec<(&[u8], &str, Oid)> = names
            .iter()
            .map(|name| (name.as_bytes(), "40000", tree))
            .collect();
        tree = hostile(&origin, &entries);
    }
    let revision = origin.commit_tree(&[], "main", tree);
    origin.follow().poll(None).unwrap();
    let problem = origin
        .tree(&revision, "", Limits::default())
        .unwrap()
        .files()
        .unwrap_err();
    assert!(matches!(problem, Problem::TooMuch { .. }), "{problem}");
    assert!(
        problem.to_string().contains("more than 20000 files"),
        "{problem}"
    );
}

#[test]
fn each_limit_refuses_the_whole_or_the_file_in_words() {
    let large = "x".repeat(100);
    let entries = [
        ("a.yaml", "1", FILE),
        ("b/c/d.yaml", "1", FILE),
        ("big.yaml", large.as_str(), FILE),
        ("big.png", large.as_str(), FILE),
    ];
    let usual = Limits::default();
    let whole = |limits, words: &str| {
        let problem = read(&entries, "", limits).unwrap_err();
        assert!(problem.to_string().contains(words), "{problem}");
    };
    whole(Limits { files: 3, ..usual }, "more than 3 files");
    whole(
        Limits {
            entries: 4,
            ..usual
        },
        "more than 4 files and folders",
    );
    whole(Limits { depth: 1, ..usual }, "deeper than 1");
    whole(
        Limits {
            total_bytes: 50,
            ..usual
        },
        "MiB of YAML and JSON",
    );
    let files = read(
        &entries,
        "",
        Limits {
            blob_bytes: 50,
            ..usual
        },
    )
    .unwrap();
    assert_eq!(files.refused["big.yaml"], Refusal::TooLarge);
    assert_eq!(names(&files), ["a.yaml", "b/c/d.yaml", "big.png"]);
}

#[test]
fn contents_are_read_by_their_ids_and_within_the_limit() {
    let origin = Origin::new();
    let revision = origin.commit("main", &[("a.yaml", "one"), ("b.txt", "two")]);
    origin.follow().poll(None).unwrap();
    let tree = origin.tree(&revision, "", Limits::default()).unwrap();
    let files = tree.files().unwrap();
    let read = tree
        .read_all(&files, |path| path.ends_with(".yaml"))
        .unwrap();
    assert_eq!(
        read,
        BTreeMap::from([("a.yaml".to_owned(), b"one".to_vec())])
    );
    let small = origin
        .tree(
            &revision,
            "",
            Limits {
                blob_bytes: 2,
                ..Limits::default()
            },
        )
        .unwrap();
    let problem = small.read(&files.files["b.txt"].blob).unwrap_err();
    assert!(matches!(problem, Problem::TooMuch { .. }), "{problem}");
}

#[test]
fn equal_files_have_an_equal_tree_id() {
    let origin = Origin::new();
    let one = origin.commit("main", &[("fleet/a.yaml", "1"), ("docs/x", "1")]);
    let two = origin.commit("main", &[("fleet/a.yaml", "1"), ("docs/x", "2")]);
    origin.follow().poll(None).unwrap();
    let id = |revision, path| {
        origin
            .tree(revision, path, Limits::default())
            .unwrap()
            .files()
            .unwrap()
            .tree
    };
    assert_eq!(id(&one, "fleet"), id(&two, "fleet"));
    assert_ne!(id(&one, ""), id(&two, ""));
}
