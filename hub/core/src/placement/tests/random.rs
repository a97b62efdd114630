//! Random small fleets through sequences of changes: the resolver against the rules as written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capstan_proto::{BundleName, ClusterName, PlacementName};
use proptest::prelude::*;

use super::super::oracle::{Oracle, Previous, Selection};
use super::super::{Decisions, PlacementDecision, Step, resolve};
use super::world::{Rng, World};
use crate::inventory::Inventory;
use crate::problem::Code;
use crate::spec::Spec;

/// One fleet in time: what the resolver says after the time before, and what the rules say.
struct Run {
    world: World,
    decisions: Decisions,
    previous: Previous,
}

impl Run {
    fn new(rng: &mut Rng, clusters: usize, placements: usize) -> Self {
        Self {
            world: World::new(rng, clusters, placements),
            decisions: Decisions::default(),
            previous: Previous::new(),
        }
    }

    /// Decides, and holds the answer against the rules.
    fn check(&mut self) {
        let spec = Arc::new(self.world.spec());
        let inventory = self.world.inventory();
        let oracle = Oracle::new(&spec, &inventory);
        let expected = oracle.resolve(&self.previous);
        let decisions = resolve(&spec, &inventory, &self.decisions);
        let before = |name: &PlacementName| self.previous.get(name).cloned().unwrap_or_default();
        assert!(decisions.placements.keys().eq(expected.keys()));
        for (name, decision) in &decisions.placements {
            let selection = &expected[name];
            same(decision, selection);
            for cluster in spec.members.keys() {
                let reason = oracle.reason(name, selection, &before(name), cluster);
                assert_eq!(decision.reason(cluster), reason, "{name} on {cluster}");
                let why = decision.why(cluster).unwrap();
                assert_eq!(why.reason(), reason, "{name} on {cluster}: {why}");
            }
            laws(decision, &before(name));
        }
        let owners = oracle.owners(&expected);
        for (cluster, decision) in &decisions.clusters {
            let placed =
                |(bundle, placed): (&BundleName, &std::sync::Arc<super::super::Placed>)| {
                    (
                        bundle.clone(),
                        placed.placement.clone(),
                        placed.shadowed.clone(),
                    )
                };
            let placed: Vec<_> = decision.bundles.iter().map(placed).collect();
            let owned = owners.get(cluster).into_iter().flatten();
            let owned = owned.map(|(b, o)| (b.clone(), o.placement.clone(), o.shadowed.clone()));
            assert_eq!(placed, owned.collect::<Vec<_>>(), "{cluster}");
        }
        let afresh = resolve(
            &spec,
            &inventory,
            &Decisions::remembered(self.previous.clone()),
        );
        assert!(
            alike(&afresh, &decisions),
            "from the start, and from the time before"
        );
        self.unchanged_fleets_need_no_work(&spec, &inventory, &decisions);
        let unread = !spec.gaps.is_empty();
        let remembered = |(name, selection): (&PlacementName, &Selection)| {
            let absent = |c: &ClusterName| unread && !spec.members.contains_key(c);
            let chosen = selection.selected.iter().map(|c| c.cluster.clone());
            let absent = before(name).into_iter().filter(absent);
            (name.clone(), chosen.chain(absent).collect())
        };
        self.previous = expected.iter().map(remembered).collect();
        assert_eq!(decisions.previous(), self.previous);
        self.decisions = decisions;
    }

    /// Without a change, only what the new `previous` can change is decided again.
    fn unchanged_fleets_need_no_work(
        &self,
        spec: &Arc<Spec>,
        inventory: &Inventory,
        decisions: &Decisions,
    ) {
        let again = resolve(spec, inventory, decisions);
        let third = resolve(spec, inventory, &again);
        assert_eq!(
            (again.work().clusters_indexed, again.work().groups_evaluated),
            (0, 0)
        );
        let still = resolve(spec, inventory, &third);
        if third.previous() == again.previous() && again.previous() == decisions.previous() {
            assert_eq!(still.work().placements_evaluated, 0);
            assert!(alike(&still, &third));
        }
    }
}

