//! `Query`: what operators ask, answered from the engine's latest picture.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_hub_core::explain::{Question, explain};
use capstan_hub_core::problem::{Problem, Severity, nearest};
use capstan_hub_core::rollup::{ClusterSummary, Trouble, What};
use capstan_proto::wire::query_server::Query;
use capstan_proto::wire::{self, Changed};
use capstan_proto::{BundleName, ClusterName, Digest, PlacementName, SourceName};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use super::{Shared, status, view};
use crate::clock;
use crate::engine::picture::Picture;

/// Entries in one page at most: 1,000 clusters with labels and facts are about 2 MiB.
const PAGE_MAX: usize = 1_000;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    shared: Shared,
}

type Answer<T> = Result<Response<T>, Status>;

/// One page: its entries, the next page's token, and how many entries there are in all.
type Paged<T> = (Vec<T>, String, u32);

impl Service {
    pub(crate) const fn new(shared: Shared) -> Self {
        Self { shared }
    }

    fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.shared.pictures.borrow())
    }
}

/// Cuts a page out of entries that are sorted by their keys; the token is the key of the last entry before.
fn page<K: AsRef<str>, V, T>(
    entries: impl ExactSizeIterator<Item = (K, V)>,
    page: Option<wire::Page>,
    make: impl Fn(V) -> T,
) -> Paged<T> {
    let wire::Page {
        page_size,
        page_token,
    } = page.unwrap_or_default();
    let size = match page_size as usize {
        0 => PAGE_MAX,
        size => size.min(PAGE_MAX),
    };
    let total = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let after = |key: &str| page_token.is_empty() || key > page_token.as_str();
    let mut rest = entries.filter(|(key, _)| after(key.as_ref())).peekable();
    let (mut items, mut last) = (Vec::new(), String::new());
    while items.len() < size
        && let Some((key, value)) = rest.next()
    {
        last = key.as_ref().to_owned();
        items.push(make(value));
    }
    let next = if rest.peek().is_some() {
        last
    } else {
        String::new()
    };
    (items, next, total)
}

/// Entries by the text of their names: names with dots sort differently as texts than as pairs.
fn by_text<K: ToString, V>(map: &BTreeMap<K, V>) -> BTreeMap<String, (&K, &V)> {
    map.iter()
        .map(|(key, value)| (key.to_string(), (key, value)))
        .collect()
}

/// The only one of `all` with this short name, or the one with this full name.
fn find<'a, N: ToString + 'a>(
    kind: &str,
    text: &str,
    all: impl Iterator<Item = &'a N>,
) -> Result<&'a N, Status> {
    let short = |name: &N| {
        let full = name.to_string();
        full == text || full.split_once('.').is_some_and(|(_, short)| short == text)
    };
    let all: Vec<&N> = all.collect();
    let mut found = all.iter().copied().filter(|name| short(name));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(status::invalid(format!(
            "`{text}` is {} and {} (give the source too)",
            one.to_string(),
            other.to_string()
        ))),
        (None, _) => {
            let full: Vec<String> = all.iter().map(|name| name.to_string()).collect();
            let names = full.iter().map(String::as_str);
            let hint = hint(
                kind,
                text,
                names.flat_map(|full| {
                    let short = full.split_once('.').map(|(_, short)| short);
                    [Some(full), short].into_iter().flatten()
                }),
            );
            Err(status::not_found(format!(
                "there is no {kind} `{text}` ({hint})"
            )))
        }
    }
}

/// Which name was probably meant, or where all of them are.
fn hint<'a>(kind: &str, text: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match nearest(text, &names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("`hub get {kind}s` lists them"),
    }
}

fn cluster_name(text: &str) -> Result<ClusterName, Status> {
    ClusterName::try_new(text).map_err(|error| status::invalid(error.to_string()))
}

/// A cluster that the fleet has, by name: asking about no such one must not look like good news.
fn known<'p>(
    picture: &'p Picture,
    text: &str,
) -> Result<(&'p ClusterName, &'p ClusterSummary), Status> {
    let name = cluster_name(text)?;
    picture.fleet.clusters.get_key_value(&name).ok_or_else(|| {
        let names = picture.fleet.clusters.keys().map(ClusterName::as_str);
        let hint = hint("cluster", text, names);
        status::not_found(format!(
            "no cluster `{name}` is declared or enrolled ({hint})"
        ))
    })
}

/// The cluster that a list is narrowed to; `None` for all of them.
fn narrowed<'p>(picture: &'p Picture, text: &str) -> Result<Option<&'p ClusterName>, Status> {
    match text {
        "" => Ok(None),
        text => known(picture, text).map(|(name, _)| Some(name)),
    }
}

/// What `hub get problems` lists: what is wrong with files and sessions, and what spokes say.
enum Wrong<'p> {
    Problem(&'p Problem),
    Trouble(Cow<'p, Trouble>),
}

impl Wrong<'_> {
    fn view(self) -> wire::Problem {
        match self {
            Self::Problem(problem) => view::problem(problem),
            Self::Trouble(trouble) => view::trouble(&trouble),
        }
    }
}

