//! Lists at a revision, watches from a revision, and the end of what is remembered.

use super::{key, place, put};
use crate::ledger::{Embedded, Entry, Event, Ledger, ModRevision, Page, ReadError, Txn, list_all};

fn names(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.key.to_string()).collect()
}

fn change(event: &Event) -> (u64, String, bool) {
    (
        event.revision.0,
        event.key.to_string(),
        event.entry.is_some(),
    )
}

#[tokio::test]
async fn pages_of_a_list_show_one_revision_whatever_happens_between_them() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    for name in ["a/1", "a/2", "a/3", "b/1"] {
        put(&ledger, name, "old").await;
    }
    let page = Page {
        limit: 2,
        ..Page::default()
    };
    let first = ledger.list("a/".to_owned(), page).await.unwrap();
    assert_eq!(names(&first.entries), ["a/1", "a/2"]);
    put(&ledger, "a/0", "new").await;
    put(&ledger, "a/3", "new").await;
    put(&ledger, "a/4", "new").await;
    ledger.txn(Txn::new().delete(key("a/2"))).await.unwrap();
    let page = Page {
        after: first.next,
        limit: 2,
        at: Some(first.revision),
    };
    let second = ledger.list("a/".to_owned(), page).await.unwrap();
    assert_eq!(names(&second.entries), ["a/3"]);
    assert_eq!(&*second.entries[0].value, b"old");
    assert_eq!(second.next, None);
    let page = Page {
        limit: 0,
        after: None,
        at: Some(ModRevision(2)),
    };
    let then = ledger.list("a/".to_owned(), page).await.unwrap();
    assert_eq!(names(&then.entries), ["a/1", "a/2"]);
    let now = list_all(&ledger, "a/").await.unwrap();
    assert_eq!(names(&now.entries), ["a/0", "a/1", "a/3", "a/4"]);
}

#[tokio::test]
async fn a_watch_shows_past_and_coming_changes_of_its_prefix_in_order() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    put(&ledger, "a/1", "").await;
    put(&ledger, "b/1", "").await;
    let both = Txn::new().put(key("a/2"), *b"").delete(key("a/1"));
    ledger.txn(both).await.unwrap();
    let mut watch = ledger.watch("a/".to_owned(), ModRevision(0)).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(change(&watch.next().await.unwrap()));
    }
    let expected = [(1, "a/1", true), (3, "a/2", true), (3, "a/1", false)];
    assert_eq!(
        seen,
        expected.map(|(revision, name, there)| (revision, name.to_owned(), there))
    );
    let (event, _) = tokio::join!(watch.next(), async {
        put(&ledger, "b/2", "").await;
        put(&ledger, "a/9", "").await
    });
    assert_eq!(change(&event.unwrap()), (5, "a/9".to_owned(), true));
}

#[tokio::test]
async fn history_that_is_gone_or_to_come_is_said_so() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    put(&ledger, "a", "1").await;
    let future = ledger
        .watch(String::new(), ModRevision(9))
        .await
        .err()
        .unwrap();
    assert_eq!(
        future,
        ReadError::Future {
            asked: ModRevision(9),
            current: ModRevision(1)
        }
    );
    // 4 MiB of history: 8 KiB values, each counted with the one it replaced.
    let large = "x".repeat(8 * 1024);
    for _ in 0..300 {
        put(&ledger, "a", &large).await;
    }
    let compacted = ledger
        .watch(String::new(), ModRevision(1))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(compacted, ReadError::Compacted { .. }),
        "{compacted}"
    );
    let page = Page {
        at: Some(ModRevision(1)),
        ..Page::default()
    };
    assert!(ledger.list(String::new(), page).await.is_err());
    assert!(ledger.watch(String::new(), ledger.revision()).await.is_ok());
}

#[tokio::test]
async fn a_watcher_that_falls_too_far_behind_is_told_to_list_again() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let mut watch = ledger.watch(String::new(), ModRevision(0)).await.unwrap();
    let large = "x".repeat(8 * 1024);
    for _ in 0..600 {
        put(&ledger, "a", &large).await;
    }
    assert!(matches!(
        watch.next().await,
        Err(ReadError::Compacted { .. })
    ));
}

#[tokio::test]
async fn a_watch_ends_when_the_ledger_closes() {
    let (_directory, path) = place();
    let ledger = Embedded::create(&path).unwrap();
    let mut watch = ledger.watch(String::new(), ModRevision(0)).await.unwrap();
    drop(ledger);
    assert!(matches!(
        watch.next().await,
        Err(ReadError::Unavailable { .. })
    ));
}
