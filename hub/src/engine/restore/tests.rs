//! What a hub knows after a start, when its store knows less than its ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use capstan_hub_core::desired::Given;
use capstan_proto::ClusterName;
use uuid::Uuid;

use super::{RestoreError, restore};
use crate::ca::{ClusterId, KeyHash, Serial};
use crate::content::Content;
use crate::engine::memory::{self, Seen};
use crate::layout::Layout;
use crate::ledger::Embedded;
use crate::ledger::records::{Credential, Generations, Records, Registration, Update, keys};
use crate::store::{Store, Table};

fn one() -> ClusterName {
    ClusterName::try_new("one").unwrap()
}

/// A fleet in whose ledger one cluster is enrolled.
async fn enrolled(layout: &Layout) -> Records {
    crate::found::found(layout).await.unwrap();
    let ledger = Embedded::open(&layout.ledger()).unwrap();
    let records = Records::new(Arc::new(ledger));
    let registration = Registration {
        id: ClusterId(Uuid::from_u128(1)),
        enrolled_unix_ms: 1,
        cluster_uid: "uid".to_owned(),
        current: Credential {
            serial: Serial::new(1, 1),
            key: KeyHash(capstan_proto::Digest::of(b"key")),
            not_after_unix_ms: 2,
        },
        pending: None,
        renewals: 1,
        quarantine: None,
    };
    records
        .update(&keys::registration(&one()), |_| {
            Update::Put(registration.clone())
        })
        .await
        .unwrap();
    records
}

#[tokio::test]
async fn what_a_new_or_broken_store_says_of_an_enrolled_cluster_is_unknown_and_never_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let records = enrolled(&layout).await;
    let content = Content::open(&layout.content()).unwrap();
    let store = Store::open(&layout.store()).unwrap().store;
    let new = restore(&records, &store, &content).await.unwrap();
    assert_eq!(new.clusters[&one()].given(), Given::Unknown);
    let nonsense = Table {
        generation: 1,
        note: b"nonsense".to_vec(),
        members: BTreeMap::new(),
    };
    store.set_table("given/one", nonsense).unwrap();
    store.flush().unwrap();
    let broken = restore(&records, &store, &content).await.unwrap();
    assert_eq!(broken.clusters[&one()].given(), Given::Unknown);
    // Content that it may hold is not swept either.
    assert_eq!(broken.contents(), None);
}

#[tokio::test]
async fn a_ledger_without_numbers_is_refused_in_words_and_not_by_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let records = enrolled(&layout).await;
    let content = Content::open(&layout.content()).unwrap();
    let store = Store::open(&layout.store()).unwrap().store;
    let next = u64::MAX;
    let end = |_: Option<&Generations>| Update::Put(Generations { next });
    records.update(&keys::generations(), end).await.unwrap();
    let refused = restore(&records, &store, &content).await.unwrap_err();
    assert!(matches!(refused, RestoreError::Numbers(_)), "{refused:?}");
}

#[tokio::test]
async fn when_the_hub_last_lived_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    let records = enrolled(&layout).await;
    let content = Content::open(&layout.content()).unwrap();
    let at = capstan_proto::Moment::from_unix_ms(7_000);
    {
        let store = Store::open(&layout.store()).unwrap().store;
        let new = restore(&records, &store, &content).await.unwrap();
        assert_eq!(new.lived_at, None);
        let seen = Seen {
            at_unix_ms: 5_000,
            agent: String::new(),
        };
        memory::remember_seen(&store, &one(), &seen).unwrap();
        memory::remember_life(&store, at).unwrap();
        store.flush().unwrap();
    }
    let store = Store::open(&layout.store()).unwrap().store;
    let again = restore(&records, &store, &content).await.unwrap();
    assert_eq!(again.lived_at, Some(at));
}
