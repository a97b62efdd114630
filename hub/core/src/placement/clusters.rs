//! What is decided for each cluster, made when it is asked for, once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use capstan_proto::{BundleName, ClusterName, PlacementName};

use super::bits::Bits;
use super::choose::Choice;
use super::failing::Failing;
use super::fleet::{Changes, Fleet};
use super::own::Owners;
use super::{ClusterDecision, Placed};
use crate::effective::{Subject, inputs};
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
    slots: Vec<OnceLock<Arc<ClusterDecision>>>,
}

impl Clusters {
    /// The clusters of new decisions; those that are not `touched` keep what was made.
    pub(super) fn after(
        core: &Arc<Core>,
        before: &Self,
        touched: &Bits,
        changes: &Changes,
    ) -> Self {
        let keeps = !changes.all && changes.shift.is_none();
        let keep = |number: u32| {
            let made = before.slots.get(number as usize).filter(|_| keeps);
            made.filter(|_| !touched.contains(number))
                .cloned()
                .unwrap_or_default()
        };
        let count = u32::try_from(core.fleet.index.len()).expect("fewer than 2^32 clusters");
        Self {
            core: Arc::clone(core),
            slots: (0..count).map(keep).collect(),
        }
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }

    /// How many clusters are declared.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
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
        (0..).zip(&self.slots).map(|(number, _)| &**self.at(number))
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
        self.slots[number as usize].get_or_init(|| Arc::new(self.core.cluster(number)))
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

impl Core {
    fn cluster(&self, number: u32) -> ClusterDecision {
        let member = self.fleet.index.member(number);
        let groups = self.groups_of(number);
        let placed = |(bundle, mut placements): (&BundleName, Names<'_>)| {
            let owner = placements.next().expect("somebody places it");
            let placed = self.placed(
                number,
                &groups,
                (bundle, owner),
                placements.cloned().collect(),
            );
            (bundle.clone(), placed)
        };
        let of_cluster = self.owners.of_cluster(number);
        let bundles = of_cluster.map(|(b, p)| placed((b, Box::new(p)))).collect();
        ClusterDecision {
            at: member.at.clone(),
            labels: Arc::new(member.labels.clone()),
            bundles,
        }
    }

    fn placed(
        &self,
        number: u32,
        groups: &Membership,
        (bundle, owner): (&BundleName, &PlacementName),
        shadowed: Vec<PlacementName>,
    ) -> Placed {
        let spec = &*self.fleet.spec;
        let index = &self.fleet.index;
        let document = &spec.placements[owner];
        let named = document.spec.bundles.iter().find(|b| b.name == *bundle);
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
        Placed {
            placement: owner.clone(),
            named_at: named.map_or(&document.at, |named| &named.at).clone(),
            declared: inputs.declared,
            suspended: document.spec.suspend,
            inputs: Arc::new(inputs),
            shadowed,
        }
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

type Names<'a> = Box<dyn Iterator<Item = &'a PlacementName> + 'a>;
