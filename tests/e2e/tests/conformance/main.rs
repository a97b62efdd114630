//! Replays the recorded table of requests and compares every answer with what a real Kubernetes API
//! server said.
//!
//! The table runs on a simulated server in this process and, where `KUBEBUILDER_ASSETS` names a
//! kube-apiserver and etcd, on those too. Variables change that:
//!
//! * `SIMKUBE_CONFORMANCE_KUBECONFIG`: run on the server of this kubeconfig instead of a simulated
//!   one;
//! * `SIMKUBE_CONFORMANCE_RECORD=1`: together with the first, write that server's answers into the
//!   table; a simulated server is refused as a source;
//! * `SIMKUBE_CONFORMANCE_TABLE`: the directory of another table;
//! * `SIMKUBE_CONFORMANCE_ONLY`: only scenarios whose name contains this text.
//!
//! A scenario works in a namespace of its own, `conf-NAME`, which must not exist before.

mod client;
mod normal;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use capstan_it::apiserver::{self, ApiServer};

use client::Client;
use normal::Normalizer;
use table::{Answer, Scenario, Step};

const KUBECONFIG: &str = "SIMKUBE_CONFORMANCE_KUBECONFIG";
const TABLE: &str = "SIMKUBE_CONFORMANCE_TABLE";
const ONLY: &str = "SIMKUBE_CONFORMANCE_ONLY";
const RECORD: &str = "SIMKUBE_CONFORMANCE_RECORD";

/// How long a step may wait for a state that the server reaches by itself.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_answer_is_given() -> Result<()> {
    let scenarios = scenarios()?;
    if let Ok(path) = std::env::var(KUBECONFIG) {
        let text = std::fs::read_to_string(&path).context("read the kubeconfig")?;
        let client = Client::from_kubeconfig(&text)?;
        if std::env::var(RECORD).is_ok() {
            return record(&client, scenarios).await;
        }
        return replay(&client, scenarios).await;
    }
    let server = simkube::Server::start(simkube::Options {
        workloads: false,
        ..simkube::Options::default()
    })
    .await?;
    let client = Client::from_kubeconfig(&server.kubeconfig())?;
    let outcome = replay(&client, scenarios).await;
    server.shutdown().await;
    outcome
}

/// Without a real server it passes, and says loudly that it proved nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_gives_every_recorded_answer() -> Result<()> {
    let Some(assets) = apiserver::assets() else {
        println!(
            "SKIPPED: {} names no kube-apiserver and etcd",
            apiserver::VARIABLE
        );
        return Ok(());
    };
    let server = ApiServer::start(&assets).await?;
    let client = Client::from_kubeconfig(&std::fs::read_to_string(server.kubeconfig())?)?;
    replay(&client, scenarios()?).await
}

/// The table, or the part of it that is asked for.
fn scenarios() -> Result<Vec<Scenario>> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../simkube/data/conformance");
    let directory = std::env::var(TABLE).map_or(own, PathBuf::from);
    let only = std::env::var(ONLY).unwrap_or_default();
    let scenarios = table::load(&directory)?;
    let asked_for = |scenario: &Scenario| scenario.name.contains(&only);
    Ok(scenarios.into_iter().filter(asked_for).collect())
}

/// Writes the answers of a real server into the table.
async fn record(client: &Client, scenarios: Vec<Scenario>) -> Result<()> {
    let version = client.send("GET", "/version", None, None).await?.body;
    let git = version["gitVersion"].as_str().unwrap_or_default();
    ensure!(
        !git.is_empty() && !git.contains("simkube") && version["platform"] != "simkube",
        "answers are recorded from a real server only"
    );
    for mut scenario in scenarios {
        let mut normalizer = prepare(client, &scenario).await?;
        for step in &mut scenario.steps {
            step.answer = Some(run(client, step, &mut normalizer).await?);
        }
        scenario.save()?;
    }
    Ok(())
}

/// Runs all scenarios and reports every answer that differs.
async fn replay(client: &Client, scenarios: Vec<Scenario>) -> Result<()> {
    let mut failures = Vec::new();
    let mut rows = 0;
    for scenario in scenarios {
        let mut normalizer = prepare(client, &scenario).await?;
        for (index, step) in scenario.steps.iter().enumerate() {
            rows += 1;
            let expected = step
                .answer
                .as_ref()
                .with_context(|| format!("{}: step {index} was never recorded", scenario.name))?;
            let answer = run(client, step, &mut normalizer).await?;
            if answer != *expected {
                failures.push(format!(
                    "{} step {index} ({} {})\n{}",
                    scenario.name,
                    step.request.method,
                    step.request.path,
                    table::difference(expected, &answer)
                ));
            }
        }
    }
    if !failures.is_empty() {
        bail!(
            "{} of {rows} answers differ:\n\n{}",
            failures.len(),
            failures.join("\n\n")
        );
    }
    Ok(())
}

/// Makes the namespace of a scenario.
async fn prepare(client: &Client, scenario: &Scenario) -> Result<Normalizer> {
    let name = format!("conf-{}", scenario.name);
    let body =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let answer = client
        .send(
            "POST",
            "/api/v1/namespaces",
            Some("application/json"),
            Some(&body.to_string()),
        )
        .await?;
    ensure!(
        answer.code == 201,
        "make the namespace {name}: {}",
        answer.body
    );
    Ok(Normalizer::default())
}

/// Sends one request and brings the answer into the recorded form.
async fn run(client: &Client, step: &Step, normalizer: &mut Normalizer) -> Result<Answer> {
    let request = &step.request;
    let body = request.body.as_ref().map(|body| normalizer.fill(body));
    let path = normalizer.fill_text(&request.path);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    loop {
        looks.tick().await;
        let content_type = request.content_type.as_deref().or(Some("application/json"));
        let answer = client
            .send(&request.method, &path, content_type, body.as_deref())
            .await?;
        let waits = step.retry_until.is_some_and(|code| code != answer.code);
        if !waits || tokio::time::Instant::now() >= deadline {
            let body = match &step.show {
                Some(pointers) => table::project(&answer.body, pointers),
                None => answer.body,
            };
            return Ok(Answer {
                code: answer.code,
                warnings: answer.warnings,
                body: normalizer.clean(body),
            });
        }
    }
}
