//! Tables as operators know them: columns padded with blanks, no lines, colours only on a terminal.

use anstyle::{AnsiColor, Style};

/// What a cell's colour says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// It is as it should be.
    Good,
    /// It waits, or is on its way.
    Busy,
    /// A person is needed.
    Bad,
    /// It is not known.
    Dim,
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell without colour.
    pub(super) fn new(text: impl ToString) -> Self {
        Self {
            text: line(&text.to_string()),
            tone: Tone::Plain,
        }
    }

    /// A word of the vocabulary, coloured by what it says.
    pub(super) fn word(text: &str) -> Self {
        Self {
            text: line(text),
            tone: tone(text),
        }
    }
}

/// Rows below a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    #[cfg(test)]
    pub(super) fn header(&self) -> &[&'static str] {
        &self.header
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines; `header` says whether its first line is wanted.
    pub(super) fn lines(&self, header: bool) -> Vec<String> {
        let mut widths: Vec<usize> = match header {
            true => self.header.iter().map(|text| text.len()).collect(),
            false => vec![0; self.header.len()],
        };
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let mut lines = Vec::new();
        if header {
            let cells: Vec<Cell> = self.header.iter().map(Cell::new).collect();
            lines.push(row_text(&cells, &widths));
        }
        lines.extend(self.rows.iter().map(|row| row_text(row, &widths)));
        lines
    }
}

fn row_text(row: &[Cell], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let style = style(cell.tone);
        let padding = " ".repeat(width.saturating_sub(cell.text.chars().count()) + 3);
        text.push_str(&format!("{style}{}{style:#}{padding}", cell.text));
    }
    text.trim_end().to_owned()
}

/// Text of a spoke must not break the line or the terminal.
fn line(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

pub(super) const fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Busy => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
        Tone::Dim => AnsiColor::BrightBlack.on_default(),
    }
}

/// What a word of the vocabulary says.
pub(super) fn tone(word: &str) -> Tone {
    match word {
        "Synced" | "Healthy" | "Connected" | "Serving" | "Following" | "Healed" => Tone::Good,
        "Applying" | "Progressing" | "Stale" | "Starting" | "Recovering" | "Held" | "warning"
        | "Reported" | "Suspended" => Tone::Busy,
        "Drifted" | "Failed" | "Conflict" | "Degraded" | "Missing" | "Offline" | "Banned"
        | "Quarantined" | "NeedsToken" | "UpgradeNeeded" | "Failing" | "error" | "Open"
        | "Fought" => Tone::Bad,
        "Unknown" | "NeverSeen" => Tone::Dim,
        word if word.starts_with("Waiting") || word.starts_with("Blocked") => Tone::Busy,
        _ => Tone::Plain,
    }
}

/// Colours every word of the vocabulary in a text.
pub(super) fn colour(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .find(|char: char| !char.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let style = style(tone(word));
        out.push_str(&format!("{style}{word}{style:#}"));
        let next = after
            .find(|char: char| char.is_ascii_alphabetic())
            .unwrap_or(after.len());
        out.push_str(&after[..next]);
        rest = &after[next..];
    }
    out
}
