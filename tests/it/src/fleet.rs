//! Starting a fleet, committing to it, and asking its hub.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use capstan_proto::wire;
use capstan_proto::wire::query_client::QueryClient;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::cluster::Cluster;
use crate::git::Git;
use crate::part::{Parts, Process};
use crate::{port, wait};

/// A fleet that runs until it is dropped.
pub struct Fleet {
    /// How parts are started.
    pub parts: Parts,
    /// What says what runs where.
    pub git: Git,
    /// The clusters, by name.
    pub clusters: BTreeMap<String, Cluster>,
    hub: Option<Process>,
    spokes: BTreeMap<String, Process>,
    directory: TempDir,
}

impl Fleet {
    /// A hub that follows a fresh repository with these files.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn start(binary: &str, files: &[(&str, Option<&str>)]) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("fleet-")?;
        let git = Git::init(&directory.path().join("fleet"))?;
        git.commit(files)?;
        let parts = Parts {
            binary: PathBuf::from(binary),
        };
        let mut fleet = Self {
            parts,
            git,
            clusters: BTreeMap::new(),
            hub: None,
            spokes: BTreeMap::new(),
            directory,
        };
        fleet.init().await?;
        fleet.start_hub().await?;
        Ok(fleet)
    }

    async fn init(&self) -> anyhow::Result<()> {
        let spokes = format!("127.0.0.1:{}", port::free()?);
        let http = format!("127.0.0.1:{}", port::free()?);
        let data = self.data().display().to_string();
        let config = self.config().display().to_string();
        let source = format!("fleet={}#main", self.git.path().display());
        let arguments = [
            "hub",
            "init",
            "--config",
            &config,
            "--data-dir",
            &data,
            "--advertise",
            &spokes,
            "--listen-spokes",
            &spokes,
            "--listen-api",
            "127.0.0.1:0",
            "--listen-http",
            &http,
            "--source",
            &source,
        ];
        self.parts.must(&arguments).await.map(drop)
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("hub.yaml")
    }

    /// The hub's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("hub")
    }

    fn socket(&self) -> PathBuf {
        self.data().join("hub.sock")
    }

    /// Starts the hub and waits until it serves.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_hub(&mut self) -> anyhow::Result<()> {
        // A socket that a killed hub left behind must not look like one that serves.
        drop(std::fs::remove_file(self.socket()));
        let config = self.config().display().to_string();
        let log = self.directory.path().join("hub.log");
        let hub = self
            .parts
            .start("hub", &["hub", "serve", "--config", &config], &log)?;
        self.hub = Some(hub);
        let outcome = wait::until("the hub answers", async || self.fleet().await).await;
        outcome.map(drop).with_context(|| self.hub_log())
    }

    /// The hub's process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn hub_process(&self) -> anyhow::Result<&Process> {
        self.hub.as_ref().context("the hub does not run")
    }

    /// What the hub printed.
    #[must_use]
    pub fn hub_log(&self) -> String {
        self.hub.as_ref().map(Process::log).unwrap_or_default()
    }

    /// What a spoke printed.
    #[must_use]
    pub fn spoke_log(&self, cluster: &str) -> String {
        self.spokes
            .get(cluster)
            .map(Process::log)
            .unwrap_or_default()
    }

    /// Ends the hub as a power failure would.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill_hub(&mut self) -> anyhow::Result<()> {
        self.hub
            .take()
            .context("the hub does not run")?
            .kill()
            .await
    }

    /// Stops the hub as an operator would.
    ///
    /// # Errors
    /// When it does not run, or fails.
    pub async fn stop_hub(&mut self) -> anyhow::Result<()> {
        self.hub
            .take()
            .context("the hub does not run")?
            .stop()
            .await
    }

    /// Enrols a cluster by the commands a person uses, and starts its spoke.
    ///
    /// # Errors
    /// When enrolment fails.
    pub async fn join(&mut self, name: &str, cluster: Cluster) -> anyhow::Result<()> {
        let token = self.hub(&["token", "create", name, "-o", "json"]).await?;
        let token: serde_json::Value = serde_json::from_str(&token)?;
        let field = |name: &str| token[name].as_str().unwrap_or_default();
        self.join_with(
            name,
            cluster,
            (field("hub"), field("token"), field("caPin")),
        )
        .await
    }

    /// Enrols a cluster with the hub's address, a token and the pin of the hub's CA, and starts
    /// its spoke.
    ///
    /// # Errors
    /// When enrolment fails.
    pub async fn join_with(
        &mut self,
        name: &str,
        cluster: Cluster,
        (hub, token, pin): (&str, &str, &str),
    ) -> anyhow::Result<()> {
        let kubeconfig = cluster.kubeconfig.display().to_string();
        self.clusters.insert(name.to_owned(), cluster);
        let arguments = [
            "spoke",
            "bootstrap",
            "--hub",
            hub,
            "--token",
            token,
            "--ca-pin",
            pin,
            "--kubeconfig",
            &kubeconfig,
            "--rights",
            "platform",
            "--outside",
        ];
        self.parts.must(&arguments).await?;
        self.start_spoke(name)
    }

    /// Starts the spoke of a cluster that is enrolled.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_spoke(&mut self, name: &str) -> anyhow::Result<()> {
        let cluster = self.cluster(name)?;
        let kubeconfig = cluster.kubeconfig.display().to_string();
        let log = self.directory.path().join(format!("spoke-{name}.log"));
        let arguments = ["spoke", "run", "--kubeconfig", &kubeconfig];
        let spoke = self
            .parts
            .start(&format!("spoke {name}"), &arguments, &log)?;
        self.spokes.insert(name.to_owned(), spoke);
        Ok(())
    }

    /// Ends a spoke as a power failure would.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill_spoke(&mut self, name: &str) -> anyhow::Result<()> {
        self.spokes
            .remove(name)
            .context("the spoke does not run")?
            .kill()
            .await
    }

    /// Hands a spoke's process over: it runs until that is dropped, and its name is free.
    ///
    /// # Errors
    /// When the spoke does not run.
    pub fn part_with_spoke(&mut self, name: &str) -> anyhow::Result<Process> {
        self.spokes.remove(name).context("the spoke does not run")
    }

    /// A spoke's process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn spoke_process(&self, name: &str) -> anyhow::Result<&Process> {
        self.spokes.get(name).context("the spoke does not run")
    }

    /// A cluster by name.
    ///
    /// # Errors
    /// When there is none.
    pub fn cluster(&self, name: &str) -> anyhow::Result<&Cluster> {
        self.clusters
            .get(name)
            .with_context(|| format!("there is no cluster {name}"))
    }

    /// Runs a `hub` command that must succeed, and gives what it printed.
    ///
    /// # Errors
    /// When it fails.
    pub async fn hub(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let socket = format!("unix:{}", self.socket().display());
        let mut all = vec!["hub"];
        all.extend(arguments);
        all.extend(["--hub", &socket]);
        self.parts.must(&all).await
    }

    /// Commits, and wakes the hub as a hook would. Gives the commit's id.
    ///
    /// # Errors
    /// When the commit cannot be made, or the hub does not take the call.
    pub async fn commit(&self, files: &[(&str, Option<&str>)]) -> anyhow::Result<String> {
        let revision = self.git.commit(files)?;
        self.hub(&["refresh"]).await?;
        Ok(revision)
    }

    /// Waits until every joined cluster is Connected, Synced and Healthy at a revision.
    ///
    /// # Errors
    /// When that never comes.
    pub async fn synced(&self, revision: &str) -> anyhow::Result<()> {
        wait::until("the fleet is synced", async || {
            let fleet = self.fleet().await?;
            let clusters = self.cluster_states().await?;
            let current = fleet
                .sources
                .iter()
                .all(|source| source.revision == revision);
            let well = |name: &&String| clusters.iter().any(|c| c.name == **name && is_well(c));
            let waiting: Vec<_> = self.clusters.keys().filter(|name| !well(name)).collect();
            if current && waiting.is_empty() {
                return Ok(());
            }
            bail!(
                "sources {:?}, waiting for {waiting:?}: {clusters:#?}",
                fleet.sources
            )
        })
        .await
        .with_context(|| self.logs())
    }

    fn logs(&self) -> String {
        let spokes = self
            .spokes
            .iter()
            .map(|(name, spoke)| (name.as_str(), spoke.log()));
        std::iter::once(("hub", self.hub_log()))
            .chain(spokes)
            .map(|(name, log)| format!("--- {name}\n{}", last_lines(&log)))
            .collect()
    }

    /// The fleet at a glance.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub async fn fleet(&self) -> anyhow::Result<wire::Fleet> {
        Ok(self
            .query()
            .await?
            .get_fleet(wire::GetFleetRequest {})
            .await?
            .into_inner())
    }

    /// Every cluster, with its bundles.
    ///
    /// # Errors
    /// When the hub does not answer.
    pub async fn cluster_states(&self) -> anyhow::Result<Vec<wire::Cluster>> {
        let mut query = self.query().await?;
        let list = query
            .list_clusters(wire::ListClustersRequest::default())
            .await?
            .into_inner();
        let mut clusters = Vec::new();
        for wire::Cluster { name, .. } in list.clusters {
            clusters.push(
                query
                    .get_cluster(wire::GetClusterRequest { name })
                    .await?
                    .into_inner(),
            );
        }
        Ok(clusters)
    }

    /// The operators' queries.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn query(&self) -> anyhow::Result<QueryClient<Channel>> {
        let socket = self.socket();
        let connector = service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://hub")
            .connect_with_connector(connector)
            .await?;
        Ok(QueryClient::new(channel))
    }

    /// The sum of a metric over its labels.
    ///
    /// # Errors
    /// When the hub does not answer, or has no such metric.
    pub async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let addresses = std::fs::read(self.data().join("addresses.json"))?;
        let addresses: serde_json::Value = serde_json::from_slice(&addresses)?;
        let address = addresses["http"].as_str().context("no http address")?;
        let text = http_get(address, "/metrics").await?;
        let values: Vec<f64> = text
            .lines()
            .filter(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with([' ', '{']))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        if values.is_empty() {
            bail!("there is no metric {name} in\n{text}");
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counters are whole and not negative"
        )]
        Ok(values.iter().sum::<f64>() as u64)
    }
}

fn is_well(cluster: &wire::Cluster) -> bool {
    cluster.connection == "Connected"
        && cluster.sync == "Synced"
        && cluster.health == "Healthy"
        && cluster.in_sync
}

async fn http_get(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    format!("{}\n", lines[lines.len().saturating_sub(40)..].join("\n"))
}
