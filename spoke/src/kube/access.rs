//! How the API server is reached: from inside the cluster, or with somebody's kubeconfig.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{
    AuthInfo, Config, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError,
};

/// Time for TCP and TLS to the API server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the cluster is, as the command line says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// A kubeconfig file. `None`: the pod's own ServiceAccount for `spoke run`, the usual search for `spoke bootstrap`.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; `None` is its current one.
    pub context: Option<String>,
}

/// Why the cluster cannot be addressed. Every sentence names the file.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// There is no kubeconfig where it is looked for.
    #[error("there is no kubeconfig at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// Whether somebody named it.
        named: bool,
    },
    /// It is there and cannot be read.
    #[error("the kubeconfig {} cannot be read", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no kubeconfig.
    #[error("{} is no kubeconfig: {detail}", path.display())]
    Malformed {
        /// Which one.
        path: PathBuf,
        /// The place and the kind of its first fault, without its content, which may be a credential.
        detail: String,
    },
    /// It lacks the context.
    #[error("{file} has no context `{context}`")]
    UnknownContext {
        /// Which one.
        file: String,
        /// What was asked for.
        context: String,
        /// The contexts that it has.
        known: Vec<String>,
    },
    /// It names no current context.
    #[error("{file} has no current context")]
    NoContext {
        /// Which one.
        file: String,
        /// The contexts that it has.
        known: Vec<String>,
    },
    /// Its context leads nowhere.
    #[error("the context `{context}` of {file} names {what}, which is not in it")]
    Dangling {
        /// Which one.
        file: String,
        /// Its context.
        context: String,
        /// What the context names.
        what: String,
    },
    /// The context is of no use.
    #[error("{file} cannot be used")]
    Kubeconfig {
        /// Which one.
        file: String,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// Neither in a cluster nor with a kubeconfig.
    #[error("this process runs in no pod, and no kubeconfig was named")]
    NotInCluster,
    /// In a pod whose account is of no use.
    #[error("the pod's own ServiceAccount cannot be used")]
    Pod(#[source] InClusterError),
    /// The connection settings are of no use.
    #[error("cannot set up the connection to the API server")]
    Setup(#[source] kube::Error),
}

impl AccessError {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { named: true, .. } | Self::Unreadable { .. } => {
                "check the path that --kubeconfig (or the variable KUBECONFIG) names, and that you may read it".to_owned()
            }
            Self::Missing { named: false, .. } => {
                "name one with --kubeconfig, or with the variable KUBECONFIG".to_owned()
            }
            Self::Malformed { .. } => {
                "name another file with --kubeconfig; `kubectl config view` shows what kubectl makes of it".to_owned()
            }
            Self::UnknownContext { known, .. } | Self::NoContext { known, .. } => {
                match known.is_empty() {
                    true => "it has no context at all; name another file with --kubeconfig".to_owned(),
                    false => format!("name one with --context; it has {}", listed(known)),
                }
            }
            Self::Dangling { .. } | Self::Kubeconfig { .. } | Self::Setup(_) => {
                "check that `kubectl get namespaces` works with the same kubeconfig and context".to_owned()
            }
            Self::NotInCluster => "outside a cluster name a kubeconfig with --kubeconfig".to_owned(),
            Self::Pod(_) => {
                "the pod needs the token of its ServiceAccount mounted; `spoke bootstrap` installs it so".to_owned()
            }
        }
    }
}

/// Contexts that are listed; more is for `kubectl config get-contexts`.
const LISTED_MAX: usize = 12;

fn listed(names: &[String]) -> String {
    let mut words: Vec<_> = names.iter().take(LISTED_MAX).cloned().collect();
    if names.len() > LISTED_MAX {
        words.push(format!("and {} more", names.len() - LISTED_MAX));
    }
    words.join(", ")
}

