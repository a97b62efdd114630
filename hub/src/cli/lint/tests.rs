//! One file without the others.

use capstan_proto::SourceName;

use super::{FLEET_FILE_ALONE, MANIFEST_ALONE, check_alone, one_file, trees};

/// The problems of a file of this name and text, and the note.
fn alone(name: &str, text: &str) -> (Vec<String>, &'static str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    let tree = one_file(&path).unwrap();
    let (problems, note) = check_alone(&trees(SourceName::try_new("fleet").unwrap(), tree));
    let problems = problems.iter().map(ToString::to_string).collect();
    (problems, note)
}

#[test]
fn a_file_alone_has_no_problems_with_what_others_declare() {
    let text = "\
apiVersion: capstan.dev/v1alpha1
kind: Placement
metadata: {name: p}
spec: {bundles: [web], clusters: [{groups: [europe]}, {names: [a]}]}
---
apiVersion: capstan.dev/v1alpha1
kind: Bundle
metadata: {name: api}
spec: {path: apps/api, dependsOn: [db]}
";
    assert_eq!(alone("p.yaml", text), (vec![], FLEET_FILE_ALONE));
    let bad = text.replace("dependsOn", "dependOn");
    let (problems, note) = alone("p.yaml", &bad);
    assert_eq!(note, FLEET_FILE_ALONE);
    assert_eq!(
        problems,
        ["p.yaml:9:24: error[E0102]: `spec` has no field `dependOn` (did you mean `dependsOn`?)"]
    );
}

#[test]
fn a_file_that_is_not_ours_is_read_as_a_manifest() {
    let good = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}"#;
    assert_eq!(alone("c.json", good), (vec![], MANIFEST_ALONE));
    let (problems, _) = alone("c.json", &good.replace("}}", "},}"));
    assert_eq!(
        problems,
        ["c.json:1:69: error[E0401]: this is not JSON: trailing comma"]
    );
    let (problems, _) = alone("c.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    assert_eq!(
        problems,
        ["c.yaml:1:1: error[E0402]: the manifest has no `metadata.name`"]
    );
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("README.md");
    std::fs::write(&path, "").unwrap();
    let error = one_file(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "README.md is no .yaml, .yml or .json file"
    );
}
