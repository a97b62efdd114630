//! Which placement owns which bundle on which cluster.
//!
//! A *route* is one bundle of one placement. Routes are numbered by bundle, then by who owns it
//! first: the bundle's own source before others, then the higher priority, then the lower name. So of the routes that lead to a cluster, in
//! order, the first of each bundle is the owner's, and the others are shadowed. The routes of 64
//! clusters, whose bits are one word of every set, are kept together and made together.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::{BundleName, PlacementName};

use super::bits::{Bits, LANES, lanes};
use crate::spec::Placement;

/// Every route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Routes {
    placements: Vec<PlacementName>,
    bundles: Vec<BundleName>,
    /// Number of the bundle and of the placement.
    routes: Vec<(u32, u32)>,
}

/// The routes to every cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Owners {
    routes: Arc<Routes>,
    blocks: Vec<Arc<Block>>,
}

/// The routes to 64 clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    /// Where the routes of each cluster end.
    ends: [u32; LANES],
    routes: Vec<u32>,
}

/// What a placement selected, before and now.
pub(super) struct Moved<'a> {
    /// The placement's number.
    pub(super) placement: u32,
    /// What it selected.
    pub(super) before: &'a Bits,
    /// What it selects.
    pub(super) now: &'a Bits,
}

fn number(position: usize) -> u32 {
    u32::try_from(position).expect("there are fewer than 2^32 documents")
}

impl Routes {
    /// The routes of these placements, which are in order of their names.
    pub(super) fn new<'a>(
        placements: impl Iterator<Item = (&'a PlacementName, &'a Placement)>,
    ) -> Self {
        type Claim = (bool, Reverse<i64>, u32);
        let mut by_bundle: BTreeMap<&BundleName, Vec<Claim>> = BTreeMap::new();
        let mut names = Vec::new();
        for (position, (name, placement)) in (0..).zip(placements) {
            names.push(name.clone());
            for bundle in &placement.bundles {
                let claims = by_bundle.entry(&bundle.name).or_default();
                let foreign = bundle.name.source() != name.source();
                claims.push((foreign, Reverse(placement.priority), position));
            }
        }
        let mut routes = Vec::new();
        let mut bundles = Vec::new();
        for (bundle, mut claims) in by_bundle {
            claims.sort_unstable();
            claims.dedup();
            let of = number(bundles.len());
            routes.extend(claims.into_iter().map(|(_, _, placement)| (of, placement)));
            bundles.push(bundle.clone());
        }
        Self {
            placements: names,
            bundles,
            routes,
        }
    }

    /// What routes of one bundle are called: the bundle, and the placements.
    pub(super) fn named<'a>(
        &'a self,
        same: &'a [u32],
    ) -> (&'a BundleName, impl Iterator<Item = &'a PlacementName>) {
        let placement = |route: &u32| &self.placements[self.routes[*route as usize].1 as usize];
        let first = self.routes[same[0] as usize].0;
        (&self.bundles[first as usize], same.iter().map(placement))
    }

    /// The placements that place a bundle, the first owner first.
    pub(super) fn of_bundle(&self, bundle: &BundleName) -> impl Iterator<Item = &PlacementName> {
        let bundle = self.bundles.binary_search(bundle).map_or(u32::MAX, number);
        let from = self.routes.partition_point(|(of, _)| *of < bundle);
        let these = self.routes[from..].iter();
        let these = these.take_while(move |(of, _)| *of == bundle);
        these.map(|(_, placement)| &self.placements[*placement as usize])
    }
}

impl Owners {
    /// The routes to every cluster, given what each placement selects, in order of their names.
    pub(super) fn new(routes: Arc<Routes>, selected: &[&Bits]) -> Self {
        let blocks = selected.iter().map(|bits| bits.words().len()).max();
        let words: Vec<&[u64]> = routes
            .routes
            .iter()
            .map(|(_, placement)| selected[*placement as usize].words())
            .collect();
        let block = |index: usize| {
            let leading = (0..).zip(&words).filter(|(_, words)| words[index] != 0);
            let leading: Vec<(u32, u64)> = leading.map(|(r, words)| (r, words[index])).collect();
            Arc::new(Block::new(&leading))
        };
        Self {
            blocks: (0..blocks.unwrap_or(0)).map(block).collect(),
            routes,
        }
    }

