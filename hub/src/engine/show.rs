//! Making pictures of what is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::problem::{Code, Problem};
use capstan_hub_core::rollup::{Fleet, Observed, Told, rollup, troubles};
use capstan_hub_core::session::{Connection, Hearing, Standing, connection};
use capstan_proto::{ClusterName, Moment, Triple};

use super::State;
use super::cluster::Cluster;
use super::effect::Effect;
use super::event::Lacks;
use super::picture::{ClusterView, Phase, Picture};

impl State {
    /// What readers' picture lacks.
    pub(crate) const fn lacks(&self) -> Lacks {
        self.lacks
    }

    /// A new picture, when the one that readers have is stale.
    pub(crate) fn picture(&mut self, now: Moment) -> Option<Effect> {
        if std::mem::replace(&mut self.lacks, Lacks::Nothing) == Lacks::Nothing {
            return None;
        }
        self.picture += 1;
        self.observe(now);
        let observed: BTreeMap<ClusterName, Observed> = self
            .clusters
            .iter()
            .map(|(name, cluster)| (name.clone(), cluster.observed.clone()))
            .collect();
        let desired = self.desired.clone().unwrap_or_default();
        let decisions = Arc::clone(&self.memory.decisions);
        let mut fleet = rollup(&decisions, &desired, &observed, now);
        if let Some(spec) = &self.memory.spec {
            fleet.mark_last_good(spec);
        }
        let Told { troubles, more } = troubles(&fleet, &observed);
        let problems = self.all_problems(more);
        let metrics = &self.setting.metrics;
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        metrics.clusters.set(count(fleet.clusters.len()));
        metrics.problems.set(count(problems.len() + troubles.len()));
        metrics.held.set(count(desired.holds.len()));
        let sessions = || observed.values().map(|seen| &seen.session);
        let offers = sessions().filter(|session| session.offer_withheld.is_some());
        let prunes = sessions().filter(|session| session.prune_withheld.is_some());
        metrics.offers_withheld.set(count(offers.count()));
        metrics.prunes_withheld.set(count(prunes.count()));
        let clusters = self.views(&fleet);
        Some(Effect::Show(Box::new(Picture {
            number: self.picture,
            started_at: self.setting.started_at,
            phase: self.phase(),
            spec: self.memory.spec.clone(),
            decisions,
            desired,
            problems,
            troubles,
            fleet,
            sources: self.sources.clone(),
            clusters,
            broken: self.broken.clone().or_else(|| self.unpassed.clone()),
        })))
    }

    fn phase(&self) -> Phase {
        let recovering = self
            .clusters
            .values()
            .filter(|cluster| cluster.recovering.is_some())
            .count();
        match (&self.desired, recovering) {
            (None, _) => Phase::Starting,
            (Some(_), 0) => Phase::Serving,
            (Some(_), count) => Phase::Recovering(count),
        }
    }

    /// Brings what is observed of every cluster up to date.
    fn observe(&mut self, now: Moment) {
        for cluster in self.clusters.values_mut() {
            let stamps = cluster
                .held
                .as_ref()
                .map(|held| held.stamps.clone())
                .unwrap_or_default();
            let why = reason(cluster);
            let observed = &mut cluster.observed;
            observed.why = why;
            observed.standing = standing(cluster.member.as_ref(), now);
            observed.open = cluster.live.is_some();
            observed.held_stamps = stamps;
            observed.session = match &cluster.live {
                Some(live) => live.session.status(),
                None => capstan_hub_core::session::Status {
                    held: cluster.held.as_ref().map(|held| held.triple),
                    target: cluster.given.as_ref().map(|given| given.triple),
                    recovering: cluster.recovering.is_some(),
                    ..Default::default()
                },
            };
        }
    }

    fn views(&mut self, fleet: &Fleet) -> BTreeMap<ClusterName, ClusterView> {
        let view = |name: &ClusterName, cluster: &mut Cluster| ClusterView {
            facts: Arc::clone(&cluster.facts),
            facts_said: cluster.facts_said,
            states: cluster.shown(),
            wanted: cluster.given.as_ref().map(|given| given.triple),
            held: cluster.observed.session.held,
            mode: cluster.held_mode(),
            certificate_expires_at: cluster.member.as_ref().map(|member| member.expires_at),
            reason: match fleet.clusters.get(name).map(|summary| summary.connection) {
                Some(Connection::Stale) => stale(cluster.observed.open),
                _ => reason(cluster),
            },
            session: cluster.observed.session.clone(),
        };
        self.clusters
            .iter_mut()
            .map(|(name, cluster)| (name.clone(), view(name, cluster)))
            .collect()
    }

