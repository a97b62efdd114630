//! The placement language with real processes: a promotion, a selection that becomes empty, and a cluster that gets
//! another name. (Modes, Release among them, have a file of their own.)

use anyhow::{Context as _, ensure};
use capstan_it::{Cluster, Fleet, sample, wait};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");
const NOTES: &str = "/api/v1/namespaces/notes/configmaps/notes";

/// Clusters of these names with one bundle of one ConfigMap, synced; and its first commit.
async fn fleet(names: &[&str]) -> anyhow::Result<(Fleet, TempDir, String)> {
    let mut files = vec![
        ("bundles/notes.yaml".to_owned(), sample::bundle("notes")),
        (
            "placements/all.yaml".to_owned(),
            sample::placement("all", &["notes"]),
        ),
        (
            "apps/notes/notes.yaml".to_owned(),
            sample::config_map("notes", "one"),
        ),
    ];
    for name in names {
        files.push((format!("clusters/{name}.yaml"), sample::cluster(name, name)));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    let directory = tempfile::tempdir()?;
    for name in names {
        let cluster = Cluster::simulated(name, &directory.path().join(name)).await?;
        fleet.join(name, cluster).await?;
    }
    let revision = fleet.git.head()?;
    fleet.synced(&revision).await?;
    Ok((fleet, directory, revision))
}

async fn notes(fleet: &Fleet, cluster: &str) -> anyhow::Result<Value> {
    let client = &fleet.cluster(cluster)?.client;
    client.get(NOTES).await?.context("the object is gone")
}

async fn value_becomes(fleet: &Fleet, cluster: &str, value: &str) -> anyhow::Result<Value> {
    wait::until(&format!("{cluster} has {value}"), async || {
        let notes = notes(fleet, cluster).await?;
        ensure!(notes["data"]["value"] == value, "{notes}");
        Ok(notes)
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log(cluster)))
}

/// The placement at one revision, and on one cluster at another.
fn pinned(revision: &str, canary: Option<&str>) -> String {
    let canary = canary.map_or(String::new(), |canary| {
        format!(", overrides: [{{clusters: [{{names: [canary]}}], revision: \"{canary}\"}}]")
    });
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Placement\nmetadata: {{name: all}}\n\
         spec: {{bundles: [notes], clusters: [{{}}], revision: \"{revision}\"{canary}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_is_one_line_and_touches_nobody_before() -> anyhow::Result<()> {
    let (fleet, _directory, one) = fleet(&["canary", "prod"]).await?;
    let uid = notes(&fleet, "prod").await?["metadata"]["uid"].clone();
    fleet
        .commit(&[("placements/all.yaml", Some(&pinned(&one, None)))])
        .await?;
    let text = sample::config_map("notes", "two");
    let two = fleet
        .commit(&[("apps/notes/notes.yaml", Some(&text))])
        .await?;
    fleet
        .commit(&[("placements/all.yaml", Some(&pinned(&one, Some(&two))))])
        .await?;
    value_becomes(&fleet, "canary", "two").await?;
    ensure!(
        notes(&fleet, "prod").await?["data"]["value"] == "one",
        "prod waits"
    );
    fleet
        .commit(&[("placements/all.yaml", Some(&pinned(&two, None)))])
        .await?;
    let after = value_becomes(&fleet, "prod", "two").await?;
    ensure!(
        after["metadata"]["uid"] == uid,
        "it was changed, not made anew"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_selection_waits_and_goes_when_it_is_approved_also_after_other_commits()
-> anyhow::Result<()> {
    let (fleet, _directory, _) = fleet(&["prod"]).await?;
    let nobody =
        sample::placement("all", &["notes"]).replace("[{}]", "[{matchLabels: {env: nobody}}]");
    fleet
        .commit(&[("placements/all.yaml", Some(&nobody))])
        .await?;
    let held = wait::until("the removal is held", async || {
        let held = fleet.fleet().await?.held;
        held.first().cloned().context("nothing is held")
    })
    .await?;
    let other = sample::config_map("other", "x");
    fleet
        .commit(&[("elsewhere/other.yaml", Some(&other))])
        .await?;
    ensure!(
        notes(&fleet, "prod").await?["data"]["value"] == "one",
        "it stays while it is held"
    );
    fleet
        .hub(&["approve", &held.digest, "--reason", "nobody uses it"])
        .await?;
    wait::until("the approved removal is made", async || {
        match notes(&fleet, "prod").await {
            Err(_) => Ok(()),
            Ok(object) => Err(object),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_gets_another_name_keeps_everything_and_is_followed() -> anyhow::Result<()> {
    let (mut fleet, _directory, _) = fleet(&["old"]).await?;
    let before = notes(&fleet, "old").await?;
    let named = |name: &str, former: &str| {
        sample::cluster(name, "old")
            .replace("spec: {}", &format!("spec: {{renamedFrom: {former}}}"))
    };
    fleet
        .commit(&[
            ("clusters/old.yaml", None),
            ("clusters/new.yaml", Some(&named("new", "old"))),
        ])
        .await?;
    is_called(&fleet, "new").await?;
    let text = sample::config_map("notes", "two");
    fleet
        .commit(&[("apps/notes/notes.yaml", Some(&text))])
        .await?;
    let after = value_becomes(&fleet, "old", "two").await?;
    ensure!(
        after["metadata"]["uid"] == before["metadata"]["uid"],
        "it was never deleted"
    );
    // It stays so over a restart, and once more under a third name.
    fleet.kill_hub().await?;
    fleet.start_hub().await?;
    is_called(&fleet, "new").await?;
    let text = sample::config_map("notes", "three");
    fleet
        .commit(&[
            ("clusters/new.yaml", None),
            ("clusters/newest.yaml", Some(&named("newest", "new"))),
            ("apps/notes/notes.yaml", Some(&text)),
        ])
        .await?;
    is_called(&fleet, "newest").await?;
    let after = value_becomes(&fleet, "old", "three").await?;
    ensure!(
        after["metadata"]["uid"] == before["metadata"]["uid"],
        "it was never deleted"
    );
    // What is taken away from now on goes, as from any cluster.
    fleet.commit(&[("placements/all.yaml", None)]).await?;
    let held = wait::until("the removal is held", async || {
        let held = fleet.fleet().await?.held;
        held.first().cloned().context("nothing is held")
    })
    .await?;
    fleet
        .hub(&["approve", &held.digest, "--reason", "enough"])
        .await?;
    wait::until("the approved removal is made", async || {
        match notes(&fleet, "old").await {
            Err(_) => Ok(()),
            Ok(object) => Err(object),
        }
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log("old")))
}

/// Waits until the one connected cluster has this name, and there is no other.
async fn is_called(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    wait::until(&format!("the cluster is called {name}"), async || {
        let clusters = fleet.cluster_states().await?;
        let names: Vec<&str> = clusters
            .iter()
            .map(|cluster| cluster.name.as_str())
            .collect();
        ensure!(names == [name], "{names:?}");
        ensure!(
            clusters[0].connection == "Connected" && clusters[0].in_sync,
            "{clusters:#?}"
        );
        Ok(())
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log("old")))
}
