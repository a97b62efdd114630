//! Sets of removals: their digests, and why they wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use capstan_proto::digest::Hasher;
use capstan_proto::{BundleName, ClusterName, Digest, ObjectKey, PlacementName, removal};
use serde::{Deserialize, Serialize};

/// Objects that would leave clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Member>", into = "Vec<Member>")]
pub struct RemovalSet {
    members: BTreeMap<ClusterName, BTreeMap<ObjectKey, BundleName>>,
}

/// One object of a removal set, as it is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Member {
    cluster: ClusterName,
    object: ObjectKey,
    bundle: BundleName,
}

impl From<Vec<Member>> for RemovalSet {
    fn from(members: Vec<Member>) -> Self {
        let mut set = Self::default();
        for member in members {
            set.insert(member.cluster, member.object, member.bundle);
        }
        set
    }
}

impl From<RemovalSet> for Vec<Member> {
    fn from(set: RemovalSet) -> Self {
        let of_cluster = |(cluster, objects): (ClusterName, BTreeMap<ObjectKey, BundleName>)| {
            objects.into_iter().map(move |(object, bundle)| Member {
                cluster: cluster.clone(),
                object,
                bundle,
            })
        };
        set.members.into_iter().flat_map(of_cluster).collect()
    }
}

impl RemovalSet {
    /// Adds an object.
    pub fn insert(&mut self, cluster: ClusterName, object: ObjectKey, bundle: BundleName) {
        self.members
            .entry(cluster)
            .or_default()
            .insert(object, bundle);
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many objects are in it.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.members.values().map(BTreeMap::len).sum()
    }

    /// The clusters that would lose something.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.members.keys()
    }

    /// What one cluster would lose, with the bundle of each object.
    #[must_use]
    pub fn of_cluster(&self, cluster: &ClusterName) -> Option<&BTreeMap<ObjectKey, BundleName>> {
        self.members.get(cluster)
    }

    /// Whether an object of a cluster is in it.
    #[must_use]
    pub fn contains(&self, cluster: &ClusterName, object: &ObjectKey) -> bool {
        self.members
            .get(cluster)
            .is_some_and(|objects| objects.contains_key(object))
    }

    /// The digest by which people name the set: over the sorted (cluster, object).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(b"capstan removal set 1");
        for (cluster, objects) in &self.members {
            hasher.field(cluster.as_str().as_bytes());
            hasher.field(removal::cluster_digest(objects.keys()).as_bytes());
        }
        hasher.finish()
    }

    /// The digest of one cluster's part, which travels to its spoke: over the sorted objects.
    #[must_use]
    pub fn cluster_digest(&self, cluster: &ClusterName) -> Option<Digest> {
        self.members
            .get(cluster)
            .map(|objects| removal::cluster_digest(objects.keys()))
    }
}

