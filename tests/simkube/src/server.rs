//! Owns a server's life: start, what a caller may ask of it, shutdown.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::faults::{Fault, Faults};
use crate::identity::{Identity, IdentityError};
use crate::journal::{self, Journal};
use crate::kubeconfig::{self, Credential};
use crate::options::Options;
use crate::requests::Requests;
use crate::store::Store;
use crate::world::{Shared, World};
use crate::{bootstrap, controllers, http};

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not to be had.
    #[error("cannot listen on {address}; is another server there? Port 0 picks a free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        source: io::Error,
    },
    /// The saved state could not be read.
    #[error("cannot open the data directory {path}")]
    Data {
        /// The directory.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// Certificates could not be made or read.
    #[error("cannot set up the server's identity")]
    Identity(#[from] IdentityError),
}

/// The way to start a simulated API server.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server; it is ready when this returns.
    ///
    /// # Errors
    /// Fails when the address is taken or the data directory cannot be used.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let listener =
            TcpListener::bind(options.listen)
                .await
                .map_err(|source| StartError::Listen {
                    address: options.listen,
                    source,
                })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: options.listen,
            source,
        })?;
        let options = Arc::new(options);
        let (lock, store, identity) = load(&options)?;
        let mut world = World::new(store, Arc::clone(&options), identity.ca_pem().to_owned());
        bootstrap::run(&mut world);
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App {
            shared: Shared::new(world),
            identity,
            options,
            requests: Arc::new(Requests::default()),
            faults: Faults::new(),
            url: format!("https://{address}"),
            stop: stopped.clone(),
        });
        let tasks = vec![
            tokio::spawn(http::serve(listener, Arc::clone(&app), stopped)),
            tokio::spawn(controllers::run(Arc::clone(&app))),
        ];
        Ok(Running {
            _lock: lock,
            app,
            address,
            stop,
            tasks,
        })
    }
}

/// What a data directory keeps, or the beginnings of a server without one.
fn load(options: &Options) -> Result<(Option<File>, Store, Identity), StartError> {
    let mut store = Store::new(options.history);
    let Some(directory) = &options.data else {
        return Ok((None, store, Identity::open(None)?));
    };
    let damaged = |source| StartError::Data {
        path: directory.display().to_string(),
        source,
    };
    let lock = journal::lock(directory).map_err(damaged)?;
    let identity = Identity::open(Some(directory))?;
    let journal = Journal::open(directory, &mut store).map_err(damaged)?;
    store.attach(journal);
    Ok((Some(lock), store, identity))
}

/// A running server. It goes on until [`Running::shutdown`]; dropping this stops it, too, but
/// does not wait for the end.
#[derive(Debug)]
pub struct Running {
    /// Held until the end; the data directory is ours alone.
    _lock: Option<File>,
    app: Arc<App>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.app.url
    }

    /// The certificate authority of the server and of its clients, as PEM.
    pub fn ca_pem(&self) -> &str {
        self.app.identity.ca_pem()
    }

    /// A bearer token that may do everything. It survives a restart with the same data directory.
    pub fn admin_token(&self) -> &str {
        self.app.identity.admin_token()
    }

    /// A kubeconfig of the administrator, with a client certificate.
    pub fn kubeconfig(&self) -> String {
        let (certificate, key) = self.app.identity.admin_certificate();
        self.render(&Credential::Certificate { certificate, key })
    }

    /// A kubeconfig of the administrator, with the bearer token.
    pub fn kubeconfig_with_token(&self) -> String {
        self.render(&Credential::Token(self.admin_token()))
    }

    /// A kubeconfig of any user, optionally in a group (empty for none). What he may do is up to
    /// RBAC.
    ///
    /// # Errors
    /// Fails when no certificate can be made for such a name.
    pub fn kubeconfig_of(&self, user: &str, group: &str) -> Result<String, IdentityError> {
        let (certificate, key) = self.app.identity.issue(user, group)?;
        Ok(self.render(&Credential::Certificate {
            certificate: &certificate,
            key: &key,
        }))
    }

    /// How many requests there were, by verb and resource.
    pub fn requests(&self) -> &Requests {
        &self.app.requests
    }

    /// The newest resource version.
    pub fn revision(&self) -> u64 {
        self.app.shared.with(|world| world.store.revision())
    }

    /// Puts a fault in force until [`Running::clear_faults`].
    pub fn add_fault(&self, fault: Fault) {
        self.app.faults.add(fault);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.app.faults.clear();
    }

    /// Ends the running watches of `resource` (such as `deployments.apps`), or of all when empty.
    pub fn drop_watches(&self, resource: &str) {
        self.app.faults.drop_watches(resource);
    }

    /// Forgets the history: watches and pages of older resource versions get 410 from now on.
    pub fn compact(&self) {
        self.app.shared.with(|world| world.store.compact());
    }

    /// Keeps a copy of all objects for [`Running::go_back`].
    pub fn save(&self) {
        self.app.shared.with(World::save);
    }

    /// Goes back to what [`Running::save`] kept, resource versions and all, as when etcd is
    /// restored from a backup: running watches go on and hear nothing. False when nothing was
    /// kept.
    pub fn go_back(&self) -> bool {
        self.app.shared.with(World::go_back)
    }

    /// Closes every connection and waits until nothing runs any more.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the server failed");
            }
        }
    }

    fn render(&self, credential: &Credential<'_>) -> String {
        kubeconfig::render(
            &self.app.options.name,
            &self.app.url,
            self.ca_pem(),
            credential,
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
