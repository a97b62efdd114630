//! Tests of the pace of pictures.

use capstan_hub_core::limits;
use capstan_proto::Generation;

use super::*;
use crate::layout::Layout;
use crate::ledger::Embedded;

#[test]
fn the_first_news_after_a_quiet_time_is_shown_at_once_whatever_was_heard_meanwhile() {
    let began = Instant::now();
    let mut pace = Pace::new(began);
    assert_eq!(pace.due(Lacks::News), began);
    let ended = began + Duration::from_millis(1);
    pace.taken(began, ended);
    // News that follow are collected, and heartbeats put them off no further.
    assert_eq!(pace.due(Lacks::News), ended + PICTURE_EVERY);
    assert_eq!(pace.due(Lacks::Ages), ended + AGES_EVERY);
    // What takes long is done less often.
    let ended = began + Duration::from_millis(200);
    pace.taken(began, ended);
    assert_eq!(pace.due(Lacks::News), ended + Duration::from_secs(2));
    assert_eq!(pace.due(Lacks::Ages), ended + Duration::from_secs(2));
}

#[tokio::test]
async fn numbers_that_no_ledger_can_have_given_are_never_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    crate::found::found(&layout).await.unwrap();
    let records = Records::new(Arc::new(Embedded::open(&layout.ledger()).unwrap()));
    let incarnation = keys::incarnation();
    let before = records.get(&incarnation).await.unwrap().unwrap();
    let above = |counter, generation| Number {
        incarnation: Incarnation {
            counter,
            ..before.value.incarnation
        },
        generation: Generation(generation),
    };
    let counter = before.value.incarnation.counter;
    for strange in [
        above(counter, u64::MAX),
        above(counter, limits::CLAIMED_GENERATION_MAX),
        above(limits::CLAIMED_COUNTER_MAX, 1),
    ] {
        let refused = raise(records.clone(), strange).await.unwrap_err();
        assert!(matches!(
            refused,
            WriteError::Numbers(NumberError::Strange(_))
        ));
    }
    assert_eq!(records.get(&keys::generations()).await.unwrap(), None);
    let after = records.get(&incarnation).await.unwrap().unwrap();
    assert_eq!(after.value, before.value);
    let Ok(Some(Event::Reserved { first, .. })) = raise(records.clone(), above(counter, 500)).await
    else {
        panic!("a likely number is passed");
    };
    assert_eq!(first, 501);
    // A ledger at its end says so, and nothing ends in a panic.
    let next = u64::MAX - 1;
    let end = |_: Option<&Generations>| Update::Put(Generations { next });
    records.update(&keys::generations(), end).await.unwrap();
    let refused = reserve(records).await.unwrap_err();
    assert!(matches!(
        refused,
        WriteError::Numbers(NumberError::UsedUp { .. })
    ));
}
