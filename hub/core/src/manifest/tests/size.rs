//! Bundles that are too large are refused, each with the limit.

use std::fmt::Write as _;

use super::rendered;
use crate::fixture::trees;
use crate::limits;
use crate::manifest::Rendered;
use crate::manifest::size::too_many_bytes;
use crate::problem::Problem;

/// What is wrong with a bundle of this content.
fn problems(bundle: &str, files: &str) -> Vec<Problem> {
    let text = format!(
        "@Cluster a\n@Bundle web\nspec: {{path: w{bundle}}}\n@Placement p\nspec: {{bundles: [web], clusters: [{{}}]}}\n{files}"
    );
    let rendered = rendered(&trees(1, &text), &Rendered::default());
    rendered.problems().cloned().collect()
}

fn maps(count: usize, data: &str) -> String {
    let mut text = "== w/maps.yaml\n".to_owned();
    for n in 0..count {
        let map = "apiVersion: v1, kind: ConfigMap, metadata";
        writeln!(
            text,
            "---\n{{{map}: {{name: m-{n}}}, data: {{x: '{data}'}}}}"
        )
        .unwrap();
    }
    text
}

fn told(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_bundle_has_no_more_objects_than_the_limit() {
    let found = problems("", &maps(limits::BUNDLE_OBJECTS_MAX + 1, ""));
    let expected = "fleet.yaml:9:14: error[E0116]: the bundle has more than 20000 objects on a (make several bundles of it)";
    assert_eq!(told(&found), [expected]);
    assert_eq!(problems("", &maps(limits::BUNDLE_OBJECTS_MAX, "")), []);
}

#[test]
fn values_do_not_multiply_a_bundle_beyond_its_limit() {
    let long = "x".repeat(limits::VARIABLE_BYTES_MAX - 10);
    let variables = format!(", substitute: true, variables: {{x: {long}}}");
    let count = limits::BUNDLE_BYTES_MAX / limits::VARIABLE_BYTES_MAX;
    let found = problems(&variables, &maps(count + 1, "${x}"));
    let expected = "fleet.yaml:9:14: error[E0116]: the bundle's objects have more than 67108864 bytes on a (make several bundles of it)";
    assert_eq!(told(&found), [expected]);
    assert_eq!(problems(&variables, &maps(count / 2, "${x}")), []);
}

#[test]
fn the_files_of_a_directory_have_no_more_bytes_than_the_limit() {
    let third = limits::BUNDLE_BYTES_MAX / 3;
    let files = [("w/a", third), ("w/b", third), ("w/c", third), ("w/d", 2)];
    let found = too_many_bytes(files.into_iter(), "w");
    let message = "with this file, `w` has more than 67108864 bytes of manifests";
    assert_eq!(found, Some(("w/d", message.to_owned())));
    assert_eq!(too_many_bytes(files.into_iter().take(3), "w"), None);
}
