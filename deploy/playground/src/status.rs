//! What the hub says of the fleet, followed over its operators' API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use capstan_proto::wire;
use capstan_proto::wire::query_client::QueryClient;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// How long to wait before the hub is asked again after it did not answer.
const RETRY: Duration = Duration::from_millis(250);

/// The fleet as last seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    pub(crate) fleet: Option<wire::Fleet>,
    pub(crate) clusters: Vec<wire::Cluster>,
    /// Whether the hub answers now.
    pub(crate) live: bool,
}

impl Picture {
    /// Whether every cluster runs what `revision` says, and is well.
    pub(crate) fn is_synced(&self, revision: &str, clusters: usize) -> bool {
        let current = self.fleet.as_ref().is_some_and(|fleet| {
            fleet
                .sources
                .iter()
                .all(|source| source.revision == revision)
        });
        self.live
            && current
            && self.clusters.len() >= clusters
            && self
                .clusters
                .iter()
                .all(|cluster| complaint(cluster).is_none())
    }

    /// What is in the way, one line each.
    pub(crate) fn complaints(&self, revision: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.live {
            complaints.push("the hub does not answer".to_owned());
        }
        let sources = self.fleet.iter().flat_map(|fleet| &fleet.sources);
        for source in sources.filter(|source| source.revision != revision) {
            complaints.push(format!(
                "source {} is resolved at `{}`, not at `{revision}` {}",
                source.name, source.revision, source.message
            ));
        }
        complaints.extend(self.clusters.iter().filter_map(complaint));
        complaints
    }
}

fn complaint(cluster: &wire::Cluster) -> Option<String> {
    let well = cluster.connection == "Connected"
        && cluster.sync == "Synced"
        && cluster.health == "Healthy"
        && cluster.in_sync;
    if well {
        return None;
    }
    let mut line = format!(
        "{}: {}, {}, {}",
        cluster.name, cluster.connection, cluster.sync, cluster.health
    );
    if !cluster.connection_reason.is_empty() {
        line.push_str(&format!("; {}", cluster.connection_reason));
    }
    for state in &cluster.bundle_states {
        if state.sync != "Synced" || state.health != "Healthy" {
            line.push_str(&format!(
                "\n    {}: {}, {} {}",
                state.bundle, state.sync, state.health, state.message
            ));
        }
    }
    Some(line)
}

/// Follows the hub behind `socket` until the receiver is dropped.
pub(crate) fn follow(socket: PathBuf) -> watch::Receiver<Picture> {
    let (sender, receiver) = watch::channel(Picture::default());
    tokio::spawn(async move {
        while !sender.is_closed() {
            // A hub that is away is shown as such; why it is away stands in its log.
            drop(session(&socket, &sender).await);
            sender.send_modify(|picture| picture.live = false);
            tokio::time::sleep(RETRY).await;
        }
    });
    receiver
}

async fn session(socket: &Path, sender: &watch::Sender<Picture>) -> Result<(), tonic::Status> {
    let mut client = connect(socket).await?;
    let mut changes = client.watch(wire::WatchRequest {}).await?.into_inner();
    while changes.message().await?.is_some() {
        let picture = fetch(&mut client).await?;
        if sender.send(picture).is_err() {
            break;
        }
    }
    Ok(())
}

async fn connect(socket: &Path) -> Result<QueryClient<Channel>, tonic::Status> {
    let socket = socket.to_owned();
    let connector = service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://hub")
        .connect_with_connector(connector)
        .await
        .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    Ok(QueryClient::new(channel))
}

async fn fetch(client: &mut QueryClient<Channel>) -> Result<Picture, tonic::Status> {
    let fleet = client
        .get_fleet(wire::GetFleetRequest {})
        .await?
        .into_inner();
    let listed = client
        .list_clusters(wire::ListClustersRequest::default())
        .await?
        .into_inner();
    let mut clusters = Vec::new();
    for cluster in listed.clusters {
        let well = complaint(&cluster).is_none();
        clusters.push(match well {
            true => cluster,
            // The details say which bundle is in the way.
            false => client
                .get_cluster(wire::GetClusterRequest { name: cluster.name })
                .await?
                .into_inner(),
        });
    }
    Ok(Picture {
        fleet: Some(fleet),
        clusters,
        live: true,
    })
}
