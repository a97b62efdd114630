//! What the hub knows of clusters from elsewhere than Git.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::ClusterName;

/// What is known of the fleet's clusters besides their documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Clusters that enrolled and were not forgotten, whether they are declared or not.
    pub enrolled: BTreeSet<ClusterName>,
    /// What clusters say of themselves; one that is not listed never said anything.
    pub facts: BTreeMap<ClusterName, Facts>,
}

impl Inventory {
    /// What a cluster says of itself.
    #[must_use]
    pub fn facts(&self, cluster: &ClusterName) -> &Facts {
        static NOTHING: Facts = Facts::Never;
        self.facts.get(cluster).unwrap_or(&NOTHING)
    }

    /// The same of a cluster under another name.
    pub fn rename(&mut self, former: &ClusterName, name: &ClusterName) {
        if self.enrolled.remove(former) {
            self.enrolled.insert(name.clone());
        }
        if let Some(facts) = self.facts.remove(former) {
            self.facts.insert(name.clone(), facts);
        }
    }
}

/// What a cluster says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Facts {
    /// It never said anything: every fact is missing.
    #[default]
    Never,
    /// It has reported before, and not since the hub started: every fact is unknown.
    Unknown,
    /// This.
    Reported(Arc<BTreeMap<String, String>>),
}
