//! Every command, argument and example, as clap reads them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use capstan_proto::{ClusterName, SourceName};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::template::Repository;
use crate::config::{HostPort, duration};

/// A fleet of Kubernetes clusters, declared in Git.
#[derive(Debug, Parser)]
#[command(
    name = "hub",
    version,
    about = "A fleet of Kubernetes clusters, declared in Git",
    after_help = "Start:  hub init, hub serve --config hub.yaml\n\
                  Join:   hub token create NAME\n\
                  Look:   hub status, hub get clusters, hub explain CLUSTER BUNDLE",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) target: Target,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a fleet: its id, its certificate authority, its ledger and a commented hub.yaml
    #[command(after_help = "Examples:\n  \
        hub init --advertise hub.example:7443 --source platform=https://git.example/platform.git#main:fleet\n  \
        hub init --data-dir /var/lib/capstan --advertise 10.0.0.5:7443 --source platform=/srv/fleet")]
    Init(Init),
    /// Run the hub
    #[command(after_help = "Examples:\n  hub serve --config hub.yaml\n  \
        CAPSTAN_LOG=debug hub serve --config /etc/capstan/hub.yaml --log-format json")]
    Serve(Serve),
    /// The fleet at a glance
    #[command(after_help = "Examples:\n  hub status\n  hub status --watch\n  hub status -o json")]
    Status(Shape),
    /// List clusters, bundles, placements, problems or drift, or show one
    #[command(
        after_help = "Examples:\n  hub get clusters\n  hub get clusters prod-eu-1 -o yaml\n  \
        hub get drift --watch\n  hub get problems -o json\n\n`hub get --help` explains every column.",
        after_long_help = super::columns::HELP
    )]
    Get(Get),
    /// Why a bundle is, or is not, on a cluster, and how it is there
    #[command(after_help = "Examples:\n  hub explain prod-eu-1 platform.ingress\n  \
        hub explain prod-eu-1 ingress\n\n\
        Exit codes: 0 it is there, 1 it is not or there is no such cluster or bundle, 2 wrong call.")]
    Explain(Explain),
    /// Make the tokens with which clusters enrol
    #[command(
        subcommand,
        after_help = "Example:\n  hub token create prod-eu-1 --ttl 1h"
    )]
    Token(TokenCommand),
    /// Ban clusters, and take bans back
    #[command(
        subcommand,
        long_about = "Ban clusters, and take bans back.\n\nA ban is for a cluster whose agent or certificate \
            may be in the wrong hands: its stream ends in under a second, and it gets and reports nothing any \
            more. What runs in it goes on running. After `unban` the agent connects again by itself.",
        after_help = "Examples:\n  hub cluster ban shop-17 --reason \"stolen laptop\"\n  \
            hub cluster unban shop-17 --reason \"found again\"\n\n\
            `hub get clusters` shows who is Banned; each call stands in the audit log."
    )]
    Cluster(ClusterCommand),
    /// Let a held removal go on
    #[command(
        after_help = "Example:\n  hub approve 3f2a9c81d0b4 --reason \"checkout moved to the new region\"\n\n\
        `hub status` shows what is held, with its digest."
    )]
    Approve(Approve),
    /// Look at Git now, not at the next poll
    #[command(after_help = "Examples:\n  hub refresh\n  hub refresh platform\n  \
        hub refresh platform --accept-rewrite --reason \"squashed the history\"")]
    Refresh(Refresh),
    /// End recovery: what Git says now is right, removals included
    #[command(
        after_help = "Examples:\n  hub recover --confirm --reason \"the restored ledger is complete\"\n  \
        hub recover prod-eu-1 --confirm --reason \"looked at it; Git is right\""
    )]
    Recover(Recover),
    /// Check fleet files, without a hub
    #[command(after_help = "Examples:\n  hub lint .\n  hub lint fleet/ -o json\n  \
        hub lint platform.git --rev main --path fleet\n\n\
        Exit codes: 0 no errors, 1 errors, 2 nothing could be read.")]
    Lint(Lint),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  source <(hub completion bash)")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub(super) struct Refresh {
    /// One source; all of them when absent
    pub(super) source: Option<SourceName>,
    /// Follow the source's branch although it was rewritten
    #[arg(long, requires = "source", requires = "reason")]
    pub(super) accept_rewrite: bool,
    /// Why; it stands in the audit log
    #[arg(long, requires = "accept_rewrite")]
    pub(super) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Where the hub shall keep what it knows
    #[arg(long, value_name = "DIR", default_value = "capstan-data")]
    pub(super) data_dir: PathBuf,
    /// What spokes dial
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:7443", value_parser = HostPort::parse)]
    pub(super) advertise: HostPort,
    /// A Git source; may be given several times
    #[arg(long = "source", value_name = "NAME=URL[#BRANCH][:PATH]", value_parser = repository)]
    pub(super) sources: Vec<Repository>,
    /// Where to listen for spokes [default: 0.0.0.0 with the port of --advertise]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen_spokes: Option<SocketAddr>,
    /// Where to listen for operators' queries; loopback only
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7444")]
    pub(super) listen_api: SocketAddr,
    /// Where to serve health, readiness and metrics
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7480")]
    pub(super) listen_http: SocketAddr,
    /// The configuration file to write
    #[arg(long, value_name = "FILE", default_value = "hub.yaml")]
    pub(super) config: PathBuf,
}

