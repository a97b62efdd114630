//! Turns a cluster into a member of the fleet: checks everything first, then installs, then waits.
//!
//! It never sees the agent's key. Nothing is written before the hub is proven, the token is found usable and the
//! API server has accepted every manifest in a dry run.

mod check;
mod install;
mod manifests;
mod present;
mod rights;
mod wait;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::kube::progress::ProgressError;
use crate::kube::secret::SecretError;
use crate::kube::{AccessError, ApiError, AskError, CallError};
use crate::link::{DialError, EnrollError};

pub use manifests::{AgentRuns, Install};
pub use present::Asked;
pub use rights::Rights;

use present::Present;

/// Name of the ServiceAccount, the Deployment and their roles.
pub const ACCOUNT: &str = "capstan-spoke";

/// The agent's namespace, where none is given.
pub const NAMESPACE: &str = "capstan-system";

/// Port for health, readiness and metrics in the pod.
pub const HTTP_PORT: u16 = 7481;

/// What one run is asked to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The cluster.
    pub access: crate::kube::Access,
    /// What to install.
    pub asked: Asked,
    /// How far to go.
    pub extent: Extent,
    /// How long to wait for `Connected`.
    pub timeout: Duration,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Prints the manifests; talks to nobody.
    Print,
    /// Checks everything, changes nothing.
    DryRun,
    /// Installs.
    Install,
    /// Installs, and waits until the cluster is connected.
    InstallAndWait,
}

/// Why a cluster did not become a member.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The kubeconfig.
    #[error("the cluster cannot be addressed")]
    Access(#[from] AccessError),
    /// The hub is not there, or not the hub.
    #[error("nothing was installed")]
    Hub(#[source] DialError),
    /// The token is of no use.
    #[error("nothing was installed")]
    Token(#[source] EnrollError),
    /// The API server is not there.
    #[error("the API server at {server} does not answer: {cause}; nothing was installed")]
    Unreachable {
        /// Its address, as the kubeconfig has it.
        server: String,
        /// What is at the bottom of it.
        cause: String,
    },
    /// The API server does not answer any more.
    #[error("the API server does not answer")]
    Call(#[from] CallError),
    /// The API server refuses something that is to be installed.
    #[error("{what} cannot be installed{}", if *.halfway { "" } else { "; nothing was installed" })]
    Refused {
        /// Which manifest.
        what: String,
        /// Whether something was installed before.
        halfway: bool,
        /// What the API server said.
        source: ApiError,
    },
    /// The API server does not show what is installed.
    #[error("{what} cannot be read, and so it is not known what is installed; nothing was changed")]
    Unread {
        /// Which object.
        what: String,
        /// What the API server said.
        source: ApiError,
    },
    /// The token is for a cluster of another name.
    #[error(
        "the token names cluster {named}, and this cluster is enrolled as {known}; nothing was changed"
    )]
    OtherName {
        /// The name that the token is bound to.
        named: String,
        /// The name of this cluster.
        known: String,
    },
    /// The token is not the one that this cluster is enrolled with, and the hub does not take it.
    #[error("this cluster is enrolled as {known}, with another token, and nothing was changed")]
    OtherToken {
        /// The name of this cluster.
        known: String,
        /// What the hub said.
        source: EnrollError,
    },
    /// The cluster's own identity cannot be read.
    #[error(
        "the namespace kube-system cannot be read, by whose UID the cluster is known; nothing was installed"
    )]
    ClusterUid(#[source] AskError),
    /// A Secret of the agent.
    #[error("the agent's state cannot be read")]
    Secret(#[from] SecretError),
    /// The cluster belongs to another hub.
    #[error("this cluster is a member of the fleet of {found}; nothing was changed")]
    OtherHub {
        /// The hub that it knows.
        found: String,
    },
    /// Progress cannot be read.
    #[error("the agent's progress cannot be read")]
    Progress(#[from] ProgressError),
    /// It did not connect in time.
    #[error("the cluster did not connect within {} s: {last}", timeout.as_secs())]
    NotConnected {
        /// How long we waited.
        timeout: Duration,
        /// What was seen last.
        last: String,
        /// Where to look.
        look: String,
    },
    /// The terminal is gone.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
}

impl BootstrapError {
    /// What a person can do about it; empty when the sentence says it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Access(error) => error.hint(),
            Self::Unreachable { .. } => {
                "check that `kubectl get namespaces` works with the same kubeconfig, or name another with --kubeconfig or --context".to_owned()
            }
            Self::Hub(error) => error.hint().to_owned(),
            Self::Token(error) => error.hint().to_owned(),
            Self::Call(_) | Self::ClusterUid(AskError::Call(_)) => {
                "check that `kubectl get namespaces` works with the same kubeconfig".to_owned()
            }
            Self::Refused { source, .. }
            | Self::Unread { source, .. }
            | Self::ClusterUid(AskError::Refused(source))
                if matches!(source.status.code, 401 | 403) =>
            {
                "run it as somebody who may administer the cluster; it is needed only once"
                    .to_owned()
            }
            Self::OtherHub { .. } => {
                "remove the old agent's namespace first, or use its hub's address and pin"
                    .to_owned()
            }
            Self::OtherName { known, .. } => format!(
                "check --context; to repair, leave --token out; for a new identity use \
                 `hub token create {known} --re-enrol`"
            ),
            Self::OtherToken { .. } => {
                "check --context; to repair, leave --token out".to_owned()
            }
            Self::NotConnected { look, .. } => look.clone(),
            Self::Refused { .. }
            | Self::Unread { .. }
            | Self::ClusterUid(_)
            | Self::Secret(_)
            | Self::Progress(_)
            | Self::Output(_) => String::new(),
        }
    }
}