/// Everything that is wrong, or what is on one cluster; sorted by keys.
fn wrongs<'p>(picture: &'p Picture, only: Option<&ClusterName>) -> BTreeMap<String, Wrong<'p>> {
    let of = |problem: &&Problem| only.is_none_or(|name| problem.clusters.contains(name));
    let problems = picture.problems.iter().filter(of);
    let problems = problems.map(|problem| (problem_key(problem), Wrong::Problem(problem)));
    let narrow = |trouble: &'p Trouble| match only {
        None => Some(Cow::Borrowed(trouble)),
        Some(cluster) => trouble.only_on(cluster).map(Cow::Owned),
    };
    let troubles = picture.troubles.iter().filter_map(narrow);
    let troubles = troubles.map(|trouble| (trouble_key(&trouble), Wrong::Trouble(trouble)));
    problems.chain(troubles).collect()
}

/// Errors first, the worst of them first; unique for every trouble.
fn trouble_key(trouble: &Trouble) -> String {
    let What {
        wrong,
        bundle,
        object,
        reason,
    } = &trouble.what;
    let object = object.as_ref().map(ToString::to_string);
    format!(
        "{}||{:02}|{bundle}|{}|{reason}",
        u8::from(wrong.severity() == Severity::Warning),
        *wrong as u8,
        object.unwrap_or_default(),
    )
}

/// Errors first, then by place; unique for every problem, and short whatever the number of clusters: it is a page token.
fn problem_key(problem: &Problem) -> String {
    let at = problem.at.as_ref();
    let bundle = problem.bundle.as_ref().map(ToString::to_string);
    format!(
        "{}|{}|{}|{:08}|{:08}|{problem}|{}|{}",
        u8::from(problem.severity == Severity::Warning),
        at.map(|at| at.source.to_string()).unwrap_or_default(),
        at.map(|at| at.path.to_string()).unwrap_or_default(),
        at.map_or(0, |at| at.line),
        at.map_or(0, |at| at.column),
        bundle.unwrap_or_default(),
        clusters_key(&problem.clusters),
    )
}

/// The first cluster, how many there are, and what tells these from as many others.
fn clusters_key(clusters: &BTreeSet<ClusterName>) -> String {
    let Some(first) = clusters.first() else {
        return String::new();
    };
    let names: Vec<&str> = clusters.iter().map(ClusterName::as_str).collect();
    let all = Digest::of(names.join("\n").as_bytes());
    format!("{first}|{:08}|{all}", clusters.len())
}

#[tonic::async_trait]
impl Query for Service {
    type WatchStream =
        std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<Changed, Status>> + Send>>;
    type ExportInventoryStream = std::pin::Pin<
        Box<dyn tokio_stream::Stream<Item = Result<wire::InventoryPart, Status>> + Send>,
    >;

    async fn get_fleet(&self, _: Request<wire::GetFleetRequest>) -> Answer<wire::Fleet> {
        let id = self.shared.enrolment.authority().fleet().to_string();
        Ok(Response::new(view::fleet(&self.picture(), id)))
    }

    async fn list_clusters(
        &self,
        request: Request<wire::ListClustersRequest>,
    ) -> Answer<wire::ListClustersResponse> {
        let picture = self.picture();
        let all = by_text(&picture.fleet.clusters);
        let (clusters, next_page_token, total) = page(
            all.into_iter(),
            request.into_inner().page,
            |(name, summary)| view::cluster(&picture, name, summary, false),
        );
        Ok(Response::new(wire::ListClustersResponse {
            clusters,
            next_page_token,
            total,
        }))
    }

    async fn get_cluster(
        &self,
        request: Request<wire::GetClusterRequest>,
    ) -> Answer<wire::Cluster> {
        let picture = self.picture();
        let (name, summary) = known(&picture, &request.get_ref().name)?;
        Ok(Response::new(view::cluster(&picture, name, summary, true)))
    }

    async fn list_bundles(
        &self,
        request: Request<wire::ListBundlesRequest>,
    ) -> Answer<wire::ListBundlesResponse> {
        let picture = self.picture();
        let bundles = view::bundles(&picture);
        let (bundles, next_page_token, total) = page(
            by_text(&bundles).into_iter(),
            request.into_inner().page,
            |(name, summary)| view::bundle(&picture, name, summary, false),
        );
        Ok(Response::new(wire::ListBundlesResponse {
            bundles,
            next_page_token,
            total,
        }))
    }

    async fn get_bundle(&self, request: Request<wire::GetBundleRequest>) -> Answer<wire::Bundle> {
        let picture = self.picture();
        let bundles = view::bundles(&picture);
        let name: &BundleName = find("bundle", &request.get_ref().name, bundles.keys())?;
        Ok(Response::new(view::bundle(
            &picture,
            name,
            &bundles[name],
            true,
        )))
    }

