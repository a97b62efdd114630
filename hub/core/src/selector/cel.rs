//! CEL expressions in selection terms: `cluster.labels.tier == "gold"`.
//!
//! The language is the Common Expression Language: its literals, operators, `has`, `in`, the macros
//! `all`, `exists`, `exists_one`, `map` and `filter`, and the functions `size`, `int`, `double`,
//! `string`, `contains`, `startsWith` and `endsWith`. What there is to ask: `cluster.name`,
//! `cluster.labels`, `cluster.variables` (with their declared types) and `cluster.facts` (strings).
//! Deliberately absent: bytes, unsigned numbers, times, messages, regular expressions. A variable
//! whose text uses others fails: its value is only known after placement.
//!
//! # No expression can hang
//!
//! Text and tree are bounded before anything is evaluated: [`CEL_BYTES_MAX`] bytes are read once,
//! each byte by one word; the descent is at most [`CEL_NESTING_MAX`] expressions deep, with at most
//! eight calls for each; the tree has at most [`CEL_NODES_MAX`] nodes and is at most
//! [`CEL_DEPTH_MAX`] deep, which bounds the stack of everything that walks it.
//!
//! Evaluation counts its steps before it makes them, and ends at [`CEL_STEPS_MAX`]: a step is one
//! node that is visited, one element that is copied or compared, one turn of a macro, or
//! [`CEL_STEP_BYTES`] bytes of a string that is read or written. There is no loop that is not
//! charged by its length first, so macros in macros, strings that grow, and large inputs end there
//! too, and no value outgrows what the steps have paid for. What ends so has no answer for the
//! cluster, and `||` cannot hide it: every later step fails the same way.
//!
//! The parser and the evaluator are ours because the bound has to hold for every input: a
//! general-purpose parser of the language was measured to overrun a stack of 2 MiB at twelve open
//! brackets, and evaluators without a count of steps cannot be stopped. They are tested against
//! one another.
//!
//! [`CEL_BYTES_MAX`]: crate::limits::CEL_BYTES_MAX
//! [`CEL_NESTING_MAX`]: crate::limits::CEL_NESTING_MAX
//! [`CEL_NODES_MAX`]: crate::limits::CEL_NODES_MAX
//! [`CEL_DEPTH_MAX`]: crate::limits::CEL_DEPTH_MAX
//! [`CEL_STEPS_MAX`]: crate::limits::CEL_STEPS_MAX
//! [`CEL_STEP_BYTES`]: crate::limits::CEL_STEP_BYTES

mod evaluate;
mod expr;
mod parse;
mod token;
mod types;
mod value;

use std::sync::Arc;

use evaluate::{Fault, Run};
use expr::{Expr, Kind};
use value::Value;

use super::{Candidate, Truth};
use crate::limits::CEL_STEPS_MAX;

/// A checked expression. Equal when the texts are.
#[derive(Clone, Debug)]
pub struct Program {
    text: Arc<str>,
    expr: Arc<Expr>,
    uses_facts: bool,
    nodes: usize,
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Program {}

/// Why a text is no expression that terms can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes; at the boundary of a character.
    pub offset: usize,
    /// What would be right; empty where nothing is known.
    pub hint: String,
}

impl Error {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset,
            hint: String::new(),
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// Types that do not go together, on every cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the text, in bytes; at the boundary of a character.
    pub offset: usize,
    /// What does not go together.
    pub message: String,
    /// What would be right; empty where nothing is known.
    pub hint: String,
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is no expression, or one that no cluster could answer.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parsed = parse::parse(text)?;
        if let Some(kind) = parsed.expr.kind().filter(|kind| *kind != Kind::Bool) {
            let message = format!("the expression is {}, not true or false", kind.words());
            return Err(Error::new(parsed.expr.at, message).hint("compare it with something"));
        }
        Ok(Self {
            text: text.into(),
            expr: Arc::new(parsed.expr),
            uses_facts: parsed.uses_facts,
            nodes: parsed.nodes,
        })
    }

    /// The expression as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names `cluster.facts`: then its answer can hang on facts.
    #[must_use]
    pub const fn uses_facts(&self) -> bool {
        self.uses_facts
    }

    /// Where it uses types that do not go together, whatever the cluster.
    #[must_use]
    pub fn mismatches(&self) -> Vec<Mismatch> {
        types::mismatches(&self.expr)
    }

    /// Of how many nodes it consists: what one evaluation costs without macros.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.nodes
    }

    /// Whether it holds for a cluster; [`Truth::Unknown`] where that hangs on facts that are not
    /// known. It does not where the rest decides: `true || cluster.facts.a == "1"` holds.
    ///
    /// # Errors
    /// Says what went wrong; the cluster is not matched.
    pub fn evaluate(&self, candidate: Candidate<'_>) -> Result<Truth, String> {
        self.measured(candidate).0
    }

    /// The answer of [`Program::evaluate`], and how many steps it took: at most
    /// [`CEL_STEPS_MAX`].
    pub fn measured(&self, candidate: Candidate<'_>) -> (Result<Truth, String>, usize) {
        let mut run = Run::new(candidate);
        let answer = match run.evaluate(&self.expr) {
            Ok(Value::Bool(value)) => Ok(value.into()),
            Ok(other) => {
                let words = other.kind().words();
                Err(format!("the expression is {words}, not true or false"))
            }
            Err(Fault::Unknown) => Ok(Truth::Unknown),
            Err(Fault::Steps) => Err(format!("it takes more than {CEL_STEPS_MAX} steps")),
            Err(Fault::Wrong(message)) => Err(message),
        };
        (answer, run.steps())
    }

    /// Whether it holds for a cluster; not where something went wrong.
    #[must_use]
    pub fn truth(&self, candidate: Candidate<'_>) -> Truth {
        self.evaluate(candidate).unwrap_or(Truth::No)
    }
}

/// The field of `cluster` and its key without which an evaluation failed, where that is why it did.
#[must_use]
pub fn missing_key(message: &str) -> Option<(&'static str, &str)> {
    evaluate::missing_key(message)
}

#[cfg(test)]
mod tests;
