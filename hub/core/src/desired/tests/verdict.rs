//! What commits that can be read say of an object that a cluster has: whether it may leave, or what says
//! that it stays. Written after the pages, not after the code.

use std::collections::BTreeSet;

use capstan_proto::{BundleName, ObjectKey, PlacementName};

use super::commits::World;
use super::fleets::{BUNDLES, COUNTED, PLACEMENTS, SOURCES, Slot, placement};

/// What says that an object stays.
pub(super) enum Stays {
    /// It is declared.
    Declared(String),
    /// What would take it away or declare it counts for nothing at present.
    AsItWas(String),
}

impl World {
    /// Whether what can be read says that an object leaves a cluster; if not, what says that it stays.
    pub(super) fn may_leave(
        &self,
        l: usize,
        key: &ObjectKey,
        (bundle, owner): (&BundleName, Option<&PlacementName>),
        before: &[BTreeSet<usize>],
    ) -> Result<(), Stays> {
        let fleet = &self.fleet;
        let c = self.live[l].number;
        let is = |(source, name, _): &(&str, &str, &str)| {
            bundle.source().as_str() == *source && bundle.name() == *name
        };
        let b = BUNDLES.iter().position(is).unwrap();
        let name = fleet.good.clusters[c].name(c);
        if !fleet.is_declared(Slot::Cluster(c)) || self.live[l].name != Some(name) {
            return Err(Stays::Declared("the cluster is not declared".to_owned()));
        }
        if fleet.is_released(c) {
            return Err(Stays::Declared("the cluster is released".to_owned()));
        }
        let mut as_it_was = None;
        for (other, (_, name, _)) in BUNDLES.iter().enumerate() {
            let Some(p) = self.owner(c, other, before) else {
                continue;
            };
            let by = PLACEMENTS[p].1;
            match fleet.content(other, p) {
                // What is to move into a bundle that stays as it is, is not there yet.
                Ok(_) if other != b && self.stays(p) => {}
                Ok(names) if names.contains(&key.name) => {
                    let why = format!("{name} declares it, placed by {by}");
                    return Err(Stays::Declared(why));
                }
                Err(why) if other == b => as_it_was = Some(format!("{name}: {why}")),
                _ if other == b && fleet.good.placements[p].suspend => {
                    as_it_was = Some(format!("{by} is suspended"));
                }
                _ if other == b && fleet.reaches_too_far(p) => {
                    as_it_was = Some(format!("{by} reaches too far"));
                }
                _ => {}
            }
        }
        if as_it_was.is_none() && self.owner(c, b, before).is_none() {
            as_it_was = self.may_be_asked_for(bundle, owner);
            as_it_was = as_it_was.or_else(|| self.placement_keeps(c, owner));
        }
        as_it_was.map_or(Ok(()), |why| Err(Stays::AsItWas(why)))
    }

    /// What may ask for a bundle that nothing is known to ask for, in its source or in that of the
    /// placement that brought it; anybody, where that is not on record.
    fn may_be_asked_for(
        &self,
        bundle: &BundleName,
        owner: Option<&PlacementName>,
    ) -> Option<String> {
        let concerns = |source: &&str| {
            bundle.source().as_str() == *source
                || owner.is_none_or(|owner| owner.source().as_str() == *source)
        };
        let (_, source) = (0..)
            .zip(SOURCES)
            .find(|(number, source)| concerns(source) && self.fleet.may_place(*number))?;
        Some(format!("{source} may have a placement that is not known"))
    }

    /// Why the placement that brought an object changes nothing, where that is so.
    fn placement_keeps(&self, c: usize, owner: Option<&PlacementName>) -> Option<String> {
        let fleet = &self.fleet;
        let p = (0..PLACEMENTS.len()).find(|p| Some(&placement(*p)) == owner)?;
        if !fleet.is_declared(Slot::Placement(p)) {
            return None;
        }
        let document = &fleet.good.placements[p];
        let name = PLACEMENTS[p].1;
        if document.suspend {
            return Some(format!("its placement {name} is suspended"));
        }
        if fleet.reaches_too_far(p) && fleet.inside(c) {
            return Some(format!("its placement {name} reaches too far"));
        }
        let unknown = |b: &usize| !fleet.is_declared(Slot::Bundle(*b)) && document.pin.is_none();
        let dangles = document.bundles.iter().any(unknown);
        dangles.then(|| format!("its placement {name} names what is not declared"))
    }

    /// Whether nothing of a placement changes anywhere.
    fn stays(&self, p: usize) -> bool {
        self.fleet.good.placements[p].suspend || self.fleet.reaches_too_far(p)
    }

    /// The placement that brings a bundle to a cluster by what is declared.
    fn owner(&self, c: usize, b: usize, before: &[BTreeSet<usize>]) -> Option<usize> {
        let fleet = &self.fleet;
        let selects = |p: &usize| {
            let was_there = before[*p].contains(&c);
            let document = &fleet.good.placements[*p];
            let listed = document.bundles.contains(&b);
            let selected = match *p {
                COUNTED => self.selected()[COUNTED].contains(&c),
                p if fleet.reaches_too_far(p) => was_there && fleet.inside(c),
                p => fleet.eligible(p, c, was_there),
            };
            fleet.is_declared(Slot::Placement(*p)) && listed && selected
        };
        let rank = |p: &usize| {
            let foreign = PLACEMENTS[*p].0 != BUNDLES[b].0;
            (foreign, -fleet.good.placements[*p].priority, PLACEMENTS[*p])
        };
        (0..PLACEMENTS.len()).filter(selects).min_by_key(rank)
    }
}
