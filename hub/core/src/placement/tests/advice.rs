//! Advice is true: after it, the rules as written select the cluster.

use std::sync::Arc;

use capstan_proto::{ClusterName, PlacementName};
use proptest::prelude::*;

use super::super::oracle::{Oracle, Previous};
use super::super::{Advice, Decisions, Trials, resolve};
use super::world::{Rng, World};
use crate::inventory::Inventory;
use crate::spec::Spec;

/// The fleet after advice.
fn followed(
    (spec, inventory): (&Spec, &Inventory),
    advice: &Advice,
    (placement, cluster): (&PlacementName, &ClusterName),
) -> (Spec, Inventory) {
    let (mut spec, mut inventory) = (spec.clone(), inventory.clone());
    for change in advice.changes() {
        change.apply((&mut spec, &mut inventory), placement, cluster);
    }
    (spec, inventory)
}

/// Holds every piece of advice against the rules, for what was selected before, and goes on from there.
fn check(world: &World, before: &Decisions) -> Decisions {
    let spec = Arc::new(world.spec());
    let inventory = world.inventory();
    let previous = before.previous();
    let decisions = resolve(&spec, &inventory, before);
    for decision in decisions.placements.values() {
        for (cluster, reason) in decision.rejected() {
            let advice = decision.advice(cluster, &Trials::default()).advice;
            let unknown = !spec.gaps.is_empty();
            let name = decision.name();
            assert!(
                !advice.is_empty() || unknown,
                "{name} on {cluster}: {reason:?}"
            );
            for advice in &advice {
                let (spec, inventory) = followed((&spec, &inventory), advice, (name, cluster));
                for previous in [&previous, &decisions.previous()] {
                    let selects = selects((&spec, &inventory), previous, (name, cluster));
                    assert!(selects, "{name} on {cluster}: {reason:?}: {advice}");
                }
            }
        }
    }
    decisions
}

fn selects(
    (spec, inventory): (&Spec, &Inventory),
    previous: &Previous,
    (placement, cluster): (&PlacementName, &ClusterName),
) -> bool {
    let selections = Oracle::new(spec, inventory).resolve(previous);
    let mut selected = selections[placement].selected.iter();
    selected.any(|chosen| chosen.cluster == *cluster)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn who_follows_advice_has_the_cluster_selected(
        seed in any::<u64>(),
        clusters in 0_usize..10,
        placements in 1_usize..4,
        changes in 0_usize..4,
    ) {
        let mut rng = Rng::new(seed);
        let mut world = World::new(&mut rng, clusters, placements);
        let mut decisions = check(&world, &Decisions::default());
        for _ in 0..changes {
            world.change(&mut rng);
            decisions = check(&world, &decisions);
        }
    }
}
