//! A document against the tables of the language: unknown fields, wrong types, missing fields,
//! words and texts that nothing allows. What is left for the decoders is what no table can say.

mod rewrite;
mod unknown;

use rewrite::rewritten;
use unknown::{Within, unknown};

use capstan_proto::limits::HEALTH_CHECKS_MAX;

use super::fields::Reader;
use super::format::percent;
use super::language::{self, Choice, Field, Format, Map, Shape, habits};
use crate::limits;
use crate::problem::{Code, Problem, allowed, did_you_mean};
use crate::template::{self, Scalar};
use crate::yaml::{Lost, Node, Numeral, Value};

/// Checks the value of a field that people call `path`.
pub(super) fn check(reader: &mut Reader<'_>, node: &Node, path: &str, shape: &Shape) {
    match (shape, &node.value) {
        (Shape::Text(format), Value::Text(text)) => check_text(reader, node, path, text, *format),
        (Shape::Bool, Value::Bool(_)) => {}
        (Shape::Integer { min, max }, Value::Number(number)) => {
            check_integer(reader, node, path, number, (*min, *max));
        }
        (Shape::Word(words), Value::Text(text)) => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            if !known.contains(&text.as_str()) {
                let message = format!("`{path}` cannot be `{}`", shown(text));
                let hint = habits::value(text, &known);
                let hint = hint.unwrap_or_else(|| did_you_mean(text, &known));
                reader.error(node, Code::BadValue, message, &hint);
            }
        }
        (Shape::Map(map), Value::Map(_)) => check_map(reader, node, path, map),
        // Nothing at all is a map that says nothing.
        (Shape::Map(map), Value::Null) => check_map(reader, node, path, map),
        (Shape::Strings(_) | Shape::Variables | Shape::Object, Value::Null) => {}
        (Shape::Loose(_), Value::Null) => {}
        (Shape::List(of), Value::List(items)) if !items.is_empty() => {
            for item in within(reader, node, path, items, of) {
                check_item(reader, item, path, of);
            }
        }
        (Shape::List(_), Value::List(_) | Value::Null) => empty(reader, node, path),
        (Shape::Loose(of), Value::List(items)) => {
            for item in within(reader, node, path, items, of) {
                check_item(reader, item, path, of);
            }
        }
        (Shape::Strings(format), Value::Map(members)) => {
            for (key, value) in members {
                let path = format!("{path}.{}", shown(&key.text));
                let noted = *format == Format::Note;
                let refused = Format::Any.refuse(&path, &key.text);
                if let Some((code, message, hint)) = refused.filter(|_| !noted) {
                    reader.push(Problem::error(&reader.at_key(key), code, message), &hint);
                }
                check(reader, value, &path, &Shape::Text(*format));
            }
        }
        (Shape::Variables, Value::Map(_)) => check_variables(reader, node, path),
        (Shape::Object, Value::Map(_)) | (Shape::Any, _) => {
            templates(reader, node);
            numbers(reader, node);
        }
        (Shape::Either(shapes), Value::Text(text)) if takes_number(shapes, text) => {
            let message = format!("`{path}` cannot be the string \"{}\"", shown(text));
            let hint = format!("write it without quotes: {}", shown(text));
            reader.error(node, Code::BadValue, message, &hint);
        }
        (Shape::Either(shapes), Value::Text(text))
            if shapes.iter().any(is_integer) && percent(text).is_none() =>
        {
            let message = format!("`{path}` cannot be `{}`", shown(text));
            let hint = "write a whole number, or 0% to 100%; leave it out for all";
            reader.error(node, Code::BadValue, message, hint);
        }
        (Shape::Either(shapes), value) => match shapes.iter().find(|shape| fits(shape, value)) {
            Some(shape) => check(reader, node, path, shape),
            None => wrong_type(reader, node, path, shape),
        },
        (Shape::Opaque, _) => {}
        _ => wrong_type(reader, node, path, shape),
    }
}

/// Tells of a value of another type than the field has, and how it is written right.
fn wrong_type(reader: &mut Reader<'_>, node: &Node, path: &str, shape: &Shape) {
    let hint = match (rewritten(reader, node, path, shape), shape, &node.value) {
        (Some(text), Shape::Bool, Value::Text(word)) if *word != text => {
            format!("write {text}; in YAML 1.2 `{}` is a string", shown(word))
        }
        (Some(text), Shape::Bool, _) => format!("write {text} without quotes"),
        (Some(text), ..) => format!("write {text}"),
        (None, Shape::Word(words), _) => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            allowed(&known)
        }
        (None, ..) => {
            habits::example(shape).map_or_else(String::new, |example| format!("as in {example}"))
        }
    };
    let message = format!(
        "`{path}` must be {}, not {}",
        shape.noun(),
        node.type_name()
    );
    reader.error(node, Code::WrongType, message, &hint);
}

