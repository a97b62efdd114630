//! From decisions to snapshots.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::policy::Mode;
use capstan_proto::{BundleName, ClusterName, Moment, delta};

use super::budget::{self, Count, Held, Unit, Units};
use super::draft::{self, Draft, Drafter, Memory};
use super::modes;
use super::{
    Approval, Conflict, Desired, Given, Group, Hold, Kept, Last, Prune, Removal, RemovalSet,
    Running,
};
use super::{Target, Wanted};
use crate::effective;
use crate::manifest::Rendered;
use crate::placement::{Decisions, PlacementDecision};
use crate::problem::{Code, Problem};
use crate::spec::Gap;

/// What every cluster should run: what was decided, minus what may not be removed yet.
#[must_use]
pub fn desired(decisions: &Decisions, content: &Rendered, running: &Running) -> Desired {
    let mut memory = Memory::of(content);
    let mut desired = Desired::default();
    let mut drafts = drafts(decisions, content, running, &mut memory, &mut desired);
    for cluster in decisions.undeclared.iter().chain(running.clusters.keys()) {
        if !decisions.clusters.contains_key(cluster) {
            let reason = no_opinion(decisions);
            desired
                .clusters
                .insert(cluster.clone(), Wanted::NoOpinion { reason });
        }
    }
    let units = units(&drafts, decisions, running, &mut memory);
    let held = Count {
        units: &units,
        running,
        decisions,
        drafts: &drafts,
    }
    .held();
    let holds = holds(&units, &held);
    desired.removals = removals(&units, &held, running);
    desired.problems.extend(
        desired
            .holds
            .iter()
            .map(|hold| held_problem(hold, decisions)),
    );
    desired
        .problems
        .extend(conflicts(&drafts, content, running));
    let safeties = budget::not_allowed(decisions, &running.budget);
    desired.problems.extend(safeties);
    desired.problems.extend(waiting(decisions, running));
    for (cluster, held) in held_bundles(&units, &held, &holds) {
        let Some(last) = running.clusters.get(cluster).and_then(known) else {
            continue;
        };
        let Some(draft) = drafts.get_mut(cluster) else {
            continue;
        };
        if let Err(count) = draft.hold(&held, last, &mut memory, &running.policies) {
            let wanted = too_large(cluster, count, &mut desired.problems);
            desired.clusters.insert(cluster.clone(), wanted);
            drafts.remove(cluster);
        }
    }
    desired.problems.extend(modes::not_carried(&drafts));
    desired.holds = holds.into_values().collect();
    finish(drafts, decisions, running, &mut desired);
    desired.problems.sort();
    desired
}

fn drafts(
    decisions: &Decisions,
    content: &Rendered,
    running: &Running,
    memory: &mut Memory,
    desired: &mut Desired,
) -> BTreeMap<ClusterName, Draft> {
    let placements = decisions.placements.values();
    let refused = placements.filter(PlacementDecision::reaches_too_far);
    let drafter = Drafter {
        decisions,
        content,
        running,
        refused: refused.map(|decision| decision.name()).collect(),
    };
    let mut drafts = BTreeMap::new();
    for (cluster, decision) in &decisions.clusters {
        let given = running.clusters.get(cluster).unwrap_or(&Given::Nothing);
        let unheard = unheard(cluster, running);
        if let Some(reason) = too_young(decisions, given).or(unheard) {
            desired
                .clusters
                .insert(cluster.clone(), Wanted::NoOpinion { reason });
            continue;
        }
        match drafter.draft(cluster, decision, known(given), memory) {
            Ok(draft) => {
                drafts.insert(cluster.clone(), draft);
            }
            Err(count) => {
                let wanted = too_large(cluster, count, &mut desired.problems);
                desired.clusters.insert(cluster.clone(), wanted);
            }
        }
    }
    drafts
}

fn known(given: &Given) -> Option<&Last> {
    match given {
        Given::Known(last) => Some(last),
        Given::Nothing | Given::Unknown => None,
    }
}

