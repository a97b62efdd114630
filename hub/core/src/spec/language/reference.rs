//! The language as Markdown: every kind, and every map that kinds share, with its fields.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{DOCUMENT, Field, Format, METADATA, Map, Shape, spec_of};
use crate::spec::document::Kind;

const INFALLIBLE: &str = "writing to a string cannot fail";

/// Every kind and field.
pub(super) fn reference() -> String {
    let mut out = String::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut later: Vec<&'static Map> = Vec::new();
    section(&mut out, "Every document", &DOCUMENT);
    section(&mut out, "`metadata`", &METADATA);
    seen.extend([DOCUMENT.title, METADATA.title]);
    for kind in Kind::ALL {
        let spec = spec_of(kind);
        section(&mut out, &format!("{} `spec`", kind.as_str()), spec);
        inner(spec, &mut seen, &mut later);
    }
    let mut index = 0;
    while let Some(map) = later.get(index).copied() {
        section(&mut out, map.title, map);
        inner(map, &mut seen, &mut later);
        index += 1;
    }
    out
}

/// The maps that a map's fields hold, where they were not met yet.
fn inner(map: &'static Map, seen: &mut BTreeSet<&'static str>, later: &mut Vec<&'static Map>) {
    for field in map.known() {
        for inner in maps_of(&field.shape) {
            if seen.insert(inner.title) {
                later.push(inner);
            }
        }
    }
}

fn maps_of(shape: &'static Shape) -> Vec<&'static Map> {
    match shape {
        Shape::Map(map) => vec![map],
        Shape::List(of) | Shape::Loose(of) => maps_of(of),
        Shape::Either(shapes) => shapes.iter().flat_map(maps_of).collect(),
        _ => Vec::new(),
    }
}

fn section(out: &mut String, title: &str, map: &Map) {
    writeln!(out, "### {title}\n\n{}\n", map.doc).expect(INFALLIBLE);
    writeln!(
        out,
        "| field | type | default | meaning |\n|---|---|---|---|"
    )
    .expect(INFALLIBLE);
    for field in map.known() {
        let Field { name, doc, .. } = field;
        let words = match &field.shape {
            Shape::Word(words) if !std::ptr::eq(map, &DOCUMENT) => words
                .iter()
                .map(|(word, doc)| format!("<br>`{word}`: {doc}"))
                .collect(),
            _ => String::new(),
        };
        let default = match (field.required, field.default) {
            (true, _) => "(required)".to_owned(),
            (false, "") => String::new(),
            (false, default) => format!("`{default}`"),
        };
        let kind = escape(&describe(&field.shape));
        let doc = escape(&format!("{doc}{words}"));
        writeln!(out, "| `{name}` | {kind} | {default} | {doc} |").expect(INFALLIBLE);
    }
    let later: Vec<_> = map.fields.iter().filter(|field| field.later).collect();
    if !later.is_empty() {
        let names: Vec<_> = later
            .iter()
            .map(|field| format!("`{}`", field.name))
            .collect();
        let names = names.join(", ");
        writeln!(
            out,
            "\nRefused until a later version obeys it (E0111): {names}."
        )
        .expect(INFALLIBLE);
    }
    out.push('\n');
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A shape as the column of types has it.
fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Text(Format::Label) => "DNS label".to_owned(),
        Shape::Text(Format::Percent) => "`N%`".to_owned(),
        Shape::Text(Format::Duration) => "duration".to_owned(),
        Shape::Text(Format::Revision) => "tag or commit".to_owned(),
        Shape::Text(Format::Field) => "path".to_owned(),
        Shape::Text(Format::Template | Format::Filled) => "string, `${...}`".to_owned(),
        Shape::Text(_) => "string".to_owned(),
        Shape::Bool => "true or false".to_owned(),
        Shape::Integer { min, .. } if *min >= 0 => format!("whole number, at least {min}"),
        Shape::Integer { .. } => "whole number".to_owned(),
        Shape::Word(_) => "word".to_owned(),
        Shape::Map(map) => anchor(map.title),
        Shape::List(of) => format!("list of {}, not empty", describe(of)),
        Shape::Loose(of) => format!("list of {}", describe(of)),
        Shape::Strings(Format::Template) => "map of strings, `${...}`".to_owned(),
        Shape::Strings(_) => "map of strings".to_owned(),
        Shape::Variables => "map of strings, numbers, truth values".to_owned(),
        Shape::Object => "map, `${...}`".to_owned(),
        Shape::Any => "anything, `${...}`".to_owned(),
        Shape::Opaque => "see each kind".to_owned(),
        Shape::Either(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(describe).collect();
            shapes.join(", or ")
        }
    }
}

fn anchor(title: &str) -> String {
    format!("[{title}](#{})", title.to_lowercase())
}
