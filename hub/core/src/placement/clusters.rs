//! What is decided for each cluster, made when it is asked for, once.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::bits::{Bits, LANES};
use super::choose::Choice;
use super::failing::Failing;
use super::fleet::{Changes, Fleet};
use super::own::Owners;
use super::{ClusterDecision, Placed};
use crate::effective::{Inputs, Subject, inputs};
use crate::selector::{Members, Membership, Truth, through};

/// Everything that was decided, in few words.
#[derive(Clone, Debug, Default)]
pub(super) struct Core {
    pub(super) fleet: Fleet,
    pub(super) choices: BTreeMap<PlacementName, Arc<Choice>>,
    pub(super) owners: Owners,
    pub(super) failing: Failing,
}

/// Every declared cluster with what is decided for it.
///
/// What is placed on a cluster follows from the decisions, and is put together when somebody asks.
/// Between two resolves, a cluster that nothing changed for keeps its very [`ClusterDecision`].
#[derive(Clone, Default)]
pub struct Clusters {
    core: Arc<Core>,
    /// In blocks of [`LANES`]: blocks of which no cluster is touched are shared with the decisions
    /// before.
    slots: Vec<Arc<[Slot]>>,
}

/// What is decided for a cluster, once somebody asked.
type Slot = OnceLock<Arc<ClusterDecision>>;

impl Clusters {
    /// The clusters of new decisions; those that are not `touched` keep what was made.
    pub(super) fn after(
        core: &Arc<Core>,
        before: &Self,
        touched: &Bits,
        changes: &Changes,
    ) -> Self {
        let keeps = !changes.all && changes.shift.is_none();
        let count = core.fleet.index.len();
        let block = |(number, touched): (usize, &u64)| -> Arc<[Slot]> {
            let made = before.slots.get(number).filter(|_| keeps);
            let lanes = 0..LANES.min(count - number * LANES);
            match made {
                Some(made) if *touched == 0 => Arc::clone(made),
                Some(made) => {
                    let is_touched = |lane: usize| touched >> lane & 1 == 1;
                    let keep = |lane: usize| match is_touched(lane) {
                        true => Slot::new(),
                        false => made[lane].clone(),
                    };
                    lanes.map(keep).collect()
                }
                None => lanes.map(|_| Slot::new()).collect(),
            }
        };
        Self {
            core: Arc::clone(core),
            slots: touched.words().iter().enumerate().map(block).collect(),
        }
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// How many clusters are declared.
    #[must_use]
    pub fn len(&self) -> usize {
        self.core.fleet.index.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether a cluster is declared.
    #[must_use]
    pub fn contains_key(&self, name: &ClusterName) -> bool {
        self.core.fleet.index.number(name).is_some()
    }

    /// What is decided for a cluster; `None` where it is not declared.
    #[must_use]
    pub fn get(&self, name: &ClusterName) -> Option<&ClusterDecision> {
        self.shared(name).map(|decision| &**decision)
    }

    /// As [`Clusters::get`], to hold on to.
    #[must_use]
    pub fn shared(&self, name: &ClusterName) -> Option<&Arc<ClusterDecision>> {
        Some(self.at(self.core.fleet.index.number(name)?))
    }

    /// The names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &ClusterName> {
        self.core.fleet.index.names().iter()
    }

    /// Every cluster with what is decided for it, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&ClusterName, &ClusterDecision)> {
        self.keys().zip(self.values())
    }

    /// What is decided, in the order of the clusters' names.
    pub fn values(&self) -> impl Iterator<Item = &ClusterDecision> {
        let mut alike = Alike::default();
        let numbered = (0..).zip(self.slots.iter().flat_map(|block| &**block));
        numbered.map(move |(number, slot)| {
            let make = || Arc::new(self.core.cluster(number, &mut alike));
            &**slot.get_or_init(make)
        })
    }

    /// Who owns each bundle on a cluster, and who is shadowed there, the next owner first: without
    /// what the bundle is rendered with.
    pub fn owners(
        &self,
        cluster: &ClusterName,
    ) -> impl Iterator<Item = (&BundleName, impl Iterator<Item = &PlacementName>)> {
        let number = self.core.fleet.index.number(cluster).unwrap_or(u32::MAX);
        self.core.owners.of_cluster(number)
    }

    fn at(&self, number: u32) -> &Arc<ClusterDecision> {
        self.slots[number as usize / LANES][number as usize % LANES].get_or_init(|| {
            let mut alike = Alike::default();
            Arc::new(self.core.cluster(number, &mut alike))
        })
    }
}