/// A hub that cannot tell what a cluster had, and has not read every source yet, says nothing.
fn too_young(decisions: &Decisions, given: &Given) -> Option<String> {
    let unread = decisions
        .gaps
        .iter()
        .find(|(_, gaps)| gaps.contains(&Gap::Unread));
    match (given, unread) {
        (Given::Unknown, Some((source, _))) => Some(format!(
            "source `{source}` was not read yet, and what the cluster had is not known"
        )),
        _ => None,
    }
}

/// What a cluster runs is not known, and a placement waits for it.
fn unheard(cluster: &ClusterName, running: &Running) -> Option<String> {
    let (placement, _) = running.waiting.first_key_value()?;
    running.awaited.contains(cluster).then(|| {
        format!(
            "what it runs is not on record, it did not say it yet, and placement `{}` waits for that",
            placement.name()
        )
    })
}

/// Placements that wait for clusters to say what they run.
fn waiting(decisions: &Decisions, running: &Running) -> Vec<Problem> {
    let problem = |name: &capstan_proto::PlacementName| {
        let at = decisions.placements.get(name)?.at();
        let (one, more) = (running.awaited.first()?, running.awaited.len() - 1);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "the record of the clusters that it selected is lost, and {one}{more} did not say yet \
             what runs there; until then it moves nothing"
        );
        let hint = "connect them, or say that they may be left out with `hub recover --confirm` or \
                    `hub cluster ban`";
        Some(Problem::warning(at, Code::SelectionLost, message).hint(hint))
    };
    running.waiting.keys().filter_map(problem).collect()
}

fn no_opinion(decisions: &Decisions) -> String {
    if decisions.revisions.is_empty() {
        return "no source was read yet; the cluster keeps what it has".to_owned();
    }
    "no source declares this cluster; it keeps what it has until a Cluster document names it \
     (`hub cluster ban` shuts it out)"
        .to_owned()
}

/// What would leave and is not approved.
fn units(
    drafts: &BTreeMap<ClusterName, Draft>,
    decisions: &Decisions,
    running: &Running,
    memory: &mut Memory,
) -> Units {
    let mut units = Units::new();
    for (cluster, draft) in drafts {
        let Some(last) = running.clusters.get(cluster).and_then(known) else {
            continue;
        };
        for (bundle, objects) in draft.leaving(last, memory).iter() {
            let owner = last.owners.get(bundle);
            let selects = owner.is_some_and(|owner| {
                let decision = decisions.placements.get(owner);
                decision.is_some_and(|decision| decision.selects(cluster))
            });
            let unit = Unit {
                objects: objects.clone(),
                group: Group::of(bundle, owner),
                cluster_lost: !selects && !draft.has_bundle(bundle),
            };
            if !valid(running).any(|approval| covers(approval, cluster, &unit)) {
                units.insert((cluster.clone(), bundle.clone()), unit);
            }
        }
    }
    units
}

fn valid(running: &Running) -> impl Iterator<Item = &Approval> {
    let now = running.now.unix_ms();
    running
        .approvals
        .iter()
        .filter(move |approval| approval.expires_unix_ms > now)
}

fn covers(approval: &Approval, cluster: &ClusterName, unit: &Unit) -> bool {
    unit.objects
        .iter()
        .all(|object| approval.set.contains(cluster, object))
}

/// One hold a group: what is counted together is approved together.
fn holds(units: &Units, held: &Held) -> BTreeMap<Group, Hold> {
    let mut groups: BTreeMap<&Group, (RemovalSet, BTreeSet<super::Why>)> = BTreeMap::new();
    for (name, why) in held {
        let unit = &units[name];
        let (set, reasons) = groups.entry(&unit.group).or_default();
        for object in &unit.objects {
            set.insert(name.0.clone(), object.clone(), name.1.clone());
        }
        reasons.extend(why.iter().cloned());
    }
    let hold = |(group, (set, why)): (&Group, (RemovalSet, BTreeSet<super::Why>))| {
        let placement = group.placement().cloned();
        (
            group.clone(),
            Hold {
                digest: set.digest(),
                set,
                why,
                placement,
            },
        )
    };
    groups.into_iter().map(hold).collect()
}

