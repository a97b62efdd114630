//! Every command, argument and example, as clap reads them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use capstan_proto::{BundleName, ClusterName, SourceName};
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
        hub explain prod-eu-1 ingress\n  hub explain prod-eu-1 ingress --repo .    # what the files say\n  \
        hub explain prod-eu-1 ingress --repo . --inventory inventory.json    # ... with what a hub knows\n\n\
        Exit codes: 0 it is there, 1 it is not, nobody knows, or there is no such cluster or bundle, 2 wrong call.")]
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
    /// What the fleet files decide for every placement and cluster, without a hub
    #[command(
        after_help = "Examples:\n  hub resolve\n  hub resolve --placement checkout-prod -o wide\n  \
        hub resolve --cluster prod-eu-1\n  \
        hub resolve --repo platform.git --rev v1.4.0 --path fleet --inventory inventory.json -o json\n\n\
        Without an inventory no cluster has facts, and no placement selected anything before.\n\n\
        Exit codes: 0 no errors in files, 1 errors in files, 2 wrong call."
    )]
    Resolve(Resolve),
    /// What a change of the fleet files would do, without a hub
    #[command(
        after_help = "Examples:\n  hub plan\n  hub plan --repo fleet --from origin/main --to HEAD -o markdown\n  \
        hub plan --from v1.4.0 --to v1.5.0 --inventory inventory.json -o json\n\n\
        Clusters are taken to have what --from gives them; removals beyond the budget are held, as the hub holds \
        them.\n\n\
        Exit codes: 0 nothing is removed, 1 new errors in files, 2 wrong call, 3 something is removed or held, \
        4 nobody knows what becomes of something. Of several, the first of 3, 4 and 1."
    )]
    Plan(Plan),
    /// Check fleet files, without a hub
    #[command(after_help = "Examples:\n  hub lint .\n  hub lint fleet/ -o json\n  \
        hub lint platform.git --rev main --path fleet\n  \
        hub lint -o github    # annotations in a pull request\n  \
        hub lint --strict     # for CI: warnings fail, too\n  hub lint --explain E0102\n\n\
        Exit codes: 0 no errors, 1 errors (with --strict: or warnings), 2 nothing could be read.")]
    Lint(Lint),
    /// Take what decisions use besides Git out of a hub
    #[command(
        subcommand,
        after_help = "Example:\n  hub inventory export -o inventory.json"
    )]
    Inventory(InventoryCommand),
    /// Print the JSON Schema of fleet files, for editors
    #[command(after_help = "Examples:\n  hub schema > fleet.schema.json\n\n\
        An editor with the YAML language server then completes and checks every fleet file that begins with\n  \
        # yaml-language-server: $schema=fleet.schema.json\n\
        or, for a whole folder, with this in its settings\n  \
        yaml.schemas: {\"fleet.schema.json\": \"fleet/**/*.yaml\"}")]
    Schema,
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  source <(hub completion bash)\n  source <(hub completion zsh)\n  \
        hub completion fish | source"
    )]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

impl Command {
    /// Whether no hub is asked.
    pub(super) const fn is_offline(&self) -> bool {
        match self {
            Self::Explain(args) => args.files.repo.is_some(),
            command => matches!(
                command,
                Self::Lint(_) | Self::Plan(_) | Self::Resolve(_) | Self::Schema
            ),
        }
    }
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
    #[arg(value_parser = bundle)]
    pub(super) bundle: String,
    #[command(flatten)]
    pub(super) files: ExplainFiles,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

/// A bundle as people name it: refused here where no bundle can be called so.
fn bundle(text: &str) -> Result<String, String> {
    // Source and name together have a limit: of a source that is not named, the shortest.
    let (source, name) = text.split_once('.').unwrap_or(("a", text));
    let source = SourceName::try_new(source).map_err(|error| error.to_string())?;
    BundleName::try_new(source, name).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Files that are looked at instead of a hub.
#[derive(Debug, Args)]
pub(super) struct ExplainFiles {
    /// Ask no hub: look at this directory with fleet files, or this Git repository
    #[arg(long, value_name = "PATH", conflicts_with = "hub")]
    pub(super) repo: Option<PathBuf>,
    /// Read this commit, branch or tag instead of the files on disk
    #[arg(long, value_name = "REV", requires = "repo")]
    pub(super) rev: Option<String>,
    /// The folder of the fleet files, below the directory
    #[arg(
        long = "path",
        value_name = "DIR",
        requires = "repo",
        default_value = ""
    )]
    pub(super) within: String,
    /// Facts and earlier selections, as `hub inventory export` writes them
    #[arg(long, value_name = "FILE", requires = "repo")]
    pub(super) inventory: Option<PathBuf>,
}

