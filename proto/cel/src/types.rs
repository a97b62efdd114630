//! What an expression does with types that do not go together, as far as the environment knows them:
//! the labels of a cluster are strings, whatever they look like.
//!
//! Where CEL is checked before it is evaluated, as Kubernetes does, these are errors. Here an
//! expression stays what it is (it does not match, or fails), and the finding says why.

use super::Mismatch;
use super::expr::{Expr, FoldKind, Function, Kind, Node, Operator};
use crate::environment::Holds;

/// Every place where types do not go together, in the order of the text.
pub(super) fn mismatches(expr: &Expr) -> Vec<Mismatch> {
    let mut found = Vec::new();
    look(expr, &mut found);
    found.sort_by_key(|mismatch| mismatch.offset);
    found
}

fn look(expr: &Expr, found: &mut Vec<Mismatch>) {
    let before = found.len();
    for part in expr.parts() {
        look(part, found);
    }
    // What is wrong inside says already why the whole is.
    if found.len() == before {
        at_node(expr, found);
    }
}

fn at_node(expr: &Expr, found: &mut Vec<Mismatch>) {
    let wrong = match &expr.node {
        Node::Binary(operator, left, right) => binary(*operator, left, right),
        Node::Call(function, arguments) => call(*function, arguments),
        Node::All(terms) | Node::Any(terms) => {
            found.extend(terms.iter().filter_map(condition));
            None
        }
        Node::Not(of) => condition(of),
        Node::If(parts) => condition(&parts[0]),
        Node::Fold(fold) => match fold.kind {
            FoldKind::Map => fold.filter.as_ref().and_then(condition),
            _ => condition(&fold.body),
        },
        Node::Negate(of) => kind(of).filter(|kind| !is_number(*kind)).map(|kind| {
            mismatch(
                expr,
                format!("{} cannot be negated", kind.words()),
                String::new(),
            )
        }),
        _ => None,
    };
    found.extend(wrong);
}

fn mismatch(at: &Expr, message: String, hint: String) -> Mismatch {
    Mismatch {
        offset: begin(at),
        message,
        hint,
    }
}

/// Where an expression begins: a node of a field or a method knows where that is named.
fn begin(expr: &Expr) -> usize {
    let parts = expr.parts().into_iter().map(begin);
    parts.min().map_or(expr.at, |first| first.min(expr.at))
}

/// What a value is, whoever answers.
fn kind(expr: &Expr) -> Option<Kind> {
    match &expr.node {
        Node::Index(of, _) => of.element(),
        _ => expr.kind(),
    }
}

const fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Double)
}

/// Whether values of two kinds can be equal.
fn comparable(left: Kind, right: Kind) -> bool {
    left == right || is_number(left) && is_number(right)
}

fn binary(operator: Operator, left: &Expr, right: &Expr) -> Option<Mismatch> {
    match operator {
        Operator::In => membership(left, right),
        Operator::Equal | Operator::NotEqual => {
            let (a, b) = (kind(left)?, kind(right)?);
            if comparable(a, b) {
                return None;
            }
            let always = match operator {
                Operator::Equal => "never",
                _ => "always",
            };
            let message = format!(
                "`{}` between {} and {} is {always} true",
                operator.sign(),
                a.words(),
                b.words()
            );
            Some(mismatch(left, message, hint(operator, left, right)))
        }
        _ => {
            let (a, b) = (kind(left)?, kind(right)?);
            let fits = match operator {
                Operator::Less
                | Operator::LessEqual
                | Operator::Greater
                | Operator::GreaterEqual => {
                    comparable(a, b) && !matches!(a, Kind::Null | Kind::List | Kind::Map)
                }
                Operator::Add => a == b && !matches!(a, Kind::Null | Kind::Bool | Kind::Map),
                Operator::Remainder => a == Kind::Int && b == Kind::Int,
                _ => a == b && is_number(a),
            };
            if fits {
                return None;
            }
            let message = format!(
                "`{}` cannot stand between {} and {}",
                operator.sign(),
                a.words(),
                b.words()
            );
            Some(mismatch(left, message, hint(operator, left, right)))
        }
    }
}

