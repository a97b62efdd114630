//! `spoke run`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{advise, complain, refuse, runtime};
use crate::telemetry::chain;
use crate::{bootstrap, config, shutdown, telemetry};

pub(super) const EXAMPLES: &str = "\
Examples:
  In a pod, as `spoke bootstrap` installs it:
    spoke run
  Outside the cluster, after `spoke bootstrap ... --outside`:
    spoke run --kubeconfig edge-1.kubeconfig
  With health and metrics on a free port, or with more in the log:
    spoke run --kubeconfig edge-1.kubeconfig --http 127.0.0.1:0
    CAPSTAN_LOG=debug spoke run --kubeconfig edge-1.kubeconfig

Outside the cluster the kubeconfig is used once, to ask for a token of the
agent's own ServiceAccount; everything else is done with that token, which
renews itself.";

/// What `spoke run` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Kubeconfig, for an agent outside its cluster
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The agent's namespace
    #[arg(
        long,
        value_name = "NAME",
        default_value = bootstrap::NAMESPACE,
        env = "CAPSTAN_NAMESPACE",
        hide_env_values = true
    )]
    namespace: String,
    /// Serve health, readiness and metrics there; port 0 is a free one
    #[arg(long, value_name = "ADDR:PORT")]
    http: Option<String>,
    /// Log lines as text or json; CAPSTAN_LOG sets the level
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: String,
}

pub(super) fn run(args: Args) -> ExitCode {
    let Args {
        kubeconfig,
        context,
        namespace,
        http,
        log_format,
    } = args;
    let raw = config::RawRun {
        access: crate::kube::Access {
            kubeconfig,
            context,
        },
        namespace,
        http,
        log_format,
    };
    let config = match raw.check() {
        Ok(config) => config,
        Err(mistakes) => return refuse(&mistakes),
    };
    telemetry::start(config.log_format);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        let shutdown = shutdown::on_signals().map_err(crate::runtime::RunError::Signals)?;
        crate::runtime::run(&config, shutdown).await
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&chain(&error));
            let hint = error.hint();
            if !hint.is_empty() {
                advise(&hint);
            }
            ExitCode::FAILURE
        }
    }
}
