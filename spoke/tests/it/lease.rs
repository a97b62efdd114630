//! One writer per cluster: what a successor waits for, and what it need not.

use std::time::Duration;

use capstan_spoke::kube::Call;
use capstan_spoke::kube::lease::{Attempt, DURATION, Lease, NAME, Process, SETTLE};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::sync::member;

async fn home(test: &str) -> Cluster {
    let cluster = Cluster::start(test).await;
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}});
    let made = cluster
        .call(Call::post("/api/v1/namespaces", &namespace))
        .await;
    assert!(made.ok(), "{made:?}");
    cluster
}

fn lease(cluster: &Cluster, instance: &str, process: Option<Process>) -> Lease {
    Lease::new(cluster.kube.clone(), &cluster.namespace, instance).traced(process)
}

fn path(cluster: &Cluster) -> String {
    let namespace = &cluster.namespace;
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{NAME}")
}

async fn attempt(lease: &mut Lease) -> Attempt {
    lease.attempt(OffsetDateTime::now_utc()).await.unwrap()
}

/// A trace of this machine whose process does not run: no process has this number.
fn dead() -> Process {
    let text = Process::this(None).unwrap().to_text();
    let mut trace: Value = serde_json::from_str(&text).unwrap();
    trace["pid"] = json!(u32::MAX);
    Process::parse(&trace.to_string()).unwrap()
}

/// How long it takes until the Lease is held, if it is before `end`.
async fn wait(lease: &mut Lease, end: Duration) -> Option<Duration> {
    let begin = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(100));
    while begin.elapsed() < end {
        look.tick().await;
        if attempt(lease).await == Attempt::Held {
            return Some(begin.elapsed());
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_process_that_is_known_to_be_dead_is_taken_over_soon() {
    let cluster = home("dead").await;
    let mut first = lease(&cluster, "first", Some(dead()));
    assert_eq!(attempt(&mut first).await, Attempt::Held);
    let mut second = lease(&cluster, "second", Process::this(None));
    let waited = wait(&mut second, DURATION).await.expect("it is taken over");
    assert!(waited >= SETTLE && waited < DURATION / 2, "{waited:?}");
    assert_ne!(attempt(&mut first).await, Attempt::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_lease_that_is_ours_and_there_is_given_up() {
    let cluster = home("ours").await;
    let now = OffsetDateTime::now_utc();
    let mut first = lease(&cluster, "first", Process::this(None));
    assert_eq!(attempt(&mut first).await, Attempt::Held);
    let mut second = lease(&cluster, "second", Process::this(None));
    let theirs = Attempt::HeldBy("first".to_owned());
    assert_eq!(attempt(&mut second).await, theirs);
    second.release(now).await.unwrap();
    assert_eq!(attempt(&mut second).await, theirs);
    first.release(now).await.unwrap();
    assert_eq!(attempt(&mut second).await, Attempt::Held);
    let deleted = cluster.call(Call::delete(path(&cluster), &json!({}))).await;
    assert!(deleted.ok(), "{deleted:?}");
    second.release(now).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_stops_gives_the_lease_up() {
    let (cluster, hub, agent) = member("release").await;
    hub.until("a session", |state| state.open == 1).await;
    let path = path(&cluster);
    let held = cluster.get(&path).await.unwrap();
    assert_ne!(held["spec"]["holderIdentity"], "");
    agent.stop().await;
    let released = cluster.get(&path).await.unwrap();
    assert_eq!(released["spec"]["holderIdentity"], "");
    assert_eq!(
        attempt(&mut lease(&cluster, "next", None)).await,
        Attempt::Held
    );
}
