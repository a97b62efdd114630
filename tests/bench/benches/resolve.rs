//! Deciding who gets what, beside the rules written plainly: `cargo bench -p capstan-bench --bench
//! resolve` prints one JSON line a measurement, with the machine's facts. It judges nothing. With
//! `-- --test` it runs everything once on a small fleet.
//!
//! Every cluster has 10 labels and reports 2 facts, every placement has 3 terms. `resolve_full` decides a fleet that was
//! never decided; it ends with the owner of every bundle on every cluster. The same run decides the
//! fleet with the oracle, up to `CAPSTAN_BENCH_NAIVE_PAIRS` (default 10 million) pairs of cluster
//! and placement: where there are more, its time is missing. `resolve_incremental` decides after
//! one placement, one cluster's label or one cluster's fact changed. `resolve_memory` counts the
//! bytes that the structures say they have. `resolve_materialise` makes what every cluster is given.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use capstan_bench::measure::{memory, once, print, spread};
use capstan_hub_core::inventory::{Facts, Inventory};
use capstan_hub_core::placement::oracle::{Oracle, Previous};
use capstan_hub_core::placement::{Decisions, resolve};
use capstan_hub_core::spec::{Rules, SourceState, Spec, Tree, Trees, load};
use capstan_proto::{ClusterName, Revision, SourceName};
use serde_json::json;

/// As in the hub.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 7;
const LABELS: [(&str, usize); 10] = [
    ("env", 4),
    ("region", 12),
    ("zone", 36),
    ("tier", 3),
    ("team", 50),
    ("kind", 8),
    ("country", 30),
    ("provider", 4),
    ("wave", 10),
    ("shard", 100),
];

/// Five numbers of clusters, and four of placements.
const SIZES: [(usize, usize); 8] = [
    (1_000, 1_000),
    (3_000, 1_000),
    (10_000, 1_000),
    (30_000, 1_000),
    (100_000, 1_000),
    (10_000, 100),
    (10_000, 300),
    (10_000, 3_000),
];

fn main() -> anyhow::Result<()> {
    let pairs = std::env::var("CAPSTAN_BENCH_NAIVE_PAIRS").unwrap_or_else(|_| "10000000".into());
    let pairs: usize = pairs.parse()?;
    let sizes: &[(usize, usize)] = match std::env::args().any(|argument| argument == "--test") {
        true => &[(200, 50)],
        false => &SIZES,
    };
    for &(clusters, placements) in sizes {
        let fleet = Fleet::new(clusters, placements)?;
        fleet.full(clusters * placements <= pairs);
        fleet.incremental()?;
    }
    Ok(())
}

/// A generated fleet, and its size.
struct Fleet {
    clusters: usize,
    placements: usize,
    spec: Arc<Spec>,
    inventory: Inventory,
}

