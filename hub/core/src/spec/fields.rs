//! The file that is read, and what was found wrong in it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::SourceName;

use super::File;
use super::language::{Field, habits};
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
    findings: Vec<Problem>,
    /// Fields that misspelt keys were meant to be, by the places of the keys.
    renamed: BTreeMap<(u32, u32), &'static str>,
    /// Whether fields of `spec` stand beside it, so that it lacks them.
    pub(super) misplaced: bool,
    is_trial: bool,
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
            renamed: BTreeMap::new(),
            misplaced: false,
            is_trial: false,
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
    pub(super) fn find(&mut self, problem: Problem, hint: &str) {
        if self.findings.len() <= limits::FILE_PROBLEMS_MAX {
            let hint = (!hint.is_empty()).then(|| hint.to_owned());
            self.findings.push(problem.maybe_hint(hint));
        }
    }

    /// Ends a document: tells what is odd about it, where it is good.
    pub(super) fn end_document(&mut self, good: bool) {
        for problem in std::mem::take(&mut self.findings) {
            if good {
                self.tell(problem);
            }
        }
        self.renamed.clear();
        self.misplaced = false;
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

    pub(super) fn missing(&mut self, node: &Node, path: &str, field: &Field) {
        let message = format!("`{path}.{}` is missing", field.name);
        let example = habits::example(&field.shape);
        let hint = example.map(|example| format!("as in `{}: {example}`", field.name));
        self.error(node, Code::MissingField, message, &hint.unwrap_or_default());
    }

    /// A reader of the same file that notes whether a value is right, and nothing else.
    pub(super) fn trial(&self) -> Self {
        Self {
            is_trial: true,
            ..Self::new(self.source, self.path)
        }
    }

    /// Whether hints are worth their time: not for what is only tried, nor for more problems than
    /// are listed.
    pub(super) fn gives_hints(&self) -> bool {
        !self.is_trial && self.problems.len() < limits::FILE_PROBLEMS_MAX
    }

    /// Notes which field a misspelt key was meant to be.
    pub(super) fn rename(&mut self, key: &Key, field: &'static str) {
        self.renamed.insert((key.line, key.column), field);
    }

    /// What was meant by a document, with the fields that misspelt keys were meant to be.
    pub(super) fn meant<'n>(&self, node: &'n Node) -> Cow<'n, Node> {
        match self.renamed.is_empty() {
            true => Cow::Borrowed(node),
            false => Cow::Owned(renamed(node, &self.renamed)),
        }
    }
}

/// A value with other names for the keys at these places.
fn renamed(node: &Node, names: &BTreeMap<(u32, u32), &'static str>) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(|item| renamed(item, names)).collect()),
        Value::Map(members) => {
            let members = members.iter().map(|(key, value)| {
                let name = names.get(&(key.line, key.column));
                let text = name.map_or_else(|| key.text.clone(), |name| (*name).to_owned());
                (Key { text, ..*key }, renamed(value, names))
            });
            Value::Map(members.collect())
        }
        value => value.clone(),
    };
    Node { value, ..*node }
}
