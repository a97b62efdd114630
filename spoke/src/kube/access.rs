//! How the API server is reached: from inside the cluster, or with somebody's kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};

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

/// Why the cluster cannot be addressed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The kubeconfig is of no use.
    #[error("cannot use {what}")]
    Kubeconfig {
        /// Which one.
        what: String,
        /// What is wrong with it.
        source: kube::config::KubeconfigError,
    },
    /// Neither in a cluster nor with a kubeconfig.
    #[error("not inside a cluster; name one with --kubeconfig")]
    NotInCluster(#[source] kube::config::InClusterError),
    /// The connection settings are of no use.
    #[error("cannot set up the connection to the API server")]
    Setup(#[source] kube::Error),
}

impl Access {
    /// The settings that a kubeconfig holds, credentials included.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub async fn administrator(&self) -> Result<Config, AccessError> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let what = match &self.kubeconfig {
            Some(path) => format!("the kubeconfig {}", path.display()),
            None => "the kubeconfig that KUBECONFIG or ~/.kube/config names".to_owned(),
        };
        let config = match &self.kubeconfig {
            Some(path) => match Kubeconfig::read_from(path) {
                Ok(file) => Config::from_custom_kubeconfig(file, &options).await,
                Err(error) => Err(error),
            },
            None => Config::from_kubeconfig(&options).await,
        };
        config
            .map(settled)
            .map_err(|source| AccessError::Kubeconfig { what, source })
    }

    /// The settings of the pod that this process runs in.
    ///
    /// # Errors
    /// When it runs in none.
    pub fn pod() -> Result<Config, AccessError> {
        Config::incluster()
            .map(settled)
            .map_err(AccessError::NotInCluster)
    }
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