impl<'a> IntoIterator for &'a Clusters {
    type Item = (&'a ClusterName, &'a ClusterDecision);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// The names alone: the whole would be a book.
impl fmt::Debug for Clusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl PartialEq for Clusters {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// What is placed on clusters, by the routes that bring it: most clusters have a bundle in one of a
/// few ways, and share that.
#[derive(Default)]
struct Alike {
    known: BTreeMap<Box<[u32]>, BTreeSet<ByInputs>>,
}

/// What is placed by some routes, found by its inputs: with overrides for each cluster there are as
/// many as clusters.
struct ByInputs(Arc<Placed>);

impl Borrow<Inputs> for ByInputs {
    fn borrow(&self) -> &Inputs {
        &self.0.inputs
    }
}

impl Ord for ByInputs {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.inputs.cmp(&other.0.inputs)
    }
}

impl PartialOrd for ByInputs {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByInputs {
    fn eq(&self, other: &Self) -> bool {
        self.0.inputs == other.0.inputs
    }
}

impl Eq for ByInputs {}

impl Alike {
    /// What is placed by these routes with these inputs; made when it is new.
    fn get(
        &mut self,
        routes: &[u32],
        inputs: Inputs,
        make: impl FnOnce(Inputs) -> Placed,
    ) -> Arc<Placed> {
        let known = match self.known.get_mut(routes) {
            Some(known) => known,
            None => self.known.entry(routes.into()).or_default(),
        };
        if let Some(ByInputs(placed)) = known.get(&inputs) {
            return Arc::clone(placed);
        }
        let placed = Arc::new(make(inputs));
        known.insert(ByInputs(Arc::clone(&placed)));
        placed
    }
}

impl Core {
    fn cluster(&self, number: u32, alike: &mut Alike) -> ClusterDecision {
        let member = self.fleet.index.member(number);
        let groups = self.groups_of(number);
        let of_cluster = self.owners.routes_of(number);
        let bundles = of_cluster.map(|routes| self.placed(number, &groups, routes, alike));
        ClusterDecision {
            at: member.at.clone(),
            member: Arc::clone(member),
            bundles: bundles.collect(),
        }
    }

    /// A bundle on a cluster, from the routes that bring it there, the owner's first.
    fn placed(
        &self,
        number: u32,
        groups: &Membership,
        routes: &[u32],
        alike: &mut Alike,
    ) -> (BundleName, Arc<Placed>) {
        let spec = &*self.fleet.spec;
        let index = &self.fleet.index;
        let (bundle, mut placements) = self.owners.routes().named(routes);
        let owner = placements.next().expect("somebody places it");
        let document = &spec.placements[owner];
        let inputs = inputs(
            Subject {
                spec,
                groups,
                cluster: index.name(number),
                member: index.member(number),
                facts: index.facts(number),
                bundle,
            },
            &document.spec,
        );
        let make = |inputs: Inputs| {
            let named = document.spec.bundles.iter().find(|b| b.name == *bundle);
            Placed {
                placement: owner.clone(),
                named_at: named.map_or(&document.at, |named| &named.at).clone(),
                declared: inputs.declared,
                suspended: document.spec.suspend,
                inputs,
                shadowed: placements.cloned().collect(),
            }
        };
        (bundle.clone(), alike.get(routes, inputs, make))
    }

    /// The groups that a cluster is in, or may be in.
    pub(super) fn groups_of(&self, number: u32) -> Membership {
        let cluster = self.fleet.index.name(number);
        let mut groups = Membership::new();
        for (name, answer) in &self.fleet.groups {
            let mut members = Members::default();
            match answer.truth(number) {
                Truth::No => continue,
                Truth::Unknown => members.unknown.insert(cluster.clone()),
                Truth::Yes => members.yes.insert(cluster.clone()),
            };
            groups.insert(name.clone(), members);
        }
        groups
    }

    /// As [`Core::groups_of`], with the groups that brought the cluster there and those that it is not
    /// in, which are known; for words.
    pub(super) fn groups_with_ways(&self, number: u32) -> Membership {
        let mut groups = self.groups_of(number);
        for name in self.fleet.groups.keys() {
            groups.entry(name.clone()).or_default();
        }
        let cluster = self.fleet.index.name(number);
        let candidate = self.fleet.index.candidate(number);
        let inside = |name: &crate::spec::GroupName| self.fleet.inside(name, number);
        for (name, members) in &mut groups {
            let terms = &self.fleet.spec.groups[name].spec.clusters;
            if let Some(by) = through(terms, candidate, &inside) {
                members.through.insert(cluster.clone(), by.clone());
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests;