impl ExplainFiles {
    /// The same, as other commands name them.
    pub(super) fn at(&self, repo: &Path) -> Files {
        Files {
            repo: repo.to_owned(),
            within: self.within.clone(),
            inventory: self.inventory.clone(),
            config: None,
            source: None,
        }
    }
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
    /// Say what a code means, what causes it and how it is mended, and check nothing
    #[arg(long, value_name = "CODE")]
    pub(super) explain: Option<String>,
    /// A directory, a Git repository, or one file
    #[arg(default_value = ".")]
    pub(super) path: PathBuf,
    /// Read this commit, branch or tag of the repository instead of the files on disk
    #[arg(long, value_name = "REV")]
    pub(super) rev: Option<String>,
    /// The folder of the fleet files, below the directory
    #[arg(long = "path", value_name = "DIR", default_value = "")]
    pub(super) within: String,
    /// Exit with 1 where there are warnings, even without an error
    #[arg(long)]
    pub(super) strict: bool,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: LintFormat,
}

/// How problems are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LintFormat {
    /// As a compiler does, with the lines
    #[value(alias = "wide")]
    Table,
    /// JSON, for programs
    Json,
    /// YAML
    Yaml,
    /// Workflow commands, which GitHub shows beside the lines of a pull request
    Github,
}

/// Which files are looked at without a hub, and what is known besides them.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// A directory with fleet files, or a Git repository
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub(super) repo: PathBuf,
    /// The folder of the fleet files, below the directory
    #[arg(long = "path", value_name = "DIR", default_value = "")]
    pub(super) within: String,
    /// Facts and earlier selections, as `hub inventory export` writes them
    #[arg(long, value_name = "FILE")]
    pub(super) inventory: Option<PathBuf>,
    /// A hub's configuration: its removal budget counts, and what it lets this source do
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What the hub calls this source; the directory's name when absent
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<SourceName>,
}

#[derive(Debug, Subcommand)]
pub(super) enum InventoryCommand {
    /// Write facts of clusters and selections of placements, for resolve, plan and explain without a hub
    #[command(after_help = "Examples:\n  hub inventory export -o inventory.json\n  \
        hub inventory export | jq .previous\n\n\
        Exit codes: 0 written, 1 no hub answered or the file cannot be written, 2 wrong call.")]
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The file; standard output when absent
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Resolve {
    #[command(flatten)]
    pub(super) files: Files,
    /// Read this commit, branch or tag instead of the files on disk; what is broken there is as it was last good
    #[arg(long, value_name = "REV")]
    pub(super) rev: Option<String>,
    /// Only this placement, and the clusters that it selects
    #[arg(long, value_name = "NAME")]
    pub(super) placement: Option<String>,
    /// Only this cluster, and the placements that select it
    #[arg(long, value_name = "NAME")]
    pub(super) cluster: Option<ClusterName>,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) files: Files,
    /// The commit, branch or tag that is in force
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub(super) from: String,
    /// The commit, branch or tag that shall follow; the files on disk when absent
    #[arg(long, value_name = "REV")]
    pub(super) to: Option<String>,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: PlanFormat,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For people; long lists are counted
    Table,
    /// For people, everything
    Wide,
    /// JSON, for programs
    Json,
    /// YAML
    Yaml,
    /// Markdown, for a comment of a pull request
    #[value(alias = "md")]
    Markdown,
}
