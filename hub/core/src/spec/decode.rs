//! The parts that documents share: names, terms, variables, paths, durations.

use std::collections::BTreeSet;

use super::document::check_name;
use super::fields::{Fields, Reader, Schema};
use super::{GroupName, Reference, Variable, Variables};
use crate::problem::{Code, Place, Problem, did_you_mean};
use crate::selector::{Expression, Operator, Pattern, Term};
use crate::template::{self, Scalar, VariableError};
use crate::yaml::{Node, Value};

const TERM: Schema = Schema {
    known: &["matchLabels", "matchExpressions", "names", "groups"],
    later: &["facts", "cel"],
};
const EXPRESSION: Schema = Schema {
    known: &["key", "operator", "values"],
    later: &[],
};

/// Checks `metadata.name`.
pub(super) fn name(reader: &mut Reader<'_>, metadata: Fields<'_>) {
    let Some(node) = metadata.node.get("name") else {
        reader.missing(metadata, "name");
        return;
    };
    if let Some(text) = reader.text(node, "metadata.name")
        && let Err(message) = check_name(text)
    {
        reader.error(node, Code::BadName, message, "");
    }
}

/// A list of selection terms that must be there. `None` when it is not, which is a problem.
pub(super) fn required_terms(
    reader: &mut Reader<'_>,
    fields: Fields<'_>,
    field: &str,
) -> Option<Vec<Term>> {
    if fields.node.get(field).is_none() {
        reader.missing(fields, field);
        return None;
    }
    terms(reader, fields, field)
}

/// A list of selection terms.
pub(super) fn terms(reader: &mut Reader<'_>, fields: Fields<'_>, field: &str) -> Option<Vec<Term>> {
    let items = reader.list(fields, field)?;
    let path = format!("{}.{field}", fields.path);
    Some(
        items
            .iter()
            .filter_map(|item| term(reader, item, &path))
            .collect(),
    )
}

fn term(reader: &mut Reader<'_>, node: &Node, path: &str) -> Option<Term> {
    if node.value == Value::Null {
        reader.wrong_type(node, path, "a map");
        return None;
    }
    let fields = reader.fields(node, path, &TERM)?;
    let match_labels = reader.strings(fields, "matchLabels");
    let expressions = match node.get("matchExpressions") {
        Some(Node {
            value: Value::List(items),
            ..
        }) => items.as_slice(),
        None
        | Some(Node {
            value: Value::Null, ..
        }) => &[],
        Some(other) => {
            reader.wrong_type(other, &format!("{path}.matchExpressions"), "a list");
            &[]
        }
    };
    let match_expressions = expressions
        .iter()
        .filter_map(|e| expression(reader, e))
        .collect();
    let mut names = Vec::new();
    for item in reader.list(fields, "names").unwrap_or_default() {
        if let Some(text) = reader.text(item, "names") {
            names.push(Pattern {
                at: reader.at(item),
                text: text.to_owned(),
            });
        }
    }
    let groups = references(reader, fields, "groups", |reader, text| {
        GroupName::try_new(reader.source.clone(), text).map_err(|error| error.to_string())
    });
    Some(Term {
        at: reader.at(node),
        match_labels,
        match_expressions,
        names,
        groups,
        facts: Vec::new(),
        cel: None,
    })
}

fn expression(reader: &mut Reader<'_>, node: &Node) -> Option<Expression> {
    let path = "matchExpressions";
    let fields = reader.fields(node, path, &EXPRESSION)?;
    for field in ["key", "operator"] {
        if node.get(field).is_none() {
            reader.missing(fields, field);
        }
    }
    let key = reader
        .text(node.get("key")?, "matchExpressions.key")?
        .to_owned();
    let operator_node = node.get("operator")?;
    let operator = reader.text(operator_node, "matchExpressions.operator")?;
    let values = match node.get("values").map(|n| &n.value) {
        None | Some(Value::Null) => BTreeSet::new(),
        Some(Value::List(items)) => {
            let values = reader.string_set(items, "matchExpressions.values");
            if values.is_empty() && !items.is_empty() {
                return None;
            }
            values
        }
        Some(_) => {
            reader.wrong_type(node.get("values")?, "matchExpressions.values", "a list");
            return None;
        }
    };
    let operator = match (operator, values.is_empty()) {
        ("In", false) => Operator::In(values),
        ("NotIn", false) => Operator::NotIn(values),
        ("Exists", true) => Operator::Exists,
        ("DoesNotExist", true) => Operator::DoesNotExist,
        ("In" | "NotIn", true) => {
            let message = format!("`{operator}` needs at least one of `values`");
            reader.error(node, Code::MissingField, message, "");
            return None;
        }
        ("Exists" | "DoesNotExist", false) => {
            let message = format!("`{operator}` takes no `values`");
            reader.error(node, Code::BadValue, message, "use In or NotIn with values");
            return None;
        }
        _ => {
            let message = format!("`{operator}` is no operator");
            let hint = did_you_mean(operator, &["In", "NotIn", "Exists", "DoesNotExist"]);
            reader.error(operator_node, Code::BadValue, message, &hint);
            return None;
        }
    };
    Some(Expression { key, operator })
}

