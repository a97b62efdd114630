//! From a commit to applied state, and from drift to healed, through real processes.
//!
//! `cargo bench -p capstan-bench` prints one JSON line a measurement, with the machine's facts. It
//! judges nothing. Simulated clusters always; real API servers too where `KUBEBUILDER_ASSETS` names
//! one. `CAPSTAN_BENCH_SPOKES` (default `1,2,10`) and `CAPSTAN_BENCH_ROUNDS` (default 30) change the
//! size.

#![expect(
    clippy::print_stdout,
    reason = "the figures are what a benchmark is for"
)]

use std::time::{Duration, Instant};

use anyhow::Context as _;
use capstan_it::{Cluster, Fleet, apiserver, sample};
use futures::{StreamExt as _, future};
use kube::core::{DynamicObject, WatchEvent};
use serde_json::json;
use tokio::sync::watch;

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-bench-part");
const SETTINGS: &str = "/api/v1/namespaces/web/configmaps/settings";

/// What a watched object says now: the field that is measured, as JSON text.
type Seen = watch::Receiver<String>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // `cargo test --benches` and IDEs call benchmarks to see whether they run.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return Ok(());
    }
    let rounds = number("CAPSTAN_BENCH_ROUNDS", "30")?[0];
    for spokes in number("CAPSTAN_BENCH_SPOKES", "1,2,10")? {
        run("simkube", spokes, rounds).await?;
    }
    if apiserver::assets().is_some() {
        for spokes in [1, 2] {
            run("kube-apiserver", spokes, rounds).await?;
        }
    }
    Ok(())
}

fn number(variable: &str, default: &str) -> anyhow::Result<Vec<usize>> {
    let text = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    text.split(',')
        .map(|part| {
            part.trim()
                .parse()
                .with_context(|| format!("{variable}: `{part}`"))
        })
        .collect()
}

async fn run(server: &str, spokes: usize, rounds: usize) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let names: Vec<_> = (0..spokes)
        .map(|index| format!("cluster-{index}"))
        .collect();
    let mut files = vec![
        ("bundles/web.yaml".to_owned(), sample::bundle("web")),
        (
            "placements/all.yaml".to_owned(),
            sample::placement("all", &["web"]),
        ),
        ("apps/web/web.yaml".to_owned(), sample::deployment("web", 2)),
        (
            "apps/web/settings.yaml".to_owned(),
            sample::config_map("settings", "0"),
        ),
    ];
    for name in &names {
        files.push((
            format!("clusters/{name}.yaml"),
            sample::cluster(name, "prod"),
        ));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    for name in &names {
        let cluster = match apiserver::assets().filter(|_| server != "simkube") {
            Some(assets) => Cluster::real(&assets).await?,
            None => Cluster::simulated(name, &directory.path().join(name)).await?,
        };
        fleet.join(name, cluster).await?;
    }
    let (whole, known) = commit_to_applied(&fleet, rounds).await?;
    print("commit_to_applied", server, spokes, whole);
    print("known_to_applied", server, spokes, known);
    print(
        "drift_heal",
        server,
        spokes,
        drift_heal(&fleet, rounds).await?,
    );
    Ok(())
}

/// Each round's time from before the commit, and from the moment that the hub was woken, to the
/// last cluster's watch event.
async fn commit_to_applied(
    fleet: &Fleet,
    rounds: usize,
) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    let mut seen = Vec::new();
    for cluster in fleet.clusters.values() {
        seen.push(follow(cluster, SETTINGS, "/data/value").await?);
    }
    let (mut whole, mut known) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let value = format!("round-{round}");
        let text = sample::config_map("settings", &value);
        let began = Instant::now();
        fleet
            .git
            .commit(&[("apps/web/settings.yaml", Some(&text))])?;
        let woken = Instant::now();
        let wake = fleet.hub(&["refresh"]);
        let wanted = format!("{value:?}");
        let (woke, applied) = future::join(wake, all(&mut seen, &wanted)).await;
        woke?;
        applied?;
        whole.push(began.elapsed());
        known.push(woken.elapsed());
    }
    Ok((whole, known))
}

/// Each round's time from the answer to a foreign write to the healing write's watch event.
async fn drift_heal(fleet: &Fleet, rounds: usize) -> anyhow::Result<Vec<Duration>> {
    let cluster = fleet
        .clusters
        .values()
        .next()
        .context("there is a cluster")?;
    let mut times = Vec::new();
    for round in 0..rounds {
        // One object drifts at most three times within the flip window: every round has its own.
        let name = format!("drift-{round}");
        let path = SETTINGS.replace("settings", &name);
        let text = sample::config_map(&name, "declared");
        fleet
            .commit(&[(&format!("apps/web/{name}.yaml"), Some(&text))])
            .await?;
        let mut object = vec![follow(cluster, &path, "/data/value").await?];
        all(&mut object, "\"declared\"").await?;
        cluster
            .client
            .merge(&path, &json!({"data": {"value": "by hand"}}))
            .await?;
        let began = Instant::now();
        healed(&mut object[0]).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

/// Waits until the foreign value was seen and is gone again.
async fn healed(seen: &mut Seen) -> anyhow::Result<()> {
    let wait = async {
        // Two events may have become one value here: what counts is that the last one is declared.
        seen.changed().await?;
        seen.wait_for(|value| value == "\"declared\"")
            .await
            .map(drop)
    };
    Ok(tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .context("never healed")??)
}

async fn all(seen: &mut [Seen], wanted: &str) -> anyhow::Result<()> {
    for one in seen {
        let wait = one.wait_for(|value| value == wanted);
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .with_context(|| format!("{wanted} never came"))??;
    }
    Ok(())
}

/// Watches one field of one object.
async fn follow(cluster: &Cluster, path: &str, pointer: &str) -> anyhow::Result<Seen> {
    let (collection, name) = path.rsplit_once('/').context("a path has a name")?;
    let uri = format!("{collection}?watch=true&fieldSelector=metadata.name%3D{name}");
    let request = http::Request::get(uri).body(Vec::new())?;
    let pointer = pointer.to_owned();
    let events = cluster.client.events(request).await?;
    let (sender, receiver) = watch::channel(String::new());
    tokio::spawn(async move {
        let mut events = events.boxed();
        while let Some(Ok(event)) = events.next().await {
            if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
                let object: DynamicObject = object;
                let value = object.data.pointer(&pointer).cloned().unwrap_or_default();
                if sender.send(value.to_string()).is_err() {
                    return;
                }
            }
        }
    });
    Ok(receiver)
}

fn print(name: &str, server: &str, spokes: usize, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times[index.min(times.len() - 1)].as_secs_f64() * 1000.0
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let line = json!({
        "benchmark": name, "server": server, "spokes": spokes, "rounds": times.len(),
        "ms": {"min": at(1), "p50": at(50), "p90": at(90), "p99": at(99)},
        "machine": {"cores": cores, "arch": std::env::consts::ARCH, "cpu": cpu()},
    });
    println!("{line}");
}

fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    model
        .and_then(|rest| rest.split(':').nth(1))
        .unwrap_or("unknown")
        .trim()
        .to_owned()
}
