//! How much may be removed without asking, and the counting.
//!
//! A placement loses a cluster when it does not select it any more. A bundle that is taken off a
//! placement's list leaves all its clusters at once and loses none of them: there only the objects
//! of each cluster are counted.

use std::collections::{BTreeMap, BTreeSet};

use capstan_proto::{BundleName, ClusterName, Moment, ObjectKey};

use super::draft::Draft;
use super::{Given, Group, Removal, RemovalLog, Running, Why};
use crate::limits;
use crate::placement::Decisions;
use crate::problem::{Code, Problem};
use crate::spec::Safety;

/// How much may be removed within the window without an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Percent of a placement's clusters.
    pub clusters_percent: usize,
    /// Clusters of a placement that may always be lost.
    pub clusters_min: usize,
    /// Percent of a cluster's objects.
    pub objects_percent: usize,
    /// Objects of a cluster that may always be removed.
    pub objects_min: usize,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// Whether a placement's own `safety` counts instead of `clusters_percent`.
    pub placement_may_change: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            clusters_percent: limits::REMOVED_CLUSTERS_PERCENT,
            clusters_min: limits::REMOVED_CLUSTERS_MIN,
            objects_percent: limits::REMOVED_OBJECTS_PERCENT,
            objects_min: limits::REMOVED_OBJECTS_MIN,
            window_ms: limits::REMOVAL_WINDOW_MS,
            placement_may_change: false,
        }
    }
}

impl Budget {
    /// How many of `of` clusters of one placement may be lost; the share is rounded down.
    #[must_use]
    pub fn clusters(&self, of: usize) -> usize {
        (of * self.clusters_percent / 100).max(self.clusters_min)
    }

    /// How many of `of` objects of one cluster may be removed; the share is rounded down.
    #[must_use]
    pub fn objects(&self, of: usize) -> usize {
        (of * self.objects_percent / 100).max(self.objects_min)
    }
}

/// Something that gives objects up: one bundle on one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// What would leave.
    pub(super) objects: BTreeSet<ObjectKey>,
    /// Whose clusters and bundles are counted together.
    pub(super) group: Group,
    /// Whether the placement gave up the cluster, rather than the object or the bundle.
    pub(super) cluster_lost: bool,
}

/// Every unit, by cluster and bundle.
pub(super) type Units = BTreeMap<(ClusterName, BundleName), Unit>;

/// Why units wait.
pub(super) type Held = BTreeMap<(ClusterName, BundleName), BTreeSet<Why>>;

/// What the counting looks at.
pub(super) struct Count<'a> {
    pub(super) units: &'a Units,
    pub(super) running: &'a Running,
    pub(super) decisions: &'a Decisions,
    pub(super) drafts: &'a BTreeMap<ClusterName, Draft>,
}

/// Placements with a `safety` that the hub does not let them have.
pub(super) fn not_allowed(decisions: &Decisions, budget: &Budget) -> Vec<Problem> {
    if budget.placement_may_change {
        return Vec::new();
    }
    let placements = decisions.spec().placements.values();
    let safeties = placements.filter_map(|document| document.spec.safety.as_ref());
    let problem = |safety: &Safety| {
        let message = format!(
            "the hub does not let placements change how much may be removed; {} % of its clusters \
             may go without approval",
            budget.clusters_percent
        );
        let problem = Problem::warning(&safety.at, Code::SafetyNotAllowed, message);
        problem.hint("leave `safety` out, or set `safety.placementMayChange: true` in hub.yaml")
    };
    safeties.map(problem).collect()
}

