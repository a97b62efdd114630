//! Fleet files, read: what the documents of every source declare, and what is wrong with them.
//!
//! `load` never fails. A document that does not parse or lint keeps the last good version of what
//! it declared; a document removed from Git is removed. Deliberately absent: reading Git (the
//! shell hands over the files) and fields that this version would not obey (they are refused).
//!
//! # The way of a document
//!
//! | step | where |
//! |---|---|
//! | bytes to values with places | `yaml` |
//! | whose document is it | `read` |
//! | unknown fields, wrong types, words | `check`, from the tables of [`language`] |
//! | what no table can say | `decode` |
//! | is its name free, may its source declare it | `load` |
//! | do the names in it mean something | `link`, `pins` |
//! | what stands in for a broken one | `keep` |
//! | clusters with their templates | `merge` |

mod check;
mod decode;
mod document;
mod doubt;
mod fields;
mod format;
mod keep;
pub mod language;
mod link;
mod lint;
mod load;
mod merge;
mod model;
mod pins;
mod reach;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Digest, PlacementName, Revision, SourceName};

pub(crate) use check::shown;
pub use doubt::Lacking;
pub use load::load;
pub use model::{
    Bundle, Change, Chart, Cluster, Count, Document, Effect, Group, GroupName, Helm, LabelSelector,
    Layer, Member, Mode, Operation, Override, Patch, Pin, Placement, Preference, Reference, Safety,
    Spread, Taint, Target, Template, TemplateName, Text, Toleration, Unsatisfiable, ValuesFile,
    Variable, Variables, Verb,
};
pub(crate) use reach::out_of_reach;

use crate::problem::{Place, Problem};
use crate::selector::Term;

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

    /// Every directory with files.
    #[must_use]
    pub fn directories(&self) -> Vec<&str> {
        let parents = self.files.keys().filter_map(|path| path.rsplit_once('/'));
        let directories: BTreeSet<&str> = parents.map(|(directory, _)| directory).collect();
        directories.into_iter().collect()
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

/// A tag or commit of a source that placements pin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinName {
    /// The source.
    pub source: SourceName,
    /// The tag or commit, as it is written.
    pub text: String,
}

/// What is there of a pinned revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinState {
    /// It was read.
    Read(Arc<Tree>),
    /// The source was read and has no such tag or commit, or it cannot be read: in words.
    Missing(String),
    /// It is a branch, which leads to this commit now and moves: no pin.
    Branch(Revision),
}

/// What a source may do, from the hub's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// What it is restricted to; `None`: everything.
    pub restrict: Option<Restriction>,
    /// Groups that other sources may name.
    pub exported_groups: BTreeSet<String>,
    /// Bundles that other sources may name.
    pub exported_bundles: BTreeSet<String>,
}

/// What a restricted source may reach.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restriction {
    /// Clusters that it may use: any of these terms.
    pub clusters: Vec<Term>,
    /// Namespaces that it may use, as exact names or globs.
    pub namespaces: Vec<String>,
    /// Kinds that it may use.
    pub kinds: Kinds,
    /// Whether its bundles must name a service account.
    pub service_account_required: bool,
}

/// Which kinds a restricted source may use, as `apps/Deployment` or `v1/Service`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// All.
    #[default]
    All,
    /// Only these.
    Allow(BTreeSet<String>),
    /// All but these.
    Deny(BTreeSet<String>),
}

/// All configured sources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trees {
    /// By name.
    pub sources: BTreeMap<SourceName, SourceState>,
    /// Pinned revisions that were asked for by [`Spec::pins`] of an earlier load. One that is not
    /// listed was not tried yet: what is pinned to it keeps what is there.
    pub pins: BTreeMap<PinName, PinState>,
    /// What sources may do; one that is not listed may do everything and exports nothing.
    pub rules: BTreeMap<SourceName, Rules>,
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

/// Why a source's declarations are not all known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A document is broken and no good version of it is known.
    Broken(Place, MayBe),
    /// The source was not read yet.
    Unread,
}

/// What a broken document may declare, as far as that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MayBe {
    kind: Option<document::Kind>,
    name: Option<String>,
    /// What it says that it was called before.
    former: Option<String>,
}

impl MayBe {
    /// Whether both may be one document.
    fn may_be_same(&self, other: &Self) -> bool {
        let kinds = self.kind.zip(other.kind);
        let names = self.name.as_ref().zip(other.name.as_ref());
        kinds.is_none_or(|(a, b)| a == b) && names.is_none_or(|(a, b)| a == b)
    }
}

impl Gap {
    /// Whether a placement may be missing.
    #[must_use]
    pub fn may_place(&self) -> bool {
        self.may_be(document::Kind::Placement, None)
    }

    /// Whether this cluster may be missing.
    #[must_use]
    pub fn may_declare(&self, cluster: &ClusterName) -> bool {
        self.may_be(document::Kind::Cluster, Some(cluster.as_str()))
    }

    /// Whether this is about a document that another gap is about, as far as that can be told.
    #[must_use]
    pub(crate) fn may_be_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Broken(at, is), Self::Broken(place, was)) => {
                at.path == place.path || is.may_be_same(was)
            }
            (Self::Unread, _) | (_, Self::Unread) => true,
        }
    }

    fn may_be(&self, kind: document::Kind, name: Option<&str>) -> bool {
        match self {
            Self::Unread => true,
            Self::Broken(_, may_be) => {
                let former = may_be.former.as_deref();
                let other =
                    |known: &str| name.is_some_and(|name| name != known && former != Some(name));
                may_be.kind.is_none_or(|known| known == kind)
                    && !may_be.name.as_deref().is_some_and(other)
            }
        }
    }
}

