//! What a cluster should run before anything is held: rendered bundles, and what is kept because
//! nothing better is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, ClusterName, Digest, ObjectKey, PlacementName, SourceName};
use capstan_proto::{Entry, Snapshot};

use super::modes::{Memo, Policies};
use super::{Conflict, Kept, Last, Running};
use crate::effective;
use crate::manifest::{self, Failure, Instance, Rendered};
use crate::placement::{ClusterDecision, Decisions, Placed};
use crate::spec::Gap;

/// A snapshot in the making.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) entries: Arc<Entries>,
    pub(super) owners: BTreeMap<BundleName, PlacementName>,
    pub(super) kept: BTreeMap<BundleName, Kept>,
    /// The instances whose content is needed.
    pub(super) instances: Vec<Arc<Instance>>,
    /// The cluster's; `None` where it is not declared.
    pub(super) mode: Option<Mode>,
    /// Policies that were made anew to carry it.
    pub(super) remade: BTreeMap<Digest, Arc<[u8]>>,
    /// Bundles whose policy does not carry it, because it is not known.
    pub(super) not_carried: BTreeSet<BundleName>,
}

/// The entries of a snapshot. Clusters that run the same share them.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) digest: Digest,
    pub(super) conflicts: Vec<Conflict>,
}

/// What leaves between two snapshots, by the bundle that has it.
pub(super) type Leaving = BTreeMap<BundleName, BTreeSet<ObjectKey>>;

/// Work that is the same for many clusters, done once. Keys are addresses of shared values that
/// outlive the memory, so that equal addresses are one value; they never order anything.
#[derive(Default)]
pub(super) struct Memory {
    /// Where each object of an instance is in the order of all keys, so that putting a snapshot
    /// in order compares numbers.
    ranks: BTreeMap<usize, Box<[u32]>>,
    entries: BTreeMap<Vec<usize>, Option<Arc<Entries>>>,
    leaving: BTreeMap<(usize, usize), Arc<Leaving>>,
    held: BTreeMap<HeldKey, Result<Arc<Entries>, TooMany>>,
    modes: Memo,
    /// What drafts gave up: its addresses are keys here.
    given_up: Vec<Arc<Entries>>,
}

/// A draft's entries, what was last given, the cluster's mode, and the bundles that are put back.
type HeldKey = (usize, usize, Option<Mode>, Vec<BundleName>);

/// More objects than a snapshot may have.
pub(super) type TooMany = usize;

/// One bundle of a draft.
enum Part {
    /// As it was rendered.
    Fresh(Arc<Instance>),
    /// As it was last given, if it was, with the policy that it has now.
    Last(Option<Digest>),
}

impl Memory {
    /// A memory for content that outlives it.
    pub(super) fn of(content: &Rendered) -> Self {
        let keys = content.instances().flat_map(|i| i.objects.keys());
        let keys: BTreeSet<&ObjectKey> = keys.collect();
        let order: BTreeMap<&ObjectKey, u32> = keys.into_iter().zip(0..).collect();
        let ranks = content.instances().map(|instance| {
            let ranks = instance.objects.keys().map(|key| order[key]);
            (address(instance), ranks.collect())
        });
        Self {
            ranks: ranks.collect(),
            ..Self::default()
        }
    }
}

fn address<T>(shared: &Arc<T>) -> usize {
    Arc::as_ptr(shared).addr()
}

impl Entries {
    fn new(
        bundles: BTreeMap<BundleName, Digest>,
        objects: BTreeMap<ObjectKey, Entry>,
        conflicts: Vec<Conflict>,
    ) -> Result<Arc<Self>, TooMany> {
        let count = objects.len();
        let snapshot = Snapshot::try_new(bundles, objects).map_err(|_| count)?;
        let digest = snapshot.digest();
        Ok(Arc::new(Self {
            snapshot: Arc::new(snapshot),
            digest,
            conflicts,
        }))
    }
}

impl Draft {
    pub(super) fn objects(&self) -> &BTreeMap<ObjectKey, Entry> {
        self.entries.snapshot.objects()
    }

    pub(super) fn has_bundle(&self, bundle: &BundleName) -> bool {
        self.entries.snapshot.bundles().contains_key(bundle)
    }

