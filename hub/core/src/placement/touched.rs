//! Clusters of which anything is decided otherwise than the time before.
//!
//! A commit that changes none of the documents behind what is placed on a cluster leaves its decision
//! alone, although its source is at another revision: unless a variable there mentions that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, PlacementName, SourceName};

use super::bits::Bits;
use super::choose::Choice;
use super::clusters::Core;
use super::fleet::{Changes, Fleet};
use super::walk::Walk;
use crate::effective::mentions_revision;
use crate::spec::{Bundle, Override, PinName, Pinned, Placement, Spec};

/// The clusters of which anything is decided otherwise than before.
pub(super) fn touched(
    before: &Core,
    fleet: &Fleet,
    changes: &Changes,
    choices: &BTreeMap<PlacementName, Arc<Choice>>,
) -> Bits {
    let len = fleet.index.len();
    if changes.all || changes.shift.is_some() || before.fleet.index.is_empty() {
        return Bits::full(len);
    }
    let mut touched = changes.regrouped.clone();
    for change in &changes.clusters {
        touched.insert(change.now);
    }
    let nobody = Arc::new(Bits::empty(len));
    let moves = Moves::new(&before.fleet.spec, fleet);
    let mut known = Walk::new(&before.choices);
    let mut left = before.choices.len();
    for ((name, choice), document) in choices.iter().zip(fleet.spec.placements.values()) {
        let before = known.get(name);
        left -= usize::from(before.is_some());
        let was = before.map_or(&nobody, |before| &before.selected);
        if !Arc::ptr_eq(was, &choice.selected) {
            touched.or_difference(was, &choice.selected);
        }
        if changes.placements.contains(name) || moves.change(&document.spec) {
            touched.or(was);
            touched.or(&choice.selected);
        } else if moves.move_source_of(&document.spec) {
            let mut mentioning = moves.mentioning.clone();
            mentioning.and(&choice.selected);
            touched.or(&mentioning);
        }
    }
    let gone = before
        .choices
        .iter()
        .filter(|(name, _)| left > 0 && !choices.contains_key(*name));
    for (_, choice) in gone {
        touched.or(&choice.selected);
    }
    touched
}

/// What changed of bundles and their sources.
#[derive(Default)]
struct Moves<'a> {
    /// Bundles that say something else, or mention a revision that is another one.
    bundles: BTreeSet<&'a BundleName>,
    /// Sources that came or went, or of which other revisions are pinned.
    sources: BTreeSet<&'a SourceName>,
    /// Sources at another revision.
    moved: BTreeSet<&'a SourceName>,
    /// Clusters whose variables mention the revision of the source.
    mentioning: Bits,
}

impl<'a> Moves<'a> {
    fn new(before: &'a Arc<Spec>, fleet: &'a Fleet) -> Self {
        let now = &fleet.spec;
        if Arc::ptr_eq(before, now) {
            return Self::default();
        }
        let moved = moved_sources(before, now);
        let mut bundles = changed_bundles(before, now);
        let said = now.bundles.iter().filter(|(name, document)| {
            moved.contains(name.source()) && bundle_mentions(&document.spec)
        });
        bundles.extend(said.map(|(name, _)| name));
        let mut mentioning = Bits::empty(fleet.index.len());
        if !moved.is_empty() {
            mentioning = fleet.index.mentioning_revision();
        }
        Self {
            bundles,
            sources: changed_sources(before, now),
            moved,
            mentioning,
        }
    }

    /// Whether anything that a placement places is otherwise wherever it is.
    fn change(&self, placement: &Placement) -> bool {
        let looks = !self.bundles.is_empty() || !self.sources.is_empty();
        let mut placed = placement.bundles.iter().map(|bundle| &bundle.name);
        looks && placed.any(|b| self.bundles.contains(b) || self.sources.contains(b.source()))
            || overrides_mention(&placement.overrides) && self.move_source_of(placement)
    }

    /// Whether a bundle that a placement places is of a source at another revision.
    fn move_source_of(&self, placement: &Placement) -> bool {
        let mut placed = placement.bundles.iter();
        !self.moved.is_empty() && placed.any(|bundle| self.moved.contains(bundle.name.source()))
    }
}

fn bundle_mentions(bundle: &Bundle) -> bool {
    mentions_revision(&bundle.variables) || overrides_mention(&bundle.overrides)
}

fn overrides_mention(overrides: &[Override]) -> bool {
    let mut overrides = overrides.iter();
    overrides.any(|entry| mentions_revision(&entry.variables))
}

fn moved_sources<'a>(before: &Spec, now: &'a Spec) -> BTreeSet<&'a SourceName> {
    let other = now.revisions.iter().filter(|(source, revision)| {
        let known = before.revisions.get(*source);
        known.is_some_and(|known| known != *revision)
    });
    other.map(|(source, _)| source).collect()
}

fn changed_sources<'a>(before: &'a Spec, now: &'a Spec) -> BTreeSet<&'a SourceName> {
    fn other<'a>(
        these: &'a BTreeMap<PinName, Arc<Pinned>>,
        those: &BTreeMap<PinName, Arc<Pinned>>,
    ) -> impl Iterator<Item = &'a SourceName> {
        let same = |one: &Arc<Pinned>, other| Arc::ptr_eq(one, other) || one == other;
        let other = these
            .iter()
            .filter(move |(name, pinned)| !those.get(name).is_some_and(|p| same(p, pinned)));
        other.map(|(name, _)| &name.source)
    }
    let came = now.revisions.keys();
    let came = came.filter(|source| !before.revisions.contains_key(*source));
    let went = before.revisions.keys();
    let went = went.filter(|source| !now.revisions.contains_key(*source));
    let pins = other(&now.pinned, &before.pinned).chain(other(&before.pinned, &now.pinned));
    came.chain(went).chain(pins).collect()
}

fn changed_bundles<'a>(before: &'a Spec, now: &'a Spec) -> BTreeSet<&'a BundleName> {
    let mut known = Walk::new(&before.bundles);
    let mut left = before.bundles.len();
    let changed = now.bundles.iter().filter(|(name, document)| {
        let known = known.get(*name);
        left -= usize::from(known.is_some());
        known.is_none_or(|known| known.spec != document.spec)
    });
    let mut bundles: BTreeSet<&BundleName> = changed.map(|(name, _)| name).collect();
    if left > 0 {
        let gone = before.bundles.keys();
        bundles.extend(gone.filter(|name| !now.bundles.contains_key(*name)));
    }
    bundles
}