/// Everything that the sources declare, as far as it is good, or was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The commit of each source that was read.
    pub revisions: BTreeMap<SourceName, Revision>,
    /// Declared clusters.
    pub clusters: BTreeMap<ClusterName, Document<Cluster>>,
    /// Declared templates of clusters.
    pub templates: BTreeMap<TemplateName, Document<Template>>,
    /// Declared clusters with their templates merged in. One of which nothing changed is the very same
    /// as before; no two share one.
    pub members: BTreeMap<ClusterName, Arc<Member>>,
    /// Declared groups, and those that keep restricted sources in their reach.
    pub groups: BTreeMap<GroupName, Document<Group>>,
    /// Declared bundles.
    pub bundles: BTreeMap<BundleName, Document<Bundle>>,
    /// Declared placements. One in a file that did not change is the very same as before.
    pub placements: BTreeMap<PlacementName, Document<Arc<Placement>>>,
    /// Bundles as pinned revisions declare them.
    pub pinned: BTreeMap<PinName, Arc<Pinned>>,
    /// What restricted sources may reach. Their `{}` means every cluster that they may use; none of
    /// theirs may reach another one.
    pub restrictions: BTreeMap<SourceName, Restriction>,
    /// Sources of which something is unknown: nothing of theirs is removed anywhere.
    pub gaps: BTreeMap<SourceName, Vec<Gap>>,
    /// What was found in each file, so that an unchanged file is not read again.
    files: BTreeMap<SourceName, BTreeMap<String, load::FileRecord>>,
    /// What was found in pinned revisions, so that they are not read again.
    pin_records: BTreeMap<PinName, pins::PinRecord>,
    /// Sources of which it is known that nothing was declared before.
    begun: BTreeSet<SourceName>,
}

impl Spec {
    /// Every pin of a placement or an override, for the sources of the bundles that it is for. Read
    /// them, and hand them to the next load in [`Trees::pins`].
    #[must_use]
    pub fn pins(&self) -> BTreeSet<PinName> {
        pins::pins(self)
    }

    /// The same, with every placement following the branch.
    #[must_use]
    pub fn unpinned(&self) -> Self {
        let mut spec = self.clone();
        for document in spec.placements.values_mut() {
            let placement = &document.spec;
            if placement.revision.is_some()
                || placement.overrides.iter().any(|o| o.revision.is_some())
            {
                let placement = Arc::make_mut(&mut document.spec);
                placement.revision = None;
                placement
                    .overrides
                    .iter_mut()
                    .for_each(|entry| entry.revision = None);
            }
        }
        spec
    }

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

    /// The same, with one source as another load found it: what each source was is found source by
    /// source, and loaded after as one.
    #[must_use]
    pub fn with_source(mut self, source: &SourceName, other: &Self) -> Self {
        keep::take_source(&mut self, source, other);
        self
    }

    /// The clusters that are not known and that broken documents may declare.
    #[must_use]
    pub fn lacking(&self) -> Lacking {
        let known =
            |name: &str| ClusterName::try_new(name).is_ok_and(|n| self.clusters.contains_key(&n));
        doubt::Doubts::of(&self.files).lacking(document::Kind::Cluster, known)
    }

    /// Where a pin stands, the first place of several.
    #[must_use]
    pub fn place_of_pin(&self, pin: &PinName) -> Option<&Place> {
        pins::place_of(self, pin)
    }

    /// Whether a cluster that is not declared may be so all the same, in what cannot be read.
    #[must_use]
    pub fn may_declare(&self, cluster: &ClusterName) -> bool {
        let free = |source: &SourceName| !self.restrictions.contains_key(source);
        let mut gaps = self.gaps.iter().filter(|(source, _)| free(source));
        gaps.any(|(_, gaps)| gaps.iter().any(|gap| gap.may_declare(cluster)))
    }

    /// The groups that sources declare: without those that keep restricted sources in their reach.
    pub fn declared_groups(&self) -> impl Iterator<Item = (&GroupName, &Document<Group>)> {
        let groups = self.groups.iter();
        groups.filter(|(name, _)| !reach::is_internal(self, name))
    }

    /// Whether every source that is configured was read at least once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.gaps.values().flatten().any(|gap| *gap == Gap::Unread)
    }
}

/// The bundles of a pinned revision.
#[derive(Clone, Debug, PartialEq)]
pub enum Pinned {
    /// It was read.
    Read {
        /// The commit.
        revision: Revision,
        /// The bundles that are good there.
        bundles: BTreeMap<BundleName, Document<Bundle>>,
    },
    /// It was not tried yet, or is not there: in words.
    Unknown(String),
}

/// Reads selection terms that stand elsewhere than in a fleet file, such as in the hub's
/// configuration. Names of groups are those of `source`.
#[must_use]
pub fn read_terms(
    source: &SourceName,
    path: &Arc<str>,
    list: &crate::yaml::Node,
    field: &str,
) -> (Vec<Term>, Vec<Problem>) {
    let mut reader = fields::Reader::new(source, path);
    check::check(&mut reader, list, field, &language::TERMS);
    let terms = decode::term_list(&mut reader, list.items());
    reader.end_document(reader.errors() == 0);
    (terms, reader.finish())
}

/// What a load gives: the declarations, and what is wrong with them.
pub type Loaded = (Spec, Vec<Problem>);

#[cfg(test)]
mod tests;
