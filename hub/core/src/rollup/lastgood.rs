//! What runs by a last good version, because what Git says now is broken: never counted as being as in Git.

use std::collections::BTreeMap;

use capstan_proto::{BundleName, ClusterName, PlacementName, Sync};

use super::{BundleOnCluster, Counts, Flag, Fleet, conforms};
use crate::problem::Place;
use crate::spec::{Document, GroupName, Spec, TemplateName};

impl Fleet {
    /// Marks what rests on a document whose present text is broken, or keeps content that cannot be
    /// read now, and counts it out of what is as in Git.
    pub fn mark_last_good(&mut self, spec: &Spec) {
        let kept = LastGood::of(spec);
        for (name, cluster) in &mut self.clusters {
            let (wanted, connection) = (cluster.wanted.is_some(), cluster.connection);
            for (bundle, on) in &mut cluster.bundles {
                let document = kept.below(spec, name, bundle, on.placement.as_ref());
                let content = on.flags.contains(&Flag::Kept) && on.sync != Sync::Held;
                if document.is_none() && !content {
                    continue;
                }
                self.last_good += 1;
                if conforms(on, wanted, connection) {
                    let of_bundle = self.bundles.get_mut(bundle).map(|of| &mut of.counts);
                    let placement = on.placement.as_ref();
                    let of_placement = placement.and_then(|name| self.placements.get_mut(name));
                    let of_placement = of_placement.map(|of| &mut of.counts);
                    let counts = [Some(&mut self.counts), of_bundle, of_placement];
                    counts.into_iter().flatten().for_each(take_out);
                }
                if let Some(document) = document {
                    mark(on, document);
                    cluster.flags.insert(Flag::LastGood);
                }
            }
        }
    }
}

fn take_out(counts: &mut Counts) {
    counts.conformance.conforming = counts.conformance.conforming.saturating_sub(1);
}

fn mark(on: &mut BundleOnCluster, at: &Place) {
    on.flags.insert(Flag::LastGood);
    if on.reason.is_empty() && on.message.is_empty() {
        on.reason = Flag::LastGood.to_string();
        on.message = format!(
            "by the last good version of {}:{}, which is broken now: `hub get problems`",
            at.source, at.path
        );
    }
}

/// The documents that are last good versions.
struct LastGood<'a> {
    clusters: BTreeMap<&'a ClusterName, &'a Place>,
    templates: BTreeMap<&'a TemplateName, &'a Place>,
    groups: BTreeMap<&'a GroupName, &'a Place>,
    bundles: BTreeMap<&'a BundleName, &'a Place>,
    placements: BTreeMap<&'a PlacementName, &'a Place>,
}

impl<'a> LastGood<'a> {
    fn of(spec: &'a Spec) -> Self {
        Self {
            clusters: kept(&spec.clusters),
            templates: kept(&spec.templates),
            groups: kept(&spec.groups),
            bundles: kept(&spec.bundles),
            placements: kept(&spec.placements),
        }
    }

    /// The first of them that a bundle on a cluster rests on.
    fn below(
        &self,
        spec: &Spec,
        cluster: &ClusterName,
        bundle: &BundleName,
        placement: Option<&PlacementName>,
    ) -> Option<&'a Place> {
        let of_groups = || {
            if self.groups.is_empty() {
                return None;
            }
            let placement = spec.placements.get(placement?)?;
            let mut groups = placement.spec.references();
            groups.find_map(|group| self.groups.get(&group.name))
        };
        let of_placement = placement.and_then(|name| self.placements.get(name));
        let found = self.bundles.get(bundle).or(of_placement);
        let found = found.or_else(|| self.clusters.get(cluster));
        let of_templates = || {
            if self.templates.is_empty() {
                return None;
            }
            let mut templates = spec.clusters.get(cluster)?.spec.templates.iter();
            templates.find_map(|template| self.templates.get(&template.name))
        };
        let found = found.or_else(of_templates);
        found.or_else(of_groups).copied()
    }
}

fn kept<N: Ord, T>(documents: &BTreeMap<N, Document<T>>) -> BTreeMap<&N, &Place> {
    documents
        .iter()
        .filter(|(_, document)| document.kept)
        .map(|(name, document)| (name, &document.at))
        .collect()
}
