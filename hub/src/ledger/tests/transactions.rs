//! Compare, then write: all or nothing, in order, within limits.

use std::time::Duration;

use super::{key, place, put, reopen, value_of};
use crate::ledger::{
    Embedded, Key, LeaseId, Ledger, ModRevision, Monotonic, OpenError, Outcome, Txn, WriteError,
};

#[tokio::test]
async fn a_write_is_read_back_after_reopening() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    assert_eq!(put(&ledger, "a", "1").await, 1);
    assert_eq!(put(&ledger, "a", "2").await, 2);
    drop(ledger);
    let ledger = reopen(&path);
    let entry = ledger.get(key("a")).await.unwrap().unwrap();
    assert_eq!(
        (entry.created, entry.modified),
        (ModRevision(1), ModRevision(2))
    );
    assert_eq!(value_of(&ledger, "a").await.as_deref(), Some("2"));
    assert_eq!(ledger.cut(), None);
}

#[tokio::test]
async fn a_comparison_that_fails_writes_nothing_and_says_what_it_found() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let first = Txn::new()
        .when(key("a"), ModRevision::ABSENT)
        .put(key("a"), *b"1");
    assert_eq!(
        ledger.txn(first.clone()).await.unwrap(),
        Outcome::Committed(ModRevision(1))
    );
    let conflict = Outcome::Conflict {
        key: key("a"),
        found: ModRevision(1),
    };
    assert_eq!(
        ledger.txn(first.put(key("b"), *b"2")).await.unwrap(),
        conflict
    );
    assert_eq!(value_of(&ledger, "b").await, None);
    let deleted = Txn::new().when(key("a"), ModRevision(1)).delete(key("a"));
    assert_eq!(
        ledger.txn(deleted).await.unwrap(),
        Outcome::Committed(ModRevision(2))
    );
    assert_eq!(value_of(&ledger, "a").await, None);
}

#[tokio::test]
async fn of_many_who_race_for_a_key_one_wins() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let racers = (0..200).map(|racer: u32| {
        let txn = Txn::new().when(key("prize"), ModRevision::ABSENT);
        ledger.txn(txn.put(key("prize"), racer.to_string().into_bytes()))
    });
    let outcomes = futures::future::join_all(racers).await;
    let won = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(Outcome::Committed(_))));
    assert_eq!(won.count(), 1);
    assert_eq!(ledger.revision(), ModRevision(1));
}

#[tokio::test]
async fn limits_are_kept_in_words() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let many = (0..129).fold(Txn::new(), |txn, at| txn.put(key(&format!("k{at}")), *b""));
    let large = Txn::new().put(key("a"), vec![0; 8 * 1024 + 1]);
    let twice = Txn::new().put(key("a"), *b"1").delete(key("a"));
    for (txn, word) in [(many, "129"), (large, "8193"), (twice, "twice")] {
        let error = ledger.txn(txn).await.unwrap_err();
        assert!(matches!(error, WriteError::Malformed { .. }));
        assert!(error.to_string().contains(word), "{error}");
    }
    assert_eq!(ledger.revision(), ModRevision(0));
    let full = (0..128).fold(Txn::new(), |txn, at| {
        txn.put(key(&format!("k{at}")), vec![7; 8192])
    });
    assert_eq!(
        ledger.txn(full).await.unwrap(),
        Outcome::Committed(ModRevision(1))
    );
    for text in ["", " ", "a b", "é", &"x".repeat(257)] {
        assert!(Key::try_new(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_lease_takes_its_keys_with_it_and_survives_a_restart_with_its_full_time() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let ttl = Duration::from_millis(100);
    let lease = ledger.grant_lease(ttl, Monotonic(0)).await.unwrap();
    let other = ledger.grant_lease(ttl, Monotonic(0)).await.unwrap();
    ledger
        .txn(Txn::new().put_leased(key("mine"), *b"1", lease))
        .await
        .unwrap();
    ledger
        .txn(Txn::new().put_leased(key("theirs"), *b"1", other))
        .await
        .unwrap();
    ledger.keep_lease(lease, Monotonic(60)).await.unwrap();
    assert_eq!(
        ledger.expire_leases(Monotonic(120)).await.unwrap(),
        [key("theirs")]
    );
    assert_eq!(ledger.expire_leases(Monotonic(159)).await.unwrap(), []);
    drop(ledger);

    let ledger = reopen(&path);
    assert_eq!(ledger.expire_leases(Monotonic(5_000)).await.unwrap(), []);
    assert_eq!(ledger.expire_leases(Monotonic(5_099)).await.unwrap(), []);
    assert_eq!(
        ledger.expire_leases(Monotonic(5_100)).await.unwrap(),
        [key("mine")]
    );
    assert_eq!(value_of(&ledger, "mine").await, None);
    let gone = ledger
        .txn(Txn::new().put_leased(key("late"), *b"1", lease))
        .await;
    assert!(matches!(gone, Err(WriteError::NoSuchLease(LeaseId(1)))));
    assert!(ledger.keep_lease(lease, Monotonic(0)).await.is_err());
}

#[tokio::test]
async fn a_key_that_changes_hands_leaves_its_old_lease() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let ttl = Duration::from_secs(1);
    let old = ledger.grant_lease(ttl, Monotonic(0)).await.unwrap();
    let new = ledger.grant_lease(ttl, Monotonic(0)).await.unwrap();
    ledger
        .txn(Txn::new().put_leased(key("owner"), *b"old", old))
        .await
        .unwrap();
    ledger
        .txn(Txn::new().put_leased(key("owner"), *b"new", new))
        .await
        .unwrap();
    ledger.revoke_lease(old).await.unwrap();
    assert_eq!(value_of(&ledger, "owner").await.as_deref(), Some("new"));
    ledger.revoke_lease(new).await.unwrap();
    assert_eq!(value_of(&ledger, "owner").await, None);
}

#[test]
fn a_missing_ledger_is_not_an_empty_one_and_an_existing_one_is_not_overwritten() {
    let (_directory, path) = place();
    let missing = Embedded::open(&path).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }));
    assert!(missing.to_string().contains("hub init"), "{missing}");
    drop(Embedded::create(&path).unwrap());
    let exists = Embedded::create(&path).unwrap_err();
    assert!(matches!(
        exists,
        OpenError::Exists { .. } | OpenError::InUse { .. }
    ));
    std::fs::write(&path, b"").unwrap();
    let damaged = loop {
        match Embedded::open(&path).unwrap_err() {
            OpenError::InUse { .. } => std::thread::yield_now(),
            error => break error,
        }
    };
    assert!(matches!(damaged, OpenError::Damaged { .. }), "{damaged}");
}
