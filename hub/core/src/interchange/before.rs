//! What clusters had before, as far as an inventory tells it: what is declared now, on the clusters
//! that placements selected last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName};

use crate::selector::{Pattern, Term};
use crate::spec::{Placement, Spec, Toleration};

/// The same declarations, in which every placement selects exactly the clusters that it selected
/// last; one that is not listed had none. What it would have given them is what they had.
#[must_use]
pub fn as_selected(spec: &Spec, previous: &BTreeMap<PlacementName, BTreeSet<ClusterName>>) -> Spec {
    let mut spec = spec.clone();
    let nothing = BTreeSet::new();
    for (name, document) in &mut spec.placements {
        let clusters = previous.get(name).unwrap_or(&nothing);
        let placement = Arc::make_mut(&mut document.spec);
        select(placement, document.at.clone(), clusters);
    }
    spec
}

fn select(placement: &mut Placement, at: crate::problem::Place, clusters: &BTreeSet<ClusterName>) {
    let name = |cluster: &ClusterName| Pattern {
        at: at.clone(),
        text: cluster.to_string(),
    };
    let named = Term {
        at: at.clone(),
        match_labels: BTreeMap::new(),
        match_expressions: Vec::new(),
        names: clusters.iter().map(name).collect(),
        groups: Vec::new(),
        facts: Vec::new(),
        cel: None,
        labels_at: Vec::new(),
    };
    placement.clusters = match clusters.is_empty() {
        true => Vec::new(),
        false => vec![named],
    };
    placement.except.clear();
    placement.count = None;
    placement.prefer.clear();
    placement.spread.clear();
    placement.tolerations = vec![Toleration {
        at,
        key: None,
        value: None,
        effect: None,
    }];
}