/// What is put back, by cluster and bundle, with the set it waits for.
fn held_bundles<'a>(
    units: &Units,
    held: &'a Held,
    holds: &BTreeMap<Group, Hold>,
) -> BTreeMap<&'a ClusterName, BTreeMap<BundleName, Kept>> {
    let mut bundles: BTreeMap<&ClusterName, BTreeMap<BundleName, Kept>> = BTreeMap::new();
    for name in held.keys() {
        let (cluster, bundle) = name;
        let set = holds[&units[name].group].digest;
        bundles
            .entry(cluster)
            .or_default()
            .insert(bundle.clone(), Kept::Held { set });
    }
    bundles
}

fn held_problem(hold: &Hold, decisions: &Decisions) -> Problem {
    let decision = hold
        .placement
        .as_ref()
        .and_then(|p| decisions.placements.get(p));
    Problem {
        at: decision.map(|decision| decision.at().clone()),
        code: Code::RemovalHeld,
        severity: crate::problem::Severity::Warning,
        clusters: BTreeSet::new(),
        bundle: None,
        pin: None,
        message: hold.sentence(),
        hint: Some(format!(
            "run `{}`, or bring back what was taken away",
            hold.command()
        )),
    }
}

/// What may leave without an approval, for the log.
fn removals(units: &Units, held: &Held, running: &Running) -> Vec<Removal> {
    let permitted = units.iter().filter(|(name, _)| !held.contains_key(*name));
    let mut removals = Vec::new();
    for ((cluster, bundle), unit) in permitted {
        for object in &unit.objects {
            removals.push(Removal {
                cluster: cluster.clone(),
                object: object.clone(),
                bundle: bundle.clone(),
                placement: unit.group.placement().cloned(),
                cluster_lost: unit.cluster_lost,
                at_unix_ms: running.now.unix_ms(),
            });
        }
    }
    removals
}

/// One problem for two bundles and an object, however many clusters see it.
fn conflicts(
    drafts: &BTreeMap<ClusterName, Draft>,
    content: &Rendered,
    running: &Running,
) -> Vec<Problem> {
    let mut clusters: BTreeMap<&Conflict, Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, draft) in drafts {
        for conflict in &draft.entries.conflicts {
            clusters.entry(conflict).or_default().push(cluster);
        }
    }
    let problem = |(conflict, clusters): (&Conflict, Vec<&ClusterName>)| {
        let instance = content
            .get(clusters[0], &conflict.loser)
            .and_then(|i| i.as_ref().ok());
        let more = match clusters.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let Conflict {
            object,
            holder,
            loser,
        } = conflict;
        let (has, lacks, on) = (holder.name(), loser.name(), clusters[0]);
        let known = running.clusters.contains_key(on);
        let message = match known {
            true => format!(
                "{object} belongs to bundle `{has}` on {on}{more}; bundle `{lacks}` does not get it"
            ),
            // Who has it is not known to files: to name a loser would be a guess.
            false => format!("bundles `{has}` and `{lacks}` both declare {object} on {on}{more}"),
        };
        Problem {
            at: instance
                .and_then(|i| i.places.get(&conflict.object))
                .cloned(),
            ..Problem::of_cluster(clusters[0], Code::ObjectConflict, message)
        }
        .about_bundle(&conflict.loser)
        .hint(match known {
            true => "declare it in one bundle".to_owned(),
            false => format!(
                "declare it in one of them; the one that has it today keeps it, else `{has}` gets it"
            ),
        })
    };
    clusters.into_iter().map(problem).collect()
}

/// Turns drafts into targets, and collects the content they need.
fn finish(
    drafts: BTreeMap<ClusterName, Draft>,
    decisions: &Decisions,
    running: &Running,
    desired: &mut Desired,
) {
    // Thousands of clusters share instances: each is looked at once.
    let mut seen = BTreeSet::new();
    let mut modes = modes::Snapshots::default();
    // The same for every cluster, and seldom asked for.
    let keeping = OnceCell::new();
    for (cluster, draft) in drafts {
        for instance in &draft.instances {
            if seen.insert(Arc::as_ptr(instance).addr()) {
                let bytes = instance.bytes.iter();
                desired
                    .content
                    .extend(bytes.map(|(digest, bytes)| (*digest, Arc::clone(bytes))));
            }
        }
        let given = running.clusters.get(&cluster).unwrap_or(&Given::Nothing);
        let prune = match stays_unrecorded(&cluster, &draft, (decisions, &keeping), running) {
            Some(why) => Prune::Withheld(why),
            None => prune(given),
        };
        desired.content.extend(draft.remade);
        let (snapshot, digest) = modes.of(&draft.entries, draft.mode);
        let target = Target {
            digest,
            snapshot,
            owners: draft.owners,
            prune,
            approvals: approvals(&cluster, running),
            stamps: decisions.revisions.clone(),
            kept: draft.kept,
            conflicts: draft.entries.conflicts.clone(),
        };
        desired.clusters.insert(cluster, Wanted::Snapshot(target));
    }
}