/// `platform=https://git.example/platform.git#main:fleet`.
fn repository(text: &str) -> Result<Repository, String> {
    let (name, rest) = text
        .split_once('=')
        .ok_or("a source is NAME=URL[#BRANCH][:PATH]")?;
    SourceName::try_new(name).map_err(|error| error.to_string())?;
    let (url, rest) = rest.split_once('#').unwrap_or((rest, ""));
    if url.is_empty() {
        return Err("the URL is missing".to_owned());
    }
    let (branch, path) = rest.split_once(':').unwrap_or((rest, ""));
    let branch = if branch.is_empty() { "main" } else { branch };
    Ok(Repository {
        name: name.to_owned(),
        url: url.to_owned(),
        branch: branch.to_owned(),
        path: path.trim_matches('/').to_owned(),
    })
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "hub.yaml")]
    pub(super) config: PathBuf,
    /// How log lines look; what is logged follows CAPSTAN_LOG (default: info)
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// Which hub is asked.
#[derive(Clone, Debug, Args)]
pub(super) struct Target {
    /// The hub: unix:PATH, HOST:PORT, its hub.yaml or its data directory [env: CAPSTAN_HUB] [default: the nearest hub.yaml]
    #[arg(long, value_name = "HUB", global = true)]
    pub(super) hub: Option<String>,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Shape {
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
    /// Go on, and show what changes
    #[arg(short, long)]
    pub(super) watch: bool,
    /// Leave out the table's first line
    #[arg(long)]
    pub(super) no_headers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The columns that people need most
    Table,
    /// All columns
    Wide,
    /// JSON, for programs
    Json,
    /// YAML
    Yaml,
}

#[derive(Debug, Args)]
pub(super) struct Get {
    /// What to list
    pub(super) kind: Kind,
    /// One of them; for problems and drift, the cluster they are about
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// The fleet's clusters
    #[value(alias = "cluster")]
    Clusters,
    /// Deployable units
    #[value(alias = "bundle")]
    Bundles,
    /// Which bundles go where
    #[value(alias = "placement")]
    Placements,
    /// What is wrong with files and clusters
    #[value(alias = "problem")]
    Problems,
    /// What was changed in clusters behind Git's back
    #[value(alias = "drifts")]
    Drift,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The cluster
    pub(super) cluster: ClusterName,
    /// The bundle: <source>.<name>, or its name where one source has it
    pub(super) bundle: String,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print the line that makes a cluster a member; its token enrols one cluster, once
    #[command(after_help = "Examples:\n  hub token create prod-eu-1\n  \
        hub token create prod-eu-1 --ttl 1h --re-enrol\n  \
        hub token create prod-eu-1 --replace")]
    Create(CreateToken),
}

#[derive(Debug, Args)]
pub(super) struct CreateToken {
    /// The cluster's name, as its Cluster document declares it
    pub(super) cluster: ClusterName,
    /// How long the token counts: 90s, 15m, 2h or 7d; at most 7d
    #[arg(long, default_value = "15m", value_parser = ttl)]
    pub(super) ttl: Duration,
    /// Allow a name that is enrolled already: the same cluster gets a new certificate
    #[arg(long)]
    pub(super) re_enrol: bool,
    /// Let another cluster take a name that is enrolled already; the one that has it is out
    #[arg(long, conflicts_with = "re_enrol")]
    pub(super) replace: bool,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

/// Longest life of a token: 7 days.
const TTL_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a token counts.
fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = duration(text)?;
    match (Duration::from_secs(1)..=TTL_MAX).contains(&ttl) {
        true => Ok(ttl),
        false => Err(format!("a token counts for 1s to 7d, and not for {text}")),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Refuse a cluster's certificates from now on; its stream ends at once
    #[command(after_help = "Example:\n  hub cluster ban shop-17 --reason \"stolen laptop\"")]
    Ban(Standing),
    /// Take a ban back
    #[command(after_help = "Example:\n  hub cluster unban shop-17 --reason \"found again\"")]
    Unban(Standing),
}

#[derive(Debug, Args)]
pub(super) struct Standing {
    /// The cluster
    pub(super) cluster: ClusterName,
    /// Why; stands in the audit log
    #[arg(long)]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Approve {
    /// Digest of the held removal set, or its first 8 or more digits
    pub(super) digest: String,
    /// Why; stands in the audit log
    #[arg(long)]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Recover {
    /// One cluster; all that recover when absent
    pub(super) cluster: Option<ClusterName>,
    /// Yes, what Git says now is right, removals included
    #[arg(long, required = true)]
    pub(super) confirm: bool,
    /// Why; stands in the audit log
    #[arg(long)]
    pub(super) reason: String,
}

#[derive(Debug, Args)]
pub(super) struct Lint {
    /// A directory, or a Git repository
    #[arg(default_value = ".")]
    pub(super) path: PathBuf,
    /// Read this commit, branch or tag of the repository instead of the files on disk
    #[arg(long, value_name = "REV")]
    pub(super) rev: Option<String>,
    /// The folder in the repository, with --rev
    #[arg(
        long = "path",
        value_name = "DIR",
        default_value = "",
        requires = "rev"
    )]
    pub(super) within: String,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}
