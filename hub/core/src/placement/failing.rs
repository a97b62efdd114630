//! CEL expressions of overrides that fail, and on which clusters.
//!
//! Overrides are asked when somebody wants to know what a bundle is rendered with, one cluster at a
//! time. So that what fails there is told to everybody, the few terms with an expression are asked
//! here as well, for the clusters that are selected and of which anything changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::{BundleName, PlacementName};

use super::answer::Failures;
use super::bits::Bits;
use super::choose::Choice;
use super::fleet::Fleet;
use crate::problem::Place;
use crate::selector::{Term, Truth, cel_errors};
use crate::spec::{Override, Placement};

/// Expressions that fail: where, with which words; and on which clusters.
pub(super) type Failing = BTreeMap<(Place, String), Bits>;

/// What fails now. Clusters that are not `touched` stay as they were `before`; `None`: their numbers
/// are others.
pub(super) fn after(
    before: Option<&Failing>,
    fleet: &Fleet,
    choices: &BTreeMap<PlacementName, Arc<Choice>>,
    touched: &Bits,
) -> Failing {
    let mut failing = before.cloned().unwrap_or_default();
    for clusters in failing.values_mut() {
        clusters.subtract(touched);
    }
    failing.retain(|_, clusters| !clusters.is_empty());
    if touched.is_empty() {
        return failing;
    }
    let bundles = of_bundles(fleet);
    for (document, choice) in fleet.spec.placements.values().zip(choices.values()) {
        let terms = terms(&document.spec, &bundles);
        if terms.is_empty() {
            continue;
        }
        let mut asked = Bits::clone(&choice.selected);
        asked.and(touched);
        for cluster in asked.iter() {
            for term in &terms {
                let Some(message) = fails(term, fleet, cluster) else {
                    continue;
                };
                let at = term.cel.as_ref().map_or(&term.at, |cel| &cel.at).clone();
                let clusters = failing
                    .entry((at, message))
                    .or_insert_with(|| Bits::empty(fleet.index.len()));
                clusters.insert(cluster);
            }
        }
    }
    failing
}

/// As others are told: the first cluster, and how many.
pub(super) fn failures(failing: &Failing, fleet: &Fleet) -> Failures {
    let failure = |(key, clusters): (&(Place, String), &Bits)| {
        let first = fleet.index.name(clusters.iter().next()?).clone();
        Some((key.clone(), (first, clusters.count())))
    };
    failing.iter().filter_map(failure).collect()
}

/// The terms with an expression of every bundle that has any.
fn of_bundles(fleet: &Fleet) -> BTreeMap<&BundleName, Vec<&Term>> {
    let bundles = fleet.spec.bundles.iter();
    let bundles = bundles.map(|(name, document)| (name, with_cel(&document.spec.overrides)));
    let bundles = bundles.map(|(name, terms)| (name, terms.collect::<Vec<_>>()));
    bundles.filter(|(_, terms)| !terms.is_empty()).collect()
}

/// The terms with an expression that are asked where a placement places what it does. A bundle that
/// may be pinned is not the one that the branch has.
fn terms<'a>(
    placement: &'a Placement,
    bundles: &BTreeMap<&BundleName, Vec<&'a Term>>,
) -> Vec<&'a Term> {
    let mut terms: Vec<&Term> = with_cel(&placement.overrides).collect();
    if !bundles.is_empty() && placement.pins().next().is_none() {
        let placed = placement.bundles.iter();
        let placed = placed.filter_map(|bundle| bundles.get(&bundle.name));
        terms.extend(placed.flatten().copied());
    }
    terms
}

fn with_cel(overrides: &[Override]) -> impl Iterator<Item = &Term> {
    let terms = overrides.iter().flat_map(|o| o.clusters.iter().flatten());
    terms.filter(|term| term.cel.is_some())
}

/// With which words a term's expression fails on a cluster that its other parts do not rule out.
fn fails(term: &Term, fleet: &Fleet, cluster: u32) -> Option<String> {
    let mut groups = term.groups.iter();
    let inside = term.groups.is_empty()
        || groups.any(|group| fleet.inside(&group.name, cluster) != Truth::No);
    inside
        .then(|| cel_errors(term, fleet.index.candidate(cluster)))
        .flatten()
}
