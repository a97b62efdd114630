//! Selection terms and label expressions.

use std::collections::BTreeSet;

use super::expression::{bad_expression, mixed_types};
use super::{group_name, is_literal, items_of, references, strings, text_of, texts_of};
use crate::limits;
use crate::problem::Code;
use crate::selector::{
    Cel, Decimal, Expression, FactExpression, FactOperator, LabelAt, Operator, Pattern, Relation,
    Term, cel,
};
use crate::spec::fields::Reader;
use crate::spec::lint;
use crate::yaml::{Node, Value};

/// A list of selection terms; `None` when it is not there.
pub(in crate::spec) fn terms(
    reader: &mut Reader<'_>,
    node: &Node,
    field: &str,
) -> Option<Vec<Term>> {
    Some(term_list(reader, node.get(field)?.items()))
}

/// Selection terms, any of which may match.
pub(in crate::spec) fn term_list(reader: &mut Reader<'_>, items: &[Node]) -> Vec<Term> {
    if items.len() > limits::TERMS_MAX {
        return Vec::new();
    }
    let terms: Vec<Term> = items.iter().filter_map(|item| term(reader, item)).collect();
    for (problem, hint) in lint::terms(&terms) {
        reader.find(problem, hint);
    }
    terms
}

/// One selection term.
pub(super) fn term(reader: &mut Reader<'_>, node: &Node) -> Option<Term> {
    if !matches!(node.value, Value::Map(_)) {
        return None;
    }
    let mut names = Vec::new();
    for (item, text) in texts_of(node, "names") {
        names.push(Pattern {
            at: reader.at(item),
            text: text.to_owned(),
        });
    }
    let groups = references(reader, node, "groups", group_name);
    let facts = items_of(node, "facts").iter();
    let facts: Vec<_> = facts.filter_map(|item| fact(reader, item)).collect();
    let term = Term {
        at: reader.at(node),
        match_labels: strings(node, "matchLabels"),
        match_expressions: expressions(reader, node),
        names,
        groups,
        facts,
        cel: expression_of(reader, node),
        labels_at: labels_at(node),
    };
    anchored(reader, node, &term);
    Some(term)
}

/// Where the conditions on labels stand, in the order in which a term has them.
fn labels_at(node: &Node) -> Vec<LabelAt> {
    let place = |node: &Node| (node.line, node.column);
    let members = node.get("matchLabels").map_or(&[][..], Node::members);
    let mut labels: Vec<_> = members
        .iter()
        .filter(|(_, value)| value.text().is_some())
        .collect();
    labels.sort_by(|(one, _), (other, _)| one.text.cmp(&other.text));
    let labels = labels.into_iter().map(|(key, value)| LabelAt {
        key: (key.line, key.column),
        value: place(value),
    });
    let expressions = items_of(node, "matchExpressions").iter();
    let expressions = expressions.map(|item| LabelAt {
        key: place(item.get("key").unwrap_or(item)),
        value: place(item.get("values").unwrap_or(item)),
    });
    labels.chain(expressions).collect()
}

/// A term that hangs on facts alone would move with what spokes say of themselves.
fn anchored(reader: &mut Reader<'_>, node: &Node, term: &Term) {
    let names_something = !term.match_labels.is_empty()
        || !term.match_expressions.is_empty()
        || !term.names.is_empty()
        || !term.groups.is_empty();
    if term.uses_facts() && !names_something {
        let at = node
            .get("facts")
            .or_else(|| node.get("cel"))
            .unwrap_or(node);
        let message = "a term with facts must also name labels, names or groups".to_owned();
        let hint = "add matchLabels, matchExpressions, names or groups";
        reader.error(at, Code::MissingField, message, hint);
    }
}

fn expression_of(reader: &mut Reader<'_>, node: &Node) -> Option<Cel> {
    let node = node.get("cel")?;
    let text = node
        .text()
        .filter(|text| !text.is_empty() && is_literal(text))?;
    match cel::Program::parse(text) {
        Ok(program) => {
            mixed_types(reader, (node, "cel"), &program.mismatches());
            let at = reader.at(node);
            Some(Cel { at, program })
        }
        Err(error) => {
            bad_expression(reader, (node, "cel"), &error);
            None
        }
    }
}

/// `matchExpressions`.
pub(super) fn expressions(reader: &mut Reader<'_>, node: &Node) -> Vec<Expression> {
    let items = items_of(node, "matchExpressions").iter();
    items
        .filter_map(|item| {
            let condition = condition(item)?;
            let operator = label_operator(reader, item, condition.operator, condition.values)?;
            Some(Expression {
                key: condition.key,
                operator,
            })
        })
        .collect()
}

/// What a condition on a label or a fact is written with.
struct Condition<'n> {
    key: String,
    operator: &'n str,
    values: BTreeSet<String>,
}

fn condition(node: &Node) -> Option<Condition<'_>> {
    let values: BTreeSet<String> = texts_of(node, "values")
        .map(|(_, v)| v.to_owned())
        .collect();
    // Values of a wrong type were found before.
    let complete = values.is_empty() == items_of(node, "values").is_empty();
    let list = node
        .get("values")
        .is_none_or(|node| matches!(node.value, Value::List(_) | Value::Null));
    (complete && list).then_some(())?;
    Some(Condition {
        key: text_of(node, "key")?.to_owned(),
        operator: text_of(node, "operator")?,
        values,
    })
}

fn label_operator(
    reader: &mut Reader<'_>,
    node: &Node,
    operator: &str,
    values: BTreeSet<String>,
) -> Option<Operator> {
    match (operator, values.is_empty()) {
        ("In", false) => Some(Operator::In(values)),
        ("NotIn", false) => Some(Operator::NotIn(values)),
        ("Exists", true) => Some(Operator::Exists),
        ("DoesNotExist", true) => Some(Operator::DoesNotExist),
        ("In" | "NotIn", true) => {
            let message = format!("`{operator}` needs at least one of `values`");
            reader.error(node, Code::MissingField, message, "as in `values: [prod]`");
            None
        }
        ("Exists" | "DoesNotExist", false) => {
            let message = format!("`{operator}` takes no `values`");
            reader.error(node, Code::BadValue, message, "use In or NotIn with values");
            None
        }
        _ => None,
    }
}

fn fact(reader: &mut Reader<'_>, node: &Node) -> Option<FactExpression> {
    let Condition {
        key,
        operator,
        values,
    } = condition(node)?;
    let relation = match operator {
        "Gt" => Relation::Gt,
        "Gte" => Relation::Gte,
        "Lt" => Relation::Lt,
        "Lte" => Relation::Lte,
        _ => {
            let operator = label_operator(reader, node, operator, values)?;
            let operator = FactOperator::Label(operator);
            return Some(FactExpression { key, operator });
        }
    };
    let [value] = items_of(node, "values") else {
        let message = format!("`{operator}` takes exactly one of `values`");
        reader.error(node, Code::BadValue, message, "write values: [\"29\"]");
        return None;
    };
    let Some(number) = Decimal::parse(value.text()?) else {
        let message = format!("`{operator}` compares numbers, and this is none");
        reader.error(
            value,
            Code::BadValue,
            message,
            "write digits, such as \"29\" or \"1.5\"",
        );
        return None;
    };
    let operator = FactOperator::Compare(relation, number);
    Some(FactExpression { key, operator })
}