impl Access {
    /// The settings that a kubeconfig holds, credentials included.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn administrator(&self) -> Result<Config, AccessError> {
        let files = self.files();
        let named = files
            .iter()
            .map(|path| format!("the kubeconfig {}", path.display()));
        let file = named.collect::<Vec<_>>().join(" with ");
        let mut merged = Kubeconfig::default();
        for path in &files {
            let one = Kubeconfig::read_from(path).map_err(|e| self.unread(path, e))?;
            merged = merged
                .merge(one)
                .map_err(|source| AccessError::Kubeconfig {
                    file: file.clone(),
                    source,
                })?;
        }
        let context = self.chosen(&merged, &file)?;
        let options = KubeConfigOptions {
            context: Some(context),
            ..KubeConfigOptions::default()
        };
        Config::from_custom_kubeconfig(merged, &options)
            .await
            .map(settled)
            .map_err(|source| AccessError::Kubeconfig { file, source })
    }

    /// The files that are read: the named one, or those that kubectl reads.
    fn files(&self) -> Vec<PathBuf> {
        if let Some(path) = &self.kubeconfig {
            return vec![path.clone()];
        }
        let listed = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let listed = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty());
        let listed: Vec<_> = listed.collect();
        match listed.is_empty() {
            true => vec![usual_kubeconfig()],
            false => listed,
        }
    }

    fn unread(&self, path: &Path, error: KubeconfigError) -> AccessError {
        let path = path.to_owned();
        match error {
            KubeconfigError::ReadConfig(source, _) => match source.kind() {
                std::io::ErrorKind::NotFound => AccessError::Missing {
                    named: self.kubeconfig.is_some() || path != usual_kubeconfig(),
                    path,
                },
                _ => AccessError::Unreadable { path, source },
            },
            KubeconfigError::Parse(error) => AccessError::Malformed {
                path,
                detail: fault(&error),
            },
            source => AccessError::Kubeconfig {
                file: format!("the kubeconfig {}", path.display()),
                source,
            },
        }
    }

    /// The context that is used, which leads to a cluster and a user.
    fn chosen(&self, config: &Kubeconfig, file: &str) -> Result<String, AccessError> {
        let known = || config.contexts.iter().map(|named| named.name.clone());
        let current = config.current_context.clone();
        let context = self.context.clone().or(current).unwrap_or_default();
        if context.is_empty() {
            return Err(AccessError::NoContext {
                file: file.to_owned(),
                known: known().collect(),
            });
        }
        let named = config.contexts.iter().find(|named| named.name == context);
        let Some(found) = named.and_then(|named| named.context.as_ref()) else {
            return Err(AccessError::UnknownContext {
                file: file.to_owned(),
                context,
                known: known().collect(),
            });
        };
        let mut clusters = config.clusters.iter().map(|named| &named.name);
        let mut users = config.auth_infos.iter().map(|named| &named.name);
        let user = found.user.clone().unwrap_or_default();
        let what = if !clusters.any(|name| *name == found.cluster) {
            format!("the cluster `{}`", found.cluster)
        } else if !user.is_empty() && !users.any(|name| *name == user) {
            format!("the user `{user}`")
        } else {
            return Ok(context);
        };
        Err(AccessError::Dangling {
            file: file.to_owned(),
            context,
            what,
        })
    }

    /// The settings of the pod that this process runs in.
    ///
    /// # Errors
    /// When it runs in none.
    pub fn pod() -> Result<Config, AccessError> {
        Config::incluster()
            .map(settled)
            .map_err(|error| match error {
                InClusterError::ReadEnvironmentVariable(_) => AccessError::NotInCluster,
                error => AccessError::Pod(error),
            })
    }
}

/// The place and the kind of a fault. The library's own words may quote what stands there.
fn fault(error: &serde_saphyr::Error) -> String {
    let kind = kind_of_fault(error);
    match error.location() {
        Some(at) => format!("line {} column {}: {kind}", at.line(), at.column()),
        None => kind,
    }
}

fn kind_of_fault(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => kind_of_fault(error),
        Error::ExternalMessage { .. } => "it is not YAML".to_owned(),
        Error::Eof { .. } => "it ends too early".to_owned(),
        Error::InvalidUtf8Input => "it is not UTF-8".to_owned(),
        Error::Unexpected { expected, .. } => format!("expected {expected}"),
        Error::SerdeMissingField { field, .. } => format!("the field {field} is missing"),
        Error::DuplicateMappingKey { .. } => "a key is there twice".to_owned(),
        Error::SerdeInvalidType { .. } | Error::InvalidScalar { .. } => {
            "a value of another type is expected".to_owned()
        }
        _ => "what stands there is not expected".to_owned(),
    }
}

/// Where kubectl looks when nothing is named.
fn usual_kubeconfig() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    home.unwrap_or_default().join(".kube/config")
}

/// Where the API server is, as a person would write it.
#[must_use]
pub fn server(config: &Config) -> String {
    let url = config.cluster_url.to_string();
    url.trim_end_matches('/').to_owned()
}

/// The same API server, without anybody's credentials.
#[must_use]
pub fn anonymous(config: &Config) -> Config {
    let mut config = config.clone();
    config.auth_info = AuthInfo::default();
    config
}

/// Our own deadlines instead of the library's, and no retries that nobody sees.
fn settled(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = None;
    config.write_timeout = None;
    config.default_retry = false;
    config
}

#[cfg(test)]
mod tests;
