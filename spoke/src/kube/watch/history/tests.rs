//! Finding a restore, once.

use std::collections::BTreeMap;

use capstan_spoke_core::Kind;

use super::History;

fn kind(name: &str) -> Kind {
    Kind::new("", name)
}

#[tokio::test]
async fn an_older_list_is_a_restore_and_is_told_once() {
    let history = History::default();
    let mut first = history.begin(&kind("Secret"));
    let mut second = history.begin(&kind("ConfigMap"));
    assert!(history.listed(&mut first, "100").await.is_none());
    assert!(history.listed(&mut second, "100").await.is_none());
    first.reach("120");
    second.reach("130");
    let restore = history.listed(&mut first, "90").await;
    restore.expect("it went back").told(&mut first);
    assert!(history.moved_since(&second).await);
    assert!(!history.moved_since(&first).await);
    assert!(history.listed(&mut second, "91").await.is_none());
    assert!(!history.moved_since(&second).await);
}

#[tokio::test]
async fn a_second_restore_is_told_again() {
    let history = History::default();
    let mut mark = history.begin(&kind("Secret"));
    assert!(history.listed(&mut mark, "100").await.is_none());
    for version in ["90", "80"] {
        let restore = history.listed(&mut mark, version).await;
        restore.expect("it went back").told(&mut mark);
    }
}

#[tokio::test]
async fn what_an_earlier_process_saw_counts() {
    let history = History::new(BTreeMap::from([(kind("Secret"), 100)]));
    let mut secret = history.begin(&kind("Secret"));
    let mut other = history.begin(&kind("ConfigMap"));
    assert!(history.listed(&mut other, "90").await.is_none());
    assert!(history.listed(&mut secret, "90").await.is_some());
}

#[tokio::test]
async fn a_version_that_is_no_number_is_never_older() {
    let history = History::default();
    let mut mark = history.begin(&kind("Secret"));
    mark.reach("7");
    assert!(history.listed(&mut mark, "opaque").await.is_none());
    assert!(history.listed(&mut mark, "opaque").await.is_none());
}
