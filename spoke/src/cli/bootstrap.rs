//! `spoke bootstrap`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{advise, complain, refuse, runtime};
use crate::bootstrap::{self, BootstrapError};
use crate::config;
use crate::telemetry::chain;

pub(super) const EXAMPLES: &str = "\
Examples:
  The line that `hub token create <cluster>` prints:
    spoke bootstrap --hub hub.example:7443 --token ID.SECRET --ca-pin sha256:HEX
  For another cluster than the current one, and with platform rights:
    spoke bootstrap ... --context prod-eu-1 --rights platform
  See what would be installed, or apply it with your own tools:
    spoke bootstrap ... --print > agent.yaml
  Install everything but the Deployment, and run the agent yourself:
    spoke bootstrap ... --outside";

/// What `spoke bootstrap` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The hub's address for spokes
    #[arg(long, value_name = "HOST:PORT")]
    hub: Option<String>,
    /// The token of `hub token create`; not needed to repair
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
    /// Kubeconfig of a cluster administrator [default: as kubectl]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Namespace for the agent
    #[arg(long, value_name = "NAME", default_value = bootstrap::NAMESPACE)]
    namespace: String,
    /// What the agent may install: `namespaced` (built-in kinds, in namespaces that exist) or
    /// `platform` (CRDs, webhooks, cluster roles and namespaces too) [default: as installed, else namespaced]
    #[arg(long)]
    rights: Option<String>,
    #[arg(long, help = format!("Image of the agent's Deployment [default: as installed, else {}]", config::default_image()))]
    image: Option<String>,
    /// Print the manifests and do nothing
    #[arg(long)]
    print: bool,
    /// Check everything and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until the cluster is connected
    #[arg(long)]
    no_wait: bool,
    /// Install no Deployment; the agent is run elsewhere. It stays so until `--image` is given
    #[arg(long)]
    outside: bool,
    /// How long to wait, such as 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m")]
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