    /// The same after some placements selected otherwise.
    pub(super) fn after(&self, moved: &[Moved<'_>]) -> Self {
        let mut routes: BTreeMap<u32, &Moved<'_>> = BTreeMap::new();
        for (route, (_, placement)) in (0..).zip(&self.routes.routes) {
            if let Ok(at) = moved.binary_search_by_key(placement, |m| m.placement) {
                routes.insert(route, &moved[at]);
            }
        }
        let block = |(index, block): (usize, &Arc<Block>)| {
            let change = |(route, moved): (&u32, &&Moved<'_>)| {
                let (before, now) = (moved.before.words()[index], moved.now.words()[index]);
                (before != now).then_some((*route, before, now))
            };
            let changes: Vec<(u32, u64, u64)> = routes.iter().filter_map(change).collect();
            if changes.is_empty() {
                return Arc::clone(block);
            }
            Arc::new(block.after(&changes))
        };
        Self {
            routes: Arc::clone(&self.routes),
            blocks: self.blocks.iter().enumerate().map(block).collect(),
        }
    }

    pub(super) fn routes(&self) -> &Arc<Routes> {
        &self.routes
    }

    /// Every bundle on a cluster with the placements that place it, the owner first.
    pub(super) fn of_cluster(
        &self,
        cluster: u32,
    ) -> impl Iterator<Item = (&BundleName, impl Iterator<Item = &PlacementName>)> {
        let routes = &*self.routes;
        self.routes_of(cluster).map(|same| routes.named(same))
    }

    /// The routes to a cluster, those of one bundle together, the owner's first.
    pub(super) fn routes_of(&self, cluster: u32) -> impl Iterator<Item = &[u32]> {
        let cluster = cluster as usize;
        let block = self.blocks.get(cluster / LANES);
        let numbers = block.map_or(&[][..], |block| block.of(cluster % LANES));
        let routes = &*self.routes;
        let bundle = |route: &u32| routes.routes[*route as usize].0;
        numbers.chunk_by(move |one, other| bundle(one) == bundle(other))
    }

    pub(super) fn bytes(&self) -> usize {
        let block = |block: &Arc<Block>| size_of::<Block>() + block.routes.capacity() * 4;
        self.blocks.iter().map(block).sum()
    }
}

impl Block {
    /// From the routes that lead here, each with the clusters that it leads to.
    fn new(leading: &[(u32, u64)]) -> Self {
        let mut ends = [0_u32; LANES];
        for (_, word) in leading {
            for lane in lanes(*word) {
                ends[lane as usize] += 1;
            }
        }
        let mut begins = [0_u32; LANES];
        let mut all = 0;
        for lane in 0..LANES {
            begins[lane] = all;
            all += ends[lane];
            ends[lane] = all;
        }
        let mut routes = vec![0; all as usize];
        for (route, word) in leading {
            for lane in lanes(*word) {
                let at = &mut begins[lane as usize];
                routes[*at as usize] = *route;
                *at += 1;
            }
        }
        Self { ends, routes }
    }

    fn of(&self, lane: usize) -> &[u32] {
        let from = lane.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.routes[from as usize..self.ends[lane] as usize]
    }

    /// The same after some routes lead elsewhere: route, clusters before, clusters now.
    fn after(&self, changes: &[(u32, u64, u64)]) -> Self {
        let changed = changes
            .iter()
            .fold(0, |all, (_, before, now)| all | (before ^ now));
        let mut ends = [0; LANES];
        let mut routes = Vec::with_capacity(self.routes.len() + changes.len());
        for (lane, end) in ends.iter_mut().enumerate() {
            if changed >> lane & 1 == 0 {
                routes.extend_from_slice(self.of(lane));
            } else {
                let from = routes.len();
                let leads = |route: &u32| {
                    let at = changes.binary_search_by_key(route, |(route, _, _)| *route);
                    at.map_or(true, |at| changes[at].2 >> lane & 1 == 1)
                };
                routes.extend(self.of(lane).iter().copied().filter(leads));
                let new = changes
                    .iter()
                    .filter(|(_, before, now)| (now & !before) >> lane & 1 == 1);
                routes.extend(new.map(|(route, _, _)| *route));
                routes[from..].sort_unstable();
            }
            *end = number(routes.len());
        }
        Self { ends, routes }
    }
}

#[cfg(test)]
mod tests;
