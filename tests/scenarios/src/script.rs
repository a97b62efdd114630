//! Scripts as they are written.

use anyhow::{Context as _, Result, bail};

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A heading.
    Heading(String),
    /// Writes a file.
    File {
        /// Its path below the fleet's directory.
        path: String,
        /// Its content.
        content: String,
    },
    /// Removes a file.
    Remove(String),
    /// Commits everything.
    Commit(String),
    /// Names the last commit.
    Tag(String),
    /// Cuts off what is before the last commits, of which this many stay.
    Shallow(usize),
    /// Calls a command.
    Call {
        /// As it is written.
        text: String,
        /// Its words.
        words: Vec<String>,
    },
}

/// Reads a script.
///
/// # Errors
/// When a line has no meaning.
pub fn parse(text: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let place = || format!("line {}", number + 1);
        if let Some(step) = step(line).with_context(place)? {
            lines.push(step);
            continue;
        }
        match lines.last_mut() {
            Some(Line::File { content, .. }) => file_line(content, line),
            _ if line.trim().is_empty() => {}
            _ => bail!("line {}: `{line}` has no meaning", number + 1),
        }
    }
    for line in &mut lines {
        if let Line::File { content, .. } = line {
            close(content);
        }
    }
    Ok(lines)
}

/// A line that begins a step.
fn step(line: &str) -> Result<Option<Line>> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let text = rest.trim().to_owned();
    let step = match word {
        "##" => Line::Heading(text),
        "--" if !text.is_empty() => Line::File {
            path: text,
            content: String::new(),
        },
        "rm" => Line::Remove(text),
        "commit" if text.is_empty() => Line::Commit("change".to_owned()),
        "commit" => Line::Commit(text),
        "tag" => Line::Tag(text),
        "shallow" => Line::Shallow(text.parse().context("a number of commits")?),
        "$" => Line::Call {
            words: words(&text)?,
            text,
        },
        _ => return Ok(None),
    };
    Ok(Some(step))
}

/// Splits a command line; quotes keep blanks.
fn words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for char in text.chars() {
        match (quote, char) {
            (Some(open), char) if open == char => quote = None,
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, char) => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => bail!("{quote} is not closed"),
        None => Ok(words),
    }
}

/// Adds a line to a file.
fn file_line(content: &mut String, line: &str) {
    match line.strip_prefix('@') {
        Some(document) => {
            close(content);
            content.push_str(&opened(document));
        }
        None => content.push_str(line),
    }
    content.push('\n');
}

/// The beginning of a document of ours, whose last brace is not closed.
fn opened(document: &str) -> String {
    let (kind, rest) = document.split_once(' ').unwrap_or((document, "{}"));
    let (metadata, spec) = rest.split_at(end_of_map(rest));
    let spec = match spec.trim() {
        "" => String::new(),
        spec => format!(", spec: {spec}"),
    };
    format!("{OPEN}, kind: {kind}, metadata: {metadata}{spec}")
}

/// How a document of ours begins.
const OPEN: &str = "--- {apiVersion: capstan.dev/v1alpha1";

/// Closes the last brace of a document that was opened.
fn close(content: &mut String) {
    let last = content.rfind("--- ").map_or("", |at| &content[at..]);
    if !last.starts_with(OPEN) || balance(last) == 0 {
        return;
    }
    let end = content.trim_end().len();
    content.insert(end, '}');
}

/// How many braces are open at the end of a text.
fn balance(text: &str) -> i64 {
    let count = |char| i64::try_from(text.matches(char).count()).unwrap_or(i64::MAX);
    count('{') - count('}')
}

/// Where the map ends that a text begins with.
fn end_of_map(text: &str) -> usize {
    let mut depth = 0_u32;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if char == '}' && depth == 0 {
            return at + 1;
        }
    }
    text.len()
}
