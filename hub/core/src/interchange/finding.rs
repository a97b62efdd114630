//! A problem as programs read it.

use serde::Serialize;

use crate::problem::Problem;

/// A problem as programs read it. Every field is always there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding<'a> {
    /// The stable code.
    pub code: &'a str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// The file, relative to the source's path.
    pub path: Option<&'a str>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column in characters, from 1.
    pub column: Option<u32>,
    /// The clusters it concerns, where it concerns any in particular.
    pub clusters: Vec<&'a str>,
    /// The bundle it concerns, where it concerns one.
    pub bundle: Option<&'a str>,
    /// One sentence.
    pub message: &'a str,
    /// What to do.
    pub hint: Option<&'a str>,
}

impl<'a> Finding<'a> {
    /// A problem as programs read it.
    #[must_use]
    pub fn new(problem: &'a Problem) -> Self {
        let at = problem.at.as_ref();
        Self {
            code: problem.code.as_str(),
            severity: match problem.severity {
                crate::problem::Severity::Error => "error",
                crate::problem::Severity::Warning => "warning",
            },
            path: at.map(|at| at.path.as_ref()),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            clusters: problem.clusters.iter().map(|c| c.as_str()).collect(),
            bundle: problem.bundle.as_ref().map(|bundle| bundle.name()),
            message: &problem.message,
            hint: problem.hint.as_deref(),
        }
    }
}
