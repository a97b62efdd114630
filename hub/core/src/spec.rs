//! Fleet files, read: what the documents of every source declare, and what is wrong with them.
//!
//! `load` never fails. A document that does not parse or lint keeps the last good version of what
//! it declared; a document removed from Git is removed. Deliberately absent: reading Git (the
//! shell hands over the files) and fields that this version would not obey (they are refused).

mod decode;
mod document;
mod doubt;
mod fields;
mod keep;
mod link;
mod load;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use capstan_proto::ids::NameError;
use capstan_proto::policy::{Adopt, DriftPolicy, OnConflict, RemovalPolicy};
use capstan_proto::{BundleName, ClusterName, Digest, PlacementName, Revision, SourceName};

pub use load::load;

use crate::problem::{Place, Problem};
use crate::selector::Term;
use crate::template::Scalar;

/// The `apiVersion` of fleet files.
pub const API_VERSION: &str = "capstan.dev/v1alpha1";

/// One file of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    bytes: Arc<[u8]>,
    digest: Digest,
}

impl File {
    /// A file with this content. Cloning it is cheap; make it once per Git blob.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        Self { bytes, digest }
    }

    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// The files of one source at one revision, below the source's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The commit they were read from.
    pub revision: Revision,
    /// Files by path relative to the source's path, with `/`.
    pub files: BTreeMap<String, File>,
    /// Entries that are there and are not read, by path, each with the reason in words. What is
    /// behind them is unknown: never the same as absent.
    pub refused: BTreeMap<String, String>,
}

impl Tree {
    /// A tree of these files, with nothing refused.
    #[must_use]
    pub fn new(revision: Revision, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (path, File::new(bytes)))
            .collect();
        Self {
            revision,
            files,
            refused: BTreeMap::new(),
        }
    }

    /// What is refused in a directory, below it, and on the way to it: anything of it could have
    /// been there.
    pub fn refused_around(&self, directory: &str) -> impl Iterator<Item = (&str, &str)> {
        self.refused
            .iter()
            .filter(move |(path, _)| is_within(path, directory) || is_within(directory, path))
            .map(|(path, reason)| (path.as_str(), reason.as_str()))
    }

    /// Whether nothing is below a directory, for certain.
    #[must_use]
    pub fn is_empty_below(&self, directory: &str) -> bool {
        self.refused_around(directory).next().is_none() && self.below(directory).next().is_none()
    }

    /// The files below a directory, in the order of their paths; all of them below ``.
    pub fn below(&self, directory: &str) -> impl Iterator<Item = (&str, &File)> {
        let prefix = if directory.is_empty() {
            String::new()
        } else {
            format!("{directory}/")
        };
        self.files
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, file)| (path.as_str(), file))
    }
}

/// Whether a path is a directory's, or below it; every path is within ``.
fn is_within(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory);
    directory.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is there of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// It was read.
    Read(Arc<Tree>),
    /// It is configured, and could not be read since the hub started. What it declared before
    /// stays; with nothing known of before, nothing of it is removed anywhere.
    Unread,
}

/// All configured sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trees {
    /// By name.
    pub sources: BTreeMap<SourceName, SourceState>,
}

impl Trees {
    /// The tree of a source, where it was read.
    #[must_use]
    pub fn read(&self, source: &SourceName) -> Option<&Arc<Tree>> {
        match self.sources.get(source)? {
            SourceState::Read(tree) => Some(tree),
            SourceState::Unread => None,
        }
    }
}

/// A group, by the source that declares it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupName {
    source: SourceName,
    name: String,
}

impl GroupName {
    /// The group called `name` that `source` declares.
    ///
    /// # Errors
    /// When `name` is not a DNS-1123 label.
    pub fn try_new(source: SourceName, name: impl Into<String>) -> Result<Self, NameError> {
        let name = ClusterName::try_new(name)?.into();
        Ok(Self { source, name })
    }

    /// The source that declares it.
    #[must_use]
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// The name inside its source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source, self.name)
    }
}

