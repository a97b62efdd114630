//! Placements: the groups, bundles and clusters that they name.

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::super::check::shown;
use super::super::document::Kind;
use super::super::{Placement, Reference};
use super::Linker;
use crate::problem::{Code, Problem};
use crate::selector::Term;

impl Linker<'_> {
    /// Settles placements: one that names an unknown group, or what it may not see, is replaced by
    /// its last good version. A bundle that is not declared is a problem, and the placement stays.
    pub(super) fn placements(&mut self) {
        let names: Vec<PlacementName> = self.spec.placements.keys().cloned().collect();
        for name in names {
            let placement = &self.spec.placements[&name].spec;
            let bundles = self.of_branch(placement);
            let terms: Vec<_> = placement.terms().cloned().collect();
            self.unknown_clusters(terms.iter());
            self.unknown_bundles(&bundles);
            if !self.check_placement(&name) {
                self.replace_placement(&name);
            }
        }
        let terms = self.spec.groups.values().flat_map(|d| d.spec.terms());
        let terms: Vec<_> = terms
            .filter(|term| !term.names.is_empty())
            .cloned()
            .collect();
        self.unknown_clusters(terms.iter());
    }

    /// The bundles that the branch has to declare: those of a pinned revision are looked for there.
    fn of_branch(&self, placement: &Placement) -> Vec<Reference<BundleName>> {
        let is_pinned = |reference: &Reference<BundleName>| {
            placement
                .revision
                .as_ref()
                .is_some_and(|pin| self.names.is_pinned(reference.name.source(), &pin.text))
        };
        let all = placement.bundles.iter();
        all.filter(|reference| !is_pinned(reference))
            .cloned()
            .collect()
    }

    fn check_placement(&mut self, name: &PlacementName) -> bool {
        let document = &self.spec.placements[name];
        let references: Vec<_> = document.spec.references().cloned().collect();
        let bundles = document.spec.bundles.clone();
        let (at, kept) = (document.at.clone(), document.kept);
        let groups = self.check_groups(&references, (Kind::Placement, &at), kept);
        groups & (kept || self.check_visible(&bundles, &at.source))
    }

    fn replace_placement(&mut self, name: &PlacementName) {
        let Some(document) = self.spec.placements.remove(name) else {
            return;
        };
        let restored = self.restore(&document, (Kind::Placement, name.name()));
        if !restored || !self.check_placement(name) {
            self.spec.placements.remove(name);
            self.gap(&document.at, (Kind::Placement, name.name()), None);
        }
    }

    /// An exact name that no cluster has is probably misspelt.
    pub(super) fn unknown_clusters<'t>(&mut self, terms: impl Iterator<Item = &'t Term>) {
        for pattern in terms.flat_map(|term| &term.names) {
            let text = pattern.text.as_str();
            let declared =
                ClusterName::try_new(text).is_ok_and(|name| self.spec.clusters.contains_key(&name));
            if declared || text.contains(['*', '?']) || self.doubts.cover_cluster(text) {
                continue;
            }
            let clusters = &self.spec.clusters;
            let known = || clusters.keys().map(ClusterName::as_str).collect();
            let message = format!("no declared cluster is called `{}`", shown(text));
            let problem = Problem::warning(&pattern.at, Code::UnknownCluster, message);
            let hint = self.names.near(text, clusters.len(), known);
            self.problems.push(problem.maybe_hint(hint));
        }
    }
}