    /// What the cluster was last given and this draft lacks.
    pub(super) fn leaving(&self, last: &Last, memory: &mut Memory) -> Arc<Leaving> {
        let key = (address(&last.snapshot), address(&self.entries));
        let compare = || {
            let mut leaving = Leaving::new();
            if Arc::ptr_eq(&last.snapshot, &self.entries.snapshot) {
                return Arc::new(leaving);
            }
            for (key, entry) in last.snapshot.objects() {
                if !self.objects().contains_key(key) {
                    leaving
                        .entry(entry.bundle.clone())
                        .or_default()
                        .insert(key.clone());
                }
            }
            Arc::new(leaving)
        };
        Arc::clone(memory.leaving.entry(key).or_insert_with(compare))
    }

    /// The policy of a bundle that stays as it is: the last one with the present mode.
    fn carry(
        &mut self,
        bundle: &BundleName,
        last: &Last,
        memo: &mut Memo,
        known: &Policies,
    ) -> Option<Digest> {
        let policy = *last.snapshot.bundles().get(bundle)?;
        let Some(mode) = self.mode else {
            return Some(policy);
        };
        let Some(carried) = memo.carry(policy, mode, known) else {
            self.not_carried.insert(bundle.clone());
            return Some(policy);
        };
        if let Some(bytes) = carried.bytes {
            self.remade.insert(carried.digest, bytes);
        }
        Some(carried.digest)
    }

    /// Puts bundles' objects back that may not be removed, each with the reason.
    pub(super) fn hold(
        &mut self,
        held: &BTreeMap<BundleName, Kept>,
        last: &Last,
        memory: &mut Memory,
        known: &Policies,
    ) -> Result<(), TooMany> {
        memory.given_up.push(Arc::clone(&self.entries));
        let leaving = self.leaving(last, memory);
        let mut policies = BTreeMap::new();
        for bundle in held
            .keys()
            .filter(|bundle| !self.has_bundle(bundle))
            .cloned()
            .collect::<Vec<_>>()
        {
            if let Some(policy) = self.carry(&bundle, last, &mut memory.modes, known) {
                policies.insert(bundle, policy);
            }
        }
        let names: Vec<BundleName> = held.keys().cloned().collect();
        let key = (
            address(&self.entries),
            address(&last.snapshot),
            self.mode,
            names,
        );
        let merged = memory.held.entry(key).or_insert_with(|| {
            let mut bundles = self.entries.snapshot.bundles().clone();
            let mut objects = self.objects().clone();
            bundles.extend(policies);
            for bundle in held.keys() {
                for key in leaving.get(bundle).into_iter().flatten() {
                    objects.insert(key.clone(), last.snapshot.objects()[key].clone());
                }
            }
            Entries::new(bundles, objects, self.entries.conflicts.clone())
        });
        let merged = Arc::clone(merged.as_ref().map_err(|count| *count)?);
        self.entries = merged;
        for (bundle, why) in held {
            if let Some(owner) = last.owners.get(bundle) {
                self.owners
                    .entry(bundle.clone())
                    .or_insert_with(|| owner.clone());
            }
            self.kept
                .entry(bundle.clone())
                .or_insert_with(|| why.clone());
        }
        Ok(())
    }
}

/// Drafts clusters.
pub(super) struct Drafter<'a> {
    pub(super) decisions: &'a Decisions,
    pub(super) content: &'a Rendered,
    pub(super) running: &'a Running,
    /// Placements that reach further than their sources may.
    pub(super) refused: BTreeSet<&'a PlacementName>,
}

