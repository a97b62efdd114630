//! From text to a checked tree, by descent with every way down counted.

use super::Error;
use super::expr::{Expr, Fold, FoldKind, Function, Node, Operator};
use super::token::{Lexer, Token};
use crate::environment::{Environment, Path, Root, Shape};
use crate::limits::{BYTES_MAX, DEPTH_MAX, NESTING_MAX, NODES_MAX};

/// Words that CEL keeps for itself.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Functions that are called as `f(x)`.
const GLOBAL: [(&str, Function); 4] = [
    ("size", Function::Size),
    ("int", Function::Int),
    ("double", Function::Double),
    ("string", Function::Text),
];

/// Functions that are called as `x.f()`, and how many arguments they take besides `x`.
const MEMBER: [(&str, Function, usize); 4] = [
    ("contains", Function::Contains, 1),
    ("startsWith", Function::StartsWith, 1),
    ("endsWith", Function::EndsWith, 1),
    ("size", Function::Size, 0),
];

/// A checked expression.
pub(super) struct Parsed {
    pub(super) expr: Expr,
    pub(super) asked: Vec<Path>,
    pub(super) nodes: usize,
}

pub(super) fn parse(text: &str, environment: &Environment) -> Result<Parsed, Error> {
    if text.len() > BYTES_MAX {
        let message = format!("the expression is longer than {BYTES_MAX} bytes");
        return Err(Error::new(0, message).hint(environment.instead_of_size));
    }
    let mut lexer = Lexer::new(text);
    let (token, at) = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        at,
        nesting: 0,
        nodes: 0,
        locals: Vec::new(),
        environment,
        asked: Vec::new(),
    };
    let expr = parser.expression()?;
    if parser.token != Token::End {
        let message = format!("{} cannot stand here", parser.shown());
        let hint = match parser.token {
            Token::Word("and" | "AND") => "write && for it",
            Token::Word("or" | "OR") => "write || for it",
            _ => "is an operator missing before it?",
        };
        return Err(Error::new(parser.at, message).hint(hint));
    }
    Ok(Parsed {
        expr,
        asked: parser.asked,
        nodes: parser.nodes,
    })
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The next word, and where it begins.
    token: Token<'a>,
    at: usize,
    /// How deep the descent is.
    nesting: usize,
    nodes: usize,
    /// The variables of the macros around.
    locals: Vec<&'a str>,
    environment: &'a Environment,
    /// What the expression names, `has` of it included.
    asked: Vec<Path>,
}

type Parse = Result<Expr, Error>;

// === words ===

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Error> {
        let (token, at) = self.lexer.next()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn is(&self, sign: &str) -> bool {
        match &self.token {
            Token::Sign(have) => *have == sign,
            Token::Word(have) => *have == sign,
            _ => false,
        }
    }

    /// Takes the sign when it is next.
    fn take(&mut self, sign: &str) -> Result<bool, Error> {
        let is = self.is(sign);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign)? {
            return Ok(());
        }
        let message = format!("`{sign}` is missing before {}", self.shown());
        Err(Error::new(self.at, message))
    }

    fn shown(&self) -> String {
        match &self.token {
            Token::End => "the end".to_owned(),
            Token::Word(text) | Token::Int(text) | Token::Double(text) => format!("`{text}`"),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Text(_) => "a string".to_owned(),
        }
    }

    fn word(&mut self) -> Result<(&'a str, usize), Error> {
        let at = self.at;
        let usable = |word: &str| !matches!(word, "in" | "true" | "false" | "null");
        match self.token {
            Token::Word(word) if usable(word) => {
                self.advance()?;
                Ok((word, at))
            }
            _ => Err(Error::new(
                at,
                format!("a name is missing before {}", self.shown()),
            )),
        }
    }

    /// A node with nothing below it.
    fn leaf(&mut self, at: usize, node: Node) -> Parse {
        self.above(at, node, 0)
    }

    /// A node above others of this depth, within the limits.
    fn above(&mut self, at: usize, node: Node, below: usize) -> Parse {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("the expression has more than {NODES_MAX} parts");
            return Err(Error::new(at, message).hint(self.environment.instead_of_size));
        }
        let depth = below + 1;
        if depth > DEPTH_MAX {
            let message = format!("the expression is more than {DEPTH_MAX} deep");
            return Err(Error::new(at, message).hint("say it with `in` and a list"));
        }
        Ok(Expr { node, at, depth })
    }
}

// === operators ===

