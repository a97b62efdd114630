//! Tests of the pace of pictures.

use super::*;

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