impl Drafter<'_> {
    /// Drafts one cluster. `last` is what it was last given, where that is known.
    pub(super) fn draft(
        &self,
        cluster: &ClusterName,
        decision: &ClusterDecision,
        last: Option<&Last>,
        memory: &mut Memory,
    ) -> Result<Draft, TooMany> {
        let mut parts: BTreeMap<&BundleName, Part> = BTreeMap::new();
        let mut owners = BTreeMap::new();
        let mut kept = BTreeMap::new();
        let mut lasting = BTreeSet::new();
        let was_there =
            |bundle| last.is_some_and(|last| last.snapshot.bundles().contains_key(bundle));
        let made = self.content.clusters.get(cluster);
        for (bundle, placed) in &decision.bundles {
            let made = made.and_then(|made| made.get(bundle));
            match self.wanted(cluster, made, placed) {
                Ok(instance) => {
                    owners.insert(bundle.clone(), placed.placement.clone());
                    parts.insert(bundle, Part::Fresh(instance));
                }
                Err(why) => {
                    kept.insert(bundle.clone(), why);
                    if was_there(bundle) {
                        owners.insert(bundle.clone(), placed.placement.clone());
                        lasting.insert(bundle);
                    }
                }
            }
        }
        for bundle in last
            .into_iter()
            .flat_map(|last| last.snapshot.bundles().keys())
        {
            if !decision.bundles.contains_key(bundle)
                && let Some(why) = self.unasked(cluster, bundle, last)
            {
                kept.insert(bundle.clone(), why);
                lasting.insert(bundle);
            }
        }
        for bundle in &lasting {
            if let Some(owner) = last.and_then(|last| last.owners.get(*bundle)) {
                owners.insert((*bundle).clone(), owner.clone());
            }
        }
        let mut draft = self.empty(cluster);
        for bundle in lasting {
            let policy = last.and_then(|last| {
                draft.carry(bundle, last, &mut memory.modes, &self.running.policies)
            });
            parts.insert(bundle, Part::Last(policy));
        }
        draft.entries = entries(&parts, last, memory)?;
        let instances = parts.into_values().filter_map(|part| match part {
            Part::Fresh(instance) => Some(instance),
            Part::Last(_) => None,
        });
        draft.instances = instances.collect();
        draft.owners = owners;
        draft.kept = kept;
        if let Some(last) = last.filter(|_| draft.mode == Some(Mode::Release)) {
            self.release(&mut draft, last, memory)?;
        }
        Ok(draft)
    }

    /// A draft of nothing yet.
    fn empty(&self, cluster: &ClusterName) -> Draft {
        let snapshot = Snapshot::default();
        let member = self.decisions.spec().members.get(cluster);
        Draft {
            entries: Arc::new(Entries {
                digest: snapshot.digest(),
                snapshot: Arc::new(snapshot),
                conflicts: Vec::new(),
            }),
            owners: BTreeMap::new(),
            kept: BTreeMap::new(),
            instances: Vec::new(),
            mode: member.map(|member| manifest::carried(member.mode)),
            remade: BTreeMap::new(),
            not_carried: BTreeSet::new(),
        }
    }

    /// Nothing leaves a cluster that is released: its spoke is told to let all of it go, and deletes
    /// only what it is not told of.
    fn release(&self, draft: &mut Draft, last: &Last, memory: &mut Memory) -> Result<(), TooMany> {
        let leaving = draft.leaving(last, memory);
        let held: BTreeMap<_, _> = leaving
            .keys()
            .map(|bundle| (bundle.clone(), Kept::Released))
            .collect();
        match held.is_empty() {
            true => Ok(()),
            false => draft.hold(&held, last, memory, &self.running.policies),
        }
    }

    /// The instance of a placed bundle, or why what is there stays as it is.
    fn wanted(
        &self,
        cluster: &ClusterName,
        made: Option<&Result<Arc<Instance>, Failure>>,
        placed: &Placed,
    ) -> Result<Arc<Instance>, Kept> {
        if placed.suspended {
            return Err(Kept::Suspended {
                placement: placed.placement.clone(),
            });
        }
        let waiting = self.running.waiting.get(&placed.placement);
        if waiting.is_some_and(|had| !had.contains(cluster)) {
            return Err(Kept::Waits {
                placement: placed.placement.clone(),
            });
        }
        if self.refused.contains(&placed.placement) {
            return Err(Kept::ReachesTooFar {
                placement: placed.placement.clone(),
            });
        }
        if let Some(what) = &placed.inputs.unknown {
            return Err(Kept::NotKnown { what: what.clone() });
        }
        if !placed.declared {
            return Err(Kept::NotDeclared {
                named_at: placed.named_at.clone(),
            });
        }
        match made {
            Some(Ok(instance)) => Ok(Arc::clone(instance)),
            Some(Err(problems)) => {
                let problem = problems
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                Err(Kept::NotRendered { problem })
            }
            None => Err(Kept::NotRendered {
                problem: "it was not rendered yet".to_owned(),
            }),
        }
    }

    /// Why a bundle that nothing asks for stays: its source is not fully known, or its placement is
    /// suspended, reaches too far or names what is not declared.
    fn unasked(
        &self,
        cluster: &ClusterName,
        bundle: &BundleName,
        last: Option<&Last>,
    ) -> Option<Kept> {
        let owner = last?.owners.get(bundle);
        if let Some(why) = unknown_placement(self.decisions, bundle, owner) {
            return Some(why);
        }
        let owner = owner?;
        let decision = self.decisions.placements.get(owner)?;
        if decision.is_suspended() {
            return Some(Kept::Suspended {
                placement: owner.clone(),
            });
        }
        // Where its source may not use the cluster any more, the bundle goes.
        if self.refused.contains(owner) && !decision.may_not_use(cluster) {
            return Some(Kept::ReachesTooFar {
                placement: owner.clone(),
            });
        }
        if self.running.waiting.contains_key(owner) {
            return Some(Kept::Waits {
                placement: owner.clone(),
            });
        }
        let spec = self.decisions.spec();
        let placement = &spec.placements.get(owner)?.spec;
        let unknown = placement
            .bundles
            .iter()
            .find(|b| !effective::is_declared(spec, &b.name, placement))?;
        Some(Kept::NamesUnknown {
            placement: owner.clone(),
            bundle: unknown.name.clone(),
            named_at: unknown.at.clone(),
        })
    }
}

