//! Requests to a playground that runs: start, stop and list its parts, over a Unix socket.
//!
//! One line in (`restart hub`), lines out, the first of them beginning with `+` or `-`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::cli::Part;
use crate::guide;
use crate::layout::Layout;
use crate::parts::Parts;

/// Longest request, in bytes: a verb and a cluster's name of at most 63 bytes with a prefix.
const REQUEST_BYTES_MAX: u64 = 256;

/// What can be done with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verb {
    /// Show every part with its pid.
    List,
    /// Start a part that is not running.
    Start,
    /// Stop a part.
    Stop,
    /// Stop a part where it runs, and start it.
    Restart,
}

/// Takes requests at the playground's socket.
pub(crate) async fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        let directory = path.parent().unwrap_or(path).display();
        bail!("another playground runs in {directory}; stop it, or choose another --dir");
    }
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("cannot replace {}", path.display()));
    }
    UnixListener::bind(path).with_context(|| format!("cannot listen at {}", path.display()))
}

/// Answers one request.
pub(crate) async fn answer(stream: UnixStream, parts: &mut Parts) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(REQUEST_BYTES_MAX))
        .read_line(&mut line)
        .await?;
    let answer = match perform(line.trim(), parts).await {
        Ok(text) => format!("+{text}\n"),
        Err(error) => format!("-{error:#}\n"),
    };
    write.write_all(answer.as_bytes()).await?;
    Ok(())
}

async fn perform(request: &str, parts: &mut Parts) -> anyhow::Result<String> {
    let (verb, name) = request.split_once(' ').unwrap_or((request, ""));
    let verb = Verb::from_str(verb, false).map_err(|_| anyhow::anyhow!("no verb `{verb}`"))?;
    parts.reap();
    match verb {
        Verb::List => {
            let line = |(name, pid): (String, Option<u32>)| match pid {
                Some(pid) => format!("{name:<24} pid {pid}"),
                None => format!("{name:<24} stopped"),
            };
            Ok(parts
                .list()
                .into_iter()
                .map(line)
                .collect::<Vec<_>>()
                .join("\n"))
        }
        Verb::Start => started(name, parts).await,
        Verb::Stop => {
            parts.stop(name).await?;
            Ok(format!("{name} is stopped"))
        }
        Verb::Restart => {
            if parts.pid(name).is_some() {
                parts.stop(name).await?;
            }
            started(name, parts).await
        }
    }
}

/// Starts a part, and answers once it serves.
async fn started(name: &str, parts: &mut Parts) -> anyhow::Result<String> {
    let pid = parts.start(name)?;
    parts.serves(name).await?;
    Ok(format!("{name} runs with pid {pid}"))
}

/// Sends one request to the playground in a directory and prints its answer.
pub(crate) async fn ask(part: &Part) -> anyhow::Result<ExitCode> {
    let name = part.name.as_deref().unwrap_or_default();
    if part.verb != Verb::List && name.is_empty() {
        bail!("name a part: hub, simkube-CLUSTER or spoke-CLUSTER (see `part list`)");
    }
    let layout = Layout::new(&part.dir)?;
    let mut stream = UnixStream::connect(layout.control())
        .await
        .with_context(|| format!("no playground runs in {}", part.dir.display()))?;
    let verb = part.verb.to_possible_value().expect("no verb is hidden");
    stream
        .write_all(format!("{} {name}\n", verb.get_name()).as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.strip_prefix('+') {
        Some(text) => {
            guide::say(text.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        None => bail!("{}", answer.trim_start_matches('-').trim_end()),
    }
}
