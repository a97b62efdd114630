//! An expression as a tree that is checked: every name in it is known.

use crate::environment::{Holds, Path};

/// A node with where it begins in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) node: Node,
    /// In bytes.
    pub(super) at: usize,
    /// Longest way down, itself counted.
    pub(super) depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    /// Something that the subject answers.
    Asked(Path),
    /// The variable of a macro, counted from the outermost.
    Local(usize),
    /// `a.b`
    Select(Box<Expr>, String),
    /// `has(a.b)`
    Has(Box<Expr>, String),
    /// `a[b]`
    Index(Box<Expr>, Box<Expr>),
    /// `a && b && c`
    All(Vec<Expr>),
    /// `a || b || c`
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    /// `a ? b : c`
    If(Box<[Expr; 3]>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    Fold(Box<Fold>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// The operator of a sign, and how strongly it binds.
    pub(super) fn parse(sign: &str) -> Option<(Self, u8)> {
        Some(match sign {
            "==" => (Self::Equal, 1),
            "!=" => (Self::NotEqual, 1),
            "<" => (Self::Less, 1),
            "<=" => (Self::LessEqual, 1),
            ">" => (Self::Greater, 1),
            ">=" => (Self::GreaterEqual, 1),
            "in" => (Self::In, 1),
            "+" => (Self::Add, 2),
            "-" => (Self::Subtract, 2),
            "*" => (Self::Multiply, 3),
            "/" => (Self::Divide, 3),
            "%" => (Self::Remainder, 3),
            _ => return None,
        })
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Int,
    Double,
    Text,
    Contains,
    StartsWith,
    EndsWith,
}

/// A macro that goes over a list, or over the keys of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fold {
    pub(super) kind: FoldKind,
    pub(super) range: Expr,
    /// Only with `map` of three arguments: which elements.
    pub(super) filter: Option<Expr>,
    pub(super) body: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoldKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

impl FoldKind {
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("all", Self::All),
        ("exists", Self::Exists),
        ("exists_one", Self::ExistsOne),
        ("existsOne", Self::ExistsOne),
        ("map", Self::Map),
        ("filter", Self::Filter),
    ];

    pub(super) fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind)
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Double,
    Text,
    List,
    Map,
}

impl Kind {
    /// With its article.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a truth value",
            Self::Int => "a whole number",
            Self::Double => "a number with a fraction",
            Self::Text => "a string",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }
}

impl Expr {
    /// What its value is, whoever answers; `None` where that depends.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match &self.node {
            Node::Null => Kind::Null,
            Node::Bool(_) | Node::Has(..) | Node::All(_) | Node::Any(_) | Node::Not(_) => {
                Kind::Bool
            }
            Node::Int(_) => Kind::Int,
            Node::Double(_) => Kind::Double,
            Node::Text(_) => Kind::Text,
            Node::List(_) => Kind::List,
            Node::Map(_) => Kind::Map,
            Node::Asked(path) => match path.holds()? {
                Holds::Text => Kind::Text,
                Holds::Texts | Holds::Values => Kind::Map,
            },
            Node::Local(_) | Node::Index(..) => return None,
            Node::Negate(of) => return of.kind(),
            Node::Select(of, _) => return of.element(),
            Node::If(parts) => {
                let [_, yes, no] = &**parts;
                return yes.kind().filter(|kind| no.kind() == Some(*kind));
            }
            Node::Binary(operator, left, right) => match operator {
                Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Remainder => return left.kind().or(right.kind()),
                _ => Kind::Bool,
            },
            Node::Call(function, _) => match function {
                Function::Size | Function::Int => Kind::Int,
                Function::Double => Kind::Double,
                Function::Text => Kind::Text,
                Function::Contains | Function::StartsWith | Function::EndsWith => Kind::Bool,
            },
            Node::Fold(fold) => match fold.kind {
                FoldKind::All | FoldKind::Exists | FoldKind::ExistsOne => Kind::Bool,
                FoldKind::Map | FoldKind::Filter => Kind::List,
            },
        })
    }

    /// What every value of a map is, whoever answers; `None` where that depends.
    pub(super) fn element(&self) -> Option<Kind> {
        match &self.node {
            Node::Asked(path) => (path.holds() == Some(Holds::Texts)).then_some(Kind::Text),
            _ => None,
        }
    }

    /// What stands right below it.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match &self.node {
            Node::Null
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Double(_)
            | Node::Text(_)
            | Node::Asked(_)
            | Node::Local(_) => Vec::new(),
            Node::List(items) | Node::All(items) | Node::Any(items) | Node::Call(_, items) => {
                items.iter().collect()
            }
            Node::Map(entries) => entries
                .iter()
                .flat_map(|(key, value)| [key, value])
                .collect(),
            Node::Select(of, _) | Node::Has(of, _) | Node::Not(of) | Node::Negate(of) => vec![of],
            Node::Index(of, index) => vec![of, index],
            Node::If(parts) => parts.iter().collect(),
            Node::Binary(_, left, right) => vec![left, right],
            Node::Fold(fold) => {
                let parts = [Some(&fold.range), fold.filter.as_ref(), Some(&fold.body)];
                parts.into_iter().flatten().collect()
            }
        }
    }

    /// How it is written, where it leads from something that is asked to something inside it.
    pub(super) fn written(&self) -> Option<String> {
        match &self.node {
            Node::Asked(path) => Some(path.written()),
            Node::Select(of, field) => Some(format!("{}.{field}", of.written()?)),
            Node::Index(of, index) => {
                let of = of.written()?;
                match &index.node {
                    Node::Text(key) => Some(format!("{of}[{}]", serde_json::Value::from(&**key))),
                    Node::Int(position) => Some(format!("{of}[{position}]")),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