/// One declared thing with where it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<T> {
    /// Where the document begins.
    pub at: Place,
    /// The commit that this version was read from: an older one where the present text is broken.
    pub revision: Revision,
    /// Whether this is a last good version, because the present text is broken.
    pub kept: bool,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec`.
    pub spec: T,
}

/// A value of `variables`, with its place for problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Where the value stands.
    pub at: Place,
    /// The value; a string may use other variables.
    pub value: Scalar,
}

/// Variables by name.
pub type Variables = BTreeMap<String, Variable>;

/// `spec` of a Cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its variables.
    pub variables: Variables,
}

/// `spec` of a ClusterGroup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its members match any of these terms...
    pub clusters: Vec<Term>,
    /// ... and none of these.
    pub except: Vec<Term>,
}

impl Group {
    /// The groups that it names.
    pub fn references(&self) -> impl Iterator<Item = &Reference<GroupName>> {
        self.clusters
            .iter()
            .chain(&self.except)
            .flat_map(|term| &term.groups)
    }
}

/// A name in a document that refers to another document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<N> {
    /// Where it stands.
    pub at: Place,
    /// What it names.
    pub name: N,
}

/// `spec` of a Bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Directory relative to the source's path, without `/` at the end; empty for the root.
    pub path: String,
    /// Where the path is declared.
    pub path_at: Place,
    /// Namespace for namespaced objects that name none.
    pub default_namespace: Option<String>,
    /// Whether the default namespace is made.
    pub create_namespace: bool,
    /// Whether `${...}` in file contents is substituted.
    pub substitute: bool,
    /// Defaults of variables.
    pub variables: Variables,
    /// Bundles that must be Healthy first.
    pub depends_on: Vec<Reference<BundleName>>,
    /// What happens to what is not wanted any more.
    pub removal: RemovalPolicy,
    /// Whether foreign objects with our keys are taken over.
    pub adopt: Adopt,
    /// What happens when another manager owns a field of ours.
    pub conflict: OnConflict,
    /// Drift handling.
    pub drift: DriftPolicy,
    /// `health.timeout` in milliseconds.
    pub health_timeout_ms: Option<u64>,
}

/// One entry of a placement's `overrides`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Where it stands.
    pub at: Place,
    /// Terms that a cluster must match; `None` matches every cluster.
    pub clusters: Option<Vec<Term>>,
    /// Bundles it is for; `None` is every bundle of the placement.
    pub bundles: Option<BTreeSet<BundleName>>,
    /// The values that override.
    pub variables: Variables,
}

/// `spec` of a Placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The higher one owns a bundle that two placements place on one cluster.
    pub priority: i64,
    /// What is placed.
    pub bundles: Vec<Reference<BundleName>>,
    /// Where: any of these terms...
    pub clusters: Vec<Term>,
    /// ... and none of these.
    pub except: Vec<Term>,
    /// Whether nothing of this placement changes anywhere.
    pub suspend: bool,
    /// Overrides, in order.
    pub overrides: Vec<Override>,
}

impl Placement {
    /// The groups that it names.
    pub fn references(&self) -> impl Iterator<Item = &Reference<GroupName>> {
        let overrides = self
            .overrides
            .iter()
            .filter_map(|o| o.clusters.as_ref())
            .flatten();
        self.clusters
            .iter()
            .chain(&self.except)
            .chain(overrides)
            .flat_map(|term| &term.groups)
    }
}

/// Why a source's declarations are not all known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A document is broken and no good version of it is known.
    Broken(Place),
    /// The source was not read yet.
    Unread,
}

/// Everything that the sources declare, as far as it is good, or was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The commit of each source that was read.
    pub revisions: BTreeMap<SourceName, Revision>,
    /// Declared clusters.
    pub clusters: BTreeMap<ClusterName, Document<Cluster>>,
    /// Declared groups.
    pub groups: BTreeMap<GroupName, Document<Group>>,
    /// Declared bundles.
    pub bundles: BTreeMap<BundleName, Document<Bundle>>,
    /// Declared placements.
    pub placements: BTreeMap<PlacementName, Document<Placement>>,
    /// Sources of which something is unknown: nothing of theirs is removed anywhere.
    pub gaps: BTreeMap<SourceName, Vec<Gap>>,
    /// What was found in each file, so that an unchanged file is not read again.
    files: BTreeMap<SourceName, BTreeMap<String, load::FileRecord>>,
    /// Sources of which it is known that nothing was declared before.
    begun: BTreeSet<SourceName>,
}

impl Spec {
    /// The older commits whose documents stand in for broken ones. After a restart without the
    /// previous `Spec`, load these (oldest first) before the present trees.
    #[must_use]
    pub fn kept_revisions(&self) -> BTreeSet<(SourceName, Revision)> {
        keep::revisions(self)
    }

    /// What to load a source's first commit after: `previous`, and that nothing of the source was
    /// declared before where that knows nothing of it.
    #[must_use]
    pub fn beginning(previous: Option<&Self>, source: &SourceName) -> Self {
        let mut spec = previous.cloned().unwrap_or_default();
        if !spec.revisions.contains_key(source) {
            spec.gaps.remove(source);
            spec.begun.insert(source.clone());
        }
        spec
    }

    /// Whether a broken document may declare a cluster that is not known.
    #[must_use]
    pub fn lacks_clusters(&self) -> bool {
        let known =
            |name: &str| ClusterName::try_new(name).is_ok_and(|n| self.clusters.contains_key(&n));
        doubt::Doubts::of(&self.files).cover_unknown(document::Kind::Cluster, known)
    }

    /// Whether every source that is configured was read at least once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.gaps.values().flatten().any(|gap| *gap == Gap::Unread)
    }
}

/// What a load gives: the declarations, and what is wrong with them.
pub type Loaded = (Spec, Vec<Problem>);

#[cfg(test)]
mod tests;
