//! Which clusters are members of which groups; a group may name groups.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

use super::{Candidate, Term, Truth, any, truth};
use crate::spec::{Document, Group, GroupName};

/// The members of every group.
pub type Membership = BTreeMap<GroupName, Members>;

/// The members of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Clusters that are members.
    pub yes: BTreeSet<ClusterName>,
    /// Clusters of which it hangs on facts that are not known.
    pub unknown: BTreeSet<ClusterName>,
    /// Of those in `yes`: the group that brought them, where one did ([`through`]). For words only.
    pub through: BTreeMap<ClusterName, GroupName>,
}

impl Members {
    /// Whether a cluster is a member.
    #[must_use]
    pub fn truth(&self, cluster: &ClusterName) -> Truth {
        if self.yes.contains(cluster) {
            Truth::Yes
        } else if self.unknown.contains(cluster) {
            Truth::Unknown
        } else {
            Truth::No
        }
    }
}

/// The group through which the first of `terms` that matches a cluster matches it: the first group
/// of that term which has the cluster. `None` where that term names no group, or none matches.
#[must_use]
pub fn through<'a>(
    terms: &'a [Term],
    candidate: Candidate<'_>,
    group: &dyn Fn(&GroupName) -> Truth,
) -> Option<&'a GroupName> {
    let matching = terms
        .iter()
        .find(|term| truth(term, candidate, group) == Truth::Yes)?;
    let mut names = matching.groups.iter().map(|reference| &reference.name);
    names.find(|name| group(name) == Truth::Yes)
}

/// The members of every group. Groups in a circle have no members here, and documents that name
/// one are refused before.
#[must_use]
pub fn membership<'a>(
    groups: &BTreeMap<GroupName, Document<Group>>,
    candidates: impl Iterator<Item = Candidate<'a>> + Clone,
) -> Membership {
    let mut known = Membership::new();
    let mut left: BTreeSet<&GroupName> = groups.keys().collect();
    while !left.is_empty() {
        let ready = |name: &&GroupName| {
            let mut references = groups[*name].spec.references();
            references.all(|r| !left.contains(&r.name))
        };
        let ready: Vec<&GroupName> = left.iter().copied().filter(ready).collect();
        if ready.is_empty() {
            break;
        }
        for name in ready {
            let of = members(&groups[name].spec, candidates.clone(), &known);
            known.insert(name.clone(), of);
            left.remove(name);
        }
    }
    known
}

fn members<'a>(
    group: &Group,
    candidates: impl Iterator<Item = Candidate<'a>>,
    known: &Membership,
) -> Members {
    let mut members = Members::default();
    for candidate in candidates {
        let inside = |name: &GroupName| is_member(known, name, candidate.name);
        let wanted = any(&group.clusters, candidate, &inside);
        match wanted.and(!any(&group.except, candidate, &inside)) {
            Truth::No => {}
            Truth::Unknown => {
                members.unknown.insert(candidate.name.clone());
            }
            Truth::Yes => {
                if let Some(by) = through(&group.clusters, candidate, &inside) {
                    members.through.insert(candidate.name.clone(), by.clone());
                }
                members.yes.insert(candidate.name.clone());
            }
        }
    }
    members
}

/// Whether a cluster is a member of a group. Of a group that is not known nobody can say.
pub(super) fn is_member(groups: &Membership, group: &GroupName, cluster: &ClusterName) -> Truth {
    groups
        .get(group)
        .map_or(Truth::Unknown, |members| members.truth(cluster))
}
