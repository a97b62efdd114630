//! The command line of the playground.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// How long `--until-synced` waits by default.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A whole fleet on one machine: a Git repository, a hub, simulated clusters and their spokes.
///
/// Every part is a process of its own. Edit the sample repository and commit, scale something with
/// kubectl, kill a part by its pid: the table shows what becomes of it. Ctrl-C stops everything.
#[derive(Parser)]
#[command(
    name = "playground",
    version,
    after_help = "Examples:
  playground                              three clusters, in a directory that goes away at the end
  playground --clusters 6                 six clusters
  playground --dir ~/fleet                keep everything in ~/fleet; the next start resumes there
  playground --until-synced --timeout 2m  exit 0 once all is Synced and Healthy, else 1 with reasons
  playground part --dir ~/fleet restart hub",
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(flatten)]
    start: Start,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Start, stop or list single parts of a playground that runs.
    Part(Part),
}

/// How to start a playground.
#[derive(Args)]
pub(crate) struct Start {
    /// How many clusters to simulate.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) clusters: u16,
    /// Where to keep everything; resumed when it holds a playground already. Default: a temporary
    /// directory, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// End with 0 as soon as every cluster is Connected and everything on it Synced and Healthy.
    #[arg(long)]
    pub(crate) until_synced: bool,
    /// How long --until-synced waits: 90, 90s or 2m. Default: 2m.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "until_synced")]
    timeout: Option<Duration>,
}

impl Start {
    /// How long to wait for everything to be synced.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }
}

/// Which part to do something with.
#[derive(Args)]
pub(crate) struct Part {
    /// The playground's directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// What to do.
    pub(crate) verb: crate::control::Verb,
    /// hub, or simkube-CLUSTER, or spoke-CLUSTER.
    pub(crate) name: Option<String>,
}

/// Runs the command line.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::new(error).context("cannot start threads")),
    };
    let outcome = match arguments.command {
        Some(Command::Part(part)) => runtime.block_on(crate::control::ask(&part)),
        None => runtime.block_on(crate::fleet::run(&arguments.start)),
    };
    outcome.unwrap_or_else(|error| fail(&error))
}

fn fail(error: &anyhow::Error) -> ExitCode {
    crate::guide::error(&format!("{error:#}"));
    ExitCode::FAILURE
}

/// Reads `90`, `90s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let number: u32 = number
        .parse()
        .map_err(|_| "a number of seconds, or with a unit: 90, 90s, 2m".to_owned())?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

#[cfg(test)]
mod tests;
