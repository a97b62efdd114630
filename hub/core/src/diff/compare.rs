//! The comparing: cluster by cluster, told together where it is alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, Digest, Entry, ObjectKey, Snapshot};
use serde_json::Value as Json;

use super::clusters::{clusters, released, renames};
use super::inputs::{self, InputChange, There};
use super::policy::policy_fields;
use super::{
    Action, BundleChange, Change, Fields, Keeping, ObjectChange, Plan, Side, Summary, Uncompared,
    Unknown, fields,
};
use crate::desired::{Desired, Kept, RemovalSet, Target, Wanted};
use crate::interchange::{Finding, HeldAnswer, LastGoodUnknown};
use crate::problem::{Problem, Severity};
use crate::spec::{Gap, Member, Mode, PinName, Pinned};

/// What would become of the fleet when `to` follows `from`.
#[must_use]
pub fn plan<'a>(from: Side<'a>, to: Side<'a>) -> Plan<'a> {
    let mut comparing = Comparing {
        from,
        to,
        known: BTreeMap::new(),
        policies: BTreeMap::new(),
        unknown: BTreeMap::new(),
    };
    let groups = comparing.groups();
    let unknown = unknown(comparing.unknown);
    let mut summary = summary(&groups);
    let of_unknown = unknown.iter().flat_map(|unknown| &unknown.clusters);
    summary.unknown = of_unknown.collect::<BTreeSet<_>>().len();
    summary.held = to.desired.holds.iter().map(|hold| hold.set.objects()).sum();
    let (introduced, fixed) = problems(from.problems, to.problems);
    let errors = |found: &[Finding<'_>]| found.iter().filter(|f| f.severity == "error").count();
    summary.errors_introduced = errors(&introduced);
    summary.errors_fixed = errors(&fixed);
    summary.waiting = waiting(&groups, to, &[Mode::Paused, Mode::Observe]);
    summary.released = waiting(&groups, to, &[Mode::Release]);
    let (clusters, uncompared) = (clusters(from, to), uncompared(from, to));
    summary.undeclared = clusters.iter().filter(|change| change.to.is_none()).count();
    summary.uncompared = uncompared.len();
    let last_good_unknown = last_good_unknown(from, to);
    summary.last_good_unknown = last_good_unknown.len();
    Plan {
        summary,
        renames: renames((from, to), &clusters),
        released: released(from, to),
        last_good_unknown,
        clusters,
        uncompared,
        bundles: bundles(from, to),
        changes: groups,
        kept: kept(to.desired),
        unknown,
        held: to.desired.holds.iter().map(HeldAnswer::of).collect(),
        introduced,
        fixed,
    }
}

/// The name that a cluster had before, where it had another one.
pub(super) fn former<'a>(
    from: Side<'_>,
    to: Side<'a>,
    cluster: &ClusterName,
) -> Option<&'a ClusterName> {
    let former = to.spec.members.get(cluster)?.renamed_from.as_ref()?;
    let (before, after) = (&from.spec.members, &to.spec.members);
    let moved = !before.contains_key(cluster) && !after.contains_key(former);
    Some(former).filter(|former| moved && before.contains_key(*former))
}

/// The target that a cluster would have been given before, under the name that it had then.
pub(super) fn before<'a>(
    from: Side<'a>,
    to: Side<'a>,
    cluster: &ClusterName,
) -> Option<&'a Target> {
    let name = former(from, to, cluster).unwrap_or(cluster);
    from.desired.clusters.get(name)?.target()
}

/// Why it is not known what a cluster has of a bundle: it was left as it was, and nothing says how.
fn unknown_before<'a>(before: Option<&'a Target>, bundle: &BundleName) -> Option<&'a Kept> {
    let before = before?;
    let kept = before.kept.get(bundle)?;
    (!before.snapshot.bundles().contains_key(bundle)).then_some(kept)
}

struct Comparing<'a> {
    from: Side<'a>,
    to: Side<'a>,
    /// Thousands of clusters change from one content to one other.
    known: BTreeMap<(Digest, Digest), (Arc<Fields>, Arc<str>)>,
    /// The same of policies.
    policies: BTreeMap<(Digest, Digest), (Arc<Fields>, Arc<str>)>,
    /// Bundles of which it is not known what clusters have.
    unknown: Found<'a>,
}

/// What becomes of one object, comparable.
type Part<'a> = (&'a ObjectKey, Action, Option<&'a BundleName>, Arc<str>);

/// What becomes of one bundle on a cluster.
#[derive(Default)]
struct Ours<'a> {
    policy: Option<(Arc<Fields>, Arc<str>)>,
    inputs: InputChange,
    parts: Vec<Part<'a>>,
    fields: Vec<Arc<Fields>>,
}

