//! A health check of a bundle, from Git to a live object and back: a custom resource whose health nobody
//! knows but who declares it.

use anyhow::{Context as _, ensure};
use capstan_it::{Cluster, Fleet, sample, wait};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_capstan-part");
const STATUS: &str = "/apis/example.io/v1/namespaces/shop/tenants/a/status";

const TENANTS: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tenants.example.io}
spec:
  group: example.io
  scope: Namespaced
  names: {kind: Tenant, plural: tenants, singular: tenant, listKind: TenantList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: example.io/v1
kind: Tenant
metadata: {name: a}
spec: {size: 1}
";

fn bundle(healthy: &str) -> String {
    format!(
        "apiVersion: capstan.dev/v1alpha1\nkind: Bundle\nmetadata: {{name: shop}}\n\
         spec:\n  path: apps/shop\n  defaultNamespace: shop\n  createNamespace: true\n\
         \x20 health: {{timeout: 1h, checks: [{{kind: Tenant, group: example.io, healthy: '{healthy}'}}]}}\n"
    )
}

/// Waits until `hub explain` says all of this of the bundle.
async fn explained(fleet: &Fleet, words: &[&str]) -> anyhow::Result<()> {
    wait::until(&format!("it is said: {words:?}"), async || {
        let said = fleet.hub(&["explain", "one", "shop"]).await?;
        ensure!(words.iter().all(|word| said.contains(word)), "{said}");
        Ok(())
    })
    .await
    .with_context(|| format!("{}\n{}", fleet.hub_log(), fleet.spoke_log("one")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_resource_is_healthy_when_its_bundle_says_so() -> anyhow::Result<()> {
    let files = [
        ("clusters/one.yaml", sample::cluster("one", "prod")),
        (
            "bundles/shop.yaml",
            bundle("self.status.phase == \"Ready\""),
        ),
        ("placements/all.yaml", sample::placement("all", &["shop"])),
        ("apps/shop/shop.yaml", TENANTS.to_owned()),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, Some(text.as_str())))
        .collect();
    let mut fleet = Fleet::start(BINARY, &files).await?;
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::simulated("one", &directory.path().join("one")).await?;
    fleet.join("one", cluster).await?;
    explained(&fleet, &["Progressing", "`self` has no `status`"]).await?;

    let client = &fleet.cluster("one")?.client;
    client
        .merge(STATUS, &json!({"status": {"phase": "New"}}))
        .await?;
    explained(
        &fleet,
        &[
            "Progressing",
            "`self.status.phase == \"Ready\"` does not hold",
        ],
    )
    .await?;
    client
        .merge(STATUS, &json!({"status": {"phase": "Ready"}}))
        .await?;
    let revision = fleet.git.head()?;
    fleet.synced(&revision).await?;
    explained(&fleet, &["Healthy"]).await?;

    // Another check, and nothing else: the object is judged again.
    let stricter = bundle("self.status.phase == \"Ready\" && has(self.status.url)");
    fleet
        .commit(&[("bundles/shop.yaml", Some(&stricter))])
        .await?;
    explained(
        &fleet,
        &["Progressing", "has(self.status.url)` does not hold"],
    )
    .await?;
    client
        .merge(STATUS, &json!({"status": {"url": "x"}}))
        .await?;
    explained(&fleet, &["Healthy"]).await
}
