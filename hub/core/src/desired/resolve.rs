//! From decisions to snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Moment, ObjectKey, delta};

use super::budget::{Count, Group, Held, Unit, Units};
use super::draft::Draft;
use super::{Approval, Conflict, Desired, Given, Hold, Last, Prune, Removal, RemovalSet, Running};
use super::{Target, Wanted};
use crate::manifest::Rendered;
use crate::placement::Decisions;
use crate::problem::{Code, Problem};
use crate::spec::Gap;

/// What every cluster should run: what was decided, minus what may not be removed yet.
#[must_use]
pub fn desired(decisions: &Decisions, content: &Rendered, running: &Running) -> Desired {
    let mut drafts = BTreeMap::new();
    let mut desired = Desired::default();
    for (cluster, decision) in &decisions.clusters {
        let given = running.clusters.get(cluster).unwrap_or(&Given::Nothing);
        if let Some(reason) = too_young(decisions, given) {
            desired
                .clusters
                .insert(cluster.clone(), Wanted::NoOpinion { reason });
            continue;
        }
        let draft = Draft::of(cluster, decision, decisions, content, known(given));
        drafts.insert(cluster.clone(), draft);
    }
    for cluster in decisions.undeclared.iter().chain(running.clusters.keys()) {
        if !decisions.clusters.contains_key(cluster) {
            let reason = no_opinion(decisions);
            desired
                .clusters
                .insert(cluster.clone(), Wanted::NoOpinion { reason });
        }
    }
    let units = units(&drafts, decisions, running);
    let held = Count {
        units: &units,
        running,
        decisions,
        drafts: &drafts,
    }
    .held();
    desired.holds = holds(&units, &held);
    for hold in &desired.holds {
        apply_hold(hold, &units, &held, running, &mut drafts);
        desired.problems.push(held_problem(hold, decisions));
    }
    desired.removals = removals(&units, &held, running);
    desired.problems.extend(conflicts(&drafts, content));
    for (cluster, draft) in drafts {
        let finish = Finish { decisions, running };
        let wanted = finish.cluster(&cluster, draft, &mut desired);
        desired.clusters.insert(cluster, wanted);
    }
    desired.problems.sort();
    desired
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

fn no_opinion(decisions: &Decisions) -> String {
    if decisions.revisions.is_empty() {
        return "no source was read yet; the cluster keeps what it has".to_owned();
    }
    "no source declares this cluster; it keeps what it has until a Cluster document names it, or \
     `hub cluster forget`"
        .to_owned()
}

/// What would leave and is not approved.
fn units(drafts: &BTreeMap<ClusterName, Draft>, decisions: &Decisions, running: &Running) -> Units {
    let mut units = Units::new();
    for (cluster, draft) in drafts {
        let Some(last) = running.clusters.get(cluster).and_then(known) else {
            continue;
        };
        let mut leaving: BTreeMap<&BundleName, BTreeSet<ObjectKey>> = BTreeMap::new();
        for (key, entry) in last.snapshot.objects() {
            if !draft.objects.contains_key(key) {
                leaving
                    .entry(&entry.bundle)
                    .or_default()
                    .insert(key.clone());
            }
        }
        for (bundle, objects) in leaving {
            let owner = last.owners.get(bundle);
            let selects = owner.is_some_and(|owner| {
                let decision = decisions.placements.get(owner);
                decision.is_some_and(|decision| decision.selected.contains_key(cluster))
            });
            let cluster_lost = !selects && !draft.bundles.contains_key(bundle);
            let unit = Unit {
                objects,
                group: Group::of(bundle, owner),
                cluster_lost,
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
fn holds(units: &Units, held: &Held) -> Vec<Hold> {
    let mut groups: BTreeMap<&Group, (RemovalSet, BTreeSet<super::Why>)> = BTreeMap::new();
    for (name, why) in held {
        let unit = &units[name];
        let (set, reasons) = groups.entry(&unit.group).or_default();
        for object in &unit.objects {
            set.insert(name.0.clone(), object.clone(), name.1.clone());
        }
        reasons.extend(why.iter().cloned());
    }
    let hold = |(group, (set, why)): (&Group, (RemovalSet, BTreeSet<super::Why>))| Hold {
        digest: set.digest(),
        set,
        why,
        placement: group.placement().cloned(),
    };
    groups.into_iter().map(hold).collect()
}

fn apply_hold(
    hold: &Hold,
    units: &Units,
    held: &Held,
    running: &Running,
    drafts: &mut BTreeMap<ClusterName, Draft>,
) {
    for name in held.keys() {
        let (cluster, bundle) = name;
        let unit = &units[name];
        let last = running.clusters.get(cluster).and_then(known);
        let own = hold.set.of_cluster(cluster).is_some_and(|objects| {
            unit.objects
                .iter()
                .all(|object| objects.get(object) == Some(bundle))
        });
        if let (true, Some(last), Some(draft)) = (own, last, drafts.get_mut(cluster)) {
            draft.hold(bundle, &unit.objects, last, hold.digest);
        }
    }
}

fn held_problem(hold: &Hold, decisions: &Decisions) -> Problem {
    let decision = hold
        .placement
        .as_ref()
        .and_then(|p| decisions.placements.get(p));
    Problem {
        at: decision.map(|decision| decision.at.clone()),
        code: Code::RemovalHeld,
        severity: crate::problem::Severity::Warning,
        cluster: None,
        bundle: None,
        message: hold.sentence(),
        hint: Some(format!(
            "run `{}`, or bring back what was taken away",
            hold.command()
        )),
    }
}

/// What may leave without an approval, for the log. What is listed there already is not repeated.
fn removals(units: &Units, held: &Held, running: &Running) -> Vec<Removal> {
    let listed: BTreeSet<(&ClusterName, &ObjectKey)> = running
        .log
        .entries
        .iter()
        .map(|removal| (&removal.cluster, &removal.object))
        .collect();
    let permitted = units.iter().filter(|(name, _)| !held.contains_key(*name));
    let mut removals = Vec::new();
    for ((cluster, bundle), unit) in permitted {
        for object in unit
            .objects
            .iter()
            .filter(|object| !listed.contains(&(cluster, *object)))
        {
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
fn conflicts(drafts: &BTreeMap<ClusterName, Draft>, content: &Rendered) -> Vec<Problem> {
    let mut clusters: BTreeMap<&Conflict, Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, draft) in drafts {
        for conflict in &draft.conflicts {
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
        let message = format!(
            "{} belongs to bundle `{}` on {}{more}; bundle `{}` does not get it",
            conflict.object,
            conflict.holder.name(),
            clusters[0],
            conflict.loser.name(),
        );
        Problem {
            at: instance
                .and_then(|i| i.places.get(&conflict.object))
                .cloned(),
            ..Problem::of_cluster(clusters[0], Code::ObjectConflict, message)
        }
        .about_bundle(&conflict.loser)
        .hint("declare it in one bundle")
    };
    clusters.into_iter().map(problem).collect()
}

struct Finish<'a> {
    decisions: &'a Decisions,
    running: &'a Running,
}

impl Finish<'_> {
    fn cluster(&self, cluster: &ClusterName, draft: Draft, desired: &mut Desired) -> Wanted {
        let given = self
            .running
            .clusters
            .get(cluster)
            .unwrap_or(&Given::Nothing);
        let snapshot = match draft.snapshot() {
            Ok(snapshot) => Arc::new(snapshot),
            Err(count) => return too_large(cluster, count, desired),
        };
        // An unchanged snapshot is the same one: nothing downstream has to compare it.
        let snapshot = match known(given) {
            Some(last) if last.snapshot == snapshot => Arc::clone(&last.snapshot),
            _ => snapshot,
        };
        for instance in &draft.instances {
            for (digest, bytes) in &instance.bytes {
                desired
                    .content
                    .entry(*digest)
                    .or_insert_with(|| Arc::clone(bytes));
            }
        }
        Wanted::Snapshot(Target {
            digest: snapshot.digest(),
            snapshot,
            owners: draft.owners,
            prune: prune(given),
            approvals: self.approvals(cluster),
            stamps: self.decisions.revisions.clone(),
            kept: draft.kept,
            conflicts: draft.conflicts,
        })
    }

    /// The approvals of this cluster's part of a set, whether it is carried out yet or not.
    fn approvals(&self, cluster: &ClusterName) -> Vec<delta::Approval> {
        let of_cluster = |approval: &Approval| {
            Some(delta::Approval {
                removal_set: approval.set.cluster_digest(cluster)?,
                approver: approval.approver.clone(),
                expires_at: Moment::from_unix_ms(approval.expires_unix_ms),
            })
        };
        let sorted: BTreeSet<_> = valid(self.running).filter_map(of_cluster).collect();
        sorted.into_iter().collect()
    }
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
fn too_large(cluster: &ClusterName, count: usize, desired: &mut Desired) -> Wanted {
    let max = capstan_proto::limits::SNAPSHOT_OBJECTS_MAX;
    let reason = format!("{count} objects are more than the {max} a cluster may have");
    desired.problems.push(
        Problem::of_cluster(cluster, Code::SnapshotTooLarge, reason.clone())
            .hint("place fewer bundles on it"),
    );
    Wanted::NoOpinion { reason }
}