/// Why a placement of a bundle may not be known: one of those who had brought it, or of the bundle's own
/// source; of anybody where it is not recorded who had.
pub(crate) fn unknown_placement(
    decisions: &Decisions,
    bundle: &BundleName,
    owner: Option<&PlacementName>,
) -> Option<Kept> {
    let concerns = |source: &SourceName| {
        source == bundle.source() || owner.is_none_or(|owner| owner.source() == source)
    };
    let mut gaps = decisions.gaps.iter().filter(|(source, _)| concerns(source));
    let (source, gap) = gaps.find_map(|(source, gaps)| {
        let gap = gaps.iter().find(|gap| gap.may_place())?;
        Some((source, gap))
    })?;
    let why = match gap {
        Gap::Broken(at, _) => format!("{at} is broken, and no good version of it is known"),
        Gap::Unread => "it was not read since the hub started".to_owned(),
    };
    let source = source.clone();
    Some(Kept::SourceUnknown { source, why })
}

/// The entries of all parts. Where everything is fresh and nothing is claimed twice, they depend
/// on the instances alone, and clusters share them.
fn entries(
    parts: &BTreeMap<&BundleName, Part>,
    last: Option<&Last>,
    memory: &mut Memory,
) -> Result<Arc<Entries>, TooMany> {
    let fresh: Option<Vec<usize>> = parts
        .values()
        .map(|part| match part {
            Part::Fresh(instance) => Some(address(instance)),
            Part::Last(_) => None,
        })
        .collect();
    let Some(key) = fresh else {
        return build(claims(parts, last), bundles(parts), last);
    };
    match memory.entries.get(&key) {
        Some(Some(entries)) => return Ok(Arc::clone(entries)),
        // Two bundles claim one object: who has it today counts.
        Some(None) => return build(claims(parts, last), bundles(parts), last),
        None => {}
    }
    let claims = ranked(parts, &memory.ranks).unwrap_or_else(|| claims(parts, last));
    let built = build(claims, bundles(parts), last)?;
    let shared = built.conflicts.is_empty().then(|| Arc::clone(&built));
    memory.entries.insert(key, shared);
    Ok(built)
}

/// An object that a bundle has.
struct Claim<'a> {
    key: &'a ObjectKey,
    bundle: &'a BundleName,
    digest: Digest,
}