    async fn list_placements(
        &self,
        request: Request<wire::ListPlacementsRequest>,
    ) -> Answer<wire::ListPlacementsResponse> {
        let picture = self.picture();
        let all = picture.decisions.placements.iter();
        let all: BTreeMap<String, _> = all.map(|one| (one.0.to_string(), one)).collect();
        let (placements, next_page_token, total) = page(
            all.into_iter(),
            request.into_inner().page,
            |(name, decision)| view::placement(&picture, name, decision, false),
        );
        Ok(Response::new(wire::ListPlacementsResponse {
            placements,
            next_page_token,
            total,
        }))
    }

    async fn get_placement(
        &self,
        request: Request<wire::GetPlacementRequest>,
    ) -> Answer<wire::Placement> {
        let picture = self.picture();
        let all = &picture.decisions.placements;
        let name: &PlacementName = find("placement", &request.get_ref().name, all.keys())?;
        let decision = all.get(name).expect("the name was found there");
        Ok(Response::new(view::placement(
            &picture,
            decision.name(),
            decision,
            true,
        )))
    }

    async fn list_problems(
        &self,
        request: Request<wire::ListProblemsRequest>,
    ) -> Answer<wire::ListProblemsResponse> {
        let picture = self.picture();
        let wire::ListProblemsRequest {
            page: wanted,
            cluster,
        } = request.into_inner();
        let only = narrowed(&picture, &cluster)?;
        let sorted = wrongs(&picture, only);
        let (problems, next_page_token, total) = page(sorted.into_iter(), wanted, Wrong::view);
        Ok(Response::new(wire::ListProblemsResponse {
            problems,
            next_page_token,
            total,
        }))
    }

    async fn list_drift(
        &self,
        request: Request<wire::ListDriftRequest>,
    ) -> Answer<wire::ListDriftResponse> {
        let picture = self.picture();
        let wire::ListDriftRequest {
            page: wanted,
            cluster,
        } = request.into_inner();
        let only = narrowed(&picture, &cluster)?;
        let mut sorted = BTreeMap::new();
        for (name, seen) in &picture.clusters {
            if only.is_some_and(|only| only != name) {
                continue;
            }
            for (bundle, state) in seen.states.iter() {
                for drift in &state.drifts {
                    // The newest first.
                    let age = i64::MAX - drift.seen_at.unix_ms();
                    let key = format!("{age:020}|{name}|{bundle}|{}", drift.object);
                    sorted.insert(key, (name, bundle, drift));
                }
            }
        }
        let (drifts, next_page_token, total) =
            page(sorted.into_iter(), wanted, |(name, bundle, drift)| {
                view::drift(name, bundle, drift)
            });
        Ok(Response::new(wire::ListDriftResponse {
            drifts,
            next_page_token,
            total,
        }))
    }

    async fn explain(&self, request: Request<wire::ExplainRequest>) -> Answer<wire::Explanation> {
        let picture = self.picture();
        let wire::ExplainRequest { cluster, bundle } = request.into_inner();
        let cluster = known(&picture, &cluster)?.0.clone();
        let bundles = view::bundles(&picture);
        let bundle = find("bundle", &bundle, bundles.keys())?.clone();
        let question = Question { cluster, bundle };
        // Advice is tried, which takes a while in a large fleet.
        let explaining = tokio::task::spawn_blocking(move || {
            let mut explanation = explain(&picture.decisions, &picture.desired, &question);
            if let Some(spec) = &picture.spec {
                explanation.mark_last_good((spec, &picture.decisions), "hub get problems");
            }
            view::explanation(&picture, &explanation, clock::now())
        });
        let explanation = explaining.await.map_err(|error| status::failed(&error))?;
        Ok(Response::new(explanation))
    }

    async fn export_inventory(
        &self,
        _: Request<wire::ExportInventoryRequest>,
    ) -> Answer<Self::ExportInventoryStream> {
        let parts = view::inventory(&self.picture());
        Ok(Response::new(Box::pin(tokio_stream::iter(
            parts.into_iter().map(Ok),
        ))))
    }

    async fn watch(&self, _: Request<wire::WatchRequest>) -> Answer<Self::WatchStream> {
        let changes = WatchStream::new(self.shared.pictures.clone()).map(|picture| {
            Ok(Changed {
                picture: picture.number,
            })
        });
        let stop = self.shared.stop.clone();
        let until = futures::StreamExt::take_until(changes, stop.cancelled_owned());
        Ok(Response::new(Box::pin(until)))
    }
}

/// The names of the configured sources.
pub(super) fn sources(picture: &Picture) -> Vec<SourceName> {
    picture
        .sources
        .iter()
        .map(|source| source.name.clone())
        .collect()
}

#[cfg(test)]
mod tests;
