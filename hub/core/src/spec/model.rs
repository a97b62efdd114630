//! What documents declare: the types of the fleet-file language.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use capstan_proto::ids::NameError;
use capstan_proto::policy::{Adopt, DriftPolicy, HealthCheck, OnConflict, RemovalPolicy};
use capstan_proto::{BundleName, ClusterName, Revision, SourceName};

use crate::problem::Place;
use crate::selector::{Expression, Term};
use crate::template::Scalar;
use crate::yaml::Node;

macro_rules! scoped {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name {
            source: SourceName,
            name: ClusterName,
        }

        impl $name {
            /// What `source` declares under `name`.
            ///
            /// # Errors
            /// When `name` is not a DNS-1123 label.
            pub fn try_new(
                source: SourceName,
                name: impl Into<String>,
            ) -> Result<Self, NameError> {
                let name = ClusterName::try_new(name)?;
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
                self.name.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}.{}", self.source, self.name)
            }
        }
    };
}

scoped!(
    /// A group, by the source that declares it.
    GroupName
);
scoped!(
    /// A ClusterTemplate, by the source that declares it.
    TemplateName
);

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

/// A name in a document that refers to another document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<N> {
    /// Where it stands.
    pub at: Place,
    /// What it names.
    pub name: N,
}

// === clusters ===

/// What a taint does to placements that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Clusters that they do not have yet are kept out.
    NoSchedule,
    /// They lose the cluster.
    NoExecute,
}

impl Effect {
    /// The word as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

/// A mark of a cluster that keeps placements out which do not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    /// Where it stands.
    pub at: Place,
    /// Its key.
    pub key: String,
    /// Its value; absent is empty.
    pub value: String,
    /// What it does.
    pub effect: Effect,
}

/// What a spoke does with what it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It applies and heals.
    #[default]
    Enforce,
    /// It applies nothing, and reports what it would do.
    Observe,
    /// It changes nothing and reports drift.
    Paused,
    /// It leaves every object in place and takes our marks off.
    Release,
}

impl Mode {
    /// The word as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "Enforce",
            Self::Observe => "Observe",
            Self::Paused => "Paused",
            Self::Release => "Release",
        }
    }
}

/// `spec` of a ClusterTemplate. Its labels are the document's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Variables of every cluster that names it.
    pub variables: Variables,
    /// Taints of every cluster that names it.
    pub taints: Vec<Taint>,
}

/// `spec` of a Cluster. Its own labels are the document's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Templates, in order: later ones win, and the cluster's own fields last.
    pub templates: Vec<Reference<TemplateName>>,
    /// Its own variables.
    pub variables: Variables,
    /// Its own taints.
    pub taints: Vec<Taint>,
    /// What its spoke does.
    pub mode: Mode,
    /// The name it had before: its identity moves along.
    pub renamed_from: Option<Reference<ClusterName>>,
}

/// Which document gave a label, a variable or a taint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The Cluster itself.
    Own,
    /// A ClusterTemplate.
    Template(TemplateName),
}

/// A declared cluster with its templates merged in: what placement and substitution see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where the Cluster document begins.
    pub at: Place,
    /// Labels of the templates, in order, then its own.
    pub labels: BTreeMap<String, String>,
    /// Which document gave each label.
    pub label_layers: BTreeMap<String, Layer>,
    /// Variables of the templates, in order, then its own.
    pub variables: Variables,
    /// Which document gave each variable.
    pub variable_layers: BTreeMap<String, Layer>,
    /// Taints of the templates, in order, then its own; of equal key and effect the last counts.
    pub taints: Vec<(Taint, Layer)>,
    /// What its spoke does.
    pub mode: Mode,
    /// The name it had before.
    pub renamed_from: Option<ClusterName>,
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
    /// Every term in it.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        self.clusters.iter().chain(&self.except)
    }

    /// The groups that it names.
    pub fn references(&self) -> impl Iterator<Item = &Reference<GroupName>> {
        self.terms().flat_map(|term| &term.groups)
    }
}

// === bundles ===

/// A text of a fleet document in which `${...}` is substituted for each cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it stands.
    pub at: Place,
    /// The text as it is written; it parses as a template.
    pub raw: String,
}

