//! Writing answers: a table, JSON or YAML, once or whenever the fleet changed.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use capstan_proto::wire;
use capstan_proto::wire::query_client::QueryClient;
use serde::Serialize;
use tonic::transport::Channel;

use super::args::{Format, Shape};
use super::connect::refusal;
use super::{Failure, Outcome};

/// An answer that can be shown.
pub(super) trait Show {
    /// What JSON and YAML hold.
    type Value: Serialize;

    /// The value for programs.
    fn value(&self) -> &Self::Value;

    /// The lines for people.
    fn lines(&self, wide: bool, headers: bool) -> Vec<String>;

    /// What to say when there are no lines.
    fn nothing(&self) -> &'static str {
        "nothing to show"
    }
}

/// Writes an answer once.
pub(super) fn once(answer: &impl Show, shape: Shape) -> Outcome {
    match shape.output {
        Format::Json | Format::Yaml => value(answer.value(), shape.output),
        Format::Table | Format::Wide => {
            let lines = answer.lines(shape.output == Format::Wide, !shape.no_headers);
            if lines.is_empty() {
                // Standard output stays empty, so that counting lines counts things.
                writeln!(anstream::stderr(), "{}", answer.nothing())?;
            }
            print(&lines)
        }
    }
}

/// Writes a value as JSON or YAML.
pub(super) fn value(value: &impl Serialize, format: Format) -> Outcome {
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(value).context("the answer is no YAML")?,
        _ => serde_json::to_string_pretty(value).context("the answer is no JSON")?,
    };
    Ok(writeln!(std::io::stdout(), "{}", text.trim_end())?)
}

/// Writes lines, with colours where the terminal wants them.
pub(super) fn print(lines: &[String]) -> Outcome {
    let mut stdout = anstream::stdout().lock();
    for line in lines {
        writeln!(stdout, "{line}")?;
    }
    Ok(stdout.flush()?)
}

/// Shows an answer, and with `--watch` again whenever it changed: in place on a terminal, else
/// only the lines that are new.
pub(super) async fn show<S: Show>(
    mut client: QueryClient<Channel>,
    shape: Shape,
    ask: impl AsyncFn(&mut QueryClient<Channel>) -> Result<S, tonic::Status>,
) -> Outcome {
    if !shape.watch {
        let answer = ask(&mut client).await.map_err(|status| refusal(&status))?;
        return once(&answer, shape);
    }
    let mut changes = client
        .watch(wire::WatchRequest {})
        .await
        .map_err(|status| refusal(&status))?
        .into_inner();
    let mut shown = Shown::default();
    while changes
        .message()
        .await
        .map_err(|status| refusal(&status))?
        .is_some()
    {
        let answer = ask(&mut client).await.map_err(|status| refusal(&status))?;
        shown = again(&answer, shape, &shown)?;
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "the hub ended the watch (it stops or restarts)"
    )))
}

/// What was shown last: the lines, and what they say apart from ages.
#[derive(Debug, Default)]
struct Shown {
    lines: Vec<String>,
    sayings: Vec<String>,
}

impl Shown {
    /// The lines of `now` that say something which none of these says.
    fn news<'a>(&self, now: &'a Self) -> impl Iterator<Item = &'a String> {
        let said = |saying: &String| self.sayings.contains(saying);
        let lines = now.lines.iter().zip(&now.sayings);
        lines
            .filter(move |(_, saying)| !said(saying))
            .map(|(line, _)| line)
    }
}

/// Shows what changed since `before`; gives back what is shown now. That time went by is no change, except on a
/// terminal, where it is shown in place.
fn again(answer: &impl Show, shape: Shape, before: &Shown) -> Result<Shown, Failure> {
    let one = |text: String| -> Result<Shown, Failure> {
        let mut value = serde_json::to_value(answer.value())?;
        without_ages(&mut value);
        Ok(Shown {
            lines: vec![text],
            sayings: vec![value.to_string()],
        })
    };
    let now = match shape.output {
        Format::Json => one(serde_json::to_string(answer.value())?)?,
        Format::Yaml => {
            let text = serde_saphyr::to_string(answer.value())?;
            one(format!("---\n{}", text.trim_end()))?
        }
        format => {
            let lines = answer.lines(format == Format::Wide, !shape.no_headers);
            let sayings = lines.iter().map(|line| without_age(line)).collect();
            Shown { lines, sayings }
        }
    };
    let table = matches!(shape.output, Format::Table | Format::Wide);
    if table && std::io::stdout().is_terminal() {
        const CLEAR: &str = "\x1b[H\x1b[2J";
        if now.lines != before.lines {
            write!(std::io::stdout(), "{CLEAR}")?;
            print(&now.lines)?;
        }
    } else {
        let news: Vec<String> = before.news(&now).cloned().collect();
        print(&news)?;
    }
    Ok(now)
}

/// What a line says apart from `3 min ago` and from the width of its columns.
fn without_age(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_age = |at: usize| {
        let number = words[at].trim_start_matches(|char: char| !char.is_ascii_digit());
        let unit = words.get(at + 1);
        let ago = words
            .get(at + 2)
            .is_some_and(|word| word.starts_with("ago"));
        ago && number.parse::<u64>().is_ok() && unit.is_some_and(|unit| UNITS.contains(unit))
    };
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        if is_age(at) {
            at += 2;
        }
        kept.push(words[at]);
        at += 1;
    }
    kept.join(" ")
}

/// The units of ages, as `capstan_hub_core::report::ago` writes them.
const UNITS: [&str; 4] = ["s", "min", "h", "d"];

/// Fields that only say when something was last looked at.
const AGES: [&str; 3] = ["seenAtMs", "polledAtMs", "picture"];

/// Removes what changes by itself.
fn without_ages(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.retain(|name, _| !AGES.contains(&name.as_str()));
            if let Some(serde_json::Value::String(text)) = fields.get_mut("text") {
                *text = without_age(text);
            }
            fields.values_mut().for_each(without_ages);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_ages),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
