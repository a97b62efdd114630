//! A checked document to what it declares, and the parts that kinds share.
//!
//! The tables of the language have said what is wrong with shapes before: a decoder passes over
//! what does not fit in silence, and finds what no table can say.

mod bundle;
mod cluster;
mod expression;
mod health;
mod patch;
mod placement;
mod term;

pub(super) use bundle::bundle;
pub(super) use cluster::{cluster, group, template};
pub(super) use placement::placement;
pub(super) use term::{term_list, terms};

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::{BundleName, SourceName};

use super::check::{scalar, shown};
use super::fields::Reader;
use super::{GroupName, Reference, Text, Variable, Variables};
use crate::problem::{Code, Problem};
use crate::template::{self, VariableError};
use crate::yaml::{Node, Value};

/// The text of a field.
pub(super) fn text_of<'n>(node: &'n Node, field: &str) -> Option<&'n str> {
    node.get(field).and_then(Node::text)
}

/// The items of a field.
pub(super) fn items_of<'n>(node: &'n Node, field: &str) -> &'n [Node] {
    node.get(field).map_or(&[], Node::items)
}

/// The texts among the items of a field.
fn texts_of<'n>(node: &'n Node, field: &str) -> impl Iterator<Item = (&'n Node, &'n str)> {
    let items = items_of(node, field).iter();
    items.filter_map(|item| item.text().map(|text| (item, text)))
}

/// A truth value; false when it is not there.
fn flag(node: &Node, field: &str) -> bool {
    node.get(field)
        .is_some_and(|node| node.value == Value::Bool(true))
}

/// A whole number.
fn integer(node: &Node, field: &str) -> Option<i64> {
    match &node.get(field)?.value {
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

/// One of several words; the first is the default.
fn word<T: Copy>(node: &Node, field: &str, words: &[(&str, T)]) -> T {
    let text = text_of(node, field);
    let found = words.iter().find(|(word, _)| Some(*word) == text);
    found.unwrap_or(&words[0]).1
}

/// A map of texts.
pub(super) fn strings(node: &Node, field: &str) -> BTreeMap<String, String> {
    let members = node.get(field).map_or(&[][..], Node::members).iter();
    members
        .filter_map(|(key, value)| Some((key.text.clone(), value.text()?.to_owned())))
        .collect()
}

/// A text in which variables are substituted.
fn template_text(reader: &Reader<'_>, node: &Node) -> Option<Text> {
    Some(Text {
        at: reader.at(node),
        raw: node.text()?.to_owned(),
    })
}

/// Whether a text has nothing to substitute.
fn is_literal(text: &str) -> bool {
    !text.contains("${")
}

/// A list of names of other documents.
fn references<N: Ord + Clone>(
    reader: &mut Reader<'_>,
    node: &Node,
    field: &str,
    parse: impl Fn(&SourceName, &str) -> Result<N, String>,
) -> Vec<Reference<N>> {
    let mut found: Vec<Reference<N>> = Vec::new();
    let mut seen = BTreeSet::new();
    // Where a name uses variables, the tables said so.
    let named = texts_of(node, field).filter(|(_, text)| is_literal(text));
    for (item, text) in named {
        match parse(reader.source, text) {
            Ok(name) if seen.contains(&name) => {
                let message = format!("`{}` is named twice", shown(text));
                let problem = Problem::warning(&reader.at(item), Code::DuplicateName, message);
                reader.push(problem, "");
            }
            Ok(name) => {
                seen.insert(name.clone());
                found.push(Reference {
                    at: reader.at(item),
                    name,
                });
            }
            Err(message) => {
                let hint = match field {
                    "templates" => "name a ClusterTemplate of the same source",
                    _ => "a name of the same source, or source/name",
                };
                reader.error(item, Code::BadName, message, hint);
            }
        }
    }
    found
}

/// `name` of the same source, or `source/name`.
fn scoped<'t>(own: &SourceName, text: &'t str) -> Result<(SourceName, &'t str), String> {
    match text.split_once('/') {
        None => Ok((own.clone(), text)),
        Some((source, name)) => {
            let source = SourceName::try_new(source).map_err(|error| error.to_string())?;
            Ok((source, name))
        }
    }
}

/// A bundle of the same source, or of another one.
fn bundle_name(own: &SourceName, text: &str) -> Result<BundleName, String> {
    let (source, name) = scoped(own, text)?;
    BundleName::try_new(source, name).map_err(|error| error.to_string())
}

/// A group of the same source, or of another one.
fn group_name(own: &SourceName, text: &str) -> Result<GroupName, String> {
    let (source, name) = scoped(own, text)?;
    GroupName::try_new(source, name).map_err(|error| error.to_string())
}

/// `variables`: strings, numbers and truth values by name.
fn variables(reader: &mut Reader<'_>, node: &Node) -> Variables {
    let mut variables = Variables::new();
    for (key, value) in node.get("variables").map_or(&[][..], Node::members) {
        let scalar = scalar(value);
        let good = template::is_name(&key.text)
            && value
                .text()
                .is_none_or(|text| template::parse(text).is_ok());
        if let (Some(scalar), true) = (scalar, good) {
            let at = reader.at(value);
            variables.insert(key.text.clone(), Variable { at, value: scalar });
        }
    }
    circles(reader, &variables);
    variables
}

/// Variables of one map that use each other in a circle can never have values.
fn circles(reader: &mut Reader<'_>, variables: &Variables) {
    for (name, error) in template::circles(variables) {
        let VariableError::Cycle { names } = &error else {
            continue;
        };
        // One problem a circle: at its least member.
        if names.iter().min() == Some(&name) {
            let at = &variables[&name].at;
            let problem = Problem::error(at, Code::VariableCycle, error.to_string());
            reader.push(problem, "give one of them a value of its own");
        }
    }
}

/// A path, made relative to the source's path: from there, or from the file's directory where it
/// begins with `./`. It may use variables.
fn relative(reader: &mut Reader<'_>, node: &Node, field: &str) -> Option<String> {
    let text = node.text()?;
    let bad = |reader: &mut Reader<'_>, why: &str, hint: &str| {
        reader.error(node, Code::BadValue, format!("`{field}` {why}"), hint);
        None
    };
    if text.is_empty() || text.starts_with('/') {
        let hint = "begin at the source's path, or with ./";
        return bad(reader, "must be relative", hint);
    }
    let directory = reader.path.rsplit_once('/').map_or("", |(d, _)| d);
    // What is literal in the name of a directory stays so.
    let base = match text == "." || text.starts_with("./") {
        true => directory.replace("${", "$${"),
        false => String::new(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(outside_variables(text)) {
        match part {
            "" | "." => {}
            ".." => return bad(reader, "cannot go up", "name a directory below"),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The parts of a path; a `/` inside `${...}` belongs to a name.
fn outside_variables(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    let mut before = '\0';
    text.split(move |c| {
        inside = match c {
            '{' if before == '$' => true,
            '}' => false,
            _ => inside,
        };
        before = c;
        c == '/' && !inside
    })
}
