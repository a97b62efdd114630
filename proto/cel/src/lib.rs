//! The expression language of a fleet: `cluster.labels.tier == "gold"`, `self.status.phase == "Ready"`.
//!
//! The language is the Common Expression Language: its literals, operators, `has`, `in`, the macros
//! `all`, `exists`, `exists_one`, `map` and `filter`, and the functions `size`, `int`, `double`,
//! `string`, `contains`, `startsWith` and `endsWith`. What there is to ask is the caller's: an
//! [`Environment`] says what is known of it when an expression is read, a [`Subject`] answers when
//! it is evaluated. Deliberately absent: bytes, unsigned numbers, times, messages, regular
//! expressions.
//!
//! # No expression can hang
//!
//! Text and tree are bounded before anything is evaluated: [`limits::BYTES_MAX`] bytes are read
//! once, each byte by one word; the descent is at most [`limits::NESTING_MAX`] expressions deep,
//! with at most eight calls for each; the tree has at most [`limits::NODES_MAX`] nodes and is at
//! most [`limits::DEPTH_MAX`] deep, which bounds the stack of everything that walks it.
//!
//! Evaluation counts its steps before it makes them, and ends at [`limits::STEPS_MAX`]: a step is
//! one node that is visited, one element that is copied or compared, one turn of a macro, or
//! [`limits::STEP_BYTES`] bytes of a string that is read or written. There is no loop that is not
//! charged by its length first, so macros in macros, strings that grow, and large inputs end there
//! too, and no value outgrows what the steps have paid for. What ends so has no answer, and `||`
//! cannot hide it: every later step fails the same way. Comparing values inside each other is as
//! deep as the deeper of them: what an expression makes is bounded by its tree and its steps, and
//! what is given as JSON by whoever read it.
//!
//! The parser and the evaluator are ours because the bound has to hold for every input: a
//! general-purpose parser of the language was measured to overrun a stack of 2 MiB at twelve open
//! brackets, and evaluators without a count of steps cannot be stopped. They are tested against
//! one another.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod environment;
mod evaluate;
mod expr;
pub mod limits;
pub mod object;
mod parse;
pub mod subject;
mod token;
mod types;
mod value;

use std::sync::Arc;

pub use environment::{Environment, Field, Holds, Path, Root, Shape};
pub use subject::{Answer, Map, Scalar, Subject};

use evaluate::Run;
use expr::{Expr, Kind};
use value::Value;

/// A checked expression, which is true or false. Equal when the texts are.
#[derive(Clone, Debug)]
pub struct Program {
    text: Arc<str>,
    expr: Arc<Expr>,
    asked: Arc<[Path]>,
    nodes: usize,
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Program {}

/// Why a text is no expression of the language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes; at the boundary of a character.
    pub offset: usize,
    /// What would be right.
    pub hint: Hint,
}

/// What would be right. Which known word is meant is left to who has the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Nothing is known.
    None,
    /// A sentence.
    Words(String),
    /// One of the known words may be meant.
    Known {
        /// What stands there.
        word: String,
        /// What could.
        known: Vec<String>,
        /// A sentence for where none of them is near; `None`: say them all.
        otherwise: Option<String>,
    },
}

impl Error {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            offset,
            hint: Hint::None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        let hint = Hint::Words(hint.into());
        Self { hint, ..self }
    }

    fn meant(self, word: &str, known: &[&str], otherwise: Option<String>) -> Self {
        let hint = Hint::Known {
            word: word.to_owned(),
            known: known.iter().map(|known| (*known).to_owned()).collect(),
            otherwise,
        };
        Self { hint, ..self }
    }
}

/// Types that do not go together, whoever answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where in the text, in bytes; at the boundary of a character.
    pub offset: usize,
    /// What does not go together.
    pub message: String,
    /// What would be right; empty where nothing is known.
    pub hint: String,
}

/// Why an evaluation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It hangs on something that is not known now.
    #[error("it hangs on what is not known now")]
    Unknown,
    /// It took too many steps. Every step after it fails the same way, so nothing hides it.
    #[error("it takes more than {} steps", limits::STEPS_MAX)]
    Steps,
    /// It went wrong, as these words say.
    #[error("{0}")]
    Wrong(String),
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is no expression, or one that nobody could answer.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, Error> {
        let parsed = parse::parse(text, environment)?;
        if let Some(kind) = parsed.expr.kind().filter(|kind| *kind != Kind::Bool) {
            let message = format!("the expression is {}, not true or false", kind.words());
            return Err(Error::new(parsed.expr.at, message).hint("compare it with something"));
        }
        Ok(Self {
            text: text.into(),
            expr: Arc::new(parsed.expr),
            asked: parsed.asked.into(),
            nodes: parsed.nodes,
        })
    }

    /// The expression as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it names: its answer can hang on nothing else.
    #[must_use]
    pub fn asked(&self) -> &[Path] {
        &self.asked
    }

    /// Where it uses types that do not go together, whoever answers.
    #[must_use]
    pub fn mismatches(&self) -> Vec<Mismatch> {
        types::mismatches(&self.expr)
    }

    /// Of how many nodes it consists: what one evaluation costs without macros.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.nodes
    }

    /// Whether it holds of a subject. It hangs on what is not known only where the rest does not
    /// decide.
    ///
    /// # Errors
    /// Says why there is no answer.
    pub fn evaluate(&self, subject: &dyn Subject) -> Result<bool, Fault> {
        self.measured(subject).0
    }

    /// The answer of [`Program::evaluate`], and how many steps it took: at most one more than
    /// [`limits::STEPS_MAX`].
    pub fn measured(&self, subject: &dyn Subject) -> (Result<bool, Fault>, usize) {
        let mut run = Run::new(subject);
        let answer = match run.evaluate(&self.expr) {
            Ok(Value::Bool(value)) => Ok(value),
            Ok(other) => {
                let words = other.kind().words();
                let message = format!("the expression is {words}, not true or false");
                Err(Fault::Wrong(message))
            }
            Err(fault) => Err(fault),
        };
        (answer, run.steps())
    }
}

#[cfg(test)]
mod tests;
