//! How scripts are read.

use super::{Line, parse};

#[test]
fn a_document_of_ours_stays_on_its_lines() {
    let text = "-- a.yaml\n@Cluster {name: a, labels: {env: prod}}\n@Group {name: g} {\n  x: {}}\n";
    let head = "--- {apiVersion: capstan.dev/v1alpha1, kind:";
    let content = format!(
        "{head} Cluster, metadata: {{name: a, labels: {{env: prod}}}}}}\n{head} Group, metadata: {{name: g}}, spec: {{\n  x: {{}}}}}}\n"
    );
    let path = "a.yaml".to_owned();
    assert_eq!(parse(text).unwrap(), [Line::File { path, content }]);
}

#[test]
fn words_in_quotes_are_one_word() {
    let words = ["hub", "lint", "a b"].map(str::to_owned).to_vec();
    let text = "hub lint 'a b'".to_owned();
    assert_eq!(
        parse("$ hub lint 'a b'\n").unwrap(),
        [Line::Call { text, words }]
    );
}
