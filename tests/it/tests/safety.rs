//! What must never happen, tried on a whole fleet.

use anyhow::{Context as _, ensure};
use capstan_it::{Cluster, Fleet, sample, wait};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");
const NOTES: &str = "/api/v1/namespaces/notes/configmaps/notes";

/// One cluster with one bundle of one ConfigMap, synced.
async fn fleet() -> anyhow::Result<(Fleet, TempDir)> {
    let files = [
        ("clusters/prod.yaml", sample::cluster("prod", "prod")),
        ("bundles/notes.yaml", sample::bundle("notes")),
        ("placements/all.yaml", sample::placement("all", &["notes"])),
        ("apps/notes/notes.yaml", sample::config_map("notes", "one")),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, Some(text.as_str())))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::simulated("prod", directory.path()).await?;
    fleet.join("prod", cluster).await?;
    fleet.synced(&fleet.git.head()?).await?;
    Ok((fleet, directory))
}

async fn notes(fleet: &Fleet) -> anyhow::Result<serde_json::Value> {
    fleet
        .cluster("prod")?
        .client
        .get(NOTES)
        .await?
        .context("the object is gone")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_a_problem_and_removes_nothing() -> anyhow::Result<()> {
    let (fleet, _directory) = fleet().await?;
    let before = notes(&fleet).await?;
    let broken = "apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {name: all}\nspec: {bundels: [notes]}\n";
    let revision = fleet
        .commit(&[("placements/all.yaml", Some(broken))])
        .await?;
    wait::until("the problem is shown", async || {
        let text = fleet.hub(&["get", "problems"]).await?;
        ensure!(text.contains("placements/all.yaml:4:8"), "{text}");
        ensure!(
            text.contains("bundles"),
            "the hint names the nearest field: {text}"
        );
        Ok(())
    })
    .await?;
    fleet.synced(&revision).await?;
    ensure!(notes(&fleet).await? == before, "nothing was written");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_becomes_empty_is_held_until_somebody_approves() -> anyhow::Result<()> {
    let (fleet, _directory) = fleet().await?;
    fleet.commit(&[("placements/all.yaml", None)]).await?;
    let held = wait::until("the removal is held", async || {
        fleet
            .fleet()
            .await?
            .held
            .first()
            .cloned()
            .context("nothing is held")
    })
    .await?;
    ensure!(
        notes(&fleet).await?["data"]["value"] == "one",
        "it stays while it is held"
    );
    ensure!(
        held.command.contains(&held.digest[..12]),
        "the command names the set: {held:?}"
    );
    fleet
        .hub(&[
            "approve",
            &held.digest,
            "--reason",
            "it is not wanted any more",
        ])
        .await?;
    wait::until("the approved removal is made", async || {
        match notes(&fleet).await {
            Err(_) => Ok(()),
            Ok(object) => Err(object),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undeclared_cluster_keeps_what_it_has() -> anyhow::Result<()> {
    let (fleet, _directory) = fleet().await?;
    let before = notes(&fleet).await?;
    let revision = fleet.commit(&[("clusters/prod.yaml", None)]).await?;
    wait::until("the hub resolved the commit", async || {
        let sources = fleet.fleet().await?.sources;
        let resolved = sources
            .first()
            .is_some_and(|source| source.revision == revision);
        ensure!(resolved, "{sources:?}");
        Ok(())
    })
    .await?;
    // A change that the hub does deliver proves that it had its say.
    let text = sample::config_map("notes", "two");
    fleet
        .commit(&[
            ("clusters/prod.yaml", Some(&sample::cluster("prod", "prod"))),
            ("apps/notes/notes.yaml", Some(&text)),
        ])
        .await?;
    wait::until("the next change arrives", async || {
        let now = notes(&fleet).await?;
        ensure!(now["data"]["value"] == "two", "{now}");
        ensure!(
            now["metadata"]["uid"] == before["metadata"]["uid"],
            "it was never deleted"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_never_becomes_ready_is_never_healthy() -> anyhow::Result<()> {
    let (fleet, _directory) = fleet().await?;
    let text = sample::deployment("broken", 1).replace("broken:1", "broken:never-ready");
    fleet
        .commit(&[("apps/notes/broken.yaml", Some(&text))])
        .await?;
    let deployment = "/apis/apps/v1/namespaces/notes/deployments/broken";
    wait::until("its status is written", async || {
        let live = fleet
            .cluster("prod")?
            .client
            .get(deployment)
            .await?
            .context("not applied")?;
        ensure!(
            live["status"]["observedGeneration"] == live["metadata"]["generation"],
            "{live}"
        );
        Ok(())
    })
    .await?;
    wait::until("the hub shows it as Synced and Progressing", async || {
        let clusters = fleet.cluster_states().await?;
        let state = clusters[0].bundle_states.first().context("no state")?;
        ensure!(
            state.health != "Healthy" || state.objects < 2,
            "never Healthy: {state:?}"
        );
        ensure!(
            state.sync == "Synced" && state.health == "Progressing",
            "{state:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_object_of_500_moves_one_object() -> anyhow::Result<()> {
    let (fleet, _directory) = fleet().await?;
    let many: Vec<_> = (0..500)
        .map(|i| {
            (
                format!("apps/notes/many-{i}.yaml"),
                sample::config_map(&format!("many-{i}"), "one"),
            )
        })
        .collect();
    let files: Vec<_> = many
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    let revision = fleet.commit(&files).await?;
    fleet.synced(&revision).await?;
    let before = fleet.metric("capstan_hub_objects_sent_total").await?;
    let text = sample::config_map("many-250", "two");
    let revision = fleet
        .commit(&[("apps/notes/many-250.yaml", Some(&text))])
        .await?;
    fleet.synced(&revision).await?;
    ensure!(fleet.metric("capstan_hub_objects_sent_total").await? - before == 1);
    Ok(())
}
