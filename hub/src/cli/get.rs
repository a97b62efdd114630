//! `hub get`: lists, and single things, of every kind.

use capstan_proto::wire;
use capstan_proto::wire::query_client::QueryClient;
use tonic::Status;
use tonic::transport::Channel;

use super::Outcome;
use super::args::{Get, Kind, Shape, Target};
use super::connect;
use super::output::{Show, show};
use super::rows;
use super::table::Table;

/// A list of messages with its columns.
struct Listed<M> {
    items: Vec<M>,
    table: fn(&[M], bool) -> Table,
    nothing: &'static str,
}

impl<M: serde::Serialize> Show for Listed<M> {
    type Value = Vec<M>;

    fn value(&self) -> &Vec<M> {
        &self.items
    }

    fn lines(&self, wide: bool, headers: bool) -> Vec<String> {
        let table = (self.table)(&self.items, wide);
        if table.is_empty() {
            Vec::new()
        } else {
            table.lines(headers)
        }
    }

    fn nothing(&self) -> &'static str {
        self.nothing
    }
}

/// One message with what is below it.
struct Single<M> {
    item: M,
    lines: fn(&M, bool, bool) -> Vec<String>,
}

impl<M: serde::Serialize> Show for Single<M> {
    type Value = M;

    fn value(&self) -> &M {
        &self.item
    }

    fn lines(&self, wide: bool, headers: bool) -> Vec<String> {
        (self.lines)(&self.item, wide, headers)
    }
}

pub(super) async fn run(target: &Target, args: Get) -> Outcome {
    let Get { kind, name, shape } = args;
    let client = connect::query(connect::connect(target).await?);
    match (kind, name) {
        (Kind::Clusters, name) => clusters(client, shape, name).await,
        (Kind::Bundles, name) => bundles(client, shape, name).await,
        (Kind::Placements, name) => placements(client, shape, name).await,
        (Kind::Problems, cluster) => problems(client, shape, cluster.unwrap_or_default()).await,
        (Kind::Drift, cluster) => drift(client, shape, cluster.unwrap_or_default()).await,
    }
}

/// Collects every page of a list.
macro_rules! every_page {
    ($client:expr, $call:ident, $items:ident, $request:ident { $($field:ident : $value:expr),* }) => {{
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = Some(wire::Page { page_size: 0, page_token });
            let request = wire::$request { page, $($field: $value),* };
            let answer = $client.$call(request).await?.into_inner();
            all.extend(answer.$items);
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break Ok::<_, Status>(all);
            }
        }
    }};
}

async fn clusters(client: QueryClient<Channel>, shape: Shape, name: Option<String>) -> Outcome {
    match name {
        Some(name) => {
            let ask = async |client: &mut QueryClient<Channel>| {
                let request = wire::GetClusterRequest { name: name.clone() };
                let item = client.get_cluster(request).await?.into_inner();
                Ok(Single {
                    item,
                    lines: rows::cluster,
                })
            };
            show(client, shape, ask).await
        }
        None => {
            let ask = async |client: &mut QueryClient<Channel>| {
                let items = every_page!(client, list_clusters, clusters, ListClustersRequest {})?;
                let nothing = "no cluster is declared or enrolled";
                Ok(Listed {
                    items,
                    table: rows::clusters,
                    nothing,
                })
            };
            show(client, shape, ask).await
        }
    }
}

async fn bundles(client: QueryClient<Channel>, shape: Shape, name: Option<String>) -> Outcome {
    match name {
        Some(name) => {
            let ask = async |client: &mut QueryClient<Channel>| {
                let request = wire::GetBundleRequest { name: name.clone() };
                let item = client.get_bundle(request).await?.into_inner();
                Ok(Single {
                    item,
                    lines: rows::bundle,
                })
            };
            show(client, shape, ask).await
        }
        None => {
            let ask = async |client: &mut QueryClient<Channel>| {
                let items = every_page!(client, list_bundles, bundles, ListBundlesRequest {})?;
                Ok(Listed {
                    items,
                    table: rows::bundles,
                    nothing: "no bundle is declared",
                })
            };
            show(client, shape, ask).await
        }
    }
}

async fn placements(client: QueryClient<Channel>, shape: Shape, name: Option<String>) -> Outcome {
    match name {
        Some(name) => {
            let ask = async |client: &mut QueryClient<Channel>| {
                let request = wire::GetPlacementRequest { name: name.clone() };
                let item = match client.get_placement(request).await {
                    Ok(item) => item.into_inner(),
                    Err(status) => held_of(client, &name).await?.ok_or(status)?,
                };
                Ok(Single {
                    item,
                    lines: rows::placement,
                })
            };
            show(client, shape, ask).await
        }
        None => {
            let ask = async |client: &mut QueryClient<Channel>| {
                let mut items = every_page!(
                    client,
                    list_placements,
                    placements,
                    ListPlacementsRequest {}
                )?;
                for held in held(client).await? {
                    if !items.iter().any(|item| item.name == held.name) {
                        items.push(held);
                    }
                }
                Ok(Listed {
                    items,
                    table: rows::placements,
                    nothing: "no placement is declared",
                })
            };
            show(client, shape, ask).await
        }
    }
}

/// The placements whose removals wait. One that no document declares any more is in no list.
async fn held(client: &mut QueryClient<Channel>) -> Result<Vec<wire::Placement>, Status> {
    let fleet = client.get_fleet(wire::GetFleetRequest {}).await?;
    let held = fleet.into_inner().held.into_iter();
    let held = held.filter(|held| !held.placement.is_empty());
    let one = |held: wire::HeldRemoval| wire::Placement {
        name: held.placement.clone(),
        held: Some(held),
        ..wire::Placement::default()
    };
    Ok(held.map(one).collect())
}

/// The one of them with this name, or this name within its source.
async fn held_of(
    client: &mut QueryClient<Channel>,
    name: &str,
) -> Result<Option<wire::Placement>, Status> {
    let mut all = held(client).await?.into_iter();
    let short = |full: &str| full.split_once('.').is_some_and(|(_, short)| short == name);
    Ok(all.find(|held| held.name == name || short(&held.name)))
}

async fn problems(client: QueryClient<Channel>, shape: Shape, cluster: String) -> Outcome {
    let ask = async |client: &mut QueryClient<Channel>| {
        let items = every_page!(
            client,
            list_problems,
            problems,
            ListProblemsRequest {
                cluster: cluster.clone()
            }
        )?;
        Ok(Listed {
            items,
            table: rows::problems,
            nothing: "no problems",
        })
    };
    show(client, shape, ask).await
}

async fn drift(client: QueryClient<Channel>, shape: Shape, cluster: String) -> Outcome {
    let ask = async |client: &mut QueryClient<Channel>| {
        let items = every_page!(
            client,
            list_drift,
            drifts,
            ListDriftRequest {
                cluster: cluster.clone()
            }
        )?;
        Ok(Listed {
            items,
            table: rows::drifts,
            nothing: "no drift was seen",
        })
    };
    show(client, shape, ask).await
}
