//! The cluster's mode in its snapshot, and in the policies of bundles that stay as they are: what is not rendered now has
//! the policy of an earlier day, and the mode is today's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::policy::{BundlePolicy, Mode};
use capstan_proto::{BundleName, ClusterName, Digest, Snapshot};

use super::draft::{Draft, Entries};
use super::{Desired, Given, Running};
use crate::problem::{Code, Problem};

/// Policies that clusters were given, by digest.
pub type Policies = BTreeMap<Digest, Arc<BundlePolicy>>;

/// Snapshots with modes, made once for all clusters that share their entries.
#[derive(Debug, Default)]
pub(super) struct Snapshots(BTreeMap<(Digest, Mode), (Arc<Snapshot>, Digest)>);

impl Snapshots {
    /// The snapshot of these entries for a cluster of this mode, and its digest.
    pub(super) fn of(&mut self, entries: &Entries, mode: Option<Mode>) -> (Arc<Snapshot>, Digest) {
        let mode = mode.unwrap_or_default();
        if mode == Mode::Enforce {
            return (Arc::clone(&entries.snapshot), entries.digest);
        }
        let make = || {
            let snapshot = Snapshot::clone(&entries.snapshot).with_mode(mode);
            let digest = snapshot.digest();
            (Arc::new(snapshot), digest)
        };
        let made = self.0.entry((entries.digest, mode)).or_insert_with(make);
        (Arc::clone(&made.0), made.1)
    }
}

/// A policy that carries a mode, with its bytes: it may never have been handed out.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) digest: Digest,
    pub(super) bytes: Option<Arc<[u8]>>,
}

/// Policies with modes, made once. `None` where the policy is not known.
#[derive(Debug, Default)]
pub(super) struct Memo(BTreeMap<(Digest, Mode), Option<Carried>>);

impl Memo {
    /// A policy with a mode, and nothing else changed.
    pub(super) fn carry(
        &mut self,
        policy: Digest,
        mode: Mode,
        known: &Policies,
    ) -> Option<Carried> {
        let make = || {
            let before = known.get(&policy)?;
            let after = BundlePolicy {
                mode,
                ..BundlePolicy::clone(before)
            };
            let bytes: Arc<[u8]> = after.to_bytes().into();
            let digest = match before.mode == mode {
                true => policy,
                false => Digest::of(&bytes),
            };
            let bytes = Some(bytes).filter(|bytes| Digest::of(bytes) == digest);
            Some(Carried { digest, bytes })
        };
        self.0.entry((policy, mode)).or_insert_with(make).clone()
    }
}

impl Running {
    /// The policies that clusters were given, and that are not known.
    #[must_use]
    pub fn unknown_policies(&self) -> BTreeSet<Digest> {
        let mut named = self.named_policies();
        named.retain(|digest| !self.policies.contains_key(digest));
        named
    }

    /// Takes in what policies say. What is no policy of this build is left out.
    pub fn learn_policies<'a>(&mut self, found: impl IntoIterator<Item = (Digest, &'a [u8])>) {
        let mut policies = Policies::clone(&self.policies);
        for (digest, bytes) in found {
            if let Ok(policy) = BundlePolicy::from_bytes(bytes) {
                policies.insert(digest, Arc::new(policy));
            }
        }
        self.policies = Arc::new(policies);
    }

    /// What is to be known of policies once something is handed out: of all that clusters were given
    /// or will be.
    #[must_use]
    pub fn policies_after(&self, desired: &Desired) -> Arc<Policies> {
        let targets = desired.clusters.values().filter_map(|w| w.target());
        let mut named = of_snapshots(targets.map(|target| &target.snapshot));
        named.extend(self.named_policies());
        let policy = |digest: Digest| {
            if let Some(policy) = self.policies.get(&digest) {
                return Some((digest, Arc::clone(policy)));
            }
            let bytes = desired.content.get(&digest)?;
            let policy = BundlePolicy::from_bytes(bytes).ok()?;
            Some((digest, Arc::new(policy)))
        };
        Arc::new(named.into_iter().filter_map(policy).collect())
    }

    fn named_policies(&self) -> BTreeSet<Digest> {
        of_snapshots(self.clusters.values().filter_map(|given| match given {
            Given::Known(last) => Some(&last.snapshot),
            Given::Nothing | Given::Unknown => None,
        }))
    }
}

/// The policies that snapshots name. Clusters share snapshots: each is looked at once.
fn of_snapshots<'a>(
    snapshots: impl Iterator<Item = &'a Arc<capstan_proto::Snapshot>>,
) -> BTreeSet<Digest> {
    let mut seen = BTreeSet::new();
    let new = snapshots.filter(|snapshot| seen.insert(Arc::as_ptr(snapshot).addr()));
    new.flat_map(|snapshot| snapshot.bundles().values().copied())
        .collect()
}

/// Bundles that a cluster's mode does not reach.
pub(super) fn not_carried(drafts: &BTreeMap<ClusterName, Draft>) -> Vec<Problem> {
    let mut bundles: BTreeMap<&BundleName, Vec<&ClusterName>> = BTreeMap::new();
    for (cluster, draft) in drafts {
        for bundle in &draft.not_carried {
            bundles.entry(bundle).or_default().push(cluster);
        }
    }
    let problem = |(bundle, clusters): (&BundleName, Vec<&ClusterName>)| {
        let more = match clusters.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "the mode of {}{more} does not reach bundle `{}`, which stays there as it is: its policy is \
             lost from the hub's content",
            clusters[0],
            bundle.name(),
        );
        Problem {
            severity: crate::problem::Severity::Warning,
            ..Problem::of_cluster(clusters[0], Code::ModeNotCarried, message)
        }
        .about_bundle(bundle)
        .hint("mend the bundle, or place it again, so that it is rendered with the present mode")
    };
    bundles.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests;