/// The approvals of a cluster's part of a set, whether it is carried out yet or not.
fn approvals(cluster: &ClusterName, running: &Running) -> Vec<delta::Approval> {
    let of_cluster = |approval: &Approval| {
        Some(delta::Approval {
            removal_set: approval.set.cluster_digest(cluster)?,
            approver: approval.approver.clone(),
            expires_at: Moment::from_unix_ms(approval.expires_unix_ms),
        })
    };
    let sorted: BTreeSet<_> = valid(running).filter_map(of_cluster).collect();
    sorted.into_iter().collect()
}

/// Why a bundle stays that the cluster runs and that is not on record: the snapshot cannot have it, so
/// that whatever the snapshot lacks stays too.
fn stays_unrecorded(
    cluster: &ClusterName,
    draft: &Draft,
    (decisions, keeping): (&Decisions, &OnceCell<Option<Kept>>),
    running: &Running,
) -> Option<String> {
    let runs = running.unrecorded.get(cluster)?.iter();
    let mut lacking = runs.filter(|bundle| !draft.has_bundle(bundle));
    lacking.find_map(|bundle| {
        let why = match draft.kept.get(bundle) {
            Some(why) => why.to_string(),
            None if draft.mode == Some(Mode::Release) => Kept::Released.to_string(),
            None => draft::unknown_placement(decisions, bundle, None)
                .or_else(|| keeping.get_or_init(|| may_not_change(decisions)).clone())?
                .to_string(),
        };
        Some(format!(
            "bundle {} runs there, what it consists of is not on record, and it stays: {why}",
            bundle.name()
        ))
    })
}

/// A placement that keeps what it brought. It is not on record which one brought what, and a list that
/// changed meanwhile does not tell: so it may be any of them.
fn may_not_change(decisions: &Decisions) -> Option<Kept> {
    let mut placements = decisions.placements.values();
    placements.find_map(|decision| {
        let named = decision.bundles();
        let placement = decision.name().clone();
        if decision.is_suspended() {
            return Some(Kept::Suspended { placement });
        }
        if decision.reaches_too_far() {
            return Some(Kept::ReachesTooFar { placement });
        }
        let (spec, document) = (decisions.spec(), decision.placement());
        let unknown = |name: &BundleName| !effective::is_declared(spec, name, document);
        let unknown = named.iter().find(|named| unknown(&named.name))?;
        Some(Kept::NamesUnknown {
            placement,
            bundle: unknown.name.clone(),
            named_at: unknown.at.clone(),
        })
    })
}

fn prune(given: &Given) -> Prune {
    match given {
        Given::Nothing => Prune::Permitted,
        Given::Known(last) if last.certain => Prune::Permitted,
        Given::Known(_) | Given::Unknown => Prune::Withheld(
            "what the cluster had before is not known to this hub; nothing is pruned until \
             `hub recover --confirm`"
                .to_owned(),
        ),
    }
}

/// More objects than a snapshot may have: what is there stays.
fn too_large(cluster: &ClusterName, count: usize, problems: &mut Vec<Problem>) -> Wanted {
    let max = capstan_proto::limits::SNAPSHOT_OBJECTS_MAX;
    let reason = format!("{count} objects are more than the {max} a cluster may have");
    problems.push(
        Problem::of_cluster(cluster, Code::SnapshotTooLarge, reason.clone())
            .hint("place fewer bundles on it"),
    );
    Wanted::NoOpinion { reason }
}
