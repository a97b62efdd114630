//! CEL expressions in selection terms.

use std::sync::Arc;

/// A parsed expression. Equal when the texts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    text: Arc<str>,
}

impl Program {
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
}
