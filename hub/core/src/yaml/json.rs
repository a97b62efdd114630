//! A JSON file as a tree: the syntax is judged by `serde_json`, the places are found by a walk over
//! the text.
//!
//! The walk may rely on the syntax: it skips commas and colons without looking. It is no part of
//! the YAML reader, because not all JSON is YAML: surrogate pairs and a colon on the next line are
//! not.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::{Fault, Key, Node, Value, small};
use crate::limits;

/// Reads the one value of a file; none where the file is empty.
pub(super) fn document(text: &str) -> Option<Result<Node, Fault>> {
    if text.trim().is_empty() {
        return None;
    }
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Some(Err(syntax(text, &error)));
    }
    let mut walk = Walk {
        rest: text,
        line: 1,
        column: 1,
        frames: Vec::new(),
        nodes: 0,
    };
    Some(walk.value())
}

/// What is not JSON, in place and words.
fn syntax(text: &str, error: &serde_json::Error) -> Fault {
    let line = text.split('\n').nth(error.line().saturating_sub(1));
    let bytes = line.unwrap_or_default().as_bytes();
    let (before, rest) = bytes.split_at(error.column().saturating_sub(1).min(bytes.len()));
    Fault {
        line: small(error.line()),
        column: small(1 + String::from_utf8_lossy(before).chars().count()),
        message: words(error, rest.first()),
    }
}

fn words(error: &serde_json::Error, at: Option<&u8>) -> String {
    let said = error.to_string();
    let words = match (said.rsplit_once(" at line ").map_or(&*said, |(w, _)| w), at) {
        ("expected value", Some(b']')) | ("key must be a string", Some(b'}')) => "trailing comma",
        ("expected ident", _) => "only null, true and false stand without quotes",
        (words, _) => words,
    };
    format!("this is not JSON: {words}")
}

struct Walk<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
    frames: Vec<Frame>,
    nodes: usize,
}

/// A collection that is not closed yet.
struct Frame {
    line: u32,
    column: u32,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map {
        members: Vec<(Key, Node)>,
        keys: BTreeSet<String>,
        pending: Option<Key>,
    },
}

impl Walk<'_> {
    fn value(&mut self) -> Result<Node, Fault> {
        loop {
            self.skip();
            let (line, column) = (small(self.line), small(self.column));
            let fault = |message| Fault {
                line,
                column,
                message,
            };
            let closes = matches!(self.rest.bytes().next(), Some(b'}' | b']'));
            self.nodes += usize::from(!closes);
            if self.nodes > limits::YAML_NODES_MAX {
                let max = limits::YAML_NODES_MAX;
                return Err(fault(format!("more than {max} values are not read")));
            }
            let node = match self.rest.bytes().next() {
                Some(b'{') => {
                    self.open(Inside::map()).map_err(fault)?;
                    continue;
                }
                Some(b'[') => {
                    self.open(Inside::List(Vec::new())).map_err(fault)?;
                    continue;
                }
                Some(b'}' | b']') => {
                    self.take(1);
                    self.frames.pop().expect("brackets match").close()
                }
                _ => {
                    let value = self.scalar().map_err(fault)?;
                    let value = match (self.frames.last_mut(), value) {
                        (Some(frame), Value::Text(text)) if frame.wants_key() => {
                            let key = Key { line, column, text };
                            frame.key(key).map_err(fault)?;
                            continue;
                        }
                        (_, value) => value,
                    };
                    Node {
                        line,
                        column,
                        value,
                    }
                }
            };
            match self.frames.last_mut() {
                Some(frame) => frame.add(node),
                None => return Ok(node),
            }
        }
    }

    /// Goes over white space and what stands between values.
    fn skip(&mut self) {
        let between = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':');
        while let Some(byte) = self.rest.bytes().next().filter(|byte| between(*byte)) {
            self.take(1);
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            }
        }
    }

    /// Goes over a piece of a line and gives it.
    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.column += taken.chars().count();
        taken
    }

    fn open(&mut self, inside: Inside) -> Result<(), String> {
        let (line, column) = (small(self.line), small(self.column));
        if self.frames.len() >= limits::YAML_DEPTH_MAX {
            let max = limits::YAML_DEPTH_MAX;
            return Err(format!("nesting deeper than {max} is not read"));
        }
        self.take(1);
        self.frames.push(Frame {
            line,
            column,
            inside,
        });
        Ok(())
    }

    /// A string, a number or a word.
    fn scalar(&mut self) -> Result<Value, String> {
        let said = |error: serde_json::Error| words(&error, None);
        let bytes = self.rest.as_bytes();
        if bytes.first() == Some(&b'"') {
            let token = self.take(string_length(bytes));
            return serde_json::from_str(token).map(Value::Text).map_err(said);
        }
        let ends = |b: &u8| matches!(b, b',' | b']' | b'}') || b.is_ascii_whitespace();
        let length = bytes.iter().position(ends).unwrap_or(bytes.len());
        match self.take(length) {
            "null" => Ok(Value::Null),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            number => serde_json::from_str(number)
                .map(|read| Value::Number(super::Numeral::new(read, number)))
                .map_err(said),
        }
    }
}

/// The bytes of the string that a text begins with, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

impl Inside {
    fn map() -> Self {
        Self::Map {
            members: Vec::new(),
            keys: BTreeSet::new(),
            pending: None,
        }
    }
}

impl Frame {
    fn wants_key(&self) -> bool {
        matches!(self.inside, Inside::Map { pending: None, .. })
    }

    fn key(&mut self, key: Key) -> Result<(), String> {
        if let Inside::Map { keys, pending, .. } = &mut self.inside {
            if !keys.insert(key.text.clone()) {
                return Err(format!("`{}` stands here twice", key.text));
            }
            *pending = Some(key);
        }
        Ok(())
    }

    fn add(&mut self, node: Node) {
        match &mut self.inside {
            Inside::List(items) => items.push(node),
            Inside::Map {
                members, pending, ..
            } => {
                let key = pending.take().expect("a value follows its key");
                members.push((key, node));
            }
        }
    }

    fn close(self) -> Node {
        let value = match self.inside {
            Inside::List(items) => Value::List(items),
            Inside::Map { members, .. } => Value::Map(members),
        };
        Node {
            line: self.line,
            column: self.column,
            value,
        }
    }
}