fn membership(item: &Expr, of: &Expr) -> Option<Mismatch> {
    let within = kind(of)?;
    if !matches!(within, Kind::List | Kind::Map) {
        let message = format!("`in` looks into a list or a map, not {}", within.words());
        let hint = match within {
            Kind::Text => "use contains(...) to look into a string",
            _ => "",
        };
        return Some(mismatch(of, message, hint.to_owned()));
    }
    let wanted = kind(item)?;
    if let Node::Asked(_) = of.node {
        let message = format!("{} is no key of a map of strings", wanted.words());
        return (wanted != Kind::Text).then(|| mismatch(item, message, String::new()));
    }
    let Node::List(items) = &of.node else {
        return None;
    };
    let kinds: Option<Vec<Kind>> = items.iter().map(kind).collect();
    let first = *kinds.as_ref()?.first()?;
    if kinds?.into_iter().any(|other| comparable(wanted, other)) {
        return None;
    }
    let message = format!(
        "{} is never in this list, whose first item is {}",
        wanted.words(),
        first.words()
    );
    let hint = match (wanted, what(item)) {
        (Kind::Text, Some(what)) => format!("{what} are strings: write the values in quotes"),
        _ => String::new(),
    };
    Some(mismatch(item, message, hint))
}

fn condition(expr: &Expr) -> Option<Mismatch> {
    let found = kind(expr).filter(|kind| *kind != Kind::Bool)?;
    let message = format!("{} stands where a truth value is wanted", found.words());
    Some(mismatch(
        expr,
        message,
        "compare it with something".to_owned(),
    ))
}

fn call(function: Function, arguments: &[Expr]) -> Option<Mismatch> {
    let takes = |kind: Kind| match function {
        Function::Size => matches!(kind, Kind::Text | Kind::List | Kind::Map),
        Function::Int | Function::Double => is_number(kind) || kind == Kind::Text,
        Function::Text => is_number(kind) || matches!(kind, Kind::Text | Kind::Bool),
        Function::Contains | Function::StartsWith | Function::EndsWith => kind == Kind::Text,
    };
    let name = match function {
        Function::Size => "size",
        Function::Int => "int",
        Function::Double => "double",
        Function::Text => "string",
        Function::Contains => "contains",
        Function::StartsWith => "startsWith",
        Function::EndsWith => "endsWith",
    };
    arguments.iter().find_map(|argument| {
        let kind = kind(argument).filter(|kind| !takes(*kind))?;
        let message = format!("`{name}` cannot take {}", kind.words());
        let hint = match (function, kind) {
            (Function::Contains | Function::StartsWith | Function::EndsWith, Kind::Map) => {
                "name one of its keys"
            }
            _ => "",
        };
        Some(mismatch(argument, message, hint.to_owned()))
    })
}

/// What would compare as it was meant.
fn hint(operator: Operator, left: &Expr, right: &Expr) -> String {
    let (text, other) = match kind(left) {
        Some(Kind::Text) => (left, right),
        _ => (right, left),
    };
    if kind(text) != Some(Kind::Text) {
        return String::new();
    }
    if let (Node::Text(digits), Some(found)) = (&text.node, kind(other)) {
        let number = digits.parse::<f64>().is_ok_and(f64::is_finite) && is_number(found);
        return match number {
            true => format!("write {digits} without quotes"),
            false => String::new(),
        };
    }
    let (Some(what), Some(written)) = (what(text), text.written()) else {
        return String::new();
    };
    let equal = matches!(operator, Operator::Equal | Operator::NotEqual);
    match (&other.node, kind(other)) {
        (Node::Int(value), _) if equal => format!("{what} are strings: write \"{value}\""),
        (Node::Bool(value), _) if equal => format!("{what} are strings: write \"{value}\""),
        (_, Some(Kind::Int)) => format!("{what} are strings: write int({written})"),
        (_, Some(Kind::Double)) => format!("{what} are strings: write double({written})"),
        (_, Some(Kind::Null)) => match asked(text) {
            Some(asked) => format!("ask whether it is there: {asked}"),
            None => format!("{what} are strings"),
        },
        _ => format!("{what} are strings"),
    }
}

/// What a string that is asked is one of.
fn what(expr: &Expr) -> Option<String> {
    let path = match &expr.node {
        Node::Asked(path) if path.holds() == Some(Holds::Text) => path,
        Node::Select(of, _) | Node::Index(of, _) => match &of.node {
            Node::Asked(path) if path.holds() == Some(Holds::Texts) => path,
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("{}s", path.field?.noun))
}

/// How an expression asks whether the key of such a value is there.
fn asked(expr: &Expr) -> Option<String> {
    let (of, key) = match &expr.node {
        Node::Select(of, field) => (of, field),
        Node::Index(of, index) => match &index.node {
            Node::Text(key) => (of, key),
            _ => return None,
        },
        _ => return None,
    };
    let map = of.written()?;
    Some(format!("{} in {map}", serde_json::Value::from(&**key)))
}
