//! References between documents: unknown, hidden and circular ones.
//!
//! A document that names what it cannot is replaced by its last good version, or dropped. What was
//! removed from Git and is still named by a document that stood before stays.

mod broken;
mod bundles;
mod circle;
mod clusters;
mod groups;
mod names;
mod placements;

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::ClusterName;

use super::document::Kind;
use super::doubt::Doubts;
use super::{Document, Gap, GroupName, MayBe, Reference, Spec, Trees, keep};
use crate::problem::{Place, Problem};
use broken::Broken;
pub(super) use bundles::directories;
pub(super) use circle::{circles, told as circle_told};
pub(super) use names::{Names, near_hint};

/// Settles every reference of a spec.
pub(super) fn settle(
    spec: &mut Spec,
    previous: Option<&Spec>,
    trees: &Trees,
    doubts: &mut Doubts,
) -> Vec<Problem> {
    let mut linker = Linker {
        names: Names::new(trees),
        spec,
        previous,
        doubts,
        problems: Vec::new(),
        named_before: groups::named_before(previous),
        naming: BTreeMap::new(),
        revived: BTreeSet::new(),
        tried: BTreeSet::new(),
        dropped: BTreeSet::new(),
        broken: Broken::default(),
    };
    linker.clusters();
    linker.groups();
    linker.bundles();
    linker.placements();
    linker.revived_groups();
    linker.tell_broken();
    linker.problems
}

/// What is settled, and what is known while it is.
struct Linker<'a> {
    spec: &'a mut Spec,
    previous: Option<&'a Spec>,
    doubts: &'a mut Doubts,
    names: Names<'a>,
    problems: Vec<Problem>,
    /// Groups that documents named which stood before.
    named_before: BTreeSet<GroupName>,
    /// Which groups name a group.
    naming: BTreeMap<GroupName, BTreeSet<GroupName>>,
    /// Groups that are not declared any more and stay because they are named.
    revived: BTreeSet<GroupName>,
    /// Groups whose last good version was put in place.
    tried: BTreeSet<GroupName>,
    /// Groups without a good version.
    dropped: BTreeSet<GroupName>,
    /// What is named, and broken.
    broken: Broken,
}

impl Linker<'_> {
    /// Puts the last good version in place of a bad document; whether there is another one.
    fn restore<T>(&mut self, bad: &Document<T>, identity: (Kind, &str)) -> bool {
        self.previous
            .is_some_and(|previous| keep::copy(self.spec, previous, &bad.at.source, identity, true))
    }

    /// Notes that a document was dropped and nothing is known of before.
    fn gap(&mut self, at: &Place, (kind, name): (Kind, &str), former: Option<&ClusterName>) {
        let history = self.previous.is_some_and(|spec| {
            spec.revisions.contains_key(&at.source) && !spec.gaps.contains_key(&at.source)
        });
        if !history {
            let gaps = self.spec.gaps.entry(at.source.clone()).or_default();
            let may_be = MayBe {
                kind: Some(kind),
                name: Some(name.to_owned()),
                former: former.map(|former| former.to_string()),
            };
            gaps.push(Gap::Broken(at.clone(), may_be));
        }
    }

    /// What is wrong with the groups that a document names, with problems for it; whether all are
    /// there. `kept` documents name what they could name when they were good.
    fn check_groups(
        &mut self,
        references: &[Reference<GroupName>],
        (from, at): (Kind, &Place),
        kept: bool,
    ) -> bool {
        let mut good = true;
        for reference in references {
            let hidden = (!kept)
                .then(|| self.names.hidden_group(&at.source, reference))
                .flatten();
            if let Some(problem) = hidden {
                self.problems.push(problem);
                good = false;
            } else if !self.spec.groups.contains_key(&reference.name) && !self.revive(reference) {
                self.unknown_group(reference, from);
                good = false;
            }
        }
        good
    }
}
