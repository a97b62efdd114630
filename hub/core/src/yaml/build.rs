//! From the parser's events to trees, without recursion.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, Tag};

use super::{Dialect, Fault, Key, Node, Value, scalar, small};
use crate::limits;

/// Reads every document that is not empty.
pub(super) fn documents(text: &str, dialect: Dialect) -> Vec<Result<Node, Fault>> {
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options()),
        dialect,
        nodes: 0,
        alias_nodes: 0,
    };
    let mut found = Vec::new();
    loop {
        match builder.document() {
            Step::End => return found,
            Step::Document(node) if node.value == Value::Null => {}
            Step::Document(node) => found.push(Ok(node)),
            Step::Fault(fault) => {
                found.push(Err(fault));
                let within = builder.nodes <= limits::YAML_NODES_MAX;
                if !within || !matches!(builder.parser.proceed_next_document(), Ok(true)) {
                    return found;
                }
            }
        }
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.emit_comments = false;
    options.block_nesting_limit = limits::YAML_DEPTH_MAX;
    options.flow_nesting_limit = limits::YAML_DEPTH_MAX;
    options
}

enum Step {
    Document(Node),
    Fault(Fault),
    End,
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    dialect: Dialect,
    nodes: usize,
    alias_nodes: usize,
}

/// A collection that is not closed yet.
struct Frame {
    anchor: usize,
    line: u32,
    column: u32,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map(MapFrame),
}

#[derive(Default)]
struct MapFrame {
    members: Vec<(Key, Node)>,
    keys: BTreeSet<String>,
    pending: Option<(Key, bool)>,
    merges: Vec<Node>,
}

/// What of a document is built.
#[derive(Default)]
struct Partial {
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    root: Option<Node>,
    /// Values copied for later aliases.
    copied: usize,
}

/// A value that aliases may name.
struct Anchored {
    node: Node,
    /// How many values it is.
    size: usize,
    /// How deep it goes.
    depth: usize,
}

impl Builder<'_> {
    fn document(&mut self) -> Step {
        let mut partial = Partial::default();
        loop {
            let (event, span) = match self.parser.next_event() {
                None => return Step::End,
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    let marker = error.marker();
                    let (line, column) = (small(marker.line()), small(marker.col() + 1));
                    return Step::Fault(Fault {
                        line,
                        column,
                        message: error.info(),
                    });
                }
            };
            match event {
                Event::StreamEnd => return Step::End,
                Event::DocumentEnd => match partial.root {
                    Some(root) => return Step::Document(root),
                    None => partial = Partial::default(),
                },
                event => {
                    if let Err(message) = self.take(&mut partial, event, &span) {
                        let (line, column) = place(&span);
                        return Step::Fault(Fault {
                            line,
                            column,
                            message,
                        });
                    }
                }
            }
        }
    }

    fn take(&mut self, partial: &mut Partial, event: Event<'_>, span: &Span) -> Result<(), String> {
        let (line, column) = place(span);
        self.nodes += 1;
        if self.nodes > limits::YAML_NODES_MAX {
            return Err(format!(
                "more than {} values are not read",
                limits::YAML_NODES_MAX
            ));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if partial.wants_key() {
                    let merge = style == ScalarStyle::Plain && text == "<<";
                    let key = Key {
                        line,
                        column,
                        text: text.into_owned(),
                    };
                    return partial.key(key, merge);
                }
                let value = self.scalar(&text, style, tag.as_deref())?;
                partial.value(
                    Node {
                        line,
                        column,
                        value,
                    },
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, tag) => {
                known_tag(tag.as_deref(), &["seq"])?;
                partial.open(Frame {
                    anchor,
                    line,
                    column,
                    kind: FrameKind::List(Vec::new()),
                })
            }
            Event::MappingStart(_, anchor, tag) => {
                known_tag(tag.as_deref(), &["map"])?;
                let kind = FrameKind::Map(MapFrame::default());
                partial.open(Frame {
                    anchor,
                    line,
                    column,
                    kind,
                })
            }
            Event::SequenceEnd | Event::MappingEnd => partial.close(),
            Event::Alias(anchor) => self.alias(partial, anchor, (line, column)),
            _ => Ok(()),
        }
    }

    /// What an alias stands for, as if it were written in its place.
    fn alias(
        &mut self,
        partial: &mut Partial,
        anchor: usize,
        (line, column): (u32, u32),
    ) -> Result<(), String> {
        let Anchored { node, size, depth } = partial
            .anchors
            .get(&anchor)
            .ok_or("an alias cannot stand inside what it names")?;
        if partial.frames.len() + depth > limits::YAML_DEPTH_MAX {
            return Err(too_deep());
        }
        self.alias_nodes += size;
        if self.alias_nodes > limits::YAML_ALIAS_NODES_MAX {
            let max = limits::YAML_ALIAS_NODES_MAX;
            return Err(format!("aliases that stand for more than {max} values"));
        }
        let node = Node {
            line,
            column,
            value: node.value.clone(),
        };
        partial.value(node, 0)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
        known_tag(tag, &["str", "int", "float", "bool", "null"])?;
        let forced = tag.is_some_and(|tag| tag.suffix() == "str" || tag.suffix().is_empty());
        if forced || (style != ScalarStyle::Plain && tag.is_none()) {
            return Ok(Value::Text(text.to_owned()));
        }
        Ok(scalar::plain(text, self.dialect))
    }
}

