//! The file that is read, and what was found wrong in it.

use std::sync::Arc;

use capstan_proto::SourceName;

use super::File;
use super::check::shown;
use crate::limits;
use crate::problem::{Code, Place, Problem, Severity};
use crate::yaml::{Key, Node, Value, position};

/// The file that is read, and what was found wrong in it.
pub(super) struct Reader<'a> {
    pub(super) source: &'a SourceName,
    pub(super) path: &'a Arc<str>,
    /// What the file says; nothing where only a part of it is read.
    text: &'a str,
    problems: Vec<Problem>,
    errors: usize,
    dropped: usize,
    /// Findings about the document that is read: they count where it is good.
    findings: Vec<(Problem, &'static str)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a SourceName, path: &'a Arc<str>) -> Self {
        Self {
            source,
            path,
            text: "",
            problems: Vec::new(),
            errors: 0,
            dropped: 0,
            findings: Vec::new(),
        }
    }

    /// The same reader, of a file that says this.
    pub(super) fn of(mut self, file: &'a File) -> Self {
        self.text = std::str::from_utf8(file.bytes()).unwrap_or_default();
        self
    }

    /// The place of the character at a byte of a node's text, where it is surely found. Of a file
    /// with too many problems it is not looked for.
    pub(super) fn within(&self, node: &Node, offset: usize) -> Option<Place> {
        if self.problems.len() >= limits::FILE_PROBLEMS_MAX {
            return None;
        }
        let (line, column) = position(self.text, node, offset)?;
        Some(self.place(line, column))
    }

    pub(super) fn place(&self, line: u32, column: u32) -> Place {
        Place {
            source: self.source.clone(),
            path: Arc::clone(self.path),
            line,
            column,
        }
    }

    pub(super) fn at(&self, node: &Node) -> Place {
        self.place(node.line, node.column)
    }

    pub(super) fn at_key(&self, key: &Key) -> Place {
        self.place(key.line, key.column)
    }

    pub(super) fn error(&mut self, node: &Node, code: Code, message: String, hint: &str) {
        let problem = Problem::error(&self.at(node), code, message);
        self.push(problem, hint);
    }

    pub(super) fn push(&mut self, problem: Problem, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.tell(problem.maybe_hint(hint));
    }

    /// Adds a problem that has its hint.
    pub(super) fn tell(&mut self, problem: Problem) {
        self.errors += usize::from(problem.severity == Severity::Error);
        if self.problems.len() >= limits::FILE_PROBLEMS_MAX {
            self.dropped += 1;
            return;
        }
        self.problems.push(problem);
    }

    /// Notes what is odd about a document, in case it is good.
    pub(super) fn find(&mut self, problem: Problem, hint: &'static str) {
        if self.findings.len() <= limits::FILE_PROBLEMS_MAX {
            self.findings.push((problem, hint));
        }
    }

    /// Ends a document: tells what is odd about it, where it is good.
    pub(super) fn end_document(&mut self, good: bool) {
        for (problem, hint) in std::mem::take(&mut self.findings) {
            if good {
                self.push(problem, hint);
            }
        }
    }

    /// How many errors were found, listed or not.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// What was found; of too many the first, and how many more there are.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        if let (Some(last), true) = (self.problems.last(), self.dropped > 0) {
            let (at, more) = (last.at.clone(), self.dropped);
            let message = format!("{more} more problems of this file are not listed");
            self.problems.extend(at.map(|at| {
                Problem::error(&at, Code::TooMuch, message).hint("mend those above first")
            }));
        }
        self.problems
    }

    pub(super) fn wrong_type(&mut self, node: &Node, path: &str, wanted: &str) {
        let message = format!("`{path}` must be {wanted}, not {}", node.type_name());
        let hint = match &node.value {
            Value::Number(number) if wanted == "a string" => format!("write \"{number}\""),
            Value::Number(number) if wanted.starts_with("a percentage") => {
                format!("write {number}%")
            }
            Value::Bool(value) if wanted == "a string" => format!("write \"{value}\""),
            Value::Text(text) if wanted == "a list" => format!("write [{}]", shown(text)),
            Value::Map(_) if wanted == "a list" => "write [{...}]".to_owned(),
            _ => String::new(),
        };
        self.error(node, Code::WrongType, message, &hint);
    }

    pub(super) fn missing(&mut self, node: &Node, path: &str, field: &str) {
        let message = format!("`{path}.{field}` is missing");
        self.error(node, Code::MissingField, message, "");
    }
}