const GROUPS: &str = "name groups instead";

/// The items of a list that is not too long.
fn within<'n>(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &str,
    items: &'n [Node],
    of: &Shape,
) -> &'n [Node] {
    let (max, hint) = match of {
        Shape::Map(map) if std::ptr::eq(*map, &language::TERM) => (limits::TERMS_MAX, GROUPS),
        Shape::Map(map) if std::ptr::eq(*map, &language::HEALTH_CHECK) => {
            (HEALTH_CHECKS_MAX, "join what is asked of one kind with &&")
        }
        _ => (limits::LIST_ITEMS_MAX, GROUPS),
    };
    if items.len() <= max {
        return items;
    }
    let message = format!(
        "`{path}` has {} items; more than {max} are not read",
        items.len()
    );
    reader.error(node, Code::TooMuch, message, hint);
    &[]
}

/// Items are never nothing: `- ` in a list of terms would be every cluster.
fn check_item(reader: &mut Reader<'_>, item: &Node, path: &str, of: &Shape) {
    match item.value {
        Value::Null => wrong_type(reader, item, path, of),
        _ => check(reader, item, path, of),
    }
}

/// Whether a text would be the number that may stand there, without its quotes.
fn takes_number(shapes: &[Shape], text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits && shapes.iter().any(is_integer)
}

const fn is_integer(shape: &Shape) -> bool {
    matches!(shape, Shape::Integer { .. })
}

fn fits(shape: &Shape, value: &Value) -> bool {
    matches!(
        (shape, value),
        (Shape::Text(_) | Shape::Word(_), Value::Text(_))
            | (Shape::Integer { .. }, Value::Number(_))
            | (Shape::Map(_) | Shape::Object, Value::Map(_))
    )
}

fn required_list(reader: &mut Reader<'_>, node: &Node, path: &str, shape: &Shape) {
    if matches!(node.value, Value::Map(_)) {
        return wrong_type(reader, node, path, shape);
    }
    let hint = match path {
        "spec.clusters" => "name something; `[{}]` is every cluster",
        _ => "name something",
    };
    reader.error(node, Code::EmptyList, format!("`{path}` is empty"), hint);
}

fn empty(reader: &mut Reader<'_>, node: &Node, path: &str) {
    let field = path.rsplit('.').next().unwrap_or(path);
    let hint = format!("leave `{field}` out, or name something");
    let message = format!("`{path}` is empty");
    reader.error(node, Code::EmptyList, message, &hint);
}

/// Checks a map; `path` is how people call it.
pub(super) fn check_map(reader: &mut Reader<'_>, node: &Node, path: &str, map: &Map) {
    // Fields that were meant by misspelt ones: they count as there.
    let mut meant = Vec::new();
    let mut is_known = true;
    for (key, value) in node.members() {
        let Some(field) = map.field(&key.text) else {
            is_known = false;
            let within = Within { node, path, map };
            let field = unknown(reader, within, (key, value), &meant);
            meant.extend(field.map(|field| field.name));
            continue;
        };
        check_field(reader, value, &whole(path, map, field.name), field);
    }
    for field in map.known().filter(|field| field.required) {
        if node.get(field.name).is_none() && !meant.contains(&field.name) {
            reader.missing(node, path, field);
        }
    }
    check_choice(reader, node, (path, map), is_known);
}

/// Checks the value of a field that people call `path`.
fn check_field(reader: &mut Reader<'_>, value: &Node, path: &str, field: &Field) {
    match (&field.shape, is_nothing(value)) {
        (Shape::List(_), true) if field.required => {
            required_list(reader, value, path, &field.shape);
        }
        _ => check(reader, value, path, &field.shape),
    }
}

/// How people call a field: `metadata` and `spec` have these names, of whatever kind.
fn whole(path: &str, map: &Map, field: &str) -> String {
    match std::ptr::eq(map, &language::DOCUMENT) {
        true => field.to_owned(),
        false => format!("{path}.{field}"),
    }
}

/// `is_known`: whether every field is one of the map; else nobody knows what it says.
fn check_choice(reader: &mut Reader<'_>, node: &Node, (path, map): (&str, &Map), is_known: bool) {
    let (names, exactly) = match map.choice {
        Choice::Free => return,
        Choice::OneOf(names) => (names, true),
        Choice::AnyOf(names) => (names, false),
    };
    let given: Vec<_> = names
        .iter()
        .filter(|name| node.get(name).is_some())
        .collect();
    let says_something = given
        .iter()
        .any(|name| node.get(name).is_some_and(|value| !is_nothing(value)));
    match given.as_slice() {
        [_, second, ..] if exactly => {
            let at = node.members().iter().find(|(key, _)| key.text == **second);
            let at = at.map_or(node, |(_, value)| value);
            let message = format!("`{path}` takes one of {}, not both", listed(names));
            reader.error(at, Code::BadValue, message, "leave one of them out");
        }
        [_, ..] if exactly || says_something => {}
        _ if !is_known => {}
        _ => {
            let message = format!("`{path}` says nothing");
            let hint = format!("give it {}", listed(names));
            reader.error(node, Code::MissingField, message, &hint);
        }
    }
}

