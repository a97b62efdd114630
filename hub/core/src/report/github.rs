//! Problems as GitHub's workflow commands, which show them beside the lines of a pull request.

use std::fmt::Write as _;

use super::lint::end_column;
use super::plan::Detail;
use crate::problem::{Problem, Severity};
use crate::spec::Trees;

/// One line a problem: `::error file=..,line=..,col=..,endColumn=..,title=E0102::message%0Ahint`.
/// Paths count from the root of the repository, so `prefix` is the folder that was looked at.
#[must_use]
pub fn github(problems: &[Problem], trees: &Trees, prefix: &str) -> String {
    let mut out = String::new();
    for problem in problems {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut properties = String::new();
        // The lines of a pinned revision are not those of the pull request.
        if let Some(at) = problem.at.as_ref().filter(|_| problem.pin.is_none()) {
            let path = match prefix {
                "" => at.path.to_string(),
                prefix => format!("{prefix}/{}", at.path),
            };
            let (file, line, column) = (property(&path), at.line, at.column);
            properties = format!("file={file},line={line},col={column},");
            if let Some(end) = end_column(trees, problem) {
                write!(properties, "endLine={line},endColumn={end},").expect(INFALLIBLE);
            }
        }
        let mut message = problem.message.clone();
        let first = problem.clusters.first();
        if first.is_some_and(|cluster| !message.contains(cluster.as_str())) {
            let on = Detail::Usual.on(problem.clusters.iter());
            message = format!("{message} (on {on})");
        }
        if let Some(hint) = &problem.hint {
            message = format!("{message}\n{hint}");
        }
        let (title, message) = (problem.code, data(&message));
        writeln!(out, "::{severity} {properties}title={title}::{message}").expect(INFALLIBLE);
    }
    out
}

const INFALLIBLE: &str = "writing to a string cannot fail";

/// What stands behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What stands behind `name=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
