//! Where a command that needs no hub writes its answer.

use std::io::{self, BufWriter, Write};

use anyhow::Context as _;
use serde::Serialize;

use super::Outcome;
use super::args::Format;
use super::table::{Tone, colour, style};

/// Bytes that are gathered before they are written: an answer for 10,000 clusters is a million short lines.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes text, with colours, or values.
pub(super) struct Writer<'a> {
    out: BufWriter<Box<dyn Write + 'a>>,
}

impl<'a> Writer<'a> {
    /// Writes to `out`, which takes out colours where nobody wants them.
    pub(super) fn new(out: impl Write + 'a) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER_BYTES, Box::new(out)),
        }
    }

    /// Writes what is gathered.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes text as it is.
    pub(super) fn raw(&mut self, text: &str) -> Outcome {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Writes text for people, with the words of the vocabulary coloured.
    pub(super) fn text(&mut self, text: &str) -> Outcome {
        for line in text.lines() {
            writeln!(self.out, "{}", colour(line))?;
        }
        Ok(self.out.flush()?)
    }

    /// Writes problems for people: what is wrong in its colour, where it is as it is.
    pub(super) fn problems(&mut self, text: &str) -> Outcome {
        for line in text.lines() {
            let marks = line.trim_start().strip_prefix('|').map(str::trim_start);
            let (tone, coloured) = match line.split_once("]: ") {
                Some((head, _)) if head.starts_with("error[") => (Tone::Bad, head.len() + 1),
                Some((head, _)) if head.starts_with("warning[") => (Tone::Busy, head.len() + 1),
                _ if line.trim_start().starts_with("--> ") => (Tone::Dim, line.len()),
                _ if marks.is_some_and(|marks| marks.starts_with('^')) => (Tone::Bad, line.len()),
                _ => (Tone::Plain, 0),
            };
            let (head, rest) = line.split_at(coloured);
            let style = style(tone);
            writeln!(self.out, "{style}{head}{style:#}{rest}")?;
        }
        Ok(self.out.flush()?)
    }

    /// Writes a plan for people: what comes, changes and leaves in its colour.
    pub(super) fn plan(&mut self, text: &str) -> Outcome {
        for line in text.lines() {
            let style = style(match line.trim_start().chars().next() {
                Some('+') => Tone::Good,
                Some('-') => Tone::Bad,
                Some('!' | '~') => Tone::Busy,
                _ => Tone::Plain,
            });
            writeln!(self.out, "{style}{line}{style:#}")?;
        }
        Ok(self.out.flush()?)
    }

    /// Writes a value as YAML, or as JSON.
    pub(super) fn value(&mut self, value: &impl Serialize, format: Format) -> Outcome {
        match format {
            Format::Yaml => {
                let text = serde_saphyr::to_string(value).context("the answer is no YAML")?;
                writeln!(self.out, "{}", text.trim_end())?;
            }
            _ => {
                serde_json::to_writer_pretty(&mut self.out, value)
                    .map_err(io::Error::from)
                    .context("the answer cannot be written as JSON")?;
                writeln!(self.out)?;
            }
        }
        Ok(self.out.flush()?)
    }
}