fn is_nothing(value: &Node) -> bool {
    match &value.value {
        Value::Null => true,
        // `helm: {values: {}}` says as little as `helm: {}`.
        Value::Map(members) => members
            .iter()
            .all(|(_, member)| matches!(&member.value, Value::Map(inner) if inner.is_empty())),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

fn check_integer(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &str,
    number: &Numeral,
    (min, max): (i64, i64),
) {
    let long = number.lost() == Some(Lost::TooLong);
    let below = number.as_f64().is_some_and(|number| number < 0.0);
    let bound = match number.as_i64() {
        Some(number) if number < min => format!("at least {min}"),
        Some(number) if number <= max => return,
        None if !long => return fractional(reader, node, path, number),
        None if below => format!("at least {min}"),
        _ => format!("at most {max}"),
    };
    let number = shown(&number.to_string());
    let message = format!("`{path}` must be {bound}, not {number}");
    reader.error(node, Code::BadValue, message, "");
}

/// A number with a fraction where a whole one is wanted.
fn fractional(reader: &mut Reader<'_>, node: &Node, path: &str, number: &Numeral) {
    let message = format!(
        "`{path}` must be a whole number, not {}",
        shown(&number.to_string())
    );
    let near = number.as_f64().filter(|number| number.abs() < 1e9);
    let hint = match near.map(|number| (number.floor(), number.ceil())) {
        #[expect(clippy::float_cmp, reason = "both are whole numbers")]
        Some((below, above)) if below == above => format!("write {below}"),
        Some((below, above)) => format!("write {below} or {above}"),
        None => String::new(),
    };
    reader.error(node, Code::WrongType, message, &hint);
}

fn check_text(reader: &mut Reader<'_>, node: &Node, path: &str, text: &str, format: Format) {
    match format {
        Format::Template => template_at(reader, node, text),
        Format::Filled if !text.is_empty() => template_at(reader, node, text),
        _ => {
            if let Some((code, message, hint)) = format.refuse(path, text) {
                reader.error(node, code, message, &hint);
            }
        }
    }
}

/// Every text below a value parses as a template.
fn templates(reader: &mut Reader<'_>, node: &Node) {
    match &node.value {
        Value::Text(text) => template_at(reader, node, text),
        Value::List(items) => items.iter().for_each(|item| templates(reader, item)),
        Value::Map(members) => members
            .iter()
            .for_each(|(_, value)| templates(reader, value)),
        _ => {}
    }
}

fn template_at(reader: &mut Reader<'_>, node: &Node, text: &str) {
    if let Err(error) = template::parse(text) {
        let hint = "write `$${` for a literal `${`";
        reader.error(node, Code::BadSubstitution, error.to_string(), hint);
    }
}

/// Every number below a value stays what is written.
fn numbers(reader: &mut Reader<'_>, node: &Node) {
    node.numbers(&mut |node, number| {
        if let Some(problem) = Problem::of_number(&reader.at(node), number) {
            reader.tell(problem);
        }
    });
}

fn check_variables(reader: &mut Reader<'_>, node: &Node, path: &str) {
    for (key, value) in node.members() {
        if !template::is_name(&key.text) {
            let message = format!("`{}` cannot be the name of a variable", shown(&key.text));
            let problem = Problem::error(&reader.at_key(key), Code::BadName, message);
            reader.push(
                problem,
                "use letters, digits, _ and -, beginning with a letter or _",
            );
            continue;
        }
        match scalar(value) {
            Some(Scalar::Text(text)) => template_at(reader, value, &text),
            Some(_) => numbers(reader, value),
            None => {
                let message = format!(
                    "`{path}.{}` must be a string, a number or true or false, not {}",
                    key.text,
                    value.type_name()
                );
                let hint = match value.value {
                    Value::Null => "write \"\" for an empty string",
                    _ => "make several variables of it, or write it as one string",
                };
                reader.error(value, Code::WrongType, message, hint);
            }
        }
    }
}

/// The value of a variable.
pub(super) fn scalar(node: &Node) -> Option<Scalar> {
    match &node.value {
        Value::Text(text) => Some(Scalar::Text(text.clone())),
        Value::Number(number) => Some(Scalar::Number(number.clone())),
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        _ => None,
    }
}

/// A text of a file as it stands in a sentence: not the whole of a megabyte.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn listed(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