/// Does what was ordered, and says in words what happens.
///
/// # Errors
/// With the first thing that stands in the way.
pub async fn run(order: &Order, out: &mut (dyn Write + Send)) -> Result<(), BootstrapError> {
    if order.extent == Extent::Print {
        return print(&order.asked.over(&Present::default()), out);
    }
    let checked = check::run(order, out).await?;
    if order.extent == Extent::DryRun {
        writeln!(out, "dry run: nothing was changed")?;
        return Ok(());
    }
    let installed = install::run(&checked, out).await?;
    match (&checked.install.agent, order.extent) {
        (AgentRuns::Outside, _) => {
            writeln!(out, "now start the agent, unless it runs already:")?;
            writeln!(out, "  {}", start_line(order))?;
            Ok(())
        }
        (AgentRuns::Inside { .. }, Extent::InstallAndWait) => {
            wait::run(&checked, &installed, order.timeout, out).await
        }
        (AgentRuns::Inside { .. }, _) => {
            writeln!(
                out,
                "installed, and not waited for: `hub get clusters` shows when it is connected"
            )?;
            Ok(())
        }
    }
}

/// The manifests as YAML, as a person reads and edits them.
fn print(install: &Install, out: &mut (dyn Write + Send)) -> Result<(), BootstrapError> {
    out.write_all(to_yaml(&install.printed()).as_bytes())?;
    Ok(())
}

/// Several documents in one text.
#[must_use]
fn to_yaml(manifests: &[serde_json::Value]) -> String {
    let document =
        |manifest| serde_saphyr::to_string(manifest).expect("a JSON value is a YAML value");
    let documents: Vec<String> = manifests.iter().map(document).collect();
    documents.join("---\n")
}

/// The command that starts an agent outside its cluster.
fn start_line(order: &Order) -> String {
    let mut words = vec!["spoke".to_owned(), "run".to_owned()];
    let kubeconfig = order.access.kubeconfig.clone().or_else(usual_kubeconfig);
    if let Some(path) = kubeconfig {
        words.extend([
            "--kubeconfig".to_owned(),
            quoted(&path.display().to_string()),
        ]);
    }
    if let Some(context) = &order.access.context {
        words.extend(["--context".to_owned(), quoted(context)]);
    }
    if order.asked.namespace != NAMESPACE {
        words.extend(["--namespace".to_owned(), order.asked.namespace.clone()]);
    }
    words.join(" ")
}

fn usual_kubeconfig() -> Option<PathBuf> {
    let named = std::env::var_os("KUBECONFIG").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".kube/config")))
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests;
