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
    fleet
        .commit(&[
            ("clusters/old.yaml", None),
            ("clusters/new.yaml", Some(&moved("new", "old"))),
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
            ("clusters/newest.yaml", Some(&moved("newest", "new"))),
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

fn moved(name: &str, former: &str) -> String {
    sample::cluster(name, "old").replace("spec: {}", &format!("spec: {{renamedFrom: {former}}}"))
}

async fn state(fleet: &Fleet, name: &str) -> anyhow::Result<capstan_proto::wire::Cluster> {
    let clusters = fleet.cluster_states().await?;
    let found = clusters.into_iter().find(|cluster| cluster.name == name);
    found.with_context(|| format!("nobody is called {name}"))
}

/// Waits until it is clear whose the new name is: whether it is that of the cluster that was renamed.
async fn winner(fleet: &Fleet) -> anyhow::Result<bool> {
    wait::until("the name is somebody's", async || {
        let clusters = fleet.cluster_states().await?;
        let names: Vec<_> = clusters.iter().map(|it| it.name.clone()).collect();
        let problems = fleet.hub(&["get", "problems", "-o", "json"]).await?;
        let told = problems.contains("E0506") && problems.contains("both enrolled");
        let connected = clusters.iter().all(|it| it.connection == "Connected");
        let lost = told && names == ["new", "old"];
        let won = !told && names == ["new"] && clusters[0].in_sync;
        ensure!(connected && (lost || won), "{names:?} {problems}");
        Ok(won)
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log("old")))
}

/// Waits until the cluster called old is there, and was never given anything.
async fn is_empty(fleet: &Fleet) -> anyhow::Result<()> {
    wait::until("it is connected and has nothing", async || {
        let old = state(fleet, "old").await?;
        ensure!(old.connection == "Connected", "{old:#?}");
        let nothing = old.wanted.is_empty() && old.accepted.is_empty();
        ensure!(nothing && old.bundle_states.is_empty(), "{old:#?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_a_name_has_one_winner_and_the_other_keeps_everything() -> anyhow::Result<()> {
    for first in ["the enrolment", "the commit", "nobody"] {
        let (mut fleet, directory, _) = fleet(&["old"]).await?;
        let before = notes(&fleet, "old").await?;
        let other = Cluster::simulated("other", &directory.path().join("other")).await?;
        let files = [
            ("clusters/old.yaml", None),
            ("clusters/new.yaml", Some(moved("new", "old"))),
        ];
        let files = files
            .each_ref()
            .map(|(path, text)| (*path, text.as_deref()));
        if first == "the commit" {
            fleet.commit(&files).await?;
        }
        // Its agent enrols as soon as it runs.
        fleet.join("new", other).await.ok();
        if first == "the enrolment" {
            wait::until("it is enrolled", async || {
                state(&fleet, "new").await.map(drop)
            })
            .await?;
        }
        if first != "the commit" {
            fleet.commit(&files).await?;
        }
        let won = winner(&fleet).await?;
        match first {
            "the enrolment" => ensure!(!won, "who is enrolled keeps the name"),
            "the commit" => ensure!(won, "who was renamed keeps the name"),
            _ => {}
        }
        ensure!(notes(&fleet, "old").await? == before, "it was touched");
        fleet.kill_hub().await?;
        fleet.start_hub().await?;
        ensure!(
            winner(&fleet).await? == won,
            "a restart changes nobody's name"
        );
        ensure!(notes(&fleet, "old").await? == before, "it was touched");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_under_a_former_name_begins_with_nothing() -> anyhow::Result<()> {
    let (mut fleet, directory, _) = fleet(&["old"]).await?;
    fleet
        .commit(&[
            ("clusters/old.yaml", None),
            ("clusters/new.yaml", Some(&moved("new", "old"))),
        ])
        .await?;
    is_called(&fleet, "new").await?;
    let former = fleet.clusters.remove("old").context("it is there")?;
    let other = Cluster::simulated("other", &directory.path().join("other")).await?;
    // The former one's agent goes on beside it.
    let spoke = fleet.part_with_spoke("old")?;
    fleet.join("old", other).await?;
    is_empty(&fleet).await?;
    fleet.kill_hub().await?;
    fleet.start_hub().await?;
    is_empty(&fleet).await?;
    let (old, new) = (sample::cluster("old", "old"), sample::cluster("new", "new"));
    let revision = fleet
        .commit(&[
            ("clusters/old.yaml", Some(&old)),
            ("clusters/new.yaml", Some(&new)),
        ])
        .await?;
    fleet.synced(&revision).await?;
    ensure!(
        former.client.get(NOTES).await?.is_some(),
        "the former one has its own"
    );
    drop(spoke);
    Ok(())
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
