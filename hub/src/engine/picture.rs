//! What readers see: everything that is known, at one moment, unchanging.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::desired::Desired;
use capstan_hub_core::placement::Decisions;
use capstan_hub_core::problem::Problem;
use capstan_hub_core::rollup::{Fleet, Trouble};
use capstan_hub_core::spec::Spec;
use capstan_proto::policy::Mode;
use capstan_proto::state::BundleState;
use capstan_proto::{BundleName, ClusterName, Moment, Revision, SourceName, Triple};

use crate::git::Commit;

/// The fleet at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Picture {
    /// Grows with every picture.
    pub(crate) number: u64,
    /// Since when the hub runs.
    pub(crate) started_at: Moment,
    /// Whether the hub has read Git.
    pub(crate) phase: Phase,
    /// What is declared; `None` before the first pass.
    pub(crate) spec: Option<Arc<Spec>>,
    /// What was decided.
    pub(crate) decisions: Arc<Decisions>,
    /// What every cluster should run.
    pub(crate) desired: Arc<Desired>,
    /// What is wrong with files and clusters.
    pub(crate) problems: Arc<Vec<Problem>>,
    /// What spokes say is wrong, the worst first.
    pub(crate) troubles: Vec<Trouble>,
    /// The words for all of it.
    pub(crate) fleet: Fleet,
    /// The Git sources, in the order of the configuration.
    pub(crate) sources: Vec<SourceView>,
    /// What else is known of clusters.
    pub(crate) clusters: BTreeMap<ClusterName, ClusterView>,
    /// Why the hub does not write any more; `None` while it does.
    pub(crate) broken: Option<String>,
}

/// How far the hub is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Git was not read yet: there is no opinion.
    #[default]
    Starting,
    /// Clusters hold what this ledger does not know of.
    Recovering(usize),
    /// All is known.
    Serving,
}

/// One Git source.
#[derive(Clone, Debug)]
pub(crate) struct SourceView {
    /// Its name.
    pub(crate) name: SourceName,
    /// Its URL, without secrets.
    pub(crate) url: String,
    /// The branch.
    pub(crate) branch: String,
    /// What is in force; `None` before Git was read.
    pub(crate) commit: Option<Commit>,
    /// When it last answered.
    pub(crate) polled_at: Option<Moment>,
    /// Since when it fails, and why.
    pub(crate) failing: Option<(Moment, String)>,
    /// Since when its head does not contain the commit in force, and which head that is.
    pub(crate) rewritten: Option<(Moment, Revision)>,
}

impl SourceView {
    /// What is said of a head that does not contain the commit in force.
    pub(crate) fn rewrite(&self, head: &Revision, in_force: &Revision) -> String {
        let (branch, head, in_force) = (&self.branch, head.short(), in_force.short());
        format!(
            "branch {branch} was rewritten: {head} does not contain {in_force}, which is in force"
        )
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        if self.rewritten.is_none() {
            return String::new();
        }
        format!(
            "restore the branch, or accept the new history with `hub refresh {} --accept-rewrite --reason ...`",
            self.name
        )
    }
}

/// What else is known of a cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClusterView {
    /// What it says of itself.
    pub(crate) facts: Arc<BTreeMap<String, String>>,
    /// Whether it said that since the hub started.
    pub(crate) facts_said: bool,
    /// Its bundles' states.
    pub(crate) states: Arc<BTreeMap<BundleName, BundleState>>,
    /// What it should hold.
    pub(crate) wanted: Option<Triple>,
    /// What it holds.
    pub(crate) held: Option<Triple>,
    /// The mode in that, where it is on record: what its spoke keeps to.
    pub(crate) mode: Option<Mode>,
    /// When its certificate ends.
    pub(crate) certificate_expires_at: Option<Moment>,
    /// Why its connection is as it is, where the word alone does not say it.
    pub(crate) reason: String,
    /// What its session says.
    pub(crate) session: capstan_hub_core::session::Status,
}
