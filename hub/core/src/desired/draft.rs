//! What a cluster should run before anything is held: rendered bundles, and what is kept because
//! nothing better is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Digest, ObjectKey, PlacementName};
use capstan_proto::{Entry, Snapshot};

use super::{Conflict, Kept, Last};
use crate::manifest::{Instance, Rendered};
use crate::placement::{ClusterDecision, Decisions, Placed};
use crate::spec::Gap;

/// A snapshot in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) bundles: BTreeMap<BundleName, Digest>,
    pub(super) objects: BTreeMap<ObjectKey, Entry>,
    pub(super) owners: BTreeMap<BundleName, PlacementName>,
    pub(super) kept: BTreeMap<BundleName, Kept>,
    pub(super) conflicts: Vec<Conflict>,
    /// The instances whose content is needed.
    pub(super) instances: Vec<Arc<Instance>>,
}

/// The objects that every bundle wants.
type Claims = BTreeMap<ObjectKey, BTreeMap<BundleName, Digest>>;

impl Draft {
    /// Drafts one cluster. `last` is what it was last given, where that is known.
    pub(super) fn of(
        cluster: &ClusterName,
        decision: &ClusterDecision,
        decisions: &Decisions,
        content: &Rendered,
        last: Option<&Last>,
    ) -> Self {
        let mut draft = Self::default();
        let mut claims = Claims::new();
        for (bundle, placed) in &decision.bundles {
            match wanted(cluster, bundle, placed, content) {
                Ok(instance) => draft.add(bundle, placed, &instance, &mut claims),
                Err(kept) => {
                    if draft.keep(bundle, kept, last, &mut claims) {
                        draft
                            .owners
                            .entry(bundle.clone())
                            .or_insert(placed.placement.clone());
                    }
                }
            }
        }
        for bundle in last
            .into_iter()
            .flat_map(|last| last.snapshot.bundles().keys())
        {
            if !decision.bundles.contains_key(bundle)
                && let Some(kept) = unasked(bundle, decisions, last)
            {
                draft.keep(bundle, kept, last, &mut claims);
            }
        }
        draft.settle(claims, last);
        draft
    }

    fn add(
        &mut self,
        bundle: &BundleName,
        placed: &Placed,
        instance: &Arc<Instance>,
        claims: &mut Claims,
    ) {
        let Some(policy) = instance.policy else {
            return;
        };
        self.bundles.insert(bundle.clone(), policy);
        self.owners.insert(bundle.clone(), placed.placement.clone());
        for (key, digest) in &instance.objects {
            claims
                .entry(key.clone())
                .or_default()
                .insert(bundle.clone(), *digest);
        }
        self.instances.push(Arc::clone(instance));
    }

    /// Leaves a bundle as it was last given; whether it was there.
    fn keep(
        &mut self,
        bundle: &BundleName,
        kept: Kept,
        last: Option<&Last>,
        claims: &mut Claims,
    ) -> bool {
        self.kept.insert(bundle.clone(), kept);
        let Some(last) = last else { return false };
        let Some(policy) = last.snapshot.bundles().get(bundle) else {
            return false;
        };
        self.bundles.insert(bundle.clone(), *policy);
        if let Some(owner) = last.owners.get(bundle) {
            self.owners.insert(bundle.clone(), owner.clone());
        }
        let own = last
            .snapshot
            .objects()
            .iter()
            .filter(|(_, entry)| entry.bundle == *bundle);
        for (key, entry) in own {
            claims
                .entry(key.clone())
                .or_default()
                .insert(bundle.clone(), entry.digest);
        }
        true
    }

    /// Gives every object to one bundle: to the one that has it today, else to the lower name.
    fn settle(&mut self, claims: Claims, last: Option<&Last>) {
        for (key, claimants) in claims {
            let today = last.and_then(|last| last.snapshot.objects().get(&key));
            let holder = today
                .map(|entry| &entry.bundle)
                .filter(|bundle| claimants.contains_key(*bundle))
                .or_else(|| claimants.keys().next());
            let Some(holder) = holder.cloned() else {
                continue;
            };
            for loser in claimants.keys().filter(|bundle| **bundle != holder) {
                let (object, holder, loser) = (key.clone(), holder.clone(), loser.clone());
                self.conflicts.push(Conflict {
                    object,
                    holder,
                    loser,
                });
            }
            let digest = claimants[&holder];
            self.objects.insert(
                key,
                Entry {
                    bundle: holder,
                    digest,
                },
            );
        }
    }

    /// Puts objects back that may not be removed yet, with their bundle where it left too.
    pub(super) fn hold(
        &mut self,
        bundle: &BundleName,
        objects: &BTreeSet<ObjectKey>,
        last: &Last,
        set: Digest,
    ) {
        let Some(policy) = last.snapshot.bundles().get(bundle) else {
            return;
        };
        self.bundles.entry(bundle.clone()).or_insert(*policy);
        if let Some(owner) = last.owners.get(bundle) {
            self.owners
                .entry(bundle.clone())
                .or_insert_with(|| owner.clone());
        }
        self.kept
            .entry(bundle.clone())
            .or_insert(Kept::Held { set });
        for key in objects {
            if let Some(entry) = last.snapshot.objects().get(key) {
                self.objects.insert(key.clone(), entry.clone());
            }
        }
    }

    /// The snapshot, or how many objects are too many.
    pub(super) fn snapshot(&self) -> Result<Snapshot, usize> {
        Snapshot::try_new(self.bundles.clone(), self.objects.clone())
            .map_err(|_| self.objects.len())
    }
}

/// The instance of a placed bundle, or why what is there stays as it is.
fn wanted(
    cluster: &ClusterName,
    bundle: &BundleName,
    placed: &Placed,
    content: &Rendered,
) -> Result<Arc<Instance>, Kept> {
    if placed.suspended {
        return Err(Kept::Suspended {
            placement: placed.placement.clone(),
        });
    }
    if !placed.declared {
        return Err(Kept::NotDeclared {
            named_at: placed.named_at.clone(),
        });
    }
    match content.get(cluster, bundle) {
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
/// suspended or names what is not declared.
fn unasked(bundle: &BundleName, decisions: &Decisions, last: Option<&Last>) -> Option<Kept> {
    let source = bundle.source();
    if let Some(gap) = decisions.gaps.get(source).and_then(|gaps| gaps.first()) {
        let why = match gap {
            Gap::Broken(at) => format!("{at} is broken, and no good version of it is known"),
            Gap::Unread => "it was not read since the hub started".to_owned(),
        };
        return Some(Kept::SourceUnknown {
            source: source.clone(),
            why,
        });
    }
    let owner = last?.owners.get(bundle)?;
    let decision = decisions.placements.get(owner)?;
    if decision.suspended {
        return Some(Kept::Suspended {
            placement: owner.clone(),
        });
    }
    let unknown = decision
        .bundles
        .iter()
        .find(|b| !decisions.bundles.contains_key(&b.name))?;
    Some(Kept::NamesUnknown {
        placement: owner.clone(),
        bundle: unknown.name.clone(),
        named_at: unknown.at.clone(),
    })
}
