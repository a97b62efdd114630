//! Evaluation, with every step counted before it is made.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Fault;
use super::expr::{Expr, Fold, FoldKind, Function, Kind, Node, Operator};
use super::value::{Key, Text, Value, compare_mixed, json, shown, whole};
use crate::environment::Path;
use crate::limits::{STEP_BYTES, STEPS_MAX};
use crate::subject::{Answer, Subject};

type Eval<T> = Result<T, Fault>;

fn wrong<T>(message: impl Into<String>) -> Eval<T> {
    Err(Fault::Wrong(message.into()))
}

/// One evaluation of one subject.
pub(super) struct Run<'a> {
    subject: &'a dyn Subject,
    /// Values of the variables of macros, the outermost first.
    locals: Vec<Value<'a>>,
    steps: usize,
}

impl<'a> Run<'a> {
    pub(super) const fn new(subject: &'a dyn Subject) -> Self {
        Self {
            subject,
            locals: Vec::new(),
            steps: 0,
        }
    }

    /// How many steps were made; at most one more than allowed.
    pub(super) const fn steps(&self) -> usize {
        self.steps
    }

    /// Counts steps before they are made.
    fn charge(&mut self, steps: usize) -> Eval<()> {
        self.steps = self.steps.saturating_add(steps).min(STEPS_MAX + 1);
        if self.steps > STEPS_MAX {
            return Err(Fault::Steps);
        }
        Ok(())
    }

    fn charge_bytes(&mut self, bytes: usize) -> Eval<()> {
        self.charge(bytes / STEP_BYTES)
    }

    /// A key is compared with a few others.
    fn charge_key(&mut self, key: &Key<'a>) -> Eval<()> {
        match key {
            Key::Text(text) => self.charge_bytes(text.len()),
            Key::Bool(_) | Key::Int(_) => Ok(()),
        }
    }

    pub(super) fn evaluate(&mut self, expr: &'a Expr) -> Eval<Value<'a>> {
        self.charge(1)?;
        match &expr.node {
            Node::Null => Ok(Value::Null),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Int(value) => Ok(Value::Int(*value)),
            Node::Double(value) => Ok(Value::Double(*value)),
            Node::Text(text) => Ok(Value::Text(Text::Borrowed(text))),
            Node::List(items) => {
                let items: Eval<Vec<_>> = items.iter().map(|item| self.evaluate(item)).collect();
                Ok(Value::List(Rc::new(items?)))
            }
            Node::Map(entries) => self.map(entries),
            Node::Asked(path) => self.ask(*path),
            Node::Local(slot) => Ok(self.locals[*slot].clone()),
            Node::Select(of, field) => {
                let map = self.evaluate(of)?;
                self.select(&map, of, field)
            }
            Node::Has(of, field) => {
                let map = self.evaluate(of)?;
                if map.kind() != Kind::Map {
                    return wrong(format!("{} has no fields", map.kind().words()));
                }
                let key = Key::Text(Text::Borrowed(field));
                Ok(Value::Bool(map.has(&key)))
            }
            Node::Index(of, index) => self.index(of, index),
            Node::All(terms) => self.join(terms, false),
            Node::Any(terms) => self.join(terms, true),
            Node::Not(of) => Ok(Value::Bool(!self.condition(of)?)),
            Node::Negate(of) => match self.evaluate(of)? {
                Value::Int(value) => match value.checked_neg() {
                    Some(value) => Ok(Value::Int(value)),
                    None => wrong("the result of - does not fit a whole number"),
                },
                Value::Double(value) => Ok(Value::Double(-value)),
                other => wrong(format!("{} cannot be negated", other.kind().words())),
            },
            Node::If(parts) => {
                let [condition, yes, no] = &**parts;
                let chosen = if self.condition(condition)? { yes } else { no };
                self.evaluate(chosen)
            }
            Node::Binary(operator, left, right) => {
                let left = self.evaluate(left)?;
                let right = self.evaluate(right)?;
                self.binary(*operator, &left, &right)
            }
            Node::Call(function, arguments) => self.call(*function, arguments),
            Node::Fold(fold) => self.fold(fold),
        }
    }

    fn ask(&self, path: Path) -> Eval<Value<'a>> {
        Ok(match self.subject.ask(path) {
            Answer::Text(text) => Value::Text(Text::Borrowed(text)),
            Answer::Texts(entries) => Value::Texts(entries),
            Answer::Map(entries) => Value::Lazy(entries),
            Answer::Json(value) => json(value),
            Answer::Unknown => return Err(Fault::Unknown),
        })
    }

