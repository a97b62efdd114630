//! The main scenario, for simulated and real clusters alike: a commit becomes applied state, drift
//! is healed and reported, with the hub or without it, and nothing is sent twice.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::sample::{bundle, config_map, deployment, placement};
use crate::wait;

const WEB: &str = "/apis/apps/v1/namespaces/web/deployments/web";
const SETTINGS: &str = "/api/v1/namespaces/web/configmaps/settings";
const NOTES: &str = "/api/v1/namespaces/notes/configmaps/notes";

/// The files of the scenario, without clusters.
#[must_use]
pub fn files() -> Vec<(String, Option<String>)> {
    [
        ("bundles/web.yaml", bundle("web")),
        ("bundles/notes.yaml", bundle("notes")),
        ("placements/all.yaml", placement("all", &["web", "notes"])),
        ("apps/web/web.yaml", deployment("web", 2)),
        ("apps/web/settings.yaml", config_map("settings", "one")),
        ("apps/notes/notes.yaml", config_map("notes", "one")),
    ]
    .map(|(path, text)| (path.to_owned(), Some(text)))
    .to_vec()
}

/// Plays everything, in the order in which a person would.
///
/// # Errors
/// With what was seen instead of what should be.
pub async fn play(fleet: &mut Fleet, names: &[&str]) -> anyhow::Result<()> {
    commits_are_applied(fleet, names)
        .await
        .context("commits are applied")?;
    removal_takes_only_what_left(fleet, names)
        .await
        .context("removal takes only what left")?;
    drift_is_healed_and_reported(fleet, names[0])
        .await
        .context("drift is healed and reported")?;
    deleted_objects_come_back(fleet, names[0])
        .await
        .context("deleted objects come back")?;
    the_hub_may_be_away(fleet, names)
        .await
        .context("the hub may be away")?;
    Ok(())
}

async fn commits_are_applied(fleet: &Fleet, names: &[&str]) -> anyhow::Result<()> {
    for name in names {
        becomes(fleet, name, SETTINGS, "/data/value", &json!("one")).await?;
        becomes(fleet, name, WEB, "/spec/replicas", &json!(2)).await?;
    }
    let text = config_map("settings", "two");
    fleet
        .commit(&[("apps/web/settings.yaml", Some(&text))])
        .await?;
    for name in names {
        becomes(fleet, name, SETTINGS, "/data/value", &json!("two")).await?;
    }
    Ok(())
}

async fn removal_takes_only_what_left(fleet: &Fleet, names: &[&str]) -> anyhow::Result<()> {
    let client = &fleet.cluster(names[0])?.client;
    let foreign = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}});
    client
        .create("/api/v1/namespaces/notes/configmaps", &foreign)
        .await?;
    let text = placement("all", &["web"]);
    fleet
        .commit(&[("placements/all.yaml", Some(&text))])
        .await?;
    for name in names {
        let client = &fleet.cluster(name)?.client;
        wait::until("the bundle's object is gone", async || {
            match client.get(NOTES).await {
                Ok(None) => Ok(()),
                seen => Err(seen),
            }
        })
        .await?;
        ensure!(
            client.get(SETTINGS).await?.is_some(),
            "the other bundle stays"
        );
    }
    let foreign = "/api/v1/namespaces/notes/configmaps/foreign";
    ensure!(
        client.get(foreign).await?.is_some(),
        "what is not ours stays"
    );
    Ok(())
}

async fn drift_is_healed_and_reported(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    let client = &fleet.cluster(name)?.client;
    client.merge(WEB, &json!({"spec": {"replicas": 9}})).await?;
    becomes(fleet, name, WEB, "/spec/replicas", &json!(2)).await?;
    let drift = wait::until("the drift is reported", async || {
        let text = fleet.hub(&["get", "drift", "-o", "json"]).await?;
        find_drift(&serde_json::from_str(&text)?, name, "web")
            .with_context(|| format!("no healed drift in {text}"))
    })
    .await?;
    let field = &drift["fields"][0];
    ensure!(field["path"] == ".spec.replicas", "the field: {drift}");
    ensure!(
        field["declared"] == "2" && field["live"] == "9",
        "both values: {drift}"
    );
    ensure!(drift["manager"] == "tester", "who: {drift}");
    Ok(())
}

fn find_drift(answer: &Value, cluster: &str, name: &str) -> Option<Value> {
    let list = answer.as_array().or_else(|| answer["drifts"].as_array())?;
    let wanted = |drift: &&Value| {
        drift["cluster"] == cluster
            && drift["object"]["name"] == name
            && drift["outcome"] == "Healed"
    };
    list.iter().find(wanted).cloned()
}

async fn deleted_objects_come_back(fleet: &Fleet, name: &str) -> anyhow::Result<()> {
    let client = &fleet.cluster(name)?.client;
    let uid = |object: &Value| object["metadata"]["uid"].clone();
    let before = uid(&client.get(SETTINGS).await?.context("it was applied")?);
    client.delete(SETTINGS).await?;
    wait::until("it is made anew", async || {
        match client.get(SETTINGS).await {
            Ok(Some(object)) if uid(&object) != before => Ok(()),
            seen => Err(seen),
        }
    })
    .await
}

async fn the_hub_may_be_away(fleet: &mut Fleet, names: &[&str]) -> anyhow::Result<()> {
    let name = names[0];
    fleet.kill_hub().await?;
    fleet
        .cluster(name)?
        .client
        .merge(WEB, &json!({"spec": {"replicas": 7}}))
        .await?;
    becomes(fleet, name, WEB, "/spec/replicas", &json!(2))
        .await
        .context("without the hub")?;

    fleet.kill_spoke(name).await?;
    fleet
        .cluster(name)?
        .client
        .merge(WEB, &json!({"spec": {"replicas": 5}}))
        .await?;
    fleet.start_spoke(name)?;
    becomes(fleet, name, WEB, "/spec/replicas", &json!(2))
        .await
        .context("after a restart without the hub")?;

    fleet.start_hub().await?;
    wait::until("every spoke is in sync again", async || {
        let clusters = fleet.cluster_states().await?;
        let back = clusters
            .iter()
            .filter(|c| c.connection == "Connected" && c.in_sync)
            .count();
        if back == names.len() {
            Ok(())
        } else {
            Err(anyhow::anyhow!("{clusters:#?}"))
        }
    })
    .await
    .with_context(|| fleet.hub_log())?;
    let sent = fleet.metric("capstan_hub_objects_sent_total").await?;
    ensure!(sent == 0, "{sent} objects were sent again");
    Ok(())
}

/// Waits until a field of an object has a value.
async fn becomes(
    fleet: &Fleet,
    cluster: &str,
    path: &str,
    pointer: &str,
    value: &Value,
) -> anyhow::Result<()> {
    let client = &fleet.cluster(cluster)?.client;
    wait::until(
        &format!("{path} {pointer} is {value} on {cluster}"),
        async || match client.get(path).await {
            Ok(Some(object)) if object.pointer(pointer) == Some(value) => Ok(()),
            seen => Err(seen),
        },
    )
    .await
    .with_context(|| {
        format!(
            "hub:\n{}\nspoke:\n{}",
            fleet.hub_log(),
            fleet.spoke_log(cluster)
        )
    })
}