/// The policies of the bundles that are there.
fn bundles(parts: &BTreeMap<&BundleName, Part>) -> BTreeMap<BundleName, Digest> {
    let policy = |part: &Part| match part {
        Part::Fresh(instance) => instance.policy,
        Part::Last(policy) => *policy,
    };
    parts
        .iter()
        .filter_map(|(bundle, part)| Some(((*bundle).clone(), policy(part)?)))
        .collect()
}

/// Every claim, by key and then by bundle, where everything is fresh and ranked.
fn ranked<'a>(
    parts: &'a BTreeMap<&'a BundleName, Part>,
    ranks: &BTreeMap<usize, Box<[u32]>>,
) -> Option<Vec<Claim<'a>>> {
    let mut claims = Vec::new();
    for (bundle, part) in parts {
        let Part::Fresh(instance) = part else {
            return None;
        };
        let ranks = ranks.get(&address(instance))?;
        let objects = instance
            .objects
            .iter()
            .filter(|_| instance.policy.is_some());
        for ((key, digest), rank) in objects.zip(ranks) {
            let digest = *digest;
            claims.push((
                *rank,
                Claim {
                    key,
                    bundle,
                    digest,
                },
            ));
        }
    }
    // Stable: bundles stay in order.
    claims.sort_by_key(|(rank, _)| *rank);
    Some(claims.into_iter().map(|(_, claim)| claim).collect())
}

/// Every claim, by key and then by bundle.
fn claims<'a>(parts: &'a BTreeMap<&'a BundleName, Part>, last: Option<&'a Last>) -> Vec<Claim<'a>> {
    let mut claims = Vec::new();
    for (bundle, part) in parts {
        match part {
            Part::Fresh(instance) if instance.policy.is_some() => {
                let objects = instance.objects.iter();
                claims.extend(objects.map(|(key, digest)| Claim {
                    key,
                    bundle,
                    digest: *digest,
                }));
            }
            Part::Fresh(_) => {}
            Part::Last(_) => {
                let snapshots = last.iter().map(|last| &last.snapshot);
                let objects = snapshots
                    .filter(|snapshot| snapshot.bundles().contains_key(*bundle))
                    .flat_map(|snapshot| snapshot.objects());
                let own = objects.filter(|(_, entry)| entry.bundle == **bundle);
                claims.extend(own.map(|(key, entry)| Claim {
                    key,
                    bundle,
                    digest: entry.digest,
                }));
            }
        }
    }
    claims.sort_by_key(|claim| claim.key);
    claims
}

fn build(
    claims: Vec<Claim<'_>>,
    bundles: BTreeMap<BundleName, Digest>,
    last: Option<&Last>,
) -> Result<Arc<Entries>, TooMany> {
    let mut conflicts = Vec::new();
    let mut objects = Vec::with_capacity(claims.len());
    for claimants in claims.chunk_by(|one, next| one.key == next.key) {
        let holder = holder(claimants, last);
        for claim in claimants.iter().filter(|c| c.bundle != holder.bundle) {
            conflicts.push(Conflict {
                object: holder.key.clone(),
                holder: holder.bundle.clone(),
                loser: claim.bundle.clone(),
            });
        }
        let entry = Entry {
            bundle: holder.bundle.clone(),
            digest: holder.digest,
        };
        objects.push((holder.key.clone(), entry));
    }
    // Sorted already, so that the map is filled without looking for places.
    let built = Entries::new(bundles, objects.into_iter().collect(), conflicts)?;
    Ok(match last {
        Some(last) if last.snapshot == built.snapshot => Arc::new(Entries {
            snapshot: Arc::clone(&last.snapshot),
            digest: built.digest,
            conflicts: built.conflicts.clone(),
        }),
        _ => built,
    })
}

/// Who gets an object: the bundle that has it today, else the one with the lower name, which is
/// the first.
fn holder<'a, 'b>(claimants: &'b [Claim<'a>], last: Option<&Last>) -> &'b Claim<'a> {
    let first = &claimants[0];
    if claimants.len() == 1 {
        return first;
    }
    let today = last
        .and_then(|last| last.snapshot.objects().get(first.key))
        .map(|entry| &entry.bundle);
    claimants
        .iter()
        .find(|claim| Some(claim.bundle) == today)
        .unwrap_or(first)
}