impl<'a> Parser<'a> {
    fn expression(&mut self) -> Parse {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            let message = format!("the expression is nested more than {NESTING_MAX} deep");
            return Err(Error::new(self.at, message));
        }
        let condition = self.chain("||")?;
        let expr = if self.is("?") {
            let at = condition.at;
            self.advance()?;
            let yes = self.chain("||")?;
            self.expect(":")?;
            let no = self.expression()?;
            let depth = condition.depth.max(yes.depth).max(no.depth);
            self.above(at, Node::If(Box::new([condition, yes, no])), depth)?
        } else {
            condition
        };
        self.nesting -= 1;
        Ok(expr)
    }

    /// Operands of `||`, or of `&&`.
    fn chain(&mut self, sign: &'static str) -> Parse {
        let mut terms = Vec::new();
        let at = self.at;
        loop {
            terms.push(match sign {
                "||" => self.chain("&&")?,
                _ => self.binary(1)?,
            });
            if !self.take(sign)? {
                break;
            }
        }
        if terms.len() == 1 {
            return Ok(terms.remove(0));
        }
        let depth = deepest(&terms);
        let node = match sign {
            "||" => Node::Any(terms),
            _ => Node::All(terms),
        };
        self.above(at, node, depth)
    }

    fn binary(&mut self, least: u8) -> Parse {
        let mut left = self.unary()?;
        loop {
            let sign = match &self.token {
                Token::Sign(sign) => *sign,
                Token::Word("in") => "in",
                _ => return Ok(left),
            };
            let Some((operator, strength)) = Operator::parse(sign).filter(|(_, s)| *s >= least)
            else {
                return Ok(left);
            };
            self.advance()?;
            let right = self.binary(strength + 1)?;
            let (at, depth) = (left.at, left.depth.max(right.depth));
            let node = Node::Binary(operator, Box::new(left), Box::new(right));
            left = self.above(at, node, depth)?;
        }
    }

    fn unary(&mut self) -> Parse {
        let at = self.at;
        let sign = match self.token {
            Token::Sign(sign @ ("!" | "-")) => sign,
            _ => return self.member(),
        };
        let mut odd = false;
        while self.take(sign)? {
            odd = !odd;
        }
        if sign == "-" && odd {
            match self.token {
                Token::Int(text) => {
                    let value = int(&format!("-{text}"));
                    return self.negative(at, value.map(Node::Int));
                }
                Token::Double(text) => {
                    let value = double(text);
                    return self.negative(at, value.map(|value| Node::Double(-value)));
                }
                _ => {}
            }
        }
        let of = self.member()?;
        let depth = of.depth;
        match (sign, odd) {
            ("!", true) => self.above(at, Node::Not(Box::new(of)), depth),
            ("!", false) => {
                let once = self.above(at, Node::Not(Box::new(of)), depth)?;
                self.above(at, Node::Not(Box::new(once)), depth + 1)
            }
            (_, true) => self.above(at, Node::Negate(Box::new(of)), depth),
            (_, false) => {
                let once = self.above(at, Node::Negate(Box::new(of)), depth)?;
                self.above(at, Node::Negate(Box::new(once)), depth + 1)
            }
        }
    }

    fn negative(&mut self, at: usize, node: Option<Node>) -> Parse {
        let Some(node) = node else {
            return Err(Error::new(
                at,
                format!("{} is no number that fits", self.shown()),
            ));
        };
        self.advance()?;
        let literal = self.leaf(at, node)?;
        self.tail(literal)
    }
}

fn int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) => i64::from_str_radix(&format!("{sign}{hex}"), 16).ok(),
        None => text.parse().ok(),
    }
}

