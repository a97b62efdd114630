//! Tests of the sample fleet.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

#[test]
fn cluster_names_are_unique_and_cover_the_environments() {
    let clusters = clusters(20);
    let names: BTreeSet<_> = clusters.iter().map(|cluster| &cluster.name).collect();
    assert_eq!(names.len(), 20);
    let first: Vec<_> = clusters[..5]
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    assert_eq!(
        first,
        [
            "dev-eu-1",
            "staging-us-1",
            "prod-eu-1",
            "prod-us-1",
            "prod-ap-1"
        ]
    );
}

#[test]
fn every_sample_file_is_embedded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    let mut on_disk = BTreeSet::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                on_disk.insert(path.strip_prefix(&root).unwrap().display().to_string());
            }
        }
    }
    let embedded: BTreeSet<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(embedded, on_disk);
}