/// Why a removal waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The placement's selection became empty.
    SelectionEmpty {
        /// The placement.
        placement: PlacementName,
    },
    /// The placement would lose too many clusters within the window.
    TooManyClusters {
        /// The placement.
        placement: PlacementName,
        /// How many it would have lost.
        lost: usize,
        /// How many it had.
        of: usize,
        /// How many may be lost.
        allowed: usize,
        /// Within how many milliseconds.
        window_ms: u64,
    },
    /// As above, of a bundle of which it is not recorded which placement had brought it.
    TooManyClustersOfBundle {
        /// The bundle.
        bundle: BundleName,
        /// How many it would have lost.
        lost: usize,
        /// How many it had.
        of: usize,
        /// How many may be lost.
        allowed: usize,
        /// Within how many milliseconds.
        window_ms: u64,
    },
    /// A cluster would lose too many objects within the window.
    TooManyObjects {
        /// The cluster.
        cluster: ClusterName,
        /// How many it would have lost.
        lost: usize,
        /// How many it had.
        of: usize,
        /// How many may be lost.
        allowed: usize,
        /// Within how many milliseconds.
        window_ms: u64,
    },
    /// A cluster would be left with nothing.
    ClusterEmptied {
        /// The cluster.
        cluster: ClusterName,
    },
    /// An object whose removal takes data or other objects with it.
    Protected {
        /// The cluster.
        cluster: ClusterName,
        /// The object.
        object: ObjectKey,
    },
    /// An object whose kind was moved into namespaces or out of them, and which goes for that alone.
    ScopeChanged {
        /// The cluster.
        cluster: ClusterName,
        /// The object, as it was.
        object: ObjectKey,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelectionEmpty { placement } => {
                write!(
                    f,
                    "placement {} selects no cluster any more",
                    placement.name()
                )
            }
            Self::TooManyClusters {
                placement,
                lost,
                of,
                allowed,
                window_ms,
            } => write!(
                f,
                "placement {} would lose {lost} of {of} clusters within {}, {allowed} may go \
                 without approval",
                placement.name(),
                hours(*window_ms),
            ),
            Self::TooManyClustersOfBundle {
                bundle,
                lost,
                of,
                allowed,
                window_ms,
            } => write!(
                f,
                "bundle {} would leave {lost} of {of} clusters within {}, {allowed} may go \
                 without approval",
                bundle.name(),
                hours(*window_ms),
            ),
            Self::TooManyObjects {
                cluster,
                lost,
                of,
                allowed,
                window_ms,
            } => write!(
                f,
                "cluster {cluster} would lose {lost} of {of} objects within {}, {allowed} may go \
                 without approval",
                hours(*window_ms),
            ),
            Self::ClusterEmptied { cluster } => {
                write!(f, "cluster {cluster} would be left with nothing")
            }
            Self::Protected { cluster, object } => {
                write!(f, "{object} on cluster {cluster} takes what is in it along")
            }
            Self::ScopeChanged { cluster, object } => {
                let now = match object.namespace.as_str() {
                    "" => "in a namespace",
                    _ => "outside namespaces",
                };
                write!(
                    f,
                    "{object} on cluster {cluster} would go because its kind is declared {now} now"
                )
            }
        }
    }
}

/// `24 h`, or minutes where that is no whole number of hours.
fn hours(ms: u64) -> String {
    let minutes = ms / 60_000;
    if minutes.is_multiple_of(60) {
        format!("{} h", minutes / 60)
    } else {
        format!("{minutes} min")
    }
}

/// A removal set that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Digest of the set: what is approved.
    pub digest: Digest,
    /// What would leave.
    pub set: RemovalSet,
    /// Why it waits, sorted.
    pub why: BTreeSet<Why>,
    /// The placement that gives it up; `None` when it is not recorded which one had brought it.
    pub placement: Option<PlacementName>,
}

/// Whose removals are counted, held and approved together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// Those of one placement.
    Placement(PlacementName),
    /// Those of one bundle, where it is not recorded which placement had brought it.
    Bundle(BundleName),
}

impl Group {
    /// The group of a bundle's removals.
    pub(super) fn of(bundle: &BundleName, owner: Option<&PlacementName>) -> Self {
        owner.map_or_else(
            || Self::Bundle(bundle.clone()),
            |owner| Self::Placement(owner.clone()),
        )
    }

    /// The placement, where it is one's.
    pub(super) fn placement(&self) -> Option<&PlacementName> {
        match self {
            Self::Placement(placement) => Some(placement),
            Self::Bundle(_) => None,
        }
    }
}

impl Hold {
    /// What waits, and why, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let clusters = self.set.clusters().count();
        let why: Vec<String> = self.why.iter().take(3).map(ToString::to_string).collect();
        let more = match self.why.len() {
            0..4 => String::new(),
            all => format!("; and {} more reasons", all - 3),
        };
        format!(
            "removing {} from {} waits for approval: {}{more}",
            counted(self.set.objects(), "object"),
            counted(clusters, "cluster"),
            why.join("; "),
        )
    }

    /// The exact next command.
    #[must_use]
    pub fn command(&self) -> String {
        format!("hub approve {} --reason \"...\"", self.digest.short())
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}