/// `spec` of a Bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Directory relative to the source's path, without `/` at the end; empty for the root. May use
    /// variables. Absent with `helm.chart`.
    pub path: String,
    /// Where the path is declared.
    pub path_at: Place,
    /// How a chart is rendered. Carried; this version has no renderer for charts.
    pub helm: Option<Helm>,
    /// Namespace for namespaced objects that name none. May use variables.
    pub default_namespace: Option<String>,
    /// Whether the default namespace is made.
    pub create_namespace: bool,
    /// Whether `${...}` in file contents is substituted.
    pub substitute: bool,
    /// Defaults of variables.
    pub variables: Variables,
    /// Overrides, in order; all that match apply, before the placement's.
    pub overrides: Vec<Override>,
    /// Patches for every cluster, before those of overrides.
    pub patches: Vec<Patch>,
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
    /// `health.checks`.
    pub health_checks: Vec<HealthCheck>,
}

impl Bundle {
    /// The directory that its content is below: what of `path` is the same on every cluster.
    /// `None` where a chart of elsewhere stands instead.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        let elsewhere = self.helm.as_ref().is_some_and(|helm| helm.chart.is_some());
        if elsewhere {
            return None;
        }
        Some(match self.path.find("${") {
            None => &self.path,
            Some(at) => self.path[..at]
                .rsplit_once('/')
                .map_or("", |(above, _)| above),
        })
    }

    /// Every term in it.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let overrides = self.overrides.iter().filter_map(|o| o.clusters.as_ref());
        overrides.flatten()
    }

    /// The groups that it names.
    pub fn references(&self) -> impl Iterator<Item = &Reference<GroupName>> {
        self.terms().flat_map(|term| &term.groups)
    }
}

/// `spec.helm` of a Bundle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Helm {
    /// A chart that is not in the tree.
    pub chart: Option<Chart>,
    /// Name of the release; absent: the bundle's.
    pub release_name: Option<Text>,
    /// Files with values, in order.
    pub values_files: Vec<ValuesFile>,
    /// Values, after those of the files.
    pub values: Option<Node>,
}

/// Where a chart is that is not in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chart {
    /// In an OCI registry.
    Oci {
        /// Registry and repository, without a scheme.
        reference: Text,
        /// The version.
        version: Text,
        /// The digest it must have.
        digest: Option<Text>,
    },
    /// In a chart repository.
    Repository {
        /// Its address.
        url: Text,
        /// The chart's name.
        name: Text,
        /// The version.
        version: Text,
        /// The digest it must have.
        digest: Option<Text>,
    },
}

/// One of `helm.valuesFiles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesFile {
    /// Path relative to the bundle's directory. May use variables.
    pub path: Text,
    /// Whether it may be absent.
    pub optional: bool,
}

/// Which objects a patch is for. What is absent matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// API group; empty text is the core group.
    pub group: Option<String>,
    /// API version.
    pub version: Option<String>,
    /// Kind.
    pub kind: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Namespace, as it is after `defaultNamespace`.
    pub namespace: Option<String>,
    /// Labels: all of these, and all of the expressions.
    pub labels: Option<LabelSelector>,
}

/// A label selector as Kubernetes has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    pub match_labels: BTreeMap<String, String>,
    /// Conditions on labels, all of which must hold.
    pub match_expressions: Vec<Expression>,
}

/// A change to rendered objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Where it stands.
    pub at: Place,
    /// Which objects.
    pub target: Target,
    /// The change; texts in it may use variables.
    pub change: Change,
}

impl Patch {
    /// The last line on which something of it stands that a problem may be told of.
    #[must_use]
    pub fn last_line(&self) -> u32 {
        let line = match &self.change {
            Change::Merge(node) => node.last_line(),
            Change::Json(operations) => {
                let lines = operations.iter().map(Operation::last_line);
                lines.max().unwrap_or_default()
            }
        };
        line.max(self.at.line)
    }
}

/// How a patch changes an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Strategic merge by list key for known kinds, else JSON merge (RFC 7386).
    Merge(Arc<Node>),
    /// JSON patch (RFC 6902).
    Json(Vec<Operation>),
}

/// One operation of a JSON patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Where it stands.
    pub at: Place,
    /// What it does.
    pub verb: Verb,
    /// Where in the object, as a JSON pointer (RFC 6901).
    pub path: String,
}

impl Operation {
    fn last_line(&self) -> u32 {
        let line = match &self.verb {
            Verb::Add(node) | Verb::Replace(node) | Verb::Test(node) => node.last_line(),
            Verb::Remove | Verb::Move(_) | Verb::Copy(_) => 0,
        };
        line.max(self.at.line)
    }
}

/// What an operation of a JSON patch does.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Adds a value.
    Add(Arc<Node>),
    /// Removes what is there.
    Remove,
    /// Replaces what is there.
    Replace(Arc<Node>),
    /// Moves what is at this pointer.
    Move(String),
    /// Copies what is at this pointer.
    Copy(String),
    /// Refuses everything unless this is there.
    Test(Arc<Node>),
}

