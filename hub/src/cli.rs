//! The command line: what can be asked of a hub, and what runs one.
//!
//! Exit codes: 0 done, 1 it was tried and is not so, 2 it was asked wrongly and nothing was tried.

mod admin;
mod args;
mod columns;
mod connect;
mod explain;
mod files;
mod get;
mod init;
mod inventory;
mod lint;
mod output;
mod plan;
mod progress;
mod resolve;
mod rows;
mod schema;
mod serve;
mod status;
mod table;
mod words;
mod writer;

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, ClusterCommand, Command, InventoryCommand, TokenCommand};
use writer::Writer;

/// It was tried and is not so.
const FAILED: u8 = 1;

/// It was asked wrongly.
const USAGE: u8 = 2;

/// Why a command did not end with 0.
#[derive(Debug)]
enum Failure {
    /// It was tried and is not so.
    Failed(anyhow::Error),
    /// It was asked wrongly; nothing was tried.
    Usage(anyhow::Error),
    /// Everything was said already.
    Said(u8),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

type Outcome = Result<(), Failure>;

/// Runs one command line; `args` begins with the program's name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    // A second installation in one process is refused, and the first one is the same.
    drop(rustls::crypto::ring::default_provider().install_default());
    match Cli::try_parse_from(args) {
        Ok(cli) => {
            let mut writer = Writer::new(anstream::stdout().lock());
            let outcome = dispatch(cli, &mut writer);
            let outcome = outcome.and_then(|()| Ok(writer.flush()?));
            ExitCode::from(ended(outcome, &mut anstream::stderr().lock()))
        }
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            drop(error.print());
            ExitCode::from(code)
        }
    }
}

/// What a command line without a hub said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its exit code.
    pub code: u8,
    /// Its standard output, without colours.
    pub out: String,
    /// Its standard error, without colours.
    pub err: String,
}

/// Runs a command line that asks no hub: what [`run`] does, for those who want many of them in one process.
#[must_use]
pub fn offline(args: impl Iterator<Item = OsString>) -> Said {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = match Cli::try_parse_from(args) {
        Ok(cli) if cli.command.is_offline() => {
            let mut writer = Writer::new(&mut out);
            let outcome = dispatch(cli, &mut writer).and_then(|()| Ok(writer.flush()?));
            drop(writer);
            ended(outcome, &mut err)
        }
        Ok(_) => {
            let asks = anyhow::anyhow!("this command asks a hub");
            ended(Err(Failure::Usage(asks)), &mut err)
        }
        Err(error) => {
            let text = error.to_string().into_bytes();
            let (to, code) = match error.use_stderr() {
                true => (&mut err, USAGE),
                false => (&mut out, 0),
            };
            to.extend(text);
            code
        }
    };
    let plain = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes);
        anstream::adapter::strip_str(&text).to_string()
    };
    let (out, err) = (plain(out), plain(err));
    Said { code, out, err }
}

/// The exit code, after the complaint.
fn ended(outcome: Outcome, err: &mut dyn Write) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(Failure::Said(code)) => code,
        Err(Failure::Failed(error)) if is_closed_pipe(&error) => 0,
        Err(Failure::Failed(error)) => complain(&error, FAILED, err),
        Err(Failure::Usage(error)) => complain(&error, USAGE, err),
    }
}

fn dispatch(cli: Cli, writer: &mut Writer<'_>) -> Outcome {
    let Cli { command, target } = cli;
    match command {
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Lint(args) => lint::run(&args, writer),
        Command::Plan(args) => plan::run(&args, writer),
        Command::Resolve(args) => resolve::run(&args, writer),
        Command::Completion { shell } => completion(shell),
        Command::Version => version(),
        Command::Status(shape) => ask(status::run(&target, shape)),
        Command::Get(args) => ask(get::run(&target, args)),
        Command::Explain(args) => match args.files.repo.clone() {
            Some(repo) => explain::offline(&args, &repo, writer),
            None => ask(explain::run(&target, args)),
        },
        Command::Inventory(InventoryCommand::Export(args)) => ask(inventory::export(&target, args)),
        Command::Schema => schema::run(writer),
        Command::Token(TokenCommand::Create(args)) => ask(admin::create_token(&target, args)),
        Command::Cluster(ClusterCommand::Ban(args)) => ask(admin::ban(&target, args)),
        Command::Cluster(ClusterCommand::Unban(args)) => ask(admin::unban(&target, args)),
        Command::Approve(args) => ask(admin::approve(&target, args)),
        Command::Refresh(args) => ask(admin::refresh(&target, args)),
        Command::Recover(args) => ask(admin::recover(&target, args)),
    }
}

/// Runs a question to a hub; one thread is enough for it.
fn ask(question: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            outcome = question => outcome,
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    })
}

fn completion(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hub", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

fn version() -> Outcome {
    Ok(writeln!(io::stdout(), "hub {}", env!("CARGO_PKG_VERSION"))?)
}

/// One line for the error and one for each cause.
fn complain(error: &anyhow::Error, code: u8, err: &mut dyn Write) -> u8 {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let mut text = format!("{red}error{red:#}: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    // Nobody is left to tell when this fails.
    drop(err.write_all(text.as_bytes()));
    code
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