/// Whether the same was decided. What was selected before nothing was, only the second can know.
fn alike(one: &Decisions, other: &Decisions) -> bool {
    let same = |one: PlacementDecision<'_>, other: PlacementDecision<'_>| {
        one.eligible().eq(other.eligible())
            && one.picks() == other.picks()
            && one.shortfall() == other.shortfall()
    };
    let both = one.placements.values().zip(other.placements.values());
    let problems = |decisions: &Decisions| -> Vec<(Code, String)> {
        let problems = decisions.problems.iter();
        problems
            .map(|problem| (problem.code, problem.message.clone()))
            .collect()
    };
    one.clusters == other.clusters
        && both.into_iter().all(|(one, other)| same(one, other))
        && problems(one) == problems(other)
}

fn same(decision: PlacementDecision<'_>, expected: &Selection) {
    let name = decision.name();
    assert!(
        decision.eligible().eq(&expected.eligible),
        "{name}: eligible"
    );
    let picks: Vec<_> = decision
        .picks()
        .iter()
        .map(|pick| (pick.cluster, pick.score, pick.step))
        .collect();
    let selected: Vec<_> = expected
        .selected
        .iter()
        .map(|chosen| (&chosen.cluster, chosen.score, chosen.step))
        .collect();
    assert_eq!(picks, selected, "{name}: selected");
    let constraint = decision.shortfall().map(|short| &short.constraint.at);
    let spread = &decision.placement().spread;
    assert_eq!(
        constraint,
        expected.shortfall.map(|at| &spread[at].at),
        "{name}: shortfall"
    );
}

/// What holds of every decision, whatever the rules say in detail.
fn laws(decision: PlacementDecision<'_>, before: &BTreeSet<ClusterName>) {
    let eligible: BTreeSet<&ClusterName> = decision.eligible().collect();
    let selected: BTreeSet<&ClusterName> = decision.selected().collect();
    assert!(selected.is_subset(&eligible));
    let full = selected.len() == decision.wanted();
    assert!(
        full != decision.shortfall().is_some(),
        "all that are wanted, or a reason"
    );
    assert!(selected.len() <= decision.wanted());
    let kept = eligible.iter().filter(|c| before.contains(**c)).count();
    let stay = selected.iter().filter(|c| before.contains(**c)).count();
    assert_eq!(
        stay,
        kept.min(decision.wanted()),
        "nobody is given up but for the count"
    );
    if decision.placement().spread.is_empty() {
        assert!(decision.shortfall().is_none());
        assert!(
            decision
                .picks()
                .iter()
                .all(|pick| pick.step != Step::Relaxed)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_resolver_decides_as_the_rules_are_written(
        seed in any::<u64>(),
        clusters in 0_usize..14,
        placements in 1_usize..4,
        changes in 0_usize..6,
    ) {
        let mut rng = Rng::new(seed);
        let mut run = Run::new(&mut rng, clusters, placements);
        run.check();
        for _ in 0..changes {
            run.world.change(&mut rng);
            run.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn many_clusters_at_once_are_decided_as_one_by_one(seed in any::<u64>(), clusters in 60_usize..140) {
        let mut rng = Rng::new(seed);
        let mut run = Run::new(&mut rng, clusters, 2);
        run.check();
        for _ in 0..30 {
            run.world.change(&mut rng);
        }
        run.check();
    }
}

#[test]
fn a_renamed_cluster_stays_where_it_was() {
    let mut rng = Rng::new(7);
    let mut world = World::new(&mut rng, 6, 0);
    world.place_one_of_all();
    let first = resolve(
        &Arc::new(world.spec()),
        &world.inventory(),
        &Decisions::default(),
    );
    let name = first.placements.keys().next().unwrap().clone();
    let before = first
        .placements
        .get(&name)
        .unwrap()
        .selected()
        .next()
        .unwrap()
        .clone();
    let after = world.rename(&before);
    let second = resolve(&Arc::new(world.spec()), &world.inventory(), &first);
    assert!(second.placements.get(&name).unwrap().selects(&after));
    let fresh = Decisions::remembered(BTreeMap::from([(name.clone(), BTreeSet::from([before]))]));
    let third = resolve(&Arc::new(world.spec()), &world.inventory(), &fresh);
    assert!(third.placements.get(&name).unwrap().selects(&after));
}
