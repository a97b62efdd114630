//! The modes of a cluster, for simulated and real ones alike: paused changes nothing, released
//! leaves everything in place without our marks, observed says what applying would do.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::sample::{bundle, config_map, deployment, placement};
use crate::wait;

const WEB: &str = "/apis/apps/v1/namespaces/web/deployments/web";
const SETTINGS: &str = "/api/v1/namespaces/web/configmaps/settings";

/// The files of the scenario.
#[must_use]
pub fn files(name: &str) -> Vec<(String, Option<String>)> {
    [
        ("clusters/it.yaml", cluster(name, "Enforce")),
        ("bundles/web.yaml", bundle("web")),
        ("placements/all.yaml", placement("all", &["web"])),
        ("apps/web/web.yaml", deployment("web", 2)),
        ("apps/web/settings.yaml", config_map("settings", "one")),
    ]
    .map(|(path, text)| (path.to_owned(), Some(text)))
    .to_vec()
}

fn cluster(name: &str, mode: &str) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: {name}}}\n\
         spec: {{mode: {mode}}}\n"
    )
}

/// Plays everything.
///
/// # Errors
/// With what was seen instead of what should be.
pub async fn play(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    value_becomes(fleet, name, "one").await?;
    paused(fleet, name).await.context("paused")?;
    released(fleet, name).await.context("released")?;
    observed(fleet, name).await.context("observed")
}

async fn commit(fleet: &Fleet, name: &str, mode: &str, value: &str) -> anyhow::Result<()> {
    let (cluster, settings) = (cluster(name, mode), config_map("settings", value));
    let files = [
        ("clusters/it.yaml", Some(cluster.as_str())),
        ("apps/web/settings.yaml", Some(settings.as_str())),
    ];
    fleet.commit(&files).await.map(drop)
}

async fn paused(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    let client = &fleet.cluster(name)?.client;
    commit(fleet, name, "Paused", "two").await?;
    says(fleet, name, "Paused").await?;
    client.merge(WEB, &json!({"spec": {"replicas": 9}})).await?;
    wait::until("the drift is reported", async || {
        let drifts = fleet.hub(&["get", "drift", "-o", "json"]).await?;
        match drifts.contains("\"Reported\"") && drifts.contains(".spec.replicas") {
            true => Ok(()),
            false => Err(anyhow::anyhow!(drifts)),
        }
    })
    .await?;
    let web = client.get(WEB).await?.context("it is there")?;
    ensure!(
        web["spec"]["replicas"] == json!(9),
        "it was put back: {web}"
    );
    let settings = client.get(SETTINGS).await?.context("it is there")?;
    ensure!(
        settings["data"]["value"] == json!("one"),
        "it was applied: {settings}"
    );
    Ok(())
}

async fn released(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    let client = &fleet.cluster(name)?.client;
    let mut before = Vec::new();
    for path in [WEB, SETTINGS] {
        before.push((path, client.get(path).await?.context("it is there")?));
    }
    commit(fleet, name, "Release", "two").await?;
    for (path, before) in &before {
        let after = wait::until("our marks are gone", async || {
            match client.get(path).await {
                Ok(Some(object))
                    if object["metadata"]["labels"]
                        .get("capstan.dev/bundle")
                        .is_none() =>
                {
                    Ok(object)
                }
                seen => Err(seen),
            }
        })
        .await
        .with_context(|| fleet.spoke_log(name))?;
        is_the_same(before, &after)?;
    }
    says(fleet, name, "Released").await?;
    // From now on it is nobody's drift.
    client.merge(WEB, &json!({"spec": {"replicas": 4}})).await?;
    Ok(())
}

/// Nothing but marks and the name of the manager is otherwise. (A Deployment's generation counts
/// changes of annotations, too.)
fn is_the_same(before: &Value, after: &Value) -> anyhow::Result<()> {
    for field in ["spec", "data"] {
        ensure!(
            before[field] == after[field],
            "{field}: {before} and {after}"
        );
    }
    let metadata = |object: &Value, field: &str| object["metadata"][field].clone();
    ensure!(
        metadata(before, "uid") == metadata(after, "uid"),
        "uid: {after}"
    );
    let annotations = metadata(after, "annotations");
    ensure!(
        annotations.get("capstan.dev/digest").is_none(),
        "{annotations}"
    );
    let fields = metadata(after, "managedFields");
    let managers: Vec<&str> = fields
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["manager"].as_str())
        .collect();
    ensure!(!managers.contains(&"capstan"), "managers: {managers:?}");
    ensure!(
        managers.contains(&"capstan-released"),
        "managers: {managers:?}"
    );
    Ok(())
}

async fn observed(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    let client = &fleet.cluster(name)?.client;
    let notes = config_map("notes", "new");
    fleet
        .commit(&[("apps/web/notes.yaml", Some(&notes))])
        .await?;
    commit(fleet, name, "Observe", "two").await?;
    says(fleet, name, "would create 1, change 2, delete 0").await?;
    let settings = client.get(SETTINGS).await?.context("it is there")?;
    ensure!(
        settings["data"]["value"] == json!("one"),
        "it was applied: {settings}"
    );
    let labels = &settings["metadata"]["labels"];
    ensure!(
        labels.get("capstan.dev/bundle").is_none(),
        "marked: {settings}"
    );
    let notes = "/api/v1/namespaces/web/configmaps/notes";
    ensure!(client.get(notes).await?.is_none(), "it was made");
    Ok(())
}

async fn value_becomes(fleet: &Fleet, name: &str, value: &str) -> anyhow::Result<()> {
    let client = &fleet.cluster(name)?.client;
    let what = format!("the value is {value}");
    wait::until(&what, async || match client.get(SETTINGS).await {
        Ok(Some(object)) if object["data"]["value"] == json!(value) => Ok(()),
        seen => Err(seen),
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log(name)))
}

/// Waits until `hub explain` has these words.
async fn says(fleet: &Fleet, name: &str, words: &str) -> anyhow::Result<()> {
    let what = format!("it is said: {words}");
    wait::until(&what, async || {
        let text = fleet.hub(&["explain", name, "web"]).await?;
        match text.contains(words) {
            true => Ok(()),
            false => Err(anyhow::anyhow!(text)),
        }
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log(name)))
}