/// What tells two groups apart: bundle, policy and inputs as text, parts.
type GroupKey<'a> = (&'a BundleName, Option<Arc<str>>, String, Vec<Part<'a>>);

/// What a group has besides.
struct Group<'a> {
    clusters: Vec<&'a ClusterName>,
    policy: Option<Arc<Fields>>,
    inputs: InputChange,
    fields: Vec<Arc<Fields>>,
}

impl<'a> Comparing<'a> {
    /// Every change, clusters that change alike together.
    fn groups(&mut self) -> Vec<Change<'a>> {
        let mut groups: BTreeMap<GroupKey<'a>, Group<'a>> = BTreeMap::new();
        for (cluster, wanted) in &self.to.desired.clusters {
            // What has no opinion changes nothing.
            let Wanted::Snapshot(target) = wanted else {
                continue;
            };
            for (bundle, ours) in self.cluster(cluster, target) {
                let inputs = match ours.inputs.is_nothing() {
                    true => String::new(),
                    false => serde_json::to_string(&ours.inputs).unwrap_or_default(),
                };
                let (policy, text) = ours.policy.unzip();
                let key = (bundle, text, inputs, ours.parts);
                let group = groups.entry(key).or_insert_with(|| Group {
                    clusters: Vec::new(),
                    policy,
                    inputs: ours.inputs,
                    fields: ours.fields,
                });
                group.clusters.push(cluster);
            }
        }
        let mut changes: Vec<Change<'a>> = groups.into_iter().map(change).collect();
        changes.sort_by(|a, b| (a.bundle, a.clusters[0]).cmp(&(b.bundle, b.clusters[0])));
        changes
    }

    /// What becomes of one cluster, by bundle.
    fn cluster(
        &mut self,
        cluster: &'a ClusterName,
        target: &'a Target,
    ) -> BTreeMap<&'a BundleName, Ours<'a>> {
        let mut found: BTreeMap<&BundleName, Ours<'_>> = BTreeMap::new();
        let last = before(self.from, self.to, cluster);
        let (before, after) = (last.map(|last| &*last.snapshot), &*target.snapshot);
        let name = former(self.from, self.to, cluster).unwrap_or(cluster);
        if let (Some(from), Some(to)) = (There::of(self.from, name), There::of(self.to, cluster)) {
            for (bundle, change) in inputs::changes(from, to) {
                found.entry(bundle).or_default().inputs = change;
            }
        }
        for bundle in after.bundles().keys() {
            if let Some(why) = unknown_before(last, bundle) {
                self.unknown
                    .entry((bundle, why))
                    .or_default()
                    .0
                    .push(cluster);
            }
        }
        for (key, entry) in after.objects() {
            let old = before.and_then(|before| before.objects().get(key));
            if let (None, Some(why)) = (old, unknown_before(last, &entry.bundle)) {
                self.unknown.entry((&entry.bundle, why)).or_default().1 += 1;
                continue;
            }
            if let Some((part, fields)) = self.object(key, old, entry) {
                let ours = found.entry(&entry.bundle).or_default();
                ours.parts.push(part);
                ours.fields.push(fields);
            }
        }
        for (key, entry) in before.into_iter().flat_map(Snapshot::objects) {
            if !after.objects().contains_key(key) {
                let ours = found.entry(&entry.bundle).or_default();
                ours.parts.push((key, Action::Delete, None, Arc::from("")));
                ours.fields.push(Arc::default());
            }
        }
        let policies = before.into_iter().flat_map(Snapshot::bundles);
        for (bundle, policy) in policies {
            let now = after.bundles().get_key_value(bundle);
            if let Some((name, now)) = now.filter(|(_, now)| *now != policy) {
                let policy = self.policy(*policy, *now);
                found.entry(name).or_default().policy = Some(policy);
            }
        }
        found
    }

    /// What differs between two policies, and the same as text.
    fn policy(&mut self, old: Digest, new: Digest) -> (Arc<Fields>, Arc<str>) {
        let sides = [self.to.desired, self.from.desired];
        let known = self.policies.entry((old, new)).or_insert_with(|| {
            let bytes = |digest: Digest| {
                let mut found = sides.iter().filter_map(|side| side.content.get(&digest));
                found.next().map(|bytes| &**bytes)
            };
            let found = Arc::new(policy_fields(bytes(old), bytes(new)));
            let text = serde_json::to_string(&*found).unwrap_or_default();
            (found, Arc::from(text))
        });
        known.clone()
    }

    fn object(
        &mut self,
        key: &'a ObjectKey,
        old: Option<&'a Entry>,
        new: &'a Entry,
    ) -> Option<(Part<'a>, Arc<Fields>)> {
        let Some(old) = old else {
            return Some(((key, Action::Create, None, Arc::from("")), Arc::default()));
        };
        let moved = (old.bundle != new.bundle).then_some(&old.bundle);
        if moved.is_none() && old.digest == new.digest {
            return None;
        }
        let (fields, text) = self.between(old.digest, new.digest);
        Some(((key, Action::Change, moved, text), fields))
    }

    /// What differs between two contents, and the same as text.
    fn between(&mut self, old: Digest, new: Digest) -> (Arc<Fields>, Arc<str>) {
        if let Some(known) = self.known.get(&(old, new)) {
            return known.clone();
        }
        let parsed = |digest: Digest| -> Json {
            let contents = [self.to.desired, self.from.desired].map(|side| &side.content);
            let bytes = contents.iter().find_map(|content| content.get(&digest));
            bytes
                .and_then(|bytes| serde_json::from_slice(bytes).ok())
                .unwrap_or_default()
        };
        let found = Arc::new(fields(&parsed(old), &parsed(new)));
        let text = serde_json::to_string(&*found).unwrap_or_default();
        let known = (found, Arc::from(text));
        self.known.insert((old, new), known.clone());
        known
    }
}

