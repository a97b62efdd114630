//! The command line. Values are read by [`crate::config`], so that every mistake is told at once.

mod bootstrap;
mod run;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::Mistakes;

/// Exit code for mistakes in flags and configuration; nothing was touched.
const USAGE: u8 = 2;

/// The agent of a Capstan fleet: applies its cluster's desired state, keeps it applied and reports.
#[derive(Debug, Parser)]
#[command(name = "spoke", version = crate::VERSION, arg_required_else_help = true, disable_help_subcommand = true)]
struct Spoke {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a cluster a member of a fleet
    Bootstrap(bootstrap::Args),
    /// Run the agent
    Run(run::Args),
    /// Print a completion script
    #[command(after_help = "Example:\n  spoke completion bash > /etc/bash_completion.d/spoke")]
    Completion {
        /// bash, elvish, fish, powershell or zsh
        shell: clap_complete::Shell,
    },
}

/// Runs the command line; the first argument is the program's name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    crate::tls::install_provider();
    let spoke = match Spoke::try_parse_from(args) {
        Ok(spoke) => spoke,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(USAGE);
            // Help into a closed pipe is no failure.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match spoke.command {
        Command::Bootstrap(args) => bootstrap::run(args),
        Command::Run(args) => run::run(args),
        Command::Completion { shell } => completion(shell),
    }
}

fn completion(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Spoke::command(), "spoke", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => closed_pipe_or(&error),
    }
}

/// A reader that went away is no failure of ours.
fn closed_pipe_or(error: &std::io::Error) -> ExitCode {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Writes to standard error, with a red word in front on a terminal; a closed pipe is ignored.
fn complain(text: &str) {
    let mut stderr = anstream::AutoStream::new(std::io::stderr(), choice());
    let style = anstyle::Style::new()
        .bold()
        .fg_color(Some(anstyle::AnsiColor::Red.into()));
    drop(writeln!(stderr, "{style}error{style:#}: {text}"));
}

/// Writes one line of advice to standard error.
fn advise(text: &str) {
    let mut stderr = anstream::AutoStream::new(std::io::stderr(), choice());
    let style = anstyle::Style::new().bold();
    drop(writeln!(stderr, "{style}hint{style:#}: {text}"));
}

fn choice() -> anstream::ColorChoice {
    match std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        true => anstream::ColorChoice::Auto,
        false => anstream::ColorChoice::Never,
    }
}

fn refuse(mistakes: &Mistakes) -> ExitCode {
    for mistake in mistakes.iter() {
        complain(mistake);
    }
    ExitCode::from(USAGE)
}

/// Everything runs on two threads: the agent's work is waiting, and a core that was given 10 m of one needs no more.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

#[cfg(test)]
mod tests;