impl Partial {
    fn wants_key(&self) -> bool {
        match self.frames.last() {
            Some(Frame {
                kind: FrameKind::Map(map),
                ..
            }) => map.pending.is_none(),
            _ => false,
        }
    }

    fn key(&mut self, key: Key, merge: bool) -> Result<(), String> {
        if let Some(Frame {
            kind: FrameKind::Map(map),
            ..
        }) = self.frames.last_mut()
        {
            if !merge && !map.keys.insert(key.text.clone()) {
                return Err(format!("`{}` stands here twice", key.text));
            }
            map.pending = Some((key, merge));
        }
        Ok(())
    }

    fn open(&mut self, frame: Frame) -> Result<(), String> {
        if self.wants_key() {
            return Err("a key must be a plain value".to_owned());
        }
        if self.frames.len() >= limits::YAML_DEPTH_MAX {
            return Err(too_deep());
        }
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            FrameKind::List(items) => Value::List(items),
            FrameKind::Map(map) => Value::Map(map.finish()?),
        };
        self.value(
            Node {
                line: frame.line,
                column: frame.column,
                value,
            },
            frame.anchor,
        )
    }

    fn value(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            let size = size(&node);
            self.copied += size;
            if self.copied > limits::YAML_NODES_MAX {
                let max = limits::YAML_NODES_MAX;
                return Err(format!("anchors that name more than {max} values"));
            }
            let anchored = Anchored {
                node: node.clone(),
                size,
                depth: depth(&node),
            };
            self.anchors.insert(anchor, anchored);
        }
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame {
                kind: FrameKind::List(items),
                ..
            }) => items.push(node),
            Some(Frame {
                kind: FrameKind::Map(map),
                ..
            }) => match map.pending.take() {
                Some((_, true)) => map.merges.push(node),
                Some((key, false)) => map.members.push((key, node)),
                None => return Err("a key must be a plain value".to_owned()),
            },
        }
        Ok(())
    }
}

impl MapFrame {
    /// Adds what merge keys bring and the map does not say itself.
    fn finish(mut self) -> Result<Vec<(Key, Node)>, String> {
        for merge in std::mem::take(&mut self.merges) {
            let sources = match merge.value {
                Value::Map(members) => vec![members],
                Value::List(items) => items
                    .into_iter()
                    .map(members_to_merge)
                    .collect::<Result<_, _>>()?,
                _ => return Err(NOT_MERGEABLE.to_owned()),
            };
            for (key, node) in sources.into_iter().flatten() {
                if self.keys.insert(key.text.clone()) {
                    self.members.push((key, node));
                }
            }
        }
        Ok(self.members)
    }
}

const NOT_MERGEABLE: &str = "`<<` takes a map, or a list of maps";

fn members_to_merge(node: Node) -> Result<Vec<(Key, Node)>, String> {
    match node.value {
        Value::Map(members) => Ok(members),
        _ => Err(NOT_MERGEABLE.to_owned()),
    }
}

fn known_tag(tag: Option<&Tag>, known: &[&str]) -> Result<(), String> {
    let Some(tag) = tag else { return Ok(()) };
    let core = tag.handle() == "tag:yaml.org,2002:" && known.contains(&tag.suffix());
    let none = tag.suffix().is_empty() && tag.handle() == "!";
    if core || none {
        return Ok(());
    }
    Err(format!(
        "the tag `{}{}` has no meaning here",
        tag.handle(),
        tag.suffix()
    ))
}

fn place(span: &Span) -> (u32, u32) {
    (small(span.start.line()), small(span.start.col() + 1))
}

fn too_deep() -> String {
    let max = limits::YAML_DEPTH_MAX;
    format!("nesting deeper than {max} is not read")
}

/// How many values lie inside each other in a node.
fn depth(node: &Node) -> usize {
    let below = match &node.value {
        Value::List(items) => items.iter().map(depth).max(),
        Value::Map(members) => members.iter().map(|(_, node)| depth(node)).max(),
        _ => None,
    };
    1 + below.unwrap_or_default()
}

/// How many values a node is.
fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(members) => 1 + members.iter().map(|(_, node)| size(node)).sum::<usize>(),
        _ => 1,
    }
}
