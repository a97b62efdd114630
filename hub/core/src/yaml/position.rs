//! Where a character of a text stands in the file that the text is from.
//!
//! A text is not what stands in the file: quotes and escapes are taken away, lines are joined,
//! indentation is cut. What is not surely found is not told.

use super::{Node, Value, small};

/// The line and the column of the character at a byte of a node's text, from 1. `None` where the
/// file's way of writing it is not followed.
#[must_use]
pub fn position(file: &str, node: &Node, offset: usize) -> Option<(u32, u32)> {
    let Value::Text(text) = &node.value else {
        return None;
    };
    let before = text.get(..offset)?;
    let from = usize::try_from(node.line).ok()?.checked_sub(1)?;
    let line = file.split('\n').nth(from)?;
    let above = file.split('\n').take(from);
    let above = above.filter(|line| !line.trim().is_empty()).last();
    let block = above.and_then(|line| block(line, node.column));
    let mut raw = Raw {
        lines: file.split('\n').skip(from + 1),
        line: line
            .chars()
            .skip(usize::try_from(node.column).ok()?.checked_sub(1)?)
            .collect(),
        at: 0,
        number: node.line,
        column: node.column,
    };
    let style = match block {
        Some(style) => style,
        None => raw.style()?,
    };
    // Empty lines at the beginning of a block are above the node's place.
    let told = match block {
        Some(_) => before.trim_start_matches('\n'),
        None => before,
    };
    for wanted in told.chars() {
        raw.pass(wanted, style)?;
    }
    if let Some(next) = text[offset..].chars().next() {
        raw.reach(next, style)?;
    }
    Some((raw.number, small(raw.column as usize + raw.at)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    /// `|`, with the indentation that is cut.
    Literal(usize),
    /// `>`, with the indentation that is cut.
    Folded(usize),
}

impl Style {
    /// Whether the end of a line can stand for a space.
    fn joins(self) -> bool {
        !matches!(self, Self::Literal(_))
    }
}

/// How a text is written that begins at a column of the line below this one, where `|` or `>` says
/// so at the end of this one.
fn block(line: &str, column: u32) -> Option<Style> {
    let cut = usize::try_from(column).ok()?.checked_sub(1)?;
    let line = line.split(" #").next()?.trim_end();
    let line = line.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
    let (before, style) = match (line.strip_suffix('|'), line.strip_suffix('>')) {
        (Some(before), _) => (before, Style::Literal(cut)),
        (_, Some(before)) => (before, Style::Folded(cut)),
        _ => return None,
    };
    let begins = before.trim_end().ends_with([':', '-']);
    begins.then_some(style)
}

/// The rest of a file, from a place on.
struct Raw<'f, L: Iterator<Item = &'f str>> {
    lines: L,
    /// The present line from `column` on.
    line: Vec<char>,
    /// How many characters of it are passed.
    at: usize,
    number: u32,
    column: u32,
}

impl<'f, L: Iterator<Item = &'f str>> Raw<'f, L> {
    /// How the text is written; what stands before its first character is passed.
    fn style(&mut self) -> Option<Style> {
        let style = match self.line.first()? {
            '\'' => Style::Single,
            '"' => Style::Double,
            // What an anchor or a tag stands before is not looked for.
            '&' | '!' | '*' => return None,
            _ => return Some(Style::Plain),
        };
        self.at = 1;
        Some(style)
    }

    fn begin_line(&mut self) -> Option<()> {
        self.line = self.lines.next()?.chars().collect();
        self.at = 0;
        self.number += 1;
        self.column = 1;
        Some(())
    }

    /// Goes to the first character of the next line that is no indentation.
    fn next_line(&mut self, style: Style) -> Option<()> {
        self.begin_line()?;
        let blank = |c: &&char| **c == ' ' || **c == '\t';
        let indent = self.line.iter().take_while(blank).count();
        self.at = match style {
            Style::Literal(cut) => indent.min(cut),
            _ => indent,
        };
        Some(())
    }

    /// Goes to where a character can stand: what is no white space does not stand on an empty line.
    fn reach(&mut self, wanted: char, style: Style) -> Option<()> {
        let ends = |raw: &Self| raw.line.iter().skip(raw.at).all(|c| c.is_whitespace());
        while style.joins() && !wanted.is_whitespace() && ends(self) {
            self.next_line(style)?;
        }
        Some(())
    }

    /// Passes what stands for one character of the text.
    fn pass(&mut self, wanted: char, style: Style) -> Option<()> {
        self.reach(wanted, style)?;
        let rest = &self.line[self.at.min(self.line.len())..];
        let ends = rest.iter().all(|c| c.is_whitespace());
        match (rest.first(), style) {
            (Some('\\'), Style::Double) => self.escape(),
            (Some('\''), Style::Single) if wanted == '\'' && rest.get(1) == Some(&'\'') => {
                self.at += 2;
                Some(())
            }
            (_, Style::Literal(_)) if wanted == '\n' => self.next_line(style),
            // The end of a line, with the indentation of the next one, is a space; empty lines are
            // ends of lines.
            _ if style.joins() && ends && matches!(wanted, ' ' | '\n') => self.next_line(style),
            (Some(have), _) if *have == wanted => {
                self.at += 1;
                Some(())
            }
            _ => None,
        }
    }

    fn escape(&mut self) -> Option<()> {
        let length = match self.line.get(self.at + 1)? {
            'x' => 4,
            // One half of a character beyond the first 65,536.
            'u' if self
                .line
                .get(self.at + 2)
                .is_some_and(|c| c.eq_ignore_ascii_case(&'d'))
                && self
                    .line
                    .get(self.at + 3)
                    .is_some_and(|c| !c.is_ascii_digit() || *c >= '8') =>
            {
                12
            }
            'u' => 6,
            'U' => 10,
            _ => 2,
        };
        self.at += length;
        Some(())
    }
}
