//! One change of what is declared, or of what a cluster says of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName};

use super::super::why::{toleration, words};
use crate::inventory::{Facts, Inventory};
use crate::problem::Place;
use crate::selector::{Pattern, Term};
use crate::spec::{Count, GroupName, Placement, Spec, Spread, Taint, Toleration, Unsatisfiable};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The cluster has this label, or does not have it.
    Label {
        /// The label's key.
        key: String,
        /// Its value; `None`: the cluster does not have it.
        value: Option<String>,
    },
    /// The cluster reports this fact, or does not report it.
    Fact {
        /// The fact's key.
        key: String,
        /// What it reports; `None`: nothing.
        value: Option<String>,
    },
    /// A group has the cluster, by its name.
    Join {
        /// The group.
        group: GroupName,
    },
    /// The placement has a term with the cluster's name.
    Name,
    /// The placement does not have this exception.
    Unexcept {
        /// Where it stands.
        at: Place,
    },
    /// The placement tolerates a taint.
    Tolerate {
        /// The taint.
        taint: Taint,
    },
    /// The cluster does not have a taint.
    Untaint {
        /// The taint.
        taint: Taint,
    },
    /// The placement wants so many clusters.
    Count {
        /// How many.
        count: u32,
    },
    /// A spread constraint allows more.
    Skew {
        /// Where it stands.
        at: Place,
        /// Its label.
        by: String,
        /// How much.
        max_skew: u32,
    },
    /// A spread constraint gives way.
    Relax {
        /// Where it stands.
        at: Place,
    },
    /// The placement is not suspended.
    Resume,
}

impl Change {
    /// Whether it is about the placement alone.
    pub(super) const fn is_of_placement(&self) -> bool {
        !matches!(
            self,
            Self::Label { .. } | Self::Fact { .. } | Self::Join { .. } | Self::Untaint { .. }
        )
    }

    /// Whether an earlier change says nothing any more beside this one.
    pub(super) fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Count { .. }, Self::Count { .. }) => true,
            (Self::Skew { at, .. }, Self::Skew { at: of, .. })
            | (Self::Relax { at }, Self::Skew { at: of, .. }) => at == of,
            _ => false,
        }
    }

    /// Changes a placement, as far as it is about that.
    pub(super) fn of_placement(
        &self,
        placement: &mut Placement,
        cluster: &ClusterName,
        at: &Place,
    ) {
        let spread = |of: &Place, change: &dyn Fn(&mut Spread), all: &mut Vec<Spread>| {
            all.iter_mut().filter(|s| s.at == *of).for_each(change);
        };
        match self {
            Self::Name => placement.clusters.push(named(cluster, at)),
            Self::Unexcept { at } => placement.except.retain(|term| term.at != *at),
            Self::Tolerate { taint } => placement.tolerations.push(Toleration {
                at: at.clone(),
                key: Some(taint.key.clone()),
                value: Some(taint.value.clone()),
                effect: Some(taint.effect),
            }),
            Self::Count { count } => placement.count = Some(Count::Clusters(*count)),
            Self::Skew { at, max_skew, .. } => {
                spread(at, &|s| s.max_skew = *max_skew, &mut placement.spread);
            }
            Self::Relax { at } => {
                let relax = |s: &mut Spread| s.when_unsatisfiable = Unsatisfiable::SelectAnyway;
                spread(at, &relax, &mut placement.spread);
            }
            Self::Resume => placement.suspend = false,
            Self::Label { .. } | Self::Fact { .. } | Self::Join { .. } | Self::Untaint { .. } => {}
        }
    }

    /// Changes what a cluster is and says, as far as it is about that.
    pub(super) fn of_cluster(
        &self,
        spec: &mut Spec,
        inventory: &mut Inventory,
        cluster: &ClusterName,
    ) {
        match self {
            Self::Label { key, value } => {
                if let Some(member) = spec.members.get_mut(cluster) {
                    set(&mut Arc::make_mut(member).labels, key, value.as_ref());
                }
            }
            Self::Fact { key, value } => {
                let mut facts = match inventory.facts(cluster) {
                    Facts::Reported(facts) => BTreeMap::clone(facts),
                    Facts::Never | Facts::Unknown => BTreeMap::new(),
                };
                set(&mut facts, key, value.as_ref());
                let facts = Facts::Reported(Arc::new(facts));
                inventory.facts.insert(cluster.clone(), facts);
            }
            Self::Join { group } => {
                if let Some(document) = spec.groups.get_mut(group) {
                    let term = named(cluster, &document.at);
                    document.spec.clusters.push(term);
                }
            }
            Self::Untaint { taint } => {
                if let Some(member) = spec.members.get_mut(cluster) {
                    let taints = &mut Arc::make_mut(member).taints;
                    taints
                        .retain(|(have, _)| (&have.key, have.effect) != (&taint.key, taint.effect));
                }
            }
            _ => {}
        }
    }

    /// Changes everything that it is about.
    pub fn apply(
        &self,
        (spec, inventory): (&mut Spec, &mut Inventory),
        placement: &PlacementName,
        cluster: &ClusterName,
    ) {
        self.of_cluster(spec, inventory, cluster);
        if let Some(document) = spec.placements.get_mut(placement) {
            let at = document.at.clone();
            self.of_placement(Arc::make_mut(&mut document.spec), cluster, &at);
        }
    }

    /// What is to be done, in the imperative.
    pub(super) fn words(&self, placement: &PlacementName, cluster: &ClusterName) -> String {
        let placement = placement.name();
        match self {
            Self::Label { key, value } => match value {
                Some(value) => format!("give {cluster} the label `{key}: {}`", scalar(value)),
                None => format!("take the label `{key}` off {cluster}"),
            },
            Self::Fact { key, value } => match value {
                Some(value) => format!("have {cluster} report the fact `{key}: {}`", scalar(value)),
                None => format!("have {cluster} report its facts without `{key}`"),
            },
            Self::Join { group } => {
                let group = group.name();
                format!("add `{{names: [{cluster}]}}` to `clusters` of group {group}")
            }
            Self::Name => {
                format!("add `{{names: [{cluster}]}}` to `clusters` of {placement}")
            }
            Self::Unexcept { at } => format!("take the exception at {at} out"),
            Self::Tolerate { taint } => {
                let toleration = toleration(taint);
                format!("add `{toleration}` to `tolerations` of {placement}")
            }
            Self::Untaint { taint } => {
                format!("take the taint {} off {cluster}", words(taint))
            }
            Self::Count { count } => format!("set `count: {count}` in {placement}"),
            Self::Skew { at, by, max_skew } => {
                format!("set `maxSkew: {max_skew}` of the spread by {by} at {at}")
            }
            Self::Relax { at } => {
                format!("set `whenUnsatisfiable: SelectAnyway` of the spread at {at}")
            }
            Self::Resume => format!("take `suspend: true` out of {placement}"),
        }
    }
}

fn set(map: &mut BTreeMap<String, String>, key: &str, value: Option<&String>) {
    match value {
        Some(value) => map.insert(key.to_owned(), value.clone()),
        None => map.remove(key),
    };
}

/// A text as YAML, quoted where it would be something else without.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    match plain {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

/// The term that only one cluster matches.
fn named(cluster: &ClusterName, at: &Place) -> Term {
    Term {
        at: at.clone(),
        match_labels: BTreeMap::new(),
        match_expressions: Vec::new(),
        names: vec![Pattern {
            at: at.clone(),
            text: cluster.to_string(),
        }],
        groups: Vec::new(),
        facts: Vec::new(),
        cel: None,
        labels_at: Vec::new(),
    }
}
