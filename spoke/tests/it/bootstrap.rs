//! `spoke bootstrap`, and what happens when something is wrong.

use std::time::Duration;

use capstan_spoke::bootstrap::{AgentRuns, Asked, BootstrapError, Extent, Order, Rights, run};
use capstan_spoke::link::Address;
use capstan_spoke::tls::Pin;

use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::hub::Hub;

pub(crate) fn order(cluster: &Cluster, hub: &Hub, token: &str) -> Order {
    Order {
        access: cluster.access.clone(),
        asked: Asked {
            namespace: cluster.namespace.clone(),
            hub: Address::parse(&hub.address.to_string()).unwrap(),
            pin: Pin::parse(&hub.pin()).unwrap(),
            token: Some(token.to_owned()),
            rights: Some(Rights::Platform),
            agent: Some(AgentRuns::Outside),
        },
        extent: Extent::Install,
        timeout: Duration::from_secs(30),
    }
}

/// Runs it; gives what it said.
pub(crate) async fn bootstrap(order: &Order) -> Result<String, BootstrapError> {
    let mut out = Vec::new();
    run(order, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

async fn namespace_exists(cluster: &Cluster) -> bool {
    let path = format!("/api/v1/namespaces/{}", cluster.namespace);
    cluster.get(&path).await.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_becomes_a_member_and_the_token_is_gone() {
    let (cluster, hub) = (Cluster::start("member").await, Hub::start().await);
    let said = bootstrap(&order(&cluster, &hub, &hub.token()))
        .await
        .unwrap();
    assert!(said.contains("spoke run --kubeconfig"), "{said}");
    let agent = Agent::start(&cluster);
    hub.until("a session", |state| state.open == 1).await;
    let secret = format!(
        "/api/v1/namespaces/{}/secrets/capstan-spoke-bootstrap",
        cluster.namespace
    );
    let secret = cluster.get(&secret).await.unwrap();
    assert_eq!(secret.pointer("/data/token"), None);
    assert!(secret.pointer("/data/ca-pin").is_some());
    let status = format!(
        "/api/v1/namespaces/{}/configmaps/capstan-spoke-status",
        cluster.namespace
    );
    cluster
        .until(&status, |status| {
            let text = |key| status.and_then(|s| s.pointer(key)?.as_str());
            text("/data/phase") == Some("Connected") && text("/data/cluster") == Some("edge-1")
        })
        .await;
    agent.stop().await;
    hub.until("no session", |state| state.open == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_installs_nothing() {
    let (cluster, hub) = (Cluster::start("pin").await, Hub::start().await);
    let mut order = order(&cluster, &hub, &hub.token());
    order.asked.pin = Pin::parse(&"ab".repeat(32)).unwrap();
    let error = bootstrap(&order).await.unwrap_err();
    assert!(matches!(error, BootstrapError::Hub(_)), "{error:?}");
    assert!(error.hint().contains("--ca-pin"), "{}", error.hint());
    assert!(!namespace_exists(&cluster).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_token_installs_nothing() {
    let (cluster, hub) = (Cluster::start("token").await, Hub::start().await);
    let error = bootstrap(&order(&cluster, &hub, "nobody.knows"))
        .await
        .unwrap_err();
    assert!(matches!(error, BootstrapError::Token(_)), "{error:?}");
    assert!(
        error.hint().contains("hub token create"),
        "{}",
        error.hint()
    );
    assert!(!namespace_exists(&cluster).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_hub_installs_nothing() {
    let (cluster, mut hub) = (Cluster::start("reach").await, Hub::start().await);
    let order = order(&cluster, &hub, &hub.token());
    hub.kill();
    let error = bootstrap(&order).await.unwrap_err();
    assert!(matches!(error, BootstrapError::Hub(_)), "{error:?}");
    assert!(!namespace_exists(&cluster).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_not_there_is_named() {
    let (cluster, hub) = (Cluster::start("away").await, Hub::start().await);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    std::fs::write(
        &path,
        "{current-context: c, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], \
         contexts: [{name: c, context: {cluster: c, user: ''}}]}",
    )
    .unwrap();
    let mut order = order(&cluster, &hub, &hub.token());
    order.access.kubeconfig = Some(path);
    let error = bootstrap(&order).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with(
            "the API server at http://127.0.0.1:1 does not answer: Connection refused"
        ),
        "{said}"
    );
    assert!(said.ends_with("nothing was installed"), "{said}");
    assert!(error.hint().contains("--context"), "{}", error.hint());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    let (cluster, hub) = (Cluster::start("dry").await, Hub::start().await);
    let mut order = order(&cluster, &hub, &hub.token());
    order.extent = Extent::DryRun;
    let said = bootstrap(&order).await.unwrap();
    assert!(said.contains("nothing was changed"), "{said}");
    assert!(!namespace_exists(&cluster).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_with_a_used_token_repairs() {
    let (cluster, hub) = (Cluster::start("repair").await, Hub::start().await);
    let token = hub.token();
    bootstrap(&order(&cluster, &hub, &token)).await.unwrap();
    let agent = Agent::start(&cluster);
    hub.until("a session", |state| state.open == 1).await;
    agent.stop().await;
    hub.shared.change(|state| state.tokens.clear());
    let said = bootstrap(&order(&cluster, &hub, &token)).await.unwrap();
    assert!(
        said.contains("enrolled already as edge-1, with this very token"),
        "{said}"
    );
    let agent = Agent::start(&cluster);
    hub.until("another session", |state| state.sessions == 2)
        .await;
    assert_eq!(hub.shared.lock().enrolments, 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_with_the_very_token_says_that_the_cluster_is_enrolled() {
    let (cluster, hub) = (Cluster::start("again").await, Hub::start().await);
    let token = hub.token();
    bootstrap(&order(&cluster, &hub, &token)).await.unwrap();
    let agent = Agent::start(&cluster);
    hub.until("a session", |state| state.open == 1).await;
    agent.stop().await;
    let said = bootstrap(&order(&cluster, &hub, &token)).await.unwrap();
    assert!(
        said.contains("enrolled already as edge-1, with this very token, which is used up"),
        "{said}"
    );
    assert!(!said.contains("token is good"), "{said}");
    let secret = format!(
        "/api/v1/namespaces/{}/secrets/capstan-spoke-bootstrap",
        cluster.namespace
    );
    let secret = cluster.get(&secret).await.unwrap();
    assert_eq!(secret.pointer("/data/token"), None, "nobody tries it again");
    let said = bootstrap(&order(&cluster, &hub, &hub.token()))
        .await
        .unwrap();
    assert!(
        said.contains("enrolled already as edge-1; the token is good"),
        "{said}"
    );
    let agent = Agent::start(&cluster);
    hub.until("a new identity", |state| state.enrolments == 2)
        .await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_keeps_what_is_installed_unless_something_else_is_asked_for() {
    let (cluster, hub) = (Cluster::start("keeps").await, Hub::start().await);
    let mut order = order(&cluster, &hub, &hub.token());
    let said = bootstrap(&order).await.unwrap();
    assert!(said.contains("\n  rights: platform\n"), "{said}");
    let role = format!(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}:capstan-spoke",
        cluster.namespace
    );
    let before = cluster.get(&role).await.unwrap();
    let token = order.asked.token.take();
    (order.asked.rights, order.asked.agent) = (None, None);
    let said = bootstrap(&order).await.unwrap();
    assert!(said.contains("rights: platform, as installed"), "{said}");
    assert!(
        said.contains("agent: outside the cluster, as installed"),
        "{said}"
    );
    assert!(
        said.contains("the token of the last run is still good"),
        "{said}"
    );
    assert_eq!(cluster.get(&role).await.unwrap()["rules"], before["rules"]);
    order.asked.token = token;
    order.asked.rights = Some(Rights::Namespaced);
    let said = bootstrap(&order).await.unwrap();
    assert!(said.contains("rights: platform -> namespaced"), "{said}");
    assert_ne!(cluster.get(&role).await.unwrap()["rules"], before["rules"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_cluster_changes_nothing() {
    let (cluster, hub) = (Cluster::start("other").await, Hub::start().await);
    let mut order = order(&cluster, &hub, &hub.token());
    bootstrap(&order).await.unwrap();
    let agent = Agent::start(&cluster);
    hub.until("a session", |state| state.open == 1).await;
    agent.stop().await;
    let role = format!(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}:capstan-spoke",
        cluster.namespace
    );
    let before = cluster.get(&role).await;
    order.asked.rights = Some(Rights::Namespaced);
    order.asked.token = Some(hub.token());
    hub.shared
        .change(|state| state.token_name = "edge-2".to_owned());
    let error = bootstrap(&order).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the token names cluster edge-2, and this cluster is enrolled as edge-1; nothing was changed"
    );
    order.asked.token = Some("nobody.knows".to_owned());
    let error = bootstrap(&order).await.unwrap_err();
    assert!(
        matches!(error, BootstrapError::OtherToken { .. }),
        "{error:?}"
    );
    assert!(
        error.hint().contains("leave --token out"),
        "{}",
        error.hint()
    );
    assert_eq!(cluster.get(&role).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_with_a_new_key_before_it_ends() {
    let mut authority = crate::hub::Authority::new();
    authority.life = time::Duration::seconds(4);
    let (cluster, hub) = (Cluster::start("renew").await, Hub::with(authority).await);
    bootstrap(&order(&cluster, &hub, &hub.token()))
        .await
        .unwrap();
    let agent = Agent::start(&cluster);
    hub.until("two renewals, each with its session", |state| {
        state.renewals >= 2 && state.sessions >= 3
    })
    .await;
    assert_eq!(hub.shared.lock().enrolments, 1);
    agent.stop().await;
}
