//! The accepted snapshot in the cluster: a head is written only when all that it names can be read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_proto::policy::BundlePolicy;
use capstan_proto::{
    BundleName, Digest, Entry, Generation, Incarnation, Number, ObjectKey, Snapshot, Triple,
    canonical,
};
use capstan_spoke::kube::Call;
use capstan_spoke::kube::accepted::Accepted;
use capstan_spoke::kube::inventory::{self, Inventory};
use capstan_spoke::kube::secret::{SecretError, Secrets};
use capstan_spoke_core::effect::Store;
use capstan_spoke_core::head::Head;
use capstan_spoke_core::inventory::{Row, Rows};
use serde_json::json;

use crate::cluster::Cluster;

/// A snapshot of ConfigMaps, with all their content handed over.
fn store(generation: u64, names: &[&str]) -> Store {
    let bundle = BundleName::parse("fleet.shop").unwrap();
    let policy = BundlePolicy::default();
    let mut contents: BTreeMap<Digest, Arc<[u8]>> =
        BTreeMap::from([(policy.digest(), policy.to_bytes().into())]);
    let mut objects = BTreeMap::new();
    for name in names {
        let manifest = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "shop"},
        });
        let bytes = canonical::to_bytes(&manifest);
        let digest = Digest::of(&bytes);
        contents.insert(digest, bytes.into());
        let bundle = bundle.clone();
        objects.insert(ObjectKey::of(&manifest).unwrap(), Entry { bundle, digest });
    }
    let bundles = BTreeMap::from([(bundle, policy.digest())]);
    let snapshot = Snapshot::try_new(bundles, objects).unwrap();
    Store {
        head: Head {
            triple: Triple {
                number: Number {
                    incarnation: Incarnation {
                        counter: 1,
                        random: 7,
                    },
                    generation: Generation(generation),
                },
                digest: snapshot.digest(),
            },
            receipt: Vec::new(),
            follows_held: true,
            barren: false,
            mode: capstan_proto::policy::Mode::Enforce,
            approvals: Vec::new(),
            stamps: BTreeMap::new(),
        },
        snapshot,
        contents,
    }
}

/// The same, with only what `before` lacked handed over.
fn after(before: &Store, mut store: Store) -> Store {
    store
        .contents
        .retain(|digest, _| !before.contents.contains_key(digest));
    store
}

async fn home(test: &str) -> Cluster {
    let cluster = Cluster::start(test).await;
    let space =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}});
    let call = Call::post("/api/v1/namespaces", &space);
    assert!(cluster.call(call).await.ok());
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_another_process_wrote_is_not_deleted() {
    let cluster = home("inventory").await;
    let of = |writer| Secrets::new(cluster.kube.clone(), &cluster.namespace, writer);
    let bundle = BundleName::parse("fleet.shop").unwrap();
    let key = store(1, &["a"]).snapshot.objects().keys().next().cloned();
    let rows = Rows::from([(key.unwrap(), Row::default())]);
    let mut ours = Inventory::new(of("one"), bundle.clone());
    ours.write(&rows).await.unwrap();
    let (mut theirs, _) = inventory::load(&of("two")).await.unwrap().remove(0);
    theirs.write(&rows).await.unwrap();
    let refused = ours.write(&Rows::new()).await;
    assert!(
        matches!(refused, Err(SecretError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(inventory::load(&of("one")).await.unwrap().len(), 1);
    theirs.write(&Rows::new()).await.unwrap();
    assert_eq!(inventory::load(&of("one")).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_refused_while_content_that_it_names_is_lacking() {
    let cluster = home("stored").await;
    let secrets = Secrets::new(cluster.kube.clone(), &cluster.namespace, "test");
    let (mut accepted, _) = Accepted::load(secrets.clone()).await.unwrap();

    let first = store(1, &["a"]);
    accepted.store(&first).await.unwrap();
    let with_o = store(2, &["a", "o"]);
    accepted
        .store(&after(&first, with_o.clone()))
        .await
        .unwrap();
    // Without o: the pack that holds nothing else is deleted.
    let without_o = after(&with_o, store(3, &["a"]));
    accepted.store(&without_o).await.unwrap();
    accepted.tidy().await.unwrap();

    let back = store(4, &["a", "o"]);
    let refused = accepted.store(&after(&with_o, back.clone())).await;
    assert!(
        matches!(refused, Err(SecretError::Lacking { lacking: 1 })),
        "{refused:?}"
    );
    let (_, loaded) = Accepted::load(secrets.clone()).await.unwrap();
    assert_eq!(loaded.head, Some(without_o.head), "the old one counts");

    accepted.store(&back).await.unwrap();
    let (_, loaded) = Accepted::load(secrets).await.unwrap();
    assert_eq!(loaded.head, Some(back.head));
    for digest in back.snapshot.contents() {
        assert!(loaded.contents.contains_key(&digest));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn k14_an_inventory_that_no_secret_could_hold_is_kept_in_shards_of_one_parent() {
    const SECRET_BYTES_MAX: usize = 1_048_576;
    let cluster = home("shards").await;
    let secrets = Secrets::new(cluster.kube.clone(), &cluster.namespace, "test");
    let row = |number: usize| {
        let digest = |what: &str| Some(Digest::of(format!("{what} {number}").as_bytes()));
        let row = Row {
            uid: Some(uuid::Uuid::new_v4().to_string()),
            digest: digest("declared"),
            entry: digest("entry"),
            values: digest("values"),
            ..Row::default()
        };
        let key = capstan_proto::ObjectKey::new("", "ConfigMap", "shop", format!("c{number}"));
        (key, row)
    };
    let rows: Rows = (0..10_000).map(row).collect();
    let bundle = BundleName::parse("fleet.shop").unwrap();
    let mut inventory = Inventory::new(secrets.clone(), bundle);
    inventory.write(&rows).await.unwrap();
    let all = format!("/api/v1/namespaces/{}/secrets", cluster.namespace);
    let all = cluster.get(&all).await.unwrap();
    let items = all["items"].as_array().unwrap();
    let is_parent = |s: &&serde_json::Value| {
        s["metadata"]["labels"]
            .get("applyset.kubernetes.io/id")
            .is_some()
    };
    assert_eq!(items.iter().filter(is_parent).count(), 1);
    assert!(items.len() > 2, "rows are in shards");
    for item in items {
        let bytes: usize = item["data"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, v)| v.as_str().unwrap().len() * 3 / 4)
            .sum();
        assert!(bytes < SECRET_BYTES_MAX, "{bytes}");
    }
    let (_, loaded) = inventory::load(&secrets).await.unwrap().remove(0);
    assert_eq!(loaded, rows);
    inventory.write(&Rows::new()).await.unwrap();
    let left = format!("/api/v1/namespaces/{}/secrets", cluster.namespace);
    let left = cluster.get(&left).await.unwrap();
    assert_eq!(left["items"].as_array().map(Vec::len), Some(0));
}
