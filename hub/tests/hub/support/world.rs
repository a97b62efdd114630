//! A hub on a directory of its own.

use std::path::PathBuf;
use std::time::Duration;

use capstan_hub::config::Config;
use capstan_hub::server::{Server, StartError};
use capstan_proto::wire;
use capstan_proto::wire::admin_client::AdminClient;
use capstan_proto::wire::query_client::QueryClient;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint};

use super::{Identity, Repository};

/// How long a state may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Times that a directory is removed in which something is still written.
const REMOVALS_MAX: usize = 1_000;

/// The directory, the repository, and the hub while it runs.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) repository: Repository,
    server: Option<Server>,
}

impl World {
    /// A founded fleet with an empty repository; the hub does not run yet.
    pub(crate) async fn founded() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::new(&directory.path().join("fleet"));
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let layout = capstan_hub::layout::Layout::new(&directory.path().join("data"));
        capstan_hub::found::found(&layout).await.unwrap();
        std::fs::write(
            directory.path().join("hub.yaml"),
            "dataDir: data\nadvertise: \"localhost:0\"\n\
             listen: {spokes: \"127.0.0.1:0\", api: \"127.0.0.1:0\", http: \"127.0.0.1:0\"}\n\
             sources: [{name: fleet, git: {url: fleet}, poll: 1s}]\n",
        )
        .unwrap();
        Self {
            directory,
            repository,
            server: None,
        }
    }

    /// A running hub on a repository with these files.
    pub(crate) async fn running(files: &[(&str, Option<&str>)]) -> Self {
        let mut world = Self::founded().await;
        world.repository.commit(files);
        world.start().await;
        world.reads_git().await;
        world
    }

    /// Starts the hub. What the one before it was doing beside its loop may still end, and a child that is being started
    /// inherits all files until it runs its own program: until then its ledger's lock is taken.
    pub(crate) async fn start(&mut self) {
        let server = loop {
            let config = Config::read(&self.directory.path().join("hub.yaml")).unwrap();
            match Server::start(config).await {
                Err(StartError::Open(error)) if is_in_use(&error) => tokio::task::yield_now().await,
                started => break started.unwrap(),
            }
        };
        self.server = Some(server);
    }

    /// Stops the hub.
    pub(crate) async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// The running hub.
    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("the hub runs")
    }

    /// Waits until Git was read.
    pub(crate) async fn reads_git(&self) {
        self.fleet(|fleet| fleet.state == "Serving").await;
    }

    /// Waits for a state of the fleet. Every world has a source.
    pub(crate) async fn fleet(&self, is: impl Fn(&wire::Fleet) -> bool) -> wire::Fleet {
        let mut query = self.query().await;
        eventually(async || {
            let fleet = query
                .get_fleet(wire::GetFleetRequest {})
                .await
                .unwrap()
                .into_inner();
            // Before the first picture the hub knows of no source.
            if !fleet.sources.is_empty() && is(&fleet) {
                Ok(fleet)
            } else {
                Err(format!("{fleet:#?}"))
            }
        })
        .await
    }

    /// Waits for a state of a cluster.
    pub(crate) async fn cluster(
        &self,
        name: &str,
        is: impl Fn(&wire::Cluster) -> bool,
    ) -> wire::Cluster {
        let mut query = self.query().await;
        eventually(async || {
            let request = wire::GetClusterRequest {
                name: name.to_owned(),
            };
            match query.get_cluster(request).await {
                Ok(answer) if is(answer.get_ref()) => Ok(answer.into_inner()),
                other => Err(format!("{other:#?}")),
            }
        })
        .await
    }

    /// Waits until the hub acts upon a commit.
    pub(crate) async fn follows(&self, revision: &str) {
        self.refresh().await;
        self.fleet(|fleet| fleet.sources[0].revision == revision)
            .await;
    }

    /// Wakes the hub.
    pub(crate) async fn refresh(&self) {
        self.admin()
            .await
            .refresh(wire::RefreshRequest::default())
            .await
            .unwrap();
    }

    /// A client of the queries, over TCP.
    pub(crate) async fn query(&self) -> QueryClient<Channel> {
        QueryClient::new(self.tcp().await)
    }

    /// A connection to the operators' port.
    pub(crate) async fn tcp(&self) -> Channel {
        let address = self.server().addresses().api;
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// A client of the commands, over the socket.
    pub(crate) async fn admin(&self) -> AdminClient<Channel> {
        let path = self.server().addresses().socket.clone();
        let connector = tower::service_fn(move |_: http::Uri| {
            let path = path.clone();
            async move { capstan_hub::socket::connect(&path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://hub.invalid");
        AdminClient::new(endpoint.connect_with_connector(connector).await.unwrap())
    }

    /// Enrols a cluster.
    pub(crate) async fn enrol(&self, cluster: &str) -> Identity {
        let token = self.token(cluster).await;
        Identity::enrol(self.server().addresses().spokes, &self.data(), &token)
            .await
            .unwrap()
    }

    /// A token for a cluster.
    pub(crate) async fn token(&self, cluster: &str) -> String {
        let request = wire::CreateTokenRequest {
            cluster: cluster.to_owned(),
            ..wire::CreateTokenRequest::default()
        };
        self.admin()
            .await
            .create_token(request)
            .await
            .unwrap()
            .into_inner()
            .token
    }

    /// The value of a counter.
    pub(crate) async fn counter(&self, name: &str) -> u64 {
        let text = self.page("/metrics").await.1;
        let line = text.lines().find(|line| {
            line.strip_prefix("capstan_hub_").is_some_and(|rest| {
                rest.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(['_', ' ']))
            })
        });
        let line = line.unwrap_or_else(|| panic!("no metric {name} in\n{text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    /// A page of the HTTP port: status and text.
    pub(crate) async fn page(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(self.server().addresses().http)
            .await
            .unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (status, body.unwrap_or_default())
    }
}

impl Drop for World {
    /// The hub goes before its directory: what it writes while that is removed would stay behind.
    fn drop(&mut self) {
        let Some(server) = self.server.take() else {
            return;
        };
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(server.stop());
        });
        drop(server);
        // What it was doing beside its loop may still end.
        let gone = || std::fs::remove_dir_all(self.directory.path()).is_ok();
        for _ in 0..REMOVALS_MAX {
            if gone() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Asks until the answer is good; panics with the last bad one.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        looks.tick().await;
        match ask().await {
            Ok(good) => return good,
            Err(bad) if tokio::time::Instant::now() > end => panic!("it never came about: {bad}"),
            Err(_) => {}
        }
    }
}

/// Whether an error, or what caused it, is the lock of a ledger that is taken.
fn is_in_use(error: &(dyn std::error::Error + 'static)) -> bool {
    let in_use = matches!(
        error.downcast_ref::<capstan_hub::ledger::OpenError>(),
        Some(capstan_hub::ledger::OpenError::InUse { .. })
    );
    in_use || error.source().is_some_and(is_in_use)
}
