//! Owns the command line, as a function so that a multi-call binary can be it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use clap::error::ErrorKind;
use tokio::signal::unix::{SignalKind, signal};

use crate::identity::write_private;
use crate::options::Options;
use crate::server::Server;

const EXAMPLES: &str = "Examples:
  simkube --kubeconfig kc.yaml &
  kubectl --kubeconfig kc.yaml get namespaces

  simkube --port 6443 --data ./state --kubeconfig kc.yaml --name staging
      keeps objects, certificates and identifiers across restarts

  simkube --kubeconfig kc.yaml --ready-delay 3s
      pods take three seconds to become ready

Images whose reference contains `:never-ready` never become ready, `:crash-loop` ones keep
crashing, and Jobs of `:fail` images fail. Faults, request counts and more are under
/simkube/ of the server; the README tells.";

/// A simulated Kubernetes API server on 127.0.0.1.
#[derive(Debug, Parser)]
#[command(name = "simkube", version, after_help = EXAMPLES)]
struct Arguments {
    /// Port to listen on; 0 picks a free one.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
    /// Where to write a kubeconfig once the server is ready.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Name of the cluster, context and user in the kubeconfig.
    #[arg(long, default_value = "simkube", value_name = "NAME")]
    name: String,
    /// Directory that keeps the state across restarts [default: memory only].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How long a pod takes to become ready (`200ms`, `3s`, `1m`).
    #[arg(long, default_value = "200ms", value_parser = duration, value_name = "TIME")]
    ready_delay: Duration,
    /// How long a custom resource takes to be served after its definition.
    #[arg(long, default_value = "20ms", value_parser = duration, value_name = "TIME")]
    crd_delay: Duration,
    /// How long a deleted pod takes to go away.
    #[arg(long, default_value = "100ms", value_parser = duration, value_name = "TIME")]
    termination_delay: Duration,
    /// How many changes per kind a watch can resume from.
    #[arg(long, default_value_t = 1024, value_name = "COUNT")]
    history: usize,
    /// Leave workloads alone: no pods, no readiness.
    #[arg(long)]
    no_workloads: bool,
}

/// Runs the program with `arguments`, the first of which is its name.
///
/// Exits with 0 after Ctrl-C or SIGTERM, with 2 for wrong arguments, with 1 for other failures.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let wanted = matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            );
            return match error.print() {
                Ok(()) if wanted => ExitCode::SUCCESS,
                _ => ExitCode::from(2),
            };
        }
    };
    install_log();
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut io::stderr(), &format!("simkube: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async move {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
        let kubeconfig = arguments.kubeconfig.clone();
        let running = Server::start(options(arguments)).await?;
        if let Some(path) = &kubeconfig {
            write_kubeconfig(path, &running.kubeconfig())?;
        }
        say(
            &mut io::stdout(),
            &greeting(running.url(), kubeconfig.as_deref()),
        );
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        running.shutdown().await;
        Ok(())
    })
}

fn options(arguments: Arguments) -> Options {
    Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        name: arguments.name,
        data: arguments.data,
        ready_delay: arguments.ready_delay,
        crd_delay: arguments.crd_delay,
        termination_delay: arguments.termination_delay,
        history: arguments.history.max(1),
        workloads: !arguments.no_workloads,
        ..Options::default()
    }
}

fn write_kubeconfig(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(directory) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    write_private(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

fn greeting(url: &str, kubeconfig: Option<&Path>) -> String {
    match kubeconfig {
        Some(path) => format!("simkube serves {url}; kubeconfig: {}", path.display()),
        None => format!("simkube serves {url}; give --kubeconfig FILE to be able to log in"),
    }
}

/// Writes a line; a closed pipe is nobody's failure.
fn say(out: &mut dyn Write, text: &str) {
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        tracing::debug!(%error, "nobody reads the output");
    }
}

fn install_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SIMKUBE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let installed = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .try_init();
    if let Err(error) = installed {
        tracing::debug!(%error, "a log is already installed");
    }
}

/// Reads `200ms`, `3s`, `2m` or plain seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let wrong = || format!("{text:?} is no time; write it like 200ms, 3s or 2m");
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    match &text[digits..] {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests;