fn double(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

// === members ===

impl<'a> Parser<'a> {
    fn member(&mut self) -> Parse {
        let primary = self.primary()?;
        self.tail(primary)
    }

    /// `.field`, `.function(...)` and `[index]`, as many as there are.
    fn tail(&mut self, mut expr: Expr) -> Parse {
        loop {
            let at = self.at;
            if self.take(".")? {
                let (word, at) = self.word()?;
                expr = if self.is("(") {
                    self.method(expr, word, at)?
                } else {
                    let depth = expr.depth;
                    self.above(at, Node::Select(Box::new(expr), word.to_owned()), depth)?
                };
            } else if self.take("[")? {
                let index = self.expression()?;
                self.expect("]")?;
                let depth = expr.depth.max(index.depth);
                expr = self.above(at, Node::Index(Box::new(expr), Box::new(index)), depth)?;
            } else if self.is("{") {
                return Err(Error::new(
                    at,
                    "there are no messages here, only lists and maps",
                ));
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Parse {
        let at = self.at;
        match self.advance()? {
            Token::Text(text) => self.leaf(at, Node::Text(text)),
            Token::Int(text) => match int(text) {
                Some(value) => self.leaf(at, Node::Int(value)),
                None => Err(Error::new(at, format!("`{text}` is no number that fits"))),
            },
            Token::Double(text) => match double(text) {
                Some(value) => self.leaf(at, Node::Double(value)),
                None => Err(Error::new(at, format!("`{text}` is no number"))),
            },
            Token::Word("true") => self.leaf(at, Node::Bool(true)),
            Token::Word("false") => self.leaf(at, Node::Bool(false)),
            Token::Word("null") => self.leaf(at, Node::Null),
            Token::Word(word) => self.name(word, at),
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                let items = self.items("]")?;
                let depth = deepest(&items);
                self.above(at, Node::List(items), depth)
            }
            Token::Sign("{") => self.map(at),
            Token::End => Err(Error::new(at, "the expression ends too early")),
            Token::Sign(sign) => Err(Error::new(at, format!("`{sign}` cannot stand here"))),
        }
    }

    /// Expressions up to a bracket, which is taken; a comma may stand before it in a list.
    fn items(&mut self, end: &str) -> Result<Vec<Expr>, Error> {
        let mut items = Vec::new();
        while !self.take(end)? {
            if !items.is_empty() {
                self.expect(",")?;
                if end == "]" && self.take(end)? {
                    break;
                }
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn map(&mut self, at: usize) -> Parse {
        let mut entries = Vec::new();
        let mut depth = 0;
        while !self.take("}")? {
            if !entries.is_empty() {
                self.expect(",")?;
                if self.take("}")? {
                    break;
                }
            }
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            depth = depth.max(key.depth).max(value.depth);
            entries.push((key, value));
        }
        self.above(at, Node::Map(entries), depth)
    }
}

fn deepest(items: &[Expr]) -> usize {
    items.iter().map(|expr| expr.depth).max().unwrap_or(0)
}

// === names ===

impl<'a> Parser<'a> {
    fn name(&mut self, word: &'a str, at: usize) -> Parse {
        if self.is("(") {
            return self.call(word, at);
        }
        if let Some(slot) = self.locals.iter().rposition(|local| *local == word) {
            return self.leaf(at, Node::Local(slot));
        }
        if let Some(root) = self.environment.root(word) {
            return match root.shape {
                Shape::Open => self.ask(Path { root, field: None }, at),
                Shape::Record(_) => self.record(root, at),
            };
        }
        if RESERVED.contains(&word) {
            return Err(Error::new(
                at,
                format!("`{word}` is a word that CEL keeps for itself"),
            ));
        }
        let error = Error::new(at, format!("nothing is called `{word}`"));
        if let Some(meant) = self.environment.unrooted(word) {
            return Err(error.hint(format!("did you mean `{meant}`?")));
        }
        let roots: Vec<_> = self
            .environment
            .roots
            .iter()
            .map(|root| root.name)
            .collect();
        let otherwise = match word {
            "not" => "write ! for it".to_owned(),
            _ => {
                let roots = roots.join(".` or `");
                format!("write a string in quotes; everything known begins with `{roots}.`")
            }
        };
        let known = [&*self.locals, &roots].concat();
        Err(error.meant(word, &known, Some(otherwise)))
    }

    /// What comes after a record: a field, as `.field` or `["field"]`.
    fn record(&mut self, root: &'static Root, begin: usize) -> Parse {
        let at;
        let name = root.name;
        let names: Vec<_> = root.fields().iter().map(|field| field.name).collect();
        let word = if self.take(".")? {
            let (word, word_at) = self.word()?;
            at = word_at;
            word.to_owned()
        } else if self.take("[")? {
            at = self.at;
            let Token::Text(word) = self.advance()? else {
                return Err(Error::new(at, format!("a field of `{name}` is named here"))
                    .hint(format!("allowed: {}", names.join(", "))));
            };
            self.expect("]")?;
            word
        } else {
            let mut fields: Vec<_> = names
                .iter()
                .map(|field| format!("{name}.{field}"))
                .collect();
            let last = fields.pop().unwrap_or_default();
            let hint = format!("write {} or {last}", fields.join(", "));
            return Err(Error::new(begin, format!("`{name}` alone is no value")).hint(hint));
        };
        let Some(field) = root.fields().iter().find(|field| field.name == word) else {
            let message = format!("`{name}` has no field `{word}`");
            return Err(Error::new(at, message).meant(&word, &names, None));
        };
        let field = Some(field);
        self.ask(Path { root, field }, begin)
    }

    fn ask(&mut self, path: Path, at: usize) -> Parse {
        if !self.asked.contains(&path) {
            self.asked.push(path);
        }
        self.leaf(at, Node::Asked(path))
    }

    /// `f(...)`
    fn call(&mut self, word: &str, at: usize) -> Parse {
        self.expect("(")?;
        if word == "has" {
            return self.has(at);
        }
        let Some((_, function)) = GLOBAL.iter().find(|(name, _)| *name == word) else {
            return Err(unknown_function(word, at, self.environment));
        };
        let arguments = self.items(")")?;
        self.apply(*function, arguments, 1, (word, at))
    }

    fn has(&mut self, at: usize) -> Parse {
        let inner_at = self.at;
        let inner = self.expression()?;
        self.expect(")")?;
        let depth = inner.depth;
        match inner.node {
            Node::Select(of, field) => self.above(at, Node::Has(of, field), depth),
            Node::Asked(path) if path.field.is_some() => self.leaf(at, Node::Bool(true)),
            _ => {
                let (map, key) = self.environment.example;
                let message = format!("`has` takes a field, as in has({map}.{key})");
                let hint = format!("write \"a/b\" in {map} for a key that is no name");
                Err(Error::new(inner_at, message).hint(hint))
            }
        }
    }

    /// `x.f(...)`
    fn method(&mut self, of: Expr, word: &'a str, at: usize) -> Parse {
        if let Some(kind) = FoldKind::parse(word) {
            return self.fold(kind, of, word);
        }
        self.expect("(")?;
        let Some((_, function, count)) = MEMBER.iter().find(|(name, ..)| *name == word) else {
            return Err(unknown_function(word, at, self.environment));
        };
        let mut arguments = vec![of];
        arguments.extend(self.items(")")?);
        self.apply(*function, arguments, count + 1, (word, at))
    }

    fn apply(
        &mut self,
        function: Function,
        arguments: Vec<Expr>,
        count: usize,
        (word, at): (&str, usize),
    ) -> Parse {
        if arguments.len() != count {
            let message = format!("`{word}` has the wrong number of arguments");
            let hint = match (function, count) {
                (Function::Contains | Function::StartsWith | Function::EndsWith, _) => {
                    format!("write text.{word}(other)")
                }
                _ => format!("write {word}(value)"),
            };
            return Err(Error::new(at, message).hint(hint));
        }
        let depth = deepest(&arguments);
        self.above(at, Node::Call(function, arguments), depth)
    }

    /// `x.all(name, condition)` and its like.
    fn fold(&mut self, kind: FoldKind, range: Expr, word: &str) -> Parse {
        self.expect("(")?;
        let (local, at) = self.word()?;
        if self.environment.root(local).is_some() || RESERVED.contains(&local) {
            let message = format!("`{local}` cannot be the name of an element");
            return Err(Error::new(at, message).hint("choose another name"));
        }
        self.expect(",")?;
        self.locals.push(local);
        let first = self.expression()?;
        let (filter, body) = match kind {
            FoldKind::Map if self.take(",")? => (Some(first), self.expression()?),
            _ => (None, first),
        };
        self.locals.pop();
        if !self.take(")")? {
            let message = format!("`)` is missing before {}", self.shown());
            let hint = format!("`{word}` takes a name and an expression");
            return Err(Error::new(self.at, message).hint(hint));
        }
        let mut depth = range.depth.max(body.depth);
        depth = depth.max(filter.as_ref().map_or(0, |filter| filter.depth));
        let at = range.at;
        let fold = Fold {
            kind,
            range,
            filter,
            body,
        };
        self.above(at, Node::Fold(Box::new(fold)), depth)
    }
}

fn unknown_function(word: &str, at: usize, environment: &Environment) -> Error {
    let error = Error::new(at, format!("there is no function `{word}`"));
    match word {
        "matches" => {
            let instead = environment.instead_of_patterns;
            error.hint(format!("there are no regular expressions here: {instead}"))
        }
        "duration" | "timestamp" => error.hint("there is no time here"),
        "uint" => error.hint("use int(...)"),
        _ => {
            let folds = FoldKind::ALL.map(|(name, _)| name);
            let mut known: Vec<&str> = GLOBAL.map(|(name, _)| name).to_vec();
            known.extend(MEMBER[..3].iter().map(|(name, ..)| *name));
            known.extend(folds.iter().filter(|name| **name != "existsOne"));
            known.push("has");
            error.meant(word, &known, None)
        }
    }
}
