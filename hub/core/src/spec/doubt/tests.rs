//! Tests of doubts.

use std::fmt::Write as _;

use super::{DOUBTS_MAX, Doubt, of_text};
use crate::spec::document::Kind;

#[test]
fn every_name_is_doubted_once_as_every_kind_of_the_file() {
    let text =
        "kind: Bundle\nmetadata: {name: a}\n---\n\"kind\" : \"Bundle\"\n'name':  'b'\nname: a\n";
    let doubt = |name: &str| Doubt {
        kind: Some(Kind::Bundle),
        name: Some(name.to_owned()),
    };
    assert_eq!(of_text(text.as_bytes()), [doubt("a"), doubt("b")]);
}

#[test]
fn a_file_of_many_names_raises_one_doubt_a_kind() {
    let mut text = String::new();
    for n in 0..=DOUBTS_MAX {
        writeln!(text, "kind: Bundle\nname: b-{n}\nkind: Cluster").unwrap();
    }
    let doubts = of_text(text.as_bytes());
    let kinds: Vec<_> = doubts
        .iter()
        .map(|doubt| (doubt.kind, &doubt.name))
        .collect();
    assert_eq!(
        kinds,
        [(Some(Kind::Cluster), &None), (Some(Kind::Bundle), &None)]
    );
}
