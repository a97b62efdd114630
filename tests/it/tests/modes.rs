//! The modes of a cluster, on a simulated one.

use anyhow::{Context as _, ensure};
use capstan_it::{Cluster, Fleet, modes, sample, wait};

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_paused_released_and_observed() -> anyhow::Result<()> {
    let files = modes::files("one");
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_deref()))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::simulated("one", &directory.path().join("one")).await?;
    fleet.join("one", cluster).await?;
    modes::play(&fleet, "one").await
}

const SETTINGS: &str = "/api/v1/namespaces/web/configmaps/settings";

fn in_mode(mode: &str) -> String {
    sample::cluster("one", "prod").replace("spec: {}", &format!("spec: {{mode: {mode}}}"))
}

/// Waits until the spoke confirmed a mode and holds what is wanted.
async fn keeps_to(fleet: &Fleet, mode: &str) -> anyhow::Result<()> {
    wait::until(&format!("its spoke keeps to {mode}"), async || {
        let clusters = fleet.cluster_states().await?;
        let cluster = clusters.first().context("it is there")?;
        let keeps = cluster.mode_confirmed == mode && cluster.in_sync;
        ensure!(keeps, "{cluster:#?}");
        Ok(())
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log("one")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_bundles_hears_its_mode_before_a_bundle_comes() -> anyhow::Result<()> {
    for mode in ["Paused", "Observe"] {
        let one = in_mode("Enforce");
        let mut fleet = Fleet::start(BINARY, &[("clusters/one.yaml", Some(&one))]).await?;
        let directory = tempfile::tempdir()?;
        let cluster = Cluster::simulated("one", &directory.path().join("one")).await?;
        fleet.join("one", cluster).await?;
        keeps_to(&fleet, "Enforce").await?;
        fleet
            .commit(&[("clusters/one.yaml", Some(&in_mode(mode)))])
            .await?;
        keeps_to(&fleet, mode).await?;
        let status = fleet.hub(&["status"]).await?;
        ensure!(status.contains(&format!("modes     1 {mode}")), "{status}");
        // Its agent and its hub know it after a restart, too.
        fleet.kill_spoke("one").await?;
        fleet.kill_hub().await?;
        fleet.start_hub().await?;
        fleet.start_spoke("one")?;
        keeps_to(&fleet, mode).await?;
        fleet
            .commit(&[
                ("bundles/web.yaml", Some(&sample::bundle("web"))),
                (
                    "placements/all.yaml",
                    Some(&sample::placement("all", &["web"])),
                ),
                (
                    "apps/web/settings.yaml",
                    Some(&sample::config_map("settings", "one")),
                ),
            ])
            .await?;
        wait::until("the bundle is there and its spoke said so", async || {
            let clusters = fleet.cluster_states().await?;
            let states = &clusters[0].bundle_states;
            let said = states.iter().any(|state| state.seen_at_ms > 0);
            ensure!(clusters[0].in_sync && said, "{clusters:#?}");
            Ok(())
        })
        .await?;
        let explained = fleet.hub(&["explain", "one", "web"]).await?;
        let confirmed = format!("one: its spoke confirmed the mode {mode}");
        ensure!(explained.contains(&confirmed), "{explained}");
        let client = &fleet.cluster("one")?.client;
        ensure!(client.get(SETTINGS).await?.is_none(), "it was applied");
        let namespace = client.get("/api/v1/namespaces/web").await?;
        ensure!(namespace.is_none(), "its namespace was made");
        fleet.commit(&[("clusters/one.yaml", Some(&one))]).await?;
        wait::until("it is applied", async || match client.get(SETTINGS).await {
            Ok(Some(_)) => Ok(()),
            seen => Err(seen),
        })
        .await?;
        keeps_to(&fleet, "Enforce").await?;
    }
    Ok(())
}
