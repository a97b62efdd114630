//! `spoke bootstrap`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{advise, complain, refuse, runtime};
use crate::bootstrap::{self, BootstrapError};
use crate::config;
use crate::telemetry::chain;

const EXAMPLES: &str = "\
Examples:
  spoke bootstrap --hub hub.example:7443 --token 7f3k.9x... --ca-pin sha256:2b7e...
  spoke bootstrap ... --context prod-eu-1 --rights platform
  spoke bootstrap ... --print > agent.yaml
  spoke bootstrap ... --outside        # install everything but the Deployment; run the agent yourself

`hub token create <cluster>` prints the line to paste.";

/// What `spoke bootstrap` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The hub's address for spokes
    #[arg(long, value_name = "HOST:PORT")]
    hub: Option<String>,
    /// The token that `hub token create` printed; may be left out to repair a cluster that is enrolled
    #[arg(
        long,
        value_name = "ID.SECRET",
        env = "CAPSTAN_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// SHA-256 of the hub CA's public key
    #[arg(long, value_name = "sha256:HEX")]
    ca_pin: Option<String>,
    /// Kubeconfig of somebody who may administer the cluster [default: as kubectl]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long)]
    context: Option<String>,
    /// Namespace for the agent
    #[arg(long, default_value = bootstrap::NAMESPACE)]
    namespace: String,
    /// What the agent may install: `namespaced` (built-in kinds in namespaces that exist) or `platform` (CRDs,
    /// webhooks, cluster roles and namespaces too)
    #[arg(long, default_value = "namespaced")]
    rights: String,
    /// Image of the agent
    #[arg(long, default_value_t = config::default_image())]
    image: String,
    /// Print the manifests and do nothing
    #[arg(long)]
    print: bool,
    /// Check everything and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the cluster is connected
    #[arg(long)]
    no_wait: bool,
    /// Install no Deployment; the agent runs outside the cluster, and its command line is printed
    #[arg(long)]
    outside: bool,
    /// How long to wait, such as 90, 90s or 5m
    #[arg(long, default_value = "5m")]
    timeout: String,
}

pub(super) fn run(args: Args) -> ExitCode {
    let Args {
        hub,
        token,
        ca_pin,
        kubeconfig,
        context,
        namespace,
        rights,
        image,
        print,
        dry_run,
        no_wait,
        outside,
        timeout,
    } = args;
    let raw = config::RawBootstrap {
        hub,
        token,
        ca_pin,
        access: crate::kube::Access {
            kubeconfig,
            context,
        },
        namespace,
        rights,
        image,
        extent: config::RawExtent {
            print,
            dry_run,
            no_wait,
        },
        outside,
        timeout,
    };
    let order = match raw.check() {
        Ok(order) => order,
        Err(mistakes) => return refuse(&mistakes),
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(bootstrap::run(&order, &mut std::io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(BootstrapError::Output(error)) => super::closed_pipe_or(&error),
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
