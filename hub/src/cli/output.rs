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
    let mut shown = Vec::new();
    while changes
        .message()
        .await
        .map_err(|status| refusal(&status))?
        .is_some()
    {
        let answer = ask(&mut client).await.map_err(|status| refusal(&status))?;
        shown = again(&answer, shape, shown)?;
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "the hub ended the watch (it stops or restarts)"
    )))
}

/// Shows what changed since `before`; gives back what is shown now.
fn again(answer: &impl Show, shape: Shape, before: Vec<String>) -> Result<Vec<String>, Failure> {
    let lines = match shape.output {
        Format::Json => vec![serde_json::to_string(answer.value())?],
        Format::Yaml => vec![format!(
            "---\n{}",
            serde_saphyr::to_string(answer.value())?.trim_end()
        )],
        format => answer.lines(format == Format::Wide, !shape.no_headers),
    };
    if lines == before {
        return Ok(before);
    }
    let table = matches!(shape.output, Format::Table | Format::Wide);
    if table && std::io::stdout().is_terminal() {
        const CLEAR: &str = "\x1b[H\x1b[2J";
        write!(std::io::stdout(), "{CLEAR}")?;
        print(&lines)?;
    } else {
        let new: Vec<String> = lines
            .iter()
            .filter(|line| !before.contains(line))
            .cloned()
            .collect();
        print(&new)?;
    }
    Ok(lines)
}
