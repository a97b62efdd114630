//! Who may join, and who may stay.

use anyhow::{Context as _, ensure};
use capstan_it::{Cluster, Fleet, sample, wait};

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");

#[derive(Clone)]
struct Token {
    hub: String,
    token: String,
    ca_pin: String,
}

async fn token(fleet: &Fleet, cluster: &str) -> anyhow::Result<Token> {
    let text = fleet
        .hub(&["token", "create", cluster, "-o", "json"])
        .await?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Ok(Token {
        hub: field("hub"),
        token: field("token"),
        ca_pin: field("caPin"),
    })
}

/// What a bootstrap that must fail says, after checking that it installed nothing.
async fn refused(fleet: &Fleet, cluster: &Cluster, token: &Token) -> anyhow::Result<String> {
    let kubeconfig = cluster.kubeconfig.display().to_string();
    let arguments = [
        "spoke",
        "bootstrap",
        "--hub",
        &token.hub,
        "--token",
        &token.token,
        "--ca-pin",
        &token.ca_pin,
        "--kubeconfig",
        &kubeconfig,
        "--outside",
    ];
    let output = fleet.parts.call(&arguments).await?;
    ensure!(!output.status.success(), "it must be refused");
    let namespace = cluster
        .client
        .get("/api/v1/namespaces/capstan-system")
        .await?;
    ensure!(namespace.is_none(), "nothing is installed");
    Ok(String::from_utf8(output.stderr)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_is_refused_before_anything_is_installed() -> anyhow::Result<()> {
    let declared = sample::cluster("prod", "prod");
    let fleet = Fleet::start(BINARY, &[("clusters/prod.yaml", Some(&declared))]).await?;
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::simulated("prod", directory.path()).await?;
    let mut token = token(&fleet, "prod").await?;
    token.ca_pin = format!("sha256:{}", "0".repeat(64));
    let said = refused(&fleet, &cluster, &token).await?;
    ensure!(said.contains("pin"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_used_token_is_refused_before_anything_is_installed() -> anyhow::Result<()> {
    let declared = sample::cluster("prod", "prod");
    let mut fleet = Fleet::start(BINARY, &[("clusters/prod.yaml", Some(&declared))]).await?;
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::simulated("prod", &directory.path().join("prod")).await?;
    let other = Cluster::simulated("other", &directory.path().join("other")).await?;
    let good = token(&fleet, "prod").await?;

    let (id, secret) = good
        .token
        .split_once('.')
        .context("a token has two halves")?;
    let wrong = Token {
        token: format!("{id}.{}", "0".repeat(secret.len())),
        ..good.clone()
    };
    let said = refused(&fleet, &cluster, &wrong).await?;
    ensure!(
        said.contains("the token is not valid") && said.contains("hub token create"),
        "{said}"
    );

    fleet
        .join_with("prod", cluster, (&good.hub, &good.token, &good.ca_pin))
        .await?;
    wait::until("the cluster is enrolled", async || {
        let clusters = fleet.cluster_states().await?;
        ensure!(clusters[0].connection == "Connected", "{clusters:?}");
        Ok(())
    })
    .await?;
    let said = refused(&fleet, &other, &good).await?;
    ensure!(said.contains("was used already"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_ends_the_session_and_the_spoke_goes_on_enforcing() -> anyhow::Result<()> {
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

    fleet
        .hub(&["cluster", "ban", "prod", "--reason", "its key was stolen"])
        .await?;
    wait::until("the cluster is shown as banned", async || {
        let clusters = fleet.cluster_states().await?;
        ensure!(clusters[0].connection == "Banned", "{clusters:?}");
        Ok(())
    })
    .await?;
    let client = &fleet.cluster("prod")?.client;
    let notes = "/api/v1/namespaces/notes/configmaps/notes";
    client
        .merge(notes, &serde_json::json!({"data": {"value": "by hand"}}))
        .await?;
    wait::until("it is put back all the same", async || {
        let live = client.get(notes).await?;
        ensure!(
            live.as_ref().is_some_and(|o| o["data"]["value"] == "one"),
            "{live:?}"
        );
        Ok(())
    })
    .await
}