/// A list of names of other documents.
pub(super) fn references<N: PartialEq>(
    reader: &mut Reader<'_>,
    fields: Fields<'_>,
    field: &str,
    parse: impl Fn(&Reader<'_>, &str) -> Result<N, String>,
) -> Vec<Reference<N>> {
    let mut found: Vec<Reference<N>> = Vec::new();
    for item in reader.list(fields, field).unwrap_or_default() {
        let Some(text) = reader.text(item, &format!("{}.{field}", fields.path)) else {
            continue;
        };
        if text.contains('/') {
            let message = "this version does not know names of other sources yet".to_owned();
            reader.error(
                item,
                Code::Unsupported,
                message,
                "name something of the same source",
            );
            continue;
        }
        match parse(reader, text) {
            Ok(name) if found.iter().any(|r| r.name == name) => {
                let problem = Problem::warning(
                    &reader.at(item),
                    Code::DuplicateName,
                    format!("`{text}` is named twice"),
                );
                reader.push(problem, "");
            }
            Ok(name) => found.push(Reference {
                at: reader.at(item),
                name,
            }),
            Err(message) => reader.error(item, Code::BadName, message, ""),
        }
    }
    found
}

/// `variables`: strings, numbers and truth values by name.
pub(super) fn variables(reader: &mut Reader<'_>, fields: Fields<'_>) -> Variables {
    let mut variables = Variables::new();
    let Some(node) = fields.node.get("variables") else {
        return variables;
    };
    let path = format!("{}.variables", fields.path);
    if !matches!(node.value, Value::Map(_) | Value::Null) {
        reader.wrong_type(node, &path, "a map");
    }
    for (key, value) in node.members() {
        if !template::is_name(&key.text) {
            let message = format!("`{}` cannot be the name of a variable", key.text);
            let problem = Problem::error(&reader.at_key(key), Code::BadName, message);
            reader.push(
                problem,
                "use letters, digits, _ and -, beginning with a letter or _",
            );
            continue;
        }
        let scalar = match &value.value {
            Value::Text(text) => Scalar::Text(text.clone()),
            Value::Number(number) => Scalar::Number(number.clone()),
            Value::Bool(value) => Scalar::Bool(*value),
            _ => {
                let path = format!("{path}.{}", key.text);
                reader.wrong_type(value, &path, "a string, a number or true or false");
                continue;
            }
        };
        if let Scalar::Text(text) = &scalar
            && let Err(error) = template::parse(text)
        {
            let hint = "write `$${` for a literal `${`";
            reader.error(value, Code::BadSubstitution, error.to_string(), hint);
            continue;
        }
        variables.insert(
            key.text.clone(),
            Variable {
                at: reader.at(value),
                value: scalar,
            },
        );
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
            let problem =
                Problem::error(&variables[&name].at, Code::VariableCycle, error.to_string());
            reader.push(problem, "give one of them a value of its own");
        }
    }
}

/// `spec.path`, made relative to the source's path.
pub(super) fn path(reader: &mut Reader<'_>, spec: Fields<'_>) -> Option<(String, Place)> {
    let Some(node) = spec.node.get("path") else {
        reader.missing(spec, "path");
        return None;
    };
    let text = reader.text(node, "spec.path")?.to_owned();
    let bad = |reader: &mut Reader<'_>, message: &str, hint: &str| {
        reader.error(node, Code::BadValue, message.to_owned(), hint);
        None
    };
    if text.contains("${") {
        let message = "this version does not know variables in `spec.path` yet".to_owned();
        reader.error(node, Code::Unsupported, message, "name one directory");
        return None;
    }
    if text.is_empty() || text.starts_with('/') {
        return bad(
            reader,
            "`spec.path` must be relative",
            "begin at the source's path, or with ./",
        );
    }
    let own = reader
        .path
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory);
    let base = if text.starts_with("./") || text == "." {
        own
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(text.split('/')) {
        match part {
            "" | "." => {}
            ".." => return bad(reader, "`spec.path` cannot go up", "name a directory below"),
            part => parts.push(part),
        }
    }
    Some((parts.join("/"), reader.at(node)))
}

/// `spec.defaultNamespace`.
pub(super) fn namespace(reader: &mut Reader<'_>, spec: Fields<'_>) -> Option<String> {
    let node = spec.node.get("defaultNamespace")?;
    let text = reader.text(node, "spec.defaultNamespace")?;
    if let Err(message) = check_name(text) {
        reader.error(node, Code::BadName, message, "");
        return None;
    }
    Some(text.to_owned())
}

/// A whole number, 0 when it is not there.
pub(super) fn integer(reader: &mut Reader<'_>, fields: Fields<'_>, field: &str) -> i64 {
    let Some(node) = fields.node.get(field) else {
        return 0;
    };
    if let Value::Number(number) = &node.value
        && let Some(number) = number.as_i64()
    {
        return number;
    }
    reader.wrong_type(node, &format!("{}.{field}", fields.path), "a whole number");
    0
}

/// A duration such as `90s`, `5m` or `1h30m`, in milliseconds.
pub(super) fn duration(reader: &mut Reader<'_>, fields: Fields<'_>, field: &str) -> Option<u64> {
    let node = fields.node.get(field)?;
    let path = format!("{}.{field}", fields.path);
    let text = reader.text(node, &path)?;
    let ms = duration_ms(text).filter(|ms| *ms > 0);
    if ms.is_none() {
        let message = format!("`{path}` cannot be `{text}`");
        reader.error(node, Code::BadValue, message, "write 90s, 5m or 1h30m");
    }
    ms
}

fn duration_ms(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let factor = match &rest[..unit] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}
