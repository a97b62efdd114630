//! Records: strict to read, the same to read back, and changed by who was faster.

use std::sync::Arc;

use capstan_hub_core::desired::Removal;
use capstan_proto::{BundleName, ClusterName, Incarnation, Moment, ObjectKey};

use super::{
    Fleet, IncarnationRecord, RecordError, Records, RemovalBatch, Update, decode, encode, keys,
};
use crate::ca::FleetId;
use crate::ledger::{Embedded, Entry, Key, Ledger, ModRevision, Outcome, Txn, VALUE_BYTES_MAX};

fn fleet() -> Fleet {
    Fleet {
        id: FleetId(uuid::Uuid::from_u128(5)),
        made_unix_ms: 17,
    }
}

fn entry(value: &[u8]) -> Entry {
    Entry {
        key: Key::try_new("fleet").unwrap(),
        value: value.into(),
        created: ModRevision(1),
        modified: ModRevision(2),
        lease: None,
    }
}

fn records() -> (tempfile::TempDir, Arc<Embedded>, Records) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Arc::new(Embedded::create(&directory.path().join("ledger")).unwrap());
    (directory, ledger.clone(), Records::new(ledger))
}

#[test]
fn a_record_is_versioned_json() {
    let bytes = encode(&fleet());
    let text = String::from_utf8(bytes.clone()).unwrap();
    let id = "00000000-0000-0000-0000-000000000005";
    let expected = format!(r#"{{"kind":"fleet","v":1,"data":{{"id":"{id}","made_unix_ms":17}}}}"#);
    assert_eq!(text, expected);
    assert_eq!(decode::<Fleet>(&entry(&bytes)).unwrap().value, fleet());
}

#[test]
fn what_is_not_exactly_a_record_is_an_error_that_names_its_key() {
    let good = String::from_utf8(encode(&fleet())).unwrap();
    let bad = [
        good.replace("\"v\":1", "\"v\":2"),
        good.replace("\"kind\":\"fleet\"", "\"kind\":\"ban\""),
        good.replace("\"made_unix_ms\":17", "\"made_unix_ms\":17,\"more\":1"),
        good.replace(",\"made_unix_ms\":17", ""),
        good.replace("17", "\"17\""),
        good.replace("-0000-", "0000"),
        good.replace("{\"kind\"", "{\"x\":0,\"kind\""),
        format!("{good} x"),
        String::new(),
    ];
    for text in bad {
        let error = decode::<Fleet>(&entry(text.as_bytes())).unwrap_err();
        assert!(
            error.to_string().contains("record fleet"),
            "{text}: {error}"
        );
    }
}

#[tokio::test]
async fn generations_are_reserved_once_whoever_asks() {
    let (_directory, _ledger, records) = records();
    let asks = (0..8).map(|_| records.reserve_generations(100));
    let firsts = futures::future::join_all(asks).await;
    let mut firsts: Vec<u64> = firsts.into_iter().map(Result::unwrap).collect();
    firsts.sort_unstable();
    assert_eq!(firsts, [1, 101, 201, 301, 401, 501, 601, 701]);
}

#[tokio::test]
async fn an_update_that_lost_a_race_is_decided_again() {
    let (_directory, ledger, records) = records();
    let key = keys::fleet();
    records
        .update(&key, |_| Update::Put(fleet()))
        .await
        .unwrap();
    let adds = (0..10).map(|_| {
        records.update(&key, |read| {
            let read = read.unwrap();
            Update::Put(Fleet {
                made_unix_ms: read.made_unix_ms + 1,
                ..read.clone()
            })
        })
    });
    for result in futures::future::join_all(adds).await {
        result.unwrap();
    }
    assert_eq!(
        records.get(&key).await.unwrap().unwrap().value.made_unix_ms,
        27
    );
    assert_eq!(
        records.update(&key, |_| Update::Delete).await.unwrap(),
        None
    );
    assert_eq!(records.get(&key).await.unwrap(), None);
    let junk = Txn::new().put(key.key(), *b"junk");
    assert!(matches!(
        ledger.txn(junk).await.unwrap(),
        Outcome::Committed(_)
    ));
    assert!(matches!(
        records.get(&key).await,
        Err(RecordError::Bad { .. })
    ));
}

#[test]
fn an_incarnation_is_above_the_one_before_even_when_that_is_lost() {
    let now = Moment::from_unix_ms(2_000_000);
    let first = IncarnationRecord::after(None, now, 1).incarnation;
    assert_eq!(
        first,
        Incarnation {
            counter: 2000,
            random: 1
        }
    );
    let next = IncarnationRecord::after(Some(first), now, 2).incarnation;
    assert_eq!(next.counter, 2001);
}

#[tokio::test]
async fn a_long_removal_log_is_spread_over_records_that_fit() {
    let (_directory, _ledger, records) = records();
    let removal = |at: u32| Removal {
        cluster: ClusterName::try_new("prod-eu-1").unwrap(),
        object: ObjectKey::new("apps", "Deployment", "shop", format!("object-{at}")),
        bundle: BundleName::parse("platform.shop").unwrap(),
        placement: None,
        cluster_lost: false,
        at_unix_ms: 5,
    };
    let all: Vec<Removal> = (0..500).map(removal).collect();
    let batches = RemovalBatch::split(all.clone());
    assert!(batches.len() > 5 && batches.len() < 20, "{}", batches.len());
    for (part, batch) in batches.iter().enumerate() {
        assert!(encode(batch).len() <= VALUE_BYTES_MAX);
        let key = keys::removals(Moment::from_unix_ms(5), part as u32);
        records
            .update(&key, |_| Update::Put(batch.clone()))
            .await
            .unwrap();
    }
    let (listed, _) = records.list(&keys::removal_log()).await.unwrap();
    let read: Vec<Removal> = listed
        .into_iter()
        .flat_map(|batch| batch.value.entries)
        .collect();
    assert_eq!(read, all);
    assert!(RemovalBatch::split([]).is_empty());
}
