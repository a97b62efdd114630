//! What clusters say of themselves, and when that is reason for a pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::inventory::Facts;
use capstan_hub_core::selector::Term;
use capstan_hub_core::spec::Spec;
use capstan_proto::{ClusterName, Moment};

use super::cluster::Cluster;
use super::effect::Effect;
use super::{Passing, State};

/// Facts start a pass at most this often: after a restart, 10,000 clusters report within seconds.
const PASS_EVERY_MS: u64 = 1_000;

/// How far what clusters say was taken into account.
#[derive(Debug, Default)]
pub(super) struct Hearsay {
    /// Counts changes of facts.
    heard: u64,
    /// Up to which of them passes know.
    decided: u64,
    /// Whether anything that is declared asks for facts.
    asked: bool,
    /// When facts last started a pass.
    passed_at: Option<Moment>,
}

impl Hearsay {
    /// A pass begins, and knows everything that was said.
    pub(super) const fn taken(&mut self) {
        self.decided = self.heard;
    }

    /// Something else is declared now.
    pub(super) fn declared(&mut self, spec: Option<&Arc<Spec>>) {
        self.asked = spec.is_some_and(|spec| asks(spec));
    }

    fn is_due(&self, now: Moment) -> bool {
        let lately = self
            .passed_at
            .is_some_and(|at| now.since_ms(at) < PASS_EVERY_MS);
        self.asked && self.heard != self.decided && !lately
    }
}

/// Whether a decision can hang on facts.
fn asks(spec: &Spec) -> bool {
    let placements = spec.placements.values().flat_map(|d| d.spec.terms());
    let groups = spec.groups.values().flat_map(|d| d.spec.terms());
    let bundles = spec.bundles.values().flat_map(|d| d.spec.terms());
    let restricted = spec.restrictions.values().flat_map(|r| &r.clusters);
    let pinned = spec.pinned.values().any(|pinned| is_asked_by(pinned));
    let mut terms = placements.chain(groups).chain(bundles).chain(restricted);
    pinned || terms.any(Term::uses_facts)
}

fn is_asked_by(pinned: &capstan_hub_core::spec::Pinned) -> bool {
    match pinned {
        capstan_hub_core::spec::Pinned::Unknown(_) => false,
        capstan_hub_core::spec::Pinned::Read { bundles, .. } => {
            let mut terms = bundles.values().flat_map(|d| d.spec.terms());
            terms.any(Term::uses_facts)
        }
    }
}

impl State {
    /// What every enrolled cluster says of itself; nothing is known of those that said nothing since the start.
    pub(super) fn facts(&self) -> BTreeMap<ClusterName, Facts> {
        let known = |cluster: &Cluster| match cluster.facts_said {
            true => Facts::Reported(Arc::clone(&cluster.facts)),
            false => Facts::Unknown,
        };
        let enrolled = self.clusters.iter().filter(|(_, c)| c.member.is_some());
        enrolled
            .map(|(name, cluster)| (name.clone(), known(cluster)))
            .collect()
    }

    /// A cluster said something of itself.
    pub(super) fn facts_said(
        &mut self,
        name: &ClusterName,
        facts: BTreeMap<String, String>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(cluster) = self.clusters.get_mut(name) else {
            return;
        };
        if cluster.facts_said && *cluster.facts == facts {
            return;
        }
        cluster.facts_said = true;
        cluster.facts = Arc::new(facts);
        self.hearsay.heard += 1;
        self.hear(now, effects);
    }

    /// Starts a pass when facts changed that one may hang on, and none runs.
    pub(super) fn hear(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.passing == Passing::Idle && self.hearsay.is_due(now) {
            self.hearsay.passed_at = Some(now);
            self.pass_is_due(now, effects);
        }
    }
}
