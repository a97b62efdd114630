//! CEL expressions in selection terms.

use std::sync::Arc;

use super::{Candidate, Truth};

/// A parsed expression. Equal when the texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    text: Arc<str>,
}

/// Why a text is no expression that terms can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What would be right; empty where nothing is known.
    pub hint: String,
}

impl Program {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is no expression, or one that no cluster could answer.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.into() })
    }

    /// The expression as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it names `cluster.facts`.
    #[must_use]
    pub fn uses_facts(&self) -> bool {
        self.text.contains("facts")
    }

    /// Whether it holds for a cluster.
    ///
    /// # Errors
    /// Says what went wrong; the cluster is not matched.
    pub fn evaluate(&self, _candidate: Candidate<'_>) -> Result<Truth, String> {
        Err("this version has no CEL yet".to_owned())
    }

    /// Whether it holds for a cluster; not where something went wrong.
    #[must_use]
    pub fn truth(&self, candidate: Candidate<'_>) -> Truth {
        self.evaluate(candidate).unwrap_or(Truth::No)
    }
}
