//! The whole way of the data for a fleet at size, step by step, as `hub lint` and `hub plan` go it:
//! `cargo bench -p capstan-bench --bench offline` prints one JSON line a step, with the most memory
//! until then. With `-- --test` the fleet is small.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use capstan_bench::fleet::{Size, files};
use capstan_bench::measure::{memory, once, print, spread};
use capstan_hub_core::desired::{Running, desired};
use capstan_hub_core::inventory::Inventory;
use capstan_hub_core::manifest::{Rendered, render};
use capstan_hub_core::placement::{Decisions, resolve};
use capstan_hub_core::spec::{Rules, SourceState, Spec, Tree, Trees, load};
use capstan_proto::{Revision, SourceName};
use serde_json::json;

/// As in the hub.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LARGE: Size = Size {
    clusters: 10_000,
    placements: 1_000,
};
const SMALL: Size = Size {
    clusters: 100,
    placements: 50,
};

fn main() -> anyhow::Result<()> {
    let size = match std::env::args().any(|argument| argument == "--test") {
        true => SMALL,
        false => LARGE,
    };
    let source = SourceName::try_new("main")?;
    let files = files(size).map(|(path, text)| (path, text.into_bytes()));
    let tree = Tree::new(Revision::try_new("0".repeat(40))?, files);
    let count = tree.files.len();
    let trees = Trees {
        sources: BTreeMap::from([(source.clone(), SourceState::Read(Arc::new(tree)))]),
        rules: BTreeMap::from([(source.clone(), Rules::default())]),
        ..Trees::default()
    };
    let beginning = Spec::beginning(None, &source);
    let (spec, problems) = step(size, "load", || load(&trees, Some(&beginning)));
    let spec = Arc::new(spec);
    let nothing = Decisions::default();
    let inventory = Inventory::default();
    let decisions = step(size, "resolve", || resolve(&spec, &inventory, &nothing));
    let each = decisions.clusters.values().map(|c| c.bundles.len());
    let placed: usize = step(size, "materialise", || each.sum());
    let before = Rendered::default();
    let rendered = step(size, "render", || {
        render(&spec, &trees, &decisions, &before)
    });
    let running = Running::default();
    let wanted = step(size, "desired", || desired(&decisions, &rendered, &running));
    let again = step(size, "load_again", || load(&trees, Some(&spec)));
    let next = Arc::new(again.0);
    let after = step(size, "resolve_again", || {
        resolve(&next, &inventory, &decisions)
    });
    black_box(step(size, "render_again", || {
        render(&next, &trees, &after, &rendered)
    }));
    let targets = wanted
        .clusters
        .values()
        .filter_map(|wanted| wanted.target());
    let objects: usize = targets.map(|target| target.snapshot.objects().len()).sum();
    let figures = json!({
        "files": count, "problems": problems.len(), "bundles_placed": placed,
        "instances": rendered.work().instantiated, "objects": objects,
    });
    print("offline_size", (size.clusters, size.placements), &figures);
    Ok(())
}

fn step<T>(size: Size, name: &str, run: impl FnOnce() -> T) -> T {
    let (value, taken) = once(run);
    let (peak, now) = memory();
    let figures = json!({"ms": spread(&[taken]), "mib": now, "peak_mib": peak});
    let name = format!("offline_{name}");
    print(&name, (size.clusters, size.placements), &figures);
    value
}
