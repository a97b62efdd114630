//! What a bundle's directory says: parsed once, instantiated per inputs, patched, digested.
//!
//! `render` is the whole way for a fleet and remembers what it did: a directory that did not
//! change is not parsed again, and clusters whose inputs are equal share one result. Of variables
//! only those count that the content, the patches or the path use. Deliberately absent: Kustomize
//! and Helm.

mod directory;
mod fold;
mod instantiate;
mod job;
mod near;
mod odd;
mod parse;
mod patch;
mod refuse;
mod render;
mod restrict;
mod scope;
mod size;
mod substitute;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Digest, ObjectKey};

pub use instantiate::BUNDLE_LABEL;
pub(crate) use instantiate::carried;
pub use render::render;
pub use scope::{Scope, Scopes};

use crate::problem::Problem;
use crate::yaml::Node;

/// One manifest as its file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The document, with a place for every value.
    pub node: Node,
    /// The place of the document.
    pub at: crate::problem::Place,
}

/// A bundle's directory, parsed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Every manifest, in the order of paths and documents, lists expanded.
    pub manifests: Vec<Manifest>,
    /// What does not parse. With one error nothing of the content is used.
    pub problems: Vec<Problem>,
    /// The names that its texts use as variables: with `substitute`, only a change of their values
    /// changes what comes of it.
    pub uses: BTreeSet<String>,
}

impl Content {
    /// Whether a definition may be missing from it although nobody removed it.
    fn is_in_doubt(&self) -> bool {
        !self.problems.is_empty()
    }
}

/// A bundle for certain inputs: what a spoke gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// The digest of every object.
    pub objects: BTreeMap<ObjectKey, Digest>,
    /// Canonical bytes by digest.
    pub bytes: BTreeMap<Digest, Arc<[u8]>>,
    /// Where each object is declared. Instances of one directory mostly share this.
    pub places: Arc<Places>,
    /// Digest of the bundle's policy, whose bytes are in `bytes`.
    pub policy: Option<Digest>,
    /// What its patches do that is seldom meant.
    odd: Vec<patch::Odd>,
}

/// Where objects are declared.
pub type Places = BTreeMap<ObjectKey, crate::problem::Place>;

/// Why a bundle has no instance for certain inputs.
pub type Failure = Arc<[Problem]>;

/// What is rendered for one cluster. Clusters share the names.
pub(crate) type Bundles = BTreeMap<Arc<BundleName>, Result<Arc<Instance>, Failure>>;

/// Every placed bundle's content for every cluster.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    pub(crate) clusters: BTreeMap<ClusterName, Bundles>,
    directories: BTreeMap<directory::Name, directory::Directory>,
    instances: BTreeMap<Digest, Arc<Instance>>,
    scopes: Arc<Scopes>,
    problems: BTreeSet<Problem>,
    work: Work,
}

/// What a render had to do; counted so that tests can say that nothing was done twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Directories parsed.
    pub parsed: usize,
    /// Instances made.
    pub instantiated: usize,
}

impl Rendered {
    /// What to render after when nothing was rendered yet: objects that were given to clusters tell
    /// the scope of kinds whose definitions cannot be read now.
    pub fn after<'a>(given: impl Iterator<Item = &'a ObjectKey>) -> Self {
        Self {
            scopes: Arc::new(Scopes::of_objects(given)),
            ..Self::default()
        }
    }

    /// A bundle's instance on a cluster, or why there is none; `None` when it is not placed there
    /// or not declared.
    #[must_use]
    pub fn get(
        &self,
        cluster: &ClusterName,
        bundle: &BundleName,
    ) -> Option<&Result<Arc<Instance>, Failure>> {
        self.clusters.get(cluster)?.get(bundle)
    }

    /// Every instance that some cluster has, once.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.instances.values()
    }

    /// Everything found in contents, sorted.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// What this render had to do.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }
}

/// A problem of a text in a fleet document that has no value.
pub(crate) fn no_value(
    at: &crate::problem::Place,
    error: &crate::template::VariableError,
) -> Problem {
    substitute::problem(at, error)
}

#[cfg(test)]
mod tests;