// === placements ===

/// A tag or commit at which Bundle documents and their content are read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// Where it stands.
    pub at: Place,
    /// Its text.
    pub text: String,
}

/// One entry of `overrides`, of a placement or a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Where it stands.
    pub at: Place,
    /// Terms that a cluster must match; `None` matches every cluster.
    pub clusters: Option<Vec<Term>>,
    /// Bundles it is for; `None` is every bundle of the placement. Always `None` on a bundle.
    pub bundles: Option<BTreeSet<BundleName>>,
    /// The revision to read instead; only on a placement.
    pub revision: Option<Pin>,
    /// The values that override.
    pub variables: Variables,
    /// `helm.values` that override.
    pub helm_values: Option<Node>,
    /// Patches, after those before.
    pub patches: Vec<Patch>,
}

/// What a placement tolerates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toleration {
    /// Where it stands.
    pub at: Place,
    /// The taint's key; `None` (only with `Exists`) is every taint.
    pub key: Option<String>,
    /// The taint's value with `Equal`; `None` with `Exists`.
    pub value: Option<String>,
    /// Only this effect; `None` tolerates both.
    pub effect: Option<Effect>,
}

/// How many clusters a placement wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Clusters(u32),
    /// So many percent of the eligible ones, rounded up; 0-100.
    Percent(u32),
}

/// One entry of `prefer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// Where it stands.
    pub at: Place,
    /// What a match adds to the score; may be negative.
    pub weight: i64,
    /// What must match; `None` matches every cluster.
    pub term: Option<Term>,
}

/// What happens when a spread constraint cannot be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsatisfiable {
    /// Fewer clusters are selected.
    #[default]
    DoNotSelect,
    /// It is ignored for that one pick.
    SelectAnyway,
}

/// One entry of `spread`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Where it stands.
    pub at: Place,
    /// The label whose values are the domains.
    pub by: String,
    /// How far domains may be apart; at least 1.
    pub max_skew: u32,
    /// What happens when that cannot be held.
    pub when_unsatisfiable: Unsatisfiable,
}

/// `safety` of a placement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// Where it stands.
    pub at: Place,
    /// Share of its clusters that it may lose within the window, in percent.
    pub max_removed_clusters_percent: u32,
}

/// `spec` of a Placement.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The higher one owns a bundle that two placements place on one cluster.
    pub priority: i64,
    /// What is placed.
    pub bundles: Vec<Reference<BundleName>>,
    /// Where: any of these terms...
    pub clusters: Vec<Term>,
    /// ... and none of these.
    pub except: Vec<Term>,
    /// The revision that Bundle documents and content are read at; `None`: the branch.
    pub revision: Option<Pin>,
    /// Whether nothing of this placement changes anywhere.
    pub suspend: bool,
    /// Which taints do not keep it out.
    pub tolerations: Vec<Toleration>,
    /// How many; `None`: every eligible cluster.
    pub count: Option<Count>,
    /// Which ones rather; only with `count`.
    pub prefer: Vec<Preference>,
    /// How evenly; only with `count`.
    pub spread: Vec<Spread>,
    /// Its own removal budget, where the hub allows one.
    pub safety: Option<Safety>,
    /// Overrides, in order; all that match apply.
    pub overrides: Vec<Override>,
}

impl Placement {
    /// The groups that it names.
    pub fn references(&self) -> impl Iterator<Item = &Reference<GroupName>> {
        self.terms().flat_map(|term| &term.groups)
    }

    /// Every pin in it, with the bundles that it is for.
    pub fn pins(&self) -> impl Iterator<Item = (&Pin, Vec<&BundleName>)> {
        let all = || self.bundles.iter().map(|r| &r.name).collect();
        let own = self.revision.iter().map(move |pin| (pin, all()));
        let overrides = self.overrides.iter().filter_map(move |entry| {
            let named = entry.bundles.as_ref().map(|names| names.iter().collect());
            Some((entry.revision.as_ref()?, named.unwrap_or_else(all)))
        });
        own.chain(overrides)
    }

    /// Every term in it.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let overrides = self.overrides.iter().filter_map(|o| o.clusters.as_ref());
        let prefer = self.prefer.iter().filter_map(|p| p.term.as_ref());
        self.clusters
            .iter()
            .chain(&self.except)
            .chain(prefer)
            .chain(overrides.flatten())
    }
}
