//! Which clusters a restricted source may use, put into what it declares.
//!
//! Every placement of such a source excepts a group that no source can declare: the clusters out of
//! its reach. So whatever decides or explains keeps to it, and says so in the words of any exception.
//!
//! A restriction may name a group that is not known: its source is unread, or the group is broken and
//! no good version of it is known. Then nobody can say who is in it, and so who is out of reach: what
//! the source has on such a cluster stays, and nothing new of it comes there.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::SourceName;

use super::{Document, Group, GroupName, Placement, Reference, Restriction, Spec};
use crate::problem::Place;
use crate::selector::Term;

/// The name of that group. A document of this name is never seen: this group takes its place.
const OUT_OF_REACH: &str = "out-of-reach";

/// The group of the clusters that a source may not use.
pub(crate) fn out_of_reach(source: &SourceName) -> Option<GroupName> {
    GroupName::try_new(source.clone(), OUT_OF_REACH).ok()
}

/// Whether a group of a spec is of those that keep restricted sources in their reach.
pub(super) fn is_internal(spec: &Spec, name: &GroupName) -> bool {
    name.name() == OUT_OF_REACH && spec.restrictions.contains_key(name.source())
}

/// Takes what [`settle`] added to a placement of a source out again: what a restriction was is no
/// part of what is kept.
pub(super) fn release(placement: &mut Arc<Placement>, source: &SourceName) {
    let Some(name) = out_of_reach(source) else {
        return;
    };
    let added = |term: &Term| term.groups.iter().any(|group| group.name == name);
    if placement.except.iter().any(added) {
        Arc::make_mut(placement).except.retain(|term| !added(term));
    }
}

/// Keeps every restricted source to the clusters that it may use.
pub(super) fn settle(spec: &mut Spec, previous: Option<&Spec>) {
    let restrictions = spec.restrictions.clone();
    for (source, restriction) in &restrictions {
        let Some(name) = out_of_reach(source) else {
            continue;
        };
        let at = place(source, restriction);
        let group = group(spec, source, restriction, &at);
        spec.groups.insert(name.clone(), group);
        let placements = spec.placements.iter_mut();
        for (placement, document) in placements.filter(|(name, _)| name.source() == source) {
            release(&mut document.spec, source);
            Arc::make_mut(&mut document.spec).except.push(Term {
                groups: vec![Reference {
                    at: at.clone(),
                    name: name.clone(),
                }],
                ..everything(&at)
            });
            let before = previous.and_then(|previous| previous.placements.get(placement));
            if let Some(before) = before.filter(|before| before.spec == document.spec) {
                document.spec = Arc::clone(&before.spec);
            }
        }
    }
}

fn group(
    spec: &Spec,
    source: &SourceName,
    restriction: &Restriction,
    at: &Place,
) -> Document<Group> {
    Document {
        at: at.clone(),
        revision: spec.revisions.get(source).cloned().unwrap_or_else(|| {
            capstan_proto::Revision::try_new("0".repeat(40)).expect("40 digits are a revision")
        }),
        kept: false,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        spec: Group {
            clusters: vec![everything(at)],
            except: restriction.clusters.clone(),
        },
    }
}

/// Where the restriction stands.
fn place(source: &SourceName, restriction: &Restriction) -> Place {
    let first = restriction.clusters.first().map(|term| term.at.clone());
    first.unwrap_or_else(|| Place {
        source: source.clone(),
        path: "hub.yaml".into(),
        line: 1,
        column: 1,
    })
}

/// The term that every cluster matches.
fn everything(at: &Place) -> Term {
    Term {
        at: at.clone(),
        match_labels: BTreeMap::new(),
        match_expressions: Vec::new(),
        names: Vec::new(),
        groups: Vec::new(),
        facts: Vec::new(),
        cel: None,
        labels_at: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
