//! What the hub knows of clusters from elsewhere than Git.

use std::collections::BTreeSet;

use capstan_proto::ClusterName;

/// What is known of the fleet's clusters besides their documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Clusters that enrolled and were not forgotten, whether they are declared or not.
    pub enrolled: BTreeSet<ClusterName>,
}