/// Whether an object's removal takes data or other objects with it.
fn is_protected(key: &ObjectKey) -> bool {
    matches!(
        (key.group.as_str(), key.kind.as_str()),
        ("", "Namespace" | "PersistentVolumeClaim")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

/// Finds what a draft has of an object with another scope.
struct Moved<'a> {
    draft: &'a Draft,
    /// The names of namespaced objects, by group and kind, of the kinds that were asked for.
    namespaced: BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>,
}

impl<'a> Moved<'a> {
    fn new(draft: &'a Draft) -> Self {
        Self {
            draft,
            namespaced: BTreeMap::new(),
        }
    }

    fn has(&mut self, key: &'a ObjectKey) -> bool {
        let objects = self.draft.objects();
        let in_namespace = |namespace: &str, name: &str| {
            ObjectKey::new(key.group.clone(), key.kind.clone(), namespace, name)
        };
        if !key.namespace.is_empty() {
            return objects.contains_key(&in_namespace("", &key.name));
        }
        let kind = (key.group.as_str(), key.kind.as_str());
        let names = self.namespaced.entry(kind).or_insert_with(|| {
            // Sorted by group, kind and namespace: those without one come before.
            let from = in_namespace("\0", "");
            let of_kind = objects.range(from..).map(|(key, _)| key);
            let of_kind = of_kind.take_while(|key| (key.group.as_str(), key.kind.as_str()) == kind);
            of_kind.map(|key| key.name.as_str()).collect()
        });
        names.contains(key.name.as_str())
    }
}

impl Count<'_> {
    /// The units that wait, and why. What was held for one reason does not count for the next: it
    /// stays, after all.
    pub(super) fn held(&self) -> Held {
        let mut held = Held::new();
        self.protected(&mut held);
        self.scope_changed(&mut held);
        self.selections(&mut held);
        self.clusters(&mut held);
        self.objects(&mut held);
        self.emptied(&mut held);
        held
    }

    fn protected(&self, held: &mut Held) {
        for (unit_name, unit) in self.units {
            for object in unit.objects.iter().filter(|key| is_protected(key)) {
                let (cluster, object) = (unit_name.0.clone(), object.clone());
                let why = Why::Protected { cluster, object };
                held.entry(unit_name.clone()).or_default().insert(why);
            }
        }
    }

    /// Objects that only a change of their kind's scope takes away: they come back with a namespace,
    /// or without one.
    fn scope_changed(&self, held: &mut Held) {
        for (unit_name, unit) in self.units {
            let draft = &self.drafts[&unit_name.0];
            let mut moved = Moved::new(draft);
            for object in unit.objects.iter().filter(|key| moved.has(key)) {
                let (cluster, object) = (unit_name.0.clone(), object.clone());
                let why = Why::ScopeChanged { cluster, object };
                held.entry(unit_name.clone()).or_default().insert(why);
            }
        }
    }

    /// A selection that became empty.
    fn selections(&self, held: &mut Held) {
        for (name, unit) in self.units.iter().filter(|(_, unit)| unit.cluster_lost) {
            let Some(placement) = unit.group.placement() else {
                continue;
            };
            let decision = self.decisions.placements.get(placement);
            if decision.is_some_and(|decision| decision.selects_nothing()) {
                let why = Why::SelectionEmpty {
                    placement: placement.clone(),
                };
                held.entry(name.clone()).or_default().insert(why);
            }
        }
    }

    /// Clusters that one placement loses.
    fn clusters(&self, held: &mut Held) {
        let mut lost: BTreeMap<&Group, BTreeSet<&ClusterName>> = BTreeMap::new();
        for (name, unit) in self.units.iter().filter(|(_, unit)| unit.cluster_lost) {
            if !held.contains_key(name) {
                lost.entry(&unit.group).or_default().insert(&name.0);
            }
        }
        for (group, now) in lost {
            let before = self.logged_clusters(group);
            let had: BTreeSet<&ClusterName> =
                self.had(group).chain(before.iter().copied()).collect();
            let all: BTreeSet<&ClusterName> = now.union(&before).copied().collect();
            let allowed = self.allowed(group, had.len());
            let window_ms = self.running.budget.window_ms;
            if all.len() <= allowed {
                continue;
            }
            let why = match group {
                Group::Placement(placement) => Why::TooManyClusters {
                    placement: placement.clone(),
                    lost: all.len(),
                    of: had.len(),
                    allowed,
                    window_ms,
                },
                Group::Bundle(bundle) => Why::TooManyClustersOfBundle {
                    bundle: bundle.clone(),
                    lost: all.len(),
                    of: had.len(),
                    allowed,
                    window_ms,
                },
            };
            let same = |unit: &Unit| unit.cluster_lost && unit.group == *group;
            for (name, _) in self.units.iter().filter(|(_, unit)| same(unit)) {
                held.entry(name.clone()).or_default().insert(why.clone());
            }
        }
    }

    /// How many of `of` clusters a group may lose. A placement's own share counts where the hub
    /// allows it, as if it were the hub's; of its own 0 % nothing may go.
    fn allowed(&self, group: &Group, of: usize) -> usize {
        let budget = self.running.budget;
        let own = group.placement().and_then(|placement| {
            let document = self.decisions.spec().placements.get(placement)?;
            let safety = document.spec.safety.as_ref()?;
            usize::try_from(safety.max_removed_clusters_percent).ok()
        });
        match own.filter(|_| budget.placement_may_change) {
            None => budget.clusters(of),
            Some(0) => 0,
            Some(percent) => Budget {
                clusters_percent: percent,
                ..budget
            }
            .clusters(of),
        }
    }

    /// Clusters that have something of a group.
    fn had(&self, group: &Group) -> impl Iterator<Item = &ClusterName> {
        self.running
            .clusters
            .iter()
            .filter_map(move |(name, given)| {
                let Given::Known(last) = given else {
                    return None;
                };
                let has = last
                    .snapshot
                    .bundles()
                    .keys()
                    .any(|bundle| Group::of(bundle, last.owners.get(bundle)) == *group);
                has.then_some(name)
            })
    }

    /// Clusters that a group lost within the window and did not get back.
    fn logged_clusters(&self, group: &Group) -> BTreeSet<&ClusterName> {
        let recent = self.running.log.recent(self.running);
        recent
            .filter(|r| r.cluster_lost && Group::of(&r.bundle, r.placement.as_ref()) == *group)
            .filter(|removal| !self.came_back(removal))
            .map(|removal| &removal.cluster)
            .collect()
    }

    /// Whether a placement has a cluster again, with what it took away there; a bundle that it does not
    /// place any more is not awaited. That it selects the cluster is not enough: while its bundle is
    /// broken nothing comes back.
    fn came_back(&self, removal: &Removal) -> bool {
        let placements = &self.decisions.placements;
        let Some(decision) = removal.placement.as_ref().and_then(|p| placements.get(p)) else {
            return false;
        };
        let mut placed = decision.bundles().iter();
        let awaited = placed.any(|placed| placed.name == removal.bundle);
        let draft = self.drafts.get(&removal.cluster);
        let has = draft.is_some_and(|draft| draft.has_bundle(&removal.bundle));
        decision.selects(&removal.cluster) && (has || !awaited)
    }

    /// Objects that one cluster loses.
    fn objects(&self, held: &mut Held) {
        for (cluster, names) in self.unheld(held) {
            let Some(Given::Known(last)) = self.running.clusters.get(cluster) else {
                continue;
            };
            let now = names.iter().flat_map(|name| &self.units[*name].objects);
            let before: BTreeSet<&ObjectKey> = self
                .running
                .log
                .recent(self.running)
                .filter(|removal| removal.cluster == *cluster)
                .map(|removal| &removal.object)
                .filter(|object| !self.drafts[cluster].objects().contains_key(*object))
                .collect();
            let had = last.snapshot.objects().keys().chain(before.iter().copied());
            let of = had.collect::<BTreeSet<_>>().len();
            let lost = now
                .chain(before.iter().copied())
                .collect::<BTreeSet<_>>()
                .len();
            let allowed = self.running.budget.objects(of);
            let window_ms = self.running.budget.window_ms;
            if lost > allowed {
                let why = Why::TooManyObjects {
                    cluster: cluster.clone(),
                    lost,
                    of,
                    allowed,
                    window_ms,
                };
                for name in names {
                    held.entry(name.clone()).or_default().insert(why.clone());
                }
            }
        }
    }

    /// Clusters that would be left with nothing.
    fn emptied(&self, held: &mut Held) {
        for (cluster, names) in self.unheld(held) {
            let stays = held.keys().any(|(held, _)| held == cluster);
            if !stays && self.drafts[cluster].objects().is_empty() {
                let why = Why::ClusterEmptied {
                    cluster: cluster.clone(),
                };
                for name in names {
                    held.entry(name.clone()).or_default().insert(why.clone());
                }
            }
        }
    }

    /// The units that nothing holds yet, by cluster.
    fn unheld(&self, held: &Held) -> BTreeMap<&ClusterName, Vec<&(ClusterName, BundleName)>> {
        let mut units: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for name in self.units.keys().filter(|name| !held.contains_key(*name)) {
            units.entry(&name.0).or_default().push(name);
        }
        units
    }
}