    /// Problems of files, and of clusters.
    fn all_problems(&self, more: Option<Problem>) -> Arc<Vec<Problem>> {
        let of_sessions = self
            .clusters
            .iter()
            .flat_map(|(name, cluster)| session_problems(name, cluster));
        let spec = self.memory.spec.as_ref();
        let of_names = spec.map(|spec| self.renames.problems(spec));
        let of_names = of_names.into_iter().flatten();
        let of_clusters: Vec<Problem> = of_sessions.chain(more).chain(of_names).collect();
        if of_clusters.is_empty() {
            return Arc::clone(&self.problems);
        }
        let mut all = of_clusters;
        all.extend(self.problems.iter().cloned());
        all.sort();
        Arc::new(all)
    }

    /// Whether time alone changed how a cluster stands.
    pub(super) fn silence_shows(&self, now: Moment) -> bool {
        self.clusters.values().any(|cluster| {
            let Observed {
                standing: was,
                open,
                heard_at,
                admitted_at,
                ..
            } = cluster.observed;
            let hearing = Hearing {
                open,
                heard_at,
                admitted_at,
            };
            let second_ago = now.minus_ms(1_500);
            let is = standing(cluster.member.as_ref(), now);
            connection(was, hearing, second_ago) != connection(is, hearing, now)
        })
    }
}

fn standing(member: Option<&super::cluster::Member>, now: Moment) -> Standing {
    member.map_or(Standing::NotEnrolled, |member| member.standing(now))
}

fn reason(cluster: &Cluster) -> String {
    let Some(member) = &cluster.member else {
        return String::new();
    };
    match (&member.banned, &member.quarantined) {
        (Some(reason), _) | (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

/// What a Stale cluster's words are worth.
fn stale(open: bool) -> String {
    let why = if open {
        "nothing was heard for 30 s"
    } else {
        "its stream ended"
    };
    format!("{why}; what is shown is what it said last, and after 90 s of silence Unknown")
}

/// What is wrong between the hub and one spoke.
fn session_problems(name: &ClusterName, cluster: &Cluster) -> Vec<Problem> {
    let status = &cluster.observed.session;
    let mut problems = Vec::new();
    if let Some(claim) = &status.unknown_claim {
        problems.push(unknown_claim(name, *claim, status.claim_refused));
    }
    if let Some((snapshot, detail)) = &status.refused {
        let message = format!("it refused snapshot {snapshot}: {detail}");
        problems.push(Problem::of_cluster(name, Code::SnapshotRefused, message));
    }
    if !status.upgrade_needed.is_empty() {
        let missing: Vec<&str> = status.upgrade_needed.iter().map(String::as_str).collect();
        let message = format!("its agent lacks {}", missing.join(", "));
        problems.push(
            Problem::of_cluster(name, Code::UpgradeNeeded, message)
                .hint("install a newer agent with `spoke bootstrap`"),
        );
    }
    problems
}

/// A claim that this hub never made. One whose number is refused is never offered anything until the hub's own numbers
/// pass it, so somebody has to look.
fn unknown_claim(name: &ClusterName, claim: Triple, refused: bool) -> Problem {
    let said = format!("it says that it holds snapshot {claim}, which this hub never gave it");
    let copied = "its certificate or its cache may have been copied or altered";
    let (message, hint) = match refused {
        true => (
            format!("{said}; numbers are not raised above it, and it keeps everything that it has"),
            format!(
                "{copied}: look who uses it, give it a new identity with `hub token create {name} --re-enrol`, let its \
                 agent forget that number with `kubectl -n capstan-system delete secret capstan-spoke-head` and a \
                 restart, and end its recovery with `hub recover {name} --confirm`"
            ),
        ),
        false => (
            said,
            format!(
                "{copied}; it gets the whole list, and nothing is pruned until `hub recover {name} --confirm` says that \
                 Git is right"
            ),
        ),
    };
    Problem::of_cluster(name, Code::UnknownClaim, message).hint(hint)
}