fn change<'a>(((bundle, _, _, parts), group): (GroupKey<'a>, Group<'a>)) -> Change<'a> {
    let Group {
        clusters,
        policy,
        inputs,
        fields,
    } = group;
    let parts = parts.into_iter().zip(fields);
    let mut objects: Vec<ObjectChange<'a>> = parts
        .map(|((object, action, moved_from, _), fields)| ObjectChange {
            object,
            action,
            moved_from,
            fields: Fields::clone(&fields),
        })
        .collect();
    objects.sort_by(|a, b| (a.object, a.action).cmp(&(b.object, b.action)));
    Change {
        bundle,
        clusters,
        policy: policy.is_some(),
        policy_fields: policy
            .map(|fields| fields.fields.clone())
            .unwrap_or_default(),
        inputs,
        objects,
    }
}

fn summary(groups: &[Change<'_>]) -> Summary {
    let mut summary = Summary::default();
    let mut touched = BTreeSet::new();
    for group in groups {
        touched.extend(group.clusters.iter().copied());
        let times = group.clusters.len();
        for object in &group.objects {
            match object.action {
                Action::Create => summary.created += times,
                Action::Delete => summary.deleted += times,
                Action::Change if object.moved_from.is_some() => summary.moved += times,
                Action::Change => summary.changed += times,
            }
        }
    }
    summary.clusters = touched.len();
    summary
}

/// How many of the clusters that change are of these modes.
fn waiting(groups: &[Change<'_>], to: Side<'_>, waiting: &[Mode]) -> usize {
    let touched = groups.iter().flat_map(|group| &group.clusters);
    let touched: BTreeSet<&ClusterName> = touched.copied().collect();
    let modes = touched.iter().filter_map(|name| to.spec.members.get(*name));
    let waits = |member: &&Arc<Member>| waiting.contains(&member.mode);
    modes.filter(waits).count()
}

/// Broken documents of the first side of which no good version is known, and that are not so any more: what
/// they brought may leave, and so may what stayed because nobody knew.
fn last_good_unknown<'a>(from: Side<'a>, to: Side<'a>) -> Vec<LastGoodUnknown<'a>> {
    let still = |source, gap: &Gap| {
        let mut now = to.spec.gaps.get(source).into_iter().flatten();
        now.any(|now| now.may_be_of(gap))
    };
    let before = from.spec.gaps.iter();
    let settled = before.flat_map(|(source, gaps)| {
        let gaps = gaps.iter();
        gaps.filter(move |gap| !still(source, gap))
    });
    settled
        .filter_map(|gap| LastGoodUnknown::of(gap, from.help))
        .collect()
}

/// Bundles that are pinned, on one side at least, to what cannot be read.
fn uncompared<'a>(from: Side<'a>, to: Side<'a>) -> Vec<Uncompared<'a>> {
    let mut found: BTreeMap<&BundleName, Uncompared<'a>> = BTreeMap::new();
    for (side, named) in [(from, "from"), (to, "to")] {
        let placements = side.spec.placements.values();
        for (pin, bundles) in placements.flat_map(|document| document.spec.pins()) {
            for bundle in bundles {
                let name = PinName {
                    source: bundle.source().clone(),
                    text: pin.text.clone(),
                };
                if let Some(Pinned::Unknown(why)) = side.spec.pinned.get(&name).map(|p| &**p) {
                    found.entry(bundle).or_insert(Uncompared {
                        bundle: bundle.name(),
                        revision: &pin.text,
                        side: named,
                        why,
                    });
                }
            }
        }
    }
    found.into_values().collect()
}

fn bundles<'a>(from: Side<'a>, to: Side<'a>) -> Vec<BundleChange<'a>> {
    let mut found: BTreeMap<&BundleName, BundleChange<'a>> = BTreeMap::new();
    let holds = to.desired.holds.iter();
    let holds: BTreeMap<Digest, &RemovalSet> = holds.map(|hold| (hold.digest, &hold.set)).collect();
    for (cluster, wanted) in &to.desired.clusters {
        let Wanted::Snapshot(target) = wanted else {
            continue;
        };
        let last = before(from, to, cluster);
        let (before, after) = (last.map(|last| &*last.snapshot), &*target.snapshot);
        let had = |bundle: &BundleName| before.is_some_and(|b| b.bundles().contains_key(bundle));
        let new = |bundle: &&BundleName| !had(bundle) && unknown_before(last, bundle).is_none();
        for bundle in after.bundles().keys().filter(new) {
            entry(&mut found, bundle).gained.insert(cluster);
        }
        for bundle in before
            .into_iter()
            .flat_map(|before| before.bundles().keys())
        {
            if !after.bundles().contains_key(bundle) {
                entry(&mut found, bundle).lost.insert(cluster);
            }
        }
        for (bundle, kept) in &target.kept {
            let Kept::Held { set } = kept else {
                continue;
            };
            let of_cluster = holds.get(set).and_then(|set| set.of_cluster(cluster));
            let had = before.into_iter().flat_map(Snapshot::objects);
            let mut had = had.filter(|(_, entry)| entry.bundle == *bundle);
            // Perhaps only some objects of it wait.
            if of_cluster.is_some_and(|waiting| had.all(|(object, _)| waiting.contains_key(object)))
            {
                entry(&mut found, bundle).held.insert(cluster);
            }
        }
    }
    found.into_values().collect()
}

fn entry<'m, 'a>(
    found: &'m mut BTreeMap<&'a BundleName, BundleChange<'a>>,
    bundle: &'a BundleName,
) -> &'m mut BundleChange<'a> {
    found.entry(bundle).or_insert_with(|| BundleChange {
        name: bundle.name(),
        gained: BTreeSet::new(),
        lost: BTreeSet::new(),
        held: BTreeSet::new(),
    })
}

type Found<'a> = BTreeMap<(&'a BundleName, &'a Kept), (Vec<&'a ClusterName>, usize)>;

fn unknown(found: Found<'_>) -> Vec<Unknown<'_>> {
    let mut all = Vec::new();
    for ((bundle, why), (clusters, objects)) in found {
        all.push(Unknown {
            bundle: bundle.name(),
            why: why.to_string(),
            clusters,
            objects,
        });
    }
    all
}

/// What is left as it is, for other reasons than that its removal waits.
fn kept(desired: &Desired) -> Vec<Keeping<'_>> {
    let mut found: BTreeMap<(&BundleName, &Kept), Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, wanted) in &desired.clusters {
        for (bundle, kept) in wanted.target().into_iter().flat_map(|target| &target.kept) {
            if !matches!(kept, Kept::Held { .. }) {
                found.entry((bundle, kept)).or_default().push(cluster);
            }
        }
    }
    found
        .into_iter()
        .map(|((bundle, kept), clusters)| Keeping {
            bundle: bundle.name(),
            why: kept.to_string(),
            clusters,
        })
        .collect()
}

/// Problems that only the second has, and that only the first has. Lines move when a file is
/// edited; the same words in the same file are the same problem.
fn problems<'a>(from: &'a [Problem], to: &'a [Problem]) -> (Vec<Finding<'a>>, Vec<Finding<'a>>) {
    (news(from, to), news(to, from))
}

fn news<'a>(known: &[Problem], now: &'a [Problem]) -> Vec<Finding<'a>> {
    let mut left: BTreeMap<_, usize> = BTreeMap::new();
    for problem in known {
        *left.entry(identity(problem)).or_default() += 1;
    }
    let mut news: Vec<&Problem> = Vec::new();
    for problem in now {
        match left.get_mut(&identity(problem)) {
            Some(count) if *count > 0 => *count -= 1,
            _ => news.push(problem),
        }
    }
    news.sort();
    news.into_iter().map(Finding::new).collect()
}

/// What stays of a problem when lines are moved.
fn identity(problem: &Problem) -> impl Ord + '_ {
    (
        problem.at.as_ref().map(|at| &*at.path),
        problem.code,
        problem.severity == Severity::Error,
        &problem.clusters,
        problem.bundle.as_ref(),
        problem.message.as_str(),
    )
}