impl RemovalLog {
    /// What left within the window.
    fn recent<'a>(&'a self, running: &'a Running) -> impl Iterator<Item = &'a Removal> {
        let from = running.now.minus_ms(running.budget.window_ms).unix_ms();
        self.entries
            .iter()
            .filter(move |removal| removal.at_unix_ms > from)
    }

    /// Appends what left. What came back meanwhile and left again counts from its latest moment.
    pub fn append(&mut self, removals: impl IntoIterator<Item = Removal>) {
        let new: BTreeSet<Removal> = removals.into_iter().collect();
        let again: BTreeSet<(&ClusterName, &ObjectKey)> =
            new.iter().map(|r| (&r.cluster, &r.object)).collect();
        self.entries
            .retain(|r| !again.contains(&(&r.cluster, &r.object)));
        self.entries.extend(new);
    }

    /// What left clusters left them under other names: the former ones with the present ones.
    pub fn rename(&mut self, renamed: &BTreeMap<&ClusterName, &ClusterName>) {
        let former = |removal: &Removal| renamed.contains_key(&removal.cluster);
        if renamed.is_empty() || !self.entries.iter().any(former) {
            return;
        }
        let moved = |mut removal: Removal| {
            if let Some(name) = renamed.get(&removal.cluster) {
                removal.cluster = (*name).clone();
            }
            removal
        };
        let entries = std::mem::take(&mut self.entries);
        self.entries = entries.into_iter().map(moved).collect();
    }

    /// Drops what left before the window.
    pub fn forget(&mut self, now: Moment, budget: &Budget) {
        let from = now.minus_ms(budget.window_ms).unix_ms();
        self.entries.retain(|removal| removal.at_unix_ms > from);
    }
}
