//! Which kinds the API server serves, from aggregated discovery, read again only when it changed.

use std::collections::{BTreeMap, BTreeSet};

use capstan_spoke_core::Kind;
use capstan_spoke_core::event::Served;
use serde::Deserialize;
use serde_json::Value;

use super::{Call, CallError, Kube, Resource};

/// Both roots answer the same form.
const ROOTS: [&str; 2] = ["/api", "/apis"];
const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// Why discovery could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// No answer.
    #[error("discovery could not be read")]
    Call(#[from] CallError),
    /// A refusal.
    #[error("discovery was answered with {status}")]
    Refused {
        /// HTTP status.
        status: u16,
    },
    /// Not the aggregated form, which every Kubernetes since 1.30 serves.
    #[error("the API server serves no aggregated discovery; Kubernetes 1.30 or newer is needed")]
    NotAggregated,
    /// The group's own API server does not answer.
    #[error("the API group {group} cannot be discovered now")]
    Stale {
        /// Which group.
        group: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    version: String,
    plural: String,
    namespaced: bool,
    /// New objects may be made.
    takes_new: bool,
}

#[derive(Clone, Debug, Default)]
struct Root {
    etag: Option<String>,
    kinds: BTreeMap<Kind, Vec<Version>>,
    stale: BTreeSet<String>,
}

/// What was discovered last.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    roots: [Root; 2],
    complete: bool,
}

/// Whether a kind is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Here it is.
    Found(Resource),
    /// Discovery is complete and lacks it.
    NotServed,
    /// It is not known.
    Unknown,
}

impl Discovery {
    /// Reads both roots again.
    ///
    /// # Errors
    /// When one cannot be read; what was known before stays.
    pub async fn refresh(&mut self, kube: &Kube) -> Result<(), DiscoveryError> {
        let [core, groups] = &self.roots;
        let (core, groups) = tokio::join!(
            read(kube, ROOTS[0], core.etag.clone()),
            read(kube, ROOTS[1], groups.etag.clone()),
        );
        for (root, read) in self.roots.iter_mut().zip([core?, groups?]) {
            if let Some(read) = read {
                *root = read;
            }
        }
        self.complete = true;
        Ok(())
    }

    /// Where a kind lives: at `version` where that is served, else at the preferred one.
    #[must_use]
    pub fn look_up(&self, kind: &Kind, version: Option<&str>) -> Lookup {
        let versions = self.roots.iter().find_map(|root| root.kinds.get(kind));
        let Some(versions) = versions else {
            return match self.complete && !self.is_stale(&kind.group) {
                true => Lookup::NotServed,
                false => Lookup::Unknown,
            };
        };
        let asked = versions
            .iter()
            .find(|v| version.is_some_and(|asked| v.version == asked));
        let Some(found) = asked.or_else(|| versions.first()) else {
            return Lookup::NotServed;
        };
        Lookup::Found(Resource {
            group: kind.group.clone(),
            version: found.version.clone(),
            plural: found.plural.clone(),
            kind: kind.kind.clone(),
            namespaced: found.namespaced,
        })
    }

    /// What the core is told of a kind.
    #[must_use]
    pub fn served(&self, kind: &Kind) -> Served {
        let versions = self.roots.iter().find_map(|root| root.kinds.get(kind));
        match versions.map(|versions| (versions, versions.first())) {
            Some((_, Some(first))) if !first.takes_new => Served::ReadOnly,
            Some((versions, Some(first))) => Served::Yes {
                namespaced: first.namespaced,
                versions: versions.iter().map(|v| v.version.clone()).collect(),
            },
            _ if self.complete && !self.is_stale(&kind.group) => Served::No,
            _ => Served::Unknown,
        }
    }

    fn is_stale(&self, group: &str) -> bool {
        self.roots.iter().any(|root| root.stale.contains(group))
    }
}

/// Reads one root; `None` when it did not change.
async fn read(
    kube: &Kube,
    path: &'static str,
    etag: Option<String>,
) -> Result<Option<Root>, DiscoveryError> {
    let answer = kube
        .call(Call::get(path).accept(AGGREGATED).unless(etag))
        .await?;
    match answer.status {
        304 => Ok(None),
        200 => {
            let mut root = parse(answer.body)?;
            root.etag = answer.etag;
            Ok(Some(root))
        }
        status => Err(DiscoveryError::Refused { status }),
    }
}

#[derive(Deserialize)]
struct GroupList {
    kind: String,
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    versions: Vec<GroupVersion>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct GroupVersion {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<GroupResource>,
}

/// One resource of a version.
#[derive(Deserialize)]
struct GroupResource {
    resource: String,
    #[serde(rename = "responseKind")]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

fn parse(body: Value) -> Result<Root, DiscoveryError> {
    let list: GroupList =
        serde_json::from_value(body).map_err(|_| DiscoveryError::NotAggregated)?;
    if list.kind != "APIGroupDiscoveryList" {
        return Err(DiscoveryError::NotAggregated);
    }
    let mut root = Root::default();
    for group in list.items {
        for version in group.versions {
            if version.freshness == "Stale" {
                root.stale.insert(group.metadata.name.clone());
            }
            for resource in version.resources {
                add(&mut root, &group.metadata.name, &version.version, resource);
            }
        }
    }
    Ok(root)
}

/// Adds a resource, when its objects can be read at all (`bindings` and reviews cannot).
fn add(root: &mut Root, group: &str, version: &str, resource: GroupResource) {
    let Some(kind) = resource.response_kind else {
        return;
    };
    if !resource.verbs.iter().any(|verb| verb == "get") {
        return;
    }
    let versions = root.kinds.entry(Kind::new(group, &kind.kind)).or_default();
    if versions.iter().all(|known| known.version != version) {
        versions.push(Version {
            version: version.to_owned(),
            plural: resource.resource,
            namespaced: resource.scope == "Namespaced",
            takes_new: resource.verbs.iter().any(|verb| verb == "create"),
        });
    }
}

#[cfg(test)]
mod tests;