/// A number that follows from two others, well mixed.
fn mixed(one: usize, other: usize) -> usize {
    let mut mixed = (one as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (other as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0)
}

fn label(cluster: usize, which: usize) -> String {
    let (key, values) = LABELS[which];
    format!("{key}-{}", mixed(cluster, which) % values)
}

fn cluster(number: usize) -> String {
    let labels: Vec<String> = (0..LABELS.len())
        .map(|which| format!("{}: {}", LABELS[which].0, label(number, which)))
        .collect();
    let labels = labels.join(", ");
    format!(
        "---\napiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: cluster-{number:06}, labels: {{{labels}}}}}\n"
    )
}

/// Three terms: labels of two kinds, an expression, and names.
fn placement(number: usize, variant: usize) -> String {
    let value = |which: usize| label(number + variant * 7_919, which);
    let bundle = number % 300;
    format!(
        "---\napiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {{name: placement-{number}}}\n\
         spec:\n  bundles: [bundle-{bundle}]\n  clusters:\n\
         \x20 - matchLabels: {{env: {}, region: {}}}\n\
         \x20 - matchLabels: {{team: {}}}\n    matchExpressions: [{{key: tier, operator: NotIn, values: [{}]}}]\n\
         \x20 - matchLabels: {{shard: {}, provider: {}}}\n",
        value(0),
        value(1),
        value(4),
        value(3),
        value(9),
        value(7),
    )
}

fn name(number: usize) -> anyhow::Result<ClusterName> {
    Ok(ClusterName::try_new(format!("cluster-{number:06}"))?)
}

fn facts(number: usize, variant: usize) -> Facts {
    let minor = 26 + mixed(number, 20) % 8;
    let nodes = 1 + mixed(number, 21 + variant) % 50;
    let facts = [("kubernetes.minor", minor), ("nodes", nodes)];
    let facts = facts.map(|(key, value)| (key.to_owned(), value.to_string()));
    Facts::Reported(Arc::new(BTreeMap::from(facts)))
}

fn source() -> anyhow::Result<SourceName> {
    Ok(SourceName::try_new("main")?)
}

impl Fleet {
    fn new(clusters: usize, placements: usize) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for number in 0..clusters {
            files.push((
                format!("clusters/{number:06}.yaml"),
                cluster(number).into_bytes(),
            ));
        }
        for number in 0..300 {
            let text = format!(
                "---\napiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {{name: bundle-{number}}}\nspec: {{path: apps}}\n"
            );
            files.push((format!("bundles/{number}.yaml"), text.into_bytes()));
        }
        let config = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}";
        files.push(("apps/x.yaml".to_owned(), config.into()));
        for number in 0..placements {
            files.push((
                format!("placements/{number}.yaml"),
                placement(number, 0).into_bytes(),
            ));
        }
        let (spec, load) = once(|| Self::load(files, None));
        let facts = (0..clusters).map(|number| Ok((name(number)?, facts(number, 0))));
        let inventory = Inventory {
            facts: facts.collect::<anyhow::Result<_>>()?,
            ..Inventory::default()
        };
        let fleet = Self {
            clusters,
            placements,
            spec: Arc::new(spec?),
            inventory,
        };
        fleet.print(
            "load",
            &json!({"ms": spread(&[load]), "peak_mib": memory().0}),
        );
        Ok(fleet)
    }

    fn load(files: Vec<(String, Vec<u8>)>, previous: Option<&Spec>) -> anyhow::Result<Spec> {
        let revision = Revision::try_new("0".repeat(40))?;
        let tree = SourceState::Read(Arc::new(Tree::new(revision, files)));
        let trees = Trees {
            sources: BTreeMap::from([(source()?, tree)]),
            rules: BTreeMap::from([(source()?, Rules::default())]),
            ..Trees::default()
        };
        Ok(load(&trees, previous).0)
    }

    fn full(&self, naive: bool) {
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let nothing = Decisions::default();
            let (decisions, taken) = once(|| resolve(&self.spec, &self.inventory, &nothing));
            fast.push(taken);
            black_box(decisions);
            if naive && slow.len() < 3 {
                let plainly = || {
                    let oracle = Oracle::new(&self.spec, &self.inventory);
                    oracle.resolve(&Previous::new())
                };
                let (decided, taken) = once(plainly);
                slow.push(taken);
                black_box(decided);
            }
        }
        let decisions = resolve(&self.spec, &self.inventory, &Decisions::default());
        let selected: usize = decisions
            .placements
            .values()
            .map(|d| d.selected_count())
            .sum();
        let naive = (!slow.is_empty()).then(|| spread(&slow));
        self.print(
            "resolve_full",
            &json!({"indexed": spread(&fast), "naive": naive, "selected_pairs": selected}),
        );
        let memory = decisions.memory();
        let each = |bytes: usize| bytes / self.clusters;
        self.print(
            "resolve_memory",
            &json!({"bytes_a_cluster": {"index": each(memory.index), "choices": each(memory.choices), "owners": each(memory.owners)}}),
        );
        let placed = || decisions.clusters.values().map(|c| c.bundles.len()).sum();
        let (bundles, taken): (usize, Duration) = once(placed);
        self.print(
            "resolve_materialise",
            &json!({"ms": spread(&[taken]), "bundles_placed": bundles}),
        );
    }

    fn incremental(&self) -> anyhow::Result<()> {
        let first = resolve(&self.spec, &self.inventory, &Decisions::default());
        let before = resolve(&self.spec, &self.inventory, &first);
        let mut changed = Spec::clone(&self.spec);
        let text = placement(0, 1).into_bytes();
        let other = Self::load(vec![("p.yaml".to_owned(), text)], None)?;
        changed.placements.extend(other.placements);
        self.after(
            "one_placement",
            &before,
            &Arc::new(changed),
            &self.inventory,
        );
        let mut relabelled = Spec::clone(&self.spec);
        let other = Self::load(
            vec![(
                "c.yaml".to_owned(),
                cluster(1).replace("000001", "000000").into_bytes(),
            )],
            None,
        )?;
        relabelled.members.extend(other.members);
        self.after("one_label", &before, &Arc::new(relabelled), &self.inventory);
        let mut inventory = self.inventory.clone();
        inventory.facts.insert(name(0)?, facts(0, 1));
        self.after("one_fact", &before, &self.spec, &inventory);
        Ok(())
    }

    fn after(&self, what: &str, before: &Decisions, spec: &Arc<Spec>, inventory: &Inventory) {
        let mut times = Vec::new();
        for _ in 0..ROUNDS * 3 {
            let (decisions, taken) = once(|| resolve(spec, inventory, before));
            times.push(taken);
            black_box(decisions);
        }
        let work = resolve(spec, inventory, before).work();
        let work = json!({"placements_evaluated": work.placements_evaluated, "clusters_indexed": work.clusters_indexed});
        self.print(
            "resolve_incremental",
            &json!({"changed": what, "ms": spread(&times), "work": work}),
        );
    }

    fn print(&self, benchmark: &str, figures: &serde_json::Value) {
        print(benchmark, (self.clusters, self.placements), figures);
    }
}