    fn map(&mut self, entries: &'a [(Expr, Expr)]) -> Eval<Value<'a>> {
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key = match self.evaluate(key)? {
                Value::Double(_) => None,
                key => Key::of(&key),
            };
            let Some(key) = key else {
                return wrong("a key of a map is a string, a whole number or a truth value");
            };
            let value = self.evaluate(value)?;
            if map.insert(key, value).is_some() {
                return wrong("a map has the same key twice");
            }
        }
        Ok(Value::Map(Rc::new(map)))
    }

    fn select(&self, map: &Value<'a>, of: &Expr, field: &'a str) -> Eval<Value<'a>> {
        if map.kind() != Kind::Map {
            return wrong(format!("{} has no field `{field}`", map.kind().words()));
        }
        match map.get(&Key::Text(Text::Borrowed(field))) {
            Some(value) => value.map_err(Fault::Wrong),
            None => wrong(missing(of, field)),
        }
    }

    fn index(&mut self, of: &'a Expr, index: &'a Expr) -> Eval<Value<'a>> {
        let value = self.evaluate(of)?;
        let at = self.evaluate(index)?;
        if value.kind() == Kind::List {
            let position = match (&at, Key::of(&at)) {
                (Value::Int(_) | Value::Double(_), Some(Key::Int(position))) => position,
                _ => return wrong(format!("{} is no index of a list", at.kind().words())),
            };
            let found = usize::try_from(position)
                .ok()
                .and_then(|p| value.element(p));
            return match found {
                Some(item) => Ok(item),
                None => wrong(format!("the list has no element {position}")),
            };
        }
        if value.kind() != Kind::Map {
            return wrong(format!("{} has no elements", value.kind().words()));
        }
        let Some(key) = Key::of(&at) else {
            return wrong(format!("{} is no key of a map", at.kind().words()));
        };
        self.charge_key(&key)?;
        match (value.get(&key), &key) {
            (Some(found), _) => found.map_err(Fault::Wrong),
            (None, Key::Text(key)) => wrong(missing(of, key)),
            (None, Key::Int(key)) => wrong(missing(of, &key.to_string())),
            (None, Key::Bool(key)) => wrong(missing(of, &key.to_string())),
        }
    }

    fn condition(&mut self, expr: &'a Expr) -> Eval<bool> {
        match self.evaluate(expr)? {
            Value::Bool(value) => Ok(value),
            other => wrong(format!(
                "{} stands where a truth value is wanted",
                other.kind().words()
            )),
        }
    }

    /// `&&` and `||`: one operand that decides is enough, whatever the others are.
    fn join(&mut self, terms: &'a [Expr], decides: bool) -> Eval<Value<'a>> {
        let mut doubt = None;
        for term in terms {
            let term = self.condition(term);
            if settle(term, decides, &mut doubt)? {
                return Ok(Value::Bool(decides));
            }
        }
        doubt.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Eval<Value<'a>> {
        Ok(match operator {
            Operator::Equal => Value::Bool(self.equal(left, right)?),
            Operator::NotEqual => Value::Bool(!self.equal(left, right)?),
            Operator::In => Value::Bool(self.within(left, right)?),
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                let order = self.compare(operator, left, right)?;
                let holds = |of: fn(Ordering) -> bool| order.is_some_and(of);
                Value::Bool(match operator {
                    Operator::Less => holds(Ordering::is_lt),
                    Operator::LessEqual => holds(Ordering::is_le),
                    Operator::Greater => holds(Ordering::is_gt),
                    _ => holds(Ordering::is_ge),
                })
            }
            _ => return self.calculate(operator, left, right),
        })
    }

    /// Values of different types are not equal, but for numbers.
    fn equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Eval<bool> {
        self.charge(1)?;
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "CEL compares numbers exactly")]
            (Value::Double(a), Value::Double(b)) => a == b,
            (Value::Int(a), Value::Double(b)) | (Value::Double(b), Value::Int(a)) => {
                compare_mixed(*a, *b) == Some(Ordering::Equal)
            }
            (Value::Text(a), Value::Text(b)) => {
                self.charge_bytes(a.len().min(b.len()))?;
                **a == **b
            }
            _ if left.kind() == Kind::List && right.kind() == Kind::List => {
                self.equal_lists(left, right)?
            }
            _ if left.kind() == Kind::Map && right.kind() == Kind::Map => {
                self.equal_maps(left, right)?
            }
            _ => false,
        })
    }

    fn equal_lists(&mut self, left: &Value<'a>, right: &Value<'a>) -> Eval<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        let mut position = 0;
        while let (Some(a), Some(b)) = (left.element(position), right.element(position)) {
            if !self.equal(&a, &b)? {
                return Ok(false);
            }
            position += 1;
        }
        Ok(true)
    }

    fn equal_maps(&mut self, left: &Value<'a>, right: &Value<'a>) -> Eval<bool> {
        if left.len() != right.len() {
            return Ok(false);
        }
        self.charge(left.len().unwrap_or(0))?;
        for key in left.elements() {
            let Some(key) = Key::of(&key) else {
                return Ok(false);
            };
            match (left.get(&key), right.get(&key)) {
                (Some(a), Some(b)) => {
                    let (a, b) = (a.map_err(Fault::Wrong)?, b.map_err(Fault::Wrong)?);
                    if !self.equal(&a, &b)? {
                        return Ok(false);
                    }
                }
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn within(&mut self, item: &Value<'a>, of: &Value<'a>) -> Eval<bool> {
        match of {
            _ if of.kind() == Kind::List => {
                let mut position = 0;
                while let Some(other) = of.element(position) {
                    if self.equal(item, &other)? {
                        return Ok(true);
                    }
                    position += 1;
                }
                Ok(false)
            }
            _ if of.kind() == Kind::Map => {
                if matches!(item.kind(), Kind::Null | Kind::List | Kind::Map) {
                    return wrong(format!("{} is no key of a map", item.kind().words()));
                }
                let Some(key) = Key::of(item) else {
                    return Ok(false);
                };
                self.charge_key(&key)?;
                Ok(of.has(&key))
            }
            _ => wrong(format!(
                "`in` looks into a list or a map, not {}",
                of.kind().words()
            )),
        }
    }

    fn compare(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Eval<Option<Ordering>> {
        Ok(match (left, right) {
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Double(b)) => compare_mixed(*a, *b),
            (Value::Double(a), Value::Int(b)) => compare_mixed(*b, *a).map(Ordering::reverse),
            (Value::Text(a), Value::Text(b)) => {
                self.charge_bytes(a.len().min(b.len()))?;
                Some(str::cmp(a, b))
            }
            _ => return wrong(unfit(operator, left, right)),
        })
    }

    fn calculate(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Eval<Value<'a>> {
        match (left, right) {
            (Value::Int(a), Value::Int(b)) => whole_result(operator, *a, *b),
            (Value::Double(a), Value::Double(b)) => Ok(Value::Double(match operator {
                Operator::Add => a + b,
                Operator::Subtract => a - b,
                Operator::Multiply => a * b,
                Operator::Divide => a / b,
                _ => return wrong(unfit(operator, left, right)),
            })),
            (Value::Text(a), Value::Text(b)) if operator == Operator::Add => {
                self.charge_bytes(a.len().saturating_add(b.len()))?;
                Ok(Value::Text(Text::Shared([&**a, &**b].concat().into())))
            }
            _ if operator == Operator::Add
                && left.kind() == Kind::List
                && right.kind() == Kind::List =>
            {
                let (a, b) = (left.len().unwrap_or(0), right.len().unwrap_or(0));
                self.charge(a.saturating_add(b))?;
                let mut items = left.elements();
                items.extend(right.elements());
                Ok(Value::List(Rc::new(items)))
            }
            _ => wrong(unfit(operator, left, right)),
        }
    }

    fn call(&mut self, function: Function, arguments: &'a [Expr]) -> Eval<Value<'a>> {
        let first = self.evaluate(&arguments[0])?;
        let second = match arguments.get(1) {
            Some(second) => Some(self.evaluate(second)?),
            None => None,
        };
        if let Value::Text(text) = &first {
            let other = second.as_ref().map_or(0, |second| match second {
                Value::Text(text) => text.len(),
                _ => 0,
            });
            self.charge_bytes(text.len().saturating_add(other))?;
        }
        match (function, &first, &second) {
            (Function::Size, Value::Text(text), None) => Ok(length(text.chars().count())),
            (Function::Size, value, None) => match value.len() {
                Some(len) => Ok(length(len)),
                None => wrong(format!("{} has no size", value.kind().words())),
            },
            (Function::Contains, Value::Text(a), Some(Value::Text(b))) => {
                Ok(Value::Bool(a.contains(&**b)))
            }
            (Function::StartsWith, Value::Text(a), Some(Value::Text(b))) => {
                Ok(Value::Bool(a.starts_with(&**b)))
            }
            (Function::EndsWith, Value::Text(a), Some(Value::Text(b))) => {
                Ok(Value::Bool(a.ends_with(&**b)))
            }
            (Function::Int | Function::Double | Function::Text, value, None) => {
                convert(function, value)
            }
            (_, Value::Text(_), Some(other)) => wrong(format!(
                "{} stands where a string is wanted",
                other.kind().words()
            )),
            (_, value, _) => wrong(format!(
                "{} stands where a string is wanted",
                value.kind().words()
            )),
        }
    }

    fn fold(&mut self, fold: &'a Fold) -> Eval<Value<'a>> {
        let range = self.evaluate(&fold.range)?;
        let Some(len) = range.len() else {
            return wrong(format!("{} has no elements", range.kind().words()));
        };
        self.charge(len)?;
        let mut doubt = None;
        let mut found = 0;
        let mut out = Vec::new();
        for element in range.elements() {
            self.charge(1)?;
            self.locals.push(element.clone());
            let step = self.step(fold, element, &mut out);
            self.locals.pop();
            match fold.kind {
                FoldKind::All | FoldKind::Exists => {
                    let decides = fold.kind == FoldKind::Exists;
                    if settle(step, decides, &mut doubt)? {
                        return Ok(Value::Bool(decides));
                    }
                }
                FoldKind::ExistsOne | FoldKind::Map | FoldKind::Filter => {
                    found += usize::from(step?);
                }
            }
        }
        match fold.kind {
            FoldKind::All => doubt.map_or(Ok(Value::Bool(true)), Err),
            FoldKind::Exists => doubt.map_or(Ok(Value::Bool(false)), Err),
            FoldKind::ExistsOne => Ok(Value::Bool(found == 1)),
            FoldKind::Map | FoldKind::Filter => Ok(Value::List(Rc::new(out))),
        }
    }

    /// One element: whether the condition holds of it; what a list is made of goes to `out`.
    fn step(&mut self, fold: &'a Fold, element: Value<'a>, out: &mut Vec<Value<'a>>) -> Eval<bool> {
        if fold.kind != FoldKind::Map {
            let holds = self.condition(&fold.body)?;
            if holds && fold.kind == FoldKind::Filter {
                out.push(element);
            }
            return Ok(holds);
        }
        if let Some(filter) = &fold.filter
            && !self.condition(filter)?
        {
            return Ok(false);
        }
        out.push(self.evaluate(&fold.body)?);
        Ok(true)
    }
}

/// Whether an operand decides. Of those that have no value, what is not known outweighs what went
/// wrong: it could still decide.
fn settle(operand: Eval<bool>, decides: bool, doubt: &mut Option<Fault>) -> Eval<bool> {
    match operand {
        Ok(value) => return Ok(value == decides),
        Err(Fault::Steps) => return Err(Fault::Steps),
        Err(Fault::Unknown) => *doubt = Some(Fault::Unknown),
        Err(fault) if doubt.is_none() => *doubt = Some(fault),
        Err(_) => {}
    }
    Ok(false)
}

fn whole_result<'a>(operator: Operator, a: i64, b: i64) -> Eval<Value<'a>> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide | Operator::Remainder if b == 0 => return wrong("division by zero"),
        Operator::Divide => a.checked_div(b),
        _ => a.checked_rem(b),
    };
    match result {
        Some(value) => Ok(Value::Int(value)),
        None => {
            let sign = operator.sign();
            wrong(format!("the result of {sign} does not fit a whole number"))
        }
    }
}

fn unfit(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> String {
    let (left, right) = (left.kind().words(), right.kind().words());
    format!(
        "`{}` cannot stand between {left} and {right}",
        operator.sign()
    )
}

fn length<'a>(len: usize) -> Value<'a> {
    Value::Int(i64::try_from(len).unwrap_or(i64::MAX))
}

fn convert<'a>(function: Function, value: &Value<'a>) -> Eval<Value<'a>> {
    #[expect(clippy::cast_precision_loss, reason = "CEL rounds to the nearest")]
    let converted = match (function, value) {
        (Function::Int, Value::Int(_))
        | (Function::Double, Value::Double(_))
        | (Function::Text, Value::Text(_)) => Some(value.clone()),
        (Function::Int, Value::Double(value)) => whole(*value).map(Value::Int),
        (Function::Int, Value::Text(text)) => text.parse().ok().map(Value::Int),
        (Function::Double, Value::Int(value)) => Some(Value::Double(*value as f64)),
        (Function::Double, Value::Text(text)) => text.parse().ok().map(Value::Double),
        (Function::Text, Value::Int(value)) => Some(shared(value.to_string())),
        (Function::Text, Value::Double(value)) => Some(shared(value.to_string())),
        (Function::Text, Value::Bool(value)) => Some(shared(value.to_string())),
        _ => None,
    };
    let Some(converted) = converted else {
        let name = match function {
            Function::Int => "int",
            Function::Double => "double",
            _ => "string",
        };
        return wrong(match value {
            Value::Text(text) => format!("{name}(...) cannot read `{}`", shown(text)),
            other => format!("{name}(...) cannot convert {}", other.kind().words()),
        });
    };
    Ok(converted)
}

fn shared<'a>(text: String) -> Value<'a> {
    Value::Text(Text::Shared(text.into()))
}

/// Says what lacks a key.
fn missing(of: &Expr, key: &str) -> String {
    let key = shown(key);
    if let Node::Asked(Path {
        field: Some(field), ..
    }) = of.node
    {
        return format!("{} {key} is not there", field.noun);
    }
    match of.written() {
        Some(written) => format!("`{written}` has no `{key}`"),
        None => format!("the map has no key `{key}`"),
    }
}
